import LoopIR

extension FunctionEmitter {
  /// A loop over `lower ..< upper`, in lanes where it is mapped to them.
  func emit(_ loop: ForLoop, from lower: Value, to upper: Value) {
    if loop.mapping.lanes > 1 && vector == nil {
      emitVector(loop, from: lower, to: upper)
    } else if vector != nil && (loop.condition != nil || lower.lanes > 1 || upper.lanes > 1) {
      emitInLanes(loop, from: lower, to: upper)
    } else if loop.step == 1 {
      let metadata = metadata(of: loop)
      count(
        from: lower.text, to: upper.text, by: 1, while: loop.condition, metadata: metadata
      ) { i in
        self.bindings[loop.variable] = Value(i, .int64)
        self.emitBody(loop.body)
      }
    } else {
      // Counting iterations keeps the loop variable from overflowing past the end of the range.
      let iterations = tripCount(from: lower, to: upper, step: loop.step)
      let metadata = metadata(of: loop)
      count(
        from: "0", to: iterations.text, by: 1, while: loop.condition, metadata: metadata
      ) { k in
        let offset = self.line("mul i64 \(k), \(loop.step)")
        self.bindings[loop.variable] = Value(self.line("add i64 \(lower.text), \(offset)"), .int64)
        self.emitBody(loop.body)
      }
    }
  }

  /// The body of a loop.
  func emitBody(_ body: [Statement]) {
    let outer = vector?.body
    vector?.body = body
    emit(body)
    if let outer { vector?.body = outer }
  }

  /// A loop is unrolled as it says; one around another that does not say so, not at all: LLVM would write out a nest of
  /// constant extents statement by statement (filling 61 x 61 elements took 24 s to compile).
  private func metadata(of loop: ForLoop) -> String {
    if loop.mapping.unroll > 1 {
      return ", !llvm.loop \(module.unrolledLoopMetadata(count: loop.mapping.unroll))"
    }
    if loop.body.containsLoop { return ", !llvm.loop \(module.outerLoopMetadata())" }
    return storesNarrowUnderCondition(loop) ? ", !llvm.loop \(module.scalarLoopMetadata())" : ""
  }

  /// Whether LLVM's vectoriser would make masked stores of narrow elements; where it knows that such a mask has one lane,
  /// LLVM 22 overwrites what follows, see `opaque`.
  private func storesNarrowUnderCondition(_ loop: ForLoop) -> Bool {
    var isConditional = loop.condition != nil
    var isNarrow = false
    loop.body.forEachStatement { statement in
      if case .conditional = statement.kind { isConditional = true }
      guard case .store(let id, _, _) = statement.kind else { return }
      let element = host[id].element
      isNarrow = isNarrow || element.size < (element.isInteger ? 8 : 4)
    }
    return isConditional && isNarrow
  }

  /// The number of iterations, in each lane where that differs between them.
  func tripCount(from lower: Value, to upper: Value, step: Int) -> Value {
    let (first, end) = unified(lower, upper)
    let lanes = first.lanes
    func constant(_ number: String) -> String {
      lanes == 1 ? number : "splat (i64 \(number))"
    }
    let (low, high) = step > 0 ? (first, end) : (end, first)
    let isRunning = Value(line("icmp slt \(low.typed), \(high.text)"), .bool, lanes: lanes)
    let distance = line("sub \(high.typed), \(low.text)")
    let last = line("sub \(low.llvmType) \(distance), \(constant("1"))")
    let steps = line("udiv \(low.llvmType) \(last), \(constant("\(step.magnitude)"))")
    let count = line("add \(low.llvmType) \(steps), \(constant("1"))")
    return select(isRunning, Value(count, .int64, lanes: lanes), .integer(0, .int64))
  }

  /// A loop that counts up from `start` while it is below `end` and `condition` holds.
  func count(
    from start: String, to end: String, by step: Int, while condition: Expression? = nil,
    metadata: String = "", _ body: (String) -> Void
  ) {
    let (head, inside, done) = (label("for"), label("body"), label("end"))
    let before = currentBlock
    let (i, next) = ("%i\(fresh())", "%next\(fresh())")
    add("br label %\(head)")
    open(head)
    let phiPlace = "\(i) = phi i64 [ \(start), %\(before) ], [ \(next), %latch.\(head) ]"
    add(phiPlace)
    let isRunning = line("icmp slt i64 \(i), \(end)")
    add("br i1 \(isRunning), label %\(inside), label %\(done)")
    open(inside)
    if let condition {
      let goesOn = label("goeson")
      add("br i1 \(emit(condition).text), label %\(goesOn), label %\(done)")
      open(goesOn)
    }
    body(i)
    add("br label %latch.\(head)")
    open("latch.\(head)")
    add("\(next) = add nsw i64 \(i), \(step)")
    add("br label %\(head)\(metadata)")
    open(done)
  }

