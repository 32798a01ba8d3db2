import LoopIR
import Syntax

/// Integers that are written as expressions of literals, as `2**64 - 1`: those of Python have any size, those of compiled code 64
/// bits. One that does not fit into int64 is a uint64, if it fits there, and else refused, for it is known here; the others are
/// computed as anything else is, unless a part of them does not fit, as in `-2**63`.
extension Lowerer {
  /// The value of an expression of integer literals of which some part does not fit into int64; nil for all others.
  ///
  /// - Parameter name: what the expression is called in a message.
  func largeConstant(_ e: Syntax.Expression, named name: String = "this integer") throws -> Value? {
    guard let constant = ConstantInteger(e), constant.hasLargePart else { return nil }
    if let value = constant.value {
      return .scalar(written(Expression(.integer(value), .int64, at: e.span)))
    }
    guard let bits = constant.unsignedValue else { throw reject(.tooLarge(name, at: e.span)) }
    let literal = Expression(.integer(Int64(bitPattern: bits)), .uint64, at: e.span)
    return .scalar(TypedValue(literal, isWeak: false))
  }
}

extension Diagnostic {
  static func tooLarge(_ integer: String, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "\(integer) does not fit into 64 bits, which Python's integers have in compiled code",
      at: span, help: "write a float, as 2.0**64")
  }
}

/// The value of an expression of integer literals.
private struct ConstantInteger {
  /// Nil where it, or a part of it, is beyond 128 bits.
  private var exact: Int128?
  /// Whether it, or a part of it, does not fit into int64.
  private(set) var hasLargePart: Bool

  /// The value, where it fits into int64.
  var value: Int64? { exact.flatMap { Int64(exactly: $0) } }

  /// The value, where it fits into uint64.
  var unsignedValue: UInt64? { exact.flatMap { UInt64(exactly: $0) } }

  private init(_ exact: Int128?, parts: [ConstantInteger] = []) {
    self.exact = exact
    hasLargePart = parts.contains(where: \.hasLargePart)
    hasLargePart = hasLargePart || value == nil
  }

  /// Nil where the expression is none of integer literals alone, or has no integer value.
  init?(_ e: Syntax.Expression) {
    switch e.kind {
    case .integer(let value): self.init(Int128(value))
    case .bigInteger(let text): self.init(Int128(text))
    case .unary(let op, let operand) where op == .negate || op == .invert:
      guard let part = ConstantInteger(operand) else { return nil }
      self.init(part.exact.map { op == .negate ? 0 &- $0 : ~$0 }, parts: [part])
    case .binary(let op, let left, let right):
      guard let r = ConstantInteger(right), let l = ConstantInteger(left) else { return nil }
      guard let a = l.exact, let b = r.exact else {
        self.init(nil, parts: [l, r])
        return
      }
      guard let result = Self.apply(op, a, b) else { return nil }
      self.init(result, parts: [l, r])
    default: return nil
    }
  }

  /// What an operator makes of two integers: nil where that is none, or an error, and nil inside where it is beyond 128 bits.
  private static func apply(_ op: Syntax.BinaryOperator, _ l: Int128, _ r: Int128) -> Int128?? {
    func exact(_ result: (partialValue: Int128, overflow: Bool)) -> Int128?? {
      .some(result.overflow ? nil : result.partialValue)
    }
    switch op {
    case .add: return exact(l.addingReportingOverflow(r))
    case .subtract: return exact(l.subtractingReportingOverflow(r))
    case .multiply: return exact(l.multipliedReportingOverflow(by: r))
    case .power where r >= 0: return .some(power(l, r))
    case .shiftLeft where r >= 0:
      return .some(l == 0 ? 0 : r < 127 && (l << r) >> r == l ? l << r : nil)
    case .shiftRight where r >= 0: return .some(l >> min(r, 127))
    case .bitAnd: return .some(l & r)
    case .bitOr: return .some(l | r)
    case .bitXor: return .some(l ^ r)
    case .floorDivide, .modulo, .divide, .power, .shiftLeft, .shiftRight, .matrixMultiply:
      return nil
    }
  }

  private static func power(_ base: Int128, _ exponent: Int128) -> Int128? {
    if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
    if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
    var result: Int128 = 1
    for _ in 0..<min(exponent, 128) {
      let (next, overflow) = result.multipliedReportingOverflow(by: base)
      if overflow { return nil }
      result = next
    }
    return result
  }
}
