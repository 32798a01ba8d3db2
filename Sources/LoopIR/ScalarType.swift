/// The type of one scalar value or array element.
public enum ScalarType: UInt8, Sendable, Hashable, CaseIterable {
  case bool
  case int8, int16, int32, int64
  case uint8, uint16, uint32, uint64
  case float32, float64
  /// IEEE binary16 and the upper half of a float32: each operation is done in float32 and rounded.
  case float16, bfloat16
  /// A pair of floats, the real part first in memory.
  case complex64, complex128

  /// The size of one element in bytes.
  public var size: Int {
    switch self {
    case .bool, .int8, .uint8: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64, .complex64: 8
    case .complex128: 16
    }
  }

  /// The width in bits that arithmetic on the type has.
  public var bitWidth: Int { self == .bool ? 1 : size * 8 }

  /// Whether it is a real floating-point type.
  public var isFloat: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .complex64,
      .complex128:
      false
    }
  }

  /// Whether it is a pair of floats.
  public var isComplex: Bool { self == .complex64 || self == .complex128 }

  /// The float type of the real and the imaginary part; the type itself where it is not complex.
  public var part: ScalarType {
    switch self {
    case .complex64: .float32
    case .complex128: .float64
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16,
      .bfloat16, .float32, .float64:
      self
    }
  }

  /// True of the floats of 16 bits.
  public var isHalf: Bool { self == .float16 || self == .bfloat16 }

  /// Whether it is an integer type with a sign.
  public var isSignedInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64: true
    case .bool, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32, .float64,
      .complex64, .complex128:
      false
    }
  }

  /// Whether it is an integer type without a sign; bool is none.
  public var isUnsignedInteger: Bool {
    switch self {
    case .uint8, .uint16, .uint32, .uint64: true
    case .bool, .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64,
      .complex64, .complex128:
      false
    }
  }

  /// True of the integers, bool not among them.
  public var isInteger: Bool { isSignedInteger || isUnsignedInteger }

  /// The values an integer type holds, `uint64` cut off at `Int64.max`; bool holds 0 and 1.
  public var integerRange: ClosedRange<Int64>? {
    switch self {
    case .bool: 0...1
    case .int8: Int64(Int8.min)...Int64(Int8.max)
    case .int16: Int64(Int16.min)...Int64(Int16.max)
    case .int32: Int64(Int32.min)...Int64(Int32.max)
    case .int64: Int64.min...Int64.max
    case .uint8: 0...Int64(UInt8.max)
    case .uint16: 0...Int64(UInt16.max)
    case .uint32: 0...Int64(UInt32.max)
    case .uint64: 0...Int64.max
    case .float16, .bfloat16, .float32, .float64, .complex64, .complex128: nil
    }
  }

  /// `bits`, read as two's complement, wrapped to this integer type; bool is 0 or 1.
  public func wrapping(_ bits: Int64) -> Int64 {
    switch self {
    case .bool: bits == 0 ? 0 : 1
    case .int8: Int64(Int8(truncatingIfNeeded: bits))
    case .int16: Int64(Int16(truncatingIfNeeded: bits))
    case .int32: Int64(Int32(truncatingIfNeeded: bits))
    case .uint8: Int64(UInt8(truncatingIfNeeded: bits))
    case .uint16: Int64(UInt16(truncatingIfNeeded: bits))
    case .uint32: Int64(UInt32(truncatingIfNeeded: bits))
    case .int64, .uint64, .float16, .bfloat16, .float32, .float64, .complex64, .complex128: bits
    }
  }

  /// The type of an operation between two strong types: `numpy.result_type`, also where that knows no type of bfloat16.
  public func promoted(with other: ScalarType) -> ScalarType {
    if self == other { return self }
    if self == .bool { return other }
    if other == .bool { return self }
    if isComplex || other.isComplex {
      return part.promoted(with: other.part) == .float64 ? .complex128 : .complex64
    }
    if isFloat || other.isFloat {
      let (float, partner) = isFloat ? (self, other) : (other, self)
      if partner.isFloat { return self == .float64 || other == .float64 ? .float64 : .float32 }
      switch partner.size {
      case 1: return float
      case 2: return float == .float64 ? .float64 : .float32
      default: return .float64
      }
    }
    if isSignedInteger == other.isSignedInteger { return size >= other.size ? self : other }
    let (signed, unsigned) = isSignedInteger ? (self, other) : (other, self)
    if signed.size > unsigned.size { return signed }
    switch unsigned.size {
    case 1: return .int16
    case 2: return .int32
    case 4: return .int64
    default: return .float64
    }
  }

  /// The NumPy name of the type, such as `float32`.
  public var name: String {
    switch self {
    case .bool: "bool"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float32: "float32"
    case .float64: "float64"
    case .complex64: "complex64"
    case .complex128: "complex128"
    }
  }

  /// The type of that NumPy name, or nil.
  public init?(name: some StringProtocol) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}

extension ScalarType: CustomStringConvertible {
  /// The name in the text of the IR.
  public var description: String { name }
}
