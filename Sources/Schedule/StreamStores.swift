import LoopIR
import Passes

/// Lets a loop that fills more memory than the caches hold store past them.
///
///     for i in 0..<n:                          for i in 0..<n:
///       @lanes(8) for k in 0..<m:       →        @lanes(8) @stream(n·m·8 > 33554432 and m >= 512) for k in 0..<m:
///         y[i, k] = x[i, k] + x[i, k+2]            y[i, k] = x[i, k] + x[i, k+2]
///
/// An ordinary store reads its cache line from memory first; a non-temporal one writes it without, which takes a third of
/// the traffic away here (Intel 64 and IA-32 Architectures Optimization Reference Manual, "Non-temporal stores"). It pays
/// where the array is not read again before it would have been evicted: the loops inside the innermost one
/// that stores to the same elements again fill more than the last-level cache, and nothing in them loads the
/// array. Lanes must fill whole cache lines, so rows are long and consecutive.
///
/// - Parameter cacheSize: the bytes of the last-level cache; nil where the target has no such stores.
public func streamStores(cacheSize: Int?) -> Pass<LoopFunction> {
  Pass("stream-stores") { function, _ in
    guard let cacheSize else { return function }
    var result = function
    var streamer = Streamer(function: function, cacheSize: cacheSize)
    result.body = streamer.streamed(function.body)
    return result
  }
}

/// Shorter rows would spend more on their ends, which are stored under masks, than they save.
private let leastRow = 4096

private struct Streamer {
  let function: LoopFunction
  let cacheSize: Int
  /// The loops around, outermost first.
  var nest: [ForLoop] = []

  mutating func streamed(_ statements: [Statement]) -> [Statement] {
    statements.map { statement in
      guard case .loop(var loop) = statement.kind else {
        // How often a `while` loop stores to the same elements is not known.
        let around = nest
        if case .whileLoop = statement.kind { nest = [] }
        defer { nest = around }
        return statement.mapBlocks { streamed($0) }
      }
      if loop.mapping.lanes > 1 {
        loop.mapping.streams = condition(for: loop)
      } else {
        nest.append(loop)
        loop.body = streamed(loop.body)
        nest.removeLast()
      }
      return Statement(.loop(loop), at: statement.span)
    }
  }

  /// When the stores of a vector loop go past the caches; nil where they never do.
  private func condition(for loop: ForLoop) -> Expression? {
    guard let store = onlyStore(of: loop) else { return nil }
    let size = function[store.buffer].element.size
    // What lies outside of the innermost loop that stores to the same elements again does not matter.
    let repeating = nest.lastIndex { around in
      !store.indices.contains { $0.contains { $0.kind == .variable(around.variable) } }
    }
    let loops = nest.suffix(from: repeating.map { $0 + 1 } ?? 0) + [loop]
    guard let outermost = loops.first, !isTouchedTwice(store.buffer, in: outermost) else {
      return nil
    }
    var lengths = LoopLengths(in: outermost)
    var bytes = Expression.index(size)
    for loop in loops {
      guard let length = lengths.greatest(of: loop) else { return nil }
      bytes = bytes * length
      lengths.nest.append(loop)
    }
    guard let row = lengths.greatest(of: loop) else { return nil }
    let isLarge = Expression.compare(.greater, bytes, .index(cacheSize))
    let isLong = Expression.compare(.greaterEqual, row, .index(leastRow / size))
    for known in [isLarge, isLong] where known.integerLiteral == 0 { return nil }
    if isLarge.integerLiteral == 1 { return isLong }
    if isLong.integerLiteral == 1 { return isLarge }
    return Expression(.logical(.and, isLarge, isLong), .bool)
  }

  /// The one store in the body of a vector loop, of consecutive elements that fill registers; nil where there is another
  /// kind of store, or what must not run under a mask for its ends.
  private func onlyStore(of loop: ForLoop) -> (buffer: BufferID, indices: [Expression])? {
    guard loop.step == 1, loop.reductions.isEmpty, loop.condition == nil else { return nil }
    var found: (buffer: BufferID, indices: [Expression])?
    for statement in loop.body {
      switch statement.kind {
      case .assign: break
      case .store(let buffer, let indices, _) where found == nil: found = (buffer, indices)
      case .store, .call, .requireEqual, .loop, .whileLoop, .conditional, .device, .allocate,
        .launch, .barrier:
        return nil
      }
    }
    guard let found else { return nil }
    let buffer = function[found.buffer]
    let assigned = AssignedVariables(inLanesOf: loop)
    let stride = buffer.stride(of: found.indices, along: loop.variable) {
      !assigned.leaveUnchanged($0)
    }
    let width = loop.mapping.lanes * buffer.element.size
    guard stride == 1, !buffer.mayAlias, width == 32 || width == 64,
      !found.indices.contains(where: \.isChecked)
    else { return nil }
    return found
  }

  /// Whether a loop may read a buffer, or stores to it at more than one place.
  private func isTouchedTwice(_ buffer: BufferID, in loop: ForLoop) -> Bool {
    var stores = 0
    var isRead = false
    loop.body.forEachStatement { statement in
      if case .store(buffer, _, _) = statement.kind { stores += 1 }
      if case .call = statement.kind { isRead = true }
    }
    loop.body.forEachExpression { if case .load(buffer, _) = $0.kind { isRead = true } }
    return isRead || stores != 1
  }
}
