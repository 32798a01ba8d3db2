extension Expression {
  /// Calls `visit` with each direct part of the expression, in source order.
  public func forEachChild(_ visit: (Expression) -> Void) {
    switch kind {
    case .name, .integer, .bigInteger, .float, .bool, .string, .none: break
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
}
