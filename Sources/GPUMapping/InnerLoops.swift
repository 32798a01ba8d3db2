import LoopIR

extension ForLoop {
  /// The parallel loop that the body is, after scalar code, and where conditions hold, whose results do not depend on what the loop
  /// stores; nil where the body is more than that.
  ///
  /// Each thread can run that code for itself: no block waits for another.
  func innerLoop(in function: LoopFunction) -> ForLoop? {
    body.innerLoop(stored: function.mayChange(in: body))
  }

  /// Whether the blocks of so many levels below the loop do nothing that concerns another block: each loop is in the one around it,
  /// with scalar code before it at most, and none of them reduces.
  func isNestOfBlocks(_ depth: Int, in function: LoopFunction) -> Bool {
    if depth == 0 { return true }
    guard reductions.isEmpty, let inner = innerLoop(in: function) else { return false }
    return inner.isNestOfBlocks(depth - 1, in: function)
  }
}

extension ForLoop {
  /// So many blocks of 1,024 threads give any device enough to do: two for each multiprocessor of the largest ones, of which there
  /// are 148, run at a time.
  static let blocksThatFillDevice = 512

  /// Whether a block for each iteration fills a device: others beside them would gain nothing.
  ///
  /// - Parameter request: what the loop asks for.
  func fillsDevice(_ request: LevelRequest) -> Bool {
    guard let threads = request.threads.integerLiteral, let trips = tripCount.integerLiteral
    else { return false }
    return min(threads, trips) >= Self.blocksThatFillDevice
  }
}

extension [Statement] {
  fileprivate func innerLoop(stored: Set<BufferID>) -> ForLoop? {
    let isFree = dropLast().allSatisfy { statement in
      guard case .assign(_, let value) = statement.kind else { return false }
      return !value.loads(from: stored)
    }
    guard isFree else { return nil }
    switch last?.kind {
    case .loop(let inner)? where inner.mapping.workers != nil && inner.reductions.isEmpty:
      return inner
    case .conditional(let condition, let then, let otherwise)?
    where otherwise.isEmpty && !condition.loads(from: stored):
      return then.innerLoop(stored: stored)
    case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .allocate, .requireEqual,
      .launch, .barrier, nil:
      return nil
    }
  }
}

extension LoopFunction {
  /// The buffers whose elements statements may change, those that may share memory with them included.
  func mayChange(in statements: [Statement]) -> Set<BufferID> {
    var changed: Set<BufferID> = []
    statements.forEachStatement { changed.formUnion($0.writtenBuffers) }
    if changed.contains(where: { self[$0].mayAlias }) {
      changed.formUnion(buffers.indices.map { BufferID($0) }.filter { self[$0].mayAlias })
    }
    return changed
  }
}

extension Expression {
  /// Whether the value is computed of an element of the buffers.
  func loads(from buffers: Set<BufferID>) -> Bool {
    contains { if case .load(let id, _) = $0.kind { buffers.contains(id) } else { false } }
  }

  /// Whether the value is computed of one of the variables.
  func mentions(_ variables: Set<VariableID>) -> Bool {
    contains {
      if case .variable(let id) = $0.kind { variables.contains(id) } else { false }
    }
  }
}

extension [Statement] {
  /// Whether a parallel loop is among the statements or inside them.
  var containsParallelLoop: Bool {
    var found = false
    forEachStatement { statement in
      if case .loop(let loop) = statement.kind { found = found || loop.mapping.workers != nil }
    }
    return found
  }

  /// The variables that change while they run, those of loops among them.
  var changedVariables: Set<VariableID> {
    var changed: Set<VariableID> = []
    forEachStatement { statement in
      if let id = statement.assignedVariable { changed.insert(id) }
      if case .loop(let loop) = statement.kind { changed.insert(loop.variable) }
    }
    return changed
  }
}
