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
/// that tells iterations apart keeps threads apart. Ranges and indices are only compared while no statement has changed a
/// variable in them. Loops are followed twice, so that an iteration waits for the one
/// before it; one whose iterations need no barrier among themselves is waited for as a whole, before it. Iterations that blocks
/// share wait for each other in what the block has for itself alone: they are parallel. Between levels, code is run by all threads of a block alike, so each of them reaches every barrier.
/// The blocks of a cluster count as one: its barriers are those of the cluster.
public func insertBarriers(_ program: DeviceProgram) -> DeviceProgram {
  var result = program
  for i in result.kernels.indices where result.kernels[i].grid.maximumThreads > 1 {
    var inserter = BarrierInserter(function: program.host, result.kernels[i].body)
    result.kernels[i].body = inserter.inserted(in: result.kernels[i].body)
  }
  return result
}

/// An access to an element by the threads of a block.
private struct DeviceAccess: Hashable {
  var buffer: BufferID
  /// Empty where it may be any element; nil for an index that is known no more: an element or a changed variable is in it.
  var indices: [Expression?]
  var thread: AccessingThread
  var isStore: Bool

  init(_ buffer: BufferID, _ indices: [Expression], _ thread: AccessingThread, isStore: Bool) {
    self.buffer = buffer
    self.indices = indices.map { $0.contains(\.isLoad) ? nil : $0 }
    self.thread = thread
    self.isStore = isStore
  }

  /// The access, as it is known after the variables have changed.
  func forgetting(_ changed: Set<VariableID>) -> DeviceAccess {
    func kept(_ e: Expression?) -> Expression? {
      guard let e, !e.mentions(changed) else { return nil }
      return e
    }
    var result = self
    result.indices = indices.map(kept)
    if case .sharing(var range) = thread {
      range.lower = kept(range.lower)
      result.thread = .sharing(range)
    }
    return result
  }
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

/// The range of a loop over threads; loops of one level, equal range and one lane give each thread the same iterations.
///
/// With several lanes, how many iterations in a row a thread has depends on where arrays lie.
private struct ThreadRange: Hashable {
  var variable: VariableID
  var level: DeviceLevel?
  var lanes: Int
  /// Nil where it is known no more.
  var lower: Expression?
  var step: Int
}

private struct BarrierInserter {
  let function: LoopFunction
  /// The accesses since the last barrier.
  var pending: Set<DeviceAccess> = []

  /// The arrays that the block makes for itself.
  private var ownBuffers: Set<BufferID> = []

  init(function: LoopFunction, _ body: [Statement]) {
    self.function = function
    body.forEachStatement { statement in
      if case .allocate(let id, _) = statement.kind { ownBuffers.insert(id) }
    }
  }

  mutating func inserted(in statements: [Statement]) -> [Statement] {
    statements.flatMap { inserted(in: $0) }
  }

