/// A function of another language, as a call names it.
///
/// On the CPU it is a function of the C ABI. On a GPU it is one of CUDA C++: of the host, or, where `isDevice`, of the device, and
/// then the threads that it asks for call it together.
public struct ExternalFunction: Sendable, Hashable {
  public var symbol: String
  /// Whether code of the device calls it.
  public var isDevice: Bool
  /// The header that declares it on a GPU, as after `#include`, or without quotes; nil where none need be included.
  public var header: String?
  /// How many threads of a block call it together; each call has the operands of all of them, and the same result in each.
  public var threads: Int
  /// The most threads that a block of such a call may have.
  public var threadsPerBlock: Int

  /// Creates a function that one thread calls.
  public init(
    _ symbol: String, isDevice: Bool = false, header: String? = nil, threads: Int = 1,
    threadsPerBlock: Int = 1024
  ) {
    self.symbol = symbol
    self.isDevice = isDevice
    self.header = header
    self.threads = threads
    self.threadsPerBlock = threadsPerBlock
  }

  /// Whether several threads of a block call it together.
  public var isParallel: Bool { isDevice && threads > 1 }

  /// The directive that includes the header.
  public var include: String? {
    guard let header else { return nil }
    let isQuoted = header.hasPrefix("<") || header.hasPrefix("\"")
    return "#include " + (isQuoted ? header : "\"\(header)\"")
  }
}
