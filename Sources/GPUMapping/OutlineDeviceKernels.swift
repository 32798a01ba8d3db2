import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Cuts a function into a host part and the kernels it launches.
///
///     s = 0.0                                        host:  with temporary s_device: float32[1]:
///     @threads @reduce(add s) for i …: …      →               launch f_kernel0
///     @grid for i in 0..<n: y[i] = x[i] / s                    launch f_kernel1
///
///     kernel0:  s = 0.0; @threads @reduce(add s) for i …: …; s_device[0] = s
///     kernel1:  s = s_device[0]; @grid for i in 0..<n: y[i] = x[i] / s
///
/// Each parallel loop, each call that threads make together, and each block that runs on the device, becomes a kernel. A device block is cut where all
/// blocks of a grid must be through before the next begin. A scalar that the device computes stays there, in an array of one element.
///
/// What stands around loops of several blocks in a device block is run by the host, which fetches the data of the device that decide how:
///
///     device: while err[0] > 0.1:                    host:  while err[0] > 0.1:
///       @grid for i in 0..<n: …              →                launch f_kernel0
///       err[0] = …                                            launch f_kernel1
///
/// - Parameter sharesMemory: whether the host may touch elements, those scalars too: `if s > 0: …   →   if s_device[0] > 0: …`.
/// - Requires: the host knows after one fetch what it evaluates, see `decideOnDevice`.
/// - Throws: the diagnostics about host code that touches arrays, and about code that no grid can run.
public func outlineDeviceKernels(
  _ function: LoopFunction, _ schedule: [String: LoopSchedule], sharesMemory: Bool = false
) throws(DiagnosticError) -> DeviceProgram {
  var outliner = DeviceOutliner(function, schedule, sharesMemory: sharesMemory)
  let body = outliner.host(function.body)
  if !outliner.errors.isEmpty { throw DiagnosticError(outliner.errors) }
  let program = outliner.program(host: body)
  if !outliner.errors.isEmpty { throw DiagnosticError(outliner.errors) }
  return program
}

private struct DeviceOutliner {
  var function: LoopFunction
  let schedule: [String: LoopSchedule]
  let sharesMemory: Bool
  /// The scalars that only the device knows.
  let deviceScalars: DeviceScalars
  /// The bodies of the kernels, by number.
  private var bodies: [[Statement]] = []
  var errors: [Diagnostic] = []

  init(
    _ function: LoopFunction, _ schedule: [String: LoopSchedule], sharesMemory: Bool
  ) {
    self.function = function
    self.schedule = schedule
    self.sharesMemory = sharesMemory
    deviceScalars = DeviceScalars(of: function.body)
  }

  // MARK: Host code

  /// The host part of statements; what the device runs is launched.
  mutating func host(_ statements: [Statement]) -> [Statement] {
    var sequence = KernelSequence()
    host(statements, &sequence)
    launchNews(of: &sequence)
    return sequence.launches
  }

