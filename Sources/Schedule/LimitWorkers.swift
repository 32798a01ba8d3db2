import LoopIR
import Passes

/// Lets a parallel loop with little to do run on few workers.
///
///     @workers(1024) for i in 0..<n:          @workers(min(1024, max(1, n·(2 + m·3/8) / 8192))) for i in 0..<n:
///       @lanes(8) for k in 0..<m: …     →       @lanes(8) for k in 0..<m: …
///
/// Handing a loop to other cores takes about a microsecond, and its data have to follow; no worker is woken for less than
/// `leastWork`. The work is a count of operations, taken from the text of the loop. The length of an inner loop that depends on
/// the variables of loops around it counts with their ends; where it depends on data, nothing is limited. Results do not
/// depend on the number of workers.
public let limitWorkers = Pass<LoopFunction>("limit-workers") { function, _ in
  var result = function
  result.body = function.body.limited
  return result
}

/// The operations, of about a third of a nanosecond each, that are worth a worker.
private let leastWork = 8192

extension [Statement] {
  fileprivate var limited: [Statement] {
    map { statement in
      guard case .loop(var loop) = statement.kind, let workers = loop.mapping.workers else {
        return statement.mapBlocks { $0.limited }
      }
      if workers.integerLiteral.map({ $0 <= 1 }) ?? false { return statement }
      var estimate = WorkEstimate(around: loop)
      guard let work = estimate.work(of: Statement(.loop(loop))) else { return statement }
      let needed = Expression.binary(
        .pythonMax, .index(1), .binary(.floorDivide, work, .index(leastWork)))
      if let enough = needed.integerLiteral, let asked = workers.integerLiteral {
        loop.mapping.workers = Expression(.integer(Swift.min(enough, asked)), .int64)
      } else {
        loop.mapping.workers = .binary(.pythonMin, workers, needed)
      }
      return Statement(.loop(loop), at: statement.span)
    }
  }
}

/// Counts the operations of statements before they run.
private struct WorkEstimate {
  private var lengths: LoopLengths

  init(around loop: ForLoop) { lengths = LoopLengths(in: loop) }

  /// The operations of a statement; nil where only running it tells.
  mutating func work(of statement: Statement) -> Expression? {
    switch statement.kind {
    case .assign, .store, .requireEqual, .launch, .barrier: return .index(operations(of: statement))
    // What a function outside of the program does may take long.
    case .whileLoop, .call: return nil
    case .conditional(_, let then, let otherwise):
      guard let yes = work(of: then), let no = work(of: otherwise) else { return nil }
      return .index(operations(of: statement)) + .binary(.pythonMax, yes, no)
    case .device(let body), .allocate(_, let body): return work(of: body)
    case .loop(let loop):
      guard let trips = lengths.greatest(of: loop) else { return nil }
      lengths.nest.append(loop)
      defer { lengths.nest.removeLast() }
      guard let body = work(of: loop.body) else { return nil }
      let total = trips * (body + .index(1))
      return loop.mapping.lanes > 1
        ? .binary(.floorDivide, total, .index(Swift.min(loop.mapping.lanes, 8))) : total
    }
  }

  private mutating func work(of statements: [Statement]) -> Expression? {
    var total = Expression.index(0)
    for statement in statements {
      guard let part = work(of: statement) else { return nil }
      total = total + part
    }
    return total
  }

  private func operations(of statement: Statement) -> Int {
    func operations(of e: Expression) -> Int {
      var count = e.isLibraryCall ? 20 : 1
      switch e.kind {
      case .integer, .float, .variable: return 0
      // Addresses cost little: they move along with the loop.
      case .load: return 1
      case .math(let function, _): if function.isInstruction { count = 4 }
      case .unary, .binary, .compare, .logical, .select, .convert, .checked, .complex, .part: break
      }
      e.forEachChild { count += operations(of: $0) }
      return count
    }
    switch statement.kind {
    case .assign(_, let value), .store(_, _, let value), .conditional(let value, _, _):
      return 1 + operations(of: value)
    case .requireEqual: return 1
    case .call, .loop, .whileLoop, .device, .allocate, .launch, .barrier: return 0
    }
  }
}
