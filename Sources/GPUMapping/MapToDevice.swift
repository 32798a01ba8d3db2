import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Gives each parallel loop the threads of a device that share its iterations.
///
///     @workers(64) for i in 0..<n:              @workers(64) @blocks_x for i in 0..<n:
///       @workers(512) for j in 0..<m: …    →      @workers(512) @threads for j in 0..<m: …
///
///     @workers(4096) for i in 0..<n: …     →    @workers(4096) @grid for i in 0..<n: …          1,024 threads a block
///
/// The innermost level of a nest runs on the threads of a block, and where it asks for more than a block has and nothing in the
/// nest must wait for another block, on several blocks, unless the iterations of the outermost of two loops fill the device; the levels around it on blocks. A call of an external function that several
/// threads make together is an innermost level.
///
/// Blocks of the levels between cannot wait for each other. Where they would have to, and `distribute-nests` has left that alone,
/// those levels run in order, with a warning:
///
///     @workers(64) for i in 0..<n:              @workers(64) @blocks_x for i in 0..<n:
///       while y[i] > 0:                           while y[i] > 0:
///         @workers(16) for j in 0..<m:        →     for j in 0..<m:
///           @workers(32) for k in 0..<l: …            @workers(32) @threads for k in 0..<l: …
///
/// Left alone are nests whose loops have their levels, see `mapToClusters`.
///
/// - Parameter schedule: the schedule of each label.
/// - Throws: where the loops of one level ask for different numbers of threads.
public func mapToDevice(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("map-to-device") { (function, context) throws(DiagnosticError) in
    var mapper = DeviceMapper(of: function, schedule)
    var result = function
    result.body = mapper.mapped(function.body)
    if !mapper.errors.isEmpty { throw DiagnosticError(mapper.errors) }
    mapper.warnings.forEach(context.warn)
    return result
  }
}

extension ForLoop {
  /// What each level of the nest asks for, outermost first; nil where two loops of one level disagree.
  func requests(in function: LoopFunction, _ schedule: [String: LoopSchedule]) -> [LevelRequest]? {
    var mapper = DeviceMapper(of: function, schedule)
    let requests = mapper.requests(of: self)
    return mapper.errors.isEmpty ? requests : nil
  }
}

/// What a parallel loop, or a call that threads make together, asks for, and so every other on its level of the nest.
struct LevelRequest: Hashable {
  var threads: Expression
  var threadsPerBlock: Int
  /// Whether a block has too few threads for it; nil where that is not known.
  var exceedsBlock: Bool?
  var label: String
  var span: Span

  init?(_ loop: ForLoop, _ schedule: [String: LoopSchedule]) {
    guard let threads = loop.mapping.workers else { return nil }
    let label = loop.labels.first { schedule[$0] != nil }
    self.threads = threads
    let known = label.flatMap { schedule[$0] }
    threadsPerBlock = min(known?.threadsPerBlock ?? 1024, loop.mapping.threadsPerBlock ?? .max)
    let perBlock = Int64(threadsPerBlock)
    exceedsBlock = threads.integerLiteral.map { $0 > perBlock } ?? known?.exceedsBlock
    self.label = label ?? loop.labels.first ?? ""
    span = loop.span
  }

  /// What the threads that make a call together ask for; nil where one thread makes it.
  init?(_ call: ForeignCall, at span: Span) {
    guard let function = call.external, function.isParallel else { return nil }
    threads = .index(function.threads)
    threadsPerBlock = function.threadsPerBlock
    exceedsBlock = function.threads > function.threadsPerBlock
    label = function.symbol
    self.span = span
  }

  /// What a statement of a kernel asks of a level; nil where all who come by run it.
  static func request(
    of statement: Statement, _ schedule: [String: LoopSchedule]
  ) -> (DeviceLevel, LevelRequest)? {
    switch statement.kind {
    case .loop(let loop):
      guard let level = loop.mapping.level else { return nil }
      return LevelRequest(loop, schedule).map { (level, $0) }
    case .call(let call): return LevelRequest(call, at: statement.span).map { (.threads, $0) }
    case .assign, .store, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch,
      .barrier:
      return nil
    }
  }

  func agrees(with other: LevelRequest) -> Bool {
    threads == other.threads && threadsPerBlock == other.threadsPerBlock
  }

