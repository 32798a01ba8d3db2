import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Finds array accesses whose indices leave the array, before anything runs.
///
///     for i in 0..<N: y[i] = x[i + 1]     →   check N <= 0 or N < x_extent0 else IndexError
///
///     if K > 0: y[0] = x[K]               →   check not K > 0 or K < x_extent0 else IndexError
///
/// An access that is certain to run when its loops do, with indices affine in loop variables and parameters, reaches its
/// least and greatest index at the ends of the loops' ranges, as far as loops inside that depend on them run. What that makes is a
/// condition on the parameters: true and dropped, false and an error now, or a check on entry. Accesses under a condition on anything else or in a `while` loop,
/// and indices that depend on data, are left to `check-accesses`.
public let checkBounds = Pass<LoopFunction>("check-bounds") {
  (function, _) throws(DiagnosticError) in
  var checker = BoundsChecker(function: function)
  checker.visit(function.body, Context(facts: Facts(variables: function.variables)))
  if !checker.errors.isEmpty { throw DiagnosticError(checker.errors) }
  var result = function
  result.checks += checker.checks
  return result
}

/// An index of an access, wherever it stands.
struct AccessIndex: Hashable {
  var buffer: BufferID
  var dimension: Int
  var index: Expression
}

extension LoopFunction {
  /// The indices that neither facts nor the checks of `check-bounds` prove to be in range.
  var unprovedIndices: Set<AccessIndex> {
    var checker = BoundsChecker(function: self, collectsUnproved: true)
    checker.visit(body, Context(facts: Facts(variables: variables)))
    return checker.unproved
  }
}

/// Where in the program an access stands.
private struct Context {
  var facts: Facts
  /// The loops around it, outermost first.
  var loops: [ForLoop] = []
  /// The conditions on parameters under which it is skipped.
  var skips: [Expression] = []
  /// Whether it may be skipped although all its loops run and none of these holds.
  var isConditional = false
}

private struct BoundsChecker {
  let function: LoopFunction
  /// Whether to find out which indices are left to be tested as they run.
  var collectsUnproved = false
  var unproved: Set<AccessIndex> = []
  var checks: [Check] = []
  var errors: [Diagnostic] = []

  mutating func visit(_ statements: [Statement], _ context: Context) {
    var context = context
    for statement in statements {
      visit(statement, context)
      guard case .requireEqual(let left, let right) = statement.kind else { continue }
      context.facts = context.facts.assuming(.compare(.equal, left, right))
    }
  }

  private mutating func visit(_ statement: Statement, _ context: Context) {
    switch statement.kind {
    case .assign(_, let value): visit(value, context)
    case .store(let buffer, let indices, let value):
      visit(value, context)
      indices.forEach { visit($0, context) }
      check(buffer, indices, at: statement.span, context)
    case .call(let call): visit(call, at: statement.span, context)
    case .loop(let loop):
      visit(loop.lower, context)
      visit(loop.upper, context)
      var inner = context
      inner.facts = context.facts.entering(loop)
      inner.loops.append(loop)
      if let condition = loop.condition {
        // No iteration is sure to run.
        inner.isConditional = true
        visit(condition, inner)
      }
      visit(loop.body, inner)
    case .whileLoop(let condition, let body):
      var inner = context
      inner.isConditional = true
      inner.facts = context.facts.assuming(condition)
      visit(condition, inner)
      visit(body, inner)
    case .conditional(let condition, let then, let otherwise):
      visit(condition, context)
      visit(then, branch(condition, of: context))
      visit(otherwise, branch(condition, holds: false, of: context))
    case .device(let body), .allocate(_, let body): visit(body, context)
    case .requireEqual(let left, let right):
      visit(left, context)
      visit(right, context)
    case .launch, .barrier: break
    }
  }

  /// Where a condition holds, or where it does not.
  private func branch(_ condition: Expression, holds: Bool = true, of context: Context) -> Context {
    var inner = context
    inner.facts = context.facts.assuming(condition, holds: holds)
    if function.isKnownOnEntry(condition) {
      inner.skips.append(holds ? Expression(.unary(.not, condition), .bool).folded : condition)
    } else {
      inner.isConditional = true
    }
    return inner
  }

  /// Of a part that is passed by reference the fixed indices are looked at; ranges are inside their dimension.
  private mutating func visit(_ call: ForeignCall, at span: Span, _ context: Context) {
    for operand in call.operands {
      switch operand {
      case .scalar(let value): visit(value, context)
      case .array(let part):
        (part.start + part.extents).forEach { visit($0, context) }
        for (d, dimension) in part.dimensions.enumerated() {
          if case .index(let index) = dimension {
            check(part.buffer, dimension: d, index, at: span, context)
          }
        }
      }
    }
  }

