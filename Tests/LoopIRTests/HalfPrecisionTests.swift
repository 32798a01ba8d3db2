import LoopIR
import Testing

/// 16-bit floats as constants: bits, rounding, and what an operation on them gives.
@Suite struct HalfPrecisionTests {
  @Test(arguments: [ScalarType.float16, .bfloat16])
  func everyValueKeepsItsBits(type: ScalarType) {
    for bits in UInt16.min...UInt16.max {
      let value = type.value(ofBits16: bits)
      if value.isNaN {
        #expect(type.value(ofBits16: type.bits16(of: value)).isNaN)
        continue
      }
      #expect(type.bits16(of: value) == bits)
      #expect(type.rounded(value) == value)
    }
  }

  /// Between neighbours the nearer one is taken, and from the middle the even one.
  @Test(arguments: [ScalarType.float16, .bfloat16])
  func roundsToNearestAndTiesToEven(type: ScalarType) {
    // A bfloat16 is rounded by way of float32, which has 16 bits more.
    let little = type == .bfloat16 ? 0x1p-10 : 0x1p-30
    let infinity = type.bits16(of: .infinity)
    for bits in 0..<infinity - 1 {
      let (low, high) = (type.value(ofBits16: bits), type.value(ofBits16: bits + 1))
      let middle = (low + high) / 2
      #expect(type.rounded(middle) == (bits % 2 == 0 ? low : high))
      #expect(type.rounded(middle * (1 - little)) == low)
      #expect(type.rounded(-middle * (1 + little)) == -high)
    }
  }

  @Test func roundsToInfinityBeyondTheRange() {
    #expect(ScalarType.float16.rounded(65519.99) == 65504)
    #expect(ScalarType.float16.rounded(-65520) == -.infinity)
    #expect(ScalarType.bfloat16.rounded(0x1.FEp127) == 0x1.FEp127)
    #expect(ScalarType.bfloat16.rounded(0x1.FFp127) == .infinity)
    #expect(ScalarType.float16.rounded(-1e-30).sign == .minus)
  }

  @Test func operationsRoundOnce() {
    func sum(_ l: Double, _ r: Double, _ type: ScalarType) -> Literal? {
      Literal.apply(.add, .float(l, type), .float(r, type))
    }
    #expect(sum(2048, 1, .float16) == .float(2048, .float16))
    #expect(sum(2048, 3, .float16) == .float(2052, .float16))
    #expect(sum(65504, 16, .float16) == .float(.infinity, .float16))
    #expect(sum(256, 1, .bfloat16) == .float(256, .bfloat16))
  }

  @Test func conversionsRoundAndSaturate() {
    let third = Literal.float(1.0 / 3, .float64)
    #expect(third.converted(to: .float16) == .float(0.333251953125, .float16))
    #expect(third.converted(to: .bfloat16) == .float(0.333984375, .bfloat16))
    #expect(Literal.integer(70000, .int32).converted(to: .float16) == .float(.infinity, .float16))
    #expect(Literal.float(.infinity, .float16).converted(to: .int8) == .integer(127, .int8))
    #expect(Literal.float(.nan, .bfloat16).converted(to: .uint16) == .integer(0, .uint16))
  }

  @Test func promotesAsNumPyDoes() {
    typealias Row = (ScalarType, ScalarType, ScalarType)
    let rows: [Row] = [
      (.float16, .bool, .float16), (.float16, .int8, .float16), (.float16, .uint8, .float16),
      (.float16, .int16, .float32), (.float16, .uint16, .float32), (.float16, .int32, .float64),
      (.float16, .uint64, .float64), (.float16, .float32, .float32),
      (.float16, .float64, .float64), (.bfloat16, .int8, .bfloat16),
      (.bfloat16, .float16, .float32), (.bfloat16, .float32, .float32),
      (.bfloat16, .float64, .float64), (.float32, .int16, .float32), (.float64, .int16, .float64),
      (.float32, .int32, .float64), (.float32, .float64, .float64),
    ]
    for (left, right, result) in rows {
      #expect(left.promoted(with: right) == result, "\(left) \(right)")
      #expect(right.promoted(with: left) == result, "\(right) \(left)")
    }
  }
}
