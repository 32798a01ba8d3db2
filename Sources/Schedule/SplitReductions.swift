import LoopIR
import Passes
import struct Syntax.Span

/// Cuts a reduction that several workers share into chunks, each with a partial result of its own.
///
///     @workers(w) @reduce(add s) for i in 0..<n: s = s + x[i]
///
/// becomes
///
///     temporary partial: float32[chunks]
///     @workers(w) for c in 0..<chunks:
///       p = 0.0f32
///       @reduce(add p) for i in c·length ..< min((c+1)·length, n): p = p + x[i]
///       partial[c] = p
///     for c in 0..<chunks: s = s + partial[c]
///
/// A buffer whose elements the iterations update gets a private copy a chunk in the same way:
///
///     @workers(w) @update(add h) for i in 0..<n: h[b[i]] = h[b[i]] + w[i]
///
/// becomes
///
///     temporary parts: float32[chunks, m]
///     @workers(w) for c in 0..<chunks:
///       parts[c, :] = 0.0
///       @update(add parts) for i in …: parts[c, b[i]] = parts[c, b[i]] + w[i]
///     @independent for k in 0..<m: for c in 0..<chunks: h[k] = h[k] + parts[c, k]
///
/// where the copies are small beside the loop; else its iterations run in order, and parallel loops inside are cut themselves.
///
/// The chunks depend on the extents alone and are joined in order, so the result has the same bits whatever the number of
/// workers is. A reduction inside a parallel loop stays whole: its worker is busy already.
public let splitReductions = Pass<LoopFunction>("split-reductions") { function, _ in
  var splitter = ReductionSplitter(function: function)
  splitter.function.body = splitter.split(function.body)
  return splitter.function
}

private struct ReductionSplitter {
  /// The most chunks of one loop.
  static let mostChunks = 256
  /// The fewest iterations of an innermost loop that make a chunk.
  static let shortestChunk = 4096

  var function: LoopFunction

  mutating func split(_ statements: [Statement]) -> [Statement] {
    var result: [Statement] = []
    for statement in statements {
      guard case .loop(let loop) = statement.kind, loop.mapping.workers != nil else {
        result.append(splitInside(statement))
        continue
      }
      if !loop.updates.isEmpty {
        var serial = loop
        serial.mapping.workers = nil
        let inOrder = splitInside(Statement(.loop(serial), at: statement.span))
        result += PrivateCopies(function: function, loop: loop, at: statement.span)
          .statements(&function, orElse: inOrder)
      } else {
        result += loop.reductions.isEmpty ? [statement] : split(loop, at: statement.span)
      }
    }
    return result
  }

  private mutating func splitInside(_ statement: Statement) -> Statement {
    var copy = self
    let rebuilt = statement.mapBlocks { copy.split($0) }
    self = copy
    return rebuilt
  }

  private mutating func split(_ loop: ForLoop, at span: Span) -> [Statement] {
    // Conditions do not count: where they are known, they are gone, and chunks must not depend on that.
    let isInnermost = !loop.body.containsLoop
    let count = loop.tripCount
    let length = Expression.binary(
      .pythonMax, .index(isInnermost ? Self.shortestChunk : 1),
      .binary(.floorDivide, count + .index(Self.mostChunks - 1), .index(Self.mostChunks)))
    var chunks = ChunkedLoop(loop, length: length, at: span, &function)
    chunks.splitScalars(&function)
    return chunks.statements
  }
}
