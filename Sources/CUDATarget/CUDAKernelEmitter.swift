import GPUMapping
import LoopIR
import Schedule

/// Writes one function of a translation unit: a kernel, or the host part.
class CUDAKernelEmitter {
  let module: CUDAModuleEmitter
  let kernel: DeviceKernel?
  private(set) var lines: [String] = []
  private var depth = 1
  private var variableNames: [VariableID: String] = [:]
  private var bufferNames: [BufferID: String] = [:]
  private var taken: Set<String> = []
  /// The buffers whose elements several threads update, in the loops around.
  private var updated: Set<BufferID> = []
  /// Whether each thread that comes by has an iteration of its own.
  private(set) var isInThread = false
  /// The elements of rows that a thread has read, or will write, for several iterations at once.
  var rowElements: [RowAccesses.Row: String] = [:]
  /// The int64 variables that are of type `int` in the text: parameters of the kernel, and those of the loops around.
  var shortVariables: Set<VariableID> = []
  /// The memory that the block shares, where it is declared first in the kernel.
  private var sharedDeclarations: [String] = []
  /// The bytes of all memory that the block shares.
  private(set) var sharedBytes = 0

  init(_ module: CUDAModuleEmitter, _ kernel: DeviceKernel?) {
    self.module = module
    self.kernel = kernel
    taken = module.externalNames
    isInThread = kernel.map { $0.grid.maximumThreads == 1 } ?? true
    if let kernel {
      kernel.buffers.forEach { _ = name($0) }
      kernel.liveIns.forEach { _ = name($0) }
      shortVariables = Set(
        kernel.liveIns.filter { host[$0].type == .int64 && fitsInt(host.read($0)) })
    }
  }

  var host: LoopFunction { module.program.host }

  // MARK: Names

  func name(of type: ScalarType) -> String { module.dialect.name(of: type) }

  func name(_ id: VariableID) -> String {
    if let known = variableNames[id] { return known }
    let name = unique(host.variables.indices.contains(id.index) ? host[id].name : "v")
    variableNames[id] = name
    return name
  }

  func name(_ id: BufferID) -> String {
    if let known = bufferNames[id] { return known }
    let name = unique(host.buffers.indices.contains(id.index) ? host[id].name : "b")
    bufferNames[id] = name
    return name
  }

  /// What is written where a variable has another name.
  func renaming(_ id: VariableID, to name: String, _ write: () -> String) -> String {
    let former = variableNames.updateValue(name, forKey: id)
    defer { variableNames[id] = former }
    return write()
  }

  func unique(_ wanted: String) -> String {
    var base = cudaName(wanted)
    if module.dialect.reservedNames.contains(base) || CUDAHelper.mayBeCalled(base) { base += "_" }
    var name = base
    var number = 1
    while !taken.insert(name).inserted {
      number += 1
      name = "\(base)_\(number)"
    }
    return name
  }

  /// Lets names be given again, whose block has ended.
  func release(_ names: [String]) { taken.subtract(names) }

  // MARK: Lines

  func add(_ line: String) { lines.append(String(repeating: "  ", count: depth) + line) }

  func braces(_ head: String, _ body: () -> Void) {
    add(head.isEmpty ? "{" : head + " {")
    depth += 1
    body()
    depth -= 1
    add("}")
  }

  /// What runs where the condition before does not hold.
  func addElse(_ body: () -> Void) {
    lines[lines.count - 1] += " else {"
    depth += 1
    body()
    depth -= 1
    add("}")
  }

  // MARK: Kernels

