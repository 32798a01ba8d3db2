import Syntax

/// A typed constant, with the arithmetic that compiled code does.
public enum Literal: Sendable, Hashable {
  /// An integer or bool as the 64 bits it has when sign- or zero-extended by its type.
  case integer(Int64, ScalarType)
  case float(Double, ScalarType)

  /// The constant that a literal expression stands for; nil for anything else.
  public init?(_ expression: Expression) {
    switch expression.kind {
    case .integer(let value): self = .integer(value, expression.type)
    case .float(let literal): self = .float(literal.value, expression.type)
    case .variable, .load, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .complex, .part:
      return nil
    }
  }

  /// The type of the value.
  public var type: ScalarType {
    switch self {
    case .integer(_, let type), .float(_, let type): type
    }
  }

  /// The literal expression for the constant.
  public func expression(at span: Span = .none) -> Expression {
    switch self {
    case .integer(let value, let type): Expression(.integer(value), type, at: span)
    case .float(let value, let type): Expression(.float(FloatLiteral(value)), type, at: span)
    }
  }

  /// Whether Python takes the value for true.
  public var isTrue: Bool {
    switch self {
    case .integer(let value, _): value != 0
    case .float(let value, _): value != 0
    }
  }

  /// The value in another type: integers wrap, floats round, floats to integers truncate and saturate with NaN as 0.
  public func converted(to target: ScalarType) -> Literal {
    if target == .bool { return .integer(isTrue ? 1 : 0, .bool) }
    switch self {
    case .integer(let value, let type):
      guard target.isFloat else { return .integer(target.wrapping(value), target) }
      if target != .float64 {
        let rounded = type == .uint64 ? Float(UInt64(bitPattern: value)) : Float(value)
        return .float(target.rounded(Double(rounded)), target)
      }
      return .float(type == .uint64 ? Double(UInt64(bitPattern: value)) : Double(value), target)
    case .float(let value, _):
      switch target {
      case .float16, .bfloat16, .float32, .float64: return .float(target.rounded(value), target)
      case .uint64: return .integer(Int64(bitPattern: saturating(value, UInt64.self)), target)
      case .int8: return .integer(Int64(saturating(value, Int8.self)), target)
      case .int16: return .integer(Int64(saturating(value, Int16.self)), target)
      case .int32: return .integer(Int64(saturating(value, Int32.self)), target)
      case .int64: return .integer(saturating(value, Int64.self), target)
      case .uint8: return .integer(Int64(saturating(value, UInt8.self)), target)
      case .uint16: return .integer(Int64(saturating(value, UInt16.self)), target)
      case .uint32: return .integer(Int64(saturating(value, UInt32.self)), target)
      case .bool: return .integer(isTrue ? 1 : 0, .bool)
      // Pairs of literals; `Expression.converted` makes them.
      case .complex64, .complex128: return self
      }
    }
  }

  /// `value` truncated towards zero into `type`, its ends where it does not fit, 0 for NaN.
  private func saturating<T: FixedWidthInteger>(_ value: Double, _ type: T.Type) -> T {
    if value.isNaN { return 0 }
    let truncated = value.rounded(.towardZero)
    if let exact = T(exactly: truncated) { return exact }
    return truncated < 0 ? T.min : T.max
  }
}

extension Literal {
  /// The result of a unary operator, or nil where it has no meaning for the type.
  public func applying(_ op: UnaryOperator) -> Literal? {
    switch (op, self) {
    case (.not, _): .integer(isTrue ? 0 : 1, .bool)
    case (.negate, .integer(let value, let type)): .integer(type.wrapping(0 &- value), type)
    case (.negate, .float(let value, let type)): .float(-value, type)
    case (.invert, .integer(let value, let type)):
      .integer(type == .bool ? 1 - value : type.wrapping(~value), type)
    case (.invert, .float): nil
    case (.absolute, .integer(let value, let type)):
      .integer(type.isSignedInteger && value < 0 ? type.wrapping(0 &- value) : value, type)
    case (.absolute, .float(let value, let type)): .float(value.magnitude, type)
    }
  }

