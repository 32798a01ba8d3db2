import LoopIR
import Syntax

/// Calls of decorated functions: the body takes the call's place, specialised to the arguments.
///
///     y[i] = norm(x[i], 2)   →   s = 0.0; for k in 0..<m: s = s + x[i, k] ** 2; y[i] = sqrt(s)
///
/// Arrays and parts of arrays stand for the caller's own elements; scalars are evaluated once, before the body.
extension Lowerer {
  /// The deepest nest of calls.
  private static var longestPath: Int { 64 }
  /// The most statements that a compilation may grow to by calls.
  private static var mostStatements: Int { 200_000 }

  /// Lowers a call; nil where the function gives nothing back.
  func callFunction(
    _ id: FunctionID, _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword],
    at span: Span, isInlined: Bool
  ) throws -> Value? {
    guard let callee = names.function(id) else {
      throw reject(Diagnostic(.bug, "a decorated function without a body", at: span))
    }
    let name = callee.function.name
    if activation.functions.contains(id) || isEntry(id) {
      throw reject(
        Diagnostic(
          .program, "Call to \(name) is recursive, which is not supported", at: span,
          help: "write the recursion as a loop"))
    }
    guard activation.functions.count < Self.longestPath, calledStatements < Self.mostStatements
    else {
      throw reject(
        Diagnostic(
          .program, "calls of decorated functions make the program too large", at: span,
          help: "put loops in the place of repeated calls"))
    }
    let number = number(ofCallOf: id, callee.function, at: span)
    let body = FunctionBody(self.body(of: id, callee), relocatedTo: number)
    let bindings = try bind(arguments, keywords, to: body, at: span)
    try checkReturns(of: body, named: name)

    let outer = (activation, scope, pendingLabels, reductionLabels, reductionsLabelled)
    let outerNames = (namesNeedingVariables, privateNames, settlesLoads)
    let outerElements = settledElements
    defer {
      (activation, scope, pendingLabels, reductionLabels, reductionsLabelled) = outer
      (namesNeedingVariables, privateNames, settlesLoads) = outerNames
      settledValues = [:]
      settledElements = outerElements
    }
    if !isInlined { pendingLabels = [] }
    (reductionLabels, reductionsLabelled) = ([], 0)
    (namesNeedingVariables, privateNames) = ([], [])
    activation = Activation(body, callee.names)
    activation.functions = outer.0.functions + [id]
    activation.call = number
    activation.ignoresLabels = outer.0.ignoresLabels || (!isInlined && parallelDepth > 0)
    scope = Scope()
    for (name, binding) in bindings { scope[name] = binding }
    try bindAnnotations()
    for (name, _) in bindings {
      if case .scalar(let value)? = scope[name] { scope[name] = .scalar(try named(value)) }
    }
    let before = diagnostics.count
    let firstLocal = ir.variables.count
    let lowered = try block { try lower(body.structured.statements) }
    initialise(from: firstLocal, readIn: lowered, at: span)
    statements += lowered
    var stored: Set<BufferID> = []
    lowered.forEachStatement { stored.formUnion($0.writtenBuffers) }
    storesOfCalls += stored.sorted { $0.index < $1.index }
    calledStatements += 1 + body.structured.statements.count
    // What was wrong inside has been noted; the caller's statement adds nothing to it.
    if diagnostics.count > before { throw DiagnosticError([]) }
    return activation.result
  }

  /// The number of a call in the table.
  private func number(ofCallOf id: FunctionID, _ callee: Function, at span: Span) -> Int32 {
    let site = CallSite(span, of: id)
    if let known = callNumbers[site] { return known }
    let call = Diagnostic.Call(from: function.name, at: span)
    let number = calls.add(call, ofFunctionIn: callee.span.source)
    callNumbers[site] = number
    return number
  }

  /// The body of a helper, structured once.
  private func body(of id: FunctionID, _ callee: DecoratedFunction) -> FunctionBody {
    if let known = bodies[id] { return known }
    // Where the function leads back to itself, the call is refused later on.
    bodies[id] = FunctionBody(callee.function)
    let body = FunctionBody(callee.function) { [self] in width($0, callee.names) }
    bodies[id] = body
    return body
  }

  /// How many values a call of a decorated function returns; 1 for any other expression.
  private func width(_ e: Syntax.Expression, _ names: any NameResolver) -> Int {
    guard case .call(let callee, let arguments, _) = e.kind, let path = callee.path else {
      return 1
    }
    switch names.resolve(path) {
    case .function(_, let id):
      guard let function = names.function(id) else { return 1 }
      return max(1, body(of: id, function).structured.resultCount)
    case .intrinsic(.inline): return arguments.first.map { width($0, names) } ?? 1
    default: return 1
    }
  }

  /// `parpy.builtin.inline(f(…))` as a statement; labels before it name the statements of the body.
  func lowerInlinedCall(
    _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword], at span: Span
  ) throws {
    guard arguments.count == 1, keywords.isEmpty,
      case .call(let callee, let inner, let given) = arguments[0].kind, let path = callee.path
    else { throw reject(.inlineNeedsCall(at: span)) }
    guard case .function(_, let id) = names.resolve(path) else {
      try rejectUnknownCallee(callee)
      throw reject(.inlineNeedsCall(at: span))
    }
    _ = try callFunction(id, inner, given, at: span, isInlined: true)
    pendingLabels = []
  }

  /// Sets the variables of a call that may be read before they are assigned, by its body or as its result: each call has its own,
  /// so that a loop around it carries none of them.
  private func initialise(
    from firstLocal: Int, readIn body: [LoopIR.Statement], at span: Span
  ) {
    let locals = (firstLocal..<ir.variables.count).map { VariableID($0) }
    var exposure = UpwardExposure(of: Set(locals))
    exposure.visit(body)
    for part in activation.result?.scalars ?? [] {
      for e in [part.expression, part.exact].compactMap(\.self) { exposure.read(e) }
    }
    for local in locals where exposure.exposed.contains(local) {
      emit(.assign(local, .zero(ir[local].type)), at: span)
    }
  }

  private func isEntry(_ id: FunctionID) -> Bool { id.index == 0 }

  private func checkReturns(of body: FunctionBody, named name: String) throws {
    let structured = body.structured
    if let span = structured.bareReturn { throw reject(.bareReturn(at: span)) }
    if let span = structured.inconsistentReturn {
      throw reject(
        Diagnostic(
          .type, "\(name) returns another number of values here than before", at: span))
    }
    if let span = structured.valueReturn, structured.mayFallOff {
      throw reject(
        Diagnostic(
          .program, "\(name) returns a value on some paths only", at: span,
          help: "end every path in return"))
    }
  }

  // MARK: Arguments

  /// What each parameter stands for in the body.
  private func bind(
    _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword],
    to body: FunctionBody, at span: Span
  ) throws -> [(String, Scope.Binding)] {
    let parameters = body.function.parameters.map(\.name)
    let given = try placed(
      arguments, keywords, parameters: parameters, of: body.function.name, at: span)
    var bindings: [String: Scope.Binding] = [:]
    for (parameter, argument) in given {
      bindings[parameter] = try binding(for: argument, parameter)
    }
    let assigned = body.nameUse.assigned
    for parameter in parameters where assigned.contains(parameter) {
      if case .scalar(let value)? = bindings[parameter] {
        bindings[parameter] = .scalar(copied(value, parameter, at: span))
      }
    }
    return parameters.compactMap { name in bindings[name].map { (name, $0) } }
  }

  /// The arguments with the parameters they are for, in the order of the text, as Python evaluates them.
  func placed(
    _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword],
    parameters: [String], of name: String, at span: Span
  ) throws -> [(parameter: String, argument: Syntax.Expression)] {
    guard arguments.count <= parameters.count else {
      throw reject(.wrongArgumentCount(name, parameters, arguments.count, at: span))
    }
    var given = Array(zip(parameters, arguments))
    for keyword in keywords {
      guard parameters.contains(keyword.name) else {
        throw reject(
          Diagnostic(
            .type, "\(name) has no parameter '\(keyword.name)'", at: keyword.value.span))
      }
      guard !given.contains(where: { $0.0 == keyword.name }) else {
        throw reject(
          Diagnostic(
            .type, "\(name) was given '\(keyword.name)' twice", at: keyword.value.span))
      }
      given.append((keyword.name, keyword.value))
    }
    guard given.count == parameters.count else {
      throw reject(.wrongArgumentCount(name, parameters, given.count, at: span))
    }
    return given.map { (parameter: $0.0, argument: $0.1) }
  }

  private func binding(for argument: Syntax.Expression, _ parameter: String) throws
    -> Scope.Binding
  {
    if case .name(let name) = argument.kind, case .dictionary(let dictionary)? = scope[name] {
      return .dictionary(DictionaryValue(name: parameter, entries: dictionary.entries))
    }
    let view = try view(argument)
    if let view, !view.shape.isEmpty { return .array(view) }
    // An index may call a function: it is evaluated once.
    switch try view.map({ read($0, at: argument.span) }) ?? value(argument) {
    case .scalar(let value):
      return .scalar(settled(value, parameter, isNameMade: false))
    case .array:
      throw reject(
        Diagnostic(
          .type,
          "an array expression cannot be an argument: only arrays and their slices are passed",
          at: argument.span, help: "write it into a temporary first: t[:] = …"))
    case .tuple:
      throw reject(.unsupported("a tuple as an argument", at: argument.span))
    }
  }
}