  private mutating func host(_ statements: [Statement], _ sequence: inout KernelSequence) {
    for statement in statements {
      let span = statement.span
      switch statement.kind {
      case .assign(let id, let value):
        rejectLoads(in: value)
        let isDevice = deviceScalars.found.contains(id) || deviceScalars.areRead(in: value)
        if isDevice && value.contains(\.isLoad) {
          // What later code stores must not be there yet when it is read.
          endPrefix(of: &sequence)
          device([statement], &sequence)
        } else if isDevice {
          sequence.prefix.append(statement)
          sequence.hasNews = true
        } else {
          if sequence.prefix.contains(where: { $0.reads(id) }) { endPrefix(of: &sequence) }
          sequence.launches.append(statement)
        }
      case .store where sharesMemory:
        endPrefix(of: &sequence)
        sequence.launches.append(statement)
      case .store:
        errors.append(.hostAssignment(at: span))
      case .loop(let loop) where loop.mapping.level != nil:
        if [statement].spansBlocks && updatesItself(sequence.prefix) { endPrefix(of: &sequence) }
        launch([statement], after: &sequence, at: span)
      case .device(let body): device(body, &sequence)
      case .allocate(let id, let body):
        let outer = sequence.launches
        sequence.launches = []
        host(body, &sequence)
        sequence.launches = outer + [Statement(.allocate(id, body: sequence.launches), at: span)]
      case .loop, .whileLoop, .conditional:
        endPrefix(of: &sequence)
        statement.forEachExpression { rejectDeviceValue($0) }
        var copy = self
        sequence.launches.append(statement.mapBlocks { copy.host($0) })
        self = copy
      case .call(let call) where call.isParallel: launch([statement], after: &sequence, at: span)
      case .call, .requireEqual:
        statement.forEachExpression { rejectDeviceValue($0) }
        if readsDeviceScalars(statement) { endPrefix(of: &sequence) }
        if let id = statement.assignedVariable, sequence.prefix.contains(where: { $0.reads(id) }) {
          endPrefix(of: &sequence)
        }
        sequence.launches.append(statement)
      case .launch, .barrier: sequence.launches.append(statement)
      }
    }
  }

  /// Launches scalar code that no kernel has run yet.
  private mutating func launchNews(of sequence: inout KernelSequence) {
    if sequence.hasNews { launch([], after: &sequence, at: sequence.prefix[0].span) }
  }

  /// Lets later kernels take the scalars computed so far from where a kernel leaves them.
  private mutating func endPrefix(of sequence: inout KernelSequence) {
    launchNews(of: &sequence)
    sequence.prefix = []
  }

  /// Whether scalar code reads what it assigns afterwards: it gives something else a second time, and in blocks that run it at
  /// different times.
  private func updatesItself(_ statements: [Statement]) -> Bool {
    var assigned: Set<VariableID> = []
    for case .assign(let id, _) in statements.map(\.kind) { assigned.insert(id) }
    var exposure = UpwardExposure(of: assigned)
    exposure.visit(statements)
    return !exposure.exposed.isEmpty
  }

  private func readsDeviceScalars(_ statement: Statement) -> Bool {
    var found = false
    statement.forEachExpression { found = found || deviceScalars.areRead(in: $0) }
    return found
  }

  private mutating func rejectDeviceValue(_ e: Expression) {
    rejectLoads(in: e)
    if sharesMemory { return }
    if deviceScalars.areRead(in: e) { errors.append(.hostAccess(at: e.span)) }
  }

  private mutating func rejectLoads(in e: Expression) {
    if sharesMemory { return }
    var spans: [Span] = []
    e.forEachDescendant { if $0.isLoad { spans.append($0.span) } }
    errors += spans.map { .hostAccess(at: $0) }
  }

  // MARK: Device blocks

  /// Adds the launches of a block that runs on the device, cut where one grid must be through before the next begins.
  private mutating func device(_ statements: [Statement], _ sequence: inout KernelSequence) {
    var hoisted: [BufferID] = []
    let statements = flattened(statements, &hoisted)
    let outer = sequence.launches
    sequence.launches = []
    for statement in statements {
      if [statement].spansBlocks {
        addMultiBlock(statement, to: &sequence)
      } else if sequence.small.isEmpty && isScalarCode(statement)
        && !updatesItself(sequence.prefix + [statement])
      {
        sequence.prefix.append(statement)
        sequence.hasNews = true
      } else {
        let together = sequence.small + [statement]
        if !sequence.small.isEmpty,
          Grid.conflict(in: together, schedule) != nil || together.mixesClusters
        {
          launchSmall(of: &sequence)
        }
        sequence.small.append(statement)
      }
    }
    launchSmall(of: &sequence)
    sequence.launches =
      outer + hoisted.reduce(sequence.launches) { [Statement(.allocate($1, body: $0))] }
  }

