import LoopIR
import Passes

/// Drops assignments to locals that nothing observes: what is read of them only goes into locals of the same kind.
///
///     for i in 0..<n:                       for i in 0..<n:
///       s = s + x[i]                 →        s = s + x[i]
///       count = count + 1                   y[0] = s
///     y[0] = s
///
/// Lowering leaves such locals where the options narrow weak integers, each of which it computes in 64 bits too. What is not
/// observed is found from what is: stores, calls, conditions, bounds and extents.
public let removeUnobserved = Pass<LoopFunction>("remove-unobserved") { function, _ in
  let observed = observedVariables(of: function)
  var result = function
  result.body = function.body.flatMapStatements { statement in
    guard case .assign(let variable, let value) = statement.kind, !observed.contains(variable),
      !value.contains(\.isChecked)
    else { return [statement] }
    return []
  }
  return result
}

private func observedVariables(of function: LoopFunction) -> Set<VariableID> {
  var observed: Set<VariableID> = []
  var sources: [VariableID: Set<VariableID>] = [:]
  function.body.forEachStatement { statement in
    switch statement.kind {
    case .assign(let id, let value): sources[id, default: []].formUnion(value.variables)
    case .loop(let loop):
      observed.formUnion(loop.reductions.map(\.accumulator))
      statement.forEachExpression { observed.formUnion($0.variables) }
    case .store, .call, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch,
      .barrier:
      statement.forEachExpression { observed.formUnion($0.variables) }
    }
  }
  for check in function.checks { observed.formUnion(check.condition.variables) }
  for extent in function.buffers.flatMap({ $0.extents + ($0.strides ?? []) }) {
    observed.formUnion(extent.variables)
  }
  var pending = Array(observed)
  while let next = pending.popLast() {
    for source in sources[next] ?? [] where observed.insert(source).inserted {
      pending.append(source)
    }
  }
  return observed
}

extension Expression {
  /// The variables that the expression reads.
  fileprivate var variables: Set<VariableID> {
    var found: Set<VariableID> = []
    forEachDescendant { if case .variable(let id) = $0.kind { found.insert(id) } }
    return found
  }
}