  func emitKernel() -> String {
    guard let kernel else { return "" }
    emit(kernel.body, declaring: assigned(in: kernel.body))
    let passed = passedBuffers(in: kernel.body)
    let stored = storedBuffers(in: kernel.body).union(passed)
    let exchanged = exchangedBuffers(in: kernel.body, stored)
      .union(chosenBuffers(in: kernel.body, stored)).union(passed)
    // Beside restricted pointers NVRTC takes one that is never stored through for constant, whatever may overlap it.
    let mayOverlap = kernel.buffers.contains { host[$0].mayAlias }
    let arrays = kernel.buffers.map { id in
      let buffer = host[id]
      return KernelHead.Array(
        name: name(id), element: buffer.element,
        isConst: !stored.contains(id) && !buffer.mayAlias,
        isRestricted: !mayOverlap && !exchanged.contains(id))
    }
    let head = KernelHead(
      name: cudaName(kernel.name), maximumThreads: kernel.grid.maximumThreads, arrays: arrays,
      values: kernel.liveIns.map { (name($0), typeName(of: $0)) }, hasSlot: module.hasSlot)
    let place = kernel.place.map { "// \($0)\n" } ?? ""
    return place + module.dialect.head(of: head) + " {\n"
      + (sharedDeclarations + lines).joined(separator: "\n") + "\n}\n"
  }

  private func storedBuffers(in body: [Statement]) -> Set<BufferID> {
    var stored: Set<BufferID> = []
    body.forEachStatement { if case .store(let id, _, _) = $0.kind { stored.insert(id) } }
    return stored
  }

  /// The buffers that functions which are not seen here read and write.
  private func passedBuffers(in body: [Statement]) -> Set<BufferID> {
    var passed: Set<BufferID> = []
    body.forEachStatement { if case .call(let call) = $0.kind { passed.formUnion(call.buffers) } }
    return passed
  }

  /// The buffers through which threads of a block may give each other values.
  ///
  /// `__restrict__` says that nobody else writes what is read by way of the pointer: NVRTC then moves reads across `__syncthreads()`,
  /// and a loop that waits for another thread's store never sees it.
  private func exchangedBuffers(in body: [Statement], _ stored: Set<BufferID>) -> Set<BufferID> {
    var hasBarrier = false
    var loaded: Set<BufferID> = []
    body.forEachStatement { statement in
      if case .barrier = statement.kind { hasBarrier = true }
      statement.forEachExpression { e in
        e.forEachDescendant { if case .load(let id, _) = $0.kind { loaded.insert(id) } }
      }
    }
    return hasBarrier ? loaded.intersection(stored) : []
  }

  /// The buffers that the kernel does not store to, and that one branch reads where the other reads one that it does.
  ///
  /// NVRTC makes one load of both, from either place, and by the cache for what never changes, since one of the arrays does not:
  /// `y[0] = 1; s = x[0] if c else y[0]` gave what `y[0]` was before. Nothing is known to be constant without `__restrict__`.
  private func chosenBuffers(in body: [Statement], _ stored: Set<BufferID>) -> Set<BufferID> {
    var chosen: Set<BufferID> = []
    func note(_ loaded: Set<BufferID>) {
      if !loaded.isDisjoint(with: stored) { chosen.formUnion(loaded.subtracting(stored)) }
    }
    body.forEachStatement { statement in
      if case .conditional(_, let then, let otherwise) = statement.kind {
        var loaded: Set<BufferID> = []
        (then + otherwise).forEachExpression {
          if case .load(let id, _) = $0.kind { loaded.insert(id) }
        }
        note(loaded)
      }
    }
    body.forEachExpression { e in
      guard case .select(_, let then, let otherwise) = e.kind else { return }
      var loaded: Set<BufferID> = []
      for branch in [then, otherwise] {
        branch.forEachDescendant { if case .load(let id, _) = $0.kind { loaded.insert(id) } }
      }
      note(loaded)
    }
    return chosen
  }

  /// Declares memory that the threads of the block share.
  ///
  /// - Parameters:
  ///   - declaration: without the qualifier and the semicolon.
  ///   - bytes: how much it is.
  func addShared(_ declaration: String, bytes: Int) {
    let line = "\(module.dialect.shared) \(declaration);"
    if module.dialect.declaresSharedFirst {
      let first = "  " + line
      if sharedDeclarations.contains(first) { return }
      sharedDeclarations.append(first)
    } else {
      add(line)
    }
    sharedBytes = sharedBytes.addingReportingOverflow(bytes).overflow ? .max : sharedBytes + bytes
  }

  func assigned(in body: [Statement]) -> Set<VariableID> {
    var assigned: Set<VariableID> = []
    body.forEachStatement { if let id = $0.assignedVariable { assigned.insert(id) } }
    return assigned
  }

