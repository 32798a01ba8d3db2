import LoopIR
import Passes
import Schedule
import struct Syntax.Span

/// Distributes a nest whose inner loops ask for several blocks over nests that need no block to wait for another (loop
/// distribution: M. Wolfe, High Performance Compilers for Parallel Computing, chapter 9).
///
///     @workers(4) for i in 0..<n:                    temporary partial: float32[n, chunks]; s_of: float32[n]
///       s = 0.0                                      @workers(4) for i in 0..<n:
///       @workers(8192) @reduce(add s)                  @workers(8) for c in 0..<chunks:
///       for j: s = s + x[i, j]               →           p = 0.0
///       @workers(8192)                                   @workers(1024) @reduce(add p) for j in chunk c: p = p + x[i, j]
///       for j: y[i, j] = x[i, j] / s                     partial[i, c] = p
///                                                    @workers(4) for i in 0..<n:
///                                                      s = 0.0
///                                                      @workers(1024) @reduce(add s) for c: s = s + partial[i, c]
///                                                      s_of[i] = s
///                                                    @workers(4) for i in 0..<n:
///                                                      s = s_of[i]
///                                                      @workers(8192) for j: y[i, j] = x[i, j] / s
///
/// The iterations of a parallel loop do not depend on each other, so all of them may run one part before any runs the next. Each
/// inner loop becomes a nest of its own, and so do the statements between two of them. Scalars that are computed of what the nest
/// does not change are computed again where they are used; others, and temporaries, get one element an iteration.
///
/// So are nests of three levels and more, whose second one runs on blocks, too, where the outermost loop does more than run it.
///
/// A loop in order around inner loops is one that the host runs: all iterations are through with one round of it before any begins
/// the next (loop interchange). A condition around them is computed once and tested in each part. An accumulator of the outermost
/// loop becomes one of each iteration, which a loop of its own joins:
///
///     @workers(64) @reduce(add s)                    temporary s_of: float32[n]; taken_of: uint8[n]
///     for i in 0..<n:                                @workers(64) for i: s_own = 0; s_of[i] = s_own; taken_of[i] = f[i] > 0
///       if f[i] > 0:                                 for t in 0..<m:
///         for t in 0..<m:                              @workers(64) for i:
///           @workers(8192) for j: y[i, j] = …    →       if taken_of[i]: @workers(8192) for j: y[i, j] = …
///           s = s + y[i, t]                            @workers(64) for i:
///                                                        if taken_of[i]: s_own = s_of[i]; s_own = s_own + y[i, t]; s_of[i] = s_own
///                                                    @workers(64) @reduce(add s) for i: s = s + s_of[i]
///
/// Left alone are nests that clusters run, and those of two levels whose inner loops ask for no more threads than a block has, or whose
/// outermost loop fills the device with a block for each iteration: what several loops use of a row then stays in its cache. So are
/// nests with calls and with tests of lengths, with inner loops inside a `while` or a loop whose range only the iteration knows, with
/// temporaries of such a shape, and where it is not known whether a block has the threads asked for.
///
/// - Parameter schedule: the schedule of each label.
public func distributeNests(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("distribute-nests") { function, _ in
    var distributor = NestDistributor(function, schedule)
    let body = distributor.distributed(function.body)
    var result = distributor.function
    result.body = body
    return result
  }
}

private struct NestDistributor {
  var function: LoopFunction
  let schedule: [String: LoopSchedule]
  private let deviceScalars: DeviceScalars

  init(_ function: LoopFunction, _ schedule: [String: LoopSchedule]) {
    self.function = function
    self.schedule = schedule
    deviceScalars = DeviceScalars(of: function.body)
  }

