/// The text a function was read from, for messages.
public struct SourceFile: Sendable {
  /// The file's name as Python's `inspect` gives it.
  public let name: String
  /// The line number of `lines[0]`.
  public let firstLine: Int32
  /// The lines, without their line ends.
  public let lines: [String]

  /// Creates a source file out of the lines that start at `firstLine`.
  public init(name: String, firstLine: Int32, lines: [String]) {
    self.name = name
    self.firstLine = firstLine
    self.lines = lines
  }

  /// The text of the given line, or nil where the file does not hold it.
  public func line(_ number: Int32) -> String? {
    let index = Int(number) - Int(firstLine)
    return lines.indices.contains(index) ? lines[index] : nil
  }
}
