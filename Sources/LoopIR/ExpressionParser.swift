import Syntax

/// A parsed expression whose literals await their type.
struct PendingExpression {
  /// The type whatever the literals are taken for, as `Expression.ownType` has it.
  let ownType: ScalarType?
  /// The height of the tree.
  let height: Int
  /// Builds the expression; literals of the result's type become `context`.
  fileprivate let build: (_ context: ScalarType?) throws(DiagnosticError) -> Expression

  /// The expression, where a value of type `expected` is wanted.
  func resolved(expecting expected: ScalarType?) throws(DiagnosticError) -> Expression {
    try build(ownType ?? expected)
  }
}

/// One operand of an operation under construction.
private struct Operand {
  var expression: PendingExpression
  /// The type that its literals get; nil for that of the operation.
  var expected: ScalarType??

  /// An operand of the operation's type.
  init(_ expression: PendingExpression) { self.expression = expression }

  /// An operand of a type of its own; nil where nothing gives one.
  init(_ expression: PendingExpression, expecting expected: ScalarType?) {
    self.expression = expression
    self.expected = .some(expected)
  }
}

extension Parser {
  /// The next expression, as a value of type `expected` where its literals leave a choice.
  mutating func expression(expecting expected: ScalarType?) throws(DiagnosticError) -> Expression {
    try pendingExpression().resolved(expecting: expected)
  }

  /// `[i, j]`, as int64 expressions.
  mutating func bracketedIndices() throws(DiagnosticError) -> [Expression] {
    var result: [Expression] = []
    for index in try pendingList(from: "[", to: "]") {
      result.append(try index.resolved(expecting: .int64))
    }
    return result
  }

  private mutating func pendingExpression() throws(DiagnosticError) -> PendingExpression {
    let start = position
    let then = try operation(atLeast: .or)
    guard accept("if") else { return then }
    let condition = try operation(atLeast: .or)
    try expect("else")
    let otherwise = try nested { parser throws(DiagnosticError) in try parser.pendingExpression() }
    return try node(
      from: start, ownType: then.ownType ?? otherwise.ownType,
      [Operand(condition, expecting: .bool), Operand(then), Operand(otherwise)]
    ) { .select($0[0], then: $0[1], otherwise: $0[2]) }
  }

  /// The operations that bind at least as tightly as `minimum`, by precedence climbing.
  private mutating func operation(atLeast minimum: Precedence) throws(DiagnosticError)
    -> PendingExpression
  {
    let start = position
    var left: PendingExpression
    if minimum <= .not, accept("not") {
      let operand = try nested { parser throws(DiagnosticError) in
        try parser.operation(atLeast: .not)
      }
      left = try node(from: start, ownType: .bool, [Operand(operand, expecting: .bool)]) {
        .unary(.not, $0[0])
      }
    } else {
      left = try unary()
    }
    while let (op, precedence) = infixOperator, precedence >= minimum {
      advance()
      let right = try operation(atLeast: precedence.tighter)
      left = try infix(op, left, right, from: start)
      if precedence == .compare, infixOperator?.precedence == .compare {
        throw failure("comparisons do not chain")
      }
    }
    return left
  }

  private enum Infix {
    case binary(BinaryOperator)
    case compare(ComparisonOperator)
    case logical(BooleanOperator)
  }

  /// The operator at the current token, powers excepted.
  private var infixOperator: (op: Infix, precedence: Precedence)? {
    switch current.kind {
    case .word("and"): return (.logical(.and), .and)
    case .word("or"): return (.logical(.or), .or)
    case .symbol(let symbol):
      if let op = ComparisonOperator(rawValue: symbol) { return (.compare(op), .compare) }
      guard let op = BinaryOperator(symbol: symbol), op != .power, let infix = op.infix else {
        return nil
      }
      return (.binary(op), infix.precedence)
    case .word, .name, .integer, .float, .string, .newline, .indent, .dedent, .end: return nil
    }
  }

