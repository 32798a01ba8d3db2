import LoopIR

/// What changes from one iteration of a loop to the next.
struct AssignedVariables {
  var variables: Set<VariableID>
  var buffers: Set<BufferID>

  /// Collects what the loop's body assigns.
  ///
  /// - Parameter countsInnerLoops: whether the variables of loops inside are among it; lanes that run side by side have
  ///   them in common.
  init(in loop: ForLoop, countsInnerLoops: Bool = true) {
    var assigned: Set<VariableID> = [loop.variable]
    var stored: Set<BufferID> = []
    loop.body.forEachStatement { statement in
      stored.formUnion(statement.writtenBuffers)
      if let id = statement.assignedVariable { assigned.insert(id) }
      if countsInnerLoops, case .loop(let inner) = statement.kind {
        assigned.insert(inner.variable)
      }
    }
    variables = assigned
    buffers = stored
  }

  /// Whether an expression has one value throughout the loop.
  func leaveUnchanged(_ e: Expression) -> Bool {
    !e.contains { part in
      switch part.kind {
      case .variable(let id): variables.contains(id)
      case .load(let id, _): buffers.contains(id)
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        false
      }
    }
  }
}
