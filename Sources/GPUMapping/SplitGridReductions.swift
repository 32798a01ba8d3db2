import LoopIR
import Passes
import Schedule
import struct Syntax.Span

/// Cuts a reduction that several blocks share into one partial result a block.
///
///     @grid @reduce(add s) for i in 0..<n: s = s + x[i]
///
/// becomes
///
///     temporary partial: float32[chunks]
///     @blocks_x for c in 0..<chunks:
///       p = 0.0f32
///       @threads @reduce(add p) for i in c·length ..< min((c+1)·length, n): p = p + x[i]
///       partial[c] = p
///     @threads @reduce(add s) for c in 0..<chunks: s = s + partial[c]
///
/// An outermost level of blocks that reduces is cut in the same way; the loops inside it keep their threads. Chunks depend on
/// the schedule and the extents alone and partial results are joined in one order, so the result has the same bits in every run.
///
/// - Parameter schedule: the schedule of each label.
public func splitGridReductions(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("split-grid-reductions") { function, _ in
    var splitter = GridReductionSplitter(function: function, schedule: schedule)
    let body = splitter.split(function.body)
    var result = splitter.function
    result.body = body
    return result
  }
}

private struct GridReductionSplitter {
  var function: LoopFunction
  let schedule: [String: LoopSchedule]

  mutating func split(_ statements: [Statement]) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      guard case .loop(let loop) = statement.kind, let level = loop.mapping.level else {
        var copy = self
        let result = statement.mapBlocks { copy.split($0) }
        self = copy
        return [result]
      }
      if loop.reductions.isEmpty { return [statement] }
      switch level {
      case .blocksX, .blocksY, .blocksZ, .grid: return split(loop, level, at: statement)
      // Those who share it join the results themselves.
      case .threads, .clusterBlocks, .cluster: return [statement]
      }
    }
  }

  private mutating func split(_ loop: ForLoop, _ level: DeviceLevel, at statement: Statement)
    -> [Statement]
  {
    guard let request = LevelRequest(loop, schedule) else { return [statement] }
    return ChunkedLoop(loop, sharedBy: request, level: level, at: statement.span, &function)
      .statements
  }
}

extension ChunkedLoop {
  private static var warp: Int { 32 }
  /// Hundreds of times what runs at a time on any GPU; each has a partial result.
  private static var mostBlocks: Int { 1 << 20 }

  /// Cuts a reduction that several blocks share, which leave their results for a loop that joins them.
  ///
  /// - Parameters:
  ///   - level: of the loop; the iterations of a chunk are shared by threads where it is that of a grid.
  ///   - outer: the loop around, each of whose iterations has chunks.
  init(
    _ loop: ForLoop, sharedBy request: LevelRequest, level: DeviceLevel,
    inside outer: ForLoop? = nil, at span: Span, _ function: inout LoopFunction
  ) {
    self.init(
      chunksOf: loop, sharedBy: request, level: level, inside: outer, at: span, &function)
    splitScalars(&function)
  }

  /// Cuts a reduction into the chunks of several blocks.
  ///
  /// - Parameters:
  ///   - level: of the loop; the iterations of a chunk are shared by threads where it is that of a grid.
  ///   - outer: the loop around, each of whose iterations has chunks: all together are no more than a device is filled by.
  init(
    chunksOf loop: ForLoop, sharedBy request: LevelRequest, level: DeviceLevel,
    inside outer: ForLoop? = nil, at span: Span, _ function: inout LoopFunction
  ) {
    let perBlock = Expression.index(request.threadsPerBlock)
    let most = level == .grid ? Self.mostBlocks * request.threadsPerBlock : Self.mostBlocks
    let threads = Expression.binary(.pythonMin, request.threads, .index(most))
    var blocks =
      level == .grid
      ? Expression.binary(.floorDivide, threads + .index(request.threadsPerBlock - 1), perBlock)
      : threads
    if let outer {
      let rows = Expression.binary(.pythonMax, outer.tripCount, .index(1))
      let share = Expression.binary(
        .floorDivide, .index(2 * ForLoop.blocksThatFillDevice - 1), rows)
      blocks = .binary(.pythonMin, blocks, .binary(.pythonMax, share, .index(1)))
    }
    var length = Expression.binary(
      .pythonMax, .index(1),
      .binary(.floorDivide, loop.tripCount + blocks - .index(1), blocks))
    if level == .grid {
      // Warps that begin within a cache line touch one more at each step: half of the bandwidth.
      length =
        .binary(.floorDivide, length + .index(Self.warp - 1), .index(Self.warp)) * .index(Self.warp)
    }
    self.init(
      loop, length: length, mostChunks: blocks,
      mapping: level == .grid ? Mapping(workers: perBlock, level: .threads) : .sequential,
      at: span, &function)
    chunkMapping = Mapping(workers: blocks, level: .blocksX)
    joinMapping = Mapping(workers: perBlock, level: .threads)
  }
}
