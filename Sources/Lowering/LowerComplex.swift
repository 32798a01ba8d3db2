import LoopIR
import Syntax

/// The two parts of a complex value; each may be used any number of times.
struct ComplexParts {
  var real: LoopIR.Expression
  var imaginary: LoopIR.Expression

  /// The complex value.
  func joined(at span: Span) -> LoopIR.Expression { .complex(real, imaginary, at: span) }
}

/// Operations on complex values, which become operations on their parts right away.
///
///     w = z * x[i]   →   z.1 = x[i]
///                        w = complex128(real(z) * real(z.1) - imag(z) * imag(z.1), …)
///
/// Operands that are used more than once are computed into variables first: nested products would double at each level.
extension Lowerer {
  // MARK: Operands

  /// A float or integer that is used more than once: itself where it costs nothing, else in a variable.
  func held(_ e: LoopIR.Expression, _ name: String = "part") -> LoopIR.Expression {
    switch e.kind {
    case .integer, .float, .variable: return e
    case .part(_, let operand), .unary(.negate, let operand):
      if operand.isLiteral || operand.isVariable { return e }
    case .load, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked, .complex:
      break
    }
    return kept(e, name)
  }

  /// A value in a variable that nothing else is assigned to.
  private func kept(_ e: LoopIR.Expression, _ name: String) -> LoopIR.Expression {
    let variable = ir.add(
      Variable(name, e.type, isFixedByParameters: ir.isFixedByParameters(e)))
    emit(.assign(variable, e), at: e.span)
    return ir.read(variable, at: e.span)
  }

  /// The parts of a value in a complex type, computed before they are used.
  func heldParts(_ e: LoopIR.Expression, as type: ScalarType) -> ComplexParts {
    let parts = parts(e, as: type)
    if e.type.isComplex, case .load = e.kind {
      let whole = kept(e.converted(to: type), "z")
      return ComplexParts(real: whole.part(.real), imaginary: whole.part(.imaginary))
    }
    return ComplexParts(real: held(parts.real), imaginary: held(parts.imaginary))
  }

  /// The parts of a value in a complex type, each to be used once.
  func parts(_ e: LoopIR.Expression, as type: ScalarType) -> ComplexParts {
    var whole = e.converted(to: type)
    switch whole.kind {
    case .complex, .variable, .load: break
    case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .part:
      whole = kept(whole, "z")
    }
    return ComplexParts(real: whole.part(.real), imaginary: whole.part(.imaginary))
  }

  // MARK: Operators

  /// `l op r` where one of them is complex.
  func complexBinary(
    _ op: Syntax.BinaryOperator, _ l: TypedValue, _ r: TypedValue, _ type: ElementType,
    at span: Span
  ) throws -> TypedValue {
    let result: ComplexParts
    let (left, right) = (l.unrounded, r.unrounded)
    switch op {
    case .add, .subtract:
      let (a, b) = (parts(left, as: type.type), parts(right, as: type.type))
      let op: LoopIR.BinaryOperator = op == .add ? .add : .subtract
      result = ComplexParts(
        real: .binary(op, a.real, b.real, at: span),
        imaginary: .binary(op, a.imaginary, b.imaginary, at: span))
    case .multiply:
      result = product(heldParts(left, as: type.type), heldParts(right, as: type.type))
    case .divide:
      result = quotient(
        heldParts(left, as: type.type), heldParts(right, as: type.type), isPython: type.isWeak)
    case .power: result = power(left, right, type)
    case .floorDivide, .modulo, .matrixMultiply, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight:
      throw reject(.wrongType(op.rawValue, l.type, r.type, at: span))
    }
    return TypedValue(result.joined(at: span), isWeak: type.isWeak)
  }

  /// `-z`.
  func negated(_ z: LoopIR.Expression, at span: Span) -> LoopIR.Expression {
    let parts = parts(z, as: z.type)
    return ComplexParts(real: -parts.real, imaginary: -parts.imaginary).joined(at: span)
  }

  /// Whether two values are equal, or different, in both parts or in one.
  func complexEquality(
    _ op: ComparisonOperator, _ l: LoopIR.Expression, _ r: LoopIR.Expression, as type: ScalarType,
    at span: Span
  ) -> LoopIR.Expression {
    let (a, b) = (parts(l, as: type), parts(r, as: type))
    return Expression(
      .logical(
        op == .equal ? .and : .or, .compare(op, a.real, b.real, at: span),
        .compare(op, a.imaginary, b.imaginary, at: span)), .bool, at: span
    ).folded
  }

  func product(_ a: ComplexParts, _ b: ComplexParts) -> ComplexParts {
    ComplexParts(
      real: a.real * b.real - a.imaginary * b.imaginary,
      imaginary: a.real * b.imaginary + a.imaginary * b.real)
  }