  // MARK: Statements

  /// The statements of a block.
  ///
  /// - Parameter variables: those to be declared in the block or inside it, each where it is first used.
  func emit(_ statements: [Statement], declaring variables: Set<VariableID>) {
    var plan = DeclarationPlan(statements, variables)
    for (position, statement) in statements.enumerated() {
      var start: VariableID?
      for id in plan.here[position, default: []].sorted(by: { $0.index < $1.index }) {
        if statement.setsFirst(id) {
          start = id
        } else {
          add("\(name(of: host[id].type)) \(name(id)) = \(zero(host[id].type));")
        }
      }
      let identities = identitiesBefore(position, in: statements)
      emit(
        statement, starting: start, declaring: plan.inside[position, default: []], identities)
    }
    plan.here = [:]
  }

  func zero(_ type: ScalarType) -> String {
    type == .bool ? "false" : CUDALiteral.text(.zero(type), module.dialect)
  }

  /// The accumulators that the assignments just before set to the value which changes nothing.
  private func identitiesBefore(_ position: Int, in statements: [Statement]) -> Set<VariableID> {
    guard case .loop(let loop) = statements[position].kind else { return [] }
    var found: Set<VariableID> = []
    for statement in statements[..<position].reversed() {
      guard case .assign(let id, let value) = statement.kind else { break }
      let reduction = loop.reductions.first { $0.accumulator == id }
      if let reduction, reduction.op.identity(of: host[id].type)?.kind == value.kind {
        found.insert(id)
      }
    }
    return found
  }

  private func emit(
    _ statement: Statement, starting start: VariableID?, declaring inner: Set<VariableID>,
    _ identities: Set<VariableID>
  ) {
    switch statement.kind {
    case .assign(let id, let value):
      add(
        start == id
          ? "\(declared(id)) = \(text(value).text);" : assignment(of: value, to: name(id)))
    case .store(let id, let indices, let value): store(statement, id, indices, value)
    case .loop(let loop): emit(loop, declaring: inner, identities)
    case .whileLoop(let condition, let body):
      braces("while (\(text(condition).text))") { emit(body, declaring: inner) }
    case .conditional(let condition, let then, let otherwise):
      let used = inner.filter { $0.isMentioned(in: then) }
      braces("if (\(text(condition).text))") { emit(then, declaring: used) }
      if !otherwise.isEmpty {
        addElse { emit(otherwise, declaring: inner.subtracting(used)) }
      }
    case .device(let body): emit(body, declaring: inner)
    case .allocate(let id, let body): allocate(id, body, inner)
    case .launch(let id): launch(module.program[id])
    case .barrier: add(module.dialect.barrier)
    case .call(let call): emit(call, at: statement, starting: start)
    case .requireEqual(let left, let right): requireEqual(left, right, at: statement)
    }
  }

  private func store(
    _ statement: Statement, _ id: BufferID, _ indices: [Expression], _ value: Expression
  ) {
    let row = rowElements[RowAccesses.Row(buffer: id, indices: indices)]
    let element = row ?? "\(name(id))[\(offset(of: id, indices))]"
    var assignment = assignment(of: value, to: element)
    if updated.contains(id), let update = Update(of: .load(id, indices), in: value) {
      let type = host[id].element
      var term = text(update.term)
      if update.op == .subtract {
        term = binary(.subtract, type, zero(of: type), term)
      }
      let helper = CUDAHelper.atomic(update.op.combining, type)
      module.use(helper)
      assignment = "\(helper.name)(&\(element), \(term.text));"
    }
    var conditions = isInThread ? [] : ["\(module.dialect.thread) == 0"]
    if let test = rangeTest(of: id, indices, at: statement.span) { conditions.append(test) }
    add(
      conditions.isEmpty
        ? assignment : "if (\(conditions.joined(separator: " && "))) \(assignment)")
  }

