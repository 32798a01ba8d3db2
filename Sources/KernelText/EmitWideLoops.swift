import GPUMapping
import LoopIR

/// Loops whose threads have several iterations in a row, see `widenAccesses`.
///
///     @threads @lanes(4) for k in 0..<n: y[i, k] = x[i, k] / s
///
///     const bool k_wide = n >= 8192 && is_aligned(&x[i * n]) && is_aligned(&y[i * n]);
///     if (k_wide) {
///       for (int64_t k_group = threadIdx.x; k_group < n / 4; k_group += 1024) {
///         const int64_t k_first = 4 * k_group;
///         float x_row[4], y_row[4];
///         load_row_float32(x_row, &x[i * n + k_first]);
///         #pragma unroll
///         for (int lane = 0; lane < 4; lane++) {
///           y_row[lane] = x_row[lane] / s;
///         }
///         store_row_float32(&y[i * n + k_first], y_row);
///       }
///     }
///     for (int64_t k = (k_wide ? n / 4 * 4 : 0) + threadIdx.x; k < n; k += 1024) {
///       y[i * n + k] = x[i * n + k] / s;
///     }
///
/// Where results are joined, a thread has the same iterations wherever the arrays lie, since their order decides how a sum is
/// rounded: how many it has in a row depends on `n` alone, and those that are not read at once follow one by one.
///
/// Of a known number of iterations, the rounds of a block are counted: written out, they need no test for each thread, all
/// their loads are under way together, and what two loops read is read once.
extension FunctionEmitter {
  /// What the iterations of a loop are counted by.
  struct IterationRange {
    var counter: String
    /// The type of the counter.
    var type: String
    /// The first value of the counter, and the one after the last, as operands of a sum.
    var start: String
    var stop: String
    /// How many there are.
    var count: CText
    /// How many there are, where that is known.
    var trips: Int64?
    /// Whether the first value is known not to be negative.
    var isNonNegative = true
    /// The loop's variable where the counter has that value.
    var value: (_ counter: String) -> String = { $0 }

    /// How many groups of iterations in a row there are, as an operand of a product.
    var groups: String { "\(count.inside(.product)) / \(RowAccesses.lanes)" }

    /// The counter of the first iteration of a thread, or of a round.
    ///
    /// Positions of threads have no sign, nor has a sum of theirs with an `int`.
    func from(_ position: String) -> String {
      if start == "0" { return position }
      return "\(start) + \(isNonNegative ? position : "(\(type))(\(position))")"
    }
  }

  private static let lanes = RowAccesses.lanes
  /// The most rounds that are written out.
  private static let mostRounds = 8
  /// The most elements that a thread keeps for groups whose loads are under way together: threads of full blocks have 64 registers.
  private static let mostKept = 48

  /// Whether threads of a loop inside a block have several iterations in a row, or may have.
  func isWide(_ loop: ForLoop, trips: Int64?) -> Bool {
    guard loop.mapping.lanes > 1, loop.mapping.level == .threads else { return false }
    if loop.reductions.isEmpty && RowAccesses(of: loop, in: host) == nil { return false }
    guard let threads = Int(threads) else { return true }
    let least = RowAccesses.leastPerThread * threads
    if let trips { return trips >= least }
    // Code that never runs would only make the kernel longer.
    if let range = ranges.range(of: loop.tripCount), range.greatest < least { return false }
    return !Facts(variables: host.variables).prove(loop.tripCount, atMost: .index(least - 1))
  }

  func emitWide(_ loop: ForLoop, over range: IterationRange, _ body: () -> Void) {
    let isKnown = range.trips != nil && Int64(threads) != nil
    let isLong =
      isKnown
      ? []
      : ["\(range.count.inside(.relation)) >= \(product(RowAccesses.leastPerThread, threads))"]
    let accesses = RowAccesses(of: loop, in: host)
    let isAligned = aligned(accesses, of: loop, range.start, range)
    var wide = WideLoop(loop: loop, range: range, accesses: accesses, conditions: isAligned)
    if loop.reductions.isEmpty {
      wide.conditions = isLong + isAligned
      emitStores(wide, body)
    } else {
      emitReduction(wide, isLong.first, body)
    }
  }

  /// A loop that is emitted here.
  private struct WideLoop {
    var loop: ForLoop
    var range: IterationRange
    var accesses: RowAccesses?
    /// Where they hold, rows are read and written at once.
    var conditions: [String]
  }

  // MARK: Who has which iterations

