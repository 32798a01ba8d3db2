import LoopIR
import Syntax

extension Lowerer {
  /// `for name in range(…)`.
  func lowerFor(
    _ target: Syntax.Expression, _ iterable: Syntax.Expression, _ body: [Syntax.Statement],
    until exits: [Syntax.Statement.Exit], at statement: Syntax.Statement
  ) throws {
    let labels = try takeLabels() + chosen(implicitLabels(of: iterable))
    let arguments = try rangeArguments(iterable)
    guard case .name(let name) = target.kind else {
      throw reject(.unsupported("a loop target other than a name", at: target.span))
    }
    let bounds = try arguments.map {
      try integerIndex($0, "an argument of range", takesBools: true)
    }
    let first = arguments.count == 1 ? .index(0) : settled(bounds[0], "start")
    let stop = settled(arguments.count == 1 ? bounds[0] : bounds[1], "stop")
    let step = try arguments.count == 3 ? knownStep(bounds[2], of: name, at: arguments[2].span) : 1
    let schedule = labels.compactMap { self.schedule(of: $0.name) }.first
    // Python does not look into a loop that never runs, and it binds no name.
    if facts.proveNonNegative(step > 0 ? first - stop : stop - first) {
      ir.leavesCodeOut = true
      return
    }
    let variable = makeVariable(name, .int64)
    let outer = scope[name]
    let assignsTarget = NameUse(body).assigned.contains(name)
    let assigning = assignsTarget ? [statement.assigning(target)] + body : body
    // Where an exit may end the loop, what the name is afterwards is kept in every iteration.
    let keepsLast =
      !exits.isEmpty && !assignsTarget
      && nameUse.reads[name, default: 0] > NameUse(body).reads[name, default: 0]
    let lastType = typeAfterLoop(outer)
    let last = keepsLast ? makeLocal(name, lastType) : nil
    if let last { assign(valueBefore(outer, as: lastType), to: last, at: target.span) }

    var inner: [LoopIR.Statement] = []
    let lowerBody = { [self] in
      let outerFacts = facts
      facts = facts.entering(variable, from: first, to: stop, step: step)
      defer { facts = outerFacts }
      var condition: LoopIR.Expression?
      if !exits.isEmpty {
        let flags = try exits.map { try scalar(Expression(.name($0.flag), at: $0.span)).expression }
        condition = flags.map { Expression(.unary(.not, $0), .bool) }.reduce(nil) { all, flag in
          all.map { Expression(.logical(.and, $0, flag), .bool) } ?? flag
        }
      }
      inner = try block {
        let value = pythonInteger(ir.read(variable, at: target.span))
        if let last { assign(value, to: last, at: target.span) }
        if assignsTarget {
          // The name is a variable like any other, which each iteration sets first.
          try assign(name, value, at: target.span)
        } else {
          scope[name] = .scalar(value)
        }
        let own = privateNames
        privateNames = []
        defer { privateNames = own }
        for name in own.sorted() { materialise(name, at: target.span) }
        try lower(body)
        try closeCarriedNames()
      }
      emit(
        .loop(
          ForLoop(
            variable, from: first, to: stop, step: step, condition: condition, body: inner,
            labels: labels.map(\.name), at: statement.head)),
        at: statement.head)
    }
    if let schedule, schedule.isParallel {
      let label = labels.first { self.schedule(of: $0.name) != nil }
      if let exit = exits.first { throw reject(.exitFromParallelLoop(exit, label?.span)) }
      try lowerParallelBody(
        body, isReduction: schedule.isReduction, label: label?.name ?? "", at: statement, lowerBody)
      scope[name] = .privateToLoop(LostValue(in: statement.head))
    } else {
      try withCarriedNames(
        of: assigning, except: assignsTarget ? [] : [name], at: statement, lowerBody)
      if let last {
        scope[name] = .scalar(last)
      } else if !assignsTarget {
        let value = try lastValue(from: first, to: stop, step: step, otherwise: outer)
        let isEmpty = isEmpty(from: first, to: stop, step: step)
        try bind(name, toLast: value, unless: isEmpty, otherwise: outer, at: target.span)
      }
    }
  }

  /// Lets a name stand for the last value of a loop variable, also after a loop around the loop, whose variable may be in it:
  ///
  ///     for i in range(n):          for i in 0..<n:
  ///         for k in range(i):        for k in 0..<i: …
  ///             …                →    if 0 < i: k.1 = i - 1
  ///     y[0] = k                    y[0] = k.1
  private func bind(
    _ name: String, toLast value: TypedValue, unless isEmpty: LoopIR.Expression,
    otherwise outer: Scope.Binding?, at span: Span
  ) throws {
    guard namesNeedingVariables.contains(name) else { return scope[name] = .scalar(value) }
    // A name that was bound before is carried by the loop around, and the value tells the cases apart.
    if case .scalar? = outer { return scope[name] = .scalar(value) }
    scope[name] = outer
    let assignment = try block { try assign(name, value, at: span) }
    if isEmpty.integerLiteral == 0 {
      statements += assignment
    } else {
      let runs = Expression(.unary(.not, isEmpty), .bool).folded
      emit(.conditional(runs, then: assignment, otherwise: []), at: span)
    }
  }

