extension Expression {
  /// Calls `visit` with each direct part of the expression, in source order.
  public func forEachChild(_ visit: (Expression) -> Void) {
    switch kind {
    case .name, .integer, .bigInteger, .float, .imaginary, .bool, .string, .none: break
    case .unary(_, let operand): visit(operand)
    case .binary(_, let left, let right):
      visit(left)
      visit(right)
    case .boolean(_, let operands), .tuple(let operands): operands.forEach(visit)
    case .comparison(let first, let links):
      visit(first)
      links.forEach { visit($0.operand) }
    case .conditional(let test, let then, let otherwise):
      visit(then)
      visit(test)
      visit(otherwise)
    case .subscripted(let base, let indices):
      visit(base)
      for index in indices {
        switch index {
        case .expression(let e): visit(e)
        case .slice(let lower, let upper, let step):
          [lower, upper, step].forEach { if let e = $0 { visit(e) } }
        case .ellipsis: break
        }
      }
    case .attribute(let base, _): visit(base)
    case .call(let callee, let arguments, let keywords):
      visit(callee)
      arguments.forEach(visit)
      keywords.forEach { visit($0.value) }
    }
  }

  /// Whether the expression, or a part of it, satisfies `predicate`.
  public func contains(where predicate: (Expression) -> Bool) -> Bool {
    if predicate(self) { return true }
    var found = false
    forEachChild { found = found || $0.contains(where: predicate) }
    return found
  }

  /// The expression with each direct part replaced by what `transform` makes of it.
  public func mapChildren(_ transform: (Expression) -> Expression) -> Expression {
    let kind: Kind
    switch self.kind {
    case .name, .integer, .bigInteger, .float, .imaginary, .bool, .string, .none: kind = self.kind
    case .unary(let op, let operand): kind = .unary(op, transform(operand))
    case .binary(let op, let left, let right): kind = .binary(op, transform(left), transform(right))
    case .boolean(let op, let operands): kind = .boolean(op, operands.map(transform))
    case .tuple(let parts): kind = .tuple(parts.map(transform))
    case .comparison(let first, let links):
      kind = .comparison(
        transform(first), links.map { ComparisonLink($0.op, transform($0.operand)) })
    case .conditional(let test, let then, let otherwise):
      kind = .conditional(
        test: transform(test), then: transform(then), otherwise: transform(otherwise))
    case .subscripted(let base, let indices):
      kind = .subscripted(
        transform(base),
        indices.map { index in
          switch index {
          case .expression(let e): .expression(transform(e))
          case .slice(let lower, let upper, let step):
            .slice(
              lower: lower.map(transform), upper: upper.map(transform), step: step.map(transform))
          case .ellipsis: .ellipsis
          }
        })
    case .attribute(let base, let name): kind = .attribute(transform(base), name)
    case .call(let callee, let arguments, let keywords):
      kind = .call(
        transform(callee), arguments: arguments.map(transform),
        keywords: keywords.map { Keyword($0.name, transform($0.value)) })
    }
    return Expression(kind, at: span)
  }
}