  /// The launches of a stretch of code so far.
  private struct KernelSequence {
    var launches: [Statement] = []
    /// Scalar code that each kernel runs for itself, the next one alone where it updates scalars.
    var prefix: [Statement] = []
    /// Whether no kernel has run the latest scalar code.
    var hasNews = false
    /// Code of one block that waits for its kernel.
    var small: [Statement] = []
  }

  private mutating func launchSmall(of sequence: inout KernelSequence) {
    if sequence.small.isEmpty { return }
    let body = sequence.small
    sequence.small = []
    launch(body, after: &sequence, at: body[0].span)
  }

  private mutating func launch(
    _ body: [Statement], after sequence: inout KernelSequence, at span: Span
  ) {
    sequence.launches.append(launch(sequence.prefix + body, at: span))
    sequence.hasNews = false
    // What updates a scalar, as `s += r`, runs once; the kernel leaves what it has made of it.
    if updatesItself(sequence.prefix) { return sequence.prefix = [] }
    // What the kernel changes cannot be computed again, nor what depends on it.
    var changed = Self.assigned(in: body)
    var count = -1
    while count != sequence.prefix.count {
      count = sequence.prefix.count
      sequence.prefix.removeAll { statement in
        guard case .assign(let id, let value) = statement.kind else { return true }
        let reads = value.contains {
          if case .variable(let id) = $0.kind { changed.contains(id) } else { false }
        }
        if reads { changed.insert(id) }
        return reads || changed.contains(id)
      }
    }
  }

  private mutating func addMultiBlock(
    _ statement: Statement, to sequence: inout KernelSequence
  ) {
    launchSmall(of: &sequence)
    if case .loop(let loop) = statement.kind, loop.mapping.level != nil {
      if updatesItself(sequence.prefix) { endPrefix(of: &sequence) }
      return launch([statement], after: &sequence, at: statement.span)
    }
    if case .allocate(let id, _) = statement.kind { return errors.append(shapeUnknown(of: id)) }
    endPrefix(of: &sequence)
    var copy = self
    sequence.launches.append(
      statement.mapBlocks { body in
        var inner = KernelSequence()
        copy.device(body, &inner)
        copy.launchNews(of: &inner)
        return inner.launches
      })
    self = copy
  }

  /// The statements without the blocks of temporaries and devices around them; the temporaries are made by the host.
  private func flattened(_ statements: [Statement], _ hoisted: inout [BufferID]) -> [Statement] {
    var result: [Statement] = []
    for statement in statements {
      switch statement.kind {
      case .device(let body): result += flattened(body, &hoisted)
      case .allocate(let id, let body)
      where function[id].extents.allSatisfy(deviceScalars.isKnownToHost)
        && !assignsExtents(of: id, statements):
        hoisted.append(id)
        result += flattened(body, &hoisted)
      case .assign, .store, .loop, .whileLoop, .conditional, .allocate, .launch, .barrier, .call,
        .requireEqual:
        result.append(statement)
      }
    }
    return result
  }

  /// Whether the extents of a temporary are computed by the statements themselves.
  private func assignsExtents(of id: BufferID, _ statements: [Statement]) -> Bool {
    var assigned: Set<VariableID> = []
    statements.forEachStatement { if let id = $0.assignedVariable { assigned.insert(id) } }
    return function[id].extents.contains { extent in
      extent.contains {
        if case .variable(let id) = $0.kind { assigned.contains(id) } else { false }
      }
    }
  }

  private func isScalarCode(_ statement: Statement) -> Bool {
    guard case .assign(_, let value) = statement.kind else { return false }
    return !value.contains(\.isLoad)
  }

  // MARK: Kernels

  private mutating func launch(_ body: [Statement], at span: Span) -> Statement {
    bodies.append(body)
    return Statement(.launch(KernelID(bodies.count - 1)), at: span)
  }

