import LoopIR
import Syntax

/// Functions of complex values, by formulas over their parts.
///
/// Infinities, NaN and the signs of zeros come out as Annex G of the C standard has them, which NumPy and `cmath` follow.
extension Lowerer {
  /// A function of one complex value.
  func complexFunction(
    _ intrinsic: Intrinsic, _ value: TypedValue, named name: String, at span: Span
  ) throws -> TypedValue {
    let type = value.type
    func result(_ parts: ComplexParts) -> TypedValue {
      TypedValue(parts.joined(at: span), isWeak: value.isWeak)
    }
    func real(_ e: LoopIR.Expression) -> TypedValue { partValue(e, isWeak: value.isWeak) }
    func each(_ function: MathFunction, _ op: BooleanOperator) -> TypedValue {
      let z = parts(value.expression, as: type)
      let truth = Expression(
        .logical(op, math(function, z.real), math(function, z.imaginary)), .bool, at: span)
      return TypedValue(truth, isWeak: value.isWeak)
    }
    func z() -> ComplexParts { heldParts(value.expression, as: type) }
    switch intrinsic {
    case .abs: return real(magnitude(z()))
    case .angle: return real(angle(of: z()))
    case .real: return real(parts(value.expression, as: type).real)
    case .imag: return real(parts(value.expression, as: type).imaginary)
    case .conjugate:
      let z = parts(value.expression, as: type)
      return result(ComplexParts(real: z.real, imaginary: -z.imaginary))
    case .neg: return TypedValue(negated(value.expression, at: span), isWeak: value.isWeak)
    case .isnan: return each(.isnan, .or)
    case .isinf: return each(.isinf, .or)
    case .isfinite: return each(.isfinite, .and)
    case .exp: return result(exponential(z()))
    case .log: return result(logarithm(z()))
    case .log2: return result(scaled(logarithm(z()), by: 1.4426950408889634))
    case .log10: return result(scaled(logarithm(z()), by: 0.4342944819032518))
    case .sqrt: return result(squareRoot(z()))
    case .sinh: return result(hyperbolicSine(z()))
    case .cosh: return result(hyperbolicCosine(z()))
    case .tanh: return result(hyperbolicTangent(z()))
    // The circular functions of z are the hyperbolic ones of iz, turned back.
    case .sin: return result(turnedBack(hyperbolicSine(turned(z()))))
    case .cos: return result(hyperbolicCosine(turned(z())))
    case .tan: return result(turnedBack(hyperbolicTangent(turned(z()))))
    case .toBool: return .weak(truth(value))
    default: throw reject(.notOfComplex(name, type, at: span))
    }
  }

  /// The value as `complex(value)`: a Python complex.
  func pythonComplex(_ value: TypedValue) -> TypedValue {
    .weak(value.converted(to: weakTypes.complex))
  }

  /// `complex(real, imaginary)`, whose arguments may be complex themselves: `real + 1j * imaginary`.
  func complexValue(_ real: TypedValue, _ imaginary: TypedValue, at span: Span) -> TypedValue {
    let type = weakTypes.complex
    let a = parts(real.converted(to: type), as: type)
    let b = parts(imaginary.converted(to: type), as: type)
    let first = real.type.isComplex || imaginary.type.isComplex
    return .weak(
      .complex(
        first && imaginary.type.isComplex ? a.real - b.imaginary : a.real,
        real.type.isComplex ? a.imaginary + b.real : b.real, at: span))
  }

  // MARK: Formulas

  private func angle(of z: ComplexParts) -> LoopIR.Expression {
    math(.atan2, z.imaginary, z.real)
  }

  /// iz.
  private func turned(_ z: ComplexParts) -> ComplexParts {
    ComplexParts(real: held(-z.imaginary), imaginary: z.real)
  }

  /// z / i.
  private func turnedBack(_ z: ComplexParts) -> ComplexParts {
    ComplexParts(real: z.imaginary, imaginary: -z.real)
  }

  private func scaled(_ z: ComplexParts, by factor: Double) -> ComplexParts {
    let factor = LoopIR.Expression.float(factor, z.real.type)
    return ComplexParts(real: z.real * factor, imaginary: z.imaginary * factor)
  }

  private func select(
    _ condition: LoopIR.Expression, _ then: LoopIR.Expression, _ otherwise: LoopIR.Expression
  ) -> LoopIR.Expression {
    Expression(.select(condition, then: then, otherwise: otherwise), then.type).folded
  }

  private func isZero(_ e: LoopIR.Expression) -> LoopIR.Expression {
    .compare(.equal, e, .zero(e.type))
  }

  private func both(_ l: LoopIR.Expression, _ r: LoopIR.Expression) -> LoopIR.Expression {
    Expression(.logical(.and, l, r), .bool).folded
  }

  private func negation(_ e: LoopIR.Expression) -> LoopIR.Expression {
    Expression(.unary(.not, e), .bool).folded
  }

