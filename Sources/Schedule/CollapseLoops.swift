import LoopIR
import Passes
import struct Syntax.Span

/// Cuts the rows of a nest of parallel loops into blocks where the outer loop alone has too few iterations for many cores.
///
///     @workers(2) for i in 0..<2:                 @workers(16) for block in 0..<64:
///       s = a[i]                                    first = block % 32 · 31264
///       @workers(8) @lanes(8)                →      for i in block // 32 ..< block // 32 + 1:
///       for j in 0..<1000000: …                       s = a[i]
///                                                     @lanes(8) for j in first ..< min(first + 31264, 1000000): …
///
/// The inner loop must be all that the outer one does, apart from scalars that are as well computed once a block, and as long
/// in every iteration. A run of blocks is a run of iterations, and each block fills its vectors; the blocks follow from the
/// extents alone. Nests of more than two loops are collapsed from the inside.
public let collapseLoops = Pass<LoopFunction>("collapse-loops") { function, _ in
  var collapser = LoopCollapser(function: function)
  let body = function.body.flatMap { collapser.collapsed($0) }
  collapser.function.body = body
  return collapser.function
}

private struct LoopCollapser {
  /// How many iterations are enough: some for each core of a large machine.
  private static let enough = 64
  /// The fewest iterations of an innermost loop that make a block.
  private static let leastBlock = 1024

  var function: LoopFunction

  mutating func collapsed(_ statement: Statement) -> [Statement] {
    guard case .loop(let outer) = statement.kind, outer.mapping.workers != nil else {
      var copy = self
      let rebuilt = statement.mapBlocks { block in block.flatMap { copy.collapsed($0) } }
      self = copy
      return [rebuilt]
    }
    if let trips = outer.tripCount.integerLiteral, trips >= Self.enough { return [statement] }
    guard let nest = nest(of: outer) else { return [statement] }
    let (setup, inner) = collapsed(nest.inner, within: outer)
    return collapsed(outer, nest.prefix, inner, setup, at: statement.span) ?? [statement]
  }

  /// The inner loop of a nest, collapsed itself where it is a nest, and what must run before it: before the outer loop, where
  /// that changes none of it.
  private mutating func collapsed(
    _ loop: ForLoop, within outer: ForLoop
  ) -> (setup: [Statement], loop: ForLoop) {
    let statements = collapsed(Statement(.loop(loop), at: loop.span))
    let changing = AssignedVariables(in: outer)
    let setup = Array(statements.dropLast())
    guard case .loop(let inner)? = statements.last?.kind,
      setup.allSatisfy({ statement in
        guard case .assign(_, let value) = statement.kind else { return false }
        return changing.leaveUnchanged(value)
      })
    else { return ([], loop) }
    return (setup, inner)
  }

  /// The statements that take the place of a nest; nil where blocks would gain nothing.
  private mutating func collapsed(
    _ outer: ForLoop, _ prefix: [Statement], _ inner: ForLoop, _ innerSetup: [Statement],
    at span: Span
  ) -> [Statement]? {
    let (rows, columns) = (outer.tripCount, inner.tripCount)
    let containsLoops = inner.body.contains { !$0.blocks.isEmpty }
    let wanted = Expression.binary(
      .floorDivide, rows + .index(Self.enough - 1), .binary(.pythonMax, rows, .index(1)))
    let most =
      containsLoops
      ? columns : Expression.binary(.floorDivide, columns, .index(Self.leastBlock))
    let count = Expression.binary(
      .pythonMax, .index(1), .binary(.pythonMin, wanted, most))
    if count.integerLiteral == 1 { return nil }
    var setup = innerSetup
    let blocks = settled(count, "blocks", &setup, at: span)
    let multiple = inner.mapping.lanes * inner.mapping.unroll
    let even = Expression.binary(.floorDivide, columns + blocks - .index(1), blocks)
    let length = settled(
      multiple == 1
        ? even
        : .binary(.floorDivide, even + .index(multiple - 1), .index(multiple)) * .index(multiple),
      "length", &setup, at: span)
    return setup + [
      blockLoop(outer, prefix, inner, rows: rows, blocks: blocks, length: length, at: span)
    ]
  }

