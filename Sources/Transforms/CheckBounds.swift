import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Finds array accesses whose indices leave the array, before anything runs.
///
///     for i in 0..<N: y[i] = x[i + 1]     →   check N <= 0 or N < x_extent0 else IndexError
///
/// An access that is certain to run when its loops do, with indices affine in loop variables and parameters, reaches its
/// least and greatest index at the ends of the loops' ranges. What that makes is a condition on the parameters: true and
/// dropped, false and an error now, or a check on entry. Accesses under a condition or in a `while` loop, and indices
/// that depend on data, are left to `check_bounds`.
public let checkBounds = Pass<LoopFunction>("check-bounds") {
  (function, _) throws(DiagnosticError) in
  var checker = BoundsChecker(function: function)
  checker.visit(function.body, Context(facts: Facts(variables: function.variables)))
  if !checker.errors.isEmpty { throw DiagnosticError(checker.errors) }
  var result = function
  result.checks += checker.checks
  return result
}

/// Where in the program an access stands.
private struct Context {
  var facts: Facts
  /// The loops around it, outermost first.
  var loops: [ForLoop] = []
  /// Whether it may be skipped although all its loops run.
  var isConditional = false
}

private struct BoundsChecker {
  let function: LoopFunction
  var checks: [Check] = []
  var errors: [Diagnostic] = []

  mutating func visit(_ statements: [Statement], _ context: Context) {
    for statement in statements { visit(statement, context) }
  }

  private mutating func visit(_ statement: Statement, _ context: Context) {
    switch statement.kind {
    case .assign(_, let value): visit(value, context)
    case .store(let buffer, let indices, let value):
      visit(value, context)
      indices.forEach { visit($0, context) }
      check(buffer, indices, at: statement.span, context)
    case .loop(let loop):
      visit(loop.lower, context)
      visit(loop.upper, context)
      var inner = context
      inner.facts = context.facts.entering(loop)
      inner.loops.append(loop)
      visit(loop.body, inner)
    case .whileLoop(let condition, let body):
      var inner = context
      inner.isConditional = true
      inner.facts = context.facts.assuming(condition)
      visit(condition, inner)
      visit(body, inner)
    case .conditional(let condition, let then, let otherwise):
      visit(condition, context)
      var inner = context
      inner.isConditional = true
      inner.facts = context.facts.assuming(condition)
      visit(then, inner)
      inner.facts = context.facts.assuming(condition, holds: false)
      visit(otherwise, inner)
    case .device(let body), .allocate(_, let body): visit(body, context)
    case .launch: break
    }
  }

  private mutating func visit(_ e: Expression, _ context: Context) {
    var lazily = context
    lazily.isConditional = true
    switch e.kind {
    case .select(let condition, let then, let otherwise):
      visit(condition, context)
      visit(then, lazily)
      visit(otherwise, lazily)
    case .logical(_, let left, let right):
      visit(left, context)
      visit(right, lazily)
    case .load(let buffer, let indices):
      indices.forEach { visit($0, context) }
      check(buffer, indices, at: e.span, context)
    case .integer, .float, .variable, .unary, .binary, .compare, .convert, .math:
      var children: [Expression] = []
      e.forEachChild { children.append($0) }
      children.forEach { visit($0, context) }
    }
  }

  private mutating func check(
    _ buffer: BufferID, _ indices: [Expression], at span: Span, _ context: Context
  ) {
    if context.isConditional { return }
    for (d, written) in indices.enumerated() {
      let extent = function[buffer].extents[d]
      let (index, wraps) = unwrapped(written)
      let least = wraps ? .index(0) - extent : Expression.index(0)
      let isAbove = context.facts.prove(least, atMost: index)
      let isBelow = context.facts.prove(index + .index(1), atMost: extent)
      if isAbove && isBelow { continue }
      guard let (lowest, highest) = extremes(of: index, in: context.loops) else { continue }
      var conditions: [Expression] = []
      if !isAbove { conditions.append(.compare(.lessEqual, least, lowest)) }
      if !isBelow { conditions.append(.compare(.less, highest, extent)) }
      for condition in conditions {
        require(condition, in: context.loops, buffer, d, extent, lowest, highest, span)
      }
    }
  }

  /// The index behind `i + n if i < 0 else i`, and whether it was so wrapped.
  private func unwrapped(_ index: Expression) -> (Expression, Bool) {
    guard case .select(let condition, _, let otherwise) = index.kind,
      case .compare(.less, let tested, let zero) = condition.kind, tested == otherwise,
      zero.integerLiteral == 0
    else { return (index, false) }
    return (otherwise, true)
  }