  /// The arguments of `range(…)`; throws for anything else.
  private func rangeArguments(_ iterable: Syntax.Expression) throws -> [Syntax.Expression] {
    guard case .call(let callee, let arguments, let keywords) = iterable.kind,
      let path = callee.path, names.resolve(path) == .intrinsic(.range)
    else {
      if case .call(let callee, _, _) = iterable.kind, let path = callee.path,
        case .missing = names.resolve(path)
      {
        try rejectUnknownCallee(callee)
      }
      throw reject(.loopOverNoRange(iterable))
    }
    guard keywords.isEmpty, (1...3).contains(arguments.count) else {
      let count = arguments.count + keywords.count
      throw reject(
        Diagnostic(
          .type,
          keywords.isEmpty
            ? "range takes 1 to 3 arguments, \(count) were given"
            : "range takes no keyword arguments", at: iterable.span))
    }
    return arguments
  }

  /// A loop over a shape variable bears the variable's name.
  private func implicitLabels(of iterable: Syntax.Expression) -> [(name: String, span: Span)] {
    guard signature.options.hasImplicitShapeLabels, !ignoresLabels, let name = iterable.rangeName,
      scope[name] == nil, case .shapeVariable = names.resolve([name])
    else { return [] }
    return [(name, iterable.span)]
  }

  /// What the loop variable is after the loop: its last value, or what it was where the range is empty.
  private func lastValue(
    from lower: LoopIR.Expression, to upper: LoopIR.Expression, step: Int,
    otherwise outer: Scope.Binding?
  ) throws -> TypedValue {
    let distance = reach(from: lower, to: upper, step: step)
    let last = lower + .binary(.floorDivide, distance, .index(abs(step))) * .index(step)
    let isEmpty = isEmpty(from: lower, to: upper, step: step)
    guard isEmpty.integerLiteral != 0, case .scalar(let before)? = outer else {
      return pythonInteger(last)
    }
    return try select(isEmpty, before, pythonInteger(last))
  }

  /// How far the values of a range may be from its first; negative where it is empty.
  private func reach(
    from lower: LoopIR.Expression, to upper: LoopIR.Expression, step: Int
  ) -> LoopIR.Expression {
    step > 0 ? upper - .index(1) - lower : lower - .index(1) - upper
  }

  /// Whether a range is empty; the literal False where it is proved not to be.
  private func isEmpty(
    from lower: LoopIR.Expression, to upper: LoopIR.Expression, step: Int
  ) -> LoopIR.Expression {
    let reach = reach(from: lower, to: upper, step: step)
    return facts.proveNonNegative(reach) ? .bool(false) : .compare(.less, reach, .index(0))
  }

  /// The type of a loop variable after a loop that may not run.
  private func typeAfterLoop(_ before: Scope.Binding?) -> ElementType {
    let integer = ElementType(weakTypes.integer, isWeak: true)
    guard case .scalar(let value)? = before else { return integer }
    return joined(ElementType(value), integer)
  }

  /// The value of a name bound to a scalar; 0 for any other.
  private func valueBefore(_ binding: Scope.Binding?, as type: ElementType) -> TypedValue {
    guard case .scalar(let value)? = binding else {
      return TypedValue(.zero(type.type), isWeak: type.isWeak)
    }
    return value
  }

  /// - Parameter name: the loop's variable.
  private func knownStep(
    _ e: LoopIR.Expression, of name: String, at span: Span
  ) throws -> Int {
    guard let step = e.integerLiteral else { throw reject(.unknownStep(name, at: span)) }
    guard step != 0, let exact = Int(exactly: step), exact != Int.min else {
      throw reject(Diagnostic(.value, "range() arg 3 must not be zero", at: span))
    }
    return exact
  }