  /// The loop over the blocks of all rows.
  private mutating func blockLoop(
    _ outer: ForLoop, _ prefix: [Statement], _ inner: ForLoop, rows: Expression,
    blocks: Expression, length: Expression, at span: Span
  ) -> Statement {
    let block = function.add(Variable("block", .int64))
    let number = function.read(block)
    var body: [Statement] = []
    let row = settled(
      outer.lower + .binary(.floorDivide, number, blocks) * .index(outer.step), "row", &body,
      at: span)
    let first = settled(
      inner.lower + .binary(.modulo, number, blocks) * length * .index(inner.step), "first", &body,
      at: span)
    var columnLoop = inner
    columnLoop.mapping.workers = nil
    columnLoop.lower = first
    columnLoop.upper = .binary(
      inner.step > 0 ? .pythonMin : .pythonMax, first + length * .index(inner.step), inner.upper)
    var rowLoop = outer
    rowLoop.mapping.workers = nil
    rowLoop.lower = row
    rowLoop.upper = row + .index(outer.step)
    rowLoop.body = prefix + [Statement(.loop(columnLoop), at: inner.span)]
    body.append(Statement(.loop(rowLoop), at: span))
    return Statement(
      .loop(
        ForLoop(
          block, from: .index(0), to: rows * blocks, body: body,
          mapping: Mapping(workers: workers(outer, inner)), at: outer.span)), at: span)
  }

  /// As many workers as both loops may have together, within 31 bits.
  private func workers(_ outer: ForLoop, _ inner: ForLoop) -> Expression? {
    guard let a = outer.mapping.workers, let b = inner.mapping.workers else {
      return outer.mapping.workers
    }
    func limited(_ e: Expression) -> Expression { .binary(.pythonMin, e, .index(1 << 15)) }
    return limited(a) * limited(b)
  }

  /// A literal itself, or a new variable that holds the value.
  private mutating func settled(
    _ e: Expression, _ name: String, _ statements: inout [Statement], at span: Span
  ) -> Expression {
    if e.isLiteral { return e }
    let variable = function.add(Variable(name, e.type))
    statements.append(Statement(.assign(variable, e), at: span))
    return function.read(variable)
  }

  // MARK: Nests

  /// The parallel loop that a parallel loop consists of, and the scalars that are computed before it.
  private func nest(of outer: ForLoop) -> (prefix: [Statement], inner: ForLoop)? {
    guard isPlain(outer), outer.mapping.lanes == 1, let last = outer.body.last,
      case .loop(let inner) = last.kind, inner.mapping.workers != nil, isPlain(inner)
    else { return nil }
    let prefix = Array(outer.body.dropLast())
    let changing = AssignedVariables(in: outer)
    let fixed =
      [outer.lower, inner.lower, inner.upper] + (inner.mapping.workers.map { [$0] } ?? [])
    guard fixed.allSatisfy({ changing.leaveUnchanged($0) && !$0.contains(\.isLoad) }),
      prefix.allSatisfy({ isRepeatable($0, changing.buffers) })
    else { return nil }
    return (prefix, inner)
  }

  /// Whether nothing but the range ends the loop and its iterations share nothing.
  private func isPlain(_ loop: ForLoop) -> Bool {
    loop.condition == nil && loop.reductions.isEmpty && loop.updates.isEmpty
  }

  /// Whether a statement sets a scalar to what it is in every block of the row.
  private func isRepeatable(_ statement: Statement, _ stored: Set<BufferID>) -> Bool {
    guard case .assign(_, let value) = statement.kind else { return false }
    return !value.contains { part in
      guard case .load(let id, _) = part.kind else { return false }
      return stored.contains(id)
        || function[id].mayAlias && stored.contains { function[$0].mayAlias }
    }
  }
}
