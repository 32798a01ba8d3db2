import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.Span

/// Warnings about the elements that several iterations of a parallel loop update, though the loop was not declared as a
/// reduction, and of those that one iteration stores to and another one uses (`OverlapFinder`).
///
/// Locals are seen through: what is judged of the update on the left is the one on the right.
///
///     k = b[i]             →
///     h[k] = h[k] + 1              h[b[i]] = h[b[i]] + 1
///
/// What is not understood is no race: a local that is carried from one iteration to the next, or one whose value takes
/// more than `RaceFinder.mostNodes` to write.
func races(in loop: ForLoop, of function: LoopFunction) -> [Diagnostic] {
  if let trips = loop.tripCount.integerLiteral, trips <= 1 { return [] }
  var finder = RaceFinder(function: function, loop: loop)
  finder.visit(loop.body)
  var overlaps = OverlapFinder(loop, in: function)
  return finder.warnings + overlaps.warnings(about: finder.accesses, without: finder.judged)
}

private struct RaceFinder {
  /// The largest value of a local that is followed.
  static let mostNodes = 64
  /// The most accesses that are compared with each other.
  private static let mostAccesses = 256

  private(set) var warnings: [Diagnostic] = []
  /// The buffers that a warning is about.
  private(set) var judged: Set<BufferID> = []
  /// The stores that each iteration does, and what each reads of the buffers that are stored to.
  private(set) var accesses: [ElementAccess] = []
  private let function: LoopFunction
  private let loop: ForLoop
  private let facts: Facts
  /// The elements at this point that no two iterations have in common.
  private var distinct: DistinctElements
  /// What an iteration may find other than the one before: of the variables of inner loops, those whose range moves.
  private var changing: AssignedVariables
  /// The loops inside that were come to so far, their bounds written without locals.
  private var innerLoops: [VariableID: ForLoop] = [:]
  /// The loops inside that are around this point, outermost first.
  private var nesting: [ForLoop] = []
  /// The branches around this point, of conditions that all iterations decide alike, and how many there are so far.
  private var branches: [Int] = []
  private var branchCount = 0
  /// How many conditions around this point may an iteration decide in another way than the one before.
  private var unknownConditions = 0
  /// The buffers that each iteration has of its own.
  private let own: Set<BufferID>
  /// The conditions that hold or fail to hold at this point, written without locals.
  private var conditions: [Expression] = []
  /// The elements that each index of an iteration comes to.
  private let samples: IndexSamples
  /// What changes in the loop, variables of loops inside included.
  private let changingInside: AssignedVariables
  /// What locals hold at this point, written without locals.
  private var values: [VariableID: Expression] = [:]

  init(function: LoopFunction, loop: ForLoop) {
    self.function = function
    self.loop = loop
    facts = Facts(variables: function.variables)
    distinct = DistinctElements(of: loop, in: function)
    changing = AssignedVariables(in: loop, countsInnerLoops: false)
    changingInside = AssignedVariables(in: loop)
    samples = IndexSamples(of: loop)
    var own: Set<BufferID> = []
    loop.body.forEachStatement { if case .allocate(let id, _) = $0.kind { own.insert(id) } }
    self.own = own
  }

  // MARK: - Following locals

  mutating func visit(_ statements: [Statement]) {
    for statement in statements { visit(statement) }
  }

  private mutating func visit(_ statement: Statement) {
    switch statement.kind {
    case .assign(let id, let value):
      let known = value.substituting(values)
      noteLoads(in: known)
      values[id] = known.nodeCount <= Self.mostNodes && !isCarried(known) ? known : nil
    case .store(let buffer, let indices, let value):
      let indices = indices.map { $0.substituting(values) }
      let value = value.substituting(values)
      judge(buffer, indices, value, at: statement.span)
      let element = Expression.Kind.load(buffer, indices)
      for part in indices + [value] { noteLoads(in: part, but: element) }
      note(buffer, indices, value, at: statement.span)
    case .call(let call): if let id = call.result { values[id] = nil }
    case .loop(let inner):
      let (lower, upper) = (inner.lower.substituting(values), inner.upper.substituting(values))
      for bound in [lower, upper] { noteLoads(in: bound) }
      // From a first element, or up to a last one, that all iterations have in common.
      if !changing.leaveUnchanged(lower) && !changing.leaveUnchanged(upper) {
        changing.variables.insert(inner.variable)
      }
      let around = distinct
      var known = inner
      (known.lower, known.upper) = (lower, upper)
      innerLoops[inner.variable] = known
      distinct = around.inside(known)
      nesting.append(known)
      visit(repeated: inner.body)
      nesting.removeLast()
      distinct = around
    case .whileLoop(_, let body):
      unknownConditions += 1
      visit(repeated: body)
      unknownConditions -= 1
    case .conditional(let condition, let then, let otherwise):
      visit(condition.substituting(values), then, otherwise)
    case .device(let body), .allocate(_, let body): visit(body)
    case .requireEqual, .launch, .barrier: break
    }
  }