  /// An array of one block, or of one thread.
  func allocate(_ id: BufferID, _ body: [Statement], _ inner: Set<VariableID>) {
    let buffer = host[id]
    let count = buffer.extents.reduce(1) { $0 &* max(1, $1.integerLiteral ?? 1) }
    add("{")
    depth += 1
    let declaration = "\(name(of: buffer.element)) \(name(id))[\(count)]"
    if isInThread {
      add("\(declaration);")
    } else {
      let bytes = Int(count).multipliedReportingOverflow(by: buffer.element.size)
      addShared(declaration, bytes: bytes.overflow ? .max : bytes.partialValue)
    }
    emit(body, declaring: inner)
    depth -= 1
    add("}")
  }

  /// The value of an element.
  func element(_ place: String) -> CText { CText(place) }

  func launch(_ kernel: DeviceKernel) {}

  /// - Parameter start: the result's variable, where the call is to declare it.
  func emit(_ call: ForeignCall, at statement: Statement, starting start: VariableID?) {
    emitOnDevice(
      call, at: statement.span, result: call.result.map { $0 == start ? declared($0) : name($0) })
  }

  /// A variable's declaration, without a value.
  func declared(_ id: VariableID) -> String { "\(name(of: host[id].type)) \(name(id))" }

  /// Records two lengths that differ; what must not run then stands in a condition, see `guardLengths`.
  func requireEqual(_ left: Expression, _ right: Expression, at statement: Statement) {
    module.use(.recordFault)
    let (l, r) = (text(left), text(right))
    let number = module.fault(.lengths, at: statement.span)
    add(
      "if (\(l.inside(.equality)) != \(r.inside(.relation))) record_fault(slot, \(number), \(l.text), \(r.text));"
    )
  }

  // MARK: Loops

  /// The threads of a block; a number where it is known, so that loops can be unrolled.
  var threads: String {
    kernel?.grid.threads.integerLiteral.map(String.init) ?? module.dialect.blockSize
  }

  /// Where the first iteration of a thread lies, and how far the next is.
  private func share(_ level: DeviceLevel?, isShort: Bool) -> (start: String, stride: String)? {
    let dialect = module.dialect
    let wide = isShort ? "" : "(int64_t)"
    return switch level {
    case nil: nil
    case .blocksX: (dialect.block("x"), dialect.gridSize("x"))
    case .blocksY: (dialect.block("y"), dialect.gridSize("y"))
    case .blocksZ: (dialect.block("z"), dialect.gridSize("z"))
    case .threads: (dialect.thread, threads)
    case .grid:
      (
        "\(wide)\(dialect.block("x")) * \(threads) + \(dialect.thread)",
        "\(wide)\(dialect.gridSize("x")) * \(threads)"
      )
    }
  }

  private func emit(
    _ loop: ForLoop, declaring inner: Set<VariableID>, _ identities: Set<VariableID>
  ) {
    let isThreadLevel = loop.mapping.level == .threads || loop.mapping.level == .grid
    let reductions = isThreadLevel ? loop.reductions : []
    var before: [VariableID: String] = [:]
    for reduction in reductions where !identities.contains(reduction.accumulator) {
      let id = reduction.accumulator
      let former = unique(host[id].name + "_before")
      before[id] = former
      add("const \(name(of: host[id].type)) \(former) = \(name(id));")
      add("\(name(id)) = \(identity(reduction));")
    }
    let outer = (isInThread, updated, shortVariables)
    if isThreadLevel { isInThread = true }
    if loop.mapping.level != nil { updated.formUnion(loop.updates.map(\.buffer)) }
    head(of: loop) { emit(loop.body, declaring: inner) }
    (isInThread, updated, shortVariables) = outer
    for reduction in reductions { join(reduction, before[reduction.accumulator]) }
  }

  private func identity(_ reduction: Reduction) -> String {
    reduction.op.identity(of: host[reduction.accumulator].type).map {
      CUDALiteral.text($0, module.dialect)
    } ?? "0"
  }

