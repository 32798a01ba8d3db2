import Syntax

extension LoopFunction {
  /// Reads the text form that `printed` writes; expressions and statements get spans into `text`.
  ///
  /// The result is well formed, but only `verify()` says whether it is sound. Code nested deeper than 200 levels, and
  /// expressions higher than 1000, are refused.
  ///
  /// - Throws: one diagnostic that names the line, where the text is malformed.
  public init(parsing text: String) throws(DiagnosticError) {
    var parser = Parser(try Lexer.tokens(of: text))
    try parser.parseFunction()
    self = parser.function
  }
}

/// A recursive-descent parser of the text form; this file has what declarations, statements and expressions share.
struct Parser {
  /// What a name stands for.
  enum Symbol {
    case variable(VariableID)
    case buffer(BufferID)
  }

  static let greatestHeight = 1000
  private static let deepestNesting = 200

  var function = LoopFunction("")
  var position = 0
  private let tokens: [Token]
  private var symbols: [UniqueName: Symbol] = [:]
  private var depth = 0

  /// Creates a parser of the tokens, the last of which is `end`.
  init(_ tokens: [Token]) { self.tokens = tokens }

  var current: Token { current(at: position) }

  var next: Token { current(at: position + 1) }

  /// The token at `index`, the last one beyond the end.
  func current(at index: Int) -> Token {
    tokens.indices.contains(index)
      ? tokens[index] : tokens.last ?? Token(kind: .end, line: 1, column: 0, endColumn: 0)
  }

  mutating func advance() { position += 1 }

  /// Steps over a symbol or bare word, if it stands here.
  mutating func accept(_ text: String) -> Bool {
    accept(.symbol(text)) || accept(.word(text))
  }

  /// Steps over a word that begins a line or a declaration, unless it is a name there: `local: int64`, `check = 1`.
  mutating func acceptKeyword(_ word: String) -> Bool {
    let isName = [.symbol(":"), .symbol("="), .symbol("[")].contains(next.kind)
    return !isName && accept(.word(word))
  }

  mutating func accept(_ kind: Token.Kind) -> Bool {
    guard current.kind == kind else { return false }
    advance()
    return true
  }

  mutating func expect(_ text: String) throws(DiagnosticError) {
    guard accept(text) else { throw failure("expected '\(text)'") }
  }

  mutating func endLine() throws(DiagnosticError) {
    guard accept(.newline) else { throw failure("expected the end of the line") }
  }

  /// The span from the token at `start` to the last one read.
  func span(from start: Int) -> Span {
    let (first, last) = (current(at: start), current(at: max(start, position - 1)))
    return Span(
      line: Int32(clamping: first.line), column: Int32(clamping: first.column),
      endLine: Int32(clamping: last.line), endColumn: Int32(clamping: last.endColumn))
  }

  /// What is wrong at the token at `index`, or at the current one.
  func failure(_ message: String, at index: Int? = nil) -> DiagnosticError {
    let token = current(at: index ?? position)
    return .malformed(
      message, line: token.line, column: token.column, endColumn: token.endColumn)
  }

  /// Parses something that can hold itself, up to a limit that the stack bears.
  mutating func nested<T>(
    _ parse: (inout Parser) throws(DiagnosticError) -> T
  ) throws(DiagnosticError) -> T {
    guard depth < Self.deepestNesting else {
      throw failure("nested deeper than \(Self.deepestNesting) levels")
    }
    depth += 1
    defer { depth -= 1 }
    return try parse(&self)
  }
}

// MARK: - Names and simple values

extension Parser {
  mutating func name() throws(DiagnosticError) -> UniqueName {
    switch current.kind {
    case .name(let name):
      advance()
      return name
    case .word(let word) where !Spelling.reservedWords.contains(word):
      advance()
      return UniqueName(base: word, number: 0)
    case .word, .integer, .float, .string, .symbol, .newline, .indent, .dedent, .end:
      throw failure("expected a name")
    }
  }

  /// Gives the name at the token at `position` a meaning.
  mutating func declare(
    _ name: UniqueName, _ symbol: Symbol, at position: Int
  ) throws(DiagnosticError) {
    if symbols.updateValue(symbol, forKey: name) != nil {
      throw failure("the name is declared already", at: position)
    }
  }

  /// What the name at the current token stands for.
  mutating func symbol() throws(DiagnosticError) -> Symbol {
    let start = position
    let name = try name()
    guard let symbol = symbols[name] else {
      throw failure("unknown name '\(Spelling.name(name.base, number: name.number))'", at: start)
    }
    return symbol
  }

  mutating func variable() throws(DiagnosticError) -> VariableID {
    let start = position
    guard case .variable(let id) = try symbol() else {
      throw failure("a variable must stand here", at: start)
    }
    return id
  }

  mutating func type() throws(DiagnosticError) -> ScalarType {
    guard case .word(let word) = current.kind, let type = ScalarType(name: word) else {
      throw failure("expected a type")
    }
    advance()
    return type
  }

  mutating func string() throws(DiagnosticError) -> String {
    guard case .string(let text) = current.kind else { throw failure("expected a string") }
    advance()
    return text
  }

  mutating func integer() throws(DiagnosticError) -> Int64 {
    let isNegative = accept("-")
    guard case .integer(let magnitude, nil) = current.kind,
      let value = isNegative ? Int64("-\(magnitude)") : Int64(exactly: magnitude)
    else { throw failure("expected an integer of 64 bits") }
    advance()
    return value
  }

  /// An integer that is not negative.
  mutating func count() throws(DiagnosticError) -> Int {
    let start = position
    guard let value = Int(exactly: try integer()), value >= 0 else {
      throw failure("expected a count", at: start)
    }
    return value
  }
}