  /// Whether a block may have too few threads for it.
  var mayExceedBlock: Bool { exceedsBlock ?? true }
}

extension Diagnostic {
  /// Two loops on one level of a nest that ask for different threads.
  static func inconsistentStructures(_ first: LevelRequest, _ second: LevelRequest) -> Diagnostic {
    func described(_ request: LevelRequest) -> String {
      let threads = request.threads.integerLiteral.map(String.init) ?? "n"
      return "'\(request.label)' asks for threads(\(threads)).tpb(\(request.threadsPerBlock))"
    }
    return Diagnostic(
      .program,
      "Found inconsistent parallel structures: the loops stand on one level of a nest, but \(described(first)) and \(described(second))",
      at: [first.span, second.span],
      help: "give both labels the same schedule, or leave one of them out of it")
  }

  /// A level between the outermost and the innermost whose iterations no blocks share.
  fileprivate static func levelInOrder(_ request: LevelRequest, of outer: LevelRequest)
    -> Diagnostic
  {
    Diagnostic(
      .program,
      "the iterations of the loop '\(request.label)' run in order: its blocks would have to wait for each other inside an iteration of '\(outer.label)'",
      at: request.span,
      help:
        "leave its label out of the schedule; or give it a nest of its own, outside any loop whose number of iterations only '\(outer.label)' knows"
    )
  }

  /// A call of threads beside parallel loops that have others inside.
  fileprivate static func callAboveLoops(_ request: LevelRequest) -> Diagnostic {
    Diagnostic(
      .program,
      "Found inconsistent parallel structures: the threads of a block call '\(request.label)', and parallel loops beside the call have parallel loops inside, so their iterations are those of blocks",
      at: request.span, help: "leave the label of a loop inside out of the schedule")
  }

  /// A call that more threads are to make than a block has.
  fileprivate static func tooManyThreads(_ request: LevelRequest) -> Diagnostic {
    Diagnostic(
      .program,
      "'\(request.label)' asks for \(request.threads.integerLiteral ?? 0) threads, and the threads of one block make the call: at most \(request.threadsPerBlock)",
      at: request.span, help: "declare it with parallelize=parpy.threads(n) of a smaller n")
  }
}

private struct DeviceMapper {
  private let function: LoopFunction
  let schedule: [String: LoopSchedule]
  var errors: [Diagnostic] = []
  var warnings: [Diagnostic] = []

  /// The blocks of levels around the innermost, outermost first.
  private static let dimensions: [DeviceLevel] = [.blocksX, .blocksY, .blocksZ]

  init(of function: LoopFunction, _ schedule: [String: LoopSchedule]) {
    self.function = function
    self.schedule = schedule
  }

