import LoopIR

/// Which elements of an array no two iterations of a loop have in common.
///
///     for c in 0..<n:
///       for i in 64 * c..<64 * c + 64: y[i]     a later iteration c' ≥ c + 1 has i' ≥ 64 * c' > i
///
///     for t in 0..<n: y[t // 16, t % 16]        quotient and remainder together tell t
///
/// An iteration and a later one are looked at side by side, each with variables of its own: an index differs where it is proved to
/// grow, or to fall, from the one to the other, wherever the loops inside have come to in either.
struct DistinctElements {
  private let changing: AssignedVariables
  /// What holds of an iteration and of a later one together.
  private var facts: Facts
  /// The variables of the loop and of those around this point, as the later iteration has them.
  private var later: [VariableID: Expression] = [:]
  private var firstUnused: Int

  /// The elements that the loop's body accesses outside inner loops.
  init(of loop: ForLoop, in function: LoopFunction) {
    changing = AssignedVariables(in: loop)
    facts = Facts(variables: function.variables).entering(loop)
    firstUnused = function.variables.count
    let next = function.read(loop.variable) + .index(loop.step)
    facts = facts.entering(
      addLater(loop.variable), from: next, to: loop.upper, step: loop.step)
  }

  /// The elements that the body of a loop inside accesses.
  func inside(_ inner: ForLoop) -> DistinctElements {
    var result = self
    let (lower, upper) = (inner.lower.substituting(later), inner.upper.substituting(later))
    let later = result.addLater(inner.variable)
    if isFollowed(inner.lower) && isFollowed(inner.upper) {
      result.facts = facts.entering(inner)
        .entering(later, from: lower, to: upper, step: inner.step)
    }
    return result
  }

  /// Whether elements at these indices are others in each iteration of the loop.
  func areDistinct(_ indices: [Expression]) -> Bool {
    if indices.contains(where: { isMonotone($0) }) { return true }
    // What the indices tell, and more that follows from it.
    var told = indices.compactMap { onlyChangingTerm(of: unwrapped($0)) }
    var position = 0
    while position < told.count {
      defer { position += 1 }
      guard case .binary(let op, let dividend, let divisor) = told[position].kind,
        op == .modulo || op == .floorDivide, dividend.type == .int64,
        changing.leaveUnchanged(divisor)
      else { continue }
      let quotient = Expression.binary(.floorDivide, dividend, divisor).withOneDivision
      let remainder = Expression.binary(.modulo, dividend, divisor)
      guard told.contains(where: { $0.withOneDivision == quotient }), told.contains(remainder)
      else { continue }
      if isMonotone(dividend) { return true }
      if let term = onlyChangingTerm(of: dividend), !told.contains(term) { told.append(term) }
    }
    return false
  }

  /// A quotient or remainder that counts from the end where it is negative, before that; any other index as it is.
  ///
  /// What is divided is not negative, so the sign of all quotients is that of the divisor, as is that of the remainders: those that
  /// differ come to different elements.
  private func unwrapped(_ index: Expression) -> Expression {
    guard case .select(let condition, let fromEnd, let plain) = index.kind,
      condition == .compare(.less, plain, .index(0)),
      LinearSum(fromEnd - plain).terms.allSatisfy({ changing.leaveUnchanged($0.term) }),
      case .binary(let op, let dividend, let divisor) = plain.kind,
      op == .modulo || op == .floorDivide, changing.leaveUnchanged(divisor),
      isFollowed(dividend), facts.proveNonNegative(dividend)
    else { return index }
    return plain
  }

  /// The term that an index tells, as it has no other that changes; nil where there are several.
  private func onlyChangingTerm(of index: Expression) -> Expression? {
    let sum = LinearSum(index)
    let terms = sum.terms.map(\.term).filter { !changing.leaveUnchanged($0) }
    return sum.isExact && terms.count == 1 ? terms[0] : nil
  }

  /// Whether a value only grows, or only falls, from each iteration of the loop to all later ones.
  private func isMonotone(_ value: Expression) -> Bool {
    guard isFollowed(value) else { return false }
    let next = value.substituting(later)
    return facts.prove(value + .index(1), atMost: next)
      || facts.prove(next + .index(1), atMost: value)
  }

  /// Whether all of an expression that may change in the loop is variables of loops around this point.
  private func isFollowed(_ e: Expression) -> Bool {
    !e.contains { part in
      switch part.kind {
      case .variable(let id): later[id] == nil && changing.variables.contains(id)
      case .load(let id, _): changing.buffers.contains(id)
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        false
      }
    }
  }

  /// Adds the variable that a loop's has in the later iteration.
  private mutating func addLater(_ id: VariableID) -> VariableID {
    let added = VariableID(firstUnused)
    firstUnused += 1
    later[id] = Expression(.variable(added), .int64)
    return added
  }
}

extension Expression {
  /// `e // (a * b)` for `e // a // b` of positive literals; anything else as it is.
  fileprivate var withOneDivision: Expression {
    guard case .binary(.floorDivide, let quotient, let last) = kind,
      case .binary(.floorDivide, let dividend, let first) = quotient.withOneDivision.kind,
      let l = last.integerLiteral, let f = first.integerLiteral, l > 0, f > 0
    else { return self }
    let (product, overflows) = f.multipliedReportingOverflow(by: l)
    if overflows { return self }
    let divisor = Expression(.integer(product), type, at: last.span)
    return replacing(.binary(.floorDivide, dividend, divisor))
  }
}
