import LoopIR
import Syntax

extension SignatureBlock {
  /// Reads the last block in `text`, whatever starts its comment lines.
  ///
  /// - Throws: a diagnostic that says which line is damaged, or that there is no block.
  public init(parsing text: String) throws(DiagnosticError) {
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    guard let start = lines.lastIndex(where: { Self.content($0).hasPrefix("ParPy signature ") })
    else {
      throw Self.damaged("has no signature block", nil)
    }
    self.init(
      function: "", entry: "", parameterNames: [], arguments: [], writes: [])
    try readHeader(Self.content(lines[start]))
    var isComplete = false
    for line in lines[(start + 1)...] {
      let content = Self.content(line)
      if content == "end of signature" {
        isComplete = true
        break
      }
      if !content.isEmpty { try read(content) }
    }
    guard isComplete else { throw Self.damaged("ends within its signature block", nil) }
    try check()
  }

  /// The line without the comment mark and the space around it.
  private static func content(_ line: Substring) -> Substring {
    var content = line.drop { $0 == " " || $0 == "\t" || $0 == ";" || $0 == "/" || $0 == "#" }
    while content.last?.isWhitespace == true { content.removeLast() }
    return content
  }

  /// The error for a line that cannot be read.
  private static func damaged(_ what: String, _ line: Substring?) -> DiagnosticError {
    let quoted = line.map { ": \($0.prefix(200))" } ?? ""
    return DiagnosticError(
      Diagnostic(
        .program, "The code text \(what)\(quoted)", at: [],
        help: "keep the comments at the end of what print_compiled gave as they are"))
  }

  private mutating func readHeader(_ line: Substring) throws(DiagnosticError) {
    let fields = line.split(separator: " ")
    guard fields.count == 5, fields[3] == "of", let version = Int(fields[2]) else {
      throw Self.damaged("has a damaged signature block", line)
    }
    guard version == Self.version else {
      throw Self.damaged("comes from another version of ParPy", line)
    }
    function = String(fields[4])
  }

  private mutating func read(_ line: Substring) throws(DiagnosticError) {
    var scanner = LineScanner(line)
    let isRead: Bool
    if scanner.skip("entry ") {
      entry = String(scanner.rest)
      isRead = !entry.isEmpty && !entry.contains(" ")
    } else if scanner.skip("argument ") {
      isRead = readArgument(&scanner)
    } else if scanner.skip("weak integers are ") {
      let type = ScalarType(name: scanner.rest)
      isRead = type?.isSignedInteger == true
      weakTypes.integer = type ?? weakTypes.integer
    } else if scanner.skip("weak floats are ") {
      let type = ScalarType(name: scanner.rest)
      isRead = type?.isFloat == true
      weakTypes.float = type ?? weakTypes.float
    } else if scanner.skip("parameter p") {
      isRead = readParameter(&scanner)
    } else if scanner.skip("failure: ") {
      isRead = readFailure(&scanner)
    } else if scanner.skip("fault: ") {
      let fault = failure(&scanner)
      if let fault { faults.append(fault) }
      isRead = fault != nil
    } else if scanner.skip("external ") {
      isRead = read(&scanner, into: &externals)
    } else if scanner.skip("library ") {
      isRead = read(&scanner, into: &libraries)
    } else if scanner.skip("include ") {
      isRead = read(&scanner, into: &includes)
    } else if scanner.skip("flag ") {
      isRead = read(&scanner, into: &flags)
    } else if scanner.skip("callback ") {
      isRead = read(&scanner, into: &callbacks)
    } else if scanner.skip("host code ") {
      hostDigest = String(scanner.rest)
      isRead = !scanner.rest.isEmpty
    } else {
      isRead = false
    }
    guard isRead else { throw Self.damaged("has a damaged signature block", line) }
  }

