import LoopIR

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The operations of SPEC.md §1 on registers: what `Literal` folds, and what it leaves to run time.
enum HostArithmetic {
  // MARK: Registers and constants

  static func literal(_ bits: Int64, _ type: ScalarType) -> Literal {
    type.isFloat ? .float(number(bits, type), type) : .integer(bits, type)
  }

  static func bits(_ literal: Literal) -> Int64 {
    switch literal {
    case .integer(let value, _): value
    case .float(let value, let type): bits(value, type)
    }
  }

  /// The value of a float's bits.
  static func number(_ bits: Int64, _ type: ScalarType) -> Double {
    switch type {
    case .float64: Double(bitPattern: UInt64(bitPattern: bits))
    case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .float16, .bfloat16: type.value(ofBits16: UInt16(truncatingIfNeeded: bits))
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
      .complex64, .complex128:
      Double(bits)
    }
  }

  /// The bits of a float that is rounded to its type already.
  static func bits(_ value: Double, _ type: ScalarType) -> Int64 {
    switch type {
    case .float64: Int64(bitPattern: value.bitPattern)
    case .float32: Int64(Float(value).bitPattern)
    case .float16, .bfloat16: Int64(type.bits16(of: value))
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
      .complex64, .complex128:
      0
    }
  }

  /// An element of an array as its register.
  static func element(at address: UnsafeRawPointer, _ type: ScalarType) -> Int64 {
    switch type.size {
    case 1: type.wrapping(Int64(address.loadUnaligned(as: Int8.self)))
    case 2:
      type.isFloat
        ? Int64(address.loadUnaligned(as: UInt16.self))
        : type.wrapping(Int64(address.loadUnaligned(as: Int16.self)))
    case 4:
      type.isFloat
        ? Int64(address.loadUnaligned(as: UInt32.self))
        : type.wrapping(Int64(address.loadUnaligned(as: Int32.self)))
    default: address.loadUnaligned(as: Int64.self)
    }
  }

  /// A parameter's word as its register: floats come as float64.
  static func parameter(_ word: Int64, _ type: ScalarType) -> Int64 {
    switch type {
    case .int64, .uint64, .float64, .complex64, .complex128: word
    case .bool: word & 1
    case .int8, .int16, .int32, .uint8, .uint16, .uint32: type.wrapping(word)
    case .float32, .float16, .bfloat16: bits(type.roundedResult(number(word, .float64)), type)
    }
  }

  // MARK: Operations

  static func unary(_ op: UnaryOperator, _ type: ScalarType, _ value: Int64) -> Int64 {
    if type == .bool && op == .invert { return value == 0 ? 1 : 0 }
    return literal(value, type).applying(op).map(bits) ?? value
  }

  static func binary(_ op: BinaryOperator, _ type: ScalarType, _ l: Int64, _ r: Int64) -> Int64 {
    if let result = Literal.apply(op, literal(l, type), literal(r, type)) { return bits(result) }
    guard type.isFloat else {
      return op == .power ? type.wrapping(power(l, r, isSigned: type != .uint64)) : l
    }
    let (x, y) = (number(l, type), number(r, type))
    switch op {
    case .power: return bits(type.roundedResult(pow(x, y)), type)
    case .floorDivide:
      if type == .float64 { return bits(floorQuotient(x, y), type) }
      return bits(type.roundedResult(Double(floorQuotient(Float(x), Float(y)))), type)
    case .modulo:
      if type == .float64 { return bits(modulus(x, y), type) }
      return bits(type.roundedResult(Double(modulus(Float(x), Float(y)))), type)
    // Folded above, or for integers alone.
    case .add, .subtract, .multiply, .divide, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight,
      .pythonMin, .pythonMax, .minimum, .maximum:
      return l
    }
  }

  static func compare(
    _ op: ComparisonOperator, _ lType: ScalarType, _ rType: ScalarType, _ l: Int64, _ r: Int64
  ) -> Bool {
    Literal.compare(op, literal(l, lType), literal(r, rType)) ?? false
  }

  static func convert(_ value: Int64, from: ScalarType, to: ScalarType) -> Int64 {
    bits(literal(value, from).converted(to: to))
  }

  /// Integer power by squaring, wrapping; 0 for a negative exponent.
  private static func power(_ base: Int64, _ exponent: Int64, isSigned: Bool) -> Int64 {
    if isSigned && exponent < 0 { return 0 }
    var (result, square, rest): (Int64, Int64, UInt64) = (1, base, UInt64(bitPattern: exponent))
    while rest != 0 {
      if rest & 1 != 0 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }

  /// Python's `//` of floats, by the remainder, as CPython's `float_floor_div` computes it; by zero it is the IEEE quotient.
  private static func floorQuotient<F: BinaryFloatingPoint>(_ a: F, _ b: F) -> F {
    if b == 0 { return a / b }
    let remainder = a.truncatingRemainder(dividingBy: b)
    var quotient = (a - remainder) / b
    if remainder != 0 && (b < 0) != (remainder < 0) { quotient -= 1 }
    if quotient == 0 { return F(signOf: a / b, magnitudeOf: 0) }
    let floor = quotient.rounded(.down)
    return quotient - floor > 0.5 ? floor + 1 : floor
  }

  /// Python's `%` of floats: the remainder with the divisor's sign.
  private static func modulus<F: BinaryFloatingPoint>(_ a: F, _ b: F) -> F {
    let remainder = a.truncatingRemainder(dividingBy: b)
    if remainder == 0 { return F(signOf: b, magnitudeOf: 0) }
    return (remainder < 0) != (b < 0) ? remainder + b : remainder
  }

  // MARK: Functions

  /// A math function, computed in double; predicates give a bool.
  static func math(_ function: MathFunction, _ type: ScalarType, _ l: Int64, _ r: Int64) -> Int64 {
    let (x, y) = (number(l, type), number(r, type))
    switch function {
    case .isnan: return x.isNaN ? 1 : 0
    case .isinf: return x.isInfinite ? 1 : 0
    case .isfinite: return x.isFinite ? 1 : 0
    case .sqrt, .cbrt, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin,
      .acos, .atan, .atan2, .sinh, .cosh, .tanh, .erf, .erfc, .gamma, .lgamma, .floor, .ceil,
      .trunc, .roundEven, .fmod, .hypot, .copysign:
      return bits(type.roundedResult(value(of: function, x, y)), type)
    }
  }

  private static func value(of function: MathFunction, _ x: Double, _ y: Double) -> Double {
    switch function {
    case .sqrt: x.squareRoot()
    case .cbrt: cbrt(x)
    case .exp: exp(x)
    case .exp2: exp2(x)
    case .expm1: expm1(x)
    case .log: log(x)
    case .log2: log2(x)
    case .log10: log10(x)
    case .log1p: log1p(x)
    case .sin: sin(x)
    case .cos: cos(x)
    case .tan: tan(x)
    case .asin: asin(x)
    case .acos: acos(x)
    case .atan: atan(x)
    case .atan2: atan2(x, y)
    case .sinh: sinh(x)
    case .cosh: cosh(x)
    case .tanh: tanh(x)
    case .erf: erf(x)
    case .erfc: erfc(x)
    case .gamma: tgamma(x)
    case .lgamma: lgamma(x)
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .trunc: x.rounded(.towardZero)
    case .roundEven: x.rounded(.toNearestOrEven)
    case .fmod: fmod(x, y)
    case .hypot: hypot(x, y)
    case .copysign: copysign(x, y)
    case .isnan, .isinf, .isfinite: x
    }
  }
}
