import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Finds the accumulators of the loops that the user declared as reductions, and gives array elements that accumulate a
/// scalar of their own.
///
///     @label("N") for i in 0..<n:              sum = 0.0f32
///       y[0] = y[0] + x[i]              →      @label("N") @reduce(add sum) for i in 0..<n:
///                                                sum = sum + x[i]
///                                              y[0] = y[0] + sum
///
/// A parallel loop that accumulates without having been declared is a race of the user's: a warning (`FindRaces.swift`).
///
/// - Parameters:
///   - schedule: the schedule of each label.
///   - isOnDevice: whether what stands before and after such a loop runs where the loop does, and so does a loop that is to run
///     in order after all.
/// - Throws: where a declared reduction carries a value that is no accumulator.
public func recognizeReductions(
  _ schedule: [String: LoopSchedule], isOnDevice: Bool = false
) -> Pass<LoopFunction> {
  Pass("recognize-reductions") { (function, context) throws(DiagnosticError) in
    var result = function
    var errors: [Diagnostic] = []
    result.body = function.body.flatMapStatements { statement in
      guard case .loop(let loop) = statement.kind else { return [statement] }
      let chosen = loop.labels.lazy.compactMap { schedule[$0] }.first
      guard let chosen, chosen.isReduction else {
        if loop.mapping.workers != nil { races(in: loop, of: result).forEach(context.warn) }
        return [statement]
      }
      var recognizer = ReductionRecognizer(function: result, loop: loop)
      let statements = recognizer.run(at: statement.span)
      // In sequence, any value may be carried.
      if !chosen.isParallel && !recognizer.errors.isEmpty { return [statement] }
      errors += recognizer.errors
      recognizer.warnings.forEach(context.warn)
      result.variables = recognizer.function.variables
      let isShared = statements.contains { statement in
        if case .loop(let loop) = statement.kind { loop.mapping.workers != nil } else { false }
      }
      if isOnDevice && chosen.isParallel && (statements.count > 1 || !isShared) {
        return [Statement(.device(statements), at: statement.span)]
      }
      return statements
    }
    if !errors.isEmpty { throw DiagnosticError(errors) }
    return result
  }
}

private struct ReductionRecognizer {
  var function: LoopFunction
  var loop: ForLoop
  var errors: [Diagnostic] = []
  var warnings: [Diagnostic] = []

  /// The statements that take the loop's place.
  mutating func run(at span: Span) -> [Statement] {
    // What folding made of `y[0] += 0`.
    loop.body = loop.body.flatMapStatements { statement in
      guard case .store(let buffer, let indices, let value) = statement.kind,
        value.kind == .load(buffer, indices), !indices.contains(where: \.isChecked)
      else { return [statement] }
      return []
    }
    let original = loop
    if let product = unreducedProduct() {
      guard original.mapping.workers != nil else { return [Statement(.loop(original), at: span)] }
      warnings.append(
        Diagnostic(
          .program,
          "the loop runs on one worker: only sums of complex values are reduced in parallel, and '\(product)' is updated in another way",
          at: loop.span))
      var serial = original
      serial.mapping.workers = nil
      return [Statement(.loop(serial), at: span)]
    }
    let (before, after) = promoteElements()
    for shared in sharedUpdates() {
      guard let op = commonUpdate(of: shared.buffer) else {
        guard original.mapping.workers != nil else { return [Statement(.loop(original), at: span)] }
        warnings.append(
          Diagnostic(
            .program,
            "the loop runs on one worker: its iterations may update the same elements of '\(function[shared.buffer].name)', which it also reads or writes in another way",
            at: shared.span))
        var serial = original
        serial.mapping.workers = nil
        return [Statement(.loop(serial), at: span)]
      }
      loop.updates.append(BufferUpdate(op, shared.buffer))
    }
    for variable in carriedVariables() {
      guard let op = commonOperator(of: variable) else {
        errors.append(
          strayRead(of: variable).map { .readBetweenUpdates(function[variable].name, at: $0) }
            ?? .notAReduction(function[variable].name, at: loop.span))
        continue
      }
      if !loop.reductions.contains(where: { $0.accumulator == variable }) {
        loop.reductions.append(Reduction(op, variable))
      }
    }
    if leavesValue(original) { loop.mapping.workers = nil }
    return before + [Statement(.loop(loop), at: span)] + after
  }

