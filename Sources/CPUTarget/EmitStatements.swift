import LoopIR
import Schedule

extension FunctionEmitter {
  func emit(_ statements: [Statement]) {
    var rest = statements[...]
    while let statement = rest.popFirst() {
      if let next = rest.first, emitPair(statement, next) {
        rest.removeFirst()
      } else {
        emit(statement)
      }
    }
  }

  private func emit(_ statement: Statement) {
    switch statement.kind {
    case .assign(let id, let value): assign(id, emit(value))
    case .store(let buffer, let indices, let value):
      let stored = emit(value)
      store(stored, to: buffer, indices, at: statement.span)
    case .call(let call): emit(call, at: statement.span)
    case .loop(let loop): emit(loop, from: emit(loop.lower), to: emit(loop.upper))
    case .whileLoop(let condition, let body): emitWhile(condition, body)
    case .conditional(let condition, let then, let otherwise):
      emitConditional(condition, then, otherwise)
    case .device(let body): emit(body)
    case .allocate(let buffer, let body): emitAllocate(buffer, body)
    case .requireEqual(let left, let right): requireEqual(left, right, at: statement.span)
    case .launch(let id): emitLaunch(module.program[id])
    // Device kernels alone have barriers.
    case .barrier: break
    }
  }

  private func emitWhile(_ condition: Expression, _ body: [Statement]) {
    if vector != nil { return emitWhileInLanes(condition, body) }
    let (head, inside, done) = (label("while"), label("do"), label("done"))
    add("br label %\(head)")
    open(head)
    let holds = emit(condition)
    add("br i1 \(holds.text), label %\(inside), label %\(done)")
    open(inside)
    emit(body)
    add("br label %\(head)")
    open(done)
  }

  private func emitConditional(
    _ condition: Expression, _ then: [Statement], _ otherwise: [Statement]
  ) {
    let truth = emit(condition)
    if truth.lanes == 1 {
      branch(
        on: truth.text, then: { self.emit(then) },
        otherwise: otherwise.isEmpty ? nil : { self.emit(otherwise) })
      return
    }
    // Lanes disagree: each side runs in its lanes, and not at all where it has none.
    let outer = vector?.mask
    let taken = conjunction(outer, truth)
    branch(on: any(taken), then: { self.withMask(taken) { self.emit(then) } }, otherwise: nil)
    if otherwise.isEmpty { return }
    let opposite = Value(line("xor \(truth.typed), splat (i1 true)"), .bool, lanes: truth.lanes)
    let rest = conjunction(outer, opposite)
    branch(on: any(rest), then: { self.withMask(rest) { self.emit(otherwise) } }, otherwise: nil)
  }

  func branch(on condition: String, then: () -> Void, otherwise: (() -> Void)?) {
    let (yes, done) = (label("then"), label("endif"))
    let no = otherwise == nil ? done : label("else")
    add("br i1 \(condition), label %\(yes), label %\(no)")
    branchDepth += 1
    defer { branchDepth -= 1 }
    open(yes)
    then()
    add("br label %\(done)")
    if let otherwise {
      open(no)
      otherwise()
      add("br label %\(done)")
    }
    open(done)
  }

  // MARK: Temporaries

  /// The most bytes of a temporary that lies on the stack.
  private static var stackLimit: Int { 16384 }
  /// The bytes of temporaries after which a function puts no more on the stack.
  private static var mostStackBytes: Int { 1 << 18 }

