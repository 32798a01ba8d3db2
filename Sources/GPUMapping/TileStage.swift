import LoopIR

/// Lets a block of threads load what their tiles of a product have in common once, into memory that they share.
///
///     for k in 0..<l:                         for k_first in 0..<l // 16 * 16 step 16:
///       s = s + a[i, k] * b[k, j]               barrier
///                                               for k_in_tile in 0..<16, …:
///                                        →        b_tile[k_in_tile, …] = b[k_first + k_in_tile, j_first + …]
///                                               for …: a_tile[…, …] = a[i_first + …, k_first + …]
///                                               barrier
///                                               for k_in_tile in 0..<16:
///                                                 s = s + a_tile[…, k_in_tile] * b_tile[k_in_tile, …]
///                                             for k in l // 16 * 16..<l:
///                                               s = s + a[i, k] * b[k, j]
///
/// The first-level cache serves a load of a warp in two to four cycles and one of shared memory in one, and a block loads an element
/// from the second-level cache once and not once a warp: products of 4,096 x 4,096 take half the time on an H200. Rows are loaded by
/// the warp that needs them, columns by all. Only loads that the loop makes whatever its conditions are take part, and sums are added up in the order that
/// they had. See Volkov and Demmel, "Benchmarking GPUs to tune dense linear algebra" (2008).
///
/// - Requires: a block has `TileStage.threads` threads, and all of them run the loop together.
struct TileStage {
  let tile: RegisterTile
  /// The number of a thread among those of the tile, of 0, …
  let thread: Expression
  let lane: Expression
  let warp: Expression
  /// The first row of the warp, and the first column of the block.
  let firstRow: Expression
  let firstColumn: Expression
  /// The row and the column of a thread, as the loops over its elements count them.
  let row: Expression
  let column: Expression
  /// What is loaded stands in them.
  private(set) var rooms: [BufferID] = []

  /// The threads of a block.
  static let threads = RegisterTile.stagedWarps * RegisterTile.lanes
  /// The iterations that are staged at a time.
  private static let depth = 16
  /// Of shorter loops little is saved.
  fileprivate static let leastTrips: Int64 = 64
  /// Of all that is staged at a time: every GPU has 48 KiB for a block.
  private static let mostBytes = 40 << 10
  /// How many iterations in shared memory are written out. NVRTC takes 0.2 s for 2 and 0.5 s to 1 s for 16, which are 1 % to 10 % faster.
  private static let unroll = 2

  init(
    tile: RegisterTile, thread: Expression, lane: Expression, warp: Expression,
    firstRow: Expression, firstColumn: Expression, row: Expression, column: Expression
  ) {
    (self.tile, self.thread, self.lane, self.warp) = (tile, thread, lane, warp)
    (self.firstRow, self.firstColumn, self.row, self.column) = (firstRow, firstColumn, row, column)
  }

  /// Whether a block of threads with such tiles has the memory for what the loops of a body load, and any loop is worth it.
  static func suits(_ body: JammableBody, _ tile: RegisterTile, in function: LoopFunction) -> Bool {
    let loads = body.parts.compactMap { part -> SharedLoads? in
      guard case .loop(let loop, let inner) = part else { return nil }
      return SharedLoads(of: loop, inner, body, in: function)
    }
    let rooms =
      loads.flatMap(\.ofRows).map { $0.element.type.size * tile.height * depth }
      + loads.flatMap(\.ofColumns).map { $0.element.type.size * tile.width * depth }
    return !rooms.isEmpty && rooms.reduce(0, +) <= mostBytes
      && rooms.allSatisfy { $0 <= Buffer.mostBytesInKernel }
  }