  /// Visits the body of an inner loop, in which what it assigns is not known on entry.
  private mutating func visit(repeated body: [Statement]) {
    let assigned = body.assignedVariables
    for id in assigned { values[id] = nil }
    visit(body)
    for id in assigned { values[id] = nil }
  }

  private mutating func visit(
    _ condition: Expression, _ then: [Statement], _ otherwise: [Statement]
  ) {
    let before = values
    noteLoads(in: condition)
    let isKnown = changingInside.leaveUnchanged(condition)
    unknownConditions += isKnown ? 0 : 1
    conditions.append(condition)
    defer {
      conditions.removeLast()
      unknownConditions -= isKnown ? 0 : 1
    }
    // In one iteration alone there is no race.
    if !isOfOneIteration(condition) { visit(branch: then) }
    let afterThen = values
    values = before
    visit(branch: otherwise)
    for (id, right) in values where afterThen[id] != right {
      guard let left = afterThen[id] else {
        values[id] = nil
        continue
      }
      let joined = Expression(.select(condition, then: left, otherwise: right), right.type)
      values[id] = joined.nodeCount <= Self.mostNodes ? joined : nil
    }
  }

  private mutating func visit(branch body: [Statement]) {
    branches.append(branchCount)
    branchCount += 1
    visit(body)
    branches.removeLast()
  }

  /// Whether a value depends on a local that is not known.
  private func isCarried(_ value: Expression) -> Bool {
    value.contains { e in
      guard case .variable(let id) = e.kind, id != loop.variable else { return false }
      return changing.variables.contains(id)
    }
  }

  /// Whether a condition compares the loop's variable with one value for equality.
  private func isOfOneIteration(_ condition: Expression) -> Bool {
    guard case .compare(.equal, let left, let right) = condition.kind else { return false }
    let changed = LinearSum(left - right).terms.filter { !changing.leaveUnchanged($0.term) }
    return changed.count == 1 && changed[0].term.kind == .variable(loop.variable)
  }

  // MARK: - Noting accesses

  /// Notes an access to a buffer that iterations have in common; `value` is what is stored, nil where the element is read.
  private mutating func note(
    _ buffer: BufferID, _ indices: [Expression], _ value: Expression?, at span: Span
  ) {
    guard unknownConditions == 0, !own.contains(buffer), accesses.count < Self.mostAccesses,
      changing.buffers.contains(buffer)
    else { return }
    accesses.append(
      ElementAccess(
        buffer: buffer, indices: indices, value: value, loops: nesting, branches: branches,
        span: span))
  }

  /// Notes what an expression certainly reads, but for the element that a statement updates.
  private mutating func noteLoads(in e: Expression, but target: Expression.Kind? = nil) {
    switch e.kind {
    case .load(let buffer, let indices) where e.kind != target:
      note(buffer, indices, nil, at: e.span)
    case .select(let condition, _, _): return noteLoads(in: condition, but: target)
    case .logical(_, let left, _): return noteLoads(in: left, but: target)
    default: break
    }
    var operands: [Expression] = []
    e.forEachChild { operands.append($0) }
    for operand in operands { noteLoads(in: operand, but: target) }
  }

  // MARK: - Judging updates

  private mutating func judge(
    _ buffer: BufferID, _ indices: [Expression], _ value: Expression, at span: Span
  ) {
    let element = Expression.Kind.load(buffer, indices)
    guard !own.contains(buffer), !isSecondPart(of: function[buffer], indices),
      indices.allSatisfy({ mayRepeat($0) }), value.kind != element,
      !distinct.areDistinct(indices), !samples.areDistinct(indices)
    else { return }
    let help: String
    if let update = Update(of: element, in: value) {
      if update.isHarmless { return }
      help = "declare the reduction: parpy.threads(n).reduce()"
    } else if (conditions + [value]).contains(where: { $0.contains { $0.kind == element } }) {
      help =
        "leave the label out of the schedule; or update the element in one way, such as with max or min, and declare the reduction: parpy.threads(n).reduce()"
    } else {
      return
    }
    let label = loop.labels.first ?? ""
    let name = function[buffer].name
    judged.insert(buffer)
    warnings.append(
      Diagnostic(
        .program,
        indices.allSatisfy { changingInside.leaveUnchanged($0) }
          ? "all iterations of the parallel loop '\(label)' update one element of '\(name)': this is a race"
          : "iterations of the parallel loop '\(label)' may update the same elements of '\(name)': this is a race where they do",
        at: span, help: help))
  }

