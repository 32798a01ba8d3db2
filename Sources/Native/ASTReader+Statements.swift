import CPython
import Syntax

extension ASTReader {
  /// Reads the statements in a list field; strings that stand alone are documentation and left out.
  mutating func readBody(
    of node: PythonPointer, _ field: String
  ) throws(PythonException) -> [Syntax.Statement] {
    var statements: [Syntax.Statement] = []
    var temporaries = 0
    defer { stack.leave(temporaries * StackUse.part) }
    for item in try items(node, field) {
      let read = try readStatement(item.pointer)
      // The rest of the block stands inside a temporary.
      if read.contains(where: \.mayMakeTemporary) {
        temporaries += 1
        stack.enter(StackUse.part)
      }
      statements += read
    }
    return statements
  }

  private mutating func readStatement(
    _ node: PythonPointer
  ) throws(PythonException) -> [Syntax.Statement] {
    let span = try span(of: node)
    depth += 1
    stack.enter(StackUse.part)
    defer {
      depth -= 1
      stack.leave(StackUse.part)
    }
    if depth > Self.maximumDepth {
      if depth == Self.maximumDepth + 1 {
        reject("statements nested deeper than \(Self.maximumDepth) are", at: lineOfStart(span))
      }
      return []
    }
    switch node.className {
    case "Assign": return try readAssignment(node, span)
    case "AugAssign": return try readAugmentedAssignment(node, span)
    case "AnnAssign": return try readAnnotatedAssignment(node, span)
    case "For": return try readFor(node, span)
    case "While": return try readWhile(node, span)
    case "If": return try readConditional(node, span)
    case "With": return try readWith(node, span)
    case "Expr": return try readExpressionStatement(node, span)
    case "Return": return try readReturn(node, span)
    case "Pass": return [Syntax.Statement(.pass, at: span)]
    case "Break": return [Syntax.Statement(.breakLoop, at: span)]
    case "Continue": return [Syntax.Statement(.continueLoop, at: span)]
    case let name:
      var head = span
      if head.endLine > head.line { head = lineOfStart(span) }
      let missing = MissingSyntax(statement: name)
      reject(missing.what, at: head, help: missing.help)
      return []
    }
  }

  // MARK: - Assignments

  private mutating func readAssignment(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let valueNode = try node.attribute("value")
    let value = try readExpression(valueNode.pointer)
    let targets = try items(node, "targets")
    var statements: [Syntax.Statement] = []
    for target in targets {
      guard let target = try readTarget(target.pointer), let value else { continue }
      statements.append(
        Syntax.Statement(.assign(target: target, value: value), at: span, head: target.span))
    }
    if targets.count > 1, let value, !Self.isSimple(value) {
      reject(
        "assigning anything but a name or a literal to several targets at once is", at: span,
        help: "assign to one target, and then that to the others")
    }
    return statements
  }

  /// Whether evaluating the expression a second time gives the same, whatever was assigned in between: a literal, or a
  /// name as long as it is no target.
  private static func isSimple(_ value: Syntax.Expression) -> Bool {
    switch value.kind {
    case .name, .integer, .bigInteger, .float, .imaginary, .bool, .string, .none: true
    case .unary(_, let operand): isSimple(operand)
    case .binary, .boolean, .comparison, .conditional, .subscripted, .attribute, .call, .tuple:
      false
    }
  }

  private mutating func readAugmentedAssignment(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let targetNode = try node.attribute("target")
    let valueNode = try node.attribute("value")
    let target = try readTarget(targetNode.pointer)
    let op = try readBinaryOperator(node)
    let value = try readExpression(valueNode.pointer)
    guard let target, let op, let value else { return [] }
    return [
      Syntax.Statement(
        .augmentedAssign(target: target, op: op, value: value), at: span, head: target.span)
    ]
  }

  /// `x: float = e` is `x = e`, and `x: float` alone does nothing when it runs.
  private mutating func readAnnotatedAssignment(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let targetNode = try node.attribute("target")
    let valueNode = try node.attribute("value")
    guard let target = try readTarget(targetNode.pointer) else { return [] }
    if valueNode.pointer == py_none() { return [Syntax.Statement(.pass, at: span)] }
    guard let value = try readExpression(valueNode.pointer) else { return [] }
    return [Syntax.Statement(.assign(target: target, value: value), at: span, head: target.span)]
  }

  /// Reads what can be assigned to: a name, an element, or a tuple of those.
  private mutating func readTarget(
    _ node: PythonPointer
  ) throws(PythonException) -> Syntax.Expression? {
    switch node.className {
    case "Starred":
      reject("starred targets are", at: try span(of: node))
      return nil
    case "Attribute":
      reject("assigning to an attribute is", at: try span(of: node))
      return nil
    case "List", "Tuple":
      let span = try span(of: node)
      var elements: [Syntax.Expression] = []
      for element in try items(node, "elts") {
        guard let target = try readTarget(element.pointer) else { return nil }
        elements.append(target)
      }
      return Syntax.Expression(.tuple(elements), at: span)
    default: return try readExpression(node)
    }
  }

