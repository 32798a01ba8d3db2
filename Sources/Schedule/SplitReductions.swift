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
/// The chunks depend on the extent alone and are joined in order, so the result has the same bits whatever the number of
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
      result += loop.reductions.isEmpty ? [statement] : split(loop, at: statement.span)
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
    let isInnermost = loop.body.allSatisfy { $0.blocks.isEmpty }
    let count = loop.tripCount
    let length = Expression.binary(
      .pythonMax, .index(isInnermost ? Self.shortestChunk : 1),
      .binary(.floorDivide, count + .index(Self.mostChunks - 1), .index(Self.mostChunks)))
    let chunks = Expression.binary(.floorDivide, count + length - .index(1), length)
    let chunk = function.add(Variable("chunk", .int64))
    let combined = function.add(Variable("chunk", .int64))
    let lengthVariable = function.add(Variable("chunk_length", .int64))
    let chunksVariable = function.add(Variable("chunk_count", .int64))
    let lengthRead = function.read(lengthVariable)

    var inner = loop
    inner.mapping.workers = nil
    let start = function.read(chunk) * lengthRead
    let stop = Expression.binary(.pythonMin, start + lengthRead, count)
    inner.lower = loop.lower + start * .index(loop.step)
    inner.upper =
      loop.step == 1
      ? loop.lower + stop : loop.lower + stop * .index(loop.step)
    var body: [Statement] = []
    var stores: [Statement] = []
    var joins: [Statement] = []
    var partials: [BufferID] = []
    for (position, reduction) in loop.reductions.enumerated() {
      let variable = function[reduction.accumulator]
      guard let identity = reduction.op.identity(of: variable.type) else { continue }
      let own = function.add(Variable(variable.name, variable.type))
      let partial = function.add(
        Buffer(
          "partial", variable.type, extents: [function.read(chunksVariable)], role: .temporary))
      partials.append(partial)
      inner = inner.renaming(reduction.accumulator, to: own)
      inner.reductions[position].accumulator = own
      body.append(Statement(.assign(own, identity), at: span))
      stores.append(
        Statement(.store(partial, [function.read(chunk)], function.read(own)), at: span))
      let part = Expression(.load(partial, [function.read(combined)]), variable.type)
      joins.append(
        Statement(
          .assign(
            reduction.accumulator,
            Expression(
              .binary(reduction.op.combining, function.read(reduction.accumulator), part),
              variable.type)), at: span))
    }
    let outer = ForLoop(
      chunk, from: .index(0), to: function.read(chunksVariable),
      body: body + [Statement(.loop(inner), at: span)] + stores,
      mapping: Mapping(workers: loop.mapping.workers), at: loop.span)
    let join = ForLoop(
      combined, from: .index(0), to: function.read(chunksVariable), body: joins, at: loop.span)
    let whole = partials.reduce([
      Statement(.loop(outer), at: span), Statement(.loop(join), at: span),
    ]) { [Statement(.allocate($1, body: $0), at: span)] }
    return [
      Statement(.assign(lengthVariable, length), at: span),
      Statement(.assign(chunksVariable, chunks), at: span),
    ] + whole
  }
}

extension ForLoop {
  /// The number of iterations; never negative.
  public var tripCount: Expression {
    let distance = step > 0 ? upper - lower : lower - upper
    let stride = step > 0 ? step : -step
    let count =
      stride == 1
      ? distance
      : Expression.binary(.floorDivide, distance + .index(stride - 1), .index(stride))
    return .binary(.pythonMax, count, .index(0))
  }

  /// The loop with every use of a variable in its body replaced by another.
  func renaming(_ old: VariableID, to new: VariableID) -> ForLoop {
    var result = self
    let renamed = body.mapExpressions { e in
      e.kind == .variable(old) ? e.replacing(.variable(new)) : e
    }
    result.body = renamed.flatMapStatements { statement in
      switch statement.kind {
      case .assign(old, let value): return [Statement(.assign(new, value), at: statement.span)]
      case .loop(var loop):
        loop.reductions = loop.reductions.map {
          Reduction($0.op, $0.accumulator == old ? new : $0.accumulator)
        }
        return [Statement(.loop(loop), at: statement.span)]
      case .assign, .store, .whileLoop, .conditional, .device, .allocate, .launch:
        return [statement]
      }
    }
    return result
  }
}
