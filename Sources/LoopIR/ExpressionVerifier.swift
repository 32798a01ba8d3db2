import Syntax

/// Finds what is wrong with single expressions of a function: ids out of range, types that do not fit.
struct ExpressionVerifier {
  let function: LoopFunction
  private(set) var faults: [Diagnostic] = []

  init(_ function: LoopFunction) { self.function = function }

  /// Notes a fault at a place.
  mutating func fail(_ message: String, at span: Span) {
    faults.append(Diagnostic(.bug, message, at: span))
  }

  /// The text of an expression, for messages.
  func text(_ e: Expression) -> String {
    "'\(ExpressionPrinter(function).text(e, expecting: e.type))'"
  }

  /// Checks `e` and all below it, and that it is of the given type.
  mutating func verify(_ e: Expression, is type: ScalarType, as role: String) {
    if e.type != type { fail("\(role) \(text(e)) is \(e.type), not \(type)", at: e.span) }
    if e.isChecked { fail("\(role) \(text(e)) is tested, but is no index", at: e.span) }
    verify(e)
  }

  /// Checks `e` and all below it.
  mutating func verify(_ e: Expression) {
    var operands: [Expression] = []
    e.forEachChild { operands.append($0) }
    for operand in operands { verify(operand) }
    if !e.isLoad && operands.contains(where: \.isChecked) {
      fail("\(text(e)) tests what is no index", at: e.span)
    }
    switch e.kind {
    case .integer(let value): verifyInteger(value, e)
    case .float(let literal):
      let value = literal.value
      if !e.type.isFloat { fail("the float literal \(value) is \(e.type)", at: e.span) }
      if e.type.isFloat && !value.isNaN && e.type.rounded(value) != value {
        fail("the \(e.type) literal \(value) is not rounded", at: e.span)
      }
    case .variable(let id):
      guard let variable = self[id, at: e.span] else { return }
      require(variable.type == e.type, "is not of its variable's type \(variable.type)", e)
    case .load(let id, let indices):
      guard let buffer = verifyElement(of: id, indices, at: e.span) else { return }
      require(buffer.element == e.type, "is not of its buffer's type \(buffer.element)", e)
    case .unary(let op, let operand): verify(op, operand, e)
    case .binary(let op, let left, let right): verify(op, left, right, e)
    case .compare(_, let left, let right):
      require(e.type == .bool, "is not bool", e)
      let differInSign =
        left.type.isInteger && right.type.isInteger && left.type.size == right.type.size
      require(left.type == right.type || differInSign, "compares different types", e)
      require(!left.type.isComplex, "compares complex values", e)
    case .logical(_, let left, let right):
      require(
        [e.type, left.type, right.type].allSatisfy { $0 == .bool }, "is not of bools alone", e)
    case .select(let condition, let then, let otherwise):
      require(condition.type == .bool, "has a condition that is no bool", e)
      require(then.type == e.type && otherwise.type == e.type, "has branches of another type", e)
    case .convert(let operand):
      let loses = operand.type.isComplex && !e.type.isComplex && e.type != .bool
      require(!loses, "drops an imaginary part", e)
    case .checked(let index): require(index.type == e.type, "has an index of another type", e)
    case .complex(let real, let imaginary):
      require(e.type.isComplex, "is not complex", e)
      require(
        real.type == e.type.part && imaginary.type == e.type.part, "has parts of another type", e)
    case .part(_, let operand):
      require(operand.type.isComplex, "is a part of what is not complex", e)
      require(operand.type.part == e.type, "is not of the part's type", e)
    case .math(let function, let arguments): verify(function, arguments, e)
    }
  }

  /// Checks an element's buffer and the number and type of its indices; gives the buffer where there is one.
  mutating func verifyElement(of id: BufferID, _ indices: [Expression], at span: Span) -> Buffer? {
    guard let buffer = self[id, at: span] else { return nil }
    if indices.count != buffer.extents.count {
      fail(
        "'\(buffer.name)' has \(buffer.extents.count) dimensions, not \(indices.count)", at: span)
    }
    for index in indices where index.type != .int64 {
      fail("the index \(text(index)) is \(index.type), not int64", at: index.span)
    }
    return buffer
  }

  /// The variable, or nil and a fault where there is none.
  subscript(id: VariableID, at span: Span) -> Variable? {
    mutating get {
      if function.variables.indices.contains(id.index) { return function[id] }
      fail("there is no variable \(id.index)", at: span)
      return nil
    }
  }

  /// The buffer, or nil and a fault where there is none.
  subscript(id: BufferID, at span: Span) -> Buffer? {
    mutating get {
      if function.buffers.indices.contains(id.index) { return function[id] }
      fail("there is no buffer \(id.index)", at: span)
      return nil
    }
  }

  private mutating func require(_ condition: Bool, _ fault: String, _ e: Expression) {
    if condition { return }
    fail("\(text(e)) of type \(e.type) \(fault)", at: e.span)
  }

  private mutating func verifyInteger(_ value: Int64, _ e: Expression) {
    guard let range = e.type.integerRange else {
      fail("the integer literal \(value) is \(e.type)", at: e.span)
      return
    }
    if e.type != .uint64 && !range.contains(value) {
      fail("the literal \(value) does not fit \(e.type)", at: e.span)
    }
  }

  private mutating func verify(_ op: UnaryOperator, _ operand: Expression, _ e: Expression) {
    require(operand.type == e.type, "has an operand of another type", e)
    require(!e.type.isComplex, "is an operation on complex values", e)
    switch op {
    case .negate: require(e.type != .bool, "negates a bool", e)
    case .not: require(e.type == .bool, "is not bool", e)
    case .invert: require(!e.type.isFloat, "inverts a float", e)
    case .absolute: break
    }
  }

  private mutating func verify(
    _ op: BinaryOperator, _ left: Expression, _ right: Expression, _ e: Expression
  ) {
    require(left.type == e.type && right.type == e.type, "has operands of other types", e)
    require(!e.type.isComplex, "is an operation on complex values", e)
    switch op {
    case .divide: require(e.type.isFloat, "divides what is no float", e)
    case .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight:
      require(!e.type.isFloat, "has a bit operator on floats", e)
    case .add, .subtract, .multiply, .floorDivide, .modulo, .power, .pythonMin, .pythonMax,
      .minimum, .maximum:
      break
    }
  }

  private mutating func verify(
    _ function: MathFunction, _ arguments: [Expression], _ e: Expression
  ) {
    if arguments.count != function.arity {
      require(false, "passes \(arguments.count) arguments, not \(function.arity)", e)
    }
    guard let type = arguments.first?.type else { return }
    require(
      type.isFloat && arguments.allSatisfy { $0.type == type },
      "has arguments that are not of one float type", e)
    if function.isPredicate {
      require(e.type == .bool, "is not bool", e)
    } else {
      require(e.type == type, "is not of its arguments' type", e)
    }
  }
}
