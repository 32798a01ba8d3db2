/// The one place that knows which node has which children; passes walk only through it.
extension Expression {
  /// Calls `visit` with each direct operand, in order of evaluation.
  public func forEachChild(_ visit: (Expression) -> Void) {
    switch kind {
    case .integer, .float, .variable: break
    case .load(_, let indices): indices.forEach(visit)
    case .unary(_, let operand), .convert(let operand), .checked(let operand),
      .part(_, let operand):
      visit(operand)
    case .binary(_, let left, let right), .compare(_, let left, let right),
      .logical(_, let left, let right), .complex(let left, let right):
      visit(left)
      visit(right)
    case .select(let condition, let then, let otherwise):
      visit(condition)
      visit(then)
      visit(otherwise)
    case .math(_, let arguments): arguments.forEach(visit)
    }
  }

  /// The expression with each direct operand replaced by what `transform` makes of it.
  public func mapChildren(_ transform: (Expression) -> Expression) -> Expression {
    switch kind {
    case .integer, .float, .variable: self
    case .load(let buffer, let indices): replacing(.load(buffer, indices.map(transform)))
    case .unary(let op, let operand): replacing(.unary(op, transform(operand)))
    case .convert(let operand): replacing(.convert(transform(operand)))
    case .checked(let index): replacing(.checked(transform(index)))
    case .part(let part, let operand): replacing(.part(part, transform(operand)))
    case .complex(let real, let imaginary):
      replacing(.complex(transform(real), transform(imaginary)))
    case .binary(let op, let left, let right):
      replacing(.binary(op, transform(left), transform(right)))
    case .compare(let op, let left, let right):
      replacing(.compare(op, transform(left), transform(right)))
    case .logical(let op, let left, let right):
      replacing(.logical(op, transform(left), transform(right)))
    case .select(let condition, let then, let otherwise):
      replacing(
        .select(transform(condition), then: transform(then), otherwise: transform(otherwise)))
    case .math(let function, let arguments):
      replacing(.math(function, arguments.map(transform)))
    }
  }

  /// The expression rebuilt from the leaves up: `transform` sees each node after its operands.
  public func mapBottomUp(_ transform: (Expression) -> Expression) -> Expression {
    transform(mapChildren { $0.mapBottomUp(transform) })
  }

  /// Calls `visit` with the expression and all below it, outermost first.
  public func forEachDescendant(_ visit: (Expression) -> Void) {
    visit(self)
    forEachChild { $0.forEachDescendant(visit) }
  }

  /// Whether any part of the expression satisfies `condition`.
  public func contains(_ condition: (Expression) -> Bool) -> Bool {
    var found = false
    forEachDescendant { found = found || condition($0) }
    return found
  }

  /// Whether the expression reads no memory, and no variables but those that satisfy `condition`.
  func readsOnly(_ condition: (VariableID) -> Bool) -> Bool {
    !contains { part in
      switch part.kind {
      case .variable(let id): !condition(id)
      case .load: true
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        false
      }
    }
  }

  /// The expression with `replacements` put in the place of variables.
  public func substituting(_ replacements: [VariableID: Expression]) -> Expression {
    if replacements.isEmpty { return self }
    return mapBottomUp { e in
      guard case .variable(let id) = e.kind, let value = replacements[id] else { return e }
      return value
    }
  }
}

extension Statement {
  /// Calls `visit` with each expression that stands directly in the statement, loop bounds included.
  public func forEachExpression(_ visit: (Expression) -> Void) {
    switch kind {
    case .assign(_, let value): visit(value)
    case .store(_, let indices, let value):
      indices.forEach(visit)
      visit(value)
    case .call(let call): call.forEachExpression(visit)
    case .loop(let loop):
      visit(loop.lower)
      visit(loop.upper)
      if let condition = loop.condition { visit(condition) }
      if let workers = loop.mapping.workers { visit(workers) }
      if let streams = loop.mapping.streams { visit(streams) }
    case .whileLoop(let condition, _), .conditional(let condition, _, _): visit(condition)
    case .requireEqual(let left, let right):
      visit(left)
      visit(right)
    case .device, .allocate, .launch, .barrier: break
    }
  }