  /// Reads the string that the rest of the line is.
  private func read(_ scanner: inout LineScanner, into texts: inout [String]) -> Bool {
    guard let text = scanner.string(), scanner.rest.isEmpty else { return false }
    texts.append(text)
    return true
  }

  private mutating func readArgument(_ scanner: inout LineScanner) -> Bool {
    guard let end = scanner.rest.firstIndex(where: { $0 == ":" || $0 == "[" }) else { return false }
    let name = String(scanner.rest[..<end])
    scanner.rest = scanner.rest[end...]
    if scanner.skip("[") { return readEntry(of: name, &scanner) }
    guard !name.isEmpty, !parameterNames.contains(name), scanner.skip(": ") else { return false }
    if scanner.rest == "dictionary" {
      arguments.append(.dictionary([]))
    } else {
      guard let argument = readLeaf(&scanner) else { return false }
      arguments.append(argument)
    }
    parameterNames.append(name)
    return true
  }

  /// Reads an entry of the dictionary that is the last argument so far.
  private mutating func readEntry(of name: String, _ scanner: inout LineScanner) -> Bool {
    guard name == parameterNames.last, case .dictionary(var entries)? = arguments.last,
      let key = scanner.string(), scanner.skip("]: "),
      entries.last.map({ $0.key.utf8.lexicographicallyPrecedes(key.utf8) }) ?? true,
      let argument = readLeaf(&scanner)
    else { return false }
    entries.append(CallSignature.Entry(key, argument))
    arguments[arguments.count - 1] = .dictionary(entries)
    return true
  }

  /// Reads the type of an array or a scalar up to the end of the line.
  private mutating func readLeaf(_ scanner: inout LineScanner) -> CallSignature.Argument? {
    let isWeak = scanner.skip("weak ")
    guard let type = ScalarType(name: scanner.identifier()) else { return nil }
    if scanner.skip(" = ") {
      if type.isComplex { return readComplex(type, isWeak: isWeak, &scanner) }
      guard let bits = scanner.scalar(type) else { return nil }
      let isLarge = scanner.skip(" large")
      guard scanner.rest.isEmpty else { return nil }
      writes.append(false)
      return .scalar(type, isWeak: isWeak, bits: bits, isLarge: isLarge)
    }
    guard !isWeak, let extents = scanner.words() else { return nil }
    var array = CallSignature.ArrayType(element: type, extents: extents)
    if scanner.skip(" strides") {
      guard let strides = scanner.words(), strides.count == extents.count else { return nil }
      array.strides = strides
    }
    array.isReadOnly = scanner.skip(" read-only")
    array.isLarge = scanner.skip(" large")
    array.overlaps = scanner.skip(" overlapping")
    let isWritten = scanner.skip(" written")
    guard scanner.rest.isEmpty else { return nil }
    writes.append(isWritten)
    return .array(array)
  }

  /// Reads both parts of a complex scalar.
  private mutating func readComplex(
    _ type: ScalarType, isWeak: Bool, _ scanner: inout LineScanner
  ) -> CallSignature.Argument? {
    guard let real = scanner.scalar(type.part), scanner.skip(" + 1j * "),
      let imaginary = scanner.scalar(type.part), scanner.rest.isEmpty
    else { return nil }
    writes.append(false)
    return .complex(type, isWeak: isWeak, real: real, imaginary: imaginary)
  }

  private mutating func readParameter(_ scanner: inout LineScanner) -> Bool {
    guard let position = scanner.integer(), position == Int64(parameterSources.count),
      scanner.skip(" is word "), let source = scanner.integer(), scanner.rest.isEmpty, source >= 0
    else { return false }
    parameterSources.append(Int(source))
    return true
  }

  private mutating func readFailure(_ scanner: inout LineScanner) -> Bool {
    if scanner.rest == "other values" {
      failures.append(nil)
      return true
    }
    guard let failure = failure(&scanner) else { return false }
    failures.append(failure)
    return true
  }

