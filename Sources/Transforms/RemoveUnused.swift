import LoopIR
import Passes

/// Drops assignments whose values nothing reads, conditions that nothing depends on, and the table entries that nothing names.
///
///     if n > 0: s = 0.0  (s never read)   →
///     local s, local t                    →   local t
///
/// Arguments and parameters keep their place. Reductions count as reads of their accumulator.
public let removeUnused = Pass<LoopFunction>("remove-unused") { function, _ in
  var result = function
  var hasChanged = true
  while hasChanged {
    hasChanged = false
    result.body = DeadAssignments(in: result).removed(from: result.body)
    let read = variablesRead(in: result)
    result.body = result.body.flatMapStatements { statement in
      guard statement.hasNoEffect(where: read) else { return [statement] }
      hasChanged = true
      return []
    }
  }
  return compacted(result)
}

extension Statement {
  /// Whether the program does the same without it, as the variables that are read somewhere are `read`.
  fileprivate func hasNoEffect(where read: Set<VariableID>) -> Bool {
    switch kind {
    case .assign(let variable, let value):
      !read.contains(variable) && !value.contains(\.isChecked)
    case .conditional(let condition, let then, let otherwise):
      then.isEmpty && otherwise.isEmpty && !condition.contains(\.isChecked)
    case .store, .call, .loop, .whileLoop, .device, .allocate, .requireEqual, .launch, .barrier:
      false
    }
  }
}

/// The variables that something else than assignments to variables that are not read reads: `a = b; b = a` reads neither.
/// What is assigned elements of arrays counts as read.
private func variablesRead(in function: LoopFunction) -> Set<VariableID> {
  var read = function.variablesOfTables
  // What the values of a variable read, if something reads it.
  var readBy: [VariableID: [VariableID]] = [:]
  func forEachVariable(of statement: Statement, _ visit: (VariableID) -> Void) {
    statement.forEachExpression { e in
      e.forEachDescendant { if case .variable(let id) = $0.kind { visit(id) } }
    }
  }
  function.body.forEachStatement { statement in
    switch statement.kind {
    case .assign(let id, let value) where !value.contains(\.isLoad):
      forEachVariable(of: statement) { readBy[id, default: []].append($0) }
    case .loop(let loop):
      // The accumulator of a loop's reduction is read where the loop ends only if something reads it there, but the
      // loop itself names it.
      read.formUnion(loop.reductions.map(\.accumulator))
      forEachVariable(of: statement) { read.insert($0) }
    case .assign, .store, .call, .whileLoop, .conditional, .device, .allocate, .requireEqual,
      .launch, .barrier:
      forEachVariable(of: statement) { read.insert($0) }
    }
  }
  var waiting = Array(read)
  while let id = waiting.popLast() {
    for other in readBy.removeValue(forKey: id) ?? [] where read.insert(other).inserted {
      waiting.append(other)
    }
  }
  return read
}

/// The function with its variable and buffer tables cut down to what is named somewhere.
private func compacted(_ function: LoopFunction) -> LoopFunction {
  var variables: Set<VariableID> = []
  var buffers: Set<BufferID> = []
  function.forEachExpression { e in
    switch e.kind {
    case .variable(let id): variables.insert(id)
    case .load(let id, _): buffers.insert(id)
    case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math, .checked,
      .complex, .part:
      break
    }
  }
  function.body.forEachStatement { statement in
    switch statement.kind {
    case .assign(let id, _): variables.insert(id)
    case .store(let id, _, _), .allocate(let id, _): buffers.insert(id)
    case .call(let call):
      buffers.formUnion(call.buffers)
      if let id = call.result { variables.insert(id) }
    case .loop(let loop):
      variables.formUnion(loop.reductions.map(\.accumulator) + [loop.variable])
      buffers.formUnion(loop.updates.map(\.buffer))
    case .whileLoop, .conditional, .device, .requireEqual, .launch, .barrier: break
    }
  }
  for (i, variable) in function.variables.enumerated() where variable.role != .local {
    variables.insert(VariableID(i))
  }
  for (i, buffer) in function.buffers.enumerated() where buffer.role != .temporary {
    buffers.insert(BufferID(i))
  }
  return function.renumbered(keeping: variables, buffers)
}

