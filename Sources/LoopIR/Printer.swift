import Passes
import Syntax

extension LoopFunction: IntermediateRepresentation {
  /// The function as text that `LoopFunction(parsing:)` reads back, spans left out.
  ///
  ///     def sum_rows(x: float32[n, 4096], y: float32[n] alias, n: int64 >= 2):
  ///       local i, j: int64
  ///       local acc: float32
  ///       temporary t: float32[n]
  ///       check n > 4 else error value "too few rows" help "pass at least five"
  ///       check n % 2 == 0 else respecialize
  ///       with temporary t:
  ///         @label("outer") @independent @workers(1024)
  ///         for i in 0..<n:
  ///           acc = 0.0
  ///           @reduce(add acc) @lanes(64)
  ///           for j in 0..<4096 by 2:
  ///             acc = acc + x[i, j]
  ///           t[i] = acc
  ///
  /// A call of a function that is not compiled with this one is `call "scale"(&x[i, 0:n], 2.0) into s`, of a Python
  /// function `callback 0 "report"(…)`; `&x[i, start:extent:step]` is a part of an array.
  ///
  /// Expressions are those of Python; `float64(x)` converts, a literal has a suffix (`1.0f32`) where its type does not
  /// follow from its neighbours. A buffer may have `strides [n, 1]`, and buffers and parameters may be `large`. What stands in the parentheses is an argument or
  /// a parameter of the call, in order; `argument 3` and `parameter 3` say the position where it is another one.
  public var printed: String {
    var printer = Printer(self)
    printer.printFunction()
    return printer.lines.joined(separator: "\n") + "\n"
  }
}

/// Writes a function line by line.
private struct Printer {
  let function: LoopFunction
  let expressions: ExpressionPrinter
  var lines: [String] = []
  var depth = 0

  init(_ function: LoopFunction) {
    self.function = function
    expressions = ExpressionPrinter(function)
  }

  mutating func printFunction() {
    let argumentCount = (function.buffers.lastIndex { $0.role != .temporary } ?? -1) + 1
    let parameterCount = (function.variables.lastIndex { $0.role != .local } ?? -1) + 1
    let inParentheses =
      declarations(ofFirstBuffers: argumentCount) + declarations(ofFirstVariables: parameterCount)
    let head = "def \(Spelling.name(function.name))("
    let oneLine = head + inParentheses.joined(separator: ", ") + "):"
    if oneLine.count <= 100 {
      add(oneLine)
    } else {
      add(head)
      for declaration in inParentheses { add("    \(declaration),") }
      add("):")
    }
    depth += 1
    addLocals(from: parameterCount)
    for i in argumentCount..<function.buffers.count {
      add("temporary \(declaration(ofBuffer: i))")
    }
    for check in function.checks { add(check) }
    depth -= 1
    addBlock(function.body)
  }

  private mutating func add(_ line: String) {
    lines.append(String(repeating: "  ", count: depth) + line)
  }

  /// The declarations of the buffers up to the last argument.
  private func declarations(ofFirstBuffers count: Int) -> [String] {
    var nextPosition = 0
    return (0..<count).map { i in
      guard case .argument(let position) = function.buffers[i].role else {
        return "temporary \(declaration(ofBuffer: i))"
      }
      defer { nextPosition += 1 }
      return declaration(ofBuffer: i) + (position == nextPosition ? "" : " argument \(position)")
    }
  }

  /// The declarations of the variables up to the last parameter.
  private func declarations(ofFirstVariables count: Int) -> [String] {
    var nextPosition = 0
    return (0..<count).map { i in
      let name = expressions.name(VariableID(i))
      let variable = function.variables[i]
      guard case .parameter(let position) = variable.role else {
        return "local \(name): \(typeText(variable))"
      }
      defer { nextPosition += 1 }
      return "\(name): " + typeText(variable, position: position == nextPosition ? nil : position)
    }
  }

  private func typeText(_ variable: Variable, position: Int? = nil) -> String {
    variable.type.name + (position.map { " parameter \($0)" } ?? "")
      + (variable.lowerBound.map { " >= \($0)" } ?? "") + (variable.isLarge ? " large" : "")
  }

  private func declaration(ofBuffer index: Int) -> String {
    let buffer = function.buffers[index]
    var text = "\(expressions.name(BufferID(index))): \(buffer.element.name)"
    text += "[\(expressions.list(buffer.extents, expecting: .int64))]"
    if let strides = buffer.strides {
      text += " strides [\(expressions.list(strides, expecting: .int64))]"
    }
    if buffer.isLarge { text += " large" }
    return text + (buffer.mayAlias ? " alias" : "")
  }