  /// Joins what the threads of the block have accumulated.
  private func join(_ reduction: Reduction, _ former: String?) {
    let type = host[reduction.accumulator].type
    let op = reduction.op.combining
    let helper = CUDAHelper.blockReduce(op, type)
    module.use(helper)
    let arguments = [name(reduction.accumulator)] + module.dialect.reductionArguments(of: type)
    if let memory = module.dialect.reductionMemory(of: type) {
      addShared(memory, bytes: 32 * type.size)
    }
    let total = "\(helper.name)(\(arguments.joined(separator: ", ")))"
    let value: String
    if let former {
      // All threads must come to the reduction: nothing that may decide stands before it.
      let (first, second) = type == .bool ? (total, former) : (former, total)
      value = binary(op, type, CText(first), CText(second)).text
    } else {
      value = total
    }
    add("\(name(reduction.accumulator)) = \(value);")
  }

  /// What the schedule asks for; and copies of a loop whose threads wait for one another gain nothing but compile time.
  private func addUnrolling(of loop: ForLoop) {
    if loop.mapping.unroll > 1 { return add("#pragma unroll \(loop.mapping.unroll)") }
    var hasBarrier = false
    loop.body.forEachStatement { hasBarrier = hasBarrier || $0.kind == .barrier }
    if hasBarrier { add("#pragma unroll 1") }
  }

  /// A loop's head, in the plain form where no sum leaves the type of the variable.
  private func head(of loop: ForLoop, _ body: () -> Void) {
    let variable = name(loop.variable)
    let width = width(of: loop)
    let share = share(loop.mapping.level, isShort: width.isShort)
    let type = width.isShort ? "int" : "int64_t"
    let lower =
      width.isPlain ? text(loop.lower) : settled(loop.lower, "start", in: loop)
    let upper = width.isPlain ? settled(loop.upper, "stop", in: loop) : text(loop.upper)
    if width.isShort { shortVariables.insert(loop.variable) }
    let condition = loop.condition.map { " && \(text($0).inside(.and))" } ?? ""
    if width.isPlain {
      if loop.mapping.level == .grid, GridTile.suits(loop.body), let size = tileSize(of: loop) {
        return tiles(
          of: size, variable, from: lower, to: upper, condition, isShort: width.isShort, body)
      }
      if isWide(loop, trips: loop.tripCount.integerLiteral) {
        let range = IterationRange(
          counter: variable, type: type, start: lower.inside(.sum), stop: upper.inside(.sum),
          trips: loop.tripCount.integerLiteral)
        return emitWide(loop, over: range, body)
      }
      let start = first(share?.start, of: loop, lower, type)
      let symbol = loop.step > 0 ? "<" : ">"
      addUnrolling(of: loop)
      return braces(
        "for (\(type) \(variable) = \(start); \(variable) \(symbol) \(upper.inside(.sum))\(condition); \(variable)\(increment(share?.stride, of: loop)))",
        body)
    }
    let trips = unique("trips")
    add("const \(type) \(trips) = \(text(loop.tripCount).text);")
    let counter = unique("k")
    if isWide(loop, trips: loop.tripCount.integerLiteral) {
      let start = loop.lower.integerLiteral == 0 ? "" : "\(lower.inside(.sum)) + "
      let range = IterationRange(
        counter: counter, type: type, start: "0", stop: trips,
        trips: loop.tripCount.integerLiteral, value: { start + $0 })
      return emitWide(loop, over: range, body)
    }
    addUnrolling(of: loop)
    braces(
      "for (\(type) \(counter) = \(share?.start ?? "0"); \(counter) < \(trips); \(counter)\(share.map { " += \($0.stride)" } ?? "++"))"
    ) {
      let offset = loop.lower.integerLiteral == 0 ? "" : "\(lower.inside(.sum)) + "
      let scaled =
        switch loop.step {
        case 1: counter
        case ..<0: "\(counter) * (\(loop.step))"
        default: "\(counter) * \(loop.step)"
        }
      add("const \(type) \(variable) = \(offset)\(scaled);")
      if let condition = loop.condition {
        add("if (!(\(text(condition).text))) break;")
      }
      body()
    }
  }

  /// The value of the variable of a loop in plain form with which a thread begins.
  private func first(
    _ start: String?, of loop: ForLoop, _ lower: CText, _ type: String
  ) -> String {
    guard let start else { return lower.text }
    if loop.lower.integerLiteral == 0 { return start }
    let isNonNegative = module.ranges.range(of: loop.lower)?.isNonNegative ?? false
    // Positions of threads have no sign, nor has a sum of theirs with an `int`.
    return "\(lower.inside(.sum)) + \(isNonNegative ? start : "(\(type))(\(start))")"
  }

