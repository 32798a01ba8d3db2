/// What a compilation has to say about a program, as a value.
///
/// Diagnostics are collected while a phase runs and thrown together as `DiagnosticError`;
/// only the Python border turns them into exceptions.
public struct Diagnostic: Sendable, Hashable {
  /// Which Python exception the diagnostic becomes.
  public enum Category: Sendable, Hashable {
    /// A wrong program: `parpy.CompileError`.
    case program
    /// Wrong types or shapes: `parpy.TypeMismatchError`.
    case type
    /// An unknown name: `NameError`.
    case name
    /// An index out of range: `IndexError`.
    case index
    /// An argument's value: `ValueError`.
    case value
    /// A bug of the compiler: `parpy.InternalCompilerError`.
    case bug
  }

  public var category: Category
  public var message: String
  /// The places concerned, the main one first; empty for what concerns no line.
  public var spans: [Span]
  /// The way out, where there is one.
  public var help: String?

  /// Creates a diagnostic about the given places.
  public init(_ category: Category, _ message: String, at spans: [Span], help: String? = nil) {
    self.category = category
    self.message = message
    self.spans = spans
    self.help = help
  }

  /// Creates a diagnostic about one place.
  public init(_ category: Category, _ message: String, at span: Span, help: String? = nil) {
    self.init(category, message, at: [span], help: help)
  }

  /// The message, the place and the help, as `SPEC.md` §6 lays them out.
  ///
  ///     Assignments are not allowed outside parallel code.
  ///
  ///     On line 4 of file example.py:
  ///         y[0] = 0.0
  ///         ^^^^
  ///     help: …
  public func rendered(with sources: [SourceFile]) -> String {
    var text = message
    var isQuoted = false
    for span in spans where span.line > 0 {
      guard sources.indices.contains(Int(span.source)) else { continue }
      text += "\n\n" + Self.quote(span, of: sources[Int(span.source)])
      isQuoted = true
    }
    if let help { text += (isQuoted ? "\n" : "\n\n") + "help: " + help }
    return text
  }

  /// The lines under `span`, indented by four columns; a single line is underlined.
  private static func quote(_ span: Span, of file: SourceFile) -> String {
    let place =
      span.endLine > span.line
      ? "On lines \(span.line)-\(span.endLine) of file \(file.name):"
      : "On line \(span.line) of file \(file.name):"
    let quoted = (span.line...max(span.line, span.endLine)).prefix(8).compactMap(file.line)
    guard let first = quoted.first else { return place }
    let margin = quoted.filter { !$0.allSatisfy(\.isWhitespace) }.map(indentation).min() ?? 0
    var rows = quoted.map { "    " + String(decoding: $0.utf8.dropFirst(margin), as: UTF8.self) }
    if span.endLine <= span.line {
      let before = characters(in: first, from: margin, to: Int(span.column))
      let under = characters(in: first, from: Int(span.column), to: Int(span.endColumn))
      rows.append(
        "    " + String(repeating: " ", count: before)
          + String(repeating: "^", count: max(1, under)))
    }
    return place + "\n" + rows.joined(separator: "\n")
  }

  private static func indentation(_ line: String) -> Int {
    line.utf8.prefix { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.count
  }

  /// How many characters stand between two UTF-8 columns of a line.
  private static func characters(in line: String, from start: Int, to end: Int) -> Int {
    guard start < end else { return 0 }
    return String(decoding: line.utf8.prefix(end).dropFirst(start), as: UTF8.self).count
  }
}

/// The diagnostics that ended a phase.
public struct DiagnosticError: Error, Sendable {
  public var diagnostics: [Diagnostic]

  /// Creates an error out of one or more diagnostics, the most important first.
  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  /// Creates an error out of one diagnostic.
  public init(_ diagnostic: Diagnostic) { self.init([diagnostic]) }
}