  /// Declares the variables from `start` on, neighbours of one type on one line.
  private mutating func addLocals(from start: Int) {
    var start = start
    while start < function.variables.count {
      let type = typeText(function.variables[start])
      let rest = start..<function.variables.count
      let end = rest.first { typeText(function.variables[$0]) != type } ?? rest.upperBound
      let names = (start..<end).map { expressions.name(VariableID($0)) }
      add("local \(names.joined(separator: ", ")): \(type)")
      start = end
    }
  }

  private mutating func add(_ check: Check) {
    var text = "check \(expressions.text(check.condition, expecting: .bool)) else "
    switch check.failure {
    case .respecialize: text += "respecialize"
    case .error(let diagnostic):
      let category = Spelling.categories.first { $0.category == diagnostic.category }?.word
      text += "error \(category ?? "?") \(Spelling.quoted(diagnostic.message))"
      if let help = diagnostic.help { text += " help \(Spelling.quoted(help))" }
      if diagnostic.spans.count != 1 { text += " places \(diagnostic.spans.count)" }
    }
    add(text)
  }

  private mutating func addBlock(_ statements: [Statement]) {
    depth += 1
    if statements.isEmpty { add("pass") }
    for statement in statements { add(statement) }
    depth -= 1
  }

  private mutating func add(_ statement: Statement) {
    switch statement.kind {
    case .assign(let id, let value):
      let type = function.variables.indices.contains(id.index) ? function[id].type : nil
      add("\(expressions.name(id)) = \(expressions.text(value, expecting: type))")
    case .store(let id, let indices, let value):
      let type = function.buffers.indices.contains(id.index) ? function[id].element : nil
      let target = expressions.element(id, indices)
      add("\(target) = \(expressions.text(value, expecting: type))")
    case .call(let call): add(expressions.text(call))
    case .loop(let loop): add(loop)
    case .whileLoop(let condition, let body):
      add("while \(expressions.text(condition, expecting: .bool)):")
      addBlock(body)
    case .conditional(let condition, let then, let otherwise):
      addConditional("if", condition, then, otherwise)
    case .device(let body):
      add("with device:")
      addBlock(body)
    case .allocate(let id, let body):
      add("with temporary \(expressions.name(id)):")
      addBlock(body)
    case .requireEqual(let left, let right):
      let (l, r) = (
        expressions.text(left, expecting: .int64), expressions.text(right, expecting: .int64)
      )
      add("require \(l) equals \(r)")
    case .launch(let kernel): add("launch \(kernel.index)")
    case .barrier: add("barrier")
    }
  }

  private mutating func addConditional(
    _ keyword: String, _ condition: Expression, _ then: [Statement], _ otherwise: [Statement]
  ) {
    add("\(keyword) \(expressions.text(condition, expecting: .bool)):")
    addBlock(then)
    if otherwise.isEmpty { return }
    if otherwise.count == 1, case .conditional(let next, let then, let rest) = otherwise[0].kind {
      addConditional("elif", next, then, rest)
    } else {
      add("else:")
      addBlock(otherwise)
    }
  }

  private mutating func add(_ loop: ForLoop) {
    var notes: [String] = []
    if !loop.labels.isEmpty {
      let labels = loop.labels.map { Spelling.quoted($0) }
      notes.append("@label(\(labels.joined(separator: ", ")))")
    }
    if loop.isIndependent { notes.append("@independent") }
    if !loop.reductions.isEmpty {
      let reductions = loop.reductions.map { "\($0.op.word) \(expressions.name($0.accumulator))" }
      notes.append("@reduce(\(reductions.joined(separator: ", ")))")
    }
    if !loop.updates.isEmpty {
      let updates = loop.updates.map { "\($0.op.word) \(expressions.name($0.buffer))" }
      notes.append("@update(\(updates.joined(separator: ", ")))")
    }
    if let workers = loop.mapping.workers {
      notes.append("@workers(\(expressions.text(workers, expecting: .int64)))")
    }
    if let limit = loop.mapping.threadsPerBlock { notes.append("@tpb(\(limit))") }
    if loop.mapping.lanes != 1 { notes.append("@lanes(\(loop.mapping.lanes))") }
    if loop.mapping.unroll != 1 { notes.append("@unroll(\(loop.mapping.unroll))") }
    if let streams = loop.mapping.streams {
      notes.append("@stream(\(expressions.text(streams, expecting: .bool)))")
    }
    if let level = loop.mapping.level { notes.append("@\(level.rawValue)") }
    if !notes.isEmpty { add(notes.joined(separator: " ")) }
    let lower = expressions.text(loop.lower, expecting: .int64)
    let upper = expressions.text(loop.upper, expecting: .int64)
    let step = loop.step == 1 ? "" : " by \(loop.step)"
    let condition = loop.condition.map { " while \(expressions.text($0, expecting: .bool))" } ?? ""
    add("for \(expressions.name(loop.variable)) in \(lower)..<\(upper)\(step)\(condition):")
    addBlock(loop.body)
  }
}