  mutating func distributed(_ statements: [Statement]) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      var copy = self
      if case .loop(let loop) = statement.kind, loop.mapping.workers != nil {
        guard let nests = copy.distributed(loop, at: statement.span) else { return [statement] }
        self = copy
        return nests
      }
      let result = statement.mapBlocks { copy.distributed($0) }
      self = copy
      return [result]
    }
  }

  // MARK: One nest

  /// The nests that a nest becomes; nil where it is left alone.
  private mutating func distributed(_ loop: ForLoop, at span: Span) -> [Statement]? {
    guard loop.mapping.level == nil, loop.condition == nil,
      !loop.lower.contains(\.isLoad), deviceScalars.isKnownToHost(loop.tripCount),
      hasBlocksThatWait(loop), isClosed(loop.body), loop.innerLoop(in: function) == nil
    else { return nil }

    let expansion = PrivateExpansion(of: loop, in: function)
    var temporaries: [BufferID] = []
    let given = function.variablesKnown(before: loop)
    var loop = loop
    loop.body = loop.body.withoutDeviceBlocks
    guard let join = splitAccumulators(of: &loop, expansion, &temporaries),
      let body = withoutTemporaries(
        withSplitReductions(loop.body, in: loop), expansion,
        changing: [Statement(.loop(loop))].changedVariables,
        &temporaries),
      var parts = NestParts(body, of: loop, in: &function, deviceScalars, schedule)
    else { return nil }
    parts.passScalars(expansion, given: given, &temporaries, &function)
    let nests = parts.nests(of: loop, at: span) + join
    return temporaries.reversed().reduce(nests) { [Statement(.allocate($1, body: $0), at: span)] }
  }

  /// Whether the nest has a level of several blocks below its outermost, and the outermost loop does more than run it.
  private func hasBlocksThatWait(_ loop: ForLoop) -> Bool {
    guard let requests = loop.requests(in: function, schedule), requests.count > 1 else {
      return false
    }
    if requests.count == 2, requests[1].exceedsBlock != true || loop.fillsDevice(requests[0]) {
      return false
    }
    return !loop.isNestOfBlocks(max(1, requests.count - 2), in: function)
  }

  /// Whether the body calls nothing, and nothing in it must be skipped where a test fails.
  private func isClosed(_ body: [Statement]) -> Bool {
    var isClosed = true
    body.forEachStatement { statement in
      switch statement.kind {
      case .call, .requireEqual, .launch, .barrier: isClosed = false
      case .assign, .store, .loop, .whileLoop, .conditional, .device, .allocate: break
      }
    }
    return isClosed
  }

  /// Gives each iteration of a loop that reduces accumulators of its own, and returns what joins them; nil where nothing leaves an
  /// accumulator as it is.
  private mutating func splitAccumulators(
    of loop: inout ForLoop, _ expansion: PrivateExpansion, _ temporaries: inout [BufferID]
  ) -> [Statement]? {
    if loop.reductions.isEmpty { return [] }
    let iteration = function.add(Variable(function[loop.variable].name, .int64))
    var joins: [Statement] = []
    for reduction in loop.reductions {
      let id = reduction.accumulator
      let variable = function[id]
      guard let identity = reduction.op.identity(of: variable.type) else { return nil }
      let own = function.add(Variable(variable.name, variable.type, isPart: variable.isPart))
      let room = expansion.room(for: own, &function)
      temporaries.append(room)
      loop.body =
        [Statement(.assign(own, identity))] + loop.renaming(id, to: own).body
        + [expansion.store(own, in: room, function)]
      let joined = Expression.Kind.binary(
        reduction.op.combining, function.read(id),
        expansion.value(of: own, in: room, at: function.read(iteration), function))
      joins.append(Statement(.assign(id, Expression(joined, variable.type))))
    }
    var join = loop
    join.variable = iteration
    (join.lower, join.upper, join.step) = (.index(0), expansion.trips, 1)
    join.reductions = loop.reductions.map { Reduction($0.op.combining, $0.accumulator) }
    join.updates = []
    join.body = joins
    loop.reductions = []
    return [Statement(.loop(join), at: loop.span)]
  }

  /// The body with each reduction of several blocks cut into one partial result a block.
  private mutating func withSplitReductions(_ body: [Statement], in outer: ForLoop)
    -> [Statement]
  {
    var copy = self
    let result = body.flatMap { statement -> [Statement] in
      guard case .loop(let loop) = statement.kind, let request = LevelRequest(loop, schedule)
      else { return [statement.mapBlocks { copy.withSplitReductions($0, in: outer) }] }
      guard !loop.reductions.isEmpty, request.mayExceedBlock || loop.body.containsParallelLoop
      else { return [statement] }
      // Iterations of a chunk have threads of their own where parallel loops are inside.
      let level: DeviceLevel = loop.body.containsParallelLoop ? .blocksX : .grid
      return ChunkedLoop(
        loop, sharedBy: request, level: level, inside: outer, at: statement.span,
        &copy.function
      ).statements
    }
    self = copy
    return result
  }

  /// The body with an element of each temporary for every iteration; nil where the host cannot tell how large that is.
  ///
  /// One that is made inside a part stays there.
  private mutating func withoutTemporaries(
    _ body: [Statement], _ expansion: PrivateExpansion, changing changed: Set<VariableID>,
    _ temporaries: inout [BufferID]
  ) -> [Statement]? {
    var result: [Statement] = []
    for statement in body {
      guard statement.needsBlocks(schedule) else {
        result.append(statement)
        continue
      }
      switch statement.kind {
      case .allocate(let id, let inner):
        let isKnown = function[id].extents.allSatisfy {
          deviceScalars.isKnownToHost($0) && !$0.mentions(changed)
        }
        guard isKnown, function[id].strides == nil else { return nil }
        temporaries.append(id)
        let moved = expansion.expand(id, in: inner, &function)
        guard let flat = withoutTemporaries(moved, expansion, changing: changed, &temporaries)
        else { return nil }
        result += flat
      case .loop(let loop) where loop.mapping.workers != nil: result.append(statement)
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .requireEqual,
        .launch, .barrier:
        var blocks: [[Statement]] = []
        for block in statement.blocks {
          guard let flat = withoutTemporaries(block, expansion, changing: changed, &temporaries)
          else { return nil }
          blocks.append(flat)
        }
        result.append(statement.replacingBlocks(with: blocks))
      }
    }
    return result
  }
}

extension LoopFunction {
  /// The variables that code outside a loop of the function assigns, or that are arguments.
  fileprivate func variablesKnown(before loop: ForLoop) -> Set<VariableID> {
    let (all, inside) = (ScalarCounts(of: body), ScalarCounts(of: loop.body))
    return Set(
      variables.indices.lazy.map { VariableID($0) }.filter {
        self[$0].role != .local
          || all.assignments[$0, default: 0] > inside.assignments[$0, default: 0]
      })
  }
}

extension [Statement] {
  /// The statements with what blocks for the device hold in their place: inside a parallel loop, all is on the device.
  fileprivate var withoutDeviceBlocks: [Statement] {
    flatMapStatements { statement in
      if case .device(let body) = statement.kind { body } else { [statement] }
    }
  }
}
