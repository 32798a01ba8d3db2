import LoopIR
import Schedule
import struct Syntax.Span

/// The body of a parallel loop, cut where all iterations must be through before any goes on.
struct NestParts {
  /// What the host runs in the place of the body.
  private indirect enum Step {
    case part(Int)
    /// A loop in order, or a condition that is the same for all iterations, around others.
    case around(Statement, [[Step]])
  }

  private struct Part {
    var body: [Statement]
    var place: Place
    /// The scalars that the body assigns, or accumulates, for others.
    var assigned: Set<VariableID>
  }

  /// What stands around a block of statements, and before it.
  private struct Place {
    enum Layer {
      /// Scalar code that a part runs for itself where it needs the result.
      case repeated(VariableID, Statement)
      /// What holds for an iteration that runs the part.
      case condition(Expression)
    }

    var layers: [Layer] = []
    /// The host's loops, by the order in which they begin.
    var loops: Set<Int> = []

    var isConditional: Bool {
      layers.contains { if case .condition = $0 { true } else { false } }
    }

    /// A part with what it needs of the layers, and of scalars by what loads them.
    func around(_ body: [Statement], _ loads: [(id: VariableID, load: Statement)] = [])
      -> [Statement]
    {
      func loaded(_ ids: Set<VariableID>) -> [Statement] {
        loads.filter { ids.contains($0.id) }.map(\.load)
      }
      let ids = Set(loads.map(\.id))
      return layers.reversed().reduce(loaded(body.exposed(of: ids)) + body) { body, layer in
        switch layer {
        case .repeated(let id, let statement):
          return body.exposed(of: [id]).isEmpty ? body : [statement] + body
        case .condition(let condition):
          let test = Statement(.conditional(condition, then: body, otherwise: []))
          return loaded(ids.filter { condition.mentions([$0]) }) + [test]
        }
      }
    }
  }

  private var steps: [Step] = []
  private var parts: [Part] = []
  /// The bodies of the parts, each with the scalars it needs.
  private var bodies: [[Statement]] = []

  private let body: [Statement]
  private let iteration: VariableID
  private let stored: Set<BufferID>
  private let deviceScalars: DeviceScalars
  private let schedule: [String: LoopSchedule]
  /// The variables that the nest changes, but for those of loops that the host runs.
  private var changed: Set<VariableID>
  private let counts: ScalarCounts
  /// The scalars that parts compute for themselves.
  private var repeated: Set<VariableID> = []
  private var loopCount = 0

  /// Cuts a body; nil where a loop around inner loops is none that the host can run.
  ///
  /// - Requires: each temporary is made outside, or inside a part.
  init?(
    _ body: [Statement], of loop: ForLoop, in function: inout LoopFunction,
    _ deviceScalars: DeviceScalars, _ schedule: [String: LoopSchedule]
  ) {
    self.body = body
    self.deviceScalars = deviceScalars
    self.schedule = schedule
    iteration = loop.variable
    stored = function.mayChange(in: body)
    changed = body.changedVariables
    counts = ScalarCounts(of: body)
    guard let steps = cut(body, Place(), &function) else { return nil }
    self.steps = steps
  }

  // MARK: Cutting

  private mutating func cut(
    _ statements: [Statement], _ outer: Place, _ function: inout LoopFunction
  ) -> [Step]? {
    var place = outer
    var steps: [Step] = []
    var open: [Statement] = []
    let candidates = assignedOnce(in: statements)
    for statement in statements {
      if case .assign(let id, let value) = statement.kind, candidates.contains(id), isStable(value)
      {
        place.layers.append(.repeated(id, statement))
        repeated.insert(id)
      } else if statement.isParallelLoop || !statement.needsBlocks(schedule) {
        guard statement.isSharedByThreads else {
          open.append(statement)
          continue
        }
        if !mayFollow(open, statement) { steps += addPart(&open, in: place) }
        var shared = [statement]
        steps += addPart(&shared, in: place)
      } else {
        var condition: Expression?
        if case .conditional(let own, _, _) = statement.kind, !isKnownToHost(own) {
          condition = own
          if !isStable(own) {
            // It is computed with the code before it.
            let taken = function.add(Variable("taken", .bool))
            open.append(Statement(.assign(taken, own), at: statement.span))
            condition = function.read(taken)
          }
        }
        steps += addPart(&open, in: place)
        guard let inner = cut(statement, where: condition, place, &function) else { return nil }
        steps += inner
      }
    }
    return steps + addPart(&open, in: place)
  }