  /// e ** x · (cos y + i sin y).
  private func exponential(_ z: ComplexParts) -> ComplexParts {
    let type = z.real.type
    // The half twice: e ** x may be out of range where its product with a cosine is not.
    let isHuge = held(
      .compare(.greater, z.real, .float(type == .float32 ? 88 : 709, type)), "huge")
    let half = held(
      math(.exp, select(isHuge, z.real * .float(0.5, type), z.real)), "exponential")
    let rest = held(select(isHuge, half, .one(type)))
    let isReal = isZero(z.imaginary)
    // Without an angle, and of −∞, what the cosine is does not matter.
    let infinite = LoopIR.Expression.float(.infinity, type)
    let isNothing = both(
      .compare(.equal, z.real, -infinite), negation(math(.isfinite, z.imaginary)))
    let isEverything = both(
      .compare(.equal, z.real, infinite), negation(math(.isfinite, z.imaginary)))
    let real = half * math(.cos, z.imaginary) * rest
    let imaginary = half * math(.sin, z.imaginary) * rest
    return ComplexParts(
      real: select(
        isReal, half * rest,
        select(isNothing, .zero(type), select(isEverything, infinite, real))),
      imaginary: select(isReal, z.imaginary, select(isNothing, .zero(type), imaginary)))
  }

  /// log |z| + iφ; near the unit circle by `log1p`, which keeps what cancels.
  private func logarithm(_ z: ComplexParts) -> ComplexParts {
    let type = z.real.type
    let (x, y) = (held(z.real.magnitude), held(z.imaginary.magnitude))
    let isFirstLarger = held(.compare(.greaterEqual, x, y), "larger")
    let (large, small) = (held(select(isFirstLarger, x, y)), held(select(isFirstLarger, y, x)))
    // Where |z| is out of range, or has lost digits, the logarithm of a power of two is taken off.
    let limit = LoopIR.Expression.float(type == .float32 ? 0x1p126 : 0x1p1022, type)
    let least = LoopIR.Expression.float(type == .float32 ? 0x1p-100 : 0x1p-968, type)
    let isHuge = held(.compare(.greater, large, limit), "huge")
    let isTiny = held(.compare(.less, large, least), "tiny")
    let digits: Double = type == .float32 ? 48 : 108
    let up = LoopIR.Expression.float(type == .float32 ? 0x1p48 : 0x1p108, type)
    let scale = held(select(isHuge, .float(0.25, type), select(isTiny, up, .one(type))))
    let shift = select(
      isHuge, .float(2 * Self.logarithmOf2, type),
      select(isTiny, .float(-digits * Self.logarithmOf2, type), .zero(type)))
    let size = held(math(.hypot, large * scale, small * scale), "size")
    let isNear = both(
      .compare(.greater, size, .float(0.5, type)), .compare(.less, size, .float(2, type)))
    let one = LoopIR.Expression.one(type)
    let square = (large - one) * (large + one) + small * small
    let near = math(.log1p, square) * .float(0.5, type)
    return ComplexParts(
      real: select(isNear, near, math(.log, size) + shift), imaginary: held(angle(of: z)))
  }

  private static var logarithmOf2: Double { 0.6931471805599453 }

  /// The root with a real part that is not negative: of `(|z| + |x|) / 2` for one part, `y` over twice that for the other.
  private func squareRoot(_ z: ComplexParts) -> ComplexParts {
    let type = z.real.type
    let (x, y) = (held(z.real.magnitude), held(z.imaginary.magnitude))
    let half = LoopIR.Expression.float(0.5, type)
    let limit = LoopIR.Expression.float(type == .float32 ? 0x1p126 : 0x1p1022, type)
    let least = LoopIR.Expression.float(type == .float32 ? 0x1p-100 : 0x1p-968, type)
    // Very large and very small values are brought where their sums and halves are exact.
    let isLarge = held(
      Expression(
        .logical(.or, .compare(.greater, x, limit), .compare(.greater, y, limit)), .bool), "large")
    let isSmall = held(both(.compare(.less, x, least), .compare(.less, y, least)), "small")
    let one = LoopIR.Expression.one(type)
    let down = LoopIR.Expression.float(0x1p-4, type)
    let up = LoopIR.Expression.float(type == .float32 ? 0x1p48 : 0x1p108, type)
    let back = LoopIR.Expression.float(type == .float32 ? 0x1p-24 : 0x1p-54, type)
    let scale = held(select(isLarge, down, select(isSmall, up, one)))
    let unscale = held(select(isLarge, .float(4, type), select(isSmall, back, one)))
    let (a, b) = (held(x * scale), held(y * scale))
    let root = held(math(.sqrt, half * (math(.hypot, a, b) + a)), "root")
    let other = held(half * .binary(.divide, b, root))
    let isPositive = held(.compare(.greaterEqual, z.real, .zero(type)), "positive")
    let real = select(isPositive, root, other) * unscale
    let imaginary = select(isPositive, other, root) * unscale
    let infinity = LoopIR.Expression.float(.infinity, type)
    let isNothing = both(isZero(x), isZero(y))
    // ∞ in the imaginary part outweighs all else; −∞ in the real part leaves no real root.
    let isTall = held(.compare(.equal, y, infinity), "tall")
    let isFlat = held(.compare(.equal, x, infinity), "flat")
    let flatReal = select(
      .compare(.greater, z.real, .zero(type)), infinity,
      select(math(.isnan, y), .float(.nan, type), .zero(type)))
    let flatImaginary = select(
      .compare(.less, z.real, .zero(type)), infinity,
      select(math(.isnan, y), .float(.nan, type), .zero(type)))
    return ComplexParts(
      real: select(
        isTall, infinity, select(isFlat, flatReal, select(isNothing, .zero(type), real))),
      imaginary: math(
        .copysign,
        select(
          isTall, infinity, select(isFlat, flatImaginary, select(isNothing, .zero(type), imaginary))
        ),
        z.imaginary))
  }

