import LoopIR

/// Constants as CUDA C++ writes them.
package enum CUDALiteral {
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

  /// A half, an infinity or NaN, by its bits.
  static func bits(_ value: Double, _ type: ScalarType) -> String {
    switch type {
    case .float16: "__ushort_as_half(\(type.bits16(of: value)))"
    case .bfloat16: "__ushort_as_bfloat16(\(type.bits16(of: value)))"
    case .float32: "__int_as_float(0x\(String(Float(value).bitPattern, radix: 16)))"
    default: "__longlong_as_double(0x\(String(value.bitPattern, radix: 16))ll)"
    }
  }
}