  /// Makes a part of statements, if there are any.
  private mutating func addPart(_ body: inout [Statement], in place: Place) -> [Step] {
    if body.isEmpty { return [] }
    parts.append(Part(body: body, place: place, assigned: body.scalarsForOthers))
    body = []
    return [.part(parts.count - 1)]
  }

  /// Cuts a statement with inner loops of several blocks inside.
  ///
  /// - Parameter condition: that of the statement, where only the iteration knows it.
  private mutating func cut(
    _ statement: Statement, where condition: Expression?, _ outer: Place,
    _ function: inout LoopFunction
  ) -> [Step]? {
    var place = outer
    switch statement.kind {
    case .conditional(_, let then, let otherwise):
      guard let condition else { return cut(blocksOf: statement, place, &function) }
      place.layers.append(.condition(condition))
      guard let first = cut(then, place, &function) else { return nil }
      let opposite = Expression(.unary(.not, condition), .bool)
      place.layers[place.layers.count - 1] = .condition(opposite)
      guard let second = cut(otherwise, place, &function) else { return nil }
      return first + second
    case .loop(let loop):
      guard loop.condition == nil, isKnownToHost(loop.lower), isKnownToHost(loop.upper)
      else { return nil }
      changed.remove(loop.variable)
      place.loops.insert(loopCount)
      loopCount += 1
      return cut(blocksOf: statement, place, &function)
    case .assign, .store, .call, .whileLoop, .device, .allocate, .requireEqual, .launch, .barrier:
      return nil
    }
  }

  private mutating func cut(
    blocksOf statement: Statement, _ place: Place, _ function: inout LoopFunction
  ) -> [Step]? {
    var blocks: [[Step]] = []
    for block in statement.blocks {
      guard let steps = cut(block, place, &function) else { return nil }
      blocks.append(steps)
    }
    return [.around(statement, blocks)]
  }

  /// Whether the host can evaluate an expression, and finds the same for all iterations.
  private func isKnownToHost(_ e: Expression) -> Bool {
    deviceScalars.isKnownToHost(e) && !e.mentions(changed.union([iteration]))
  }

  /// Whether an iteration finds the same in each part that stands where it can evaluate the expression.
  private func isStable(_ e: Expression) -> Bool {
    !e.mentions(changed.subtracting(repeated)) && !e.loads(from: stored)
  }

  /// The scalars that the nest assigns once, in a block, and that only what stands behind that in the block reads.
  private func assignedOnce(in block: [Statement]) -> Set<VariableID> {
    var found: Set<VariableID> = []
    for case .assign(let id, _) in block.map(\.kind) where counts.assignments[id] == 1 {
      found.insert(id)
    }
    let own = ScalarCounts(of: block)
    return found.subtracting(block.exposed(of: found))
      .filter { own.reads[$0] == counts.reads[$0] }
  }

  /// Whether scalar code may as well run after a statement that stands behind it.
  private func mayFollow(_ code: [Statement], _ statement: Statement) -> Bool {
    let changed = code.changedVariables
    let passed = [statement].scalarsForOthers
    return [statement].exposed(of: changed).isEmpty && changed.isDisjoint(with: passed)
      && code.allSatisfy {
        guard case .assign(_, let value) = $0.kind else { return false }
        return !value.loads(from: stored) && !value.mentions(passed)
      }
  }

  // MARK: Scalars

