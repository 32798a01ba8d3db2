import LoopIR
import Passes

/// Lets threads share the elements that a temporary of host code holds at first.
///
///     allocate t: float64[n, m]:                allocate t: float64[n, m]:
///       device:                                   device:
///         for k0 in 0..<n:               →          @workers(n) for k0 in 0..<n:
///           for k1 in 0..<m: t[k0, k1] = 0.0          @workers(m) for k1 in 0..<m: t[k0, k1] = 0.0
///
/// No schedule speaks of them: `np.zeros` is what makes the array, and the host could not write it. Of many dimensions those
/// beside each other in memory are shared, and a thread runs through the others. A fill with a label of the schedule is left alone.
public let parallelizeFills = Pass<LoopFunction>("parallelize-fills") { function, _ in
  var result = function
  result.body = function.body.flatMapStatements { statement in
    guard case .allocate(let id, var body) = statement.kind, let first = body.first,
      case .device(let code) = first.kind
    else { return [statement] }
    let shared = code.map { FillNest(of: id, $0)?.shared ?? $0 }
    body[0] = Statement(.device(shared), at: first.span)
    return [Statement(.allocate(id, body: body), at: statement.span)]
  }
  return result
}

/// Loops without a schedule around one another, whose iterations store to a temporary and do not depend on each other.
private struct FillNest {
  /// Outermost first; their bodies hold the next.
  private var loops: [(loop: ForLoop, statement: Statement)] = []
  private var innermost: [Statement]

  /// How many dimensions of a grid a nest may take: blocks along y and z, and one for its threads.
  private static let most = 3

  init?(of temporary: BufferID, _ statement: Statement) {
    innermost = [statement]
    while innermost.count == 1, case .loop(let loop) = innermost[0].kind {
      guard loop.isIndependent, loop.mapping == .sequential else { return nil }
      loops.append((loop, innermost[0]))
      innermost = loop.body
    }
    guard !loops.isEmpty, !innermost.containsLoop,
      innermost.allSatisfy({ $0.writtenBuffers.allSatisfy { $0 == temporary } })
    else { return nil }
  }

  /// The nest on as many threads as it has elements, as far as a grid has dimensions.
  var shared: Statement? {
    let parallel = loops.suffix(Self.most).map { loop, statement in
      var loop = loop
      loop.mapping.workers = .binary(.pythonMax, .index(1), loop.tripCount)
      return (loop: loop, statement: statement)
    }
    let nest = parallel + loops.dropLast(Self.most)
    return nest.reversed().reduce(innermost) { body, part in
      var loop = part.loop
      loop.body = body
      return [Statement(.loop(loop), at: part.statement.span)]
    }.first
  }
}
