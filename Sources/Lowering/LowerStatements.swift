import LoopIR
import Syntax

extension Lowerer {
  /// Lowers the statements in order; one that is wrong is noted and the rest still looked at.
  func lower(_ body: [Syntax.Statement]) throws {
    let outer = currentBlock
    blockCount += 1
    currentBlock = blockCount
    defer { currentBlock = outer }
    try lowerStatements(body)
  }

  /// Lowers statements of the current block.
  func lowerStatements(_ body: [Syntax.Statement]) throws {
    for (i, statement) in body.enumerated() {
      do {
        if let temporary = try temporary(statement) {
          return try lowerTemporary(temporary, Array(body.dropFirst(i + 1)), at: statement)
        }
        try lowerVersions(of: statement) { try lower(statement) }
      } catch let error as DiagnosticError {
        diagnostics += error.diagnostics
        for name in NameUse([statement]).assigned { scope[name] = .poisoned }
        pendingLabels = []
      }
    }
    if let label = pendingLabels.first {
      pendingLabels = []
      diagnostics.append(
        Diagnostic(.program, "label '\(label.name)' stands before no statement", at: label.span))
    }
  }

  /// Lowers a statement; as a whole it runs on the device where a label says that it is parallel.
  private func lower(_ statement: Syntax.Statement) throws {
    guard signature.options.backend.isDevice, parallelDepth == 0, !statement.kind.hasBody,
      pendingLabels.contains(where: { schedule(of: $0.name)?.isParallel == true })
    else { return try lowerInPlace(statement) }
    deviceDepth += 1
    defer { deviceDepth -= 1 }
    let body = try block { try lowerInPlace(statement) }
    if !body.isEmpty { emit(.device(body), at: statement.head) }
  }

  private func lowerInPlace(_ statement: Syntax.Statement) throws {
    settledValues = [:]
    settledElements = [:]
    let outerSettles = settlesLoads
    settlesLoads = callsFunctions(statement)
    defer { settlesLoads = outerSettles }
    switch statement.kind {
    case .assign(let target, let value):
      if case .name(let name) = target.kind, StructuredBody.isFlag(name) {
        // Labels before it name the loop that follows.
        return try assign(name, scalar(value), at: statement.span)
      }
      try lowerAssignment(to: target, value, at: statement)
    case .augmentedAssign(let target, let op, let value):
      try lowerUpdate(of: target, op, value, at: statement)
    case .forLoop(let target, let iterable, let body, let exits):
      try lowerFor(target, iterable, body, until: exits, at: statement)
    case .whileLoop(let test, let body):
      try rejectLabels(on: "a while loop")
      try lowerWhile(test, body, at: statement)
    case .conditional(let test, let then, let otherwise):
      try rejectLabels(on: "an if statement")
      try lowerIf(test, then, otherwise, at: statement)
    case .with(let context, let body):
      try rejectLabels(on: "a with statement")
      guard let path = context.path, names.resolve(path) == .intrinsic(.gpu) else {
        throw reject(
          .unsupported(
            "this context manager", at: context.span, help: "only `with parpy.gpu:` is supported"))
      }
      deviceDepth += 1
      defer { deviceDepth -= 1 }
      let inner = try block { try lower(body) }
      emit(.device(inner), at: statement.head)
    case .expression(let e): try lowerExpressionStatement(e)
    case .returned(let e):
      activation.result = try e.map { try value($0) }
    case .pass: break
    case .breakLoop, .continueLoop:
      throw reject(Diagnostic(.bug, "an exit is left in a structured body", at: statement.span))
    }
  }

  /// Whether the statement's own expressions call functions that may change what was read before.
  func callsFunctions(_ statement: Syntax.Statement) -> Bool {
    func calls(_ e: Syntax.Expression) -> Bool {
      e.contains { part in
        guard case .call(let callee, _, _) = part.kind, let path = callee.path else { return false }
        return switch names.resolve(path) {
        case .function, .foreign, .intrinsic(.inline): true
        default: false
        }
      }
    }
    switch statement.kind {
    case .assign(let target, let value), .augmentedAssign(let target, _, let value):
      return calls(target) || calls(value)
    case .forLoop(_, let iterable, _, _): return calls(iterable)
    case .whileLoop(let test, _), .conditional(let test, _, _): return calls(test)
    case .expression(let e): return calls(e)
    case .returned(let e): return e.map { calls($0) } ?? false
    case .with, .pass, .breakLoop, .continueLoop: return false
    }
  }

  /// A label, a call of a decorated function or a docstring; any other expression has no effect and is refused.
  private func lowerExpressionStatement(_ e: Syntax.Expression) throws {
    if case .string = e.kind { return }
    guard case .call(let callee, _, _) = e.kind, let path = callee.path,
      names.resolve(path) == .intrinsic(.label)
    else {
      if case .call(let callee, let arguments, let keywords) = e.kind, let path = callee.path {
        let meaning = names.resolve(path)
        if case .function(_, let id) = meaning {
          try rejectLabels(on: "a call")
          _ = try callFunction(id, arguments, keywords, at: e.span, isInlined: false)
          return
        }
        if case .foreign(let name, let declarations) = meaning {
          try rejectLabels(on: "a call")
          _ = try callForeign(name, declarations, arguments, keywords, at: e.span)
          return
        }
        if meaning == .intrinsic(.staticFail) {
          throw reject(try staticFailure(arguments, at: e.span))
        }
        if meaning == .intrinsic(.inline) {
          return try lowerInlinedCall(arguments, keywords, at: e.span)
        }
      }
      if case .call(let callee, _, _) = e.kind { try rejectUnknownCallee(callee) }
      let isComparison = if case .comparison = e.kind { true } else { false }
      throw reject(
        .unsupported(
          "an expression as a statement", at: e.span,
          help: isComparison ? "to assign, write = for ==" : "assign its value"))
    }
    guard let name = e.labelName else {
      throw reject(
        Diagnostic(
          .program, "parpy.label takes one string literal", at: e.span,
          help: "write parpy.label('N')"))
    }
    pendingLabels.append((name, e.span))
  }