  /// Gives each part the scalars of others, by way of memory where it cannot compute them again.
  ///
  /// - Parameter known: the variables that may have a value before the nest.
  mutating func passScalars(
    _ expansion: PrivateExpansion, given known: Set<VariableID>, _ temporaries: inout [BufferID],
    _ function: inout LoopFunction
  ) {
    let assigned = parts.reduce(into: Set()) { $0.formUnion($1.assigned) }
    let needed = parts.map { $0.place.around($0.body).exposed(of: assigned) }
    var rooms: [(id: VariableID, room: BufferID)] = []
    for id in assigned.sorted(by: { $0.index < $1.index })
    where parts.indices.contains(where: { needed[$0].contains(id) && isAssigned(id, before: $0) }) {
      rooms.append((id, expansion.room(for: id, &function)))
    }
    temporaries += rooms.map(\.room)
    // A round of a loop, and what stands behind a condition, may read what was assigned before all of them.
    let given = body.exposed(of: known.intersection(rooms.map(\.id))).filter { id in
      parts.indices.contains { number in
        let place = parts[number].place
        return !place.loops.isEmpty && needed[number].contains(id)
          || place.isConditional && parts[number].assigned.contains(id)
      }
    }
    func stores(of ids: Set<VariableID>) -> [Statement] {
      rooms.filter { ids.contains($0.id) }.map { expansion.store($0, in: $1, function) }
    }
    bodies = parts.indices.map { number in
      let part = parts[number]
      let loads = rooms.compactMap { id, room -> (VariableID, Statement)? in
        if given.contains(id) || isAssigned(id, before: number) {
          return (id, expansion.load(id, from: room, function))
        }
        // One that the part assigns in a branch has a value in its room all the same.
        return known.contains(id)
          ? nil : (id, Statement(.assign(id, .zero(function[id].type))))
      }
      return part.place.around(part.body + stores(of: part.assigned), loads)
    }
    if !given.isEmpty {
      steps.insert(.part(bodies.count), at: 0)
      bodies.append(stores(of: given))
    }
  }

  /// Whether a part that assigns a scalar may have run when another begins.
  private func isAssigned(_ id: VariableID, before part: Int) -> Bool {
    parts.indices.contains { other in
      parts[other].assigned.contains(id)
        && (other < part || !parts[other].place.loops.isDisjoint(with: parts[part].place.loops))
    }
  }

  // MARK: The result

  /// The nests, and what the host runs around them.
  func nests(of loop: ForLoop, at span: Span) -> [Statement] { nests(steps, of: loop, at: span) }

  private func nests(_ steps: [Step], of loop: ForLoop, at span: Span) -> [Statement] {
    steps.map { step in
      switch step {
      case .part(let number):
        var nest = loop
        nest.body = bodies[number]
        var stored: Set<BufferID> = []
        nest.body.forEachStatement { stored.formUnion($0.writtenBuffers) }
        nest.updates = loop.updates.filter { stored.contains($0.buffer) }
        return Statement(.loop(nest), at: span)
      case .around(let statement, let blocks):
        return statement.replacingBlocks(with: blocks.map { nests($0, of: loop, at: span) })
      }
    }
  }
}

/// How often statements assign and read each variable.
struct ScalarCounts {
  private(set) var assignments: [VariableID: Int] = [:]
  private(set) var reads: [VariableID: Int] = [:]

  init(of statements: [Statement]) {
    statements.forEachStatement { statement in
      if let id = statement.assignedVariable { assignments[id, default: 0] += 1 }
      statement.forEachExpression { e in
        e.forEachDescendant {
          if case .variable(let id) = $0.kind { reads[id, default: 0] += 1 }
        }
      }
    }
  }
}

extension [Statement] {
  /// Those of some variables that may be read before they are assigned.
  fileprivate func exposed(of variables: Set<VariableID>) -> Set<VariableID> {
    var exposure = UpwardExposure(of: variables)
    exposure.visit(self)
    return exposure.exposed
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
  fileprivate var isParallelLoop: Bool {
    if case .loop(let loop) = kind { loop.mapping.workers != nil } else { false }
  }

  /// Whether several threads share iterations of loops in it: of parallel loops, but for those that join partial results.
  fileprivate var isSharedByThreads: Bool {
    var found = false
    [self].forEachStatement { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else { return }
      found = found || loop.mapping.level != .threads
    }
    return found
  }

  /// Whether a loop in it may have several blocks for each iteration of the loop around.
  func needsBlocks(_ schedule: [String: LoopSchedule]) -> Bool {
    var found = false
    [self].forEachStatement { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.level != .threads,
        let request = LevelRequest(loop, schedule)
      else { return }
      found = found || request.mayExceedBlock || loop.body.containsParallelLoop
    }
    return found
  }
}
