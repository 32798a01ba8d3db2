/// A word of Python-like text.
struct PythonToken {
  enum Kind: Hashable {
    case name(String)
    case number(String)
    case string(String)
    case symbol(String)
    case newline, indent, dedent, end
  }

  var kind: Kind
  /// From 1.
  var line: Int32
  /// From 0, in bytes.
  var column: Int32
  var endColumn: Int32
}

/// What is wrong with Python-like text of a test.
public struct PythonTextError: Error, CustomStringConvertible {
  public let description: String
}

/// Cuts Python-like text into tokens; line ends within brackets do not count.
struct PythonLexer {
  private static let symbols = [
    "**=", "//=", "<<=", ">>=", "...", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "->", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">",
    "=", "(", ")", "[", "]", ",", ":", ".", "@",
  ]

  static func tokens(of text: String) throws -> [PythonToken] {
    var tokens: [PythonToken] = []
    var indentations = [0]
    var brackets = 0
    for (number, row) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let line = Int32(number + 1)
      let bytes = Array(row.utf8)
      func append(_ kind: PythonToken.Kind, _ start: Int, _ end: Int) {
        tokens.append(
          PythonToken(kind: kind, line: line, column: Int32(start), endColumn: Int32(end)))
      }
      var position = bytes.prefix { $0 == UInt8(ascii: " ") }.count
      if position == bytes.count || bytes[position] == UInt8(ascii: "#") { continue }
      if brackets == 0 {
        if position > indentations[indentations.count - 1] {
          indentations.append(position)
          append(.indent, 0, position)
        }
        while position < indentations[indentations.count - 1] {
          indentations.removeLast()
          append(.dedent, position, position)
        }
      }
      while position < bytes.count {
        let byte = bytes[position]
        let start = position
        func text() -> String { String(decoding: bytes[start..<position], as: UTF8.self) }
        if byte == UInt8(ascii: " ") {
          position += 1
        } else if byte == UInt8(ascii: "#") {
          position = bytes.count
        } else if isDigit(byte) {
          position = numberEnd(in: bytes, from: position)
          append(.number(text()), start, position)
        } else if isName(byte) {
          while position < bytes.count, isName(bytes[position]) { position += 1 }
          append(.name(text()), start, position)
        } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
          position += 1
          while position < bytes.count, bytes[position] != byte { position += 1 }
          let content = String(decoding: bytes[start + 1..<position], as: UTF8.self)
          position += 1
          append(.string(content), start, position)
        } else {
          let rest = String(decoding: bytes[position...].prefix(3), as: UTF8.self)
          guard let symbol = symbols.first(where: { rest.hasPrefix($0) }) else {
            throw PythonTextError(description: "line \(line): unexpected '\(rest)'")
          }
          position += symbol.utf8.count
          if "([".contains(symbol) { brackets += 1 }
          if ")]".contains(symbol) { brackets -= 1 }
          append(.symbol(symbol), start, position)
        }
      }
      if brackets == 0 { append(.newline, bytes.count, bytes.count) }
    }
    let last = tokens.last?.line ?? 1
    for _ in indentations.dropFirst() {
      tokens.append(PythonToken(kind: .dedent, line: last, column: 0, endColumn: 0))
    }
    tokens.append(PythonToken(kind: .end, line: last, column: 0, endColumn: 0))
    return tokens
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isName(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  /// Where the number that begins at `start` ends: digits, a point, an exponent.
  private static func numberEnd(in bytes: [UInt8], from start: Int) -> Int {
    var end = start
    while end < bytes.count {
      let isExponentSign =
        (bytes[end] == UInt8(ascii: "-") || bytes[end] == UInt8(ascii: "+"))
        && bytes[end - 1] == UInt8(ascii: "e")
      guard
        isDigit(bytes[end]) || bytes[end] == UInt8(ascii: ".") || bytes[end] == UInt8(ascii: "e")
          || isExponentSign
      else { break }
      end += 1
    }
    return end
  }
}
