/// Why something could not be done with CUDA.
public struct CUDAError: Error, Sendable, Hashable {
  /// What kind of error it is.
  public enum Reason: Sendable, Hashable {
    /// A library or a device that is not there, or too old; the help says what to install.
    case unavailable
    /// NVRTC refused the text.
    case compilation
    case outOfMemory
    /// A launch that the driver refused; the device stays usable.
    case launch
    /// A kernel failed as it ran; the device answers this process no more.
    case contextLost
    /// Anything else that the driver reports.
    case driver
  }

  public var reason: Reason
  public var message: String
  /// The way out, where there is one.
  public var help: String?
  /// Of a text that NVRTC refused: the number of the first line it complains of, counted from 1.
  public var line: Int?

  /// Creates an error.
  public init(_ reason: Reason, _ message: String, help: String? = nil) {
    self.reason = reason
    self.message = message
    self.help = help
  }
}

extension CUDAError: CustomStringConvertible {
  /// The message, and the way out on a line of its own.
  public var description: String { message + (help.map { "\nhelp: " + $0 } ?? "") }
}
