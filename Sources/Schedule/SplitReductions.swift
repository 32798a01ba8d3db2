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
/// where the copies are small beside the loop; else the loop runs on one worker.
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
        result += PrivateCopies(function: function, loop: loop, at: statement.span)
          .statements(&function)
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
    let isInnermost = loop.body.allSatisfy { $0.blocks.isEmpty }
    let count = loop.tripCount
    let length = Expression.binary(
      .pythonMax, .index(isInnermost ? Self.shortestChunk : 1),
      .binary(.floorDivide, count + .index(Self.mostChunks - 1), .index(Self.mostChunks)))
    var chunks = ChunkedLoop(loop, length: length, at: span, &function)
    chunks.splitScalars(&function)
    return chunks.statements
  }
}

/// The parts of a parallel loop that is cut into chunks.
struct ChunkedLoop {
  let span: Span
  private let loop: ForLoop
  private var inner: ForLoop
  /// The number of chunks, and the chunk in the loop over them and in the one that joins their results.
  let count: Expression
  let chunk: VariableID
  let joined: VariableID
  private let setup: [Statement]
  private var before: [Statement] = []
  private var after: [Statement] = []
  private var joins: [Statement] = []
  private var temporaries: [BufferID] = []

  /// Cuts `loop` into chunks of `length` iterations.
  init(_ loop: ForLoop, length: Expression, at span: Span, _ function: inout LoopFunction) {
    self.loop = loop
    self.span = span
    let trips = loop.tripCount
    let lengthVariable = function.add(Variable("chunk_length", .int64))
    let countVariable = function.add(Variable("chunk_count", .int64))
    chunk = function.add(Variable("chunk", .int64))
    joined = function.add(Variable("chunk", .int64))
    let lengthRead = function.read(lengthVariable)
    count = function.read(countVariable)
    let chunks = Expression.binary(.floorDivide, trips + length - .index(1), length)
    setup = [
      Statement(.assign(lengthVariable, length), at: span),
      Statement(.assign(countVariable, chunks), at: span),
    ]
    inner = loop
    inner.mapping.workers = nil
    let start = function.read(chunk) * lengthRead
    let stop = Expression.binary(.pythonMin, start + lengthRead, trips)
    inner.lower = loop.lower + start * .index(loop.step)
    inner.upper =
      loop.step == 1
      ? loop.lower + stop : loop.lower + stop * .index(loop.step)
  }

  /// Gives every accumulator a partial result a chunk.
  mutating func splitScalars(_ function: inout LoopFunction) {
    for (position, reduction) in loop.reductions.enumerated() {
      let variable = function[reduction.accumulator]
      guard let identity = reduction.op.identity(of: variable.type) else { continue }
      let own = function.add(Variable(variable.name, variable.type, isPart: variable.isPart))
      let partial = function.add(
        Buffer("partial", variable.type, extents: [count], role: .temporary))
      temporaries.append(partial)
      inner = inner.renaming(reduction.accumulator, to: own)
      inner.reductions[position].accumulator = own
      before.append(Statement(.assign(own, identity), at: span))
      after.append(
        Statement(.store(partial, [function.read(chunk)], function.read(own)), at: span))
      let part = Expression(.load(partial, [function.read(joined)]), variable.type)
      joins.append(
        Statement(
          .assign(
            reduction.accumulator,
            Expression(
              .binary(reduction.op.combining, function.read(reduction.accumulator), part),
              variable.type)), at: span))
    }
  }

  /// Gives every buffer that is updated a private copy a chunk.
  mutating func splitBuffers(_ function: inout LoopFunction) {
    for (position, update) in loop.updates.enumerated() {
      let buffer = function[update.buffer]
      // Reductions of 16-bit floats accumulate in float32.
      let type: ScalarType = buffer.element.isHalf ? .float32 : buffer.element
      guard let identity = update.op.identity(of: type) else { continue }
      let parts = function.add(
        Buffer(
          "parts", type, extents: [count] + Self.padded(buffer.extents),
          role: .temporary))
      temporaries.append(parts)
      let own = function.read(chunk)
      inner.body = inner.body.redirecting(
        update.buffer, to: parts, behind: own, as: type)
      inner.updates[position].buffer = parts
      before.append(
        Self.overElements(of: buffer, &function, at: span) { indices in
          .store(parts, [own] + indices, identity)
        })
      let part = function.read(joined)
      joins.append(
        Self.overElements(of: buffer, &function, at: span) { indices in
          .store(
            update.buffer, indices,
            Expression(
              .binary(
                update.op,
                Expression(.load(update.buffer, indices), buffer.element).converted(to: type),
                Expression(.load(parts, [part] + indices), type)), type
            ).converted(to: buffer.element))
        })
    }
  }

  /// Extents for one copy of several that different workers write: none shares a cache line with the next.
  private static func padded(_ extents: [Expression]) -> [Expression] {
    guard let first = extents.first else { return [] }
    let row = extents.dropFirst().reduce(Expression.index(1)) { $0 * $1 }
    let rows = Expression.binary(
      .floorDivide, .index(64), .binary(.pythonMax, row, .index(1)))
    return [first + rows + .index(1)] + extents.dropFirst()
  }

  /// Independent loops over all elements of a buffer.
  private static func overElements(
    of buffer: Buffer, _ function: inout LoopFunction, at span: Span,
    _ body: ([Expression]) -> Statement.Kind
  ) -> Statement {
    let variables = buffer.extents.map { _ in function.add(Variable("k", .int64)) }
    let statement = Statement(body(variables.map { function.read($0) }), at: span)
    return zip(variables, buffer.extents).reversed().reduce(statement) { inner, dimension in
      Statement(
        .loop(
          ForLoop(
            dimension.0, from: .index(0), to: dimension.1, body: [inner], isIndependent: true,
            at: span)), at: span)
    }
  }

  /// The chunks' loop, the loop that joins their results, and the temporaries around both.
  var statements: [Statement] {
    let outer = ForLoop(
      chunk, from: .index(0), to: count,
      body: before + [Statement(.loop(inner), at: span)] + after,
      mapping: Mapping(workers: loop.mapping.workers), at: loop.span)
    let join = ForLoop(joined, from: .index(0), to: count, body: joins, at: loop.span)
    return setup
      + temporaries.reduce([
        Statement(.loop(outer), at: span), Statement(.loop(join), at: span),
      ]) { [Statement(.allocate($1, body: $0), at: span)] }
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
      case .call(var call) where call.result == old:
        call.result = new
        return [Statement(.call(call), at: statement.span)]
      case .loop(var loop):
        loop.reductions = loop.reductions.map {
          Reduction($0.op, $0.accumulator == old ? new : $0.accumulator)
        }
        return [Statement(.loop(loop), at: statement.span)]
      case .assign, .store, .call, .whileLoop, .conditional, .device, .allocate, .requireEqual,
        .launch, .barrier:
        return [statement]
      }
    }
    return result
  }
}
