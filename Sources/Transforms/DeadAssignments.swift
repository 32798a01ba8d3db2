import LoopIR

/// Drops assignments whose value is read on no path that follows (backward liveness: A. Aho et al., Compilers, section 9.2.5).
///
///     s = u; t = s; s = 0; y[0] = s     →     s = 0; y[0] = s        with t never read
///
/// What a loop's body may read before it assigns it is live where an iteration ends. Elements of arrays are still read: where
/// they stand in host code, that is refused later.
struct DeadAssignments {
  /// The variables that may be read anywhere.
  let pinned: Set<VariableID>
  private let variables: Set<VariableID>

  /// - Parameter function: of whose body assignments are dropped; what its checks and extents name is pinned.
  init(in function: LoopFunction) {
    pinned = function.variablesOfTables
    variables = Set(function.variables.indices.map { VariableID($0) })
  }

  /// The statements without them.
  func removed(from statements: [Statement]) -> [Statement] {
    var live: Set<VariableID> = []
    return removed(from: statements, before: &live)
  }

  /// - Parameter live: what is read after the statements; becomes what is read from where they begin.
  private func removed(
    from statements: [Statement], before live: inout Set<VariableID>
  ) -> [Statement] {
    var kept: [Statement] = []
    for statement in statements.reversed() {
      if case .assign(let id, let value) = statement.kind, !live.contains(id),
        !pinned.contains(id), !value.contains(\.isLoad)
      {
        continue
      }
      kept.append(rebuilt(statement, before: &live))
    }
    return kept.reversed()
  }

  private func rebuilt(_ statement: Statement, before live: inout Set<VariableID>) -> Statement {
    var blocks: [[Statement]] = []
    switch statement.kind {
    case .assign, .call: if let id = statement.assignedVariable { live.remove(id) }
    case .loop, .whileLoop:
      // The body may run again, or not at all.
      var exposure = UpwardExposure(of: variables)
      exposure.visit([statement])
      live.formUnion(exposure.exposed)
      for block in statement.blocks {
        var inside = live
        blocks.append(removed(from: block, before: &inside))
      }
      if case .loop(let loop) = statement.kind {
        live.formUnion(loop.reductions.map(\.accumulator))
      }
    case .conditional:
      let after = live
      live = []
      for block in statement.blocks {
        var inside = after
        blocks.append(removed(from: block, before: &inside))
        live.formUnion(inside)
      }
    case .device, .allocate:
      for block in statement.blocks { blocks.append(removed(from: block, before: &live)) }
    case .store, .requireEqual, .launch, .barrier: break
    }
    statement.forEachExpression { e in
      e.forEachDescendant { if case .variable(let id) = $0.kind { live.insert(id) } }
    }
    return blocks.isEmpty ? statement : statement.replacingBlocks(with: blocks)
  }
}
