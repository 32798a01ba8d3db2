import LoopIR
import Schedule
import struct Syntax.Span

extension Grid {
  /// The most blocks along x, and along y and z (CUDA C++ Programming Guide, table of compute capabilities).
  private static let most: [DeviceLevel: Int] = [
    .blocksX: 2_147_483_647, .blocksY: 65_535, .blocksZ: 65_535, .grid: 2_147_483_647,
  ]

  /// The grid that the loops of a kernel ask for.
  ///
  /// - Parameter isKnown: whether the host can evaluate an expression; where it can, no blocks are launched for
  ///   iterations that a loop does not have.
  init(
    of body: [Statement], _ schedule: [String: LoopSchedule], isKnown: (Expression) -> Bool
  ) {
    var loops: [DeviceLevel: [ForLoop]] = [:]
    var requests: [DeviceLevel: LevelRequest] = [:]
    var inner: Set<VariableID> = []
    body.forEachStatement { statement in
      switch statement.kind {
      case .loop(let loop):
        inner.insert(loop.variable)
        if let level = loop.mapping.level { loops[level, default: []].append(loop) }
      case .assign, .call: if let id = statement.assignedVariable { inner.insert(id) }
      case .store, .whileLoop, .conditional, .device, .allocate, .launch, .barrier, .requireEqual:
        break
      }
      if let (level, request) = LevelRequest.request(of: statement, schedule),
        requests[level] == nil
      {
        requests[level] = request
      }
    }
    /// The iterations of the longest loop of a level; nil where the host cannot tell.
    func trips(_ level: DeviceLevel) -> Expression? {
      var longest: Expression?
      for loop in loops[level] ?? [] {
        let count = loop.tripCount
        let usesInner = count.contains {
          if case .variable(let id) = $0.kind { inner.contains(id) } else { false }
        }
        guard !usesInner, isKnown(count) else { return nil }
        longest = longest.map { .binary(.pythonMax, $0, count) } ?? count
      }
      return longest
    }
    func blocks(_ level: DeviceLevel) -> Expression {
      guard let request = requests[level] else { return .index(1) }
      var wanted = request.threads
      if let trips = trips(level) { wanted = .binary(.pythonMin, wanted, trips) }
      let most = Expression.index(Self.most[level] ?? 65_535)
      return .binary(.pythonMax, .index(1), .binary(.pythonMin, wanted, most))
    }
    self = .single
    if let request = requests[.threads] ?? requests[.grid] ?? requests[.cluster] {
      let rounded = Self.roundedToWarps(request.threads)
      maximumThreads = request.threadsPerBlock
      threads = .binary(.pythonMin, rounded, .index(maximumThreads))
      if let literal = threads.integerLiteral { maximumThreads = Int(literal) }
      // Where iterations wait for one another, a block has as many threads as the loop is made for.
      if [DeviceLevel.threads, .grid].contains(where: {
        loops[$0]?.contains(where: \.waits) ?? false
      }) {
        maximumThreads = request.threadsPerBlock
        threads = .index(maximumThreads)
      }
    }
    self.blocks = [DeviceLevel.blocksX, .blocksY, .blocksZ].map(blocks)
    if let size = requests[.clusterBlocks]?.threads.integerLiteral {
      clusterSize = Int(size)
      self.blocks[0] = .index(clusterSize)
    }
    if let request = requests[.grid] {
      var wanted = Self.roundedToWarps(request.threads)
      if let trips = trips(.grid) { wanted = .binary(.pythonMin, wanted, trips) }
      var count = Expression.binary(.floorDivide, wanted + threads - .index(1), threads)
      let tiled = loops[.grid, default: []]
      let iterations = tiled.compactMap(GridTile.iterations)
      if iterations.count == tiled.count, let least = iterations.min(), let trips = trips(.grid) {
        let size = GridTile.size(
          for: trips * self.blocks[1] * self.blocks[2], threads: threads, iterations: least)
        if size != threads {
          // Tiles of rows may begin a few iterations before the first.
          let phase = tiled.map { $0.mapping.lanes > 1 ? $0.rowPhase : 0 }.max() ?? 0
          count = .binary(
            .pythonMin, count,
            .binary(.floorDivide, trips + .index(phase) + size - .index(1), size))
        }
      }
      self.blocks[0] = .binary(
        .pythonMax, .index(1),
        .binary(.pythonMin, count, .index(Self.most[.grid] ?? 2_147_483_647)))
    }
  }

  /// A number of threads as whole warps; more than a grid can have are no more than that, so that nothing overflows.
  private static func roundedToWarps(_ threads: Expression) -> Expression {
    let few = Expression.binary(.pythonMin, threads, .index(1 << 42))
    return .binary(.floorDivide, few + .index(31), .index(32)) * .index(32)
  }

  /// Two loops or calls of one kernel on one level that ask for different threads.
  static func conflict(
    in body: [Statement], _ schedule: [String: LoopSchedule]
  ) -> (LevelRequest, LevelRequest)? {
    var first: [DeviceLevel: LevelRequest] = [:]
    var conflict: (LevelRequest, LevelRequest)?
    body.forEachStatement { statement in
      guard let (level, request) = LevelRequest.request(of: statement, schedule) else { return }
      if let known = first[level] {
        if conflict == nil && !known.agrees(with: request) { conflict = (known, request) }
      } else {
        first[level] = request
      }
    }
    return conflict
  }
}
