import Syntax

extension Expression {
  /// This node with literal operands evaluated and neutral elements dropped; operands are taken as they are.
  ///
  /// Integer identities (`x + 0`, `x * 1`, `x - x`, `0 * x`) hold for wrapped arithmetic; none is applied to floats, where
  /// they would change NaN, infinities or the sign of zero. A division by a literal zero is left for run time.
  ///
  /// Code may join a float product with the sum it stands in, and round once. Which products stand in sums does not depend
  /// on what is known, so that code for constants and code for parameters round alike: a product of literals stays one until
  /// something else than a sum takes it, and one that a known condition chooses stays a choice.
  ///
  ///     x + 0.1 * 3.0                    →   x + 0.1 * 3.0
  ///     x / (0.1 * 3.0)                  →   x / 0.30000000000000004
  ///     x + (x * y if 1 < 2 else z)      →   x + (x * y if True else 0.0)
  public var folded: Expression {
    switch kind {
    case .integer, .float, .variable, .load, .math, .checked, .complex: return self
    case .part(let part, let operand): return foldedPart(part, operand)
    case .unary(let op, let operand):
      guard let value = operand.roundedAlone?.applying(op) else { return self }
      return value.expression(at: span)
    case .binary(let op, let left, let right):
      return type.isFloat ? foldedFloat(op, left, right) : foldedBinary(op, left, right)
    case .compare(let op, let left, let right):
      if let l = left.roundedAlone, let r = right.roundedAlone,
        let truth = Literal.compare(op, l, r)
      {
        return .bool(truth, at: span)
      }
      if left == right && !left.type.isFloat { return .bool(op.holds(0, 0), at: span) }
      return self
    case .logical(let op, let left, let right):
      guard let l = Literal(left) else {
        guard let r = Literal(right) else { return self }
        return r.isTrue == (op == .and) ? left : self
      }
      return l.isTrue == (op == .and) ? right : left
    case .select(let condition, let then, let otherwise):
      guard let c = Literal(condition) else { return then == otherwise ? then.chosen : self }
      return (c.isTrue ? then : otherwise).chosen
    case .convert(let operand):
      if operand.type == type { return operand }
      if type.isComplex {
        let converted = operand.converted(to: type)
        return converted.kind == kind ? self : converted
      }
      return operand.roundedAlone?.converted(to: type).expression(at: span) ?? self
    }
  }

  /// The constant that a literal, or a product of float literals that no sum takes in, stands for; nil for anything else.
  public var roundedAlone: Literal? {
    guard isFloatProduct, case .binary(let op, let left, let right) = kind else {
      return Literal(self)
    }
    guard let l = left.roundedAlone, let r = right.roundedAlone else { return nil }
    return Literal.apply(op, l, r)
  }

  /// The value where a condition that is known chooses it: a product that no sum takes in, as none takes in a choice.
  public var chosen: Expression {
    guard isFloatProduct else { return self }
    return roundedAlone?.expression(at: span)
      ?? Expression(.select(.bool(true), then: self, otherwise: .zero(type)), type, at: span)
  }

  /// The expression where no sum is around it: a product of literals is its value, and a known choice what it chooses.
  public var standingAlone: Expression {
    if case .select(let condition, let then, _) = kind, Literal(condition)?.isTrue == true {
      return then
    }
    return isFloatProduct ? roundedAlone?.expression(at: span) ?? self : self
  }

  /// `folded` for targets whose compilers join sums with what stands in them as they see fit: products of literals are
  /// their values, and nothing known is a choice.
  public var foldedWithProducts: Expression {
    let value = standingAlone
    return value == self ? folded : value
  }

  /// Whether a sum may take it in.
  private var isFloatProduct: Bool {
    guard case .binary(.multiply, _, _) = kind else { return false }
    return type.isFloat
  }

  private func foldedFloat(_ op: BinaryOperator, _ left: Expression, _ right: Expression)
    -> Expression
  {
    guard let l = left.roundedAlone, let r = right.roundedAlone,
      let value = Literal.apply(op, l, r)
    else {
      if op == .add || op == .subtract { return self }
      return replacing(.binary(op, left.standingAlone, right.standingAlone))
    }
    switch op {
    case .multiply:
      return replacing(.binary(op, l.expression(at: left.span), r.expression(at: right.span)))
    case .add, .subtract:
      return left.isFloatProduct || right.isFloatProduct ? self : value.expression(at: span)
    case .floorDivide, .modulo: return r.isTrue ? value.expression(at: span) : self
    case .divide, .power, .pythonMin, .pythonMax, .minimum, .maximum, .bitAnd, .bitOr, .bitXor,
      .shiftLeft, .shiftRight:
      return value.expression(at: span)
    }
  }

  /// A part of a pair is what it was made of.
  private func foldedPart(_ part: ComplexPart, _ operand: Expression) -> Expression {
    guard case .complex(let real, let imaginary) = operand.kind else { return self }
    return part == .real ? real : imaginary
  }