  private mutating func inserted(in statement: Statement) -> [Statement] {
    switch statement.kind {
    case .loop(let loop) where loop.mapping.level?.isOfThreads == true:
      defer { forget(loop.body.changedVariables) }
      return waiting(for: accesses(of: loop), before: statement)
    case .assign, .store, .launch, .barrier, .call, .requireEqual:
      defer { forget([statement].changedVariables) }
      return waiting(for: accesses(of: statement), before: statement)
    case .loop, .whileLoop, .conditional, .device, .allocate:
      var own: Set<DeviceAccess> = []
      statement.forEachExpression { note($0, .all, &own) }
      if let all = accessesWithoutBarriers(of: statement, evaluating: own) {
        // They are of all iterations.
        let changed = [statement].changedVariables
        forget(changed)
        return waiting(for: Set(all.map { $0.forgetting(changed) }), before: statement)
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
    var all: Set<DeviceAccess> = []
    for _ in 0..<2 {
      trial.beginIteration(of: loop)
      guard loop.mapBlocks({ trial.inserted(in: $0) }) == loop else { return nil }
      all.formUnion(trial.pending)
      trial.pending = own.union(carried(trial.pending, over: loop))
    }
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
      trial.beginIteration(of: statement)
      _ = statement.mapBlocks { trial.inserted(in: $0) }
      pending.formUnion(carried(trial.pending, over: statement))
      var copy = self
      copy.beginIteration(of: statement)
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

  /// The accesses of an iteration that the next may have to wait for.
  private func carried(_ accesses: Set<DeviceAccess>, over statement: Statement)
    -> Set<DeviceAccess>
  {
    guard case .loop(let loop) = statement.kind, loop.mapping.level != nil else { return accesses }
    return accesses.filter { ownBuffers.contains($0.buffer) }
  }

  private mutating func beginIteration(of statement: Statement) {
    if case .loop(let loop) = statement.kind { forget([loop.variable]) }
  }

  /// Variables have other values from now on.
  private mutating func forget(_ changed: Set<VariableID>) {
    if !changed.isEmpty { pending = Set(pending.map { $0.forgetting(changed) }) }
  }

  private func accesses(of statement: Statement) -> Set<DeviceAccess> {
    var found: Set<DeviceAccess> = []
    switch statement.kind {
    case .store(let buffer, let indices, _):
      statement.forEachExpression { note($0, .first, &found) }
      found.insert(DeviceAccess(buffer, indices, .first, isStore: true))
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
      found.insert(DeviceAccess(buffer, [], thread, isStore: true))
    }
  }

  private func accesses(of loop: ForLoop) -> Set<DeviceAccess> {
    var found: Set<DeviceAccess> = []
    note(loop.lower, .all, &found)
    note(loop.upper, .all, &found)
    let lower = loop.lower.contains(\.isLoad) ? nil : loop.lower
    let range = ThreadRange(
      variable: loop.variable, level: loop.mapping.level, lanes: loop.mapping.lanes, lower: lower,
      step: loop.step)
    var shared: Set<DeviceAccess> = []
    loop.body.forEachStatement { statement in
      statement.forEachExpression { note($0, .sharing(range), &shared) }
      if case .store(let buffer, let indices, _) = statement.kind {
        shared.insert(DeviceAccess(buffer, indices, .sharing(range), isStore: true))
      }
      if case .call(let call) = statement.kind { note(call, .sharing(range), &found) }
    }
    // Of what changes in an iteration each thread has its own.
    let changed = loop.body.changedVariables
    found.formUnion(shared.map { $0.forgetting(changed) })
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
      loads.append(DeviceAccess(buffer, indices, thread, isStore: false))
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

  /// Whether each element is touched by one thread in both loops: an index that both have tells iterations apart.
  private func staysWithThread(
    _ first: DeviceAccess, _ a: ThreadRange, _ second: DeviceAccess, _ b: ThreadRange
  ) -> Bool {
    guard a.level == b.level, a.step == b.step, a.lanes == 1, b.lanes == 1, let lower = a.lower,
      lower == b.lower
    else { return false }
    let variable = Expression(.variable(a.variable), .int64)
    return zip(first.indices, second.indices).contains { index, other in
      guard let index, let other = other?.substituting([b.variable: variable]), index == other
      else { return false }
      let terms = LinearSum(index).terms
      return terms.contains { $0.term.kind == variable.kind }
        && terms.allSatisfy { $0.term.kind == variable.kind || !$0.term.mentions([a.variable]) }
    }
  }

  /// Whether some index of one differs from that of the other by a constant, whatever iterations they belong to.
  private func areApart(_ first: [Expression?], _ second: [Expression?]) -> Bool {
    zip(first, second).contains { a, b in
      guard let a, let b else { return false }
      let distance = LinearSum(a - b)
      return distance.isExact && distance.terms.isEmpty && distance.constant != 0
    }
  }
}
