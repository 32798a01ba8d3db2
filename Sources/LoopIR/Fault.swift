import Syntax

/// An access that is tested as it runs, and what is wrong when it is out of range.
public struct Fault: Sendable, Hashable {
  /// The diagnostic, whose message has `{index}` and `{size}` for the numbers that only running gives.
  public var template: Diagnostic

  /// Creates the fault of a diagnostic with places for `{index}` and `{size}`.
  public init(_ template: Diagnostic) { self.template = template }

  /// Creates the fault of an access to `array` at `span`.
  public init(array: String, dimension: Int, at span: Span) {
    template = Diagnostic(
      .index,
      "index {index} of '\(array)' is out of bounds for dimension \(dimension) with size {size}",
      at: span)
  }

  /// The diagnostic for an index that was out of range.
  ///
  /// - Parameter index: the position it stands for; negative where it counted from the end and was before the start.
  public func diagnostic(index: Int64, size: Int64) -> Diagnostic {
    var result = template
    // What is negative has had the size added already.
    let written = index < 0 ? index &- size : index
    result.message = result.message.replacing(first: "{index}", with: "\(written)")
      .replacing(first: "{size}", with: "\(size)")
    return result
  }
}

extension String {
  /// The text with the first occurrence of `part` replaced.
  fileprivate func replacing(first part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
  }
}
