import LoopIR
import Passes
import Schedule
import struct Syntax.Span

/// Lets the blocks of a cluster run a nest together whose reductions ask for more threads than one block has.
///
///     @workers(64) for i in 0..<n:                    @workers(64) @blocks_y for i in 0..<n:
///       s = 0.0                                         s = 0.0
///       @workers(4096) @reduce(add s)                   @workers(4) @cluster_blocks @reduce(add s) for c in 0..<chunks:
///       for j in 0..<m: s = s + x[i, j]         →         p = 0.0
///       @workers(4096)                                    @workers(1024) @threads @reduce(add p)
///       for j in 0..<m: y[i, j] = x[i, j] / s             for j in c·length ..< min((c+1)·length, m): p = p + x[i, j]
///                                                         s = s + p
///                                                       @workers(4096) @cluster for j in 0..<m: y[i, j] = x[i, j] / s
///
/// Blocks of a cluster run at the same time, wait for one another and read each other's shared memory, so such a nest is one kernel.
/// Without clusters `distributeNests` and `splitGridReductions` make several of it, with partial results in memory between them. The
/// chunks are those of `splitGridReductions` and are joined in the same order: the result has the same bits.
///
/// Left alone is what `ClusterNest` does not describe.
///
/// - Parameters:
///   - schedule: the schedule of each label.
///   - most: the most blocks of a cluster; 1 where there are to be none.
public func mapToClusters(
  _ schedule: [String: LoopSchedule], atMost most: Int
) -> Pass<LoopFunction> {
  Pass("map-to-clusters") { function, _ in
    var mapper = ClusterMapper(function: function, schedule: schedule, most: most)
    let body = mapper.mapped(function.body)
    var result = mapper.function
    result.body = body
    return result
  }
}

private struct ClusterMapper {
  var function: LoopFunction
  let schedule: [String: LoopSchedule]
  let most: Int

  mutating func mapped(_ statements: [Statement]) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      var copy = self
      defer { self = copy }
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        return [statement.mapBlocks { copy.mapped($0) }]
      }
      guard let nest = ClusterNest(loop, function, schedule, atMost: most) else {
        return [statement]
      }
      return copy.mapped(statement, as: nest)
    }
  }

  private mutating func mapped(_ statement: Statement, as nest: ClusterNest) -> [Statement] {
    let changed = [statement].changedVariables
    var ahead: [Statement] = []
    let inner = mapped([statement], nest, nest.outerLevels[...], changing: changed, &ahead)
    return ahead + inner
  }

  /// - Parameters:
  ///   - levels: of the loops around the innermost that are still to come.
  ///   - changed: the variables that the nest changes.
  ///   - ahead: gets what can be computed before the nest.
  private mutating func mapped(
    _ statements: [Statement], _ nest: ClusterNest, _ levels: ArraySlice<DeviceLevel>,
    changing changed: Set<VariableID>, _ ahead: inout [Statement]
  ) -> [Statement] {
    var result: [Statement] = []
    for statement in statements {
      guard case .loop(var loop) = statement.kind, loop.mapping.workers != nil else {
        var copy = self
        result.append(
          statement.mapBlocks { copy.mapped($0, nest, levels, changing: changed, &ahead) })
        self = copy
        continue
      }
      if let level = levels.first {
        loop.mapping.level = level
        loop.body = mapped(loop.body, nest, levels.dropFirst(), changing: changed, &ahead)
      } else if loop.reductions.isEmpty {
        loop.mapping.level = .cluster
      } else {
        var chunks = ChunkedLoop(
          chunksOf: loop, sharedBy: nest.request, level: .grid, at: statement.span, &function)
        chunks.chunkMapping = Mapping(workers: .index(nest.blocks), level: .clusterBlocks)
        chunks.reduceOverChunks(&function)
        let isKnownAhead = !loop.tripCount.mentions(changed) && !loop.tripCount.contains(\.isLoad)
        if isKnownAhead { ahead += chunks.setup } else { result += chunks.setup }
        result.append(chunks.chunkLoop)
        continue
      }
      result.append(Statement(.loop(loop), at: statement.span))
    }
    return result
  }
}

extension [Statement] {
  /// Whether blocks of a cluster share loops among the statements, while others, or temporaries and calls, are those of one block.
  var mixesClusters: Bool {
    var (hasClusters, hasBlocks) = (false, false)
    func visit(_ statements: [Statement]) {
      for statement in statements {
        switch statement.kind {
        case .loop(let loop):
          switch loop.mapping.level {
          case .clusterBlocks, .cluster:
            hasClusters = true
            continue
          case .threads: hasBlocks = true
          case nil, .blocksX, .blocksY, .blocksZ, .grid: break
          }
        case .call, .allocate: hasBlocks = true
        case .assign, .store, .whileLoop, .conditional, .device, .launch, .barrier, .requireEqual:
          break
        }
        statement.blocks.forEach(visit)
      }
    }
    visit(self)
    return hasClusters && hasBlocks
  }
}
