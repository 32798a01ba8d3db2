import GPUMapping
import LoopIR

/// Loops: who has which iterations, how they are counted, and how the results of threads are joined.
///
///     @threads @reduce(add s) for k in 0..<n: s = s + x[k]
///
///     for (int k = threadIdx.x; k < n; k += 128) {
///       s += x[k];
///     }
///     s = block_add_float32(s);
extension FunctionEmitter {
  /// The threads of a block; a number where it is known, so that loops can be unrolled.
  var threads: String {
    kernel?.grid.threads.integerLiteral.map(String.init) ?? module.dialect.blockSize
  }

  /// The threads of a block as what is added to a counter: with a sign, so that the sum cannot wrap. Compilers then know how many
  /// iterations there are, and write out several, whose loads are under way together.
  ///
  /// In a tile a thread has four iterations at most, and to count them takes a division.
  var threadStride: String { Int64(threads) == nil ? "(int)\(threads)" : threads }

  /// Where the first iteration of a thread lies, and how far the next is.
  private func share(_ level: DeviceLevel?, isShort: Bool) -> (start: String, stride: String)? {
    let dialect = module.dialect
    let wide = isShort ? "" : "(int64_t)"
    return switch level {
    case nil: nil
    case .blocksX: (dialect.block("x"), dialect.gridSize("x"))
    case .blocksY: (dialect.block("y"), dialect.gridSize("y"))
    case .blocksZ: (dialect.block("z"), dialect.gridSize("z"))
    case .threads: (dialect.thread, threadStride)
    case .clusterBlocks: (dialect.block("x"), "\(clusterSize)")
    case .cluster:
      (
        "\(wide)\(dialect.block("x")) * \(threads) + \(dialect.thread)",
        "\(wide)\(clusterSize) * \(threads)"
      )
    case .grid:
      (
        "\(wide)\(dialect.block("x")) * \(threads) + \(dialect.thread)",
        "\(wide)\(dialect.gridSize("x")) * \(threads)"
      )
    }
  }

  func emit(
    _ loop: ForLoop, declaring inner: Set<VariableID>, _ identities: Set<VariableID>
  ) {
    let isThreadLevel = loop.mapping.level?.isOfThreads == true
    let isJoined = isThreadLevel || loop.mapping.level == .clusterBlocks
    let reductions = isJoined ? loop.reductions : []
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
    let group = groupOfRows
    groupOfRows = nil
    head(of: loop) {
      inside(loop) {
        if let group { return group { emit(loop.body, declaring: inner) } }
        emit(loop.body, declaring: inner)
      }
    }
    (isInThread, updated, shortVariables) = outer
    for reduction in reductions {
      join(reduction, before[reduction.accumulator], over: loop.mapping.level)
    }
  }

  private func identity(_ reduction: Reduction) -> String {
    LiteralText.identity(of: reduction.op, host[reduction.accumulator].type, module.dialect)
  }

