import LoopIR

/// `target op term`, the new value of something that accumulates.
public struct Update {
  public var op: BinaryOperator
  public var term: Expression
  /// The type that is computed in: wider than that of the target where the result is rounded to it, as in
  /// `y = float32(float64(y) + x)`.
  public var type: ScalarType

  /// Takes `value` apart as an update of `target`; nil where it is none.
  public init?(of target: Expression.Kind, in value: Expression) {
    if case .convert(let wide) = value.kind, value.type.isFloat, wide.type.isFloat,
      wide.type.size > value.type.size
    {
      let widened = Expression.Kind.convert(Expression(target, value.type))
      guard let update = Update(of: widened, in: wide),
        !update.term.contains({ $0.kind == target })
      else { return nil }
      self = update
      return
    }
    type = value.type
    guard case .binary(let op, let left, let right) = value.kind, op.identity(of: value.type) != nil
    else {
      guard case .logical(let op, let left, let right) = value.kind else { return nil }
      let rest = left.kind == target ? right : left
      guard left.kind == target || right.kind == target, !rest.contains({ $0.kind == target })
      else { return nil }
      self.op = op == .and ? .bitAnd : .bitOr
      term = rest
      return
    }
    if let rest = Self.rest(of: value, without: target) {
      (self.op, term) = (.add, rest)
      return
    }
    let isCommutative = op != .subtract
    if left.kind == target, !right.contains({ $0.kind == target }) {
      term = right
    } else if isCommutative, right.kind == target, !left.contains({ $0.kind == target }) {
      term = left
    } else {
      return nil
    }
    self.op = op
  }

  /// What a sum of integers adds to `target`, wherever in it that stands, as in `(s + i) + 1`; nil where it is no such sum, or
  /// one with `target` at its outermost operator.
  private static func rest(of value: Expression, without target: Expression.Kind) -> Expression? {
    guard value.type.isInteger, case .binary(let op, let left, let right) = value.kind,
      op == .add || op == .subtract, left.kind != target, right.kind != target
    else { return nil }
    var sum = LinearSum(value)
    let whole = Expression(target, value.type)
    guard sum.coefficient(of: whole) == 1 else { return nil }
    sum.add(whole, times: -1)
    let rest = sum.expression(of: value.type, at: value.span)
    return rest.contains { $0.kind == target } ? nil : rest
  }
}
