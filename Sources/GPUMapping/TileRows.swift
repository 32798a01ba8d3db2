import LoopIR
import Passes
import Schedule
import struct Syntax.Span

/// Gives a thread several neighbouring rows of a stencil, so that what they share is loaded once.
///
///     @blocks_y for i in 1..<n - 1:              @blocks_y for t in 0..<(n + 5) // 8:
///       @grid for j in 0..<m:              →       @grid for j in 0..<m:
///         y[i, j] = x[i - 1, j] + x[i + 1, j]        if t < (n - 2) // 8:
///                                                      @unroll(8) for i in 1 + 8·t ..< 9 + 8·t: …
///                                                    else:
///                                                      for i in 1 + 8·t ..< n - 1: …
///
/// Written out, the compiler of the target finds the loads of one row among those of the next: without that, each row
/// comes from the second-level cache once for each row that reads it, which is slower than memory is. Rows that are accessed
/// by 16 bytes (`widenAccesses`) come in tiles of three, with a bound of `min(4 + 3·t, n - 1)`. For large arrays of known
/// extents alone: few rows are better spread over more threads. The iterations are independent of one another,
/// so who runs them makes no difference to the result.
public let tileRows = Pass<LoopFunction>("tile-rows") { function, _ in
  var result = function
  result.body = function.body.flatMapStatements { statement in
    guard case .loop(let rows) = statement.kind, rows.isTileable,
      rows.mapping.level?.isOfBlocks == true,
      rows.body.count == 1, case .loop(let columns)? = rows.body.first?.kind,
      columns.isTileable, columns.mapping.level == .grid, GridTile.suits(columns.body),
      !reads(rows.variable, columns.lower), !reads(rows.variable, columns.upper),
      let height = rows.tripCount.integerLiteral.map(Int.init),
      let width = columns.tripCount.integerLiteral.map(Int.init),
      height >= RowTile.rows, width >= RowTile.leastColumns,
      !height.multipliedReportingOverflow(by: width).overflow, height * width >= RowTile.least,
      function.sharesRows(of: columns.body, along: rows.variable)
    else { return [statement] }
    let tile = result.add(Variable("\(function[rows.variable].name)_tile", .int64))
    var count = RowTile.wideRows
    var middle = rows.tiled(by: count, result.read(tile), inside: columns, at: statement.span)
    if columns.mapping.lanes == 1 || RowAccesses(of: middle, in: result) == nil {
      var single = columns
      single.mapping.lanes = 1
      count = RowTile.rows
      middle = rows.tiled(by: count, result.read(tile), inside: single, at: statement.span)
    }
    var outer = rows
    outer.variable = tile
    outer.lower = .index(0)
    outer.upper = .index((height + count - 1) / count)
    outer.body = [Statement(.loop(middle), at: rows.body[0].span)]
    return [Statement(.loop(outer), at: statement.span)]
  }
  return result
}

private enum RowTile {
  /// The rows of a thread. On an H100, of five points in float32: 1: 79 % of the bandwidth of a copy, 4: 86 %, 8: 92 %, 16: 84 %.
  static let rows = 8
  /// Of rows that are accessed by 16 bytes. On an H200: 1: 86 %, 2: 92 %, 3: 97 %, 4: 97 %, 8: 89 %.
  static let wideRows = 3
  /// With fewer elements all multiprocessors would not have enough threads.
  static let least = 8 << 20
  static let leastColumns = 1024
}

extension ForLoop {
  /// Whether the iterations may be dealt out anew: there are no results to join, and all of them run.
  var isTileable: Bool {
    step == 1 && condition == nil && reductions.isEmpty && updates.isEmpty
  }

  /// The columns, and in each so many rows of a tile.
  fileprivate func tiled(
    by count: Int, _ tile: Expression, inside columns: ForLoop, at span: Span
  ) -> ForLoop {
    let start = lower + tile * .index(count)
    let end = start + .index(count)
    func part(to end: Expression, unroll: Int) -> Statement {
      var rows = ForLoop(
        variable, from: start, to: end, body: columns.body, isIndependent: isIndependent,
        at: self.span)
      rows.mapping.unroll = unroll
      return Statement(.loop(rows), at: span)
    }
    var result = columns
    let height = tripCount.integerLiteral.map(Int.init) ?? 0
    if height % count == 0 {
      result.body = [part(to: end, unroll: count)]
    } else if columns.mapping.lanes > 1 {
      // Each row is tested, so that none stands in the text twice.
      result.body = [part(to: .binary(.pythonMin, end, upper), unroll: count)]
    } else {
      let isWhole = Expression.compare(.less, tile, .index(height / count))
      let (whole, rest) = (part(to: end, unroll: count), part(to: upper, unroll: 1))
      result.body = [Statement(.conditional(isWhole, then: [whole], otherwise: [rest]), at: span)]
    }
    return result
  }
}

extension DeviceLevel {
  var isOfBlocks: Bool {
    switch self {
    case .blocksX, .blocksY, .blocksZ: true
    case .threads, .grid, .clusterBlocks, .cluster: false
    }
  }
}

extension LoopFunction {
  /// Whether two loads of a buffer that nothing stores to are the same but for a few iterations of the loop.
  fileprivate func sharesRows(of body: [Statement], along variable: VariableID) -> Bool {
    var stored: Set<BufferID> = []
    var loads: [BufferID: Set<[Expression]>] = [:]
    body.forEachStatement { statement in
      if case .store(let id, _, _) = statement.kind { stored.insert(id) }
      statement.forEachExpression { e in
        e.forEachDescendant { part in
          if case .load(let id, let indices) = part.kind { loads[id, default: []].insert(indices) }
        }
      }
    }
    return loads.contains { id, places in
      !stored.contains(id) && !self[id].mayAlias
        && places.contains { first in places.contains { isNeighbour(first, $0, along: variable) } }
    }
  }

  private func isNeighbour(
    _ first: [Expression], _ second: [Expression], along variable: VariableID
  ) -> Bool {
    var isNear = false
    for (a, b) in zip(first, second) {
      let distance = LinearSum(a - b)
      guard distance.isExact, distance.terms.isEmpty else { return false }
      if distance.constant == 0 { continue }
      guard reads(variable, a), distance.constant.magnitude < UInt64(RowTile.rows) else {
        return false
      }
      isNear = true
    }
    return isNear
  }
}

private func reads(_ variable: VariableID, _ e: Expression) -> Bool {
  e.contains { $0.kind == .variable(variable) }
}
