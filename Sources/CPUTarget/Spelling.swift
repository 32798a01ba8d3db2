import LoopIR

/// How types and constants are written in LLVM IR.
extension ScalarType {
  /// The type of a value in a register.
  var llvm: String {
    switch self {
    case .bool: "i1"
    case .int8, .uint8: "i8"
    case .int16, .uint16: "i16"
    case .int32, .uint32: "i32"
    case .int64, .uint64: "i64"
    // Halves are bits but in the moment of an operation, so that nothing depends on what LLVM has for them.
    case .float16, .bfloat16: "i16"
    case .float32: "float"
    case .float64: "double"
    // Two numbers in memory; no value has such a type after `split-complex`.
    case .complex64: "{ float, float }"
    case .complex128: "{ double, double }"
    }
  }

  /// The type of an array element; a bool takes a byte.
  var llvmElement: String { self == .bool ? "i8" : llvm }

  /// The type of `lanes` values, a scalar where there is one.
  func llvm(lanes: Int) -> String { lanes == 1 ? llvm : "<\(lanes) x \(llvm)>" }

  /// The suffix of overloaded intrinsics, such as `f32` or `v8f32`.
  func mangled(lanes: Int) -> String {
    let base = isFloat && !isHalf ? "f\(bitWidth)" : "i\(bitWidth)"
    return lanes == 1 ? base : "v\(lanes)\(base)"
  }
}

/// A value that emitted code holds: a register or constant, one for all lanes or one a lane.
struct Value {
  /// The operand as written; for a constant of several lanes `splat (…)`.
  var text: String
  var type: ScalarType
  var lanes: Int

  init(_ text: String, _ type: ScalarType, lanes: Int = 1) {
    self.text = text
    self.type = type
    self.lanes = lanes
  }

  var llvmType: String { type.llvm(lanes: lanes) }
  /// Type and operand.
  var typed: String { "\(llvmType) \(text)" }
  var isConstant: Bool { !text.hasPrefix("%") }

  /// An integer or bool constant.
  static func integer(_ value: Int64, _ type: ScalarType, lanes: Int = 1) -> Value {
    let scalar = type == .bool ? (value == 0 ? "false" : "true") : String(type.wrapping(value))
    return Value(lanes == 1 ? scalar : "splat (\(type.llvm) \(scalar))", type, lanes: lanes)
  }

  /// A float constant; LLVM writes floats of either width as the bits of a double.
  static func float(_ value: Double, _ type: ScalarType, lanes: Int = 1) -> Value {
    let digits = String(value.bitPattern, radix: 16, uppercase: true)
    let scalar =
      type.isHalf
      ? "\(Int16(bitPattern: type.bits16(of: value)))"
      : "0x" + String(repeating: "0", count: 16 - digits.count) + digits
    return Value(lanes == 1 ? scalar : "splat (\(type.llvm) \(scalar))", type, lanes: lanes)
  }

  /// A constant of any type from a literal expression; nil for anything else.
  init?(literal e: Expression, lanes: Int = 1) {
    switch e.kind {
    case .integer(let value): self = .integer(value, e.type, lanes: lanes)
    case .float(let literal): self = .float(literal.value, e.type, lanes: lanes)
    case .variable, .load, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .complex, .part:
      return nil
    }
  }
}

/// A name as LLVM accepts it: letters, digits and underscores of the user's name.
func llvmName(_ name: String) -> String {
  String(
    name.unicodeScalars.map { scalar -> Character in
      let isPlain =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "_")
      return isPlain ? Character(scalar) : "_"
    })
}
