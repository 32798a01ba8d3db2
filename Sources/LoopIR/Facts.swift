import Syntax

/// What is known of integer values at a point of the program, and what follows from it.
///
/// The prover eliminates one term at a time, each by a bound that its sign asks for: a loop variable by the end of its range,
/// a `min` by both or either of its operands, a parameter by its least value. It answers "yes" only with a
/// proof; "no" means that none was found within the budget.
public struct Facts: Sendable {
  /// The values a loop variable takes: from `least` to `greatest`, inclusive, when the body runs.
  private struct Range: Sendable {
    var least: Expression
    var greatest: Expression
  }

  private var ranges: [VariableID: Range] = [:]
  /// The loop variables, outermost first.
  private var nesting: [VariableID] = []
  /// Expressions known to be at least 0.
  private var nonNegative: [LinearSum] = []
  /// Expressions known to be 0, the latest last.
  private var zeros: [Expression] = []
  /// Parameters and loop variables: what is known of them stays true.
  private var immutable: Set<VariableID> = []
  /// Whether a condition or the range of a loop around this point depends on more than parameters, as on elements, and on the
  /// variables of loops: whether the point is reached is not known on entry.
  public private(set) var isReachedByChance = false
  private let leastValues: [VariableID: Int64]

  /// Creates the facts that hold on entry: the least values of parameters.
  public init(variables: [Variable]) {
    var least: [VariableID: Int64] = [:]
    for (i, variable) in variables.enumerated() {
      if let bound = variable.lowerBound { least[VariableID(i)] = bound }
      if case .parameter = variable.role { immutable.insert(VariableID(i)) }
    }
    leastValues = least
  }

  /// The facts inside a loop's body.
  public func entering(_ loop: ForLoop) -> Facts {
    entering(loop.variable, from: loop.lower, to: loop.upper, step: loop.step)
  }

  /// The facts inside the body of a loop with the given range.
  public func entering(
    _ variable: VariableID, from lower: Expression, to upper: Expression, step: Int
  ) -> Facts {
    var inner = self
    let one = Expression.index(1)
    inner.ranges[variable] =
      step > 0
      ? Range(least: lower, greatest: upper - one) : Range(least: upper + one, greatest: lower)
    inner.nesting.append(variable)
    inner.isReachedByChance = isReachedByChance || !isOfParameters(lower) || !isOfParameters(upper)
    inner.immutable.insert(variable)
    // The body runs only where the range is not empty.
    inner.nonNegative.append(LinearSum(step > 0 ? upper - one - lower : lower - one - upper))
    return inner
  }

  /// Whether a variable is that of a loop around this point.
  public func isLoopVariable(_ id: VariableID) -> Bool { ranges[id] != nil }

  /// The facts at a point of which it is not known on entry whether it is reached.
  public var reachedByChance: Facts {
    var result = self
    result.isReachedByChance = true
    return result
  }

  /// The facts where `condition` holds, or where it does not.
  ///
  /// - Parameter decidesReach: whether the program goes elsewhere otherwise; false where it ends.
  public func assuming(
    _ condition: Expression, holds: Bool = true, decidesReach: Bool = true
  ) -> Facts {
    var result = self
    if decidesReach && !isOfParameters(condition) { result.isReachedByChance = true }
    switch condition.kind {
    case .logical(.and, let l, let r) where holds, .logical(.or, let l, let r) where !holds:
      return assuming(l, holds: holds, decidesReach: decidesReach)
        .assuming(r, holds: holds, decidesReach: decidesReach)
    case .unary(.not, let operand):
      return assuming(operand, holds: !holds, decidesReach: decidesReach)
    case .compare(let op, let l, let r)
    where l.type == .int64 && r.type == .int64 && isLasting(condition):
      let one = Expression.index(1)
      switch (op, holds) {
      case (.less, true), (.greaterEqual, false): result.nonNegative.append(LinearSum(r - one - l))
      case (.lessEqual, true), (.greater, false): result.nonNegative.append(LinearSum(r - l))
      case (.greater, true), (.lessEqual, false): result.nonNegative.append(LinearSum(l - one - r))
      case (.greaterEqual, true), (.less, false): result.nonNegative.append(LinearSum(l - r))
      case (.equal, true), (.notEqual, false):
        result.nonNegative.append(LinearSum(l - r))
        result.nonNegative.append(LinearSum(r - l))
        result.zeros.append(l - r)
      case (.equal, false), (.notEqual, true): break
      }
      return result
    default: return result
    }
  }

  /// Whether an expression keeps its value, so that a fact about it stays true.
  private func isLasting(_ e: Expression) -> Bool { e.readsOnly(immutable.contains) }

  /// Whether the value of an expression is known on entry.
  private func isOfParameters(_ e: Expression) -> Bool {
    e.readsOnly { immutable.contains($0) && !isLoopVariable($0) }
  }

  /// Whether `e >= 0` follows, over the integers.
  public func proveNonNegative(_ e: Expression) -> Bool {
    var budget = 200
    let goal = LinearSum(e)
    if !goal.isExact { return false }
    // Where a branch never runs the facts contradict each other and would prove anything, even of a number.
    if goal.terms.isEmpty { return goal.constant >= 0 }
    if prove(goal, adding: zeros.suffix(3), &budget) { return true }
    return nonNegative.contains { fact in
      guard let rest = goal.subtracting(fact) else { return false }
      return prove(rest, &budget)
    }
  }