  /// Whether the real part of a hyperbolic function is what it is without an imaginary part: an infinite one stays so,
  /// whatever the angle is.
  private func keepsReal(_ z: ComplexParts, _ isReal: LoopIR.Expression) -> LoopIR.Expression {
    let isInfinite = both(math(.isinf, z.real), negation(math(.isfinite, z.imaginary)))
    return Expression(.logical(.or, isReal, isInfinite), .bool).folded
  }

  /// sinh x cos y + i cosh x sin y.
  private func hyperbolicSine(_ z: ComplexParts) -> ComplexParts {
    let isReal = held(isZero(z.imaginary), "real")
    let sine = held(math(.sinh, z.real))
    return ComplexParts(
      real: select(
        keepsReal(z, isReal), sine,
        select(isZero(z.real), z.real, sine * math(.cos, z.imaginary))),
      imaginary: select(isReal, z.imaginary, math(.cosh, z.real) * math(.sin, z.imaginary)))
  }

  /// cosh x cos y + i sinh x sin y.
  private func hyperbolicCosine(_ z: ComplexParts) -> ComplexParts {
    let isReal = held(isZero(z.imaginary), "real")
    let one = LoopIR.Expression.one(z.real.type)
    let cosine = held(math(.cosh, z.real))
    // A zero in either part makes the imaginary part a zero of both signs' product.
    let signed = z.imaginary * math(.copysign, one, z.real)
    let isImaginary = isZero(z.real)
    let zero = z.real * math(.copysign, one, math(.sin, z.imaginary))
    return ComplexParts(
      real: select(keepsReal(z, isReal), cosine, cosine * math(.cos, z.imaginary)),
      imaginary: select(
        isReal, signed, select(isImaginary, zero, math(.sinh, z.real) * math(.sin, z.imaginary))))
  }

  /// With t = tan y, s = sinh x, b = 1 + t²: (b s √(1 + s²) + i t) / (1 + b s²) (W. Kahan, Branch cuts for complex elementary
  /// functions, 1987); ±1 where x is large.
  private func hyperbolicTangent(_ z: ComplexParts) -> ComplexParts {
    let type = z.real.type
    let one = LoopIR.Expression.one(type)
    let limit = LoopIR.Expression.float(type == .float32 ? 11 : 22, type)
    let isLarge = held(.compare(.greater, z.real.magnitude, limit), "large")
    let tangent = held(math(.tan, z.imaginary))
    let sine = held(math(.sinh, select(isLarge, .zero(type), z.real)))
    let b = held(one + tangent * tangent)
    let divisor = held(one + b * sine * sine)
    let root = math(.sqrt, one + sine * sine)
    let isReal = held(isZero(z.imaginary), "real")
    // Far out, the imaginary part is 4 sin y cos y e ** −2|x|, with the sign of an infinite angle's sine left open; without
    // an angle there is a value at ±∞ alone.
    let isAngle = held(math(.isfinite, z.imaginary), "angle")
    let nan = LoopIR.Expression.float(.nan, type)
    let isInfinite = held(math(.isinf, z.real), "infinite")
    let farReal = select(
      Expression(.logical(.or, isAngle, isInfinite), .bool).folded, math(.copysign, one, z.real),
      nan)
    let decay = math(.exp, LoopIR.Expression.float(-2, type) * z.real.magnitude)
    let far = select(
      isAngle,
      .float(4, type) * math(.sin, z.imaginary) * math(.cos, z.imaginary) * decay,
      select(isInfinite, .zero(type), nan))
    let near = LoopIR.Expression.binary(.divide, b * sine * root, divisor)
    return ComplexParts(
      real: select(isZero(z.real), z.real, select(isLarge, farReal, near)),
      imaginary: select(
        isReal, z.imaginary, select(isLarge, far, .binary(.divide, tangent, divisor))))
  }
}

extension Diagnostic {
  static func notOfComplex(_ name: String, _ type: ScalarType, at span: Span) -> Diagnostic {
    Diagnostic(
      .type, "\(name) is not defined for \(type)", at: span,
      help: "take a part: z.real, z.imag or abs(z)")
  }
}
