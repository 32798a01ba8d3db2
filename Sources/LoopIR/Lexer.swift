import Syntax

/// A word of the IR's text form.
struct Token {
  enum Kind: Hashable {
    /// A name or a keyword; only a bare word can be a keyword.
    case word(String)
    /// A name in backquotes, or one told apart from its namesakes by a suffix: `s.1`.
    case name(UniqueName)
    case integer(UInt64, suffix: ScalarType?)
    case float(String, suffix: ScalarType?)
    case string(String)
    case symbol(String)
    case newline, indent, dedent, end
  }

  var kind: Kind
  var line: Int
  /// From 0, in bytes.
  var column: Int
  var endColumn: Int
}

/// A name and the number that tells it from others of that name; 0 is not written.
struct UniqueName: Hashable {
  var base: String
  var number: Int
}

/// Cuts text into tokens, indentation into `indent` and `dedent`; line ends within brackets do not count.
struct Lexer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var lineStart = 0
  private var bracketDepth = 0
  private var indentations = [0]
  private var tokens: [Token] = []

  /// The tokens of `text`, the last one being `end`.
  static func tokens(of text: String) throws(DiagnosticError) -> [Token] {
    var lexer = Lexer(bytes: Array(text.utf8))
    while lexer.position < lexer.bytes.count {
      try lexer.lexLine()
    }
    try lexer.setIndentation(to: 0)
    lexer.append(.end, from: lexer.position)
    return lexer.tokens
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads up to the end of a line, or of the last line of a bracketed stretch.
  private mutating func lexLine() throws(DiagnosticError) {
    skip { $0 == UInt8(ascii: " ") }
    let indentation = position - lineStart
    let firstToken = tokens.count
    while let byte = peek() {
      if byte == UInt8(ascii: "\n") {
        if bracketDepth == 0 { break }
        startLine()
      } else if byte == UInt8(ascii: "#") {
        skip { $0 != UInt8(ascii: "\n") }
      } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\r") {
        position += 1
      } else {
        if tokens.count == firstToken { try setIndentation(to: indentation) }
        try lexToken(byte)
      }
    }
    if tokens.count > firstToken { append(.newline, from: position) }
    if peek() != nil { startLine() }
  }

  /// Steps over a line end.
  private mutating func startLine() {
    position += 1
    line += 1
    lineStart = position
  }

  private mutating func setIndentation(to column: Int) throws(DiagnosticError) {
    guard let current = indentations.last, current != column else { return }
    if column > current {
      indentations.append(column)
      append(.indent, from: position)
      return
    }
    while let last = indentations.last, last > column {
      indentations.removeLast()
      append(.dedent, from: position)
    }
    if indentations.last != column { throw failure("this indentation fits no outer block") }
  }

  private mutating func lexToken(_ byte: UInt8) throws(DiagnosticError) {
    let start = position
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): try lexNumber()
    case UInt8(ascii: "\""):
      append(.string(try quoted(by: byte)), from: start)
    case UInt8(ascii: "`"):
      let base = try quoted(by: byte)
      append(.name(UniqueName(base: base, number: try nameSuffix() ?? 0)), from: start)
    case _ where Spelling.isNameByte(byte):
      skip(while: Spelling.isNameByte)
      let word = text(from: start)
      if let number = try nameSuffix() {
        append(.name(UniqueName(base: word, number: number)), from: start)
      } else {
        append(.word(word), from: start)
      }
    default: try lexSymbol()
    }
  }

  /// The number of a suffix such as `.1` that stands right after a name.
  private mutating func nameSuffix() throws(DiagnosticError) -> Int? {
    guard peek() == UInt8(ascii: "."), let next = peek(1), Self.isDigit(next) else { return nil }
    position += 1
    let start = position
    skip(while: Self.isDigit)
    guard let number = Int(text(from: start)) else { throw failure("this suffix is too great") }
    return number
  }

  private mutating func lexNumber() throws(DiagnosticError) {
    let start = position
    var isFloat = false
    skip(while: Self.isDigit)
    if peek() == UInt8(ascii: "."), let next = peek(1), Self.isDigit(next) {
      isFloat = true
      position += 1
      skip(while: Self.isDigit)
    }
    if peek() == UInt8(ascii: "e"), let next = peek(1) {
      let isSigned = next == UInt8(ascii: "+") || next == UInt8(ascii: "-")
      if let digit = isSigned ? peek(2) : next, Self.isDigit(digit) {
        isFloat = true
        position += isSigned ? 2 : 1
        skip(while: Self.isDigit)
      }
    }
    let digits = text(from: start)
    let suffixStart = position
    skip(while: Spelling.isNameByte)
    let letters = text(from: suffixStart)
    let suffix = Spelling.type(suffix: letters)
    guard letters.isEmpty || suffix.map({ $0.isFloat == isFloat }) == true else {
      throw failure("'\(digits)\(letters)' is not a number")
    }
    if isFloat {
      append(.float(digits, suffix: suffix), from: start)
    } else if let value = UInt64(digits) {
      append(.integer(value, suffix: suffix), from: start)
    } else {
      throw failure("\(digits) does not fit 64 bits")
    }
  }

  private mutating func lexSymbol() throws(DiagnosticError) {
    let start = position
    for length in [3, 2, 1] where position + length <= bytes.count {
      let candidate = String(decoding: bytes[position..<position + length], as: UTF8.self)
      guard Spelling.symbols.contains(candidate) else { continue }
      position += length
      if "([".contains(candidate) { bracketDepth += 1 }
      if ")]".contains(candidate) { bracketDepth = max(0, bracketDepth - 1) }
      append(.symbol(candidate), from: start)
      return
    }
    throw failure("unexpected character '\(Character(UnicodeScalar(bytes[start])))'")
  }

  /// The text between quotes, which may not hold a line end.
  private mutating func quoted(by quote: UInt8) throws(DiagnosticError) -> String {
    var content: [UInt8] = []
    position += 1
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      position += 1
      if byte == quote { return String(decoding: content, as: UTF8.self) }
      if byte != UInt8(ascii: "\\") {
        content.append(byte)
        continue
      }
      switch peek() {
      case UInt8(ascii: "n"): content.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "r"): content.append(UInt8(ascii: "\r"))
      case UInt8(ascii: "\\"), quote: content.append(peek() ?? quote)
      default: throw failure("unknown escape in quotes")
      }
      position += 1
    }
    throw failure("a quote is not closed")
  }

  private func peek(_ distance: Int = 0) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  private mutating func skip(while condition: (UInt8) -> Bool) {
    while let byte = peek(), condition(byte) { position += 1 }
  }

  private func text(from start: Int) -> String {
    String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
  }

  private mutating func append(_ kind: Token.Kind, from start: Int) {
    tokens.append(
      Token(
        kind: kind, line: line, column: max(0, start - lineStart), endColumn: position - lineStart))
  }

  private func failure(_ message: String) -> DiagnosticError {
    .malformed(message, line: line, column: position - lineStart)
  }
}

extension DiagnosticError {
  /// What is wrong with a line of IR text.
  static func malformed(_ message: String, line: Int, column: Int, endColumn: Int? = nil)
    -> DiagnosticError
  {
    let span = Span(
      line: Int32(clamping: line), column: Int32(clamping: column), endLine: Int32(clamping: line),
      endColumn: Int32(clamping: endColumn ?? column))
    return DiagnosticError(Diagnostic(.program, "line \(line): \(message)", at: span))
  }
}
