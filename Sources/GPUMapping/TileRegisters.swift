import LoopIR
import Passes
import Schedule
import struct Syntax.Span

/// Gives a thread several rows and columns of a product, so that what it loads counts for several sums (register tiling
/// by unroll-and-jam).
///
///     @blocks_y for i in 0..<n:             @blocks_y for i_tile in 0..<n // 64:
///       @grid for j in 0..<m:                 @grid @tpb(256) for j_tile in 0..<m // 256 * 256:
///         s = 0.0                               i_first = (i_tile * 8 + j_tile // 32 % 8) * 8
///         for k in 0..<l:                 →     j_first = j_tile // 256 * 256 + j_tile % 32
///           s = s + a[i, k] * b[k, j]           with temporary s: float32[8, 8]:
///         y[i, j] = s                             @unroll(8) for r, @unroll(8) for c: s[r, c] = 0.0
///                                                 for k in 0..<l:
///                                                   @unroll(8) for r, @unroll(8) for c:
///                                                     s[r, c] = s[r, c] + a[i_first + r, k] * b[k, j_first + c * 32]
///                                                 @unroll(8) for r, @unroll(8) for c:
///                                                   y[i_first + r, j_first + c * 32] = s[r, c]
///
/// Two loads for each multiply-add leave nine tenths of a GPU's arithmetic unused: of 8 rows and 8 columns there are 16 loads for
/// 64. Each sum is added up in the order it had. Where the rows are no multiple of a tile, the last tile begins earlier and
/// overlaps the one before, which alone stores what both have; so do columns. See `RegisterTile` for the sizes, and Carr and
/// Kennedy, "Improving the ratio of memory operations to floating-point operations in loops" (1994).
///
/// Where the threads of a block may wait for one another, they load together: see `TileStage`. Such blocks have 4 warps; and where a row
/// was on the threads of one block, blocks count the tiles of columns, too.
///
/// Products with extents that vary are tiled where they turn out to be large: `if n * m >= …: tiled, else: as it was`.
public func tileRegisters(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("tile-registers") { function, _ in
    var tiler = RegisterTiler(function: function, schedule: schedule)
    let body = tiler.tiled(function.body)
    tiler.function.body = body
    return tiler.function
  }
}

private struct RegisterTiler {
  var function: LoopFunction
  let schedule: [String: LoopSchedule]
  /// Whether the nest may be one of several in a kernel.
  var sharesKernel = false

  mutating func tiled(_ statements: [Statement]) -> [Statement] {
    statements.map { statement in
      if case .loop(let loop) = statement.kind, loop.mapping.level != nil {
        return tiled(loop, isOutermost: true, at: statement.span) ?? statement
      }
      var copy = self
      if case .device = statement.kind { copy.sharesKernel = true }
      let result = statement.mapBlocks { copy.tiled($0) }
      function = copy.function
      return result
    }
  }

  /// What takes the place of a nest of loops of several levels; nil where that stays as it is.
  ///
  /// - Parameter isOutermost: whether the host decides if the nest runs.
  private mutating func tiled(
    _ rows: ForLoop, isOutermost: Bool, at span: Span
  ) -> Statement? {
    if let nest = ProductNest(rows, schedule, mayWait: !sharesKernel, &function) {
      for tile in nest.tiles {
        let condition = tile.suits(rows: rows.tripCount, columns: nest.columns.tripCount)
        switch condition.integerLiteral {
        case 0?: continue
        case nil:
          guard isOutermost, function.isKnownOnEntry(condition) else { return nil }
          let result = nest.tiled(by: tile, &function)
          return Statement(
            .conditional(
              condition, then: [Statement(.loop(result), at: span)],
              otherwise: [Statement(.loop(rows), at: span)]), at: span)
        default: return Statement(.loop(nest.tiled(by: tile, &function)), at: span)
        }
      }
      return nil
    }
    guard rows.body.count == 1, case .loop(let inner)? = rows.body.first?.kind,
      inner.mapping.level != nil,
      let result = tiled(inner, isOutermost: false, at: rows.body[0].span)
    else { return nil }
    var outer = rows
    outer.body = [result]
    return Statement(.loop(outer), at: span)
  }
}

/// A loop over blocks, and in it one over threads, whose iterations load the same elements.
private struct ProductNest {
  let rows: ForLoop
  let columns: ForLoop
  let body: JammableBody
  /// Those that registers allow.
  let tiles: [RegisterTile]

  /// - Parameter mayWait: whether the threads of a block may wait for one another: where the kernel has no other nest.
  init?(
    _ rows: ForLoop, _ schedule: [String: LoopSchedule], mayWait: Bool,
    _ function: inout LoopFunction
  ) {
    guard rows.isTileable, rows.mapping.level?.isOfBlocks == true,
      rows.innerLoop(in: function) != nil, case .loop(let columns)? = rows.body.last?.kind,
      columns.isTileable, columns.mapping.lanes == 1,
      let level = columns.mapping.level, level == .grid || level == .threads
    else { return nil }
    let before = Array(rows.body.dropLast())
    var inRows = before.changedVariables
    inRows.insert(rows.variable)
    guard columns.body.containsLoop,
      ![columns.lower, columns.upper].contains(where: { $0.mentions(inRows) })
    else { return nil }
    var elements = ElementsInLoops(function)
    let whole = elements.kept(in: before + columns.body)
    guard
      let body = JammableBody(whole, of: rows.variable, columns.variable, in: elements.function),
      body.sharesRows
    else { return nil }
    function = elements.function
    self.rows = rows
    self.columns = columns
    self.body = body
    let bytes = body.sums.reduce(0) { $0 + function[$1].type.size }
    let request = LevelRequest(columns, schedule)
    let isLarge =
      request.map {
        $0.threadsPerBlock >= TileStage.threads
          && (level == .grid || $0.threads.integerLiteral.map { $0 >= TileStage.threads } ?? false)
      } ?? false
    let current = function
    tiles = RegisterTile.fitting(bytes: bytes, sharesColumns: body.sharesColumns, level) { tile in
      mayWait && isLarge && TileStage.suits(body, tile, in: current)
    }
  }