  /// Threads have neighbouring iterations, but for those whose rows are read and written at once.
  private func emitStores(_ wide: WideLoop, _ body: () -> Void) {
    let range = wide.range
    func rest(from start: String) {
      let counter = range.counter
      braces(
        "for (\(range.type) \(counter) = \(start); \(counter) < \(range.stop); \(counter) += \(threadStride))"
      ) {
        define(wide.loop, wide.range.type, range.value(counter))
        body()
      }
    }
    if let rounds = rounds(of: range) {
      braces("if (\(wide.conditions.joined(separator: " && ")))") { emit(wide, rounds, body) }
      return addElse { rest(from: range.from(module.dialect.thread)) }
    }
    let condition = unique("\(range.counter)_wide")
    add("const bool \(condition) = \(wide.conditions.joined(separator: " && "));")
    braces("if (\(condition))") { emitGroups(wide, body) }
    let done = "(\(condition) ? \(range.groups) * \(Self.lanes) : 0)"
    rest(from: range.from("\(done) + \(module.dialect.thread)"))
  }

  /// Threads have iterations in a row, whether they are read at once or not.
  ///
  /// - Parameter isLong: whether all threads have several; nil where that is known.
  private func emitReduction(_ wide: WideLoop, _ isLong: String?, _ body: () -> Void) {
    let range = wide.range
    var condition = wide.conditions.joined(separator: " && ")
    var count = String(Self.lanes)
    if let isLong {
      count = unique("\(range.counter)_lanes")
      add("const \(range.type) \(count) = \(isLong) ? \(Self.lanes) : 1;")
      condition = "\(count) == \(Self.lanes) && \(condition)"
    }
    if let rounds = rounds(of: range), wide.accesses != nil {
      braces("if (\(condition))") { emit(wide, rounds, body) }
    }
    let first = unique("\(range.counter)_first")
    let start = "\(wide.range.type) \(first) = \(range.from(product(count, module.dialect.thread)))"
    func rest(startingAt start: String) {
      let counter = range.counter
      let isWhole = range.trips.map { $0 % Int64(Self.lanes) == 0 } ?? false
      let end = isWhole ? "" : " && \(counter) < \(range.stop)"
      braces(
        "for (\(start); \(first) < \(range.stop); \(first) += \(product(count, threads)))"
      ) {
        var condition = "\(counter) < \(first) + \(count)\(end)"
        if isLong != nil {
          // Compilers write out what they can count.
          let last = unique("\(counter)_last")
          let stop = range.stop
          add(
            "const \(range.type) \(last) = \(stop) - \(first) < \(count) ? \(stop) : \(first) + \(count);"
          )
          condition = "\(counter) < \(last)"
        }
        braces(
          "for (\(wide.range.type) \(counter) = \(first); \(condition); \(counter)++)"
        ) {
          define(wide.loop, wide.range.type, range.value(counter))
          body()
        }
      }
    }
    if wide.accesses == nil {
      rest(startingAt: start)
    } else if rounds(of: range) != nil {
      addElse { rest(startingAt: start) }
    } else {
      add(start + ";")
      braces("if (\(condition))") { emitGroups(wide, goingOnAt: first, body) }
      return rest(startingAt: "")
    }
    release([first])
  }

  /// A block's tile of a loop that spans blocks: in groups of iterations whose rows are accessed at once, if they are aligned.
  ///
  /// Rows are taken to begin at multiples of 16 bytes, and then the first stored one does so `phase` iterations before the
  /// loop's first: a tile may begin there, and its groups stand where that row is aligned.
  ///
  /// - Parameters:
  ///   - range: the tile's iterations; its start may lie before the loop's first, `lower`.
  ///   - isLarge: whether tiles are larger than a block, unless that is known.
  func emitTile(
    _ loop: ForLoop, over range: IterationRange, from lower: String, isLarge: String?,
    _ body: () -> Void
  ) {
    guard let accesses = RowAccesses(of: loop, in: host), let size = GridTile.iterations(of: loop)
    else { return }
    let (counter, phase) = (range.counter, loop.rowPhase)
    var conditions = aligned(accesses, of: loop, range.start, range)
    if phase == 0 {
      conditions.insert("\(range.count.inside(.relation)) == \(product(size, threads))", at: 0)
    } else if let isLarge {
      conditions.insert(isLarge, at: 0)
    }
    let wide = WideLoop(loop: loop, range: range, accesses: accesses, conditions: conditions)
    braces("if (\(conditions.joined(separator: " && ")))") {
      let first = unique("\(counter)_row")
      // So many even where the compiler cannot tell: it would take four, and registers for them.
      if size > Self.lanes { add("#pragma unroll \(size / Self.lanes)") }
      braces(
        "for (\(range.type) \(first) = \(range.from(product(Self.lanes, module.dialect.thread))); \(first) < \(range.stop); \(first) += \(product(Self.lanes, threads)))"
      ) {
        if phase == 0 { return emitTogether(wide, first, body) }
        braces("if (\(first) >= \(lower) && \(first) + \(Self.lanes) <= \(range.stop))") {
          emitTogether(wide, first, body)
        }
        addElse {
          // A few threads have these: copies of the body would only take registers from all.
          add("#pragma unroll 1")
          braces(
            "for (\(range.type) \(counter) = \(first) < \(lower) ? \(lower) : \(first); \(counter) < \(first) + \(Self.lanes) && \(counter) < \(range.stop); \(counter)++)",
            body)
        }
      }
      release([first])
    }
    addElse {
      let start =
        phase == 0 ? range.start : "(\(range.start) < \(lower) ? \(lower) : \(range.start))"
      if accesses.inner == nil { add("#pragma unroll \(GridTile.iterations)") }
      braces(
        "for (\(range.type) \(counter) = \(start) + \(module.dialect.thread); \(counter) < \(range.stop); \(counter) += \(threads))",
        body)
    }
  }

