import LoopIR
import Passes

/// Replaces operators on literals by their value and drops branches and loops that never run.
///
///     y[0] = 2 * 3 + n           →   y[0] = 6 + n
///     if False: a() else: b()    →   b()
///     for i in 5..<2: a()        →
///     s = s                      →
///
/// A division by a literal zero is left for run time, and products of floats in sums stay (`Expression.folded`).
public let foldConstants = Pass<LoopFunction>("fold-constants") { function, _ in
  var result = function.mapExpressions(\.folded)
  result.body = result.body.flatMapStatements {
    let statement = $0.mapExpressions(\.standingAlone)
    switch statement.kind {
    case .conditional(let condition, let then, let otherwise):
      guard let literal = Literal(condition) else { return [statement] }
      return literal.isTrue ? then : otherwise
    case .loop(var loop):
      if let condition = loop.condition.flatMap({ Literal($0) }) {
        if !condition.isTrue { return [] }
        loop.condition = nil
        return [Statement(.loop(loop), at: statement.span)]
      }
      guard let lower = loop.lower.integerLiteral, let upper = loop.upper.integerLiteral else {
        return [statement]
      }
      let isEmpty = loop.step > 0 ? lower >= upper : lower <= upper
      return isEmpty ? [] : [statement]
    case .whileLoop(let condition, _):
      return Literal(condition)?.isTrue == false ? [] : [statement]
    case .assign(let id, let value): return value.kind == .variable(id) ? [] : [statement]
    case .store, .call, .device, .allocate, .requireEqual, .launch, .barrier: return [statement]
    }
  }
  result.checks = function.checks.map {
    Check($0.condition.mapBottomUp(\.folded), orElse: $0.failure)
  }
  .filter { Literal($0.condition)?.isTrue != true }
  return result
}
