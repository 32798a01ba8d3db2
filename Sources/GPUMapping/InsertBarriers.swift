import LoopIR
import Schedule

/// Makes the threads of a block wait for one another where their accesses could meet.
///
///     @blocks_x for i in 0..<n:                    @blocks_x for i in 0..<n:
///       t[i] = x[i, 0]                      →        t[i] = x[i, 0]
///       @threads for j in 0..<m:                     barrier
///         y[i, j] = x[i, j] - t[i]                   @threads for j in 0..<m:
///                                                      y[i, j] = x[i, j] - t[i]
///
/// A barrier stands before a statement that reads what was written since the last one, or writes what was read or written,
/// unless a thread only meets itself: two loops over the same range give a thread the same iterations, and an index
/// that tells iterations apart keeps threads apart. Loops are followed twice, so that an iteration waits for the one
/// before it; one whose iterations need no barrier among themselves is waited for as a whole, before it. Between levels, code is run by all threads of a block alike, so each of them reaches every barrier.
public func insertBarriers(_ program: DeviceProgram) -> DeviceProgram {
  var result = program
  for i in result.kernels.indices where result.kernels[i].grid.maximumThreads > 1 {
    var inserter = BarrierInserter(function: program.host)
    result.kernels[i].body = inserter.inserted(in: result.kernels[i].body)
  }
  return result
}

/// An access to an element by the threads of a block.
private struct DeviceAccess: Hashable {
  var buffer: BufferID
  /// Empty where it may be any element.
  var indices: [Expression]
  var thread: AccessingThread
  var isStore: Bool
}

/// Which threads of a block make an access.
private enum AccessingThread: Hashable {
  /// Each of them, to the same element.
  case all
  /// The one that does what is done once.
  case first
  /// Those that share a loop, each for its own iterations.
  case sharing(ThreadRange)
}

/// The range of a loop over threads; loops of equal range give each thread the same iterations.
private struct ThreadRange: Hashable {
  var variable: VariableID
  var lower: Expression
  var step: Int
}

private struct BarrierInserter {
  let function: LoopFunction
  /// The accesses since the last barrier.
  var pending: Set<DeviceAccess> = []

  init(function: LoopFunction) { self.function = function }

  mutating func inserted(in statements: [Statement]) -> [Statement] {
    statements.flatMap { inserted(in: $0) }
  }

  private mutating func inserted(in statement: Statement) -> [Statement] {
    switch statement.kind {
    case .loop(let loop) where loop.mapping.level == .threads || loop.mapping.level == .grid:
      return waiting(for: accesses(of: loop), before: statement)
    case .assign, .store, .launch, .barrier, .call, .requireEqual:
      return waiting(for: accesses(of: statement), before: statement)
    case .loop, .whileLoop, .conditional, .device, .allocate:
      var own: Set<DeviceAccess> = []
      statement.forEachExpression { note($0, .all, &own) }
      if let all = accessesWithoutBarriers(of: statement, evaluating: own) {
        return waiting(for: all, before: statement)
      }
      let before = waiting(for: own, before: statement).dropLast()
      return before + [nested(statement, evaluating: own)]
    }
  }

  /// All accesses of a loop whose iterations need no barrier among themselves; nil for any other statement.
  ///
  ///     t[0] = x[0]                        t[0] = x[0]
  ///     for k in 0..<n:             →      barrier
  ///       @threads for j: y[j, k] = t[0]   for k in 0..<n:
  ///                                          @threads for j: y[j, k] = t[0]
  private func accessesWithoutBarriers(
    of loop: Statement, evaluating own: Set<DeviceAccess>
  ) -> Set<DeviceAccess>? {
    switch loop.kind {
    case .loop, .whileLoop: break
    case .assign, .store, .conditional, .device, .allocate, .launch, .barrier, .call,
      .requireEqual:
      return nil
    }
    var trial = self
    trial.pending = own
    for _ in 0..<2 {
      guard loop.mapBlocks({ trial.inserted(in: $0) }) == loop else { return nil }
    }
    let all = trial.pending
    return own.contains { new in all.contains { mayMeet($0, new) } } ? nil : all
  }

  /// A statement with others inside.
  ///
  /// - Parameter own: the accesses of its condition, which a loop makes again after each iteration.
  private mutating func nested(_ statement: Statement, evaluating own: Set<DeviceAccess>)
    -> Statement
  {
    switch statement.kind {
    case .loop, .whileLoop:
      // What an iteration leaves meets the next: the first pass finds it, the second puts barriers for it.
      var trial = self
      _ = statement.mapBlocks { trial.inserted(in: $0) }
      pending.formUnion(trial.pending)
      var copy = self
      let result = statement.mapBlocks { body in
        let inserted = copy.inserted(in: body)
        let meets = own.contains { new in copy.pending.contains { copy.mayMeet($0, new) } }
        if !meets { return inserted }
        copy.pending = own
        return inserted + [Statement(.barrier, at: statement.span)]
      }
      // The loop may not run at all.
      pending.formUnion(copy.pending)
      return result
    case .conditional(let condition, let then, let otherwise):
      var first = self
      var second = self
      let result = Statement(
        .conditional(
          condition, then: first.inserted(in: then), otherwise: second.inserted(in: otherwise)),
        at: statement.span)
      pending = first.pending.union(second.pending)
      return result
    case .assign, .store, .device, .allocate, .launch, .barrier, .call, .requireEqual:
      var copy = self
      let result = statement.mapBlocks { copy.inserted(in: $0) }
      self = copy
      return result
    }
  }