  /// Whether labels name nothing here: a device runs in parallel whatever bears a label of the schedule, also in a helper that
  /// a parallel loop calls, where code of the CPU only takes it for independent.
  var ignoresLabels: Bool { activation.ignoresLabels && signature.options.backend.isDevice }

  /// The labels before the statement now lowered.
  func takeLabels() throws -> [(name: String, span: Span)] {
    defer { pendingLabels = [] }
    return ignoresLabels ? [] : try chosen(pendingLabels)
  }

  func rejectLabels(on what: String) throws {
    defer { pendingLabels = [] }
    guard !ignoresLabels, let label = pendingLabels.first else { return }
    throw reject(
      Diagnostic(
        .program, "label '\(label.name)' stands before \(what), which cannot run in parallel",
        at: label.span,
        help: "labels name for loops, slice assignments and reductions"))
  }

  // MARK: Conditions and while loops

  private func lowerIf(
    _ test: Syntax.Expression, _ then: [Syntax.Statement], _ otherwise: [Syntax.Statement],
    at statement: Syntax.Statement
  ) throws {
    let condition = truth(try scalar(test))
    if let known = condition.integerLiteral {
      if !(known != 0 ? otherwise : then).isEmpty { ir.leavesCodeOut = true }
      return try lower(known != 0 ? then : otherwise)
    }
    try branch(
      on: condition, assigning: NameUse(then).assigned.union(NameUse(otherwise).assigned),
      at: statement.head, then: { try lower(then) }, otherwise: { try lower(otherwise) })
  }

  /// Lowers both sides of a condition; each of the names that they assign has one meaning afterwards.
  func branch(
    on condition: LoopIR.Expression, assigning names: Set<String>, at span: Span,
    then: () throws -> Void, otherwise: () throws -> Void
  ) throws {
    let before = scope
    let outerFacts = facts
    let outerConditions = conditionsAround
    defer { conditionsAround = outerConditions }
    facts = outerFacts.assuming(condition)
    conditionsAround = outerConditions + [condition]
    var thenBlock = try block { try then() }
    let afterThen = scope
    scope = before
    facts = outerFacts.assuming(condition, holds: false)
    conditionsAround = outerConditions + [Expression(.unary(.not, condition), .bool)]
    var otherwiseBlock = try block { try otherwise() }
    let afterOtherwise = scope
    facts = outerFacts
    for name in names.sorted() {
      join(name, afterThen, &thenBlock, afterOtherwise, &otherwiseBlock, at: span)
    }
    emit(.conditional(condition, then: thenBlock, otherwise: otherwiseBlock), at: span)
  }

  /// Gives `name` one meaning after two branches that left it different ones.
  private func join(
    _ name: String, _ afterThen: Scope, _ thenBlock: inout [LoopIR.Statement],
    _ afterOtherwise: Scope, _ otherwiseBlock: inout [LoopIR.Statement], at span: Span
  ) {
    guard case .scalar(let left)? = afterThen[name] else {
      scope[name] = afterThen[name] ?? afterOtherwise[name]
      return
    }
    guard case .scalar(let right)? = afterOtherwise[name] else {
      scope[name] = afterOtherwise[name] ?? afterThen[name]
      return
    }
    if left.expression == right.expression && left.isWeak == right.isWeak
      && left.exact == right.exact
    {
      scope[name] = .scalar(left)
      return
    }
    let local = makeLocal(name, joined(ElementType(left), ElementType(right)))
    thenBlock += copies(of: left, to: local, at: span)
    otherwiseBlock += copies(of: right, to: local, at: span)
    scope[name] = .scalar(local)
  }

  private func lowerWhile(
    _ test: Syntax.Expression, _ body: [Syntax.Statement], at statement: Syntax.Statement
  ) throws {
    try withCarriedNames(of: body, at: statement) {
      var condition = LoopIR.Expression.bool(true)
      let prelude = try block { condition = truth(try scalar(test)) }
      let outerFacts = facts
      defer { facts = outerFacts }
      facts = prelude.isEmpty ? facts.assuming(condition) : facts.reachedByChance
      let inner = try block {
        try lower(body)
        try closeCarriedNames()
      }
      if prelude.isEmpty {
        emit(.whileLoop(condition: condition, body: inner), at: statement.head)
        return
      }
      // while (prelude; condition): body  →  go = True; while go: prelude; go = condition; if go: body
      let go = makeVariable("go", .bool)
      emit(.assign(go, .bool(true)), at: statement.head)
      let rest: [LoopIR.Statement] = [
        Statement(.assign(go, condition), at: test.span),
        Statement(.conditional(ir.read(go), then: inner, otherwise: []), at: test.span),
      ]
      emit(.whileLoop(condition: ir.read(go), body: prelude + rest), at: statement.head)
    }
  }
}

extension Span {
  /// The stretch from the start of one span to the end of another.
  init(joining first: Span, _ last: Span) {
    self.init(
      source: first.source, line: first.line, column: first.column, endLine: last.endLine,
      endColumn: last.endColumn)
  }
}

extension Syntax.Statement.Kind {
  /// Whether other statements stand inside it.
  fileprivate var hasBody: Bool {
    switch self {
    case .forLoop, .whileLoop, .conditional, .with: true
    case .assign, .augmentedAssign, .expression, .returned, .pass, .breakLoop, .continueLoop: false
    }
  }
}