  /// What is added to the variable of a loop in plain form after an iteration.
  private func increment(_ stride: String?, of loop: ForLoop) -> String {
    if let stride { return " += \(stride)" }
    switch loop.step {
    case 1: return "++"
    case -1: return "--"
    default: return loop.step > 0 ? " += \(loop.step)" : " -= \(loop.step.magnitude)"
    }
  }

  /// The iterations of a tile of a loop that spans blocks; nil where that is one for each thread.
  private func tileSize(of loop: ForLoop) -> String? {
    guard let grid = kernel?.grid else { return nil }
    let rows = (grid.blocks[1] * grid.blocks[2]).integerLiteral
    if let rows, let threads = grid.threads.integerLiteral {
      let threads = Expression.index(Int(threads))
      let size = GridTile.size(for: loop.tripCount * .index(Int(rows)), threads: threads)
      if size == threads { return nil }
      if size.integerLiteral != nil { return text(size).text }
    }
    let all = text(loop.tripCount).inside(.product)
    let beside =
      rows == 1 ? "" : " * \(module.dialect.gridSize("y")) * \(module.dialect.gridSize("z"))"
    let name = unique("tile")
    add(
      "const int64_t \(name) = \(all)\(beside) >= \(GridTile.least) ? \(GridTile.iterations) * \(threads) : \(threads);"
    )
    return name
  }

  /// A loop over tiles, and in it the iterations of the thread.
  private func tiles(
    of size: String, _ variable: String, from lower: CText, to upper: CText, _ condition: String,
    isShort: Bool, _ body: () -> Void
  ) {
    let type = isShort ? "int" : "int64_t"
    let (first, last) = (unique("\(variable)_first"), unique("\(variable)_last"))
    let offset = lower.text == "0" ? "" : "\(lower.inside(.sum)) + "
    braces(
      "for (int64_t \(first) = \(offset)(int64_t)\(module.dialect.block("x")) * \(size); \(first) < \(upper.inside(.sum)); \(first) += (int64_t)\(module.dialect.gridSize("x")) * \(size))"
    ) {
      add(
        "const \(type) \(last) = \(upper.inside(.sum)) - \(first) < \(size) ? \(upper.inside(.conditional)) : \(first) + \(size);"
      )
      add("#pragma unroll \(GridTile.iterations)")
      braces(
        "for (\(type) \(variable) = \(first) + \(module.dialect.thread); \(variable) < \(last)\(condition); \(variable) += \(threads))",
        body)
    }
  }

  /// A bound that is evaluated once: as it stands where nothing in the loop can change it, else in a variable.
  private func settled(_ bound: Expression, _ wanted: String, in loop: ForLoop) -> CText {
    let changed = assigned(in: loop.body)
    let isFixed = !bound.contains { part in
      if case .variable(let id) = part.kind { return changed.contains(id) }
      return part.isLoad
    }
    let value = text(bound)
    if isFixed { return value }
    let variable = unique(wanted)
    let isShort = kernel != nil && fitsInt(bound)
    add("const \(isShort ? "int" : "int64_t") \(variable) = \(value.text);")
    return CText(variable, isInt: isShort)
  }
}

/// Where the variables of a block are declared: at their first use in it, or inside one of its statements.
private struct DeclarationPlan {
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
  fileprivate func setsFirst(_ id: VariableID) -> Bool {
    guard assignedVariable == id else { return false }
    var reads = false
    forEachExpression { reads = reads || $0.reads(id) }
    return !reads
  }
}

extension Statement.Kind {
  fileprivate var isAssignment: Bool { if case .assign = self { true } else { false } }
}

extension VariableID {
  /// Whether statements read, assign or accumulate into the variable.
  fileprivate func isMentioned(in statements: [Statement]) -> Bool {
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
  fileprivate func reads(_ id: VariableID) -> Bool { contains { $0.kind == .variable(id) } }
}