  private func infix(
    _ op: Infix, _ left: PendingExpression, _ right: PendingExpression, from start: Int
  ) throws(DiagnosticError) -> PendingExpression {
    let type = left.ownType ?? right.ownType
    switch op {
    case .binary(let op):
      return try node(from: start, ownType: type, [Operand(left), Operand(right)]) {
        .binary(op, $0[0], $0[1])
      }
    case .compare(let op):
      let operands = [Operand(left, expecting: type), Operand(right, expecting: type)]
      return try node(from: start, ownType: .bool, operands) { .compare(op, $0[0], $0[1]) }
    case .logical(let op):
      let operands = [Operand(left, expecting: .bool), Operand(right, expecting: .bool)]
      return try node(from: start, ownType: .bool, operands) { .logical(op, $0[0], $0[1]) }
    }
  }

  /// A signed operand, or a power.
  private mutating func unary() throws(DiagnosticError) -> PendingExpression {
    let start = position
    if accept("-") {
      if next.kind != .symbol("**"), let literal = try number(isNegative: true, from: start) {
        return literal
      }
      return try unary(.negate, from: start)
    }
    if accept("~") { return try unary(.invert, from: start) }
    let base = try primary()
    guard accept("**") else { return base }
    let exponent = try nested { parser throws(DiagnosticError) in try parser.unary() }
    return try infix(.binary(.power), base, exponent, from: start)
  }

  private mutating func unary(_ op: UnaryOperator, from start: Int) throws(DiagnosticError)
    -> PendingExpression
  {
    let operand = try nested { parser throws(DiagnosticError) in try parser.unary() }
    return try node(from: start, ownType: operand.ownType, [Operand(operand)]) { .unary(op, $0[0]) }
  }

  private mutating func primary() throws(DiagnosticError) -> PendingExpression {
    let start = position
    if let literal = try number(isNegative: false, from: start) { return literal }
    if accept("(") {
      let inner = try nested { parser throws(DiagnosticError) in try parser.pendingExpression() }
      try expect(")")
      return inner
    }
    if accept("True") { return try node(from: start, ownType: .bool, []) { _ in .integer(1) } }
    if accept("False") { return try node(from: start, ownType: .bool, []) { _ in .integer(0) } }
    if case .word(let function) = current.kind, next.kind == .symbol("(") {
      return try call(function)
    }
    switch try symbol() {
    case .variable(let id):
      return try node(from: start, ownType: function[id].type, []) { _ in .variable(id) }
    case .buffer(let id):
      let indices = try pendingList(from: "[", to: "]").map { Operand($0, expecting: .int64) }
      return try node(from: start, ownType: function[id].element, indices) { .load(id, $0) }
    }
  }

  /// A conversion or a function, with its arguments.
  private mutating func call(_ name: String) throws(DiagnosticError) -> PendingExpression {
    let start = position
    advance()
    let arguments = try pendingList(from: "(", to: ")")
    let own = arguments.lazy.compactMap(\.ownType).first
    if let type = ScalarType(name: name), arguments.count == 1 {
      return try node(from: start, ownType: type, [Operand(arguments[0], expecting: nil)]) {
        .convert($0[0])
      }
    }
    if let type = ScalarType(name: name), type.isComplex, arguments.count == 2 {
      let parts = arguments.map { Operand($0, expecting: type.part) }
      return try node(from: start, ownType: type, parts) { .complex($0[0], $0[1]) }
    }
    if let part = ComplexPart.allCases.first(where: { $0.word == name }), arguments.count == 1 {
      let operand = Operand(arguments[0], expecting: nil)
      return try node(from: start, ownType: own?.part, [operand]) { .part(part, $0[0]) }
    }
    if name == "checked", arguments.count == 1 {
      return try node(from: start, ownType: .int64, [Operand(arguments[0], expecting: .int64)]) {
        .checked($0[0])
      }
    }
    if name == "abs", arguments.count == 1 {
      return try node(from: start, ownType: own, [Operand(arguments[0])]) {
        .unary(.absolute, $0[0])
      }
    }
    if let op = BinaryOperator(word: name), op.infix == nil, arguments.count == 2 {
      return try node(from: start, ownType: own, arguments.map { Operand($0) }) {
        .binary(op, $0[0], $0[1])
      }
    }
    guard let function = MathFunction(word: name), arguments.count == function.arity else {
      throw failure("there is no function '\(name)' of \(arguments.count) arguments", at: start)
    }
    let operands = arguments.map {
      function.isPredicate ? Operand($0, expecting: own) : Operand($0)
    }
    return try node(from: start, ownType: function.isPredicate ? .bool : own, operands) {
      .math(function, $0)
    }
  }

