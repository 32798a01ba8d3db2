import LoopIR
import Schedule

/// A nest of parallel loops that clusters of blocks can run.
///
/// Its innermost loops have the same loops around them, two at most, and ask for the threads of 2, 4, 8 or 16 whole blocks, of no
/// more than a cluster may have. At least one of them reduces; the loops around do not. Between the levels there may be scalar code,
/// loops and conditions, but neither temporaries nor calls, which belong to one block, nor tests of lengths.
struct ClusterNest {
  /// The levels of the loops around the innermost, outermost first.
  let outerLevels: [DeviceLevel]
  /// What each of the innermost loops asks for.
  let request: LevelRequest
  /// How many blocks have those threads.
  let blocks: Int

  /// The blocks of a cluster stand along x.
  private static let outerDimensions: [DeviceLevel] = [.blocksY, .blocksZ]

  /// - Returns: nil where a nest is no such nest.
  init?(
    _ loop: ForLoop, _ function: LoopFunction, _ schedule: [String: LoopSchedule],
    atMost most: Int
  ) {
    var survey = NestSurvey(function: function, schedule: schedule)
    guard most > 1, survey.visit(loop, at: 0), survey.reduces,
      let request = survey.requests.last, let asked = request.threads.integerLiteral,
      survey.requests.count == survey.innermostDepth.map({ $0 + 1 }),
      survey.requests.count <= Self.outerDimensions.count + 1
    else { return nil }
    let perBlock = Int64(max(1, request.threadsPerBlock))
    // What a cluster can have overflows nothing.
    guard asked > perBlock, asked <= Int64(most) * perBlock else { return nil }
    blocks = Int((asked + perBlock - 1) / perBlock)
    guard blocks & (blocks - 1) == 0 else { return nil }
    self.request = request
    outerLevels = Array(Self.outerDimensions.prefix(survey.requests.count - 1))
  }
}

/// What the loops of a nest ask for, by depth.
private struct NestSurvey {
  let function: LoopFunction
  let schedule: [String: LoopSchedule]
  /// What each level asks for, outermost first.
  var requests: [LevelRequest] = []
  /// How many loops are around each of the innermost.
  var innermostDepth: Int?
  /// Whether an innermost loop reduces.
  var reduces = false

  /// False where clusters cannot run the loop.
  mutating func visit(_ loop: ForLoop, at depth: Int) -> Bool {
    guard loop.mapping.level == nil, loop.condition == nil,
      let request = LevelRequest(loop, schedule)
    else { return false }
    if !requests.indices.contains(depth) { requests.append(request) }
    guard requests[depth].agrees(with: request) else { return false }
    if loop.body.containsParallelLoop {
      return loop.reductions.isEmpty && visit(loop.body, at: depth + 1)
    }
    guard innermostDepth ?? depth == depth else { return false }
    innermostDepth = depth
    reduces = reduces || !loop.reductions.isEmpty
    return loop.reductions.allSatisfy { $0.op.identity(of: function[$0.accumulator].type) != nil }
      && visit(loop.body, at: depth + 1)
  }

  private mutating func visit(_ statements: [Statement], at depth: Int) -> Bool {
    for statement in statements {
      switch statement.kind {
      case .loop(let loop) where loop.mapping.workers != nil:
        if !visit(loop, at: depth) { return false }
      case .assign, .store, .loop, .whileLoop, .conditional:
        for block in statement.blocks where !visit(block, at: depth) { return false }
      case .call, .allocate, .requireEqual, .device, .launch, .barrier: return false
      }
    }
    return true
  }
}
