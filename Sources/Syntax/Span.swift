/// A stretch of Python source: lines from 1, columns from 0 in UTF-8 bytes, end exclusive, as CPython's `ast` counts.
///
/// Two spans always compare equal, so that nodes compare by what they mean and not by where they stand.
public struct Span: Sendable, Hashable {
  /// Index of the source file in the compilation's table of sources.
  public var source: Int32
  public var line: Int32
  public var column: Int32
  public var endLine: Int32
  public var endColumn: Int32

  /// Creates the span from `line`:`column` to `endLine`:`endColumn` of the given source.
  public init(source: Int32 = 0, line: Int32, column: Int32, endLine: Int32, endColumn: Int32) {
    self.source = source
    self.line = line
    self.column = column
    self.endLine = endLine
    self.endColumn = endColumn
  }

  /// The span of code that no source line stands for.
  public static let none = Span(line: 0, column: 0, endLine: 0, endColumn: 0)

  /// True: where code stands takes no part in the equality of trees.
  public static func == (_: Span, _: Span) -> Bool { true }
  /// Hashes nothing, as all are equal.
  public func hash(into _: inout Hasher) {}

  /// Whether two spans are of the same code.
  public func isSame(as other: Span) -> Bool {
    source == other.source && line == other.line && column == other.column
      && endLine == other.endLine && endColumn == other.endColumn
  }
}
