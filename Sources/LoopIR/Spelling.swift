import Syntax

/// How operators, types and names are spelled in the IR's text form; printer and parser share it.
enum Spelling {
  /// The words that cannot be a bare name; such a name is printed in backquotes.
  static let reservedWords: Set<String> = [
    "and", "def", "elif", "else", "False", "for", "if", "in", "inf", "infbf16", "inff16", "inff32",
    "inff64", "nan", "nanbf16", "nanf16", "nanf32", "nanf64", "not", "or", "pass", "True", "while",
    "with",
  ]

  static let symbols: Set<String> = [
    "..<", "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "&", "|", "^",
    "~", "<", ">", "=", "(", ")", "[", "]", ",", ":", "@",
  ]

  /// Whether a byte of UTF-8 can stand in a bare name, digits in the first place excepted.
  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }

  /// A name as it is printed: bare, or in backquotes where it would not read back.
  static func name(_ name: String, number: Int = 0) -> String {
    let isWord =
      name.utf8.allSatisfy(isNameByte) && name.utf8.first.map { $0 > UInt8(ascii: "9") } == true
    let isBare = isWord && !reservedWords.contains(name)
    let spelled = isBare ? name : quoted(name, by: "`")
    return number == 0 ? spelled : "\(spelled).\(number)"
  }

  /// `text` between quotes, on one line.
  static func quoted(_ text: String, by quote: Unicode.Scalar = "\"") -> String {
    var result = String(quote)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\\": result += "\\\\"
      case quote: result += "\\" + String(quote)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + String(quote)
  }

  /// The suffix of a literal whose type the context does not give.
  static func suffix(_ type: ScalarType) -> String {
    switch type {
    case .bool: "bool"
    case .int8: "i8"
    case .int16: "i16"
    case .int32: "i32"
    case .int64: "i64"
    case .uint8: "u8"
    case .uint16: "u16"
    case .uint32: "u32"
    case .uint64: "u64"
    case .float16: "f16"
    case .bfloat16: "bf16"
    case .float32: "f32"
    case .float64: "f64"
    case .complex64: "c64"
    case .complex128: "c128"
    }
  }

  /// The type that a suffix of a number names.
  static func type(suffix text: String) -> ScalarType? {
    ScalarType.allCases.first { $0 != .bool && !$0.isComplex && suffix($0) == text }
  }

  /// The word of a failure's category, as in `else error value "…"`.
  static let categories: [(word: String, category: Diagnostic.Category)] = [
    ("program", .program), ("type", .type), ("name", .name), ("index", .index), ("value", .value),
    ("overflow", .overflow), ("bug", .bug),
  ]
}

/// How tightly an expression binds, as in Python's grammar.
enum Precedence: Int, Comparable {
  case select, or, and, not, compare, bitOr, bitXor, bitAnd, shift, sum, product, unary, power
  case primary

  /// The level that binds the next tighter.
  var tighter: Precedence { Precedence(rawValue: rawValue + 1) ?? .primary }

  static func < (l: Precedence, r: Precedence) -> Bool { l.rawValue < r.rawValue }
}

extension BinaryOperator {
  /// The operator between its operands and how it binds; nil for those written as functions.
  var infix: (symbol: String, precedence: Precedence)? {
    switch self {
    case .add: ("+", .sum)
    case .subtract: ("-", .sum)
    case .multiply: ("*", .product)
    case .divide: ("/", .product)
    case .floorDivide: ("//", .product)
    case .modulo: ("%", .product)
    case .power: ("**", .power)
    case .bitAnd: ("&", .bitAnd)
    case .bitOr: ("|", .bitOr)
    case .bitXor: ("^", .bitXor)
    case .shiftLeft: ("<<", .shift)
    case .shiftRight: (">>", .shift)
    case .pythonMin, .pythonMax, .minimum, .maximum: nil
    }
  }

  /// The operator's name as a word: in `@reduce(…)`, and as a function where it has no symbol.
  var word: String {
    switch self {
    case .floorDivide: "floor_divide"
    case .bitAnd: "bit_and"
    case .bitOr: "bit_or"
    case .bitXor: "bit_xor"
    case .shiftLeft: "shift_left"
    case .shiftRight: "shift_right"
    case .pythonMin: "python_min"
    case .pythonMax: "python_max"
    case .add, .subtract, .multiply, .divide, .modulo, .power, .minimum, .maximum: rawValue
    }
  }

  /// The operator of that word, or nil.
  init?(word: String) {
    guard let op = Self.allCases.first(where: { $0.word == word }) else { return nil }
    self = op
  }

  /// The operator of that symbol, or nil.
  init?(symbol: String) {
    guard let op = Self.allCases.first(where: { $0.infix?.symbol == symbol }) else { return nil }
    self = op
  }
}

extension ComplexPart {
  /// The function that gives the part.
  var word: String { self == .real ? "real" : "imag" }
}

extension MathFunction {
  /// The function's name.
  var word: String { self == .roundEven ? "round_even" : rawValue }

  /// The function of that name, or nil.
  init?(word: String) {
    guard let function = Self.allCases.first(where: { $0.word == word }) else { return nil }
    self = function
  }
}

extension Expression {
  /// The type that the expression has whatever its literals are taken for; nil where all depends on them.
  ///
  /// Printer and parser use it to give the operands of one operation a common type, so that most literals need no suffix.
  var ownType: ScalarType? {
    switch kind {
    case .integer, .float: type == .bool ? .bool : nil
    case .variable, .load, .convert, .compare, .logical, .checked, .complex, .part: type
    case .unary(let op, let operand): op == .not ? .bool : operand.ownType
    case .binary(_, let left, let right): left.ownType ?? right.ownType
    case .select(_, let then, let otherwise): then.ownType ?? otherwise.ownType
    case .math(let function, let arguments):
      function.isPredicate ? .bool : arguments.reduce(nil) { $0 ?? $1.ownType }
    }
  }

  /// The type that a literal of this expression's kind has without a suffix, where `expected` is wanted.
  func bareType(expected: ScalarType?) -> ScalarType {
    switch kind {
    case .float: expected?.isFloat == true ? expected ?? .float64 : .float64
    case .integer, .variable, .load, .unary, .binary, .compare, .logical, .select, .convert, .math,
      .checked, .complex, .part:
      expected?.isInteger == true ? expected ?? .int64 : .int64
    }
  }
}
