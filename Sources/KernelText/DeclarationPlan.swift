import LoopIR

/// Where the variables of a block are declared: at their first use in it, or inside one of its statements.
struct DeclarationPlan {
  /// By the position of a statement, the variables that are declared with it.
  var here: [Int: [VariableID]] = [:]
  /// By the position of a statement, those that are declared inside it.
  var inside: [Int: Set<VariableID>] = [:]

  init(_ statements: [Statement], _ variables: Set<VariableID>) {
    let mentioned = statements.map { [$0].mentioned(of: variables) }
    var users: [VariableID: Int] = [:]
    for id in mentioned.joined() { users[id, default: 0] += 1 }
    var declared: Set<VariableID> = []
    for (position, statement) in statements.enumerated() {
      let first = mentioned[position].filter { !declared.contains($0) }
      if first.isEmpty { continue }
      let inner = Self.inner(first.filter { users[$0] == 1 }, statement)
      inside[position] = inner
      here[position] = Array(first.subtracting(inner))
      declared.formUnion(first)
    }
  }

  /// The variables that only one block inside the statement knows, and whose values no iteration takes from another.
  private static func inner(
    _ variables: Set<VariableID>, _ statement: Statement
  ) -> Set<VariableID> {
    let blocks = statement.blocks
    let mentioned = blocks.map { $0.mentioned(of: variables) }
    // A block that does not know a variable does not expose it.
    var shared = statement.used
    for (position, ids) in mentioned.enumerated() {
      for others in mentioned[..<position] { shared.formUnion(ids.intersection(others)) }
    }
    var inner: Set<VariableID> = []
    for (block, ids) in zip(blocks, mentioned) {
      var exposure = UpwardExposure(of: ids)
      exposure.visit(block)
      inner.formUnion(ids.subtracting(exposure.exposed))
    }
    return inner.subtracting(shared)
  }
}

extension Statement {
  /// Whether all that the statement does to the variable is to give it a value that it does not depend on.
  func setsFirst(_ id: VariableID) -> Bool {
    guard assignedVariable == id else { return false }
    var reads = false
    forEachExpression { reads = reads || $0.reads(id) }
    return !reads
  }

  /// The variables that the statement itself reads or accumulates into.
  fileprivate var used: Set<VariableID> {
    var used: Set<VariableID> = []
    forEachExpression {
      $0.forEachDescendant { if case .variable(let id) = $0.kind { used.insert(id) } }
    }
    if case .loop(let loop) = kind { used.formUnion(loop.reductions.map(\.accumulator)) }
    return used
  }
}

extension [Statement] {
  /// Those of the variables that the statements read, assign or accumulate into.
  func mentioned(of variables: Set<VariableID>) -> Set<VariableID> {
    if variables.isEmpty { return [] }
    var found: Set<VariableID> = []
    forEachStatement { statement in
      found.formUnion(statement.used)
      if let id = statement.assignedVariable { found.insert(id) }
    }
    return found.intersection(variables)
  }
}

extension Expression {
  func reads(_ id: VariableID) -> Bool { contains { $0.kind == .variable(id) } }
}
