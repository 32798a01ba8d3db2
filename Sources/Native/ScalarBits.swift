import LoopIR

/// The words of one scalar, as the key and compiled code have them: the integer, or the bits of a float64.
struct ScalarBits {
  /// Of a complex scalar the real part.
  var value: Int64
  /// Nil where the scalar is not complex.
  var imaginary: Int64?

  /// The bits of a scalar that is not complex.
  init(_ value: Int64) { self.value = value }

  /// The bits of a complex scalar.
  init(real: Double, imaginary: Double) {
    value = Int64(bitPattern: real.bitPattern)
    self.imaginary = Int64(bitPattern: imaginary.bitPattern)
  }

  /// The bits of the scalar of that type in memory.
  @inline(__always)
  init(_ type: ScalarType, at data: UnsafeRawPointer) {
    value = Self.bits(type.part, at: data)
    if type.isComplex { imaginary = Self.bits(type.part, at: data + type.part.size) }
  }

  @inline(__always)
  private static func bits(_ type: ScalarType, at data: UnsafeRawPointer) -> Int64 {
    switch type {
    case .bool: data.load(as: UInt8.self) == 0 ? 0 : 1
    case .int8: Int64(data.load(as: Int8.self))
    case .int16: Int64(data.loadUnaligned(as: Int16.self))
    case .int32: Int64(data.loadUnaligned(as: Int32.self))
    case .int64: data.loadUnaligned(as: Int64.self)
    case .uint8: Int64(data.load(as: UInt8.self))
    case .uint16: Int64(data.loadUnaligned(as: UInt16.self))
    case .uint32: Int64(data.loadUnaligned(as: UInt32.self))
    case .uint64: Int64(bitPattern: data.loadUnaligned(as: UInt64.self))
    case .float16, .bfloat16:
      Int64(bitPattern: type.value(ofBits16: data.loadUnaligned(as: UInt16.self)).bitPattern)
    case .float32, .complex64:
      Int64(bitPattern: Double(data.loadUnaligned(as: Float.self)).bitPattern)
    case .float64, .complex128: data.loadUnaligned(as: Int64.self)
    }
  }
}