  /// How many iterations all threads have, several each; nil where that is not known, or where some have more than others.
  private func rounds(of range: IterationRange) -> Int64? {
    guard let trips = range.trips, let threads = Int64(threads) else { return nil }
    let round = Int64(Self.lanes) * threads
    return trips % round == 0 ? trips / round : nil
  }

  // MARK: Iterations whose rows are read and written at once

  /// Round by round of the block.
  private func emit(_ wide: WideLoop, _ rounds: Int64, _ body: () -> Void) {
    let round = unique("\(wide.range.counter)_round")
    let first = unique("\(wide.range.counter)_first")
    if rounds <= Self.mostRounds { add("#pragma unroll") }
    braces(
      "for (\(wide.range.type) \(round) = \(wide.range.start); \(round) < \(wide.range.stop); \(round) += \(product(Self.lanes, threads)))"
    ) {
      add(
        "const \(wide.range.type) \(first) = \(round) + \(product(Self.lanes, module.dialect.thread));"
      )
      emitTogether(wide, first, body)
    }
    release([round, first])
  }

  /// Group by group of iterations in a row, as long as all of a group are in range.
  ///
  /// Groups are counted rather than iterations: of those, compilers cannot tell how many there are where `first + 4` may overflow.
  ///
  /// - Parameter rest: the variable that is to have the thread's first iteration behind the groups.
  private func emitGroups(_ wide: WideLoop, goingOnAt rest: String? = nil, _ body: () -> Void) {
    let range = wide.range
    let group = unique("\(range.counter)_group")
    let first = unique("\(range.counter)_first")
    var start = "\(range.type) \(group) = \(module.dialect.thread)"
    if rest != nil {
      add(start + ";")
      start = ""
    }
    // Compilers write four groups out, whatever they have to keep for them.
    let elements = wide.accesses?.windows.reduce(0) { $0 + $1.count } ?? 0
    let copies = Self.mostKept / max(1, elements)
    if copies < 4 { add("#pragma unroll \(max(1, copies))") }
    braces("for (\(start); \(group) < \(range.groups); \(group) += \(threadStride))") {
      add("const \(range.type) \(first) = \(range.from(product(Self.lanes, group)));")
      emitTogether(wide, first, body)
    }
    if let rest { add("\(rest) = \(range.from(product(Self.lanes, group)));") }
    release([group, first])
  }

  /// A thread's iterations in a row, whose rows are read before them and written after them.
  private func emitTogether(_ wide: WideLoop, _ first: String, _ body: () -> Void) {
    guard let accesses = wide.accesses else { return }
    guard accesses.inner != nil else { return emitGroup(wide, first, body) }
    groupOfRows = { [self] in emitGroup(wide, first, $0) }
    body()
  }