  /// Whether several iterations may give an index one value: it does not depend on the loop's variable, or only by way of
  /// data, a quotient, a remainder, or a range that begins where data tell.
  private func mayRepeat(_ index: Expression) -> Bool {
    let sum = LinearSum(index)
    // One divided by several numbers, as `i // 4 * 8 + i % 4`, may well be told by what that comes to.
    return !goesOverMovingRange(sum) && sum.terms.count(where: { isOfDivision($0.term) }) < 2
      && sum.terms.allSatisfy { changing.leaveUnchanged($0.term) || termMayRepeat($0.term) }
  }

  /// Whether an index goes over a range between two places that data tells, as the parts of a sparse matrix are: `lo + k` with
  /// `k` in `0..<hi - lo` is a `k` in `lo..<hi`.
  ///
  /// Where all iterations have the one end in common, or where both ends come from the same data, as in `lo..<lo + 3`, ranges
  /// may well overlap.
  private func goesOverMovingRange(_ index: LinearSum) -> Bool {
    index.terms.contains { term, coefficient in
      guard case .variable(let id) = term.kind, let inner = innerLoops[id] else { return false }
      let ends = [inner.lower, inner.lower + inner.lengthBound].map { end in
        var value = index
        value.add(term, times: 0 &- coefficient)
        value.add(end, times: coefficient)
        return value.terms.map(\.term).filter { !changing.leaveUnchanged($0) }
      }
      return !ends.contains([]) && loads(in: ends[0]) != loads(in: ends[1])
    }
  }

  private func loads(in terms: [Expression]) -> Set<Expression> {
    var found: Set<Expression> = []
    for term in terms {
      term.forEachDescendant { if case .load = $0.kind { found.insert($0) } }
    }
    return found
  }

  private func isOfDivision(_ term: Expression) -> Bool {
    guard case .binary(let op, _, _) = term.kind else { return false }
    return (op == .modulo || op == .floorDivide) && !readsData(term)
      && !changing.leaveUnchanged(term)
  }

  private func termMayRepeat(_ term: Expression) -> Bool {
    switch term.kind {
    case .convert(let operand): return mayRepeat(operand)
    case .variable(let id): return innerLoops[id].map { readsData($0.lower) } ?? false
    case .select(let condition, let then, let otherwise):
      // One side that all iterations may take, `0 if x[i] > 0 else i`; `n - 1 if i == 0 else i - 1` is fine.
      let sides = [then, otherwise].filter { mayRepeat($0) }
      return sides.count == 2 || readsData(condition) && sides.count == 1
        || sides.contains { !changing.leaveUnchanged($0) }
    case .binary(let op, let left, let right)
    where (op == .modulo || op == .floorDivide) && changing.leaveUnchanged(right):
      if op == .modulo && isRemainder(left, of: right) { return mayRepeat(left) }
      return !(op == .modulo && isRotation(left, modulo: right))
        && LinearSum(left).terms.allSatisfy { term, _ in
          term.kind == .variable(loop.variable) || changing.leaveUnchanged(term)
            || termMayRepeat(term)
        }
    default: return readsData(term)
    }
  }

  /// Whether a remainder differs between any two iterations, as `(i + 1) % n` does where there are at most `n`.
  private func isRotation(_ dividend: Expression, modulo divisor: Expression) -> Bool {
    let changed = LinearSum(dividend).terms.filter { !changing.leaveUnchanged($0.term) }
    guard changed.count == 1, changed[0].term.kind == .variable(loop.variable),
      changed[0].coefficient.magnitude == 1
    else { return false }
    let range = loop.step > 0 ? loop.upper - loop.lower : loop.lower - loop.upper
    return facts.prove(range, atMost: divisor)
  }

  /// Whether a value is what is left of itself when it is divided.
  private func isRemainder(_ value: Expression, of divisor: Expression) -> Bool {
    let inside = nesting.reduce(facts.entering(loop)) { $0.entering($1) }
    return inside.proveNonNegative(value) && inside.prove(value + .index(1), atMost: divisor)
  }

  /// Whether a value depends on elements of arrays that iterations have in common.
  private func readsData(_ e: Expression) -> Bool {
    e.contains { part in
      guard case .load(let buffer, _) = part.kind else { return false }
      return !own.contains(buffer)
    }
  }

  /// Whether an access is to the imaginary part of a complex element; what is to be said was said of the real part.
  private func isSecondPart(of buffer: Buffer, _ indices: [Expression]) -> Bool {
    buffer.holdsParts && indices.last?.integerLiteral == 1
  }
}

extension [Statement] {
  /// The variables that the statements, or those inside them, assign.
  fileprivate var assignedVariables: Set<VariableID> {
    var assigned: Set<VariableID> = []
    forEachStatement { if let id = $0.assignedVariable { assigned.insert(id) } }
    return assigned
  }
}