  // MARK: - Control flow

  private mutating func readFor(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    try rejectElse(of: node, "`for`")
    let targetNode = try node.attribute("target")
    let iterableNode = try node.attribute("iter")
    let target = try readTarget(targetNode.pointer)
    let iterable = try readExpression(iterableNode.pointer)
    let head = Self.joined(span, try self.span(of: iterableNode.pointer))
    let body = try readBody(of: node, "body")
    guard let target, let iterable else { return [] }
    let loop = Syntax.Statement.Kind.forLoop(target: target, iterable: iterable, body: body)
    return [Syntax.Statement(loop, at: span, head: head)]
  }

  private mutating func readWhile(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    try rejectElse(of: node, "`while`")
    let testNode = try node.attribute("test")
    let test = try readExpression(testNode.pointer)
    let head = Self.joined(span, try self.span(of: testNode.pointer))
    let body = try readBody(of: node, "body")
    guard let test else { return [] }
    return [Syntax.Statement(.whileLoop(test: test, body: body), at: span, head: head)]
  }

  private mutating func readConditional(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let testNode = try node.attribute("test")
    let test = try readExpression(testNode.pointer)
    let head = Self.joined(span, try self.span(of: testNode.pointer))
    let then = try readBody(of: node, "body")
    let otherwise = try readBody(of: node, "orelse")
    guard let test else { return [] }
    let kind = Syntax.Statement.Kind.conditional(test: test, then: then, otherwise: otherwise)
    return [Syntax.Statement(kind, at: span, head: head)]
  }

  /// `with a, b:` is `with a:` around `with b:`.
  private mutating func readWith(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    var contexts: [Syntax.Expression] = []
    let itemNodes = try items(node, "items")
    for item in itemNodes {
      let variable = try item.pointer.attribute("optional_vars")
      if variable.pointer != py_none() {
        reject(
          "`with` with `as` is", at: try self.span(of: variable.pointer),
          help: "the only block is `with parpy.gpu:`")
      }
      let context = try item.pointer.attribute("context_expr")
      if let read = try readExpression(context.pointer) { contexts.append(read) }
    }
    var body = try readBody(of: node, "body")
    guard contexts.count == itemNodes.count, let last = contexts.last else { return [] }
    let head = Self.joined(span, last.span)
    for context in contexts.reversed() {
      body = [Syntax.Statement(.with(context: context, body: body), at: span, head: head)]
    }
    return body
  }

  private mutating func rejectElse(
    of node: PythonPointer, _ loop: String
  ) throws(PythonException) {
    guard let first = try items(node, "orelse").first else { return }
    reject(
      "\(loop) with `else` is", at: try span(of: first.pointer),
      help: "keep in a variable that the loop was left by `break`, and test it after the loop")
  }

  // MARK: - The rest

  private mutating func readExpressionStatement(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let valueNode = try node.attribute("value")
    if valueNode.pointer.className == "Constant",
      try valueNode.attribute("value").pointer.className == "ellipsis"
    {
      return [Syntax.Statement(.pass, at: span)]
    }
    guard let value = try readExpression(valueNode.pointer) else { return [] }
    if case .string = value.kind { return [] }
    return [Syntax.Statement(.expression(value), at: span)]
  }

  private mutating func readReturn(
    _ node: PythonPointer, _ span: Span
  ) throws(PythonException) -> [Syntax.Statement] {
    let valueNode = try node.attribute("value")
    if valueNode.pointer == py_none() {
      reject("`return` without a value is", at: span, help: "use `if` around what follows")
      return []
    }
    guard let value = try readExpression(valueNode.pointer) else { return [] }
    return [Syntax.Statement(.returned(value), at: span)]
  }

  /// From the start of one span to the end of another.
  private static func joined(_ first: Span, _ last: Span) -> Span {
    var span = first
    span.endLine = last.endLine
    span.endColumn = last.endColumn
    return span
  }

  /// The part of a span that lies on its first line.
  private func lineOfStart(_ span: Span) -> Span {
    var head = span
    head.endLine = span.line
    head.endColumn = Int32(clamping: source.line(span.line)?.utf8.count ?? 0)
    return head
  }
}

extension Syntax.Statement {
  /// Whether the statement may make an array, going by the name of what it calls.
  fileprivate var mayMakeTemporary: Bool {
    guard case .assign(_, let value) = kind, case .call(let callee, _, _) = value.kind,
      let name = callee.path?.last
    else { return false }
    return ["empty", "zeros", "ones", "full"].contains { name.hasPrefix($0) }
  }
}