  mutating func mapped(_ statements: [Statement]) -> [Statement] {
    statements.map { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        // A call of too many threads is noted.
        if case .call(let call) = statement.kind { _ = request(of: call, at: statement.span) }
        var copy = self
        let result = statement.mapBlocks { copy.mapped($0) }
        self = copy
        return result
      }
      if loop.mapping.level != nil { return statement }
      return Statement(.loop(map(nest: loop)), at: statement.span)
    }
  }

  // MARK: The levels of a nest

  /// What each level of the nest asks for, outermost first.
  mutating func requests(of loop: ForLoop) -> [LevelRequest] {
    guard let own = LevelRequest(loop, schedule) else { return requests(in: loop.body) }
    return [own] + requests(in: loop.body)
  }

  private mutating func requests(in statements: [Statement]) -> [LevelRequest] {
    var found: [LevelRequest] = []
    for statement in statements {
      var inner: [LevelRequest] = []
      if case .loop(let loop) = statement.kind, loop.mapping.workers != nil {
        inner = requests(of: loop)
      } else if case .call(let call) = statement.kind {
        inner = request(of: call, at: statement.span).map { [$0] } ?? []
      } else {
        for block in statement.blocks { merge(requests(in: block), into: &inner) }
      }
      merge(inner, into: &found)
    }
    return found
  }

  /// What the threads of a call ask for, which a block must have.
  private mutating func request(of call: ForeignCall, at span: Span) -> LevelRequest? {
    guard let request = LevelRequest(call, at: span) else { return nil }
    if request.mayExceedBlock { errors.append(.tooManyThreads(request)) }
    return request
  }

  /// Refuses calls that threads make together on a level around the innermost, which are those of blocks.
  private mutating func rejectCalls(in statements: [Statement], above depth: Int) {
    for statement in statements {
      if case .call(let call) = statement.kind, depth > 0,
        let request = LevelRequest(call, at: statement.span)
      {
        errors.append(.callAboveLoops(request))
      }
      let isLevel =
        if case .loop(let loop) = statement.kind { loop.mapping.workers != nil } else { false }
      for block in statement.blocks { rejectCalls(in: block, above: isLevel ? depth - 1 : depth) }
    }
  }

  private mutating func merge(_ other: [LevelRequest], into requests: inout [LevelRequest]) {
    for (first, second) in zip(requests, other) where !first.agrees(with: second) {
      errors.append(.inconsistentStructures(first, second))
      return
    }
    if other.count > requests.count { requests = other }
  }

  // MARK: Mapping

  private mutating func map(nest loop: ForLoop) -> ForLoop {
    var loop = loop
    var requests = requests(of: loop)
    guard let innermost = requests.last else { return loop }
    let depth = requests.count - 2
    rejectCalls(in: loop.body, above: depth)
    if depth > 0, errors.isEmpty, !loop.isNestOfBlocks(depth, in: function) {
      warnings.append(.levelInOrder(requests[1], of: requests[0]))
      loop.body = inOrder(loop.body, above: innermost)
      requests = self.requests(of: loop)
    }
    var blocks = Self.dimensions
    var inner = DeviceLevel.threads
    if innermost.mayExceedBlock {
      if requests.count == 1 || isPerfect(loop) {
        inner = .grid
        blocks.removeFirst()
      } else if innermost.exceedsBlock == true, !loop.fillsDevice(requests[0]) {
        warnings.append(
          Diagnostic(
            .program,
            "the loop '\(innermost.label)' runs on the \(innermost.threadsPerBlock) threads of one block: more would have to wait for other blocks inside an iteration of the loop around it",
            at: innermost.span,
            help: "ask for at most tpb threads, or run it in a nest of its own"))
      }
    }
    guard requests.count - 1 <= blocks.count else {
      errors.append(
        Diagnostic(
          .program,
          "a nest of \(requests.count) parallel loops is too deep: a grid has \(blocks.count) dimensions of blocks here",
          at: requests.map(\.span), help: "leave a label out of the schedule"))
      return loop
    }
    let levels = blocks.prefix(requests.count - 1) + [inner]
    return assigned(levels[...], to: loop)
  }

  private func assigned(_ levels: ArraySlice<DeviceLevel>, to loop: ForLoop) -> ForLoop {
    guard let level = levels.first else { return loop }
    var result = loop
    result.mapping.level = level
    result.body = assigned(levels.dropFirst(), in: loop.body)
    return result
  }

  private func assigned(_ levels: ArraySlice<DeviceLevel>, in statements: [Statement])
    -> [Statement]
  {
    statements.map { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        return statement.mapBlocks { assigned(levels, in: $0) }
      }
      return Statement(.loop(assigned(levels, to: loop)), at: statement.span)
    }
  }

  /// The statements with parallel loops around others in order, and those that ask for other threads than the innermost.
  private func inOrder(_ statements: [Statement], above innermost: LevelRequest) -> [Statement] {
    statements.map { statement in
      guard case .loop(var loop) = statement.kind, let request = LevelRequest(loop, schedule) else {
        return statement.mapBlocks { inOrder($0, above: innermost) }
      }
      guard loop.body.containsParallelLoop || !request.agrees(with: innermost) else {
        return statement
      }
      loop.mapping.workers = nil
      loop.body = inOrder(loop.body, above: innermost)
      return Statement(.loop(loop), at: statement.span)
    }
  }

  /// Whether nothing in a nest waits for another block: one loop is in the other, and none reduces.
  private func isPerfect(_ loop: ForLoop) -> Bool {
    guard loop.reductions.isEmpty else { return false }
    if !loop.body.containsParallelLoop { return true }
    return loop.innerLoop(in: function).map(isPerfect) ?? false
  }
}
