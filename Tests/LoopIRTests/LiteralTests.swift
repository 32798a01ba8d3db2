import LoopIR
import Testing

/// Compares `Literal` with arithmetic in integers of 128 bits and in the float types themselves.
@Suite struct LiteralTests {
  static let integers = ScalarType.allCases.filter(\.isInteger)

  /// The value of an integer literal, whatever its sign.
  private func wide(_ bits: Int64, _ type: ScalarType) -> Int128 {
    type == .uint64 ? Int128(UInt64(bitPattern: bits)) : Int128(bits)
  }

  /// The value that `type` has for the low bits of a wide integer.
  private func wrapped(_ value: Int128, _ type: ScalarType) -> Int64 {
    switch type {
    case .int8: Int64(Int8(truncatingIfNeeded: value))
    case .int16: Int64(Int16(truncatingIfNeeded: value))
    case .int32: Int64(Int32(truncatingIfNeeded: value))
    case .uint8: Int64(UInt8(truncatingIfNeeded: value))
    case .uint16: Int64(UInt16(truncatingIfNeeded: value))
    case .uint32: Int64(UInt32(truncatingIfNeeded: value))
    case .bool: value == 0 ? 0 : 1
    case .int64, .uint64, .float16, .bfloat16, .float32, .float64, .complex64, .complex128:
      Int64(truncatingIfNeeded: value)
    }
  }

  /// A value of the type: at its ends, near zero, or anywhere.
  private func sample(_ type: ScalarType, _ random: inout SeededGenerator) -> Int64 {
    let bits = Int64(bitPattern: random.next())
    let ends: [Int128] = [
      0, 1, -1, 2, -2, 3, -7, 7, 8, 15, 16, 31, 32, 63, 64, 65, 1 << 7, 1 << 15, 1 << 31,
      1 << 63, (1 << 63) - 1, -(1 << 63), (1 << 64) - 1,
    ]
    let chosen = Int.random(in: 0...ends.count, using: &random)
    return wrapped(ends.indices.contains(chosen) ? ends[chosen] : Int128(bits), type)
  }

  /// SPEC.md §1: floor division, 0 for a zero divisor, shifts of any count.
  private func expected(_ op: BinaryOperator, _ l: Int128, _ r: Int128, _ type: ScalarType)
    -> Int128?
  {
    let isShort = r >= 0 && r < Int128(type.bitWidth)
    switch op {
    case .add: return l + r
    case .subtract: return l - r
    case .multiply: return l &* r
    case .floorDivide:
      if r == 0 { return 0 }
      return l / r - (l % r != 0 && (l < 0) != (r < 0) ? 1 : 0)
    case .modulo: return r == 0 ? 0 : ((l % r) + r) % r
    case .bitAnd: return l & r
    case .bitOr: return l | r
    case .bitXor: return l ^ r
    case .shiftLeft: return isShort ? l << r : 0
    case .shiftRight: return isShort ? l >> r : l < 0 ? -1 : 0
    case .pythonMin, .minimum: return min(l, r)
    case .pythonMax, .maximum: return max(l, r)
    case .divide, .power: return nil
    }
  }

  @Test(arguments: integers)
  func integersWrapAsTheirTypeDoes(type: ScalarType) {
    var random = SeededGenerator(state: UInt64(type.rawValue))
    for _ in 0..<4000 {
      let (l, r) = (sample(type, &random), sample(type, &random))
      for op in BinaryOperator.allCases {
        let found = Literal.apply(op, .integer(l, type), .integer(r, type))
        let value = expected(op, wide(l, type), wide(r, type), type)
        let wanted = value.map { Literal.integer(wrapped($0, type), type) }
        #expect(found == wanted, "\(l) \(op) \(r)")
      }
      let (v, literal) = (wide(l, type), Literal.integer(l, type))
      #expect(literal.applying(.negate) == .integer(wrapped(-v, type), type))
      #expect(literal.applying(.invert) == .integer(wrapped(~v, type), type))
      #expect(literal.applying(.absolute) == .integer(wrapped(v.magnitude128, type), type))
    }
  }

  @Test func boolsAreNumPys() {
    for (l, r) in [(0, 0), (0, 1), (1, 0), (1, 1)] as [(Int64, Int64)] {
      func result(_ op: BinaryOperator) -> Literal? {
        Literal.apply(op, .integer(l, .bool), .integer(r, .bool))
      }
      #expect(result(.add) == .integer(l | r, .bool))
      #expect(result(.bitOr) == .integer(l | r, .bool))
      #expect(result(.multiply) == .integer(l & r, .bool))
      #expect(result(.bitXor) == .integer(l ^ r, .bool))
      #expect(result(.maximum) == .integer(l | r, .bool))
    }
    #expect(Literal.integer(1, .bool).applying(.not) == .integer(0, .bool))
    #expect(Literal.integer(1, .bool).applying(.invert) == .integer(0, .bool))
  }

  private static let floats: [Double] = [
    0, -0.0, 1, -1, 0.1, 1.0 / 3, -2.5, 1e-300, .leastNonzeroMagnitude, 1e308, 3.4e38, 1e-45,
    .infinity, -.infinity,
    .nan, 16_777_217, 9_007_199_254_740_992, -1e19, 127.9, -128.5, 255.5, 4_294_967_295.5, -0.7,
  ]