  /// The nest with a tile for each thread.
  ///
  /// - Requires: there are at least as many rows and columns as `RegisterTile.height` and `width`.
  func tiled(by tile: RegisterTile, _ function: inout LoopFunction) -> ForLoop {
    let (height, width) = (rows.tripCount, columns.tripCount)
    let (i, j) = (function[rows.variable].name, function[columns.variable].name)
    func local(_ name: String) -> VariableID { function.add(Variable(name, .int64)) }

    var (outer, inner) = (rows, columns)
    outer.variable = local("\(i)_tile")
    outer.lower = .index(0)
    outer.upper = height.divided(by: tile.height, roundingUp: true)
    inner.mapping.threadsPerBlock = tile.threadsPerBlock
    let columnTiles = width.divided(by: tile.width, roundingUp: true)
    if tile.columns > 1 {
      inner.variable = local("\(j)_tile")
      inner.lower = .index(0)
      inner.upper = columnTiles * .index(tile.threads)
    }
    let thread = function.read(inner.variable)
    var rowTile = function.read(outer.variable)
    var columnTile = thread.divided(by: tile.threads)
    if tile.isStaged && columns.mapping.level == .threads {
      // A block would have the tiles of all columns; so it is the blocks that count them.
      outer.upper = outer.upper * columnTiles
      inner.upper = .index(tile.threads)
      columnTile = .binary(.modulo, rowTile, columnTiles)
      rowTile = .binary(.floorDivide, rowTile, columnTiles)
    }
    let warp = Expression.binary(
      .modulo, thread.divided(by: RegisterTile.lanes), .index(tile.warps))
    let row = TileAxis(
      of: rows, size: tile.rows, of: tile.height,
      from: rows.lower
        + (rowTile * .index(tile.warps) + warp) * .index(tile.rows), &function)
    let rowInTile = local("\(i)_in_tile")
    var place = JammableBody.Place(
      row: row.first + function.read(rowInTile), column: thread, loops: [(rowInTile, tile.rows)])
    place.isOwn = row.owns(place.row)
    // Warps whose rows would all lie behind the last compute the last once more, and store none.
    inner.body = row.settings
    var stage: TileStage?
    if tile.columns > 1 {
      let column = TileAxis(
        of: columns, size: tile.width, of: tile.width,
        from: columns.lower + columnTile * .index(tile.width), &function)
      let columnInTile = local("\(j)_in_tile")
      place.loops.append((columnInTile, tile.columns))
      let lane = Expression.binary(.modulo, thread, .index(RegisterTile.lanes))
      place.column =
        column.first + lane + function.read(columnInTile) * .index(RegisterTile.lanes)
      place.isOwn = [place.isOwn, column.owns(place.column)].compactMap(\.self).conjunction
      inner.body += column.settings
      if tile.isStaged {
        stage = TileStage(
          tile: tile, thread: .binary(.modulo, thread, .index(tile.threads)), lane: lane,
          warp: warp,
          firstRow: row.first, firstColumn: column.first,
          row: function.read(rowInTile), column: function.read(columnInTile))
      }
    }
    inner.body += body.jammed(at: place, staging: &stage, in: &function)
    outer.body = (stage?.rooms ?? []).reversed().reduce([Statement(.loop(inner), at: columns.span)])
    {
      [Statement(.allocate($1, body: $0))]
    }
    return outer
  }
}

/// Where a tile lies along one of its sides.
private struct TileAxis {
  /// Where it would begin.
  let start: Expression
  /// Where it begins: earlier, if it would reach over the end.
  let first: Expression
  /// What sets them.
  let settings: [Statement]

  /// - Parameters:
  ///   - size: the iterations that belong to it.
  ///   - whole: those of the threads that have tiles side by side.
  ///   - start: the first, if all tiles were full.
  init(
    of loop: ForLoop, size: Int, of whole: Int, from start: Expression,
    _ function: inout LoopFunction
  ) {
    let name = function[loop.variable].name
    let startVariable = function.add(Variable("\(name)_start", .int64))
    self.start = function.read(startVariable)
    let setting = Statement(.assign(startVariable, start), at: loop.span)
    if loop.tripCount.isKnownMultiple(of: whole) {
      first = self.start
      settings = [setting]
    } else {
      let firstVariable = function.add(Variable("\(name)_first", .int64))
      first = function.read(firstVariable)
      let last = Expression.binary(.pythonMin, self.start, loop.upper - .index(size))
      settings = [setting, Statement(.assign(firstVariable, last), at: loop.span)]
    }
  }

  /// Whether the place is not that of the tile before; nil where none is.
  func owns(_ place: Expression) -> Expression? {
    first == start ? nil : .compare(.greaterEqual, place, start)
  }
}

extension Expression {
  /// The quotient by a positive number.
  fileprivate func divided(by divisor: Int, roundingUp: Bool = false) -> Expression {
    .binary(.floorDivide, roundingUp ? self + .index(divisor - 1) : self, .index(divisor))
  }

  fileprivate func isKnownMultiple(of divisor: Int) -> Bool {
    integerLiteral.map { $0 % Int64(divisor) == 0 } ?? false
  }
}
