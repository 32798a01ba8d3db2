import GPUMapping
import LoopIR
import Schedule

/// Writes one function of a translation unit: a kernel, or the host part.
///
/// Open, as a class with a subclass in another module must be: `CUDATarget` writes its host part so.
open class FunctionEmitter {
  package let module: ModuleEmitter
  let kernel: DeviceKernel?
  package private(set) var lines: [String] = []
  private var depth = 1
  private var variableNames: [VariableID: String] = [:]
  private var bufferNames: [BufferID: String] = [:]
  private var taken: Set<String> = []
  /// The greatest number that a name was made unique with; all those below are taken.
  private var numbers: [String: Int] = [:]
  /// The buffers whose elements several threads update, in the loops around.
  var updated: Set<BufferID> = []
  /// Whether each thread that comes by has an iteration of its own.
  var isInThread = false
  /// The elements of rows that a thread has read, or will write, for several iterations at once.
  var rowElements: [RowAccesses.Row: String] = [:]
  /// What stands around the body of the next loop: the accesses to its rows.
  var groupOfRows: ((() -> Void) -> Void)?
  /// What integers may be at this point.
  var ranges: ValueRanges
  /// The int64 variables that are of type `int` in the text: parameters and locals of the kernel, and those of the loops around.
  var shortVariables: Set<VariableID> = []
  /// The variables that the kernel assigns.
  private(set) var locals: Set<VariableID> = []
  /// The integers that indices of the kernel are made of.
  private(set) var indexVariables: Set<VariableID> = []
  /// Whether what is written is an index, or an integer that becomes part of one.
  var isInIndex = false
  /// The parameters that the kernel begins with hiding, see `HiddenIntegers.swift`.
  var hiddenParameters: Set<VariableID> = []
  /// The loops around, outermost first, see `HiddenIntegers.swift`.
  var loopsAround: [LoopAround] = []
  /// The memory that the block shares, where it is declared first in the kernel.
  private var sharedDeclarations: [String] = []
  /// The bytes of all memory that the block shares.
  private(set) var sharedBytes = 0

  /// - Parameter kernel: nil for the host part.
  package init(_ module: ModuleEmitter, _ kernel: DeviceKernel? = nil) {
    self.module = module
    self.kernel = kernel
    ranges = module.ranges
    taken = module.externalNames
    isInThread = kernel.map { $0.grid.maximumThreads == 1 } ?? true
    if let kernel {
      kernel.buffers.forEach { _ = name($0) }
      kernel.liveIns.forEach { _ = name($0) }
      locals = assigned(in: kernel.body)
      indexVariables = kernel.body.variablesOfIndices()
      shortVariables = locals.union(kernel.liveIns)
        .filter { host[$0].type == .int64 && fitsInt(host.read($0)) }
    }
  }

  package var host: LoopFunction { module.program.host }

  // MARK: Names

  package func name(of type: ScalarType) -> String { module.dialect.name(of: type) }

  package func name(_ id: VariableID) -> String {
    if let known = variableNames[id] { return known }
    let name = unique(host.variables.indices.contains(id.index) ? host[id].name : "v")
    variableNames[id] = name
    return name
  }

  package func name(_ id: BufferID) -> String {
    if let known = bufferNames[id] { return known }
    let name = unique(host.buffers.indices.contains(id.index) ? host[id].name : "b")
    bufferNames[id] = name
    return name
  }

  /// What is written where a variable has another name.
  func renaming(_ id: VariableID, to name: String, _ write: () -> String) -> String {
    let former = rename(id, to: name)
    defer { rename(id, to: former) }
    return write()
  }

  /// Gives a variable another name, or none; returns the former one.
  @discardableResult
  func rename(_ id: VariableID, to name: String?) -> String? {
    defer { variableNames[id] = name }
    return variableNames[id]
  }

  package func unique(_ wanted: String) -> String {
    var base = cppName(wanted)
    if module.dialect.reservedNames.contains(base) || HelperFunction.mayBeCalled(base) {
      base += "_"
    }
    if taken.insert(base).inserted { return base }
    var number = numbers[base, default: 1] + 1
    while !taken.insert("\(base)_\(number)").inserted { number += 1 }
    numbers[base] = number
    return "\(base)_\(number)"
  }

  /// Lets names be given again, whose block has ended.
  func release(_ names: [String]) {
    taken.subtract(names)
    numbers = [:]
  }

  // MARK: Lines

  package func add(_ line: String) { lines.append(String(repeating: "  ", count: depth) + line) }

  /// Where the next line stands, for `insert`.
  var nextLine: (line: Int, depth: Int) { (lines.count, depth) }

  func insert(_ line: String, at place: (line: Int, depth: Int)) {
    lines.insert(String(repeating: "  ", count: place.depth) + line, at: place.line)
  }