  @Test func floatsAreIEEE() throws {
    for l in Self.floats {
      for r in Self.floats {
        for (op, wanted) in [
          (.add, l + r), (.subtract, l - r), (.multiply, l * r), (.divide, l / r),
          (.pythonMin, r < l ? r : l), (.pythonMax, r > l ? r : l),
        ] as [(BinaryOperator, Double)] {
          let found = Literal.apply(op, .float(l, .float64), .float(r, .float64))
          #expect(isSame(found, .float(wanted, .float64)), "\(l) \(op) \(r)")
        }
        let (a, b) = (Float(l), Float(r))
        for (op, wanted) in [
          (.add, a + b), (.subtract, a - b), (.multiply, a * b), (.divide, a / b),
        ] as [(BinaryOperator, Float)] {
          let found = Literal.apply(op, .float(Double(a), .float32), .float(Double(b), .float32))
          #expect(isSame(found, .float(Double(wanted), .float32)), "\(a) \(op) \(b)")
        }
        for op in [BinaryOperator.minimum, .maximum] {
          let found = Literal.apply(op, .float(l, .float64), .float(r, .float64))
          guard case .float(let value, .float64)? = found else {
            Issue.record("no \(op)")
            continue
          }
          let wanted = op == .minimum ? min(l, r) : max(l, r)
          #expect(l.isNaN || r.isNaN ? value.isNaN : value == wanted, "\(op)(\(l), \(r))")
        }
      }
    }
  }

  @Test func floatOperatorsBeyondIEEEAreLeftToRunTime() {
    for op in [BinaryOperator.floorDivide, .modulo, .power] {
      #expect(Literal.apply(op, .float(1, .float64), .float(2, .float64)) == nil)
    }
  }

  @Test func unaryOperatorsKeepTheSignOfZero() {
    #expect(isSame(Literal.float(0, .float64).applying(.negate), .float(-0.0, .float64)))
    #expect(isSame(Literal.float(-0.0, .float64).applying(.absolute), .float(0, .float64)))
    #expect(Literal.float(.nan, .float64).applying(.not) == .integer(0, .bool))
    #expect(Literal.float(1, .float64).applying(.invert) == nil)
  }

  /// Down to the sign of zero; any NaN is as good as another.
  private func isSame(_ l: Literal?, _ r: Literal) -> Bool {
    guard case .float(let a, let aType)? = l, case .float(let b, let bType) = r, aType == bType
    else { return false }
    return a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern
  }

  @Test func comparisonsAreExact() {
    var random = SeededGenerator(state: 5)
    for _ in 0..<20000 {
      let l = Self.integers.randomElement(using: &random) ?? .int8
      let r = Self.integers.randomElement(using: &random) ?? .int8
      let (a, b) = (sample(l, &random), sample(r, &random))
      for op in ComparisonOperator.allCases {
        let found = Literal.compare(op, .integer(a, l), .integer(b, r))
        #expect(found == op.holds(wide(a, l), wide(b, r)), "\(l) \(a) \(op) \(r) \(b)")
      }
    }
    for l in Self.floats {
      for r in Self.floats {
        #expect(
          Literal.compare(.less, .float(l, .float64), .float(r, .float64)) == (l < r))
        #expect(
          Literal.compare(.notEqual, .float(l, .float64), .float(r, .float64)) == (l != r))
      }
    }
  }

  // MARK: Conversions

  @Test(arguments: ScalarType.allCases.filter { !$0.isComplex })
  func integersConvertByWrapping(source: ScalarType) {
    guard let range = source.integerRange else { return }
    var random = SeededGenerator(state: 9)
    for _ in 0..<500 {
      let bits = source == .bool ? Int64.random(in: range, using: &random) : sample(source, &random)
      let value = wide(bits, source)
      for target in Self.integers {
        #expect(
          Literal.integer(bits, source).converted(to: target)
            == .integer(wrapped(value, target), target))
      }
      #expect(
        Literal.integer(bits, source).converted(to: .bool) == .integer(value == 0 ? 0 : 1, .bool))
      #expect(
        Literal.integer(bits, source).converted(to: .float64) == .float(Double(value), .float64))
      #expect(
        Literal.integer(bits, source).converted(to: .float32)
          == .float(Double(Float(value)), .float32))
    }
  }

  /// Truncated towards zero; beyond the ends the ends; NaN is 0.
  @Test(arguments: integers)
  func floatsConvertBySaturating(target: ScalarType) {
    let (low, high): (Int128, Int128) =
      target == .uint64
      ? (0, (1 << 64) - 1)
      : (Int128(target.integerRange?.lowerBound ?? 0), Int128(target.integerRange?.upperBound ?? 0))
    for value in Self.floats + [Double(low), Double(high), Double(low) - 1, Double(high) + 1] {
      let wanted: Int128
      if value.isNaN {
        wanted = 0
      } else if value >= 0x1p100 || value <= -0x1p100 {
        wanted = value < 0 ? low : high
      } else {
        wanted = max(low, min(high, Int128(value.rounded(.towardZero))))
      }
      #expect(
        Literal.float(value, .float64).converted(to: target)
          == .integer(Int64(truncatingIfNeeded: wanted), target), "\(value)")
    }
  }

  @Test func floatsConvertToBoolByTruth() {
    #expect(Literal.float(.nan, .float32).converted(to: .bool) == .integer(1, .bool))
    #expect(Literal.float(-0.0, .float32).converted(to: .bool) == .integer(0, .bool))
    #expect(
      Literal.float(.leastNonzeroMagnitude, .float64).converted(to: .bool) == .integer(1, .bool))
  }
}

extension Int128 {
  fileprivate var magnitude128: Int128 { self < 0 ? -self : self }
}
