import LoopIR
import Syntax

/// A Python function with the types of a call, as tests write it.
///
///     def f(x: float32[n, 4], y: float32[n] alias, a: float64, b: weak int64 = 3):
///       for i in range(n):
///         y[i] = a * sum(x[i, :])
///
/// An extent or stride is a number or the name of a run-time parameter; slots count by first appearance. A scalar is
/// a run-time parameter unless it has a value. Arrays may be `strides [4, 1]`, `readonly` and `alias`.
public struct PythonText {
  public let function: Function
  public let signature: CallSignature
  /// The text, for messages.
  public let source: SourceFile

  /// Reads one function.
  public init(_ text: String) throws {
    var parser = PythonParser(tokens: try PythonLexer.tokens(of: text))
    (function, signature) = try parser.function()
    source = SourceFile(
      name: "test.py", firstLine: 1,
      lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
  }
}

/// A recursive-descent parser of Python's statements and expressions.
struct PythonParser {
  let tokens: [PythonToken]
  var position = 0

  var current: PythonToken { tokens[position] }

  mutating func accept(_ text: String) -> Bool {
    guard current.kind == .symbol(text) || current.kind == .name(text) else { return false }
    position += 1
    return true
  }

  mutating func accept(_ kind: PythonToken.Kind) -> Bool {
    guard current.kind == kind else { return false }
    position += 1
    return true
  }

  mutating func expect(_ text: String) throws {
    guard accept(text) else { throw failure("expected '\(text)'") }
  }

  func failure(_ message: String) -> PythonTextError {
    PythonTextError(
      description: "line \(current.line): \(message), found \(current.kind)")
  }

  mutating func name() throws -> String {
    guard case .name(let name) = current.kind else { throw failure("expected a name") }
    position += 1
    return name
  }

  /// The stretch from the token at `start` to the last one read.
  func span(from start: Int) -> Span {
    let (first, last) = (tokens[start], tokens[position - 1])
    return Span(
      line: first.line, column: first.column, endLine: last.line, endColumn: last.endColumn)
  }

  // MARK: Declarations

  mutating func function() throws -> (Function, CallSignature) {
    let start = position
    try expect("def")
    let functionName = try name()
    try expect("(")
    var parameters: [Function.Parameter] = []
    var arguments: [CallSignature.Argument] = []
    var slots: [String: Int] = [:]
    while !accept(")") {
      let place = position
      let parameter = try name()
      parameters.append(Function.Parameter(parameter, at: span(from: place)))
      try expect(":")
      arguments.append(try argument(parameter, &slots))
      if !accept(",") && current.kind != .symbol(")") { throw failure("expected ','") }
    }
    try expect(":")
    let head = span(from: start)
    let body = try block()
    return (
      Function(functionName, parameters: parameters, body: body, at: head),
      CallSignature(arguments: arguments, parameterCount: slots.count)
    )
  }

  private mutating func argument(_ name: String, _ slots: inout [String: Int]) throws
    -> CallSignature.Argument
  {
    let isWeak = accept("weak")
    guard let type = ScalarType(name: try self.name()) else { throw failure("expected a type") }
    guard current.kind == .symbol("[") else {
      let value = accept("=") ? try literal(type) : nil
      return .scalar(type, isWeak: isWeak, bits: value ?? slot(of: name, &slots))
    }
    var array = CallSignature.ArrayType(element: type, extents: try words(&slots))
    if accept("strides") { array.strides = try words(&slots) }
    array.isReadOnly = accept("readonly")
    array.overlaps = accept("alias")
    return .array(array)
  }

  private func slot(of name: String, _ slots: inout [String: Int]) -> CallSignature.Word {
    let slot = slots[name] ?? slots.count
    slots[name] = slot
    return .parameter(slot)
  }

  /// The value of a scalar argument, as its bits.
  private mutating func literal(_ type: ScalarType) throws -> CallSignature.Word {
    let isNegative = accept("-")
    guard case .number(let digits) = current.kind else { throw failure("expected a number") }
    position += 1
    if type.isFloat, let value = Double(digits) {
      return .constant(Int64(bitPattern: (isNegative ? -value : value).bitPattern))
    }
    guard let value = Int64((isNegative ? "-" : "") + digits) else { throw failure("bad number") }
    return .constant(value)
  }

  private mutating func words(_ slots: inout [String: Int]) throws -> [CallSignature.Word] {
    try expect("[")
    var result: [CallSignature.Word] = []
    while !accept("]") {
      if case .name(let name) = current.kind {
        position += 1
        result.append(slot(of: name, &slots))
      } else {
        result.append(try literal(.int64))
      }
      _ = accept(",")
    }
    return result
  }

  // MARK: Statements

  private mutating func block() throws -> [Syntax.Statement] {
    guard accept(.newline), accept(.indent) else { throw failure("expected an indented block") }
    var statements: [Syntax.Statement] = []
    while !accept(.dedent) { statements.append(try statement()) }
    return statements
  }

  private mutating func statement() throws -> Syntax.Statement {
    let start = position
    if accept("for") {
      let target = try expressionList()
      try expect("in")
      let iterable = try expressionList()
      try expect(":")
      let head = span(from: start)
      let body = try block()
      return Statement(
        .forLoop(target: target, iterable: iterable, body: body), at: head, head: head)
    }
    if accept("while") {
      let test = try expression()
      try expect(":")
      let head = span(from: start)
      return Statement(.whileLoop(test: test, body: try block()), at: head, head: head)
    }
    if accept("if") { return try conditional(from: start) }
    if accept("with") {
      let context = try expression()
      try expect(":")
      let head = span(from: start)
      return Statement(.with(context: context, body: try block()), at: head, head: head)
    }
    let statement = try simpleStatement(from: start)
    guard accept(.newline) else { throw failure("expected the end of the line") }
    return statement
  }

  private mutating func conditional(from start: Int) throws -> Syntax.Statement {
    let test = try expression()
    try expect(":")
    let head = span(from: start)
    let then = try block()
    var otherwise: [Syntax.Statement] = []
    let branch = position
    if accept("elif") {
      otherwise = [try conditional(from: branch)]
    } else if accept("else") {
      try expect(":")
      otherwise = try block()
    }
    return Statement(
      .conditional(test: test, then: then, otherwise: otherwise), at: head, head: head)
  }

  private mutating func simpleStatement(from start: Int) throws -> Syntax.Statement {
    if accept("pass") { return Statement(.pass, at: span(from: start)) }
    if accept("break") { return Statement(.breakLoop, at: span(from: start)) }
    if accept("continue") { return Statement(.continueLoop, at: span(from: start)) }
    if accept("return") {
      let value = current.kind == .newline ? nil : try expressionList()
      return Statement(.returned(value), at: span(from: start))
    }
    let target = try expressionList()
    if accept("=") {
      let value = try expressionList()
      return Statement(
        .assign(target: target, value: value), at: span(from: start), head: target.span)
    }
    if case .symbol(let symbol) = current.kind, symbol.hasSuffix("="),
      let op = Syntax.BinaryOperator(rawValue: String(symbol.dropLast()))
    {
      position += 1
      let value = try expressionList()
      return Statement(
        .augmentedAssign(target: target, op: op, value: value), at: span(from: start),
        head: target.span)
    }
    return Statement(.expression(target), at: span(from: start))
  }
}