  /// The result of a binary operator on two constants of one type, or nil where it is left to run time.
  public static func apply(_ op: BinaryOperator, _ left: Literal, _ right: Literal) -> Literal? {
    switch (left, right) {
    case (.integer(let l, let type), .integer(let r, _)):
      if type == .uint64 {
        return unsigned(op, UInt64(bitPattern: l), UInt64(bitPattern: r)).map {
          .integer(Int64(bitPattern: $0), type)
        }
      }
      return signed(op, l, r, width: type.bitWidth).map { .integer(type.wrapping($0), type) }
    case (.float(let l, let type), .float(let r, _)):
      return float(op, l, r).map { .float(type.roundedResult($0), type) }
    default: return nil
    }
  }

  /// Integers that 64 signed bits hold exactly; the caller wraps the result to the type.
  private static func signed(_ op: BinaryOperator, _ l: Int64, _ r: Int64, width: Int) -> Int64? {
    switch op {
    case .add: return l &+ r
    case .subtract: return l &- r
    case .multiply: return l &* r
    case .floorDivide:
      if r == 0 { return 0 }
      if r == -1 { return 0 &- l }
      return l / r - (l % r != 0 && (l < 0) != (r < 0) ? 1 : 0)
    case .modulo:
      if r == 0 || r == -1 { return 0 }
      let remainder = l % r
      return remainder != 0 && (remainder < 0) != (r < 0) ? remainder + r : remainder
    case .bitAnd: return l & r
    case .bitOr: return l | r
    case .bitXor: return l ^ r
    case .shiftLeft: return r < 0 || r >= width ? 0 : l << r
    case .shiftRight: return r < 0 || r >= width ? (l < 0 ? -1 : 0) : l >> r
    case .pythonMin, .minimum: return min(l, r)
    case .pythonMax, .maximum: return max(l, r)
    case .divide, .power: return nil
    }
  }

  private static func unsigned(_ op: BinaryOperator, _ l: UInt64, _ r: UInt64) -> UInt64? {
    switch op {
    case .add: l &+ r
    case .subtract: l &- r
    case .multiply: l &* r
    case .floorDivide: r == 0 ? 0 : l / r
    case .modulo: r == 0 ? 0 : l % r
    case .bitAnd: l & r
    case .bitOr: l | r
    case .bitXor: l ^ r
    case .shiftLeft: r >= 64 ? 0 : l << r
    case .shiftRight: r >= 64 ? 0 : l >> r
    case .pythonMin, .minimum: min(l, r)
    case .pythonMax, .maximum: max(l, r)
    case .divide, .power: nil
    }
  }

  /// The IEEE operations; each is right for the narrower floats too when its result is rounded once more, because a
  /// double holds more than twice their digits.
  private static func float(_ op: BinaryOperator, _ l: Double, _ r: Double) -> Double? {
    switch op {
    case .add: l + r
    case .subtract: l - r
    case .multiply: l * r
    case .divide: l / r
    case .pythonMin: r < l ? r : l
    case .pythonMax: r > l ? r : l
    case .minimum: l.isNaN || r.isNaN ? .nan : Swift.min(l, r)
    case .maximum: l.isNaN || r.isNaN ? .nan : Swift.max(l, r)
    case .floorDivide, .modulo, .power, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight: nil
    }
  }

  /// The truth of a comparison; mixed signedness compares exactly.
  public static func compare(_ op: ComparisonOperator, _ left: Literal, _ right: Literal) -> Bool? {
    switch (left, right) {
    case (.float(let l, _), .float(let r, _)):
      return op.holds(l, r)
    case (.integer(let l, let lType), .integer(let r, let rType)):
      let isHugeLeft = lType == .uint64 && l < 0
      let isHugeRight = rType == .uint64 && r < 0
      if isHugeLeft != isHugeRight { return op.holds(isHugeLeft ? 1 : 0, isHugeRight ? 1 : 0) }
      return op.holds(l, r)
    default: return nil
    }
  }
}

extension Syntax.ComparisonOperator {
  /// Whether `left op right` holds.
  public func holds<T: Comparable>(_ left: T, _ right: T) -> Bool {
    switch self {
    case .equal: left == right
    case .notEqual: left != right
    case .less: left < right
    case .lessEqual: left <= right
    case .greater: left > right
    case .greaterEqual: left >= right
    }
  }
}