  /// The name of a complex variable or element that the loop carries and that is no sum: each part of a product depends on
  /// both parts of the one before.
  private func unreducedProduct() -> String? {
    for variable in carriedVariables()
    where function[variable].isPart && commonOperator(of: variable) == nil {
      return function[variable].name
    }
    let inner = AssignedVariables(in: loop)
    let own = ownBuffers()
    for element in rereadElements()
    where function[element.buffer].holdsParts && !own.contains(element.buffer)
      && element.indices.allSatisfy({ inner.leaveUnchanged($0) })
      && commonOperator(of: element) == nil && commonUpdate(of: element.buffer) == nil
    {
      return function[element.buffer].name
    }
    return nil
  }

  /// The elements that the loop stores to, and reads at the same indices, be it in another statement.
  private func rereadElements() -> [Element] {
    var loaded: Set<Element> = []
    loop.body.forEachExpression { e in
      guard case .load(let buffer, let indices) = e.kind else { return }
      loaded.insert(Element(buffer: buffer, indices: indices))
    }
    var found: [Element] = []
    loop.body.forEachStatement { statement in
      guard case .store(let buffer, let indices, _) = statement.kind else { return }
      let element = Element(buffer: buffer, indices: indices)
      if loaded.contains(element) { found.append(element) }
    }
    return found
  }

  /// Whether code outside the loop reads a variable that the loop replaces, and does not accumulate into: folding makes
  /// `s = 0` of `s *= x[i] * 0`. Only in order does the last iteration leave its value.
  private func leavesValue(_ original: ForLoop) -> Bool {
    var replaced = AssignedVariables(in: original, countsInnerLoops: false).variables
    replaced.remove(original.variable)
    replaced.subtract(loop.reductions.map(\.accumulator))
    if replaced.isEmpty { return false }
    func reads(in statements: [Statement]) -> Int {
      var count = 0
      statements.forEachExpression { e in
        if case .variable(let id) = e.kind, replaced.contains(id) { count += 1 }
      }
      return count
    }
    return reads(in: function.body) > reads(in: original.body)
  }

  /// The buffers with an update, left after promotion, of an element that other iterations may update too: no index tells
  /// them apart. Each with the place of one such update.
  private func sharedUpdates() -> [(buffer: BufferID, span: Span)] {
    let own = ownBuffers()
    var found: [(buffer: BufferID, span: Span)] = []
    let reread = Set(rereadElements())
    func visit(_ statements: [Statement], _ elements: DistinctElements) {
      for statement in statements {
        if case .store(let buffer, let indices, let value) = statement.kind,
          !own.contains(buffer), !found.contains(where: { $0.buffer == buffer }),
          value.contains({ $0.kind == .load(buffer, indices) })
            || reread.contains(Element(buffer: buffer, indices: indices)),
          !elements.areDistinct(indices)
        {
          found.append((buffer, statement.span))
        }
        var inner = elements
        if case .loop(let loop) = statement.kind { inner = elements.inside(loop) }
        for block in statement.blocks { visit(block, inner) }
      }
    }
    visit(loop.body, DistinctElements(of: loop, in: function))
    return found
  }

  /// The operator by which every access in the loop to a buffer updates one of its elements; nil where there is none.
  private func commonUpdate(of buffer: BufferID) -> BinaryOperator? {
    if function[buffer].mayAlias { return nil }
    var op: BinaryOperator?
    var isUpdate = true
    var updates = 0
    var loads = 0
    loop.body.forEachExpression { e in
      if case .load(buffer, _) = e.kind { loads += 1 }
    }
    loop.body.forEachStatement { statement in
      if case .call(let call) = statement.kind, call.buffers.contains(buffer) { isUpdate = false }
      guard case .store(buffer, let indices, let value) = statement.kind else { return }
      guard let update = Update(of: .load(buffer, indices), in: value),
        !indices.contains(where: {
          $0.contains { if case .load(buffer, _) = $0.kind { true } else { false } }
        }),
        op == nil || op == update.op.combining,
        update.op.identity(of: function[buffer].element) != nil
      else {
        isUpdate = false
        return
      }
      updates += 1
      op = update.op.combining
    }
    return isUpdate && loads == updates ? op : nil
  }

  /// The variables whose value an iteration takes from the one before it: read before they are certainly assigned.
  private func carriedVariables() -> [VariableID] {
    var carried: [VariableID] = []
    let assigned = AssignedVariables(in: loop).variables
    var exposure = UpwardExposure(of: assigned)
    exposure.visit(loop.body)
    for i in function.variables.indices where exposure.exposed.contains(VariableID(i)) {
      if VariableID(i) != loop.variable { carried.append(VariableID(i)) }
    }
    return carried
  }

