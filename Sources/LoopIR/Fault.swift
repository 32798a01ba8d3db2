import Syntax

/// What is wrong when a test fails that the code makes as it runs: an index that is out of range, or lengths that differ.
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

  /// Creates the fault of two slices at `span` whose lengths differ.
  public init(lengthsAt span: Span) {
    template = Diagnostic(
      .type, "shapes ({index},) and ({size},) do not broadcast together", at: span)
  }

  /// The diagnostic for an index that was out of range, or for two lengths that differ.
  ///
  /// - Parameters:
  ///   - index: the position it stands for; negative where it counted from the end and was before the start. Or a length.
  ///   - size: the size of the dimension. Or the other length.
  public func diagnostic(index: Int64, size: Int64) -> Diagnostic {
    var result = template
    // An index that is negative has had the size added already.
    let written = index < 0 && template.category == .index ? index &- size : index
    if template.category != .index && (index == 1 || size == 1) {
      result.help =
        "a slice of length 1 is stretched only where that length is known when compiling; index it instead"
    }
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
