import LoopIR

/// How tightly an expression of C++ binds (ISO C++17, annex A, from the loosest).
package enum CPrecedence: Int, Comparable {
  case conditional, or, and, bitOr, bitXor, bitAnd, equality, relation, sum, product, unary, primary

  package static func < (l: CPrecedence, r: CPrecedence) -> Bool { l.rawValue < r.rawValue }
}

/// An expression as text, and how tightly it binds.
public struct CText {
  package var text: String
  package var precedence: CPrecedence
  /// Whether the text of an int64 is of type `int`: its value is the same, but not a sum that leaves 32 bits.
  package var isInt: Bool

  package init(_ text: String, _ precedence: CPrecedence = .primary, isInt: Bool = false) {
    self.text = text
    self.precedence = precedence
    self.isInt = isInt
  }

  /// The same text, known to be of type `int`.
  package var asInt: CText { CText(text, precedence, isInt: true) }

  /// Whether it is a literal with a minus sign.
  package var isNegativeNumber: Bool {
    precedence == .unary && text.hasPrefix("-") && text.dropFirst().first?.isNumber == true
      && text.dropFirst().allSatisfy { $0.isNumber || $0 == "l" }
  }

  /// The text, in parentheses where its surroundings bind more tightly.
  package func inside(_ least: CPrecedence) -> String { precedence < least ? "(\(text))" : text }
}

/// A name as C++ accepts it: letters, digits and underscores of the user's, and no word of the language or of its compilers,
/// which begin with two underscores: `__global__` is called `py__global__`.
public func cppName(_ name: String) -> String {
  let plain = String(
    name.unicodeScalars.map { scalar -> Character in
      let isPlain =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
      return isPlain ? Character(scalar) : "_"
    })
  let isDigitFirst = plain.first.map { ("0"..."9").contains($0) } ?? true
  let spelled = isDigitFirst ? "_" + plain : plain.hasPrefix("__") ? "py" + plain : plain
  return reservedNames.contains(spelled) ? spelled + "_" : spelled
}

/// Words that a variable cannot be called: the language's, and those that emitted text uses, in whatever dialect.
private let reservedNames: Set<String> = [
  "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case",
  "catch", "char", "char16_t", "char32_t", "class", "compl", "const", "const_cast", "constexpr",
  "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum",
  "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline", "int",
  "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
  "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "return", "short",
  "signed", "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template",
  "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename", "union",
  "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
  "_Alignas", "_Alignof", "_Atomic", "_Bool", "_BitInt", "_Complex", "_Decimal32", "_Decimal64",
  "_Decimal128", "_Float16", "_Float32", "_Float64", "_Float128", "_Generic", "_Imaginary",
  "_Noreturn", "_Pragma", "_Static_assert", "_Thread_local",
  "stream", "slot", "python", "main", "Python", "PythonWord", "Temporary",
  "HostTurn", "parpy_stream", "parpy_current_stream", "fetched", "HostPartEnds",
  "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t", "uint32_t", "uint64_t",
]

extension ComparisonOperator {
  /// The operator in C++.
  package var symbol: String {
    switch self {
    case .equal: "=="
    case .notEqual: "!="
    case .less: "<"
    case .lessEqual: "<="
    case .greater: ">"
    case .greaterEqual: ">="
    }
  }
}