  /// The one operator by which every assignment in the loop updates a variable that nothing else in it reads.
  private func commonOperator(of variable: VariableID) -> BinaryOperator? {
    strayRead(of: variable) == nil ? operatorOfUpdates(of: variable) : nil
  }

  /// The one operator by which every assignment in the loop updates a variable.
  private func operatorOfUpdates(of variable: VariableID) -> BinaryOperator? {
    var op: BinaryOperator?
    var isUpdate = true
    loop.body.forEachStatement { statement in
      guard statement.assignedVariable == variable else { return }
      guard case .assign(_, let value) = statement.kind,
        let update = Update(of: .variable(variable), in: value)
      else {
        isUpdate = false
        return
      }
      if let known = op, known.combining != update.op.combining { isUpdate = false }
      op = update.op.combining
    }
    return isUpdate ? op : nil
  }

  /// Where the loop reads a variable that every assignment in it updates by one operator, but not for such an update.
  private func strayRead(of variable: VariableID) -> Span? {
    var found: Span?
    if operatorOfUpdates(of: variable) == nil { return nil }
    loop.body.forEachStatement { statement in
      if statement.assignedVariable == variable { return }
      statement.forEachExpression { whole in
        whole.forEachDescendant { e in
          if found == nil, e.kind == .variable(variable) {
            found = e.span.line > 0 ? e.span : statement.span
          }
        }
      }
    }
    return found
  }

  /// Gives array elements that the loop does not index, and only updates, an accumulator.
  ///
  /// An element that others may be, all updated by one operator, has none: `c[3] += 1; c[x[i]] += 1`.
  private mutating func promoteElements() -> (before: [Statement], after: [Statement]) {
    var before: [Statement] = []
    var after: [Statement] = []
    for candidate in updatedElements() {
      guard let (op, span) = commonOperator(of: candidate),
        let identity = op.identity(of: widestType(of: candidate))
      else {
        if commonUpdate(of: candidate.buffer) != nil { continue }
        errors.append(
          Diagnostic(
            .program,
            "the element of '\(function[candidate.buffer].name)' that the loop updates cannot be reduced: it is also read or written in another way in the loop",
            at: loop.span,
            help:
              "remove .reduce() from the schedule of the loop, or update the element in statements x[…] = x[…] op value alone"
          ))
        continue
      }
      let isSurelyUpdated = isUpdatedFirst(candidate)
      // A test that each update makes must not be made where there is none.
      if !isSurelyUpdated, candidate.indices.contains(where: \.isChecked),
        commonUpdate(of: candidate.buffer) != nil
      {
        continue
      }
      let element = function[candidate.buffer].element
      let type = widestType(of: candidate)
      let accumulator = function.add(
        Variable(
          function[candidate.buffer].name, type, isPart: function[candidate.buffer].holdsParts))
      let read = function.read(accumulator)
      before.append(Statement(.assign(accumulator, identity), at: span))
      loop.body = loop.body.flatMapStatements { statement in
        guard case .store(candidate.buffer, candidate.indices, let value) = statement.kind,
          let update = Update(of: candidate.load, in: value)
        else { return [statement] }
        let sum = Expression(
          .binary(update.op, read, update.term.converted(to: type)), type, at: value.span)
        return [Statement(.assign(accumulator, sum), at: statement.span)]
      }
      let target = Expression(candidate.load, element, at: span)
      let total = Expression(
        .binary(op.combining, target.converted(to: type), read), type, at: span
      ).converted(to: element)
      let store = inRange(
        candidate, isKnown: isSurelyUpdated,
        Statement(.store(candidate.buffer, candidate.indices, total), at: span))
      let isEmpty = Expression.compare(
        loop.step > 0 ? .greaterEqual : .lessEqual, loop.lower, loop.upper)
      if isEmpty.integerLiteral == 0 {
        after += store
      } else {
        after.append(Statement(.conditional(isEmpty, then: [], otherwise: store), at: span))
      }
    }
    return (before, after)
  }

  /// Whether the first iteration, if there is one, updates an element: not under a condition, and in no loop inside.
  private func isUpdatedFirst(_ element: Element) -> Bool {
    loop.condition == nil
      && loop.body.contains { statement in
        guard case .store(element.buffer, element.indices, _) = statement.kind else { return false }
        return true
      }
  }