  private mutating func visit(_ e: Expression, _ context: Context) {
    switch e.kind {
    case .select(let condition, let then, let otherwise):
      visit(condition, context)
      visit(then, branch(condition, of: context))
      visit(otherwise, branch(condition, holds: false, of: context))
    case .logical(let op, let left, let right):
      visit(left, context)
      visit(right, branch(left, holds: op == .and, of: context))
    case .load(let buffer, let indices):
      indices.forEach { visit($0, context) }
      check(buffer, indices, at: e.span, context)
    case .integer, .float, .variable, .unary, .binary, .compare, .convert, .math, .checked,
      .complex, .part:
      var children: [Expression] = []
      e.forEachChild { children.append($0) }
      children.forEach { visit($0, context) }
    }
  }

  private mutating func check(
    _ buffer: BufferID, _ indices: [Expression], at span: Span, _ context: Context
  ) {
    for (d, index) in indices.enumerated() { check(buffer, dimension: d, index, at: span, context) }
  }

  private mutating func check(
    _ buffer: BufferID, dimension d: Int, _ written: Expression, at span: Span, _ context: Context
  ) {
    if context.isConditional && !collectsUnproved { return }
    let extent = function[buffer].extents[d]
    let (index, wraps) = unwrapped(written, extent: extent)
    // The sums of a proof stay in 64 bits; no index that is right is anywhere near.
    let isNear = !index.contains { $0.integerLiteral.map { $0.magnitude >= 1 << 61 } ?? false }
    let least = wraps ? .index(0) - extent : Expression.index(0)
    /// Whether a bound holds, by facts or by a check of the greatest or least index.
    func holds(
      _ fact: Bool, isGreatest: Bool, _ condition: (Expression) -> Expression
    ) -> Bool {
      if fact && isNear { return true }
      guard !context.isConditional,
        let reached = Extreme(of: index, isGreatest: isGreatest, in: context.loops)
      else { return false }
      let isEnforced = require(
        reached.isExact
          ? reached.values.map(condition).reduce(.bool(true)) {
            Expression(.logical(.and, $0, $1), .bool).folded
          } : .bool(false),
        for: reached, skippedIf: context.skips, buffer, d, extent, isCountedFromFront: !wraps, span)
      return isEnforced && isRectangular(context.loops)
    }
    let isAtLeast = holds(context.facts.prove(least, atMost: index), isGreatest: false) {
      .compare(.lessEqual, least, $0)
    }
    let isBelow = holds(context.facts.prove(index + .index(1), atMost: extent), isGreatest: true) {
      .compare(.less, $0, extent)
    }
    if collectsUnproved && !(isAtLeast && isBelow) {
      unproved.insert(AccessIndex(buffer: buffer, dimension: d, index: written))
    }
  }

  /// Whether no loop's range depends on another loop: then a check at the corners misses no access.
  private func isRectangular(_ loops: [ForLoop]) -> Bool {
    loops.allSatisfy { function.isKnownOnEntry($0.lower) && function.isKnownOnEntry($0.upper) }
  }

  /// The index behind `i + n if i < 0 else i`, and whether it was so wrapped.
  private func unwrapped(_ index: Expression, extent: Expression) -> (Expression, Bool) {
    guard case .select(let condition, let then, let otherwise) = index.kind,
      case .compare(.less, let tested, let zero) = condition.kind, tested == otherwise,
      zero.integerLiteral == 0, LinearSum(then) == LinearSum(otherwise + extent)
    else { return (index, false) }
    return (otherwise, true)
  }

  /// Adds the condition, unless the access does not run; false where it is not known on entry.
  private mutating func require(
    _ condition: Expression, for reached: Extreme, skippedIf skips: [Expression],
    _ buffer: BufferID,
    _ dimension: Int, _ extent: Expression, isCountedFromFront: Bool, _ span: Span
  ) -> Bool {
    let whole = (reached.isNeverReached + skips).reduce(condition) {
      Expression(.logical(.or, $1, $0), .bool).mapBottomUp(\.folded)
    }
    guard function.isKnownOnEntry(whole) else { return false }
    if Literal(whole)?.isTrue == true { return true }
    let diagnostic = Diagnostic(
      .index,
      outOfBounds(
        buffer, dimension, extent, reached.values[0], isCountedFromFront: isCountedFromFront),
      at: span)
    if Literal(whole) != nil {
      if !errors.contains(diagnostic) { errors.append(diagnostic) }
    } else if !checks.contains(where: { $0.condition == whole }) {
      checks.append(Check(whole, orElse: .error(diagnostic)))
    }
    return true
  }

  /// - Parameter isCountedFromFront: whether a negative index has had the size added already.
  private func outOfBounds(
    _ buffer: BufferID, _ dimension: Int, _ extent: Expression, _ index: Expression,
    isCountedFromFront: Bool
  ) -> String {
    let name = function[buffer].name
    guard let size = extent.integerLiteral, let value = index.integerLiteral,
      !(0..<max(size, 0)).contains(value)
    else {
      return "index of '\(name)' is out of bounds in dimension \(dimension)"
    }
    let written = value < 0 && isCountedFromFront ? value &- size : value
    return
      "index \(written) of '\(name)' is out of bounds for dimension \(dimension) with size \(size)"
  }
}