  /// The statement, after a barrier where its accesses meet those that are pending.
  private mutating func waiting(for accesses: Set<DeviceAccess>, before statement: Statement)
    -> [Statement]
  {
    let meets = accesses.contains { new in pending.contains { mayMeet($0, new) } }
    if meets {
      pending = accesses
      return [Statement(.barrier, at: statement.span), statement]
    }
    pending.formUnion(accesses)
    return [statement]
  }

  // MARK: Accesses

  private func accesses(of statement: Statement) -> Set<DeviceAccess> {
    var found: Set<DeviceAccess> = []
    switch statement.kind {
    case .store(let buffer, let indices, _):
      statement.forEachExpression { note($0, .first, &found) }
      found.insert(DeviceAccess(buffer: buffer, indices: indices, thread: .first, isStore: true))
    case .call(let call):
      let thread: AccessingThread = call.isParallel ? .all : .first
      statement.forEachExpression { note($0, thread, &found) }
      note(call, thread, &found)
    case .assign, .loop, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch,
      .barrier:
      statement.forEachExpression { note($0, .all, &found) }
    }
    return found
  }

  /// Notes that a call may read and write every element of its arrays.
  private func note(
    _ call: ForeignCall, _ thread: AccessingThread, _ found: inout Set<DeviceAccess>
  ) {
    for buffer in call.buffers {
      found.insert(DeviceAccess(buffer: buffer, indices: [], thread: thread, isStore: true))
    }
  }

  private func accesses(of loop: ForLoop) -> Set<DeviceAccess> {
    var found: Set<DeviceAccess> = []
    note(loop.lower, .all, &found)
    note(loop.upper, .all, &found)
    let range = ThreadRange(variable: loop.variable, lower: loop.lower, step: loop.step)
    loop.body.forEachStatement { statement in
      statement.forEachExpression { note($0, .sharing(range), &found) }
      if case .store(let buffer, let indices, _) = statement.kind {
        found.insert(
          DeviceAccess(buffer: buffer, indices: indices, thread: .sharing(range), isStore: true))
      }
      if case .call(let call) = statement.kind { note(call, .sharing(range), &found) }
    }
    // What a thread makes for itself nobody else sees.
    var own: Set<BufferID> = []
    loop.body.forEachStatement { if case .allocate(let id, _) = $0.kind { own.insert(id) } }
    return found.filter { !own.contains($0.buffer) }
  }

  private func note(
    _ e: Expression, _ thread: AccessingThread, _ found: inout Set<DeviceAccess>
  ) {
    var loads: [DeviceAccess] = []
    e.forEachDescendant { part in
      guard case .load(let buffer, let indices) = part.kind else { return }
      loads.append(DeviceAccess(buffer: buffer, indices: indices, thread: thread, isStore: false))
    }
    found.formUnion(loads)
  }

  /// Whether two threads may touch one element, at least one of them to write it.
  private func mayMeet(_ first: DeviceAccess, _ second: DeviceAccess) -> Bool {
    guard first.isStore || second.isStore else { return false }
    guard first.buffer == second.buffer else {
      return function[first.buffer].mayAlias && function[second.buffer].mayAlias
    }
    switch (first.thread, second.thread) {
    case (.sharing(let a), .sharing(let b)): return !staysWithThread(first, a, second, b)
    case (.first, .first): return false
    case (.all, .all), (.all, .first), (.first, .all), (.sharing, .all), (.sharing, .first),
      (.all, .sharing), (.first, .sharing):
      return !areApart(first.indices, second.indices)
    }
  }

  /// Whether each element is touched by one thread in both loops.
  private func staysWithThread(
    _ first: DeviceAccess, _ a: ThreadRange, _ second: DeviceAccess, _ b: ThreadRange
  ) -> Bool {
    guard a.step == b.step, a.lower == b.lower else { return false }
    let other = second.indices.map {
      $0.substituting([b.variable: Expression(.variable(a.variable), .int64)])
    }
    guard other == first.indices else { return false }
    // An index with the loop variable as its only part that may change tells iterations apart.
    return first.indices.contains { index in
      let terms = LinearSum(index).terms
      return terms.contains { $0.term.kind == .variable(a.variable) }
        && terms.allSatisfy { $0.term.kind == .variable(a.variable) || isUniform($0.term) }
    }
  }

  /// Whether all threads of a block have one value of it, now and until a statement assigns it: no element is in it.
  private func isUniform(_ e: Expression) -> Bool { e.isLiteral || isParameterOrOuter(e) }

  private func isParameterOrOuter(_ e: Expression) -> Bool {
    guard case .variable(let id) = e.kind else { return false }
    if case .parameter = function[id].role { return true }
    return false
  }

  /// Whether some index of one differs from that of the other by a constant, whatever iterations they belong to.
  private func areApart(_ first: [Expression], _ second: [Expression]) -> Bool {
    zip(first, second).contains { a, b in
      guard LinearSum(a).terms.allSatisfy({ isUniform($0.term) }) else { return false }
      let distance = LinearSum(a - b)
      return distance.isExact && distance.terms.isEmpty && distance.constant != 0
    }
  }
}
