import Syntax

/// Builders that serve compiler and tests alike.
extension Expression {
  /// The int64 literal `value`.
  public static func index(_ value: Int, at span: Span = .none) -> Expression {
    Expression(.integer(Int64(value)), .int64, at: span)
  }

  /// A literal of type bool.
  public static func bool(_ value: Bool, at span: Span = .none) -> Expression {
    Expression(.integer(value ? 1 : 0), .bool, at: span)
  }

  /// A literal of a float type, rounded to it.
  public static func float(_ value: Double, _ type: ScalarType, at span: Span = .none) -> Expression
  {
    Expression(
      .float(FloatLiteral(type.rounded(value))), type, at: span)
  }

  /// The literal 0 of any type.
  public static func zero(_ type: ScalarType) -> Expression {
    if type.isComplex { return .complex(.zero(type.part), .zero(type.part)) }
    return Expression(type.isFloat ? .float(FloatLiteral(0)) : .integer(0), type)
  }

  /// The complex value of two parts of one float type, float32 or float64.
  public static func complex(
    _ real: Expression, _ imaginary: Expression, at span: Span = .none
  ) -> Expression {
    Expression(
      .complex(real, imaginary), real.type == .float32 ? .complex64 : .complex128, at: span)
  }

  /// A part of this complex value.
  public func part(_ part: ComplexPart) -> Expression {
    Expression(.part(part, self), type.part, at: span).folded
  }

  /// The literal 1 of any type.
  public static func one(_ type: ScalarType) -> Expression {
    if type.isComplex { return .complex(.one(type.part), .zero(type.part)) }
    return Expression(type.isFloat ? .float(FloatLiteral(1)) : .integer(1), type)
  }

  /// The greatest or the least value of a type; infinite for floats.
  public static func extreme(of type: ScalarType, greatest: Bool) -> Expression {
    guard let range = type.integerRange else {
      return float(greatest ? .infinity : -.infinity, type)
    }
    if type == .uint64 && greatest { return Expression(.integer(-1), type) }
    return Expression(.integer(greatest ? range.upperBound : range.lowerBound), type)
  }

  /// The value of an integer or bool literal that a signed 64-bit integer holds.
  public var integerLiteral: Int64? {
    guard case .integer(let value) = kind, type != .uint64 || value >= 0 else { return nil }
    return value
  }

  /// The value of a float literal.
  public var floatLiteral: Double? {
    guard case .float(let literal) = kind else { return nil }
    return literal.value
  }

  /// Whether the value stands in the program.
  public var isLiteral: Bool {
    switch kind {
    case .integer, .float: true
    case .complex(let real, let imaginary): real.isLiteral && imaginary.isLiteral
    case .variable, .load, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .part:
      false
    }
  }

  /// This value in another type; literals are converted right away.
  public func converted(to target: ScalarType) -> Expression {
    if type == target { return self }
    if target.isComplex && !type.isComplex {
      return .complex(converted(to: target.part), .zero(target.part), at: span)
    }
    if target.isComplex, case .complex(let real, let imaginary) = kind {
      return .complex(
        real.converted(to: target.part), imaginary.converted(to: target.part), at: span)
    }
    if target == .bool, case .complex(let real, let imaginary) = kind {
      return Expression(
        .logical(.or, real.converted(to: .bool), imaginary.converted(to: .bool)), .bool, at: span
      ).folded
    }
    if let literal = Literal(self)?.converted(to: target) { return literal.expression(at: span) }
    return Expression(.convert(self), target, at: span)
  }

  /// `left op right` of one type, folded where both are literals.
  public static func binary(
    _ op: BinaryOperator, _ left: Expression, _ right: Expression, at span: Span = .none
  ) -> Expression {
    Expression(.binary(op, left, right), left.type, at: span).folded
  }

  /// `left op right`, a bool, folded where both are literals.
  public static func compare(
    _ op: ComparisonOperator, _ left: Expression, _ right: Expression, at span: Span = .none
  ) -> Expression {
    Expression(.compare(op, left, right), .bool, at: span).folded
  }

  /// The sum of two values of one type.
  public static func + (l: Expression, r: Expression) -> Expression { .binary(.add, l, r) }
  /// The difference of two values of one type.
  public static func - (l: Expression, r: Expression) -> Expression { .binary(.subtract, l, r) }
  /// The product of two values of one type.
  public static func * (l: Expression, r: Expression) -> Expression { .binary(.multiply, l, r) }
}