/// The least or greatest value that an index takes in a loop nest: at a corner of the iteration space, since it is linear in
/// each loop variable.
private struct Extreme {
  /// In terms of parameters; several where the sign of a coefficient is not known, one of which is the extreme.
  var values: [Expression]
  /// Whether the values are the sums themselves, and not what 64 bits leave of them.
  var isExact = true
  /// The conditions, one a loop, under which the corner is not in the iteration space.
  var isNeverReached: [Expression]

  /// The most corners that are looked at.
  private static let mostCorners = 8

  /// Puts an end of its range in the place of each loop variable, innermost first; nil where the index is not linear in one,
  /// or where an inner range depends on a variable whose corner is not known.
  init?(of index: Expression, isGreatest: Bool, in loops: [ForLoop]) {
    values = [index]
    isNeverReached = []
    for loop in loops.reversed() {
      let range = loop.step > 0 ? (loop.lower, loop.lastValue) : (loop.lastValue, loop.lower)
      let ends = loop.step.magnitude == 1 ? narrowed(range, of: loop.variable) : range
      var corners: [Expression] = []
      var isNarrowed = false
      var isKnown = true
      var corner = ends.0
      for value in values {
        guard let degree = value.degree(in: loop.variable), degree <= 1 else { return nil }
        let coefficient = value.coefficient(of: loop.variable)
        isKnown = isKnown && coefficient != nil
        if let coefficient { corner = (coefficient > 0) == isGreatest ? ends.1 : ends.0 }
        for end in coefficient == nil ? [ends.0, ends.1] : [corner] {
          isNarrowed = isNarrowed || end != range.0 && end != range.1
          let sum = LinearSum(value.substituting([loop.variable: end]))
          isExact = isExact && sum.isExact
          corners.append(sum.expression(of: .int64, at: index.span))
        }
      }
      guard corners.count <= Self.mostCorners else { return nil }
      values = corners
      for (i, condition) in isNeverReached.enumerated()
      where condition.contains({ $0.kind == .variable(loop.variable) }) {
        guard isKnown else { return nil }
        isNeverReached[i] = condition.substituting([loop.variable: corner])
          .mapBottomUp(\.folded)
      }
      isNeverReached.append(
        .compare(loop.step > 0 ? .greaterEqual : .lessEqual, loop.lower, loop.upper))
      if isNarrowed { isNeverReached.append(.compare(.less, ends.1, ends.0)) }
    }
  }

  /// The part of a loop's range in which the loops inside run.
  ///
  ///     for i in 0..<n: for j in i..<m     →     i from 0 to min(n - 1, m - 1)
  private func narrowed(
    _ range: (Expression, Expression), of variable: VariableID
  ) -> (Expression, Expression) {
    var ends = range
    for condition in isNeverReached {
      guard case .compare(let comparison, let lower, let upper) = condition.kind,
        comparison == .greaterEqual || comparison == .lessEqual
      else { continue }
      // An inner loop has so many iterations.
      let count = comparison == .greaterEqual ? upper - lower : lower - upper
      guard count.degree(in: variable) == 1, let slope = count.coefficient(of: variable),
        slope.magnitude == 1
      else { continue }
      let atZero = count.substituting([variable: .index(0)])
      if slope < 0 {
        ends.1 = .binary(.pythonMin, ends.1, atZero - .index(1)).mapBottomUp(\.folded)
      } else {
        ends.0 = .binary(.pythonMax, ends.0, .index(1) - atZero).mapBottomUp(\.folded)
      }
    }
    return ends
  }
}

extension ForLoop {
  /// The value of the loop variable in the last iteration, where the range is not empty.
  fileprivate var lastValue: Expression {
    let distance = step > 0 ? upper - .index(1) - lower : lower - .index(1) - upper
    return lower + .binary(.floorDivide, distance, .index(abs(step))) * .index(step)
  }
}

extension Expression {
  /// The degree of the expression as a polynomial in a variable; nil where it is none.
  fileprivate func degree(in variable: VariableID) -> Int? {
    switch kind {
    case .variable(variable): return 1
    case .binary(.add, let l, let r), .binary(.subtract, let l, let r):
      guard let left = l.degree(in: variable), let right = r.degree(in: variable) else {
        return nil
      }
      return max(left, right)
    case .binary(.multiply, let l, let r):
      guard let left = l.degree(in: variable), let right = r.degree(in: variable) else {
        return nil
      }
      return left + right
    case .unary(.negate, let operand): return operand.degree(in: variable)
    default: return contains { $0.kind == .variable(variable) } ? nil : 0
    }
  }

  /// How much the expression grows with a variable; nil where that is no constant.
  fileprivate func coefficient(of variable: VariableID) -> Int64? {
    var result: Int64 = 0
    for (term, factor) in LinearSum(self).terms {
      if term.kind == .variable(variable) {
        result = factor
      } else if term.contains({ $0.kind == .variable(variable) }) {
        return nil
      }
    }
    return result
  }
}
