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
/// nest must wait for another block, on several blocks; the levels around it on blocks.
///
/// - Parameter schedule: the schedule of each label.
/// - Throws: where the loops of one level ask for different numbers of threads.
public func mapToDevice(_ schedule: [String: LoopSchedule]) -> Pass<LoopFunction> {
  Pass("map-to-device") { (function, context) throws(DiagnosticError) in
    var mapper = DeviceMapper(schedule: schedule)
    mapper.errors = function.body.unsupportedOnDevices
    var result = function
    result.body = mapper.mapped(function.body)
    if mapper.errors.isEmpty && !mapper.hasParallelism {
      mapper.errors.append(
        Diagnostic(
          .program, "The function \(function.name) does not contain any parallelism", at: [],
          help:
            "put parpy.label('N') before a loop and give the label threads: parpy.par({'N': parpy.threads(1024)})"
        ))
    }
    if !mapper.errors.isEmpty { throw DiagnosticError(mapper.errors) }
    mapper.warnings.forEach(context.warn)
    return result
  }
}

/// What a parallel loop asks for, and so every other on its level of the nest.
struct LevelRequest: Hashable {
  var threads: Expression
  var threadsPerBlock: Int
  var label: String
  var span: Span

  init?(_ loop: ForLoop, _ schedule: [String: LoopSchedule]) {
    guard let threads = loop.mapping.workers else { return nil }
    let label = loop.labels.first { schedule[$0] != nil }
    self.threads = threads
    threadsPerBlock = label.flatMap { schedule[$0]?.threadsPerBlock } ?? 1024
    self.label = label ?? loop.labels.first ?? ""
    span = loop.span
  }

  func agrees(with other: LevelRequest) -> Bool {
    threads == other.threads && threadsPerBlock == other.threadsPerBlock
  }

  /// Whether a block may have too few threads for it.
  var mayExceedBlock: Bool {
    threads.integerLiteral.map { $0 > Int64(threadsPerBlock) } ?? true
  }
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
}

private struct DeviceMapper {
  let schedule: [String: LoopSchedule]
  var errors: [Diagnostic] = []
  var warnings: [Diagnostic] = []
  /// Whether a loop or a block runs on the device.
  var hasParallelism = false

  /// The blocks of levels around the innermost, outermost first.
  private static let dimensions: [DeviceLevel] = [.blocksX, .blocksY, .blocksZ]

  init(schedule: [String: LoopSchedule]) { self.schedule = schedule }

  mutating func mapped(_ statements: [Statement]) -> [Statement] {
    statements.map { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        if case .device = statement.kind { hasParallelism = true }
        var copy = self
        let result = statement.mapBlocks { copy.mapped($0) }
        self = copy
        return result
      }
      hasParallelism = true
      return Statement(.loop(map(nest: loop)), at: statement.span)
    }
  }

  // MARK: The levels of a nest

  /// What each level of the nest asks for, outermost first.
  private mutating func requests(of loop: ForLoop) -> [LevelRequest] {
    guard let own = LevelRequest(loop, schedule) else { return requests(in: loop.body) }
    return [own] + requests(in: loop.body)
  }

  private mutating func requests(in statements: [Statement]) -> [LevelRequest] {
    var found: [LevelRequest] = []
    for statement in statements {
      var inner: [LevelRequest] = []
      if case .loop(let loop) = statement.kind, loop.mapping.workers != nil {
        inner = requests(of: loop)
      } else {
        for block in statement.blocks { merge(requests(in: block), into: &inner) }
      }
      merge(inner, into: &found)
    }
    return found
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
    let requests = requests(of: loop)
    guard let innermost = requests.last else { return loop }
    var blocks = Self.dimensions
    var inner = DeviceLevel.threads
    if innermost.mayExceedBlock {
      if requests.count == 1 || isPerfect(loop) {
        inner = .grid
        blocks.removeFirst()
      } else if innermost.threads.integerLiteral != nil {
        warnings.append(
          Diagnostic(
            .program,
            "the loop '\(innermost.label)' runs on the \(innermost.threadsPerBlock) threads of one block: more would have to wait for other blocks in each iteration of the loop around it",
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
    let levels = Array(blocks.prefix(requests.count - 1)) + [inner]
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

  /// Whether nothing stands between the parallel loops of a nest, and none of them reduces: no block waits for another.
  private func isPerfect(_ loop: ForLoop) -> Bool {
    guard loop.reductions.isEmpty else { return false }
    var hasInner = false
    loop.body.forEachStatement { statement in
      if case .loop(let inner) = statement.kind, inner.mapping.workers != nil { hasInner = true }
    }
    if !hasInner { return true }
    guard loop.body.count == 1, case .loop(let inner) = loop.body[0].kind,
      inner.mapping.workers != nil
    else { return false }
    return isPerfect(inner)
  }
}

extension [Statement] {
  /// A diagnostic for each statement that devices do not run yet.
  fileprivate var unsupportedOnDevices: [Diagnostic] {
    var found: [Diagnostic] = []
    forEachStatement { statement in
      switch statement.kind {
      case .call:
        found.append(
          Diagnostic(
            .program, "calls of external functions and callbacks are not supported on GPUs yet",
            at: statement.span))
      case .requireEqual:
        found.append(
          Diagnostic(
            .program,
            "slices whose lengths are only known as the code runs are not supported on GPUs yet",
            at: statement.span, help: "write the loop over their elements"))
      case .assign, .store, .loop, .whileLoop, .conditional, .device, .allocate, .launch, .barrier:
        break
      }
    }
    return found
  }
}
