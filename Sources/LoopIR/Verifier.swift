import Syntax

extension LoopFunction {
  /// One `.bug` diagnostic for each rule of the IR that the function breaks.
  public func verify() -> [Diagnostic] { verify(allowsLaunch: false) }

  /// One `.bug` diagnostic for each rule of the IR that the function breaks.
  ///
  /// - Parameter allowsLaunch: whether the function is a program's host part, which may launch kernels.
  public func verify(allowsLaunch: Bool) -> [Diagnostic] {
    var verifier = Verifier(self, allowsLaunch: allowsLaunch)
    verifier.verifyFunction()
    return verifier.expressions.faults
  }
}

/// Walks a function in program order and knows which variables may have a value.
private struct Verifier {
  let function: LoopFunction
  let allowsLaunch: Bool
  var expressions: ExpressionVerifier
  /// The variables that some path to this point assigns, and the parameters.
  private var assigned: Set<VariableID> = []
  /// The variables in the order in which they came into `assigned`, so that a branch is left without copying the set.
  private var order: [VariableID] = []
  /// The arguments, and the temporaries that exist at this point.
  private var available: Set<BufferID> = []
  /// The variables of the loops around this point.
  private var loopVariables: Set<VariableID> = []

  init(_ function: LoopFunction, allowsLaunch: Bool) {
    self.function = function
    self.allowsLaunch = allowsLaunch
    expressions = ExpressionVerifier(function)
  }

  mutating func verifyFunction() {
    for (i, variable) in function.variables.enumerated() {
      guard case .parameter(let position) = variable.role else { continue }
      assign(VariableID(i))
      if position < 0 { fail("the parameter '\(variable.name)' has position \(position)") }
    }
    for (i, buffer) in function.buffers.enumerated() {
      if let strides = buffer.strides, strides.count != buffer.extents.count {
        fail("'\(buffer.name)' has \(buffer.extents.count) extents, \(strides.count) strides")
      }
      guard case .argument(let position) = buffer.role else { continue }
      if position < 0 { fail("the argument '\(buffer.name)' has position \(position)") }
      for extent in buffer.extents + (buffer.strides ?? []) {
        verifyConstant(extent, .int64, as: "the extent or stride")
      }
      available.insert(BufferID(i))
    }
    for check in function.checks { verifyConstant(check.condition, .bool, as: "the check") }
    verify(function.body)
  }

  private mutating func fail(_ message: String, at span: Span = .none) {
    expressions.fail(message, at: span)
  }

  /// Notes that a variable may have a value from here on.
  private mutating func assign(_ id: VariableID) {
    if assigned.insert(id).inserted { order.append(id) }
  }

  /// Checks an expression that must be known before anything runs.
  private mutating func verifyConstant(_ e: Expression, _ type: ScalarType, as role: String) {
    expressions.verify(e, is: type, as: role)
    let reads = e.contains { part in
      switch part.kind {
      case .load: true
      case .variable(let id): !assigned.contains(id)
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        false
      }
    }
    if reads {
      fail("\(role) \(expressions.text(e)) reads more than literals and parameters", at: e.span)
    }
  }

  private mutating func verify(_ e: Expression, _ type: ScalarType, as role: String) {
    expressions.verify(e, is: type, as: role)
    verifyReads(of: e)
  }

  /// Checks that what `e` reads can have a value.
  private mutating func verifyReads(of e: Expression) {
    e.forEachDescendant { part in
      switch part.kind {
      case .variable(let id):
        guard function.variables.indices.contains(id.index), !assigned.contains(id) else { return }
        fail("'\(function[id].name)' is read before anything is assigned to it", at: part.span)
      case .load(let id, _): verifyAvailable(id, at: part.span)
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        return
      }
    }
  }

  private mutating func verifyAvailable(_ id: BufferID, at span: Span) {
    guard function.buffers.indices.contains(id.index), !available.contains(id) else { return }
    fail("the temporary '\(function[id].name)' is used where it does not exist", at: span)
  }

  private mutating func verify(_ statements: [Statement]) {
    for statement in statements { verify(statement) }
  }

  private mutating func verify(_ statement: Statement) {
    let span = statement.span
    switch statement.kind {
    case .assign(let id, let value):
      guard let variable = expressions[id, at: span] else { return }
      verify(value, variable.type, as: "the value")
      verifyAssignable(id, at: span)
      assign(id)
    case .store(let id, let indices, let value):
      for index in indices {
        expressions.verify(index)
        verifyReads(of: index)
      }
      verifyAvailable(id, at: span)
      guard let buffer = expressions.verifyElement(of: id, indices, at: span) else { return }
      verify(value, buffer.element, as: "the value")
    case .call(let call): verify(call, at: span)
    case .loop(let loop): verify(loop)
    case .whileLoop(let condition, let body):
      assumeAssigned(in: body)
      verify(condition, .bool, as: "the condition")
      verify(body)
    case .conditional(let condition, let then, let otherwise):
      verify(condition, .bool, as: "the condition")
      let before = order.count
      verify(then)
      let inThen = Array(order[before...])
      assigned.subtract(inThen)
      order.removeSubrange(before...)
      verify(otherwise)
      inThen.forEach { assign($0) }
    case .device(let body): verify(body)
    case .allocate(let id, let body): verifyAllocation(of: id, body, at: span)
    case .requireEqual(let left, let right):
      verify(left, .int64, as: "the length")
      verify(right, .int64, as: "the length")
    case .launch(let kernel):
      if !allowsLaunch { fail("kernel \(kernel.index) is launched outside a program", at: span) }
    case .barrier: break
    }
  }

