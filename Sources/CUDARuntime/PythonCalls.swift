import CCUDA

/// The calls of Python functions that the machine code of one host part makes.
final class PythonCalls {
  typealias Call = (Int, UnsafeMutablePointer<Int64>) -> Result<HostOutcome?, CUDAError>

  private let call: Call
  /// How a call ended the host part; nil where all went on.
  private(set) var end: Result<HostOutcome, CUDAError>?

  /// Calls that are made by `services`, which outlive them.
  init<Services: HostServices>(_ services: Services) where Services.Failure == CUDAError {
    call = { function, words in
      do throws(CUDAError) {
        return .success(try services.callBack(function, words))
      } catch {
        return .failure(error)
      }
    }
  }

  /// Gives `body` what machine code makes the calls by.
  func withCaller<Result>(_ body: (UnsafePointer<parpy_cuda_python>) -> Result) -> Result {
    var caller = parpy_cuda_python(
      call: { context, function, words in
        guard let context else { return false }
        return Unmanaged<PythonCalls>.fromOpaque(context)._withUnsafeGuaranteedRef {
          $0.makes(Int(function), words)
        }
      }, context: Unmanaged.passUnretained(self).toOpaque())
    return withExtendedLifetime(self) { body(&caller) }
  }

  /// Makes a call; false where the host part must end.
  private func makes(_ function: Int, _ words: UnsafeMutablePointer<Int64>) -> Bool {
    if end != nil { return false }
    switch call(function, words) {
    case .success(nil): return true
    case .success(let outcome?): end = .success(outcome)
    case .failure(let error): end = .failure(error)
    }
    return false
  }
}