  /// What stores to an element where it is one of the array: a loop that updates it nowhere may name one that is not there.
  ///
  /// - Parameter isKnown: whether the loop has surely made an access.
  private func inRange(_ element: Element, isKnown: Bool, _ store: Statement) -> [Statement] {
    if isKnown { return [store] }
    let tests = zip(element.indices, function[element.buffer].extents).flatMap { index, extent in
      [Expression.compare(.lessEqual, .index(0), index), .compare(.less, index, extent)]
    }
    let test = tests.reduce(Expression.bool(true)) {
      Expression(.logical(.and, $0, $1), .bool).mapBottomUp(\.folded)
    }
    guard let known = Literal(test) else {
      return [Statement(.conditional(test, then: [store], otherwise: []), at: store.span)]
    }
    return known.isTrue ? [store] : []
  }

  /// The widest type that the loop's updates of an element are computed in.
  private func widestType(of element: Element) -> ScalarType {
    var type = function[element.buffer].element
    loop.body.forEachStatement { statement in
      guard case .store(element.buffer, element.indices, let value) = statement.kind,
        let update = Update(of: element.load, in: value), update.type.size > type.size
      else { return }
      type = update.type
    }
    return type
  }

  private struct Element: Hashable {
    var buffer: BufferID
    var indices: [Expression]
    var load: Expression.Kind { .load(buffer, indices) }
  }

  /// The temporaries that each iteration has to itself.
  private func ownBuffers() -> Set<BufferID> {
    var own: Set<BufferID> = []
    loop.body.forEachStatement { if case .allocate(let id, _) = $0.kind { own.insert(id) } }
    return own
  }

  /// The elements with unchanging indices that the loop stores to, but for those of an iteration's own temporaries.
  private func updatedElements() -> [Element] {
    let inner = AssignedVariables(in: loop)
    let own = ownBuffers()
    var elements: [Element] = []
    loop.body.forEachStatement { statement in
      guard case .store(let buffer, let indices, let value) = statement.kind,
        !own.contains(buffer), value.contains({ $0.kind == .load(buffer, indices) })
      else { return }
      let element = Element(buffer: buffer, indices: indices)
      guard indices.allSatisfy({ inner.leaveUnchanged($0) }), !elements.contains(element) else {
        return
      }
      elements.append(element)
    }
    return elements
  }

  /// The operator by which every access in the loop to the element's buffer updates the element.
  private func commonOperator(of element: Element) -> (BinaryOperator, Span)? {
    var op: BinaryOperator?
    var span = Span.none
    var isUpdate = true
    var updates = 0
    var loads = 0
    loop.body.forEachExpression { e in
      guard case .load(let buffer, let indices) = e.kind else { return }
      if mayBe(element, buffer, indices) { loads += 1 }
    }
    loop.body.forEachStatement { statement in
      if case .call(let call) = statement.kind,
        call.buffers.contains(where: { mayShare($0, element) })
      {
        isUpdate = false
      }
      guard case .store(let buffer, let indices, let value) = statement.kind,
        mayBe(element, buffer, indices)
      else { return }
      guard buffer == element.buffer, indices == element.indices,
        let update = Update(of: element.load, in: value), op == nil || op == update.op.combining
      else {
        isUpdate = false
        return
      }
      updates += 1
      op = update.op.combining
      span = statement.span
    }
    guard isUpdate, loads == updates, let op else { return nil }
    return (op, span)
  }

  /// Whether a buffer may have the element in it.
  private func mayShare(_ buffer: BufferID, _ element: Element) -> Bool {
    buffer == element.buffer || function[buffer].mayAlias && function[element.buffer].mayAlias
  }

  /// Whether an access may be to the element: not where an index is another one by a constant.
  private func mayBe(_ element: Element, _ buffer: BufferID, _ indices: [Expression]) -> Bool {
    guard buffer == element.buffer else { return mayShare(buffer, element) }
    return !zip(indices, element.indices).contains { index, own in
      let distance = LinearSum(index - own)
      return distance.terms.isEmpty && distance.constant != 0
    }
  }
}

extension Diagnostic {
  fileprivate static func notAReduction(_ name: String, at span: Span) -> Self {
    Diagnostic(
      .program,
      "'\(name)' is carried from one iteration to the next, but not as 's = s op value' with one operator",
      at: span,
      help:
        "write each update with one operator and one value, as 's += value', 's = max(s, value)' or 'if c: s += value'; or remove .reduce() from the schedule of the loop"
    )
  }

  fileprivate static func readBetweenUpdates(_ name: String, at span: Span) -> Self {
    Diagnostic(
      .program,
      "'\(name)' is accumulated from one iteration to the next, but what it is in between is read here, too: that is no reduction",
      at: span,
      help: "read it after the loop alone, or remove .reduce() from the schedule of the loop")
  }
}
