/// The types of weak values: Python's own numbers, and what is computed of them alone.
public struct WeakTypes: Sendable, Hashable {
  /// A signed integer type.
  public var integer: ScalarType
  /// A float type.
  public var float: ScalarType

  /// Creates the types; those that are left out are as wide as Python's.
  public init(integer: ScalarType = .int64, float: ScalarType = .float64) {
    self.integer = integer
    self.float = float
  }

  /// The type of weak complex values: two floats, of which 16 bits are not enough.
  public var complex: ScalarType { float == .float64 ? .complex128 : .complex64 }

  /// The type of weak values that are of type `wide` where all are as wide as Python's.
  public func narrowed(_ wide: ScalarType) -> ScalarType {
    switch wide {
    case .int64: integer
    case .float64: float
    case .complex128: complex
    case .bool, .int8, .int16, .int32, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16,
      .float32, .complex64:
      wide
    }
  }
}

extension Backend {
  /// The types of weak values, unless the options of the call force others.
  public var weakTypes: WeakTypes {
    switch self {
    case .cpu, .cuda: WeakTypes()
    case .metal: WeakTypes(integer: .int32, float: .float32)
    }
  }
}