  /// What takes the place of a loop over straight code; nil where it stays as it is.
  ///
  /// - Parameter jam: gives straight code for all elements of a thread.
  mutating func staged(
    _ loop: ForLoop, _ parts: [JammableBody.Part], of body: JammableBody,
    _ jam: ([Statement]) -> [Statement], _ function: inout LoopFunction
  ) -> [Statement]? {
    guard let loads = SharedLoads(of: loop, parts, body, in: function) else { return nil }
    let name = function[loop.variable].name
    let first = function.add(Variable("\(name)_first", .int64))
    let inside = function.add(Variable("\(name)_in_tile", .int64))
    let end =
      loop.lower + .binary(.floorDivide, loop.tripCount, .index(Self.depth)) * .index(Self.depth)
    let at = Step(first: function.read(first), inside: function.read(inside))

    var staged: [Expression: Expression] = [:]
    var fills: [Statement] = []
    for load in loads.ofColumns {
      let room = makeRoom(for: load, [Self.depth, tile.width], &function)
      var place = lane + column * .index(RegisterTile.lanes)
      if load.lies(along: loop.variable, in: function) {
        place = turned(place, at.inside, load)
        fills.append(
          fillAlong(
            body.column, from: firstColumn, tile.width, by: thread, of: Self.threads,
            room, load, loop, at, &function
          ) { [$1, turned($0, $1, load)] })
      } else {
        fills.append(fillOfColumns(of: room, load, loop, body, at, &function))
      }
      staged[load.element] = load.element.replacing(.load(room, [at.inside, place]))
    }
    for load in loads.ofRows {
      let room = makeRoom(for: load, [tile.height, Self.depth], &function)
      let firstOfWarp = warp * .index(tile.rows)
      staged[load.element] = load.element.replacing(.load(room, [firstOfWarp + row, at.inside]))
      // Each warp loads its own.
      fills.append(
        fillAlong(
          body.row, from: firstRow, tile.rows, by: lane, of: RegisterTile.lanes,
          room, load, loop, at, &function
        ) { [firstOfWarp + $0, $1] })
    }
    let code = loads.statements.mapExpressions { staged[$0] ?? $0 }
      .mapExpressions { $0.kind == .variable(loop.variable) ? at.iteration : $0 }
    var inner = ForLoop(inside, from: .index(0), to: .index(Self.depth), body: jam(code))
    inner.mapping.unroll = Self.unroll
    var outer = ForLoop(first, from: loop.lower, to: end, body: [])
    outer.step = Self.depth
    let barrier = Statement(.barrier, at: loop.span)
    outer.body = [barrier] + fills + [barrier, Statement(.loop(inner), at: loop.span)]
    var rest = loop
    rest.lower = end
    rest.reductions = []
    rest.body = jam(loads.statements)
    let main = Statement(.loop(outer), at: loop.span)
    return rest.tripCount.integerLiteral == 0
      ? [main] : [main, Statement(.loop(rest), at: loop.span)]
  }

  /// Which iteration a staged element belongs to.
  private struct Step {
    let first: Expression
    let inside: Expression

    var iteration: Expression { first + inside }
  }

  private mutating func makeRoom(
    for load: SharedLoads.Load, _ extents: [Int], _ function: inout LoopFunction
  ) -> BufferID {
    let room = function.add(
      Buffer(
        "\(function[load.buffer].name)_tile", load.element.type,
        extents: extents.map { .index($0) }, role: .temporary))
    rooms.append(room)
    return room
  }

  /// The block's threads load neighbouring columns of one iteration after the other.
  private func fillOfColumns(
    of room: BufferID, _ load: SharedLoads.Load, _ loop: ForLoop, _ body: JammableBody, _ at: Step,
    _ function: inout LoopFunction
  ) -> Statement {
    let iteration = function.add(Variable("\(function[loop.variable].name)_loaded", .int64))
    let parts = tile.width / Self.threads
    let part =
      parts > 1 ? function.add(Variable("\(function[body.column].name)_loaded", .int64)) : nil
    let place = (part.map { function.read($0) * .index(Self.threads) } ?? .index(0)) + thread
    let element = load.element.substituting([
      loop.variable: at.first + function.read(iteration), body.column: firstColumn + place,
    ])
    let store = Statement(.store(room, [function.read(iteration), place], element), at: loop.span)
    let columns = part.map { unrolled($0, parts, store, at: loop) } ?? store
    return unrolled(iteration, Self.depth, columns, at: loop)
  }

  /// Where a column stands among those of an iteration: further on for each iteration, where threads store several iterations of
  /// one column at a time, so that those come to banks of their own.
  private func turned(
    _ place: Expression, _ iteration: Expression, _ load: SharedLoads.Load
  ) -> Expression {
    let distance = load.element.type.size == 8 ? 1 : 2
    return .binary(.modulo, place + iteration * .index(distance), .index(tile.width))
  }