  /// A quotient that neither overflows nor underflows where it need not.
  ///
  /// The divisor's smaller part is divided by its larger one, and what multiplies both parts of the dividend is then of their
  /// own size (R. L. Smith, Algorithm 116, Communications of the ACM 5, 1962). Python divides by the scaled divisor;
  /// NumPy multiplies by its reciprocal, which rounds once more. By zero, each part is divided by zero.
  ///
  /// That product stands in a variable: a sum must not take it in where a known divisor leaves no choice.
  func quotient(_ a: ComplexParts, _ b: ComplexParts, isPython: Bool) -> ComplexParts {
    let type = a.real.type
    let (sizeOfReal, sizeOfImaginary) = (held(b.real.magnitude), held(b.imaginary.magnitude))
    let isRealLarger = held(.compare(.greaterEqual, sizeOfReal, sizeOfImaginary), "larger")
    func chosen(_ e: LoopIR.Expression, _ other: LoopIR.Expression) -> LoopIR.Expression {
      Expression(.select(isRealLarger, then: e, otherwise: other), type).folded
    }
    let (large, small) = (
      held(chosen(b.real, b.imaginary)), held(chosen(b.imaginary, b.real))
    )
    let ratio = held(.binary(.divide, small, large))
    let divisor = held(large + small * ratio)
    let (first, second) = (
      held(chosen(a.real, a.imaginary)), held(chosen(a.imaginary, a.real))
    )
    let parts = ComplexParts(
      real: first + second * ratio,
      imaginary: chosen(second - first * ratio, first * ratio - second))
    let reciprocal = isPython ? divisor : held(.binary(.divide, .one(type), divisor))
    func scaled(_ e: LoopIR.Expression, _ dividend: LoopIR.Expression) -> LoopIR.Expression {
      let quotient = isPython ? .binary(.divide, e, divisor) : held(e * reciprocal)
      // Both parts of the divisor are zero where the larger one is.
      let isZero = LoopIR.Expression.compare(.equal, large, .zero(type))
      return Expression(
        .select(isZero, then: .binary(.divide, dividend, sizeOfReal), otherwise: quotient), type
      ).folded
    }
    return ComplexParts(
      real: scaled(parts.real, a.real), imaginary: scaled(parts.imaginary, a.imaginary))
  }

  // MARK: Powers

  /// `l ** r`: small integer powers are products as in Python and NumPy, all others go by way of polar coordinates.
  private func power(
    _ l: LoopIR.Expression, _ r: LoopIR.Expression, _ type: ElementType
  ) -> ComplexParts {
    let base = heldParts(l, as: type.type)
    let exponent = heldParts(r, as: type.type)
    if let known = exponent.real.floatLiteral, exponent.imaginary.floatLiteral == 0,
      known.magnitude <= Self.greatestIntegerPower(isPython: type.isWeak),
      let n = Int(exactly: known)
    {
      return power(base, n, isPython: type.isWeak)
    }
    let result = makeVariable("power", type.type)
    let span = l.span
    func branch(_ value: () -> ComplexParts) -> [LoopIR.Statement] {
      block { emit(.assign(result, value().joined(at: span)), at: span) }
    }
    emit(
      .conditional(
        isSmallInteger(exponent, isPython: type.isWeak),
        then: branch { runTimePower(base, exponent.real, isPython: type.isWeak) },
        otherwise: branch { polarPower(base, exponent) }), at: span)
    let whole = ir.read(result, at: span)
    return ComplexParts(real: whole.part(.real), imaginary: whole.part(.imaginary))
  }

  /// The greatest exponent whose power is a product of squares.
  private static func greatestIntegerPower(isPython: Bool) -> Double { isPython ? 100 : 99 }

  private func isSmallInteger(_ exponent: ComplexParts, isPython: Bool) -> LoopIR.Expression {
    let type = exponent.real.type
    let whole = LoopIR.Expression.compare(
      .equal, math(.floor, exponent.real), exponent.real)
    let limit = LoopIR.Expression.float(
      Self.greatestIntegerPower(isPython: isPython), type)
    let small = LoopIR.Expression.compare(.lessEqual, exponent.real.magnitude, limit)
    let real = LoopIR.Expression.compare(.equal, exponent.imaginary, .zero(type))
    return Expression(
      .logical(.and, real, Expression(.logical(.and, whole, small), .bool).folded), .bool
    ).folded
  }

  /// The product of the squares that the bits of `n` name, the lowest first.
  ///
  /// Python and NumPy begin with 1, NumPy not so for powers up to 3; where there are infinities, that tells.
  private func power(_ base: ComplexParts, _ n: Int, isPython: Bool) -> ComplexParts {
    let one = ComplexParts(real: .one(base.real.type), imaginary: .zero(base.real.type))
    if n == 0 { return one }
    let first = !isPython && (1...3).contains(n) ? nil : one
    var (square, result, rest) = (base, first, abs(n))
    while true {
      if rest % 2 == 1 { result = result.map { kept(product($0, square)) } ?? square }
      rest /= 2
      if rest == 0 { break }
      square = kept(product(square, square))
    }
    let power = result ?? one
    return n > 0 ? power : inverse(of: power, base, isPython: isPython)
  }

