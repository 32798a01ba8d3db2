import LoopIR
import Syntax

/// Integers that are written as expressions of literals, as `2**64 - 1`: those of Python have any size, those of compiled code 64
/// bits. One that does not fit is refused, for it is known here; the others are computed as anything else is, unless a part of
/// them does not fit, as in `-2**63`.
extension Lowerer {
  /// The value of an expression of integer literals of which some part does not fit into int64; nil for all others.
  func largeConstant(_ e: Syntax.Expression) throws -> Value? {
    guard let constant = ConstantInteger(e), constant.hasLargePart else { return nil }
    guard let value = constant.value else {
      throw reject(.tooLarge("this integer", at: e.span))
    }
    return .scalar(written(Expression(.integer(value), .int64, at: e.span)))
  }
}

extension Diagnostic {
  static func tooLarge(_ integer: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "\(integer) does not fit into int64, which Python's integers are in compiled code",
      at: span,
      help:
        "a float holds it, as 2.0**64; for uint64, assign numpy.uint64(…) outside of the function, or pass it"
    )
  }
}

/// The value of an expression of integer literals.
private struct ConstantInteger {
  /// An integer of 64 bits and a sign; 0 is not negative.
  private typealias Exact = (isNegative: Bool, magnitude: UInt64)

  /// Nil where it, or a part of it, is beyond 64 bits and a sign.
  private var exact: Exact?
  /// Whether it, or a part of it, does not fit into int64.
  private(set) var hasLargePart = false

  /// The value, where it fits into int64.
  var value: Int64? {
    guard let exact else { return nil }
    if !exact.isNegative { return Int64(exactly: exact.magnitude) }
    return exact.magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- exact.magnitude) : nil
  }

  private init(_ exact: Exact?, parts: [ConstantInteger] = []) {
    self.exact = exact
    hasLargePart = parts.contains(where: \.hasLargePart)
    hasLargePart = hasLargePart || value == nil
  }

  private init(_ value: Int64, parts: [ConstantInteger] = []) {
    self.init((value < 0, value.magnitude), parts: parts)
  }

  /// Nil where the expression is none of integer literals alone, or has no integer value.
  init?(_ e: Syntax.Expression) {
    switch e.kind {
    case .integer(let value): self.init(value)
    case .bigInteger(let text): self.init(UInt64(text).map { (false, $0) })
    case .unary(.negate, let operand):
      guard let part = ConstantInteger(operand) else { return nil }
      self.init(part.exact.map(Self.negated), parts: [part])
    case .binary(let op, let left, let right):
      guard let r = ConstantInteger(right), let l = ConstantInteger(left),
        let result = Self.apply(op, l, r)
      else { return nil }
      self = result
    default: return nil
    }
  }

  private static func apply(_ op: Syntax.BinaryOperator, _ l: Self, _ r: Self) -> Self? {
    guard let a = l.exact, let b = r.exact else { return Self(nil, parts: [l, r]) }
    switch op {
    case .add: return Self(sum(a, b), parts: [l, r])
    case .subtract:
      return Self(sum(a, negated(b)), parts: [l, r])
    case .multiply:
      let (product, overflow) = a.magnitude.multipliedReportingOverflow(by: b.magnitude)
      let isNegative = product > 0 && a.isNegative != b.isNegative
      return Self(overflow ? nil : (isNegative, product), parts: [l, r])
    case .power where !b.isNegative:
      let isNegative = a.isNegative && b.magnitude % 2 == 1
      return Self(power(a.magnitude, b.magnitude).map { (isNegative, $0) }, parts: [l, r])
    case .shiftLeft where !b.isNegative:
      let fits = a.magnitude == 0 || b.magnitude <= UInt64(a.magnitude.leadingZeroBitCount)
      return Self(fits ? (a.isNegative, a.magnitude << b.magnitude) : nil, parts: [l, r])
    default:
      // What other operators make of 64 bits is computed as anything else is.
      guard l.hasLargePart || r.hasLargePart else { return nil }
      return Self(nil, parts: [l, r])
    }
  }

  private static func negated(_ a: Exact) -> Exact {
    (a.magnitude > 0 && !a.isNegative, a.magnitude)
  }

  private static func sum(_ a: Exact, _ b: Exact) -> Exact? {
    if a.isNegative == b.isNegative {
      let (sum, overflow) = a.magnitude.addingReportingOverflow(b.magnitude)
      return overflow ? nil : (a.isNegative, sum)
    }
    let (greater, less) = a.magnitude >= b.magnitude ? (a, b) : (b, a)
    let difference = greater.magnitude - less.magnitude
    return (difference > 0 && greater.isNegative, difference)
  }

  private static func power(_ base: UInt64, _ exponent: UInt64) -> UInt64? {
    if base <= 1 { return exponent == 0 ? 1 : base }
    var result: UInt64 = 1
    for _ in 0..<min(exponent, 64) {
      let (next, overflow) = result.multipliedReportingOverflow(by: base)
      if overflow { return nil }
      result = next
    }
    return result
  }
}
