import LoopIR
import Passes
import Schedule

/// Gives the threads of a block four iterations in a row, so that they read and write 128 bits at once.
///
///     @threads for k in 0..<n:                        @threads @lanes(4) for k in 0..<n:
///       y[i, k] = exp(x[i, k] - m) / s        →         y[i, k] = exp(x[i, k] - m) / s
///
/// A thread then takes iterations 4t, 4t + 1, 4t + 2 and 4t + 3 of every 4T, where T threads have at least eight each: with
/// fewer, those that have four more than others are waited for. One access of 16 bytes costs the load-store unit what one of
/// 4 bytes does, and keeps more bytes under way (J. Luitjens, CUDA Pro Tip: Increase Performance with Vectorized Memory
/// Access, 2013).
///
/// Who computes which part of a declared reduction decides how its result is rounded, so there only the trip count and the
/// threads count: what an index or a condition looks like depends on which arguments a version knows. Without a reduction,
/// the loop is changed where all that it touches lies in rows. One that spans blocks is dealt out in tiles (`GridTile`),
/// and each tile is changed where its rows are aligned.
///
/// - Parameter schedule: the schedule of each label.
public func widenAccesses(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("widen-accesses") { function, _ in
    var result = function
    result.body = function.body.flatMapStatements { statement in
      guard case .loop(var loop) = statement.kind, loop.step == 1, loop.condition == nil,
        loop.mapping.unroll == 1, loop.mayBeWide(schedule)
      else { return [statement] }
      if loop.reductions.isEmpty {
        guard let accesses = RowAccesses(of: loop, in: function), accesses.areAll,
          loop.mapping.level == .threads || !accesses.haveOddPitches
        else { return [statement] }
      }
      loop.mapping.lanes = RowAccesses.lanes
      return [Statement(.loop(loop), at: statement.span)]
    }
    return result
  }
}

extension ForLoop {
  /// Whether the iterations are dealt out to threads of a block, enough of them to each.
  fileprivate func mayBeWide(_ schedule: [String: LoopSchedule]) -> Bool {
    switch mapping.level {
    case .threads: !isShort(schedule)
    case .grid: reductions.isEmpty && GridTile.suits(body)
    case .blocksX, .blocksY, .blocksZ, .clusterBlocks, .cluster, nil: false
    }
  }

  /// Whether it is known to have too few iterations for each thread of a block.
  fileprivate func isShort(_ schedule: [String: LoopSchedule]) -> Bool {
    guard let request = LevelRequest(self, schedule), let trips = tripCount.integerLiteral,
      let asked = request.threads.integerLiteral
    else { return false }
    // A block has at least as many threads, and the literals are far below the ends of 64 bits.
    let threads = min(max(1, asked), Int64(request.threadsPerBlock))
    return trips < Int64(RowAccesses.leastPerThread) &* threads
  }
}