  // MARK: Vector loops

  /// Runs a loop `lanes` iterations at a time, and what is left over once more under a mask, so that every iteration takes
  /// the same instructions wherever it falls.
  private func emitVector(_ loop: ForLoop, from lower: Value, to upper: Value) {
    let lanes = loop.mapping.lanes
    var varying: Set<VariableID> = []
    loop.body.forEachStatement { statement in
      if case .assign(let id, _) = statement.kind { varying.insert(id) }
    }
    let accumulators = loop.reductions.filter { varying.contains($0.accumulator) }
    let initial = accumulators.map { read($0.accumulator) }
    var totals: [Value] = []
    withOwnSlots(for: varying) {
      vector = VectorContext(
        lanes: lanes, variable: loop.variable, base: lower.text, step: loop.step, mask: nil,
        varying: varying, body: loop.body)
      for reduction in accumulators {
        let type = host[reduction.accumulator].type
        guard let identity = reduction.op.identity(of: type), let value = Value(literal: identity)
        else { continue }
        assign(reduction.accumulator, value)
      }
      emitStreaming(loop, from: lower, to: upper) { lower in
        self.emitVectorBodies(loop, from: lower, to: upper, lanes)
      }
      totals = accumulators.map { fold(read($0.accumulator), $0.op.combining) }
      vector = nil
    }
    for ((reduction, before), total) in zip(zip(accumulators, initial), totals) {
      assign(reduction.accumulator, binary(reduction.op.combining, before, total))
    }
    leaveAfterFault(in: loop)
  }

  private func emitVectorBodies(_ loop: ForLoop, from lower: Value, to upper: Value, _ lanes: Int) {
    let metadata = ", !llvm.loop \(module.loopMetadata(unroll: loop.mapping.unroll))"
    let count: String
    let whole: String
    let wholeEnd: String
    if loop.step == 1 {
      let distance = line("sub i64 \(upper.text), \(lower.text)")
      module.declare("declare i64 @llvm.smax.i64(i64, i64)")
      count = line("call i64 @llvm.smax.i64(i64 \(distance), i64 0)")
      whole = line("and i64 \(count), \(-lanes)")
      wholeEnd = line("add i64 \(lower.text), \(whole)")
      self.count(from: lower.text, to: wholeEnd, by: lanes, metadata: metadata) { base in
        self.vector?.base = base
        self.emit(loop.body)
      }
    } else {
      func position(_ iteration: String) -> String {
        line("add i64 \(lower.text), \(line("mul i64 \(iteration), \(loop.step)"))")
      }
      count = tripCount(from: lower, to: upper, step: loop.step).text
      whole = line("and i64 \(count), \(-lanes)")
      wholeEnd = position(whole)
      self.count(from: "0", to: whole, by: lanes, metadata: metadata) { iteration in
        self.vector?.base = position(iteration)
        self.emit(loop.body)
      }
    }
    let rest = line("sub i64 \(count), \(whole)")
    let hasRest = line("icmp ne i64 \(rest), 0")
    branch(
      on: hasRest,
      then: {
        self.vector?.base = wholeEnd
        self.vector?.mask = self.firstLanes(rest, of: lanes)
        self.emit(loop.body)
        self.vector?.mask = nil
      }, otherwise: nil)
  }

  /// The mask of the first `count` lanes, of at most 256.
  func firstLanes(_ count: String, of lanes: Int) -> Value {
    let narrow = splat(Value(line("trunc i64 \(count) to i8"), .uint8), lanes: lanes)
    let numbers = (0..<lanes).map { "i8 \(Int8(truncatingIfNeeded: $0))" }.joined(separator: ", ")
    return Value(line("icmp ult <\(lanes) x i8> <\(numbers)>, \(narrow.text)"), .bool, lanes: lanes)
  }

  /// The lanes joined by an operator, halves first: lane k with lane k + n/2, until one is left.
  private func fold(_ value: Value, _ op: BinaryOperator) -> Value {
    var result = value
    let context = vector
    vector = nil
    defer { vector = context }
    while result.lanes > 1 {
      let half = result.lanes / 2
      let low = extract(result, from: 0, count: half)
      let high = extract(result, from: half, count: half)
      result = binary(op, low, high)
    }
    return result
  }

  /// `count` lanes from position `start`; a scalar where that is one.
  func extract(_ value: Value, from start: Int, count: Int) -> Value {
    if value.lanes == count { return value }
    if count == 1 {
      return Value(line("extractelement \(value.typed), i64 \(start)"), value.type)
    }
    let lanes = (start..<start + count).map { "i32 \($0)" }.joined(separator: ", ")
    return Value(
      line("shufflevector \(value.typed), \(value.llvmType) poison, <\(count) x i32> <\(lanes)>"),
      value.type, lanes: count)
  }
}
