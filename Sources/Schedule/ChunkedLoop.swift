import LoopIR
import struct Syntax.Span

/// The parts of a parallel loop that is cut into chunks.
public struct ChunkedLoop {
  let span: Span
  private let loop: ForLoop
  private var inner: ForLoop
  /// The number of chunks, and the chunk in the loop over them and in the one that joins their results.
  let count: Expression
  let chunk: VariableID
  let joined: VariableID
  /// What computes the number of chunks and their length.
  public let setup: [Statement]
  private var before: [Statement] = []
  private var after: [Statement] = []
  private var joins: [Statement] = []
  private var temporaries: [BufferID] = []
  /// Who shares the chunks, and the partial results as they are joined; sequential by default.
  public var chunkMapping: Mapping
  public var joinMapping = Mapping.sequential
  /// What the loop over the chunks joins itself.
  private var chunkReductions: [Reduction] = []

  /// The room for partial results; at least the number of chunks.
  private let capacity: Expression

  /// Cuts `loop` into chunks of `length` iterations, each of which runs as `mapping` says.
  ///
  /// - Parameter mostChunks: a bound of the number of chunks, where that is to be the room for partial results.
  public init(
    _ loop: ForLoop, length: Expression, mostChunks: Expression? = nil, mapping: Mapping? = nil,
    at span: Span,
    _ function: inout LoopFunction
  ) {
    self.loop = loop
    self.span = span
    let trips = loop.tripCount
    let lengthVariable = function.add(Variable("chunk_length", .int64))
    let countVariable = function.add(Variable("chunk_count", .int64))
    chunk = function.add(Variable("chunk", .int64))
    joined = function.add(Variable("chunk", .int64))
    // A device computes with literals rather than with variables that the host sets.
    let isKnown = mostChunks != nil && length.isLiteral && trips.isLiteral
    let lengthRead = isKnown ? length : function.read(lengthVariable)
    let chunks = Expression.binary(.floorDivide, trips + length - .index(1), length)
    count = isKnown ? chunks : function.read(countVariable)
    capacity = mostChunks ?? count
    setup = [
      Statement(.assign(lengthVariable, length), at: span),
      Statement(.assign(countVariable, chunks), at: span),
    ]
    inner = loop
    chunkMapping = Mapping(workers: loop.mapping.workers)
    inner.mapping.workers = nil
    if let mapping { inner.mapping = mapping }
    let start = function.read(chunk) * lengthRead
    let stop = Expression.binary(.pythonMin, start + lengthRead, trips)
    inner.lower = loop.lower + start * .index(loop.step)
    inner.upper =
      loop.step == 1
      ? loop.lower + stop : loop.lower + stop * .index(loop.step)
  }

  /// Gives every accumulator a partial result a chunk.
  public mutating func splitScalars(_ function: inout LoopFunction) {
    for (position, reduction) in loop.reductions.enumerated() {
      let variable = function[reduction.accumulator]
      guard let own = splitAccumulator(at: position, &function) else { continue }
      let partial = function.add(
        Buffer("partial", variable.type, extents: [capacity], role: .temporary))
      temporaries.append(partial)
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

  /// Lets the loop over the chunks reduce into every accumulator: whoever shares it joins the results of the chunks.
  ///
  ///     for chunk: for i in chunk: s = s + x[i]     →     @reduce(add s) for chunk: p = 0; for i in chunk: p = p + x[i]; s = s + p
  public mutating func reduceOverChunks(_ function: inout LoopFunction) {
    for (position, reduction) in loop.reductions.enumerated() {
      guard let own = splitAccumulator(at: position, &function) else { continue }
      let joined = Expression(
        .binary(
          reduction.op.combining, function.read(reduction.accumulator), function.read(own)),
        function[own].type)
      after.append(Statement(.assign(reduction.accumulator, joined), at: span))
      chunkReductions.append(Reduction(reduction.op.combining, reduction.accumulator))
    }
  }

  /// Lets the iterations of a chunk accumulate into a variable of its own; nil where nothing leaves a value as it is.
  private mutating func splitAccumulator(
    at position: Int, _ function: inout LoopFunction
  ) -> VariableID? {
    let reduction = loop.reductions[position]
    let variable = function[reduction.accumulator]
    guard let identity = reduction.op.identity(of: variable.type) else { return nil }
    let own = function.add(Variable(variable.name, variable.type, isPart: variable.isPart))
    inner = inner.renaming(reduction.accumulator, to: own)
    inner.reductions[position].accumulator = own
    before.append(Statement(.assign(own, identity), at: span))
    return own
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

  /// The loop over the chunks.
  public var chunkLoop: Statement {
    var outer = ForLoop(
      chunk, from: .index(0), to: count,
      body: before + [Statement(.loop(inner), at: span)] + after, reductions: chunkReductions,
      mapping: chunkMapping, at: loop.span)
    // Those of buffers without a copy a chunk are shared by all chunks.
    outer.updates = inner.updates.filter(loop.updates.contains)
    return Statement(.loop(outer), at: span)
  }

  /// The chunks' loop, the loop that joins their results, and the temporaries around both.
  public var statements: [Statement] {
    let join = ForLoop(
      joined, from: .index(0), to: count, body: joins,
      reductions: joinMapping.level == nil
        ? [] : loop.reductions.map { Reduction($0.op.combining, $0.accumulator) },
      mapping: joinMapping, at: loop.span)
    return setup
      + temporaries.reduce([
        chunkLoop, Statement(.loop(join), at: span),
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
  public func renaming(_ old: VariableID, to new: VariableID) -> ForLoop {
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
