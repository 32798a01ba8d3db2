import LoopIR
import Passes

/// Marks the indices that nothing proves to be in range, so that they are tested as the access runs.
///
///     for i in 0..<n: y[i] = x[c[i]]     →   for i in 0..<n: y[i] = x[checked(c[i])]
///     if m > 3: y[i + m] = 0.0           →   if m > 3: y[checked(i + m)] = 0.0
///
/// Runs after `check-bounds`, and leaves alone what that has proved or checks on entry. An access with a checked index that
/// is out of range does not happen: a load gives zero, the error slot of the call keeps the first such access, and the
/// function returns where its sequential code comes to the access, or else after the vector loop or kernel.
public let checkAccesses = Pass<LoopFunction>("check-accesses") { function, _ in
  let unproved = function.unprovedIndices
  if unproved.isEmpty { return function }
  let marker = AccessMarker(unproved: unproved)
  var result = function
  result.body = function.body.map(marker.marked)
  return result
}

private struct AccessMarker {
  let unproved: Set<AccessIndex>

  func marked(_ statement: Statement) -> Statement {
    let marked = statement.mapExpressions(self.marked).mapBlocks { $0.map(self.marked) }
    if case .call(let call) = statement.kind, case .call(let inner) = marked.kind {
      return Statement(.call(tested(call, inner)), at: statement.span)
    }
    guard case .store(let buffer, let indices, _) = statement.kind,
      case .store(_, let inner, let value) = marked.kind
    else { return marked }
    return Statement(.store(buffer, tested(buffer, indices, inner), value), at: statement.span)
  }

  /// The call `inner`, of whose fixed indices those are tested whose original is not proved.
  private func tested(_ call: ForeignCall, _ inner: ForeignCall) -> ForeignCall {
    var result = inner
    for (position, pair) in zip(call.operands, inner.operands).enumerated() {
      guard case .array(let written) = pair.0, case .array(var part) = pair.1 else { continue }
      let indices = tested(part.buffer, written.start, part.start)
      for (d, dimension) in part.dimensions.enumerated() {
        if case .index = dimension { part.dimensions[d] = .index(indices[d]) }
      }
      result.operands[position] = .array(part)
    }
    return result
  }

  private func marked(_ e: Expression) -> Expression {
    let marked = e.mapChildren(self.marked)
    guard case .load(let buffer, let indices) = e.kind, case .load(_, let inner) = marked.kind
    else { return marked }
    return e.replacing(.load(buffer, tested(buffer, indices, inner)))
  }

  /// The indices `inner`, of which those are tested whose original is not proved.
  private func tested(
    _ buffer: BufferID, _ indices: [Expression], _ inner: [Expression]
  ) -> [Expression] {
    zip(indices, inner).enumerated().map { dimension, pair in
      let key = AccessIndex(buffer: buffer, dimension: dimension, index: pair.0)
      return unproved.contains(key) ? pair.1.replacing(.checked(pair.1)) : pair.1
    }
  }
}
