/// The least and the greatest value that an integer may have.
public struct ValueRange: Sendable, Hashable {
  public var least: Int64
  public var greatest: Int64

  /// Creates the range from `least` to `greatest`, or of `least` alone where that is greater.
  public init(_ least: Int64, _ greatest: Int64) {
    self.least = least
    self.greatest = max(least, greatest)
  }

  /// The values of 32 bits.
  public static let int32 = ValueRange(Int64(Int32.min), Int64(Int32.max))

  /// The numbers of a call that are not large: sums and differences of two have 32 bits.
  public static let small = ValueRange(-(1 << 30), 1 << 30 - 1)

  /// The values of an integer type or bool; nil for uint64, which has values that are no Int64, and for floats.
  public init?(of type: ScalarType) {
    guard type != .uint64, let range = type.integerRange else { return nil }
    self.init(range.lowerBound, range.upperBound)
  }

  public var isNonNegative: Bool { least >= 0 }

  /// Whether all values are values of the other range.
  public func isInside(_ other: ValueRange) -> Bool {
    other.least <= least && greatest <= other.greatest
  }

  /// The range that has the values of both.
  public func joined(with other: ValueRange) -> ValueRange {
    ValueRange(min(least, other.least), max(greatest, other.greatest))
  }

  /// What `l op r` may be, over the integers; nil where that may leave 64 bits, or is not looked into.
  public static func applying(
    _ op: BinaryOperator, _ l: ValueRange, _ r: ValueRange
  ) -> ValueRange? {
    switch op {
    case .add: corners(l, r) { $0.addingReportingOverflow($1) }
    case .subtract: corners(l, r) { $0.subtractingReportingOverflow($1) }
    case .multiply: corners(l, r) { $0.multipliedReportingOverflow(by: $1) }
    case .floorDivide where r.least >= 1: corners(l, r) { (floorQuotient($0, $1), false) }
    // By any divisor the quotient is no farther from 0 than the dividend.
    case .floorDivide:
      corners(ValueRange(0, 0), l) { $0.subtractingReportingOverflow($1) }?.joined(with: l)
    case .modulo where r.least >= 1:
      // Of a dividend that is not negative the remainder is no greater.
      ValueRange(0, l.isNonNegative ? min(l.greatest, r.greatest - 1) : r.greatest - 1)
    // The sign is the divisor's, and by 0 the remainder is 0.
    case .modulo: ValueRange(min(r.least, -1) + 1, max(r.greatest, 1) - 1)
    case .pythonMin, .minimum:
      ValueRange(min(l.least, r.least), min(l.greatest, r.greatest))
    case .pythonMax, .maximum:
      ValueRange(max(l.least, r.least), max(l.greatest, r.greatest))
    case .bitAnd where l.isNonNegative || r.isNonNegative:
      // No bit is set that is not set in an operand, and a negative one may leave all bits of the other.
      ValueRange(
        0, min(l.isNonNegative ? l.greatest : .max, r.isNonNegative ? r.greatest : .max))
    case .bitAnd, .divide, .power, .bitOr, .bitXor, .shiftLeft, .shiftRight:
      nil
    }
  }

  /// The range of an operation whose extremes lie at the ends of its operands' ranges.
  private static func corners(
    _ l: ValueRange, _ r: ValueRange, _ apply: (Int64, Int64) -> (Int64, Bool)
  ) -> ValueRange? {
    var least = Int64.max
    var greatest = Int64.min
    for left in [l.least, l.greatest] {
      for right in [r.least, r.greatest] {
        let (value, overflows) = apply(left, right)
        if overflows { return nil }
        least = min(least, value)
        greatest = max(greatest, value)
      }
    }
    return ValueRange(least, greatest)
  }

  /// The quotient by a positive divisor, rounded down.
  private static func floorQuotient(_ dividend: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, rest) = dividend.quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? quotient - 1 : quotient
  }
}