  /// Lowers the body of a parallel loop: scalars assigned in it are private to the iteration, except for the accumulators
  /// of a declared reduction.
  private func lowerParallelBody(
    _ body: [Syntax.Statement], isReduction: Bool, label: String, at statement: Syntax.Statement,
    _ lowerBody: () throws -> Void
  ) throws {
    let before = scope
    let searches = Search.all(in: body)
    let lost = { LostValue(in: statement.head, isReduction: isReduction, search: searches[$0]) }
    parallelDepth += 1
    defer { parallelDepth -= 1 }
    if isReduction {
      let accumulators = NameUse(body).updated
      let own = NameUse(body).assigned.subtracting(accumulators)
      let outerPrivate = privateNames
      privateNames = own.filter { if case .scalar? = before[$0] { true } else { false } }
      defer { privateNames = outerPrivate }
      try withCarriedNames(of: body, except: own, at: statement, lowerBody)
      for name in own {
        if case .array? = before[name] { continue }
        scope[name] = .privateToLoop(lost(name))
      }
      return
    }
    let outerOwned = firstOwnedVariable
    firstOwnedVariable = ir.variables.count
    carriedStack.append([])
    defer {
      carriedStack.removeLast()
      firstOwnedVariable = outerOwned
    }
    try lowerBody()
    let use = NameUse(body)
    for name in use.assigned.sorted() {
      guard case .scalar? = before[name], let span = use.exposures[name] else { continue }
      ir.warnings.append(.carriedByParallelLoop(name, label: label, at: span))
    }
    scope = before
    for name in use.assigned {
      if case .array? = before[name] { continue }
      scope[name] = .privateToLoop(lost(name))
    }
  }

  // MARK: Names that loops carry

  /// Lowers a sequential loop whose body assigns names that were bound before it.
  ///
  /// Each such name gets one variable for the whole loop, of the type that joins what comes in with what an iteration leaves.
  /// That type is found by lowering the body until it no longer changes; the types are kept by the loop's place, so
  /// nested loops together take a number of rounds linear in the depth of the type lattice.
  func withCarriedNames(
    of body: [Syntax.Statement], except excluded: Set<String> = [],
    at statement: Syntax.Statement, _ lowerLoop: () throws -> Void
  ) throws {
    let use = NameUse(body)
    let outside = use.assigned.filter { name in
      !excluded.contains(name) && nameUse.reads[name, default: 0] > use.reads[name, default: 0]
    }
    let outerNeeds = namesNeedingVariables
    namesNeedingVariables.formUnion(outside)
    namesNeedingVariables.formUnion(
      use.assigned.filter { !excluded.contains($0) && scope[$0] != nil })
    defer { namesNeedingVariables = outerNeeds }
    let names = use.assigned.filter { name in
      if excluded.contains(name) { return false }
      if case .scalar? = scope[name] { return true }
      // Bound by an earlier iteration, where this one reads the name first.
      return scope[name] == nil && use.exposed.contains(name)
    }.sorted()
    namesNeedingVariables.formUnion(names)
    let snapshot = (ir, scope, statements, diagnostics.count, facts, misfits.count)
    for _ in 0..<16 {
      (ir, scope, statements, _, facts, _) = snapshot
      diagnostics.removeSubrange(snapshot.3...)
      misfits.removeSubrange(snapshot.5...)
      let headers = openCarriedNames(names, at: statement)
      carriedStack.append(headers)
      defer { carriedStack.removeLast() }
      do {
        try lowerLoop()
      } catch is TypesChanged {
        continue
      }
      for header in headers {
        if case .privateToLoop? = scope[header.name] { continue }
        if let value = header.value { scope[header.name] = .scalar(value) }
      }
      return
    }
    throw DiagnosticError(
      Diagnostic(.bug, "types of carried variables do not converge", at: statement.head))
  }

  /// A name a loop carries, its variable, and the key of its type.
  struct Header {
    var name: String
    /// Nil where the name is bound by the body alone and its type is not known yet.
    var value: TypedValue?
    var key: CarriedName
  }

  /// Thrown when an iteration leaves a carried name with a wider type than it came in with.
  private struct TypesChanged: Error {}

  private func openCarriedNames(_ names: [String], at statement: Syntax.Statement) -> [Header] {
    names.map { name in
      let key = CarriedName(
        call: activation.call, line: statement.span.line, column: statement.span.column, name: name)
      if let lost = carriedPrivates[key] {
        scope[name] = .privateToLoop(lost)
        return Header(name: name, value: nil, key: key)
      }
      guard let (initial, type) = initialValue(of: name, key) else {
        return Header(name: name, value: nil, key: key)
      }
      carriedTypes[key] = type
      let value: TypedValue
      if isOwn(initial), ElementType(initial) == type {
        value = initial.at(statement.head)
      } else {
        value = makeLocal(name, type, at: statement.head)
        assign(initial, to: value, at: statement.head)
      }
      scope[name] = .scalar(value)
      return Header(name: name, value: value, key: key)
    }
  }

  /// What a name is before the first iteration, and the type it has in the loop; nil where only the body tells.
  private func initialValue(of name: String, _ key: CarriedName) -> (TypedValue, ElementType)? {
    let known = carriedTypes[key]
    if case .scalar(let initial)? = scope[name] {
      let type = ElementType(initial)
      return (initial, known.map { joined(type, $0) } ?? type)
    }
    // Python would raise where the name is read before an iteration has bound it; here it is 0.
    return known.map { (TypedValue(.zero($0.type), isWeak: $0.isWeak), $0) }
  }