  /// The least and greatest value of an index over the loops' ranges, in terms of parameters; nil where it is not affine.
  private func extremes(of index: Expression, in loops: [ForLoop]) -> (Expression, Expression)? {
    var low = index
    var high = index
    for loop in loops.reversed() {
      guard let last = lastValue(of: loop) else { return nil }
      let ends = loop.step > 0 ? (loop.lower, last) : (last, loop.lower)
      guard let newLow = low.replacing(loop.variable, whereGrowing: ends.0, whereFalling: ends.1),
        let newHigh = high.replacing(loop.variable, whereGrowing: ends.1, whereFalling: ends.0)
      else { return nil }
      low = newLow
      high = newHigh
    }
    return function.isKnownOnEntry(low) && function.isKnownOnEntry(high) ? (low, high) : nil
  }

  /// The value of the loop variable in the last iteration, where the range is not empty.
  private func lastValue(of loop: ForLoop) -> Expression? {
    if loop.step == 1 { return loop.upper - .index(1) }
    if loop.step == -1 { return loop.upper + .index(1) }
    guard let lower = loop.lower.integerLiteral, let upper = loop.upper.integerLiteral else {
      return nil
    }
    let distance = loop.step > 0 ? upper - lower - 1 : lower - upper - 1
    let steps = distance / Int64(abs(loop.step))
    return Expression(.integer(lower + steps * Int64(loop.step)), .int64)
  }

  /// Adds the condition, unless a loop around the access is empty.
  private mutating func require(
    _ condition: Expression, in loops: [ForLoop], _ buffer: BufferID, _ dimension: Int,
    _ extent: Expression, _ lowest: Expression, _ highest: Expression, _ span: Span
  ) {
    var whole = condition
    for loop in loops {
      let isEmpty = Expression.compare(
        loop.step > 0 ? .greaterEqual : .lessEqual, loop.lower, loop.upper)
      // Bounds that depend on outer loops leave it open whether the access runs at all.
      guard function.isKnownOnEntry(isEmpty) else { return }
      whole = Expression(.logical(.or, isEmpty, whole), .bool).folded
    }
    if Literal(whole)?.isTrue == true { return }
    let diagnostic = Diagnostic(
      .index, outOfBounds(buffer, dimension, extent, lowest, highest), at: span)
    if Literal(whole) != nil {
      if !errors.contains(diagnostic) { errors.append(diagnostic) }
    } else {
      let check = Check(whole, orElse: .error(diagnostic))
      if !checks.contains(where: { $0.condition == whole }) { checks.append(check) }
    }
  }

  private func outOfBounds(
    _ buffer: BufferID, _ dimension: Int, _ extent: Expression, _ lowest: Expression,
    _ highest: Expression
  ) -> String {
    let name = function[buffer].name
    guard let size = extent.integerLiteral else {
      return "index of '\(name)' is out of bounds in dimension \(dimension)"
    }
    let index = [highest, lowest].compactMap(\.integerLiteral).first { $0 >= size || $0 < -size }
    let what = index.map { "index \($0)" } ?? "an index"
    return "\(what) of '\(name)' is out of bounds for dimension \(dimension) with size \(size)"
  }
}

extension LoopFunction {
  /// Whether an expression is over literals and parameters alone.
  fileprivate func isKnownOnEntry(_ e: Expression) -> Bool {
    !e.contains { part in
      switch part.kind {
      case .variable(let id): self[id].role == .local
      case .load: true
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math: false
      }
    }
  }
}

extension Expression {
  /// The linear expression with a variable replaced by one value where its coefficient is positive and by another where it is
  /// negative; nil where the variable occurs in any other way.
  fileprivate func replacing(
    _ variable: VariableID, whereGrowing growing: Expression, whereFalling falling: Expression
  ) -> Expression? {
    var sum = LinearSum(self)
    var coefficient: Int64 = 0
    for (term, factor) in sum.terms {
      if term.kind == .variable(variable) {
        coefficient = factor
      } else if term.contains({ $0.kind == .variable(variable) }) {
        return nil
      }
    }
    if coefficient == 0 { return self }
    sum.terms.removeAll { $0.term.kind == .variable(variable) }
    sum.add(coefficient > 0 ? growing : falling, times: coefficient)
    return sum.expression(of: type, at: span)
  }
}