  private func emitGroup(_ wide: WideLoop, _ first: String, _ body: () -> Void) {
    guard let accesses = wide.accesses else { return }
    let outer = rowElements
    let lane = unique("lane")
    var copies: [String] = []
    for window in accesses.windows {
      let copy = unique("\(name(window.first.buffer))_row")
      copies.append(copy)
      add("\(name(of: host[window.first.buffer].element)) \(copy)[\(window.count)];")
    }
    for (row, place) in accesses.places {
      let element = place.offset == 0 ? lane : "\(lane) + \(place.offset)"
      rowElements[row] = "\(copies[place.window])[\(element)]"
    }
    for (window, copy) in zip(accesses.windows, copies) where window.isLoaded {
      for part in window.parts {
        let place = place(part.element, of: window, in: wide.loop, first, wide.range)
        guard part.isWord else {
          add("\(copy)[\(part.element)] = \(place);")
          continue
        }
        let helper = HelperFunction.loadRow(host[window.first.buffer].element)
        module.use(helper)
        add("\(helper.name)(\(behind(copy, part)), &\(place));")
      }
    }
    add("#pragma unroll")
    braces("for (int \(lane) = 0; \(lane) < \(Self.lanes); \(lane)++)") {
      let statements = accesses.inner?.body ?? wide.loop.body
      if statements.mention(wide.loop.variable, beside: accesses) {
        define(wide.loop, wide.range.type, wide.range.value("\(first) + \(lane)"))
      }
      body()
    }
    for (window, copy) in zip(accesses.windows, copies) where window.isStored {
      for part in window.parts {
        let place = place(part.element, of: window, in: wide.loop, first, wide.range)
        guard part.isWord else {
          add("\(place) = \(copy)[\(part.element)];")
          continue
        }
        let helper = HelperFunction.storeRow(host[window.first.buffer].element)
        module.use(helper)
        add("\(helper.name)(&\(place), \(behind(copy, part)));")
      }
    }
    rowElements = outer
    release([lane] + copies)
  }

  /// The address of a part in the copy of its window.
  private func behind(_ copy: String, _ part: RowAccesses.Part) -> String {
    part.element == 0 ? copy : "\(copy) + \(part.element)"
  }

  /// Whether all that is accessed by 16 bytes is aligned where the counter has that value.
  private func aligned(
    _ accesses: RowAccesses?, of loop: ForLoop, _ counter: String, _ range: IterationRange
  ) -> [String] {
    guard let accesses else { return [] }
    return accesses.windowsToTest(in: host).compactMap { window in
      guard let word = window.parts.first(where: \.isWord) else { return nil }
      module.use(.isAligned)
      var first = window
      if let rows = accesses.inner {
        // All rows are aligned where the first is.
        first.first.indices = window.first.indices.map {
          $0.substituting([rows.variable: rows.lower]).mapBottomUp(\.folded)
        }
      }
      return "is_aligned(&\(place(word.element, of: first, in: loop, counter, range)))"
    }
  }

  /// An element of a window, in the iteration that has that counter.
  private func place(
    _ element: Int, of window: RowAccesses.Window, in loop: ForLoop, _ counter: String,
    _ range: IterationRange
  ) -> String {
    let value = range.value(counter)
    let buffer = window.first.buffer
    var indices = window.first.indices
    if let last = indices.popLast() {
      indices.append((last + .index(element)).mapBottomUp(\.folded))
    }
    let position: String
    if let number = Int(value) {
      let known = indices.map { index in
        index.substituting([loop.variable: .index(number)]).mapBottomUp(\.folded)
      }
      position = offset(of: buffer, known)
    } else {
      position = renaming(loop.variable, to: value == counter ? value : "(\(value))") {
        offset(of: buffer, indices)
      }
    }
    return "\(name(buffer))[\(position)]"
  }

  /// Defines the loop's variable, where the counter is another.
  private func define(_ loop: ForLoop, _ type: String, _ value: String) {
    let name = name(loop.variable)
    if value != name { add("const \(type) \(name) = \(value);") }
  }

  /// The product with what may be a number.
  func product(_ a: Int, _ b: String) -> String { product(String(a), b) }

  private func product(_ a: String, _ b: String) -> String {
    guard let x = Int64(a), let y = Int64(b) else { return "\(a) * \(b)" }
    let (result, overflow) = x.multipliedReportingOverflow(by: y)
    return overflow ? "\(a) * \(b)" : String(result)
  }
}

extension [Statement] {
  /// Whether the variable counts for more than for the places of the rows.
  fileprivate func mention(_ id: VariableID, beside accesses: RowAccesses) -> Bool {
    func isRow(_ buffer: BufferID, _ indices: [Expression]) -> Bool {
      accesses.places[RowAccesses.Row(buffer: buffer, indices: indices)] != nil
    }
    func mentions(_ e: Expression) -> Bool {
      if case .load(let buffer, let indices) = e.kind, isRow(buffer, indices) { return false }
      var found = e.kind == .variable(id)
      e.forEachChild { found = found || mentions($0) }
      return found
    }
    return contains { statement in
      switch statement.kind {
      case .store(let buffer, let indices, let value):
        return mentions(value) || !isRow(buffer, indices) && indices.contains(where: mentions)
      case .assign, .loop, .whileLoop, .conditional, .device, .allocate, .launch, .barrier, .call,
        .requireEqual:
        var found = false
        statement.forEachExpression { found = found || mentions($0) }
        return found
      }
    }
  }
}
