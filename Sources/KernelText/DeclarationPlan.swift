import LoopIR

/// Where the variables of a block are declared: at their first use in it, or inside one of its statements.
struct DeclarationPlan {
  /// By the position of a statement, the variables that are declared with it.
  var here: [Int: [VariableID]] = [:]
  /// By the position of a statement, those that are declared inside it.
  var inside: [Int: Set<VariableID>] = [:]

  init(_ statements: [Statement], _ variables: Set<VariableID>) {
    for id in variables {
      let users = statements.indices.filter { id.isMentioned(in: [statements[$0]]) }
      guard let first = users.first else { continue }
      if users.count == 1 && Self.isInner(id, statements[first]) {
        inside[first, default: []].insert(id)
      } else {
        here[first, default: []].append(id)
      }
    }
  }

  /// Whether only one block inside the statement knows the variable, and no iteration takes its value from another.
  private static func isInner(_ id: VariableID, _ statement: Statement) -> Bool {
    let blocks = statement.blocks.filter { id.isMentioned(in: $0) }
    guard blocks.count == 1, !statement.kind.isAssignment else { return false }
    var isOwn = false
    statement.forEachExpression { isOwn = isOwn || $0.reads(id) }
    if case .loop(let loop) = statement.kind {
      isOwn = isOwn || loop.reductions.contains { $0.accumulator == id }
    }
    if isOwn { return false }
    var exposure = UpwardExposure(of: [id])
    exposure.visit(blocks[0])
    return exposure.exposed.isEmpty
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
}

extension Statement.Kind {
  var isAssignment: Bool { if case .assign = self { true } else { false } }
}

extension VariableID {
  /// Whether statements read, assign or accumulate into the variable.
  func isMentioned(in statements: [Statement]) -> Bool {
    var found = false
    statements.forEachStatement { statement in
      statement.forEachExpression { found = found || $0.reads(self) }
      if statement.assignedVariable == self { found = true }
      if case .loop(let loop) = statement.kind {
        found = found || loop.reductions.contains { $0.accumulator == self }
      }
    }
    return found
  }
}

extension Expression {
  func reads(_ id: VariableID) -> Bool { contains { $0.kind == .variable(id) } }
}
