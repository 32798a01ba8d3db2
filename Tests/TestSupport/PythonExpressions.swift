import Syntax

extension PythonParser {
  /// One expression, or a tuple without parentheses.
  mutating func expressionList() throws -> Expression {
    let start = position
    let first = try expression()
    guard current.kind == .symbol(",") else { return first }
    var parts = [first]
    while accept(",") { parts.append(try expression()) }
    return Expression(.tuple(parts), at: span(from: start))
  }

  mutating func expression() throws -> Expression {
    let start = position
    let then = try boolean(.or)
    guard accept("if") else { return then }
    let test = try boolean(.or)
    try expect("else")
    let otherwise = try expression()
    return Expression(
      .conditional(test: test, then: then, otherwise: otherwise), at: span(from: start))
  }

  private mutating func boolean(_ op: BooleanOperator) throws -> Expression {
    let start = position
    var operands = [op == .or ? try boolean(.and) : try negation()]
    while accept(op.rawValue) { operands.append(op == .or ? try boolean(.and) : try negation()) }
    return operands.count == 1
      ? operands[0] : Expression(.boolean(op, operands), at: span(from: start))
  }

  private mutating func negation() throws -> Expression {
    let start = position
    guard accept("not") else { return try comparison() }
    return Expression(.unary(.not, try negation()), at: span(from: start))
  }

  private mutating func comparison() throws -> Expression {
    let start = position
    let first = try operation(level: 0)
    var links: [Expression.ComparisonLink] = []
    while case .symbol(let symbol) = current.kind, let op = ComparisonOperator(rawValue: symbol) {
      position += 1
      links.append(Expression.ComparisonLink(op, try operation(level: 0)))
    }
    return links.isEmpty ? first : Expression(.comparison(first, links), at: span(from: start))
  }

  /// The binary operators, loosest first.
  private static let levels: [[BinaryOperator]] = [
    [.bitOr], [.bitXor], [.bitAnd], [.shiftLeft, .shiftRight], [.add, .subtract],
    [.multiply, .divide, .floorDivide, .modulo, .matrixMultiply],
  ]

  private mutating func operation(level: Int) throws -> Expression {
    guard level < Self.levels.count else { return try unary() }
    let start = position
    var left = try operation(level: level + 1)
    while case .symbol(let symbol) = current.kind, let op = BinaryOperator(rawValue: symbol),
      Self.levels[level].contains(op)
    {
      position += 1
      let right = try operation(level: level + 1)
      left = Expression(.binary(op, left, right), at: span(from: start))
    }
    return left
  }

  private mutating func unary() throws -> Expression {
    let start = position
    for (symbol, op) in [("-", UnaryOperator.negate), ("+", .plus), ("~", .invert)]
    where accept(symbol) {
      return Expression(.unary(op, try unary()), at: span(from: start))
    }
    let base = try postfix()
    guard accept("**") else { return base }
    return Expression(.binary(.power, base, try unary()), at: span(from: start))
  }

  private mutating func postfix() throws -> Expression {
    let start = position
    var result = try primary()
    while true {
      if accept(".") {
        result = Expression(.attribute(result, try name()), at: span(from: start))
      } else if accept("[") {
        var indices = [try index()]
        while accept(",") { indices.append(try index()) }
        try expect("]")
        result = Expression(.subscripted(result, indices), at: span(from: start))
      } else if accept("(") {
        var arguments: [Expression] = []
        var keywords: [Expression.Keyword] = []
        while !accept(")") {
          if case .name(let keyword) = current.kind, tokens[position + 1].kind == .symbol("=") {
            position += 2
            keywords.append(Expression.Keyword(keyword, try expression()))
          } else {
            arguments.append(try expression())
          }
          _ = accept(",")
        }
        result = Expression(
          .call(result, arguments: arguments, keywords: keywords), at: span(from: start))
      } else {
        return result
      }
    }
  }

  private mutating func index() throws -> Expression.Index {
    if accept("...") { return .ellipsis }
    func isBound(_ kind: PythonToken.Kind) -> Bool {
      ![.symbol(":"), .symbol(","), .symbol("]")].contains(kind)
    }
    let lower = isBound(current.kind) ? try expression() : nil
    guard accept(":") else {
      guard let lower else { throw failure("expected an index") }
      return .expression(lower)
    }
    let upper = isBound(current.kind) ? try expression() : nil
    let step = accept(":") && isBound(current.kind) ? try expression() : nil
    return .slice(lower: lower, upper: upper, step: step)
  }

  private mutating func primary() throws -> Expression {
    let start = position
    let token = current
    position += 1
    let kind: Expression.Kind
    switch token.kind {
    case .number(let digits):
      if let value = Int64(digits) {
        kind = .integer(value)
      } else if let value = Double(digits), digits.contains(".") || digits.contains("e") {
        kind = .float(value)
      } else {
        kind = .bigInteger(digits)
      }
    case .string(let text): kind = .string(text)
    case .name("True"): kind = .bool(true)
    case .name("False"): kind = .bool(false)
    case .name("None"): kind = .none
    case .name(let name): kind = .name(name)
    case .symbol("("):
      let inner = try expressionList()
      try expect(")")
      return inner
    case .symbol, .newline, .indent, .dedent, .end:
      position = start
      throw failure("expected an expression")
    }
    return Expression(kind, at: span(from: start))
  }
}
