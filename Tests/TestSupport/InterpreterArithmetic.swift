import Foundation
import LoopIR

extension Interpreter {
  /// Every binary operator, those that `Literal` leaves to run time included.
  func binary(_ op: BinaryOperator, _ left: Literal, _ right: Literal) -> Literal? {
    if let result = Literal.apply(op, left, right) { return result }
    switch (op, left, right) {
    case (.power, .integer(let base, let type), .integer(let exponent, _)):
      return .integer(type.wrapping(power(base, exponent)), type)
    case (.power, .float(let l, let type), .float(let r, _)): return rounded(pow(l, r), type)
    case (.floorDivide, .float(let l, let type), .float(let r, _)):
      if r == 0 { return rounded(l / r, type) }
      let quotient = (l - modulo(l, r)) / r
      let whole = quotient.rounded(.down)
      return rounded(quotient - whole > 0.5 ? whole + 1 : whole, type)
    case (.modulo, .float(let l, let type), .float(let r, _)): return rounded(modulo(l, r), type)
    default: return nil
    }
  }

  private func power(_ base: Int64, _ exponent: Int64) -> Int64 {
    if exponent < 0 { return 0 }
    return (0..<exponent).reduce(1) { product, _ in product &* base }
  }

  private func modulo(_ l: Double, _ r: Double) -> Double {
    let remainder = fmod(l, r)
    return remainder != 0 && (remainder < 0) != (r < 0) ? remainder + r : remainder
  }

  func rounded(_ value: Double, _ type: ScalarType) -> Literal {
    .float(type.roundedResult(value), type)
  }

  /// A math function, computed in double; predicates give 0 or 1.
  func math(_ function: MathFunction, _ arguments: [Literal]) -> Double? {
    let values = arguments.compactMap { argument -> Double? in
      guard case .float(let value, _) = argument else { return nil }
      return value
    }
    guard values.count == function.arity else { return nil }
    let x = values[0]
    let y = values[values.count - 1]
    switch function {
    case .sqrt: return x.squareRoot()
    case .cbrt: return cbrt(x)
    case .exp: return exp(x)
    case .exp2: return exp2(x)
    case .expm1: return expm1(x)
    case .log: return log(x)
    case .log2: return log2(x)
    case .log10: return log10(x)
    case .log1p: return log1p(x)
    case .sin: return sin(x)
    case .cos: return cos(x)
    case .tan: return tan(x)
    case .asin: return asin(x)
    case .acos: return acos(x)
    case .atan: return atan(x)
    case .atan2: return atan2(x, y)
    case .sinh: return sinh(x)
    case .cosh: return cosh(x)
    case .tanh: return tanh(x)
    case .erf: return erf(x)
    case .erfc: return erfc(x)
    case .gamma: return tgamma(x)
    case .lgamma: return lgamma(x)
    case .floor: return x.rounded(.down)
    case .ceil: return x.rounded(.up)
    case .trunc: return x.rounded(.towardZero)
    case .roundEven: return x.rounded(.toNearestOrEven)
    case .fmod: return fmod(x, y)
    case .hypot: return hypot(x, y)
    case .copysign: return copysign(x, y)
    case .isnan: return x.isNaN ? 1 : 0
    case .isinf: return x.isInfinite ? 1 : 0
    case .isfinite: return x.isFinite ? 1 : 0
    }
  }
}
