import Syntax

/// The Python text of statements, flags included: `for … until .stop1:`.
public func pythonText(_ statements: [Statement]) -> String {
  lines(statements).joined(separator: "\n")
}

private func lines(_ statements: [Statement]) -> [String] {
  statements.isEmpty ? ["pass"] : statements.flatMap { lines($0) }
}

private func block(_ head: String, _ body: [Statement]) -> [String] {
  [head + ":"] + lines(body).map { "  " + $0 }
}

private func lines(_ statement: Statement) -> [String] {
  switch statement.kind {
  case .assign(let target, let value): return ["\(text(target)) = \(text(value))"]
  case .augmentedAssign(let target, let op, let value):
    return ["\(text(target)) \(op.rawValue)= \(text(value))"]
  case .forLoop(let target, let iterable, let body, let exits):
    let until = exits.isEmpty ? "" : " until " + exits.map(\.flag).joined(separator: ", ")
    return block("for \(text(target)) in \(text(iterable))\(until)", body)
  case .whileLoop(let test, let body): return block("while \(text(test))", body)
  case .conditional(let test, let then, let otherwise):
    return block("if \(text(test))", then) + (otherwise.isEmpty ? [] : block("else", otherwise))
  case .with(let context, let body): return block("with \(text(context))", body)
  case .expression(let e): return [text(e)]
  case .returned(let e): return ["return" + (e.map { " " + text($0) } ?? "")]
  case .pass: return ["pass"]
  case .breakLoop: return ["break"]
  case .continueLoop: return ["continue"]
  }
}

/// Operators inside others stand in parentheses.
private func operand(_ e: Expression) -> String {
  switch e.kind {
  case .binary, .boolean, .comparison, .conditional, .unary: "(\(text(e)))"
  case .name, .integer, .bigInteger, .float, .imaginary, .bool, .string, .none, .subscripted,
    .attribute, .call,
    .tuple:
    text(e)
  }
}

private func text(_ e: Expression) -> String {
  switch e.kind {
  case .name(let name): return name
  case .integer(let value): return "\(value)"
  case .bigInteger(let digits): return digits
  case .float(let value): return "\(value)"
  case .imaginary(let value): return "\(value)j"
  case .bool(let value): return value ? "True" : "False"
  case .string(let value): return "'\(value)'"
  case .none: return "None"
  case .unary(.not, let e): return "not \(operand(e))"
  case .unary(let op, let e): return op.rawValue + operand(e)
  case .binary(let op, let left, let right):
    return "\(operand(left)) \(op.rawValue) \(operand(right))"
  case .boolean(let op, let operands):
    return operands.map(operand).joined(separator: " \(op.rawValue) ")
  case .comparison(let first, let links):
    return links.reduce(operand(first)) { "\($0) \($1.op.rawValue) \(operand($1.operand))" }
  case .conditional(let test, let then, let otherwise):
    return "\(operand(then)) if \(operand(test)) else \(operand(otherwise))"
  case .subscripted(let base, let indices):
    return "\(operand(base))[\(indices.map(text).joined(separator: ", "))]"
  case .attribute(let base, let name): return "\(operand(base)).\(name)"
  case .call(let callee, let arguments, let keywords):
    let parts = arguments.map(text) + keywords.map { "\($0.name)=\(text($0.value))" }
    return "\(operand(callee))(\(parts.joined(separator: ", ")))"
  case .tuple(let parts): return parts.map(operand).joined(separator: ", ")
  }
}

private func text(_ index: Expression.Index) -> String {
  switch index {
  case .expression(let e): return text(e)
  case .slice(let lower, let upper, let step):
    let ends = (lower.map(text) ?? "") + ":" + (upper.map(text) ?? "")
    return step.map { "\(ends):\(text($0))" } ?? ends
  case .ellipsis: return "..."
  }
}