  /// The program, once all kernels are known, and so which scalars pass from one to another.
  mutating func program(host: [Statement]) -> DeviceProgram {
    let passed = passedScalars(host)
    var slots: [VariableID: BufferID] = [:]
    for id in passed.sorted(by: { $0.index < $1.index }) {
      slots[id] = function.add(
        Buffer(function[id].name, function[id].type, extents: [.index(1)], role: .temporary))
    }
    var kernels: [DeviceKernel] = []
    var numbers: [Int?] = []
    for body in bodies {
      let body = withSlots(slots, around: withoutUnused(body, passed))
      numbers.append(body.isEmpty ? nil : kernels.count)
      if !body.isEmpty { kernels.append(kernel(kernels.count, body)) }
    }
    let launches = host.flatMapStatements { statement in
      guard case .launch(let id) = statement.kind else { return [statement] }
      return numbers[id.index].map { [Statement(.launch(KernelID($0)), at: statement.span)] } ?? []
    }
    let fetching = launches.mapExpressions { e in
      guard case .variable(let id) = e.kind, let slot = slots[id] else { return e }
      return Expression(.load(slot, [.index(0)]), e.type, at: e.span)
    }
    function.body = slots.sorted { $0.key.index > $1.key.index }.reduce(fetching) {
      [Statement(.allocate($1.value, body: $0))]
    }
    return DeviceProgram(host: function, kernels: kernels, sharesMemory: sharesMemory)
  }

  /// The body without scalar code at its top whose result nothing reads.
  private func withoutUnused(_ body: [Statement], _ passed: Set<VariableID>) -> [Statement] {
    var used = passed
    return body.reversed().filter { statement in
      if case .assign(let id, let value) = statement.kind, !used.contains(id),
        !value.contains(\.isLoad)
      {
        return false
      }
      [statement].forEachExpression { e in
        if case .variable(let id) = e.kind { used.insert(id) }
      }
      for id in touchedBuffers(of: statement) {
        (function[id].extents + (function[id].strides ?? [])).forEach { extent in
          extent.forEachDescendant { if case .variable(let id) = $0.kind { used.insert(id) } }
        }
      }
      return true
    }.reversed()
  }

  private func touchedBuffers(of statement: Statement) -> Set<BufferID> {
    var buffers: Set<BufferID> = []
    [statement].forEachStatement { part in
      switch part.kind {
      case .store, .call: buffers.formUnion(part.writtenBuffers)
      case .allocate(let id, _): buffers.insert(id)
      case .assign, .loop, .whileLoop, .conditional, .device, .launch, .barrier, .requireEqual:
        break
      }
    }
    [statement].forEachExpression { e in
      if case .load(let id, _) = e.kind { buffers.insert(id) }
    }
    return buffers
  }

  /// The variables that one kernel leaves for another, for its next launch, or for the host.
  private func passedScalars(_ host: [Statement]) -> Set<VariableID> {
    let repeated = Self.repeatedKernels(in: host)
    let assigned = bodies.map { Self.assigned(in: $0) }
    var passed: Set<VariableID> = []
    host.forEachExpression { e in
      if case .variable(let id) = e.kind, deviceScalars.found.contains(id) { passed.insert(id) }
    }
    for (i, body) in bodies.enumerated() {
      let others = assigned.indices.filter { $0 != i || repeated.contains(KernelID(i)) }
      let from = others.reduce(into: Set()) { $0.formUnion(assigned[$1]) }
      var exposure = UpwardExposure(of: from)
      exposure.visit(body)
      passed.formUnion(exposure.exposed)
    }
    return passed
  }

  /// The kernels that the host launches in loops.
  private static func repeatedKernels(in host: [Statement]) -> Set<KernelID> {
    var found: Set<KernelID> = []
    host.forEachStatement { statement in
      switch statement.kind {
      case .loop, .whileLoop:
        [statement].forEachStatement { if case .launch(let id) = $0.kind { found.insert(id) } }
      case .assign, .store, .conditional, .device, .allocate, .launch, .barrier, .call,
        .requireEqual:
        break
      }
    }
    return found
  }

