import LoopIR

/// Spells the parts of a call signature, for people and for `SignatureBlock`.
public enum SignatureText {
  /// An argument, such as `float32[8192, p0] strides[p1, 1] read-only` or `weak int64 = 5`.
  public static func argument(_ argument: CallSignature.Argument) -> String {
    switch argument {
    case .array(let array):
      var text = "\(array.element)\(words(array.extents))"
      if let strides = array.strides { text += " strides\(words(strides))" }
      if array.isReadOnly { text += " read-only" }
      if array.isLarge { text += " large" }
      if array.overlaps { text += " overlapping" }
      return text
    case .scalar(let type, let isWeak, let bits, let isLarge):
      return "\(isWeak ? "weak " : "")\(type) = \(scalar(bits, type))\(isLarge ? " large" : "")"
    case .complex(let type, let isWeak, let real, let imaginary):
      let parts = [real, imaginary].map { scalar($0, type.part) }
      return "\(isWeak ? "weak " : "")\(type) = \(parts[0]) + 1j * \(parts[1])"
    case .dictionary(let entries):
      let texts = entries.map { "\(quoted($0.key)): \(Self.argument($0.argument))" }
      return "{" + texts.joined(separator: ", ") + "}"
    }
  }

  /// A word: its number, or `p` and the position of the parameter.
  public static func word(_ word: CallSignature.Word) -> String {
    switch word {
    case .constant(let value): "\(value)"
    case .parameter(let position): "p\(position)"
    }
  }

  /// A text in quotes and on one line, as a signature block has it.
  public static func quoted(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case _ where Character(scalar).isNewline || scalar.value == 0:
        result += "\\u" + String(scalar.value, radix: 16) + ";"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return "\"" + result + "\""
  }

  private static func words(_ words: [CallSignature.Word]) -> String {
    "[" + words.map(word).joined(separator: ", ") + "]"
  }

  /// The bits of a scalar as a number of its type; `#` and the bits where no number stands for them.
  private static func scalar(_ bits: CallSignature.Word, _ type: ScalarType) -> String {
    guard case .constant(let value) = bits, type.isFloat else { return word(bits) }
    let text = "\(Double(bitPattern: UInt64(bitPattern: value)))"
    return Double(text)?.bitPattern == UInt64(bitPattern: value) ? text : "#\(value)"
  }
}