  private mutating func verify(_ call: ForeignCall, at span: Span) {
    for operand in call.operands {
      switch operand {
      case .scalar(let value): verify(value, value.type, as: "the operand")
      case .array(let part):
        for index in part.start {
          expressions.verify(index)
          verifyReads(of: index)
        }
        for extent in part.extents { verify(extent, .int64, as: "the extent") }
        verifyAvailable(part.buffer, at: span)
        _ = expressions.verifyElement(of: part.buffer, part.start, at: span)
        if part.extents.isEmpty { fail("a part of an array has no dimension", at: span) }
      }
    }
    guard let id = call.result, expressions[id, at: span] != nil else { return }
    verifyAssignable(id, at: span)
    assign(id)
  }

  /// Takes the assignments of a loop's body as made: an earlier iteration may have made them.
  private mutating func assumeAssigned(in body: [Statement]) {
    body.forEachStatement { statement in
      switch statement.kind {
      case .assign(let id, _): assign(id)
      case .call(let call): if let id = call.result { assign(id) }
      case .loop(let loop): assign(loop.variable)
      case .store, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch, .barrier:
        break
      }
    }
  }

  /// Checks that a statement may assign to a variable that exists.
  private mutating func verifyAssignable(_ id: VariableID, at span: Span) {
    let name = function[id].name
    if function[id].role != .local { fail("the parameter '\(name)' is assigned", at: span) }
    if loopVariables.contains(id) {
      fail("the loop variable '\(name)' is assigned in its loop", at: span)
    }
  }

  private mutating func verify(_ loop: ForLoop) {
    verify(loop.lower, .int64, as: "the bound")
    verify(loop.upper, .int64, as: "the bound")
    if let condition = loop.condition { verify(condition, .bool, as: "the condition") }
    if loop.step == 0 { fail("the step of a loop is 0", at: loop.span) }
    if let workers = loop.mapping.workers { verify(workers, .int64, as: "the worker count") }
    if let streams = loop.mapping.streams { verify(streams, .bool, as: "the condition") }
    if loop.mapping.lanes < 1 { fail("a loop has \(loop.mapping.lanes) lanes", at: loop.span) }
    if let limit = loop.mapping.threadsPerBlock, limit < 1 {
      fail("a loop has blocks of \(limit) threads", at: loop.span)
    }
    for reduction in loop.reductions { verify(reduction, of: loop) }
    for update in loop.updates {
      guard let buffer = expressions[update.buffer, at: loop.span] else { continue }
      if update.op.identity(of: buffer.element) == nil {
        fail("\(update.op.word) is no operator that reduces", at: loop.span)
      }
    }
    guard let variable = expressions[loop.variable, at: loop.span] else { return }
    if variable.type != .int64 {
      fail("the loop variable '\(variable.name)' is \(variable.type), not int64", at: loop.span)
    }
    verifyAssignable(loop.variable, at: loop.span)
    let isOuter = loopVariables.insert(loop.variable).inserted
    assign(loop.variable)
    assumeAssigned(in: loop.body)
    verify(loop.body)
    if isOuter { loopVariables.remove(loop.variable) }
  }

  private mutating func verify(_ reduction: Reduction, of loop: ForLoop) {
    guard let accumulator = expressions[reduction.accumulator, at: loop.span] else { return }
    if accumulator.role != .local {
      fail("the accumulator '\(accumulator.name)' is no local variable", at: loop.span)
    }
    if reduction.op.identity(of: accumulator.type) == nil {
      fail("\(reduction.op.word) is no operator that reduces", at: loop.span)
    }
  }

  private mutating func verifyAllocation(of id: BufferID, _ body: [Statement], at span: Span) {
    guard let buffer = expressions[id, at: span] else { return }
    for extent in buffer.extents + (buffer.strides ?? []) {
      verify(extent, .int64, as: "the extent or stride")
    }
    if buffer.role != .temporary { fail("the argument '\(buffer.name)' is allocated", at: span) }
    let isNew = available.insert(id).inserted
    if !isNew && buffer.role == .temporary {
      fail("the temporary '\(buffer.name)' is allocated within itself", at: span)
    }
    verify(body)
    if isNew { available.remove(id) }
  }
}