  private static func assigned(in body: [Statement]) -> Set<VariableID> {
    var assigned: Set<VariableID> = []
    body.forEachStatement { if let id = $0.assignedVariable { assigned.insert(id) } }
    return assigned
  }

  /// The body with the scalars it takes from other kernels read first, and those it leaves for them stored last.
  private func withSlots(_ slots: [VariableID: BufferID], around body: [Statement]) -> [Statement] {
    let assigned = Self.assigned(in: body)
    let slots = slots.sorted { $0.key.index < $1.key.index }
    let after = slots.filter { assigned.contains($0.key) }.map { id, slot in
      Statement(.store(slot, [.index(0)], function.read(id)))
    }
    // What the body assigns on a condition alone is stored as it was where the condition does not hold.
    var exposure = UpwardExposure(of: Set(slots.map(\.key)))
    exposure.visit(body + after)
    let before = slots.filter { exposure.exposed.contains($0.key) }.map { id, slot in
      Statement(.assign(id, Expression(.load(slot, [.index(0)]), function[id].type)))
    }
    return before + body + after
  }

  /// Refuses a temporary that a kernel cannot make.
  private mutating func requireSmall(_ id: BufferID) {
    if !function[id].fitsKernel { errors.append(shapeUnknown(of: id)) }
  }

  /// A temporary of which neither the host knows the shape nor a kernel has the room for it.
  private func shapeUnknown(of id: BufferID) -> Diagnostic {
    Diagnostic(
      .program,
      "the temporary '\(function[id].name)' is made inside parallel code, where its shape must be known before the loop, or take at most \(Buffer.mostBytesInKernel) bytes",
      at: function.body.allocation(of: id),
      help: "make it before the parallel loop, with one row for each iteration")
  }

  private mutating func kernel(_ number: Int, _ body: [Statement]) -> DeviceKernel {
    let uses = KernelUses(of: body.withoutThreadCounts, in: function)
    for id in uses.ownBuffers.sorted(by: { $0.index < $1.index }) { requireSmall(id) }
    let grid = Grid(of: body, schedule, isKnown: { [self] in deviceScalars.isKnownToHost($0) })
    if let conflict = Grid.conflict(in: body, schedule) {
      errors.append(.inconsistentStructures(conflict.0, conflict.1))
    }
    return DeviceKernel(
      name: "\(function.name)_kernel\(number)", body: body, grid: grid,
      liveIns: uses.liveIns.sorted { $0.index < $1.index },
      buffers: uses.buffers.sorted { $0.index < $1.index },
      at: body.first { $0.span.line > 0 }?.span ?? .none)
  }
}

extension Statement {
  /// Whether a scalar assignment reads a variable.
  fileprivate func reads(_ id: VariableID) -> Bool {
    guard case .assign(_, let value) = kind else { return false }
    return value.contains { $0.kind == .variable(id) }
  }
}

extension [Statement] {
  /// The statements without the numbers of threads that loops ask for, which only the host reads.
  var withoutThreadCounts: [Statement] {
    flatMapStatements { statement in
      guard case .loop(var loop) = statement.kind else { return [statement] }
      loop.mapping.workers = nil
      return [Statement(.loop(loop), at: statement.span)]
    }
  }
}

extension Diagnostic {
  static func hostAssignment(at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "Assignments are not allowed outside parallel code.", at: span,
      help: "put the statement in a `with parpy.gpu:` block, or use parpy.operators.sum")
  }

  static func hostAccess(at span: Span) -> Diagnostic {
    Diagnostic(
      .program, "Data cannot be accessed outside parallel code.", at: span,
      help: "put the statement in a `with parpy.gpu:` block")
  }
}

extension [Statement] {
  /// The place where a temporary is made.
  fileprivate func allocation(of id: BufferID) -> Span {
    var span = Span.none
    forEachStatement { if case .allocate(id, _) = $0.kind { span = $0.span } }
    return span
  }
}