  private func failure(_ scanner: inout LineScanner) -> Failure? {
    guard let category = Diagnostic.Category(name: scanner.identifier()), scanner.skip(" at "),
      let line = scanner.integer(), scanner.skip(" "), let message = scanner.string(),
      scanner.rest.isEmpty
    else { return nil }
    return Failure(category, message, line: Int(line))
  }

  /// Tests that the lines fit together, so that users of the block need not.
  private func check() throws(DiagnosticError) {
    let words = self.words
    for word in words {
      guard case .parameter(let position) = word else { continue }
      guard parameterSources.indices.contains(position) else {
        throw Self.damaged("has a signature block without the parameter p\(position)", nil)
      }
    }
    for (position, source) in parameterSources.enumerated() {
      guard words.indices.contains(source), words[source] == .parameter(position) else {
        throw Self.damaged("has a signature block in which p\(position) is not word \(source)", nil)
      }
    }
    for case .array(let array) in arguments.flatMap(\.leaves) {
      for case .constant(let extent) in array.extents where extent < 0 {
        throw Self.damaged("has a signature block with the extent \(extent)", nil)
      }
    }
    if entry.isEmpty { throw Self.damaged("has a signature block without an entry", nil) }
  }
}

/// Reads the parts of a line from left to right.
private struct LineScanner {
  var rest: Substring

  /// A scanner at the start of the line.
  init(_ line: Substring) { rest = line }

  /// Steps over `text` where it is next.
  mutating func skip(_ text: String) -> Bool {
    guard rest.hasPrefix(text) else { return false }
    rest = rest.dropFirst(text.count)
    return true
  }

  /// The letters and digits that are next.
  mutating func identifier() -> Substring {
    let found = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    rest = rest.dropFirst(found.count)
    return found
  }

  /// The decimal integer that is next.
  mutating func integer() -> Int64? {
    let digits = rest.prefix { $0 == "-" || ("0"..."9").contains($0) }
    guard let value = Int64(digits) else { return nil }
    rest = rest.dropFirst(digits.count)
    return value
  }

  /// An integer or a parameter.
  mutating func word() -> CallSignature.Word? {
    if skip("p") {
      guard let position = integer(), position >= 0 else { return nil }
      return .parameter(Int(position))
    }
    return integer().map { .constant($0) }
  }

  /// The bits of a scalar.
  mutating func scalar(_ type: ScalarType) -> CallSignature.Word? {
    if skip("#") { return integer().map { .constant($0) } }
    if !type.isFloat || rest.hasPrefix("p") { return word() }
    let text = rest.prefix { $0 != " " }
    guard let value = Double(text) else { return nil }
    rest = rest.dropFirst(text.count)
    return .constant(Int64(bitPattern: value.bitPattern))
  }

  /// Words in brackets.
  mutating func words() -> [CallSignature.Word]? {
    guard skip("[") else { return nil }
    var words: [CallSignature.Word] = []
    if skip("]") { return words }
    repeat {
      guard let word = word() else { return nil }
      words.append(word)
    } while skip(", ")
    return skip("]") ? words : nil
  }

  /// A string in quotes.
  mutating func string() -> String? {
    guard skip("\"") else { return nil }
    var text = ""
    while let character = rest.unicodeScalars.first {
      rest.unicodeScalars.removeFirst()
      if character == "\"" { return text }
      guard character == "\\" else {
        text.unicodeScalars.append(character)
        continue
      }
      guard let escaped = rest.unicodeScalars.popFirst() else { return nil }
      switch escaped {
      case "n": text += "\n"
      case "r": text += "\r"
      case "u":
        let digits = rest.prefix { $0.isHexDigit }
        guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
          return nil
        }
        rest = rest.dropFirst(digits.count)
        guard skip(";") else { return nil }
        text.unicodeScalars.append(scalar)
      default: text.unicodeScalars.append(escaped)
      }
    }
    return nil
  }
}
