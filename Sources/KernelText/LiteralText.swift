import LoopIR

/// Constants as dialects of C++ write them.
package enum LiteralText {
  /// The text of a literal expression; "0" for anything else.
  package static func text(_ e: Expression, _ dialect: any KernelDialect) -> String {
    switch e.kind {
    case .integer(let value): integer(value, e.type, dialect)
    case .float(let literal): float(literal.value, e.type, dialect)
    case .variable, .load, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .complex, .part:
      "0"
    }
  }

  /// The value `e` with `e op x == x`; "0" for operators that do not reduce.
  package static func identity(
    of op: BinaryOperator, _ type: ScalarType, _ dialect: any KernelDialect
  ) -> String {
    op.identity(of: type).map { text($0, dialect) } ?? "0"
  }

  static func integer(_ value: Int64, _ type: ScalarType, _ dialect: any KernelDialect) -> String {
    let long = dialect.longSuffix
    switch type {
    case .bool: return value == 0 ? "false" : "true"
    case .uint64:
      return value >= 0 && value <= Int64(Int32.max)
        ? "\(value)" : "\(UInt64(bitPattern: value))u\(long)"
    case .uint32: return value > Int64(Int32.max) ? "\(value)u" : "\(value)"
    case .int32 where value == Int64(Int32.min): return "(-2147483647 - 1)"
    case .int64 where value == Int64.min: return "(-9223372036854775807\(long) - 1)"
    case .int64 where value > Int64(Int32.max) || value < -Int64(Int32.max):
      return "\(value)\(long)"
    default: return "\(value)"
    }
  }

  static func float(_ value: Double, _ type: ScalarType, _ dialect: any KernelDialect) -> String {
    if type.isHalf || !value.isFinite { return dialect.literal(value, type) }
    return type == .float32 ? "\(Float(value))f" : "\(value)"
  }
}
