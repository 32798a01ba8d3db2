/// Why something could not be done with Metal.
public struct MetalError: Error, Sendable, Hashable {
  /// What kind of failure it is.
  public enum Reason: Sendable, Hashable {
    /// There is no GPU that takes Metal's language.
    case unavailable
    /// The text was refused.
    case compilation
    case outOfMemory
    /// Anything else: a launch that was refused, a kernel that failed.
    case device
  }

  public var reason: Reason
  public var message: String

  /// Creates an error.
  public init(_ reason: Reason, _ message: String) {
    self.reason = reason
    self.message = message
  }
}

extension MetalError: CustomStringConvertible {
  public var description: String { message }
}
