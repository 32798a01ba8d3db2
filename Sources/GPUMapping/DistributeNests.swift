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
/// Left alone are nests that clusters run, other nests of two levels, those with calls, with tests of lengths, with inner loops inside conditions or sequential
/// loops, with temporaries whose shape only the iteration knows, and numbers of threads that are not known when compiling.
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
    guard loop.mapping.level == nil,
      loop.reductions.isEmpty, loop.updates.isEmpty, loop.condition == nil,
      !loop.lower.contains(\.isLoad), deviceScalars.isKnownToHost(loop.tripCount),
      isTwoLevels(loop.body) && asksForBlocks(loop.body) || hasBlocksThatWait(loop),
      isClosed(loop.body)
    else { return nil }
    if loop.hasOneInnerLoop(in: function) { return nil }

    let expansion = PrivateExpansion(of: loop, in: function)
    var temporaries: [BufferID] = []
    guard
      let body = withoutTemporaries(
        withSplitReductions(loop.body), expansion,
        changing: [Statement(.loop(loop))].changedVariables,
        &temporaries)
    else { return nil }
    var parts = NestParts(body, of: loop, in: function)
    parts.passScalars(expansion, &temporaries, &function)
    let nests = parts.bodies.map { body in
      var nest = loop
      nest.body = body
      return Statement(.loop(nest), at: span)
    }
    return temporaries.reversed().reduce(nests) { [Statement(.allocate($1, body: $0), at: span)] }
  }

  /// Whether the parallel loops inside stand directly in the body, and have none inside themselves.
  private func isTwoLevels(_ body: [Statement]) -> Bool {
    body.allSatisfy { statement in
      switch statement.kind {
      case .allocate(_, let inner): isTwoLevels(inner)
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .requireEqual,
        .launch, .barrier:
        statement.blocks.allSatisfy { !$0.containsParallelLoop }
      }
    }
  }

  /// Whether the nest has a level of blocks between its outermost and its innermost, and the outermost loop does more than run it.
  private func hasBlocksThatWait(_ loop: ForLoop) -> Bool {
    guard let requests = loop.requests(in: function, schedule), requests.count > 2 else {
      return false
    }
    return standDirectly(loop.body) && !loop.isNestOfBlocks(requests.count - 2, in: function)
  }

  /// Whether no parallel loop inside is in a condition or a sequential loop.
  private func standDirectly(_ body: [Statement]) -> Bool {
    body.allSatisfy { statement in
      switch statement.kind {
      case .allocate(_, let inner): standDirectly(inner)
      case .loop(let loop) where loop.mapping.workers != nil: true
      case .assign, .store, .call, .loop, .whileLoop, .conditional, .device, .requireEqual,
        .launch, .barrier:
        statement.blocks.allSatisfy { !$0.containsParallelLoop }
      }
    }
  }

  /// Whether all parallel loops inside ask for one number of threads, more than a block has.
  private func asksForBlocks(_ body: [Statement]) -> Bool {
    var requests: [LevelRequest] = []
    body.forEachStatement { statement in
      if case .loop(let loop) = statement.kind, let request = LevelRequest(loop, schedule) {
        requests.append(request)
      }
    }
    guard let first = requests.first, first.exceedsBlock == true else { return false }
    return requests.allSatisfy(first.agrees)
  }

  /// Whether the body calls nothing, and nothing in it must be skipped where a test fails.
  private func isClosed(_ body: [Statement]) -> Bool {
    var isClosed = true
    body.forEachStatement { statement in
      switch statement.kind {
      case .call, .requireEqual, .device, .launch, .barrier: isClosed = false
      case .assign, .store, .loop, .whileLoop, .conditional, .allocate: break
      }
    }
    return isClosed
  }

  /// The body with each reduction of several blocks cut into one partial result a block.
  private mutating func withSplitReductions(_ body: [Statement]) -> [Statement] {
    var copy = self
    let result = body.flatMap { statement -> [Statement] in
      if case .allocate(let id, let inner) = statement.kind {
        let inner = copy.withSplitReductions(inner)
        return [Statement(.allocate(id, body: inner), at: statement.span)]
      }
      guard case .loop(let loop) = statement.kind, !loop.reductions.isEmpty,
        let request = LevelRequest(loop, schedule),
        request.mayExceedBlock || loop.body.containsParallelLoop
      else { return [statement] }
      // Iterations of a chunk have threads of their own where parallel loops are inside.
      let level: DeviceLevel = loop.body.containsParallelLoop ? .blocksX : .grid
      return ChunkedLoop(
        loop, sharedBy: request, level: level, at: statement.span, &copy.function
      ).statements
    }
    self = copy
    return result
  }

  /// The body with an element of each temporary for every iteration; nil where the host cannot tell how large that is.
  private mutating func withoutTemporaries(
    _ body: [Statement], _ expansion: PrivateExpansion, changing changed: Set<VariableID>,
    _ temporaries: inout [BufferID]
  ) -> [Statement]? {
    var result: [Statement] = []
    for statement in body {
      guard case .allocate(let id, let inner) = statement.kind else {
        // One that is made inside a part stays there.
        result.append(statement)
        continue
      }
      let isKnown = function[id].extents.allSatisfy {
        deviceScalars.isKnownToHost($0) && !$0.mentions(changed)
      }
      guard isKnown, function[id].strides == nil else { return nil }
      temporaries.append(id)
      let moved = expansion.expand(id, in: inner, &function)
      guard let flat = withoutTemporaries(moved, expansion, changing: changed, &temporaries)
      else { return nil }
      result += flat
    }
    return result
  }
}