  package func braces(_ head: String, _ body: () -> Void) {
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
    let pointers = RestrictedPointers(of: kernel, in: host)
    let arrays = kernel.buffers.map { id in
      KernelHead.Array(
        name: name(id), element: host[id].element, isConst: pointers.isConst(id),
        isRestricted: pointers.isRestricted(id))
    }
    let head = KernelHead(
      name: cppName(kernel.name), maximumThreads: kernel.grid.maximumThreads,
      clusterSize: kernel.grid.clusterSize, arrays: arrays,
      values: kernel.liveIns.map { id in
        KernelHead.Value(
          name: name(id), type: typeName(of: id), isAssigned: hiddenParameters.contains(id))
      }, hasSlot: module.hasSlot)
    let place = kernel.place.map { "// \($0)\n" } ?? ""
    return place + module.dialect.head(of: head) + " {\n"
      + (hidingOfParameters() + sharedDeclarations + lines).joined(separator: "\n") + "\n}\n"
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

  package func assigned(in body: [Statement]) -> Set<VariableID> {
    var assigned: Set<VariableID> = []
    body.forEachStatement { if let id = $0.assignedVariable { assigned.insert(id) } }
    return assigned
  }

  // MARK: Statements

  /// The statements of a block.
  ///
  /// - Parameter variables: those to be declared in the block or inside it, each where it is first used.
  package func emit(_ statements: [Statement], declaring variables: Set<VariableID>) {
    var plan = DeclarationPlan(statements, variables)
    for (position, statement) in statements.enumerated() {
      var start: VariableID?
      for id in plan.here[position, default: []].sorted(by: { $0.index < $1.index }) {
        if statement.setsFirst(id) {
          start = id
        } else {
          add("\(typeName(of: id)) \(name(id)) = \(zero(host[id].type));")
        }
      }
      let identities = identitiesBefore(position, in: statements)
      emit(
        statement, starting: start, declaring: plan.inside[position, default: []], identities)
    }
    plan.here = [:]
  }

  func zero(_ type: ScalarType) -> String {
    type == .bool ? "false" : LiteralText.text(.zero(type), module.dialect)
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
        inIndex(assigning: value, to: id) {
          start == id
            ? "\(declared(id)) = \(text(value).text);" : assignment(of: value, to: name(id))
        })
    case .store(let id, let indices, let value): store(statement, id, indices, value)
    case .loop(let loop): emit(loop, declaring: inner, identities)
    case .whileLoop(let condition, let body):
      braces("while (\(text(condition).text))") { emit(body, declaring: inner) }
    case .conditional(let condition, let then, let otherwise):
      let used = then.mentioned(of: inner)
      braces("if (\(text(condition).text))") { emit(then, declaring: used) }
      if !otherwise.isEmpty {
        addElse { emit(otherwise, declaring: inner.subtracting(used)) }
      }
    case .device(let body): emit(body, declaring: inner)
    case .allocate(let id, let body): allocate(id, body, inner)
    case .launch(let id): launch(module.program[id])
    case .barrier: addBarrier()
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
        term = binary(.subtract, type, CText(zero(type), .unary), term)
      }
      let helper = HelperFunction.atomic(update.op.combining, type)
      module.use(helper)
      assignment = "\(helper.name)(&\(element), \(term.text));"
    }
    var conditions = isInThread ? [] : [isFirstThread]
    if let test = rangeTest(of: id, indices, at: statement.span) { conditions.append(test) }
    add(
      conditions.isEmpty
        ? assignment : "if (\(conditions.joined(separator: " && "))) \(assignment)")
  }

  /// Whether a thread is the one that does what is done once, for its block or for its cluster.
  var isFirstThread: String {
    let isFirst = "\(module.dialect.thread) == 0"
    return clusterSize > 1 ? "\(module.dialect.block("x")) == 0 && \(isFirst)" : isFirst
  }

  /// The blocks of a cluster; 1 where there are none.
  var clusterSize: Int { kernel?.grid.clusterSize ?? 1 }

  /// Lets the threads of the block, or of the cluster, wait for one another.
  private func addBarrier() {
    if clusterSize == 1 { return add(module.dialect.barrier) }
    module.use(.clusterBarrier)
    add("\(HelperFunction.clusterBarrier.name)();")
  }

  /// An array of one block, or of one thread.
  open func allocate(_ id: BufferID, _ body: [Statement], _ inner: Set<VariableID>) {
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
  open func element(_ place: String) -> CText { CText(place) }

  /// Only a host part launches.
  open func launch(_ kernel: DeviceKernel) {}

  /// - Parameter start: the result's variable, where the call is to declare it.
  open func emit(_ call: ForeignCall, at statement: Statement, starting start: VariableID?) {
    emitOnDevice(
      call, at: statement.span, result: call.result.map { $0 == start ? declared($0) : name($0) })
  }

  /// A variable's declaration, without a value.
  package func declared(_ id: VariableID) -> String { "\(typeName(of: id)) \(name(id))" }

  /// Records two lengths that differ; what must not run then stands in a condition, see `guardLengths`.
  open func requireEqual(_ left: Expression, _ right: Expression, at statement: Statement) {
    module.use(.recordFault)
    let (l, r) = (text(left), text(right))
    let number = module.fault(.lengths, at: statement.span)
    add(
      "if (\(l.inside(.equality)) != \(r.inside(.relation))) record_fault(slot, \(number), \(l.text), \(r.text));"
    )
  }
}
