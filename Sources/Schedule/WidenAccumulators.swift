import LoopIR
import Passes
import struct Syntax.Span

/// Gives the accumulators of declared reductions that are 16-bit floats the type float32 while their loop runs.
///
///     s = 0.0                                       s = 0.0
///     @reduce(add s)                                s.1 = float32(s)
///     for i in 0..<n:                        →      @reduce(add s.1)
///       s = s + x[i]                                for i in 0..<n:
///                                                     s.1 = s.1 + float32(x[i])
///                                                   s = float16(s.1)
///
/// As NumPy does: each term is rounded, their sum once. An accumulator that the loop uses for more stays as it is, and so
/// does what is carried from one iteration to the next without a declaration: there each operation rounds.
public let widenAccumulators = Pass<LoopFunction>("widen-accumulators") { function, _ in
  var widener = AccumulatorWidener(function: function)
  let body = widener.widened(function.body)
  widener.function.body = body
  return widener.function
}

private struct AccumulatorWidener {
  var function: LoopFunction

  mutating func widened(_ statements: [Statement]) -> [Statement] {
    statements.flatMap { widened($0) }
  }

  /// The statement, its outermost reduction loops widened first.
  private mutating func widened(_ statement: Statement) -> [Statement] {
    var before: [Statement] = []
    var after: [Statement] = []
    var result = statement
    if case .loop(var loop) = statement.kind {
      for reduction in loop.reductions where function[reduction.accumulator].type.isHalf {
        let narrow = reduction.accumulator
        guard onlyAccumulates(narrow, in: loop.body) else { continue }
        let variable = function[narrow]
        let wide = function.add(Variable(variable.name, .float32))
        let span = statement.span
        before.append(
          Statement(.assign(wide, function.read(narrow).converted(to: .float32)), at: span))
        after.append(
          Statement(.assign(narrow, function.read(wide).converted(to: variable.type)), at: span))
        loop.body = replacing(narrow, by: wide, in: loop.body)
        loop.reductions = loop.reductions.renaming(narrow, to: wide)
      }
      result = Statement(.loop(loop), at: statement.span)
    }
    var copy = self
    result = result.mapBlocks { copy.widened($0) }
    self = copy
    return before + [result] + after
  }

  /// Whether all that happens to a variable are updates.
  private func onlyAccumulates(_ variable: VariableID, in body: [Statement]) -> Bool {
    var updates = 0
    var reads = 0
    var isSound = true
    body.forEachExpression { if $0.kind == .variable(variable) { reads += 1 } }
    body.forEachStatement { statement in
      guard statement.assignedVariable == variable else { return }
      guard case .assign(_, let value) = statement.kind else {
        isSound = false
        return
      }
      updates += 1
      isSound = isSound && Update(of: .variable(variable), in: value) != nil
    }
    return isSound && updates == reads
  }

  private func replacing(
    _ narrow: VariableID, by wide: VariableID, in body: [Statement]
  ) -> [Statement] {
    body.flatMapStatements { statement in
      switch statement.kind {
      case .assign(narrow, let value):
        guard let update = Update(of: .variable(narrow), in: value) else { return [statement] }
        let sum = Expression(
          .binary(update.op, function.read(wide), update.term.converted(to: .float32)), .float32,
          at: value.span)
        return [Statement(.assign(wide, sum), at: statement.span)]
      case .loop(var loop):
        loop.reductions = loop.reductions.renaming(narrow, to: wide)
        return [Statement(.loop(loop), at: statement.span)]
      case .assign, .store, .call, .whileLoop, .conditional, .device, .allocate, .requireEqual,
        .launch, .barrier:
        return [statement]
      }
    }
  }
}

extension [Reduction] {
  fileprivate func renaming(_ old: VariableID, to new: VariableID) -> [Reduction] {
    map { $0.accumulator == old ? Reduction($0.op, new) : $0 }
  }
}