  /// Threads load several iterations of a row or a column at a time, as those lie beside each other.
  ///
  /// - Parameters:
  ///   - line: the variable of the row or column; `first` is that of line 0 of `count`.
  ///   - member: the number of a thread among the `members` that load them.
  ///   - place: where an element stands, of a line and an iteration.
  private func fillAlong(
    _ line: VariableID, from first: Expression, _ count: Int, by member: Expression,
    of members: Int,
    _ room: BufferID, _ load: SharedLoads.Load, _ loop: ForLoop, _ at: Step,
    _ function: inout LoopFunction, place: (Expression, Expression) -> [Expression]
  ) -> Statement {
    let atOnce = members / Self.depth
    let part = function.add(Variable("\(function[line].name)_loaded", .int64))
    let iteration = Expression.binary(.modulo, member, .index(Self.depth))
    let number =
      function.read(part) * .index(atOnce) + .binary(.floorDivide, member, .index(Self.depth))
    let element = load.element.substituting([
      loop.variable: at.first + iteration, line: first + number,
    ])
    let store = Statement(.store(room, place(number, iteration), element), at: loop.span)
    return unrolled(part, count / atOnce, store, at: loop)
  }

  private func unrolled(
    _ variable: VariableID, _ count: Int, _ body: Statement, at loop: ForLoop
  ) -> Statement {
    var copies = ForLoop(variable, from: .index(0), to: .index(count), body: [body])
    copies.mapping.unroll = count
    return Statement(.loop(copies), at: loop.span)
  }
}

/// The loads of a loop over straight code that are the same for all rows, or all columns, of a tile.
private struct SharedLoads {
  struct Load: Hashable {
    let buffer: BufferID
    let element: Expression

    /// Whether what two neighbours in a variable load lies beside each other.
    func lies(along variable: VariableID, in function: LoopFunction) -> Bool {
      guard case .load(_, let indices) = element.kind else { return false }
      let strides = function[buffer].strides
      return indices.indices.contains { i in
        let isUnit = strides.map { $0[i].integerLiteral == 1 } ?? (i == indices.count - 1)
        return isUnit && indices[i].mentions([variable])
      }
    }
  }

  let statements: [Statement]
  /// What depends on the row and the iteration.
  private(set) var ofRows: [Load] = []
  /// What depends on the column and the iteration.
  private(set) var ofColumns: [Load] = []

  /// - Returns: nil where there are none of rows or none of columns, or the loop is short.
  init?(
    of loop: ForLoop, _ parts: [JammableBody.Part], _ body: JammableBody,
    in function: LoopFunction
  ) {
    guard loop.step == 1, parts.count == 1, case .straight(let statements) = parts[0],
      loop.tripCount.integerLiteral.map({ $0 >= TileStage.leastTrips }) ?? true
    else { return nil }
    self.statements = statements
    var loads: [Load] = []
    for statement in statements {
      statement.forEachExpression { e in
        Self.forEachCertainLoad(of: e) { buffer, element in
          let load = Load(buffer: buffer, element: element)
          if !loads.contains(load) { loads.append(load) }
        }
      }
    }
    for load in loads where !body.stored.contains(load.buffer) {
      let element = load.element
      var indices: [Expression] = []
      element.forEachChild { indices.append($0) }
      guard element.mentions([loop.variable]), !element.mentions(body.assigned),
        !indices.contains(where: { $0.contains { $0.isLoad || $0.isChecked } })
      else { continue }
      let (hasRow, hasColumn) = (element.mentions([body.row]), element.mentions([body.column]))
      if hasRow && !hasColumn { ofRows.append(load) }
      if hasColumn && !hasRow { ofColumns.append(load) }
    }
    if ofRows.isEmpty || ofColumns.isEmpty { return nil }
  }

  /// Calls `visit` with the loads that are made whatever the values of conditions are.
  private static func forEachCertainLoad(
    of e: Expression, _ visit: (BufferID, Expression) -> Void
  ) {
    switch e.kind {
    case .load(let id, _): visit(id, e)
    case .select(let first, _, _), .logical(_, let first, _): forEachCertainLoad(of: first, visit)
    case .integer, .float, .variable, .unary, .binary, .compare, .convert, .math, .checked,
      .complex, .part:
      e.forEachChild { forEachCertainLoad(of: $0, visit) }
    }
  }
}

extension ForLoop {
  /// Whether the threads that share the iterations wait for one another in them.
  var waits: Bool {
    var hasBarrier = false
    body.forEachStatement { hasBarrier = hasBarrier || $0.kind == .barrier }
    return hasBarrier
  }
}