  private func foldedBinary(_ op: BinaryOperator, _ left: Expression, _ right: Expression)
    -> Expression
  {
    if let l = Literal(left), let r = Literal(right), let value = Literal.apply(op, l, r) {
      let dividesByZero = (op == .floorDivide || op == .modulo) && !r.isTrue
      return dividesByZero ? self : value.expression(at: span)
    }
    guard type.isInteger else { return self }
    let (l, r) = (left.integerLiteral, right.integerLiteral)
    switch op {
    case .add:
      if l == 0 { return right }
      if r == 0 { return left }
      return reassociatedSum(left, right) ?? self
    case .subtract:
      if r == 0 { return left }
      if left == right { return .zero(type) }
      return reassociatedSum(left, right, subtracting: true) ?? self
    case .multiply:
      if l == 1 { return right }
      if r == 1 { return left }
      if l == 0 || r == 0 { return .zero(type) }
      return self
    case .floorDivide: return r == 1 ? left : self
    case .modulo: return r == 1 ? .zero(type) : self
    case .pythonMin, .pythonMax, .minimum, .maximum, .bitAnd, .bitOr:
      return left == right ? left : self
    case .divide, .power, .bitXor, .shiftLeft, .shiftRight: return self
    }
  }

  /// `(x ± a) ± b` as `x ± c`, and sums whose parts cancel: wrapped integer arithmetic is associative.
  private func reassociatedSum(
    _ left: Expression, _ right: Expression, subtracting: Bool = false
  ) -> Expression? {
    let sum = LinearSum(self)
    let rebuilt = sum.expression(of: type, at: span)
    return rebuilt.nodeCount < nodeCount ? rebuilt : nil
  }

  /// How many nodes the expression has.
  public var nodeCount: Int {
    var count = 0
    forEachDescendant { _ in count += 1 }
    return count
  }
}

/// An integer expression as a sum of terms with integer coefficients plus a constant.
public struct LinearSum: Sendable, Hashable {
  /// The terms, in order of first appearance, none with coefficient 0.
  public var terms: [(term: Expression, coefficient: Int64)]
  public var constant: Int64
  /// False where a coefficient or the constant did not fit 64 bits: then the sum is right in wrapped arithmetic alone, and
  /// proves nothing.
  public private(set) var isExact = true

  /// Whether both have the same constant and terms, in whatever order.
  public static func == (l: LinearSum, r: LinearSum) -> Bool {
    l.constant == r.constant && l.terms.count == r.terms.count
      && l.terms.allSatisfy { t in r.coefficient(of: t.term) == t.coefficient }
  }

  /// Hashes what `==` compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(constant)
    hasher.combine(terms.count)
  }

  /// The sum without terms.
  public init(constant: Int64) {
    terms = []
    self.constant = constant
  }

  /// Takes `e` apart at its additions, subtractions and multiplications by a literal.
  public init(_ e: Expression) {
    self.init(constant: 0)
    add(e, times: 1)
  }

  /// The coefficient of a term; 0 where it is not in the sum.
  public func coefficient(of term: Expression) -> Int64 {
    terms.first { $0.term == term }?.coefficient ?? 0
  }

  /// Adds `factor` times `e`, in wrapped arithmetic.
  public mutating func add(_ e: Expression, times factor: Int64) {
    switch e.kind {
    case .integer(let value): constant = sum(constant, product(value, factor))
    case .unary(.negate, let operand): add(operand, times: product(-1, factor))
    case .checked(let index): add(index, times: factor)
    case .binary(.add, let l, let r):
      add(l, times: factor)
      add(r, times: factor)
    case .binary(.subtract, let l, let r):
      add(l, times: factor)
      add(r, times: product(-1, factor))
    case .binary(.multiply, let l, let r):
      if let c = r.integerLiteral {
        add(l, times: product(c, factor))
      } else if let c = l.integerLiteral {
        add(r, times: product(c, factor))
      } else {
        addTerm(e, factor)
      }
    default: addTerm(e, factor)
    }
  }

  private mutating func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (result, overflow) = a.addingReportingOverflow(b)
    if overflow { isExact = false }
    return result
  }

  private mutating func product(_ a: Int64, _ b: Int64) -> Int64 {
    let (result, overflow) = a.multipliedReportingOverflow(by: b)
    if overflow { isExact = false }
    return result
  }

  private mutating func addTerm(_ term: Expression, _ coefficient: Int64) {
    if let i = terms.firstIndex(where: { $0.term == term }) {
      terms[i].coefficient = sum(terms[i].coefficient, coefficient)
      if terms[i].coefficient == 0 { terms.remove(at: i) }
    } else if coefficient != 0 {
      terms.append((term, coefficient))
    }
  }

  /// The sum as an expression of the given integer type.
  public func expression(of type: ScalarType, at span: Span = .none) -> Expression {
    var result: Expression?
    for (term, coefficient) in terms.filter({ $0.coefficient > 0 })
      + terms.filter({ $0.coefficient < 0 })
    {
      let magnitude = coefficient < 0 ? 0 &- coefficient : coefficient
      let factor = Expression(.integer(type.wrapping(magnitude)), type, at: span)
      let scaled =
        magnitude == 1 ? term : Expression(.binary(.multiply, term, factor), type, at: span)
      if let sum = result {
        let op: BinaryOperator = coefficient < 0 ? .subtract : .add
        result = Expression(.binary(op, sum, scaled), type, at: span)
      } else {
        result = coefficient < 0 ? Expression(.unary(.negate, scaled), type, at: span) : scaled
      }
    }
    let constant = type.wrapping(constant)
    guard let result else { return Expression(.integer(constant), type, at: span) }
    if constant == 0 { return result }
    let isNegative =
      constant < 0 && type.isSignedInteger && constant != type.integerRange?.lowerBound
    let literal = Expression(.integer(isNegative ? -constant : constant), type, at: span)
    return Expression(.binary(isNegative ? .subtract : .add, result, literal), type, at: span)
  }
}