  /// The statement with each expression that stands directly in it replaced.
  public func mapExpressions(_ transform: (Expression) -> Expression) -> Statement {
    let kind: Kind
    switch self.kind {
    case .assign(let variable, let value): kind = .assign(variable, transform(value))
    case .store(let buffer, let indices, let value):
      kind = .store(buffer, indices.map(transform), transform(value))
    case .call(let call): kind = .call(call.mapExpressions(transform))
    case .loop(var loop):
      loop.lower = transform(loop.lower)
      loop.upper = transform(loop.upper)
      loop.condition = loop.condition.map(transform)
      loop.mapping.workers = loop.mapping.workers.map(transform)
      loop.mapping.streams = loop.mapping.streams.map(transform)
      kind = .loop(loop)
    case .whileLoop(let condition, let body):
      kind = .whileLoop(condition: transform(condition), body: body)
    case .conditional(let condition, let then, let otherwise):
      kind = .conditional(transform(condition), then: then, otherwise: otherwise)
    case .requireEqual(let left, let right):
      kind = .requireEqual(transform(left), transform(right))
    case .device, .allocate, .launch, .barrier: kind = self.kind
    }
    return Statement(kind, at: span)
  }

  /// The blocks of statements directly inside this one.
  public var blocks: [[Statement]] {
    switch kind {
    case .assign, .store, .call, .requireEqual, .launch, .barrier: []
    case .loop(let loop): [loop.body]
    case .whileLoop(_, let body), .device(let body), .allocate(_, let body): [body]
    case .conditional(_, let then, let otherwise): [then, otherwise]
    }
  }

  /// The statement with the blocks directly inside it replaced, see `blocks`; one that is missing is empty.
  public func replacingBlocks(with blocks: [[Statement]]) -> Statement {
    var rest = blocks.makeIterator()
    return mapBlocks { _ in rest.next() ?? [] }
  }

  /// The statement with each block directly inside it replaced.
  public func mapBlocks(_ transform: ([Statement]) -> [Statement]) -> Statement {
    let kind: Kind
    switch self.kind {
    case .assign, .store, .call, .requireEqual, .launch, .barrier: kind = self.kind
    case .loop(var loop):
      loop.body = transform(loop.body)
      kind = .loop(loop)
    case .whileLoop(let condition, let body):
      kind = .whileLoop(condition: condition, body: transform(body))
    case .device(let body): kind = .device(transform(body))
    case .allocate(let buffer, let body): kind = .allocate(buffer, body: transform(body))
    case .conditional(let condition, let then, let otherwise):
      kind = .conditional(condition, then: transform(then), otherwise: transform(otherwise))
    }
    return Statement(kind, at: span)
  }
}

extension Sequence where Element == Statement {
  /// Calls `visit` with every statement, outer ones before those inside them.
  public func forEachStatement(_ visit: (Statement) -> Void) {
    for statement in self {
      visit(statement)
      for block in statement.blocks { block.forEachStatement(visit) }
    }
  }

  /// Whether there is a loop among the statements or inside them.
  public var containsLoop: Bool {
    var found = false
    forEachStatement { statement in
      switch statement.kind {
      case .loop, .whileLoop: found = true
      case .assign, .store, .call, .conditional, .device, .allocate, .requireEqual, .launch,
        .barrier:
        break
      }
    }
    return found
  }

  /// Calls `visit` with every expression and all parts of it.
  public func forEachExpression(_ visit: (Expression) -> Void) {
    forEachStatement { $0.forEachExpression { $0.forEachDescendant(visit) } }
  }

  /// The statements with every expression, at any depth, rebuilt from the leaves up.
  public func mapExpressions(_ transform: (Expression) -> Expression) -> [Statement] {
    map { statement in
      statement.mapExpressions { $0.mapBottomUp(transform) }
        .mapBlocks { $0.mapExpressions(transform) }
    }
  }

  /// The statements, each replaced by those that `transform` makes of it after doing so inside it.
  public func flatMapStatements(_ transform: (Statement) -> [Statement]) -> [Statement] {
    flatMap { transform($0.mapBlocks { $0.flatMapStatements(transform) }) }
  }
}

extension LoopFunction {
  /// The function with every expression of the body rebuilt from the leaves up.
  public func mapExpressions(_ transform: (Expression) -> Expression) -> LoopFunction {
    var result = self
    result.body = body.mapExpressions(transform)
    return result
  }
}