  /// Joins what the threads of the block have accumulated, or the blocks of the cluster.
  private func join(_ reduction: Reduction, _ former: String?, over level: DeviceLevel?) {
    let type = host[reduction.accumulator].type
    let op = reduction.op.combining
    let helper: HelperFunction =
      level == .clusterBlocks ? .clusterReduce(op, type) : .blockReduce(op, type)
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
      if loop.mapping.level == .grid, let size = tileSize(of: loop) {
        return tiles(loop, of: size, from: lower, to: upper, condition, type, body)
      }
      let stop = upper.inside(.sum)
      let range = IterationRange(
        counter: variable, type: type, start: lower.inside(.sum), stop: stop,
        count: lower.text == "0" ? upper : CText("\(stop) - \(lower.inside(.product))", .sum),
        trips: loop.tripCount.integerLiteral,
        isNonNegative: ranges.range(of: loop.lower)?.isNonNegative ?? false)
      if isWide(loop, trips: range.trips) { return emitWide(loop, over: range, body) }
      let start = share.map { range.from($0.start) } ?? lower.text
      let symbol = loop.step > 0 ? "<" : ">"
      addUnrolling(of: loop)
      return braces(
        "for (\(type) \(variable) = \(start); \(variable) \(symbol) \(stop)\(condition); \(variable)\(increment(share?.stride, of: loop)))",
        body)
    }
    let trips = unique("trips")
    add("const \(type) \(trips) = \(text(loop.tripCount).text);")
    let counter = unique("k")
    if isWide(loop, trips: loop.tripCount.integerLiteral) {
      let start = loop.lower.integerLiteral == 0 ? "" : "\(lower.inside(.sum)) + "
      let range = IterationRange(
        counter: counter, type: type, start: "0", stop: trips, count: CText(trips),
        trips: loop.tripCount.integerLiteral, value: { start + $0 })
      return emitWide(loop, over: range, body)
    }
    addUnrolling(of: loop)
    braces(
      "for (\(type) \(counter) = \(share?.start ?? "0"); \(counter) < \(trips); \(counter)\(share.map { " += \($0.stride)" } ?? "++"))"
    ) {
      let count = CText(counter, isInt: width.isShort)
      let size = CText("\(loop.step.magnitude)", isInt: true)
      let distance =
        loop.step.magnitude == 1
        ? counter
        : loop.step > 0
          ? "\(counter) * \(size.text)"
          : hidden(infix("*", count, size, .product, isShort: width.isShort), .int64).text
      let isFromZero = loop.lower.integerLiteral == 0
      let start = isFromZero ? "" : "\(lower.inside(.sum)) "
      let value =
        loop.step < 0
        ? isFromZero ? "-(\(distance))" : "\(start)- \(distance)"
        : isFromZero ? distance : "\(start)+ \(distance)"
      add("const \(type) \(variable) = \(value);")
      if let condition = loop.condition {
        add("if (!(\(text(condition).text))) break;")
      }
      body()
    }
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
    guard let grid = kernel?.grid, let iterations = GridTile.iterations(of: loop) else {
      return nil
    }
    let rows = (grid.blocks[1] * grid.blocks[2]).integerLiteral
    if let rows, let threads = grid.threads.integerLiteral {
      let threads = Expression.index(Int(threads))
      let size = GridTile.size(
        for: loop.tripCount * .index(Int(rows)), threads: threads, iterations: iterations)
      if size == threads { return nil }
      if size.integerLiteral != nil { return text(size).text }
    }
    let all = text(loop.tripCount).inside(.product)
    let beside =
      rows == 1 ? "" : " * \(module.dialect.gridSize("y")) * \(module.dialect.gridSize("z"))"
    let name = unique("tile")
    add(
      "const int64_t \(name) = \(all)\(beside) >= \(GridTile.least) ? \(product(iterations, threads)) : \(threads);"
    )
    return name
  }

  /// A loop over tiles, and in it the iterations of the thread.
  private func tiles(
    _ loop: ForLoop, of size: String, from lower: CText, to upper: CText, _ condition: String,
    _ type: String, _ body: () -> Void
  ) {
    let variable = name(loop.variable)
    let (first, last) = (unique("\(variable)_first"), unique("\(variable)_last"))
    let phase = loop.mapping.lanes > 1 ? loop.rowPhase : 0
    let offset = lower.text == "0" ? "" : "\(lower.inside(.sum)) + "
    let before = phase == 0 ? "" : " - \(phase)"
    braces(
      "for (int64_t \(first) = \(offset)(int64_t)\(module.dialect.block("x")) * \(size)\(before); \(first) < \(upper.inside(.sum)); \(first) += (int64_t)\(module.dialect.gridSize("x")) * \(size))"
    ) {
      add(
        "const \(type) \(last) = \(upper.inside(.sum)) - \(first) < \(size) ? \(upper.inside(.conditional)) : \(first) + \(size);"
      )
      guard loop.mapping.lanes == 1 else {
        let range = IterationRange(
          counter: variable, type: type, start: first, stop: last,
          count: CText("\(last) - \(first)", .sum))
        return emitTile(
          loop, over: range, from: lower.inside(.relation),
          isLarge: Int64(size) == nil ? "\(size) > \(threads)" : nil, body)
      }
      if let unroll = GridTile.iterations(of: loop) { add("#pragma unroll \(unroll)") }
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
