import LoopIR

/// What indices come to in iterations of a loop that begins and steps by numbers.
///
///     for i in 0..<100: y[i & 3]       0, 1, 2, 3, 0: two iterations have one element
///
/// That is no more than a sample where the loop is long, or ends where it is not known.
struct IndexSamples {
  /// The most iterations that are looked at: half of them the first ones, half the last.
  private static let most: Int64 = 256

  private let loop: ForLoop
  /// What changes in the loop, but for the variables of those inside.
  private let changing: AssignedVariables
  /// The values of the loop's variable; none where they are not known.
  private let values: [Int64]

  init(of loop: ForLoop) {
    self.loop = loop
    changing = AssignedVariables(in: loop, countsInnerLoops: false)
    guard let start = loop.lower.integerLiteral, start.magnitude < 1 << 31 else {
      values = []
      return
    }
    let trips = min(loop.tripCount.integerLiteral ?? AffineAccess.fewestIterations, 1 << 31)
    let half = Self.most / 2
    let counters =
      trips <= Self.most
      ? Array(0..<max(trips, 0)) : Array(0..<half) + Array(trips - half..<trips)
    values = counters.map { start &+ Int64(loop.step) &* $0 }
  }

  /// Whether two iterations are found that store different values to one element.
  ///
  /// That is asked of indices which are more than sums. Loops inside go over the same range in each iteration.
  func showRace(of store: ElementAccess) -> Bool {
    guard let value = store.value, !values.isEmpty, store.indices.contains(where: isMoreThanSum),
      store.loops.allSatisfy({
        $0.condition == nil && changing.leaveUnchanged($0.lower)
          && changing.leaveUnchanged($0.upper)
      }), store.indices.allSatisfy({ isKnown($0) })
    else { return false }
    if store.readsItself ? store.isHarmlessUpdate : !areVariablesKnown(in: value) { return false }
    var stored: [[Expression]: Expression] = [:]
    for iteration in values {
      let indices = store.indices.map { $0.evaluated(loop.variable, iteration) }
      let value = value.evaluated(loop.variable, iteration)
      if let before = stored.updateValue(value, forKey: indices) {
        if store.readsItself || before != value { return true }
      }
    }
    return false
  }

  /// Whether indices are other numbers in each iteration.
  func areDistinct(_ indices: [Expression]) -> Bool {
    guard !values.isEmpty, let trips = loop.tripCount.integerLiteral, trips <= Self.most,
      indices.contains(where: isMoreThanSum)
    else { return false }
    // Those that are no numbers may be anything.
    let known = indices.map { index in
      values.compactMap { index.evaluated(loop.variable, $0).integerLiteral }
    }.filter { $0.count == values.count }
    let found = Set(values.indices.map { position in known.map { $0[position] } })
    return found.count == values.count
  }

  private func isMoreThanSum(_ index: Expression) -> Bool {
    LinearSum(index).terms.contains { term, _ in
      if case .variable = term.kind { return false }
      return term.contains { $0.kind == .variable(loop.variable) }
    }
  }

  /// Whether the loop's variable is all of an index that changes, but for variables of loops inside.
  private func isKnown(_ index: Expression) -> Bool {
    areVariablesKnown(in: index)
      && !index.contains { part in
        guard case .load(let buffer, _) = part.kind else { return false }
        return changing.buffers.contains(buffer)
      }
  }

  private func areVariablesKnown(in value: Expression) -> Bool {
    !value.contains { part in
      guard case .variable(let id) = part.kind else { return false }
      return id != loop.variable && changing.variables.contains(id)
    }
  }
}

extension Expression {
  /// The value where a variable has the given one, as far as it is known.
  fileprivate func evaluated(_ variable: VariableID, _ value: Int64) -> Expression {
    mapBottomUp { e in
      e.kind == .variable(variable) ? Expression(.integer(value), e.type, at: e.span) : e.folded
    }
  }
}
