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
    /// An integer that its type cannot hold: `OverflowError`.
    case overflow
    /// A bug of the compiler: `parpy.InternalCompilerError`.
    case bug
  }

  /// A call that led to the code which a diagnostic is about.
  public struct Call: Sendable, Hashable {
    /// The function that makes the call.
    public var caller: String
    public var span: Span

    /// Creates the call at `span` in the body of `caller`.
    public init(from caller: String, at span: Span) {
      self.caller = caller
      self.span = span
    }
  }

  public var category: Category
  public var message: String
  /// The places concerned, the main one first; empty for what concerns no line.
  public var spans: [Span]
  /// The calls that led to the first place, innermost first; see `CallTable`.
  public var calls: [Call] = []
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

  /// The message, each place once, and the help, as `SPEC.md` §6 lays them out.
  ///
  ///     Assignments are not allowed outside parallel code.
  ///
  ///     On line 4 of file example.py:
  ///         y[0] = 0.0
  ///         ^^^^
  ///     called from `main`, on line 9 of file example.py:
  ///         helper(y)
  ///         ^^^^^^^^^
  ///     help: …
  public func rendered(with sources: [SourceFile]) -> String {
    var text = message
    var quoted: Set<String> = []
    for (i, span) in spans.enumerated() {
      guard let place = Self.place(span, in: sources), quoted.insert(place).inserted else {
        continue
      }
      text += "\n\nOn " + place
      for call in i == 0 ? calls : [] {
        guard let place = Self.place(call.span, in: sources) else { continue }
        text += "\ncalled from `\(call.caller)`, on " + place
      }
    }
    if let help { text += (quoted.isEmpty ? "\n\n" : "\n") + "help: " + help }
    return text
  }

  /// Which lines of which file, and the lines, indented by four columns; a single one is underlined. Nil for no place.
  private static func place(_ span: Span, in sources: [SourceFile]) -> String? {
    guard span.line > 0, sources.indices.contains(Int(span.source)) else { return nil }
    let file = sources[Int(span.source)]
    let place =
      span.endLine > span.line
      ? "lines \(span.line)-\(span.endLine) of file \(file.name):"
      : "line \(span.line) of file \(file.name):"
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

extension [Diagnostic] {
  /// Those that say something new: not the same of the same place as an earlier one, for another call.
  public var withoutRepetitions: [Diagnostic] {
    var told: Set<Claim> = []
    return filter { told.insert(Claim($0)).inserted }
  }
}

/// What a diagnostic says of which place.
private struct Claim: Hashable {
  var message: String
  var source: Int32
  var line: Int32
  var column: Int32

  init(_ diagnostic: Diagnostic) {
    message = diagnostic.message
    let span = diagnostic.spans.first ?? .none
    (source, line, column) = (span.source, span.line, span.column)
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