// MARK: - The parts of a body

/// The body of a loop, cut where all iterations must be through before any goes on.
private struct NestParts {
  private let function: LoopFunction
  /// Scalar code that a part runs for itself where it needs the result, in order.
  private var repeated: [Statement] = []
  private var parts: [[Statement]] = []
  /// The parts, each with the scalars it needs.
  private(set) var bodies: [[Statement]] = []

  init(_ body: [Statement], of loop: ForLoop, in function: LoopFunction) {
    self.function = function
    let stored = function.mayChange(in: body)
    let repeatable = Self.repeatable(in: body, stored)
    var open: [Statement] = []
    for statement in body {
      if let id = statement.assignedVariable, repeatable.contains(id) {
        repeated.append(statement)
      } else if statement.isSharedByBlocks {
        if !open.isEmpty && !Self.mayFollow(open, statement, stored) {
          parts.append(open)
          open = []
        }
        parts.append([statement])
      } else {
        open.append(statement)
      }
    }
    if !open.isEmpty { parts.append(open) }
  }

  /// The scalars that are assigned once, a value that no part changes.
  private static func repeatable(
    in body: [Statement], _ stored: Set<BufferID>
  ) -> Set<VariableID> {
    var count: [VariableID: Int] = [:]
    body.forEachStatement { if let id = $0.assignedVariable { count[id, default: 0] += 1 } }
    var changed = body.changedVariables
    var found: Set<VariableID> = []
    for statement in body {
      guard case .assign(let id, let value) = statement.kind, count[id] == 1,
        !value.mentions(changed), !value.loads(from: stored)
      else { continue }
      found.insert(id)
      changed.remove(id)
    }
    return found
  }

  /// Whether scalar code may as well run after a loop that stands behind it.
  private static func mayFollow(
    _ code: [Statement], _ loop: Statement, _ stored: Set<BufferID>
  ) -> Bool {
    var exposure = UpwardExposure(of: code.changedVariables)
    exposure.visit([loop])
    return exposure.exposed.isEmpty
      && code.allSatisfy { statement in
        guard case .assign(_, let value) = statement.kind else { return false }
        return !value.loads(from: stored)
      }
  }

  /// Gives each part the scalars of those before it, by way of memory where it cannot compute them again.
  mutating func passScalars(
    _ expansion: PrivateExpansion, _ temporaries: inout [BufferID], _ function: inout LoopFunction
  ) {
    let assigned = parts.map(\.scalarsForOthers)
    var rooms: [VariableID: BufferID] = [:]
    for id in Set(assigned.joined()).sorted(by: { $0.index < $1.index }) {
      let first = assigned.firstIndex { $0.contains(id) } ?? 0
      if parts[(first + 1)...].contains(where: { $0.exposes(id) }) {
        rooms[id] = expansion.room(for: id, &function)
      }
    }
    let ordered = rooms.sorted { $0.key.index < $1.key.index }
    temporaries += ordered.map(\.value)
    var known: Set<VariableID> = []
    for (part, assigned) in zip(parts, assigned) {
      let after = ordered.filter { assigned.contains($0.key) }.map { id, room in
        Statement(.store(room, [expansion.position], function.read(id)))
      }
      let before = ordered.filter { known.contains($0.key) && (part + after).exposes($0.key) }
        .map { id, room in
          Statement(
            .assign(id, Expression(.load(room, [expansion.position]), function[id].type)))
        }
      bodies.append(withRepeated(before + part + after))
      known.formUnion(assigned)
    }
  }

  /// A part after the scalar code that it needs.
  private func withRepeated(_ body: [Statement]) -> [Statement] {
    repeated.reversed().reduce(body) { body, statement in
      guard let id = statement.assignedVariable, body.exposes(id) else { return body }
      return [statement] + body
    }
  }
}

extension [Statement] {
  /// Whether a variable may be read before it is assigned.
  fileprivate func exposes(_ id: VariableID) -> Bool {
    var exposure = UpwardExposure(of: [id])
    exposure.visit(self)
    return !exposure.exposed.isEmpty
  }

  /// The scalars assigned outside parallel loops, whose own are private to a thread, and what those accumulate.
  fileprivate var scalarsForOthers: Set<VariableID> {
    var found: Set<VariableID> = []
    for statement in self {
      if let id = statement.assignedVariable { found.insert(id) }
      if case .loop(let loop) = statement.kind, loop.mapping.workers != nil {
        found.formUnion(loop.reductions.map(\.accumulator))
      } else {
        for block in statement.blocks { found.formUnion(block.scalarsForOthers) }
      }
    }
    return found
  }
}

extension Statement {
  /// Whether several blocks share one iteration of the loop around: a parallel loop, but for one that joins partial results.
  fileprivate var isSharedByBlocks: Bool {
    guard case .loop(let loop) = kind else { return false }
    return loop.mapping.workers != nil && loop.mapping.level != .threads
  }
}
