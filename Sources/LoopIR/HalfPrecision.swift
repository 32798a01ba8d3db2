/// Rounding to the float types, and the bits of those of 16.
///
/// Written out, because Swift has no `Float16` on every platform, and no bfloat16 at all.
extension ScalarType {
  /// `value` rounded to nearest, ties to even, as an element of this float type; infinite beyond its range.
  ///
  /// To bfloat16 by way of float32, as `ml_dtypes` does.
  public func rounded(_ value: Double) -> Double {
    switch self {
    case .float16: Self.rounded(value, digits: 11, leastExponent: -14, greatest: 65504)
    case .bfloat16:
      Self.rounded(
        Double(Float(value)), digits: 8, leastExponent: -126, greatest: 0x1.FEp127)
    case .float32: Double(Float(value))
    case .float64, .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
      .complex64, .complex128:
      value
    }
  }

  /// `value`, the result of an operation in double, as the result that the operation has in this float type.
  ///
  /// Twice the digits and more make the second rounding harmless for the four operations.
  public func roundedResult(_ value: Double) -> Double {
    self == .float64 ? value : rounded(Double(Float(value)))
  }

  private static func rounded(
    _ value: Double, digits: Int, leastExponent: Int, greatest: Double
  ) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let exponent = max(Int(value.exponent), leastExponent)
    let unit = Double(sign: .plus, exponent: exponent - (digits - 1), significand: 1)
    let result = (value / unit).rounded(.toNearestOrEven) * unit
    return result.magnitude > greatest
      ? Double(signOf: value, magnitudeOf: .infinity) : result
  }

  /// The bits of a 16-bit float that holds `value` exactly.
  public func bits16(of value: Double) -> UInt16 {
    let float = Float(value)
    let upper = UInt16(truncatingIfNeeded: float.bitPattern >> 16)
    if self == .bfloat16 { return value.isNaN ? upper | 0x40 : upper }
    let sign = upper & 0x8000
    let magnitude = float.magnitude
    if magnitude.isNaN { return sign | 0x7E00 }
    if magnitude > 65504 { return sign | 0x7C00 }
    // Below 2⁻¹⁴ the bits count units of 2⁻²⁴; above, the exponent's bias differs by 112.
    if magnitude < 0x1p-14 { return sign | UInt16(truncatingIfNeeded: Int(magnitude * 0x1p24)) }
    return sign | UInt16(truncatingIfNeeded: (magnitude.bitPattern &- 112 << 23) >> 13)
  }

  /// The value of the 16-bit float of those bits.
  public func value(ofBits16 bits: UInt16) -> Double {
    if self == .bfloat16 { return Double(Float(bitPattern: UInt32(bits) << 16)) }
    let magnitude = bits & 0x7FFF
    let value: Float
    if magnitude > 0x7C00 {
      value = .nan
    } else if magnitude == 0x7C00 {
      value = .infinity
    } else if magnitude < 0x400 {
      value = Float(magnitude) * 0x1p-24
    } else {
      value = Float(bitPattern: UInt32(magnitude) << 13 &+ 112 << 23)
    }
    return Double(bits & 0x8000 == 0 ? value : -value)
  }
}