  private func emitAllocate(_ id: BufferID, _ body: [Statement]) {
    let buffer = host[id]
    if let known = knownCount(buffer.extents), stackBytes < Self.mostStackBytes,
      known <= Int64(Self.stackLimit / buffer.element.size)
    {
      stackBytes += Int(known) * buffer.element.size
      let type = "[\(max(known, 1)) x \(buffer.element.llvmElement)]"
      bind(id, to: alloca(type, name: llvmName(buffer.name), alignment: 64))
      return emit(body)
    }
    let bytes = byteCount(buffer)
    let pointer = line("call ptr \(runtimeFunction(at: 3))(i64 \(bytes))")
    let isMissing = line("icmp eq ptr \(pointer), null")
    let (missing, found, done) = (label("nomemory"), label("allocated"), label("freed"))
    add("br i1 \(isMissing), label %\(missing), label %\(found)")
    open(missing)
    if kernel == nil {
      heapTemporaries.reversed().forEach(free)
      add("ret i64 -1")
    } else {
      add("store atomic i64 -1, ptr %status monotonic, align 8")
      add("br label %\(done)")
    }
    open(found)
    bind(id, to: pointer)
    heapTemporaries.append(pointer)
    emit(body)
    heapTemporaries.removeLast()
    free(pointer)
    add("br label %\(done)")
    open(done)
  }

  /// Gives the memory of a temporary back.
  func free(_ pointer: String) { add("call void \(runtimeFunction(at: 4))(ptr \(pointer))") }

  /// The product of literal extents; nil where one is not known, or where it is too large.
  private func knownCount(_ extents: [Expression]) -> Int64? {
    extents.reduce(1) { count, extent in
      guard let count, let literal = extent.integerLiteral else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: literal)
      return overflow ? nil : product
    }
  }

  /// The size of a buffer, -1 where 64 bits do not hold it.
  private func byteCount(_ buffer: Buffer) -> String {
    let multiply = "@llvm.umul.with.overflow.i64"
    module.declare("declare { i64, i1 } \(multiply)(i64, i64)")
    return buffer.extents.reduce("\(buffer.element.size)") { bytes, extent in
      let pair = line("call { i64, i1 } \(multiply)(i64 \(bytes), i64 \(emit(extent).text))")
      let product = line("extractvalue { i64, i1 } \(pair), 0")
      let overflow = line("extractvalue { i64, i1 } \(pair), 1")
      return line("select i1 \(overflow), i64 -1, i64 \(product)")
    }
  }

  /// A function of the runtime table, `parpy_runtime` in CRuntime.h, by its position.
  func runtimeFunction(at position: Int) -> String {
    let field = line("getelementptr inbounds ptr, ptr %runtime, i64 \(position)")
    return line("load ptr, ptr \(field), align 8")
  }

  // MARK: Launches

  /// The fewest iterations of a vector loop without loops inside that are worth handing to a worker.
  private static var leastVectorRange: Int { 1024 }

  private func emitLaunch(_ kernel: Kernel) {
    let fields = module.contextFields(of: kernel)
    let context = alloca("[\(fields.count) x i64]", name: "context", alignment: 8)
    let status = alloca("i64", name: "status", alignment: 8)
    add("store i64 0, ptr \(status), align 8")
    var values = kernel.buffers.map { Value(pointer($0), .int64) }.map(\.text)
    values += kernel.liveIns.map { read($0).text }
    values += ["%runtime", status] + (module.usesSlot ? ["%slot"] : [])
    for (i, (field, value)) in zip(fields, values).enumerated() {
      let place = line("getelementptr inbounds i64, ptr \(context), i64 \(i)")
      add("store \(field.type) \(value), ptr \(place), align 8")
    }
    let count = emit(kernel.loop.tripCount)
    let lanes = kernel.loop.mapping.lanes
    let isInnermost = !kernel.loop.body.containsLoop
    let multiple = lanes > 1 && isInnermost ? max(lanes, Self.leastVectorRange) : lanes
    let workers = kernel.loop.mapping.workers.map { emit($0).text } ?? "1"
    let run = runtimeFunction(at: 0)
    add(
      "call void \(run)(ptr @\(llvmName(kernel.name)).range, ptr \(context), \(count.typed), i64 \(multiple), i64 \(workers))"
    )
    let result = line("load i64, ptr \(status), align 8")
    let failed = line("icmp ne i64 \(result), 0")
    let (bad, good) = (label("failed"), label("launched"))
    add("br i1 \(failed), label %\(bad), label %\(good)")
    open(bad)
    heapTemporaries.reversed().forEach(free)
    add("ret i64 \(result)")
    open(good)
  }
}