  /// The number at the current token, or nil where there is none.
  private mutating func number(isNegative: Bool, from start: Int) throws(DiagnosticError)
    -> PendingExpression?
  {
    let place = current
    switch place.kind {
    case .integer(let magnitude, let suffix):
      advance()
      return integer(magnitude, isNegative: isNegative, suffix, from: start)
    case .float(let digits, let suffix):
      advance()
      return float(suffix, from: start) { type in
        let value =
          type == .float32
          ? Float(digits).map { Double($0) } : Double(digits).map(type.rounded)
        guard let value, value.isFinite else { return nil }
        return isNegative ? -value : value
      }
    case .word("inf"), .word("inff16"), .word("infbf16"), .word("inff32"), .word("inff64"),
      .word("nan"), .word("nanf16"), .word("nanbf16"), .word("nanf32"), .word("nanf64"):
      guard case .word(let word) = place.kind else { return nil }
      advance()
      let magnitude: Double = word.hasPrefix("inf") ? .infinity : .nan
      return float(Spelling.type(suffix: String(word.dropFirst(3))), from: start) { _ in
        isNegative ? -magnitude : magnitude
      }
    case .word, .name, .string, .symbol, .newline, .indent, .dedent, .end: return nil
    }
  }

  private func integer(
    _ magnitude: UInt64, isNegative: Bool, _ suffix: ScalarType?, from start: Int
  ) -> PendingExpression {
    let place = current(at: start)
    let span = span(from: start)
    return PendingExpression(ownType: nil, height: 1) { context throws(DiagnosticError) in
      let bare = Expression(.integer(0), .int64, at: span)
      let type = suffix ?? bare.bareType(expected: context)
      let bits = Int64(bitPattern: isNegative ? 0 &- magnitude : magnitude)
      let fits64Bits = isNegative ? magnitude <= 1 << 63 : bits >= 0
      let fits =
        type == .uint64
        ? !isNegative || magnitude == 0
        : fits64Bits && type.integerRange?.contains(bits) == true
      if fits { return Expression(.integer(bits), type, at: span) }
      throw .malformed(
        "\(isNegative ? "-" : "")\(magnitude) does not fit \(type)", line: place.line,
        column: place.column)
    }
  }

  private func float(
    _ suffix: ScalarType?, from start: Int, value: @escaping (ScalarType) -> Double?
  ) -> PendingExpression {
    let place = current(at: start)
    let span = span(from: start)
    return PendingExpression(ownType: nil, height: 1) { context throws(DiagnosticError) in
      let bare = Expression(.float(FloatLiteral(0)), .float64, at: span)
      let type = suffix ?? bare.bareType(expected: context)
      if let value = value(type) { return Expression(.float(FloatLiteral(value)), type, at: span) }
      throw .malformed(
        "the number does not fit \(type)", line: place.line, column: place.column)
    }
  }

  /// The expressions between two brackets.
  private mutating func pendingList(from open: String, to close: String) throws(DiagnosticError)
    -> [PendingExpression]
  {
    try expect(open)
    var result: [PendingExpression] = []
    if accept(close) { return result }
    repeat {
      result.append(
        try nested { parser throws(DiagnosticError) in try parser.pendingExpression() })
    } while accept(",")
    try expect(close)
    return result
  }

  /// An operation on `operands`, of type `ownType` or, where that is nil, of its first operand's type.
  private func node(
    from start: Int, ownType: ScalarType?, _ operands: [Operand],
    kind: @escaping ([Expression]) -> Expression.Kind
  ) throws(DiagnosticError) -> PendingExpression {
    let height = (operands.map(\.expression.height).max() ?? 0) + 1
    if height > Self.greatestHeight {
      throw failure("the expression is deeper than \(Self.greatestHeight) levels", at: start)
    }
    let span = span(from: start)
    return PendingExpression(ownType: ownType, height: height) { context throws(DiagnosticError) in
      var type = ownType
      var children: [Expression] = []
      for operand in operands {
        let child = try operand.expression.resolved(expecting: operand.expected ?? context)
        if type == nil && operand.expected == nil { type = child.type }
        children.append(child)
      }
      return Expression(kind(children), type ?? .float64, at: span)
    }
  }
}