extension LoopFunction {
  /// Calls `visit` with every expression of body, checks and buffers, and with all parts of them.
  public func forEachExpression(_ visit: (Expression) -> Void) {
    body.forEachExpression(visit)
    for check in checks { check.condition.forEachDescendant(visit) }
    for buffer in buffers {
      (buffer.extents + (buffer.strides ?? [])).forEach { $0.forEachDescendant(visit) }
    }
  }

  /// The variables that checks and extents name.
  var variablesOfTables: Set<VariableID> {
    var named: Set<VariableID> = []
    func note(_ e: Expression) {
      e.forEachDescendant { if case .variable(let id) = $0.kind { named.insert(id) } }
    }
    for check in checks { note(check.condition) }
    for buffer in buffers { (buffer.extents + (buffer.strides ?? [])).forEach(note) }
    return named
  }

  /// The function with only the named variables and buffers in its tables, in their order.
  fileprivate func renumbered(keeping kept: Set<VariableID>, _ keptBuffers: Set<BufferID>)
    -> LoopFunction
  {
    var variableNames: [VariableID: VariableID] = [:]
    var bufferNames: [BufferID: BufferID] = [:]
    var result = LoopFunction(name)
    for (i, variable) in variables.enumerated() where kept.contains(VariableID(i)) {
      variableNames[VariableID(i)] = result.add(variable)
    }
    for (i, buffer) in buffers.enumerated() where keptBuffers.contains(BufferID(i)) {
      bufferNames[BufferID(i)] = result.add(buffer)
    }
    func rename(_ id: VariableID) -> VariableID { variableNames[id] ?? id }
    func rename(_ id: BufferID) -> BufferID { bufferNames[id] ?? id }
    func rename(_ e: Expression) -> Expression {
      e.mapBottomUp { part in
        switch part.kind {
        case .variable(let id): return part.replacing(.variable(rename(id)))
        case .load(let id, let indices): return part.replacing(.load(rename(id), indices))
        case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
          .checked, .complex, .part:
          return part
        }
      }
    }
    func rename(_ call: ForeignCall) -> ForeignCall {
      var renamed = call.mapOperands { operand in
        guard case .array(let part) = operand else { return operand }
        return .array(ArrayPart(rename(part.buffer), part.dimensions))
      }
      renamed.result = call.result.map { rename($0) }
      return renamed
    }
    result.buffers = result.buffers.map { buffer in
      var buffer = buffer
      buffer.extents = buffer.extents.map { rename($0) }
      buffer.strides = buffer.strides?.map { rename($0) }
      return buffer
    }
    result.checks = checks.map { Check(rename($0.condition), orElse: $0.failure) }
    result.body = body.flatMapStatements { statement in
      let renamed = statement.mapExpressions { rename($0) }
      let kind: Statement.Kind
      switch renamed.kind {
      case .assign(let id, let value): kind = .assign(rename(id), value)
      case .store(let id, let indices, let value): kind = .store(rename(id), indices, value)
      case .call(let call): kind = .call(rename(call))
      case .allocate(let id, let body): kind = .allocate(rename(id), body: body)
      case .loop(var loop):
        loop.variable = rename(loop.variable)
        loop.reductions = loop.reductions.map { Reduction($0.op, rename($0.accumulator)) }
        loop.updates = loop.updates.map { BufferUpdate($0.op, rename($0.buffer)) }
        kind = .loop(loop)
      case .whileLoop, .conditional, .device, .requireEqual, .launch, .barrier: kind = renamed.kind
      }
      return [Statement(kind, at: statement.span)]
    }
    return result
  }
}