  /// 1 / `power`; NumPy gives NaN for a negative power of zero.
  private func inverse(of power: ComplexParts, _ base: ComplexParts, isPython: Bool)
    -> ComplexParts
  {
    let type = base.real.type
    let one = ComplexParts(real: .one(type), imaginary: .zero(type))
    let inverse = quotient(one, power, isPython: isPython)
    if isPython { return inverse }
    let isZero = Expression(
      .logical(
        .and, .compare(.equal, base.real, .zero(type)),
        .compare(.equal, base.imaginary, .zero(type))
      ), .bool
    ).folded
    func unlessZero(_ e: LoopIR.Expression) -> LoopIR.Expression {
      Expression(.select(isZero, then: .float(.nan, type), otherwise: e), type).folded
    }
    return ComplexParts(
      real: unlessZero(inverse.real), imaginary: unlessZero(inverse.imaginary))
  }

  private func kept(_ z: ComplexParts) -> ComplexParts {
    ComplexParts(real: held(z.real), imaginary: held(z.imaginary))
  }

  /// The same for an integer exponent, given as a float, that is known at run time.
  private func runTimePower(
    _ base: ComplexParts, _ exponent: LoopIR.Expression, isPython: Bool
  ) -> ComplexParts {
    let type = base.real.type
    let one = ComplexParts(real: .one(type), imaginary: .zero(type))
    let complex = one.joined(at: .none).type
    let (result, square) = (makeVariable("power", complex), makeVariable("square", complex))
    let rest = makeVariable("rest", .int64)
    func parts(_ id: VariableID) -> ComplexParts {
      ComplexParts(real: ir.read(id).part(.real), imaginary: ir.read(id).part(.imaginary))
    }
    emit(.assign(result, one.joined(at: .none)), at: .none)
    emit(.assign(square, base.joined(at: .none)), at: .none)
    emit(.assign(rest, exponent.magnitude.converted(to: .int64)), at: .none)
    let isOdd = LoopIR.Expression.compare(
      .notEqual, .binary(.bitAnd, ir.read(rest), .index(1)), .index(0))
    let body = block {
      let multiply = block {
        emit(.assign(result, product(parts(result), parts(square)).joined(at: .none)), at: .none)
      }
      emit(.conditional(isOdd, then: multiply, otherwise: []), at: .none)
      emit(.assign(square, product(parts(square), parts(square)).joined(at: .none)), at: .none)
      emit(.assign(rest, .binary(.shiftRight, ir.read(rest), .index(1))), at: .none)
    }
    emit(
      .whileLoop(condition: .compare(.greater, ir.read(rest), .index(0)), body: body), at: .none)
    let invert = block {
      let inverse = inverse(of: parts(result), base, isPython: isPython)
      emit(.assign(result, inverse.joined(at: .none)), at: .none)
    }
    emit(
      .conditional(.compare(.less, exponent, .zero(type)), then: invert, otherwise: []), at: .none)
    return parts(result)
  }

  /// `|a| ** b.real · e ** (−b.imag · φ)`, turned by `b.real · φ + b.imag · log |a|`, where φ is the angle of `a`.
  private func polarPower(_ a: ComplexParts, _ b: ComplexParts) -> ComplexParts {
    let type = a.real.type
    let size = held(magnitude(a), "size")
    let angle = held(math(.atan2, a.imaginary, a.real), "angle")
    var length = LoopIR.Expression.binary(.power, size, b.real)
    var turn = angle * b.real
    let isReal = b.imaginary.floatLiteral == 0
    if !isReal {
      length = length * math(.exp, -(angle * b.imaginary))
      turn = turn + b.imaginary * math(.log, size)
    }
    let (held, phase) = (self.held(length), self.held(turn, "phase"))
    // A power of zero is zero where the exponent is positive, and nothing that makes sense for any other.
    let isZero = LoopIR.Expression.compare(.equal, size, .zero(type))
    let isPositive = LoopIR.Expression.compare(.greater, b.real, .zero(type))
    let ofZero = Expression(
      .select(isPositive, then: .zero(type), otherwise: .float(.nan, type)), type
    ).folded
    func unlessZero(_ e: LoopIR.Expression) -> LoopIR.Expression {
      Expression(.select(isZero, then: ofZero, otherwise: e), type).folded
    }
    return ComplexParts(
      real: unlessZero(held * math(.cos, phase)), imaginary: unlessZero(held * math(.sin, phase)))
  }

  /// `|z|`, without overflow.
  func magnitude(_ z: ComplexParts) -> LoopIR.Expression { math(.hypot, z.real, z.imaginary) }

  /// A math function of floats of one type.
  func math(_ function: MathFunction, _ arguments: LoopIR.Expression...) -> LoopIR.Expression {
    Expression(
      .math(function, arguments), function.isPredicate ? .bool : arguments[0].type,
      at: arguments[0].span)
  }
}

extension LoopIR.Expression {
  /// Whether the expression is a variable as it is.
  var isVariable: Bool { if case .variable = kind { true } else { false } }

  /// `abs(self)` of a float.
  var magnitude: LoopIR.Expression { Expression(.unary(.absolute, self), type, at: span).folded }

  static prefix func - (operand: LoopIR.Expression) -> LoopIR.Expression {
    Expression(.unary(.negate, operand), operand.type, at: operand.span).folded
  }
}
