import CCUDA

/// A host part that was compiled to machine code, with the kernels it launches.
///
/// Whoever makes one sees to it that the code stays loaded.
public struct NativeHost: @unchecked Sendable {
  /// The function that `emitCUDAEntry` writes: words, the address of the error slot on the device, what calls Python, and a stream.
  typealias Entry =
    @convention(c) (
      UnsafePointer<Int64>, UInt64, UnsafePointer<parpy_cuda_python>, OpaquePointer?
    ) -> Int32

  private let entry: Entry

  /// The function at an address.
  ///
  /// - Requires: the function there is of the type of `Entry`.
  public init(entry address: UnsafeMutableRawPointer) {
    entry = unsafeBitCast(address, to: Entry.self)
  }

  /// Runs the host part for a call.
  ///
  /// - Parameters:
  ///   - name: the user's function, for messages.
  ///   - words: those of the call, whose arrays are then those of the frame's registers.
  ///   - services: what calls Python functions.
  func run<Services: HostServices>(
    _ name: String, _ code: HostCode, _ words: UnsafePointer<Int64>, _ frame: HostFrame,
    on stream: CUDAStream, calling services: Services
  ) throws(CUDAError) -> HostOutcome where Services.Failure == CUDAError {
    let count = (code.arguments.map(\.word).max() ?? -1) + 1
    var given = (0..<count).map { words[$0] }
    for argument in code.arguments where argument.word < code.arrayCount {
      given[argument.word] = frame[argument.register]
    }
    let slot = code.slot.map { UInt64(bitPattern: frame[$0]) } ?? 0
    let calls = PythonCalls(services)
    let result = calls.withCaller { entry(given, slot, $0, stream.pointer) }
    if let end = calls.end { return try end.get() }
    switch result {
    // What a test recorded stands in the slot.
    case 0, -2: return .done
    case -1: return .outOfMemory
    case let number where number > 0: return .checkFailed(number)
    case let status:
      throw CUDAError(
        .driver,
        "The host code of '\(name)' gave \(status): -3 stands for a launch that failed.")
    }
  }
}