  /// Whether the goal is at least 0, as it is or with some of the zeros added or taken away.
  private func prove(
    _ goal: LinearSum, adding zeros: ArraySlice<Expression>, _ budget: inout Int
  ) -> Bool {
    if prove(goal, &budget) { return true }
    for (i, zero) in zip(zeros.indices, zeros) {
      let rest = zeros[zeros.index(after: i)...]
      for sign in [-1, 1] as [Int64] {
        var other = goal
        other.add(zero, times: sign)
        if prove(other, adding: rest, &budget) { return true }
      }
    }
    return false
  }

  /// Whether `l <= r` follows, over the integers.
  public func prove(_ l: Expression, atMost r: Expression) -> Bool { proveNonNegative(r - l) }

  private func prove(_ goal: LinearSum, _ budget: inout Int) -> Bool {
    budget -= 1
    if budget < 0 || !goal.isExact { return false }
    if goal.terms.isEmpty { return goal.constant >= 0 }
    // What is known of `c - min(c, n)` is lost where either is replaced by a bound of its own.
    for (term, coefficient) in goal.terms where goal.hasVariable(of: term) {
      if let isProved = proveExtremum(goal, term, coefficient, &budget) { return isProved }
    }
    // Innermost loop variables first: their bounds mention outer ones.
    for variable in nesting.reversed() {
      guard let range = ranges[variable],
        let (term, coefficient) = goal.terms.first(where: { $0.term.kind == .variable(variable) })
      else { continue }
      return prove(
        goal, replacing: term, by: coefficient > 0 ? range.least : range.greatest, &budget)
    }
    for (term, coefficient) in goal.terms {
      if let isProved = proveExtremum(goal, term, coefficient, &budget) { return isProved }
      switch term.kind {
      case .binary(.modulo, _, let divisor):
        guard let d = divisor.integerLiteral, d > 0 else { continue }
        return prove(goal, replacing: term, by: .index(coefficient > 0 ? 0 : Int(d) - 1), &budget)
      case .binary(.floorDivide, let dividend, let divisor):
        // d·q lies between dividend − (d − 1) and dividend.
        guard let d = divisor.integerLiteral, d > 0, coefficient % d == 0 else {
          guard coefficient > 0, let d = divisor.integerLiteral, d > 0,
            prove(LinearSum(dividend), &budget)
          else { continue }
          return prove(goal, replacing: term, by: .index(0), &budget)
        }
        var rest = goal
        rest.remove(term)
        let bound = coefficient > 0 ? dividend - .index(Int(d) - 1) : dividend
        rest.add(bound, times: coefficient / d)
        return prove(rest, &budget)
      default: continue
      }
    }
    return goal.terms.allSatisfy { term, coefficient in
      coefficient > 0 && leastValue(of: term) != nil
    } && leastTotal(of: goal) >= 0
  }

  private func leastValue(of term: Expression) -> Int64? {
    switch term.kind {
    case .variable(let id): leastValues[id]
    case .convert(let operand):
      operand.type.isUnsignedInteger && operand.type.size < term.type.size ? 0 : nil
    default: nil
    }
  }

  private func leastTotal(of goal: LinearSum) -> Int64 {
    var total = goal.constant
    for (term, coefficient) in goal.terms {
      guard let least = leastValue(of: term) else { return -1 }
      let (product, overflow1) = least.multipliedReportingOverflow(by: coefficient)
      let (sum, overflow2) = total.addingReportingOverflow(product)
      if overflow1 || overflow2 { return -1 }
      total = sum
    }
    return total
  }

  /// Whether the goal follows by one operand of a minimum, a maximum or a choice, or by both; nil for other terms.
  private func proveExtremum(
    _ goal: LinearSum, _ term: Expression, _ coefficient: Int64, _ budget: inout Int
  ) -> Bool? {
    switch term.kind {
    case .binary(.pythonMin, let l, let r), .binary(.minimum, let l, let r):
      proveExtremum(goal, term, l, r, needsBoth: coefficient > 0, &budget)
    case .binary(.pythonMax, let l, let r), .binary(.maximum, let l, let r):
      proveExtremum(goal, term, l, r, needsBoth: coefficient < 0, &budget)
    case .select(_, let l, let r):
      proveExtremum(goal, term, l, r, needsBoth: true, &budget)
    default: nil
    }
  }

  private func proveExtremum(
    _ goal: LinearSum, _ term: Expression, _ l: Expression, _ r: Expression, needsBoth: Bool,
    _ budget: inout Int
  ) -> Bool {
    let left = prove(goal, replacing: term, by: l, &budget)
    if left != needsBoth { return left }
    return prove(goal, replacing: term, by: r, &budget)
  }

  private func prove(
    _ goal: LinearSum, replacing term: Expression, by value: Expression, _ budget: inout Int
  ) -> Bool {
    var rest = goal
    let coefficient = goal.coefficient(of: term)
    rest.remove(term)
    rest.add(value, times: coefficient)
    return prove(rest, &budget)
  }
}

extension LinearSum {
  /// Whether a variable that an operation mentions is a term beside it.
  fileprivate func hasVariable(of term: Expression) -> Bool {
    if case .variable = term.kind { return false }
    return terms.contains { other, _ in
      guard case .variable = other.kind else { return false }
      return term.contains { $0.kind == other.kind }
    }
  }

  /// Takes a term out, whatever its coefficient.
  mutating func remove(_ term: Expression) {
    terms.removeAll { $0.term == term }
  }

  /// The difference, or nil where it has no term less than this sum and so proves nothing new.
  func subtracting(_ other: LinearSum) -> LinearSum? {
    var result = self
    result.constant = result.constant &- other.constant
    for (term, coefficient) in other.terms { result.add(term, times: 0 &- coefficient) }
    return result
  }
}