  /// At the end of an iteration, puts what it left of each carried name into the name's variable.
  func closeCarriedNames() throws {
    guard let headers = carriedStack.last else { return }
    var hasChanged = false
    for header in headers {
      if case .privateToLoop(let lost)? = scope[header.name], carriedPrivates[header.key] == nil {
        carriedPrivates[header.key] = lost
        hasChanged = true
      }
      guard case .scalar(let final)? = scope[header.name], carriedPrivates[header.key] == nil else {
        continue
      }
      guard let value = header.value else {
        carriedTypes[header.key] = ElementType(final)
        hasChanged = true
        continue
      }
      let type = joined(ElementType(value), ElementType(final))
      if type != ElementType(value) {
        carriedTypes[header.key] = type
        hasChanged = true
      }
      if final.expression == value.expression && final.exact == value.exact { continue }
      assign(final, to: value, at: final.expression.span)
    }
    if hasChanged { throw TypesChanged() }
  }

  // MARK: Assigning names

  /// Whether a value is that of a local which this code may assign.
  private func isOwn(_ value: TypedValue) -> Bool {
    func isOwn(_ e: LoopIR.Expression) -> Bool {
      guard case .variable(let id) = e.kind else { return false }
      return id.index >= firstOwnedVariable && ir[id].role == .local
        && !ir[id].isFixedByParameters && !facts.isLoopVariable(id)
    }
    guard isOwn(value.expression) else { return false }
    return !keepsExact(ElementType(value)) || value.exact.map(isOwn) ?? false
  }

  /// `name = value` for a scalar.
  ///
  /// Integers that only depend on literals, parameters and loop variables are put in the place of the name, so that
  /// indices stay affine; whatever a loop carries or code outside the loop sees gets a variable. Other values that parameters
  /// fix get a variable each, as literals in their place stand for the name each time.
  func assign(_ name: String, _ value: TypedValue, at span: Span) throws {
    if case .array? = scope[name] {
      throw reject(
        Diagnostic(
          .program, "'\(name)' is an array and cannot be assigned", at: span,
          help: "assign to its elements: \(name)[:] = …"))
    }
    if case .dictionary(let dictionary)? = scope[name] {
      throw reject(.dictionaryAsValue(dictionary, at: span))
    }
    var value = try named(value)
    if let constant = value.expression.roundedAlone {
      value.expression = constant.expression(at: value.expression.span)
    }
    let isSeenOnce = !namesNeedingVariables.contains(name)
    if isSeenOnce, isStable(value) {
      scope[name] = .scalar(value)
    } else if isSeenOnce, ir.isFixedByParameters(value.expression) {
      scope[name] = .scalar(copied(value, name, at: span, isFixedByParameters: true))
    } else if case .scalar(let old)? = scope[name], isOwn(old),
      ElementType(old) == ElementType(value)
    {
      assign(value, to: old, at: span)
    } else {
      scope[name] = .scalar(copied(value, name, at: span))
    }
  }

  /// An expression that keeps its value: itself where nothing can change it, else a variable that holds it.
  ///
  /// - Parameter isNameMade: whether the name is none of the program's.
  func settled(
    _ e: LoopIR.Expression, _ name: String, isNameMade: Bool = true
  ) -> LoopIR.Expression {
    if isStable(e) { return e }
    if let known = settledValues[e] { return ir.read(known, at: e.span) }
    let variable = ir.add(Variable(name, e.type, isNameMade: isNameMade))
    emit(.assign(variable, e), at: e.span)
    settledValues[e] = variable
    return ir.read(variable, at: e.span)
  }

  /// Gives a name that stands for an expression a variable of its own.
  private func materialise(_ name: String, at span: Span) {
    guard case .scalar(let value)? = scope[name] else { return }
    scope[name] = .scalar(copied(value, name, at: span))
  }

  /// Whether an expression may stand for a name: a literal, or a short integer expression of unchanging variables.
  func isStable(_ e: LoopIR.Expression) -> Bool {
    if e.isLiteral { return true }
    guard e.type == .int64, e.nodeCount <= 9 else { return false }
    return !e.contains { part in
      switch part.kind {
      case .integer, .unary, .binary, .select, .compare: false
      case .variable(let id): ir[id].role == .local && !facts.isLoopVariable(id)
      case .float, .load, .logical, .convert, .math, .checked, .complex, .part: true
      }
    }
  }
}

extension Syntax.Statement {
  /// The assignment that a `for` loop makes to its target, for looking at which names are assigned first.
  fileprivate func assigning(_ target: Syntax.Expression) -> Syntax.Statement {
    Syntax.Statement(.assign(target: target, value: Syntax.Expression(.integer(0))), at: span)
  }
}
