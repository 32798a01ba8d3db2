import CPython
import Syntax

extension ASTReader {
  /// Reads an expression; nil where it, or a part of it, was rejected.
  mutating func readExpression(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression? {
    let span = try span(of: node)
    depth += 1
    let isCall = node.className == "Call"
    stack.enter(isCall ? StackUse.call : StackUse.part)
    defer {
      depth -= 1
      stack.leave(isCall ? StackUse.call : StackUse.part)
    }
    if depth > Self.maximumDepth {
      // Once, not for each of the parts that are deeper still.
      if depth == Self.maximumDepth + 1 {
        reject("expressions nested deeper than \(Self.maximumDepth) are", at: span)
      }
      return nil
    }
    return try readKind(node, span).map { Syntax.Expression($0, at: span) }
  }

  private mutating func readKind(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    switch node.className {
    case "Name": return .name(try string(node, "id"))
    case "Constant": return try readConstant(node, span)
    case "UnaryOp": return try readUnary(node)
    case "BinOp": return try readBinary(node)
    case "BoolOp": return try readBoolean(node)
    case "Compare": return try readComparison(node, span)
    case "IfExp": return try readIfExpression(node)
    case "Subscript": return try readSubscript(node)
    case "Attribute":
      let base = try node.attribute("value")
      guard let value = try readExpression(base.pointer) else { return nil }
      return .attribute(value, try string(node, "attr"))
    case "Call": return try readCall(node)
    case "Tuple": return try readAll(items(node, "elts")).map { .tuple($0) }
    case let name:
      let missing = MissingSyntax(expression: name)
      reject(missing.what, at: span, help: missing.help)
      return nil
    }
  }

  /// Reads all of the nodes, so that every one is judged; nil where one was rejected.
  private mutating func readAll(_ nodes: [Held]) throws(PythonException) -> [Syntax.Expression]? {
    if nodes.count > Self.maximumOperands, let last = nodes.last {
      reject("more than \(Self.maximumOperands) operands are", at: try span(of: last.pointer))
      return nil
    }
    // Later stages nest operands.
    stack.enter(nodes.count * StackUse.part)
    stack.leave(nodes.count * StackUse.part)
    var expressions: [Syntax.Expression] = []
    for node in nodes {
      if let read = try readExpression(node.pointer) { expressions.append(read) }
    }
    return expressions.count == nodes.count ? expressions : nil
  }

  // MARK: - Literals

  private mutating func readConstant(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let constant = try node.attribute("value")
    let value = constant.pointer
    if value == py_none() { return Syntax.Expression.Kind.none }
    if py_is_bool(value) { return .bool(py_is_true(value)) }
    if py_is_int(value) { return try readInteger(value) }
    if py_is_float(value) { return .float(PyFloat_AsDouble(value)) }
    if py_is_complex(value) { return .imaginary(PyComplex_ImagAsDouble(value)) }
    if py_is_string(value) { return .string(try String(python: value)) }
    reject("literals of the type \(value.className) are", at: span)
    return nil
  }

  private func readInteger(
    _ value: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind {
    var overflow: Int32 = 0
    let integer = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow == 0 {
      if integer == -1, PyErr_Occurred() != nil { throw PythonException() }
      return .integer(integer)
    }
    let text = try OwnedObject(PyObject_Str(value))
    return .bigInteger(try String(python: text.pointer))
  }

  // MARK: - Operators

  private mutating func readUnary(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let op = try node.attribute("op")
    let operandNode = try node.attribute("operand")
    guard let operand = try readExpression(operandNode.pointer) else { return nil }
    switch op.pointer.className {
    case "USub": return .unary(.negate, operand)
    case "UAdd": return .unary(.plus, operand)
    case "Not": return .unary(.not, operand)
    case "Invert": return .unary(.invert, operand)
    case let name:
      reject("the operator \(name) is", at: operand.span)
      return nil
    }
  }

  /// Reads the operator of a binary operation or an augmented assignment.
  mutating func readBinaryOperator(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.BinaryOperator? {
    let op = try node.attribute("op")
    switch op.pointer.className {
    case "Add": return .add
    case "Sub": return .subtract
    case "Mult": return .multiply
    case "Div": return .divide
    case "FloorDiv": return .floorDivide
    case "Mod": return .modulo
    case "Pow": return .power
    case "BitAnd": return .bitAnd
    case "BitOr": return .bitOr
    case "BitXor": return .bitXor
    case "LShift": return .shiftLeft
    case "RShift": return .shiftRight
    case "MatMult": return .matrixMultiply
    case let name:
      reject("the operator \(name) is", at: try span(of: node))
      return nil
    }
  }

  private mutating func readBinary(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let leftNode = try node.attribute("left")
    let rightNode = try node.attribute("right")
    let left = try readExpression(leftNode.pointer)
    let op = try readBinaryOperator(node)
    let right = try readExpression(rightNode.pointer)
    guard let left, let op, let right else { return nil }
    return .binary(op, left, right)
  }

  private mutating func readBoolean(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let op = try node.attribute("op")
    guard let operands = try readAll(items(node, "values")) else { return nil }
    return .boolean(op.pointer.className == "And" ? .and : .or, operands)
  }

  private mutating func readComparison(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let firstNode = try node.attribute("left")
    let first = try readExpression(firstNode.pointer)
    let operands = try readAll(items(node, "comparators"))
    var operators: [Syntax.ComparisonOperator] = []
    let names = try items(node, "ops").map { $0.pointer.className }
    for name in names {
      switch name {
      case "Eq": operators.append(.equal)
      case "NotEq": operators.append(.notEqual)
      case "Lt": operators.append(.less)
      case "LtE": operators.append(.lessEqual)
      case "Gt": operators.append(.greater)
      case "GtE": operators.append(.greaterEqual)
      case "Is", "IsNot": reject("`is` is", at: span, help: "compare values with ==")
      case "In", "NotIn":
        reject("`in` is", at: span, help: "compare with one element after the other in a loop")
      default: reject("the operator \(name) is", at: span)
      }
    }
    guard let first, let operands, operators.count == names.count else { return nil }
    let links = zip(operators, operands).map { Syntax.Expression.ComparisonLink($0, $1) }
    return .comparison(first, links)
  }

  private mutating func readIfExpression(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let testNode = try node.attribute("test")
    let thenNode = try node.attribute("body")
    let otherwiseNode = try node.attribute("orelse")
    let test = try readExpression(testNode.pointer)
    let then = try readExpression(thenNode.pointer)
    let otherwise = try readExpression(otherwiseNode.pointer)
    guard let test, let then, let otherwise else { return nil }
    return .conditional(test: test, then: then, otherwise: otherwise)
  }

  // MARK: - Subscripts and calls

  private mutating func readSubscript(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let baseNode = try node.attribute("value")
    let indexNode = try node.attribute("slice")
    let base = try readExpression(baseNode.pointer)
    let isTuple = indexNode.pointer.className == "Tuple"
    let nodes = isTuple ? try items(indexNode.pointer, "elts") : [Held(indexNode.pointer)]
    var indexes: [Syntax.Expression.Index] = []
    for node in nodes {
      if let index = try readIndex(node.pointer) { indexes.append(index) }
    }
    guard let base, indexes.count == nodes.count else { return nil }
    return .subscripted(base, indexes)
  }

  private mutating func readIndex(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Index? {
    switch node.className {
    case "Slice":
      var isComplete = true
      var bounds: [Syntax.Expression?] = []
      for field in ["lower", "upper", "step"] {
        let bound = try node.attribute(field)
        let read = bound.pointer == py_none() ? nil : try readExpression(bound.pointer)
        if read == nil, bound.pointer != py_none() { isComplete = false }
        bounds.append(read)
      }
      return isComplete ? .slice(lower: bounds[0], upper: bounds[1], step: bounds[2]) : nil
    case "Constant":
      let value = try node.attribute("value")
      if value.pointer.className == "ellipsis" { return .ellipsis }
      return try readExpression(node).map { .expression($0) }
    default: return try readExpression(node).map { .expression($0) }
    }
  }

  private mutating func readCall(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression.Kind? {
    let calleeNode = try node.attribute("func")
    let callee = try readExpression(calleeNode.pointer)
    let arguments = try readAll(items(node, "args"))
    var isComplete = true
    var keywords: [Syntax.Expression.Keyword] = []
    for keyword in try items(node, "keywords") {
      let name = try keyword.pointer.attribute("arg")
      let valueNode = try keyword.pointer.attribute("value")
      let value = try readExpression(valueNode.pointer)
      if name.pointer == py_none() {
        reject("star-arguments are", at: try span(of: keyword.pointer))
        isComplete = false
      } else if let value {
        keywords.append(Syntax.Expression.Keyword(try String(python: name.pointer), value))
      } else {
        isComplete = false
      }
    }
    guard let callee, let arguments, isComplete else { return nil }
    return .call(callee, arguments: arguments, keywords: keywords)
  }
}
