import Syntax

extension Parser {
  /// `:` and the indented lines after it, which begin with what `header` reads; `pass` stands for no statement.
  mutating func block(
    header: (inout Parser) throws(DiagnosticError) -> Void = { _ in }
  ) throws(DiagnosticError) -> [Statement] {
    try expect(":")
    try endLine()
    guard accept(.indent) else { throw failure("expected an indented block") }
    try header(&self)
    var statements: [Statement] = []
    while !accept(.dedent) {
      if accept("pass") {
        try endLine()
      } else {
        statements.append(
          try nested { parser throws(DiagnosticError) in try parser.statement() })
      }
    }
    return statements
  }

  private mutating func statement() throws(DiagnosticError) -> Statement {
    let start = position
    if current.kind == .symbol("@") || current.kind == .word("for") { return try loop() }
    if accept("while") {
      let condition = try expression(expecting: .bool)
      let head = span(from: start)
      return Statement(.whileLoop(condition: condition, body: try block()), at: head)
    }
    if accept("if") { return try conditional(from: start) }
    if accept("with") { return try with(from: start) }
    if acceptKeyword("require") {
      let left = try expression(expecting: .int64)
      try expect("equals")
      let right = try expression(expecting: .int64)
      let place = span(from: start)
      try endLine()
      return Statement(.requireEqual(left, right), at: place)
    }
    if acceptKeyword("launch") {
      let kernel = KernelID(try count())
      let head = span(from: start)
      try endLine()
      return Statement(.launch(kernel), at: head)
    }
    if acceptKeyword("call") { return try call(.external(try externalFunction()), from: start) }
    if acceptKeyword("callback") {
      let position = try count()
      return try call(.callback(name: try string(), position: position), from: start)
    }
    if acceptKeyword("barrier") {
      let place = span(from: start)
      try endLine()
      return Statement(.barrier, at: place)
    }
    return try assignment()
  }

  /// `"scale" @device @header("scale.h") @threads(32, 1024)`.
  private mutating func externalFunction() throws(DiagnosticError) -> ExternalFunction {
    var function = ExternalFunction(try string())
    while accept("@") {
      if accept("device") {
        function.isDevice = true
      } else if accept("header") {
        try expect("(")
        function.header = try string()
        try expect(")")
      } else {
        try expect("threads")
        try expect("(")
        function.threads = try count()
        try expect(",")
        function.threadsPerBlock = try count()
        try expect(")")
      }
    }
    return function
  }

  /// The rest of `call "scale"(&x[i, 0:n], 2.0) into s`.
  private mutating func call(
    _ callee: ForeignCall.Callee, from start: Int
  ) throws(DiagnosticError) -> Statement {
    var call = ForeignCall(callee, [])
    try expect("(")
    while !accept(")") {
      call.operands.append(
        accept("&") ? .array(try arrayPart()) : .scalar(try expression(expecting: nil)))
      if !accept(",") && current.kind != .symbol(")") { throw failure("expected ',' or ')'") }
    }
    if accept("into") { call.result = try variable() }
    let place = span(from: start)
    try endLine()
    return Statement(.call(call), at: place)
  }

  /// `x[i, start:extent:step]`.
  private mutating func arrayPart() throws(DiagnosticError) -> ArrayPart {
    var part = ArrayPart(try bufferName(), [])
    try expect("[")
    while !accept("]") {
      let first = try expression(expecting: .int64)
      if accept(":") {
        let extent = try expression(expecting: .int64)
        let step = accept(":") ? Int(exactly: try integer()) : 1
        guard let step else { throw failure("the step is too great") }
        part.dimensions.append(.range(start: first, extent: extent, step: step))
      } else {
        part.dimensions.append(.index(first))
      }
      if !accept(",") && current.kind != .symbol("]") { throw failure("expected ',' or ']'") }
    }
    return part
  }

  private mutating func assignment() throws(DiagnosticError) -> Statement {
    let start = position
    let kind: Statement.Kind
    switch try symbol() {
    case .variable(let id):
      try expect("=")
      kind = .assign(id, try expression(expecting: function[id].type))
    case .buffer(let id):
      let indices = try bracketedIndices()
      try expect("=")
      kind = .store(id, indices, try expression(expecting: function[id].element))
    }
    let place = span(from: start)
    try endLine()
    return Statement(kind, at: place)
  }

  /// The rest of `if c: … elif d: … else: …`.
  private mutating func conditional(from start: Int) throws(DiagnosticError) -> Statement {
    let condition = try expression(expecting: .bool)
    let head = span(from: start)
    let then = try block()
    var otherwise: [Statement] = []
    let branch = position
    if accept("elif") {
      otherwise = [
        try nested { parser throws(DiagnosticError) in try parser.conditional(from: branch) }
      ]
    } else if accept("else") {
      otherwise = try block()
    }
    return Statement(.conditional(condition, then: then, otherwise: otherwise), at: head)
  }

  /// The rest of `with device:` or `with temporary t:`.
  private mutating func with(from start: Int) throws(DiagnosticError) -> Statement {
    if accept("device") {
      let head = span(from: start)
      return Statement(.device(try block()), at: head)
    }
    try expect("temporary")
    let id = try bufferName()
    let head = span(from: start)
    return Statement(.allocate(id, body: try block()), at: head)
  }

  private mutating func bufferName() throws(DiagnosticError) -> BufferID {
    guard case .buffer(let id) = try symbol() else {
      throw failure("a buffer must stand here", at: position - 1)
    }
    return id
  }

  /// The notes about a loop, its head and its body.
  private mutating func loop() throws(DiagnosticError) -> Statement {
    var loop = ForLoop(VariableID(0), from: .index(0), to: .index(0), body: [])
    while accept("@") {
      try parseNote(about: &loop)
      _ = accept(.newline)
    }
    let start = position
    try expect("for")
    loop.variable = try variable()
    try expect("in")
    loop.lower = try expression(expecting: .int64)
    try expect("..<")
    loop.upper = try expression(expecting: .int64)
    if accept("by") {
      guard let step = Int(exactly: try integer()) else { throw failure("the step is too great") }
      loop.step = step
    }
    if accept("while") { loop.condition = try expression(expecting: .bool) }
    loop.span = span(from: start)
    loop.body = try block()
    return Statement(.loop(loop), at: loop.span)
  }

  /// The rest of `@label("N")`, `@independent`, `@reduce(add s)`, `@update(add h)`, `@workers(n)`, `@tpb(256)`, `@lanes(8)`,
  /// `@unroll(4)`, `@stream(n > 9)` or `@threads`.
  private mutating func parseNote(about loop: inout ForLoop) throws(DiagnosticError) {
    if accept("independent") {
      loop.isIndependent = true
    } else if accept("label") {
      try expect("(")
      repeat { loop.labels.append(try string()) } while accept(",")
      try expect(")")
    } else if accept("reduce") {
      try expect("(")
      repeat { loop.reductions.append(try reduction()) } while accept(",")
      try expect(")")
    } else if accept("update") {
      try expect("(")
      repeat {
        loop.updates.append(BufferUpdate(try reductionOperator(), try bufferName()))
      } while accept(",")
      try expect(")")
    } else if accept("workers") {
      try expect("(")
      loop.mapping.workers = try expression(expecting: .int64)
      try expect(")")
    } else if accept("tpb") {
      loop.mapping.threadsPerBlock = try count(of: "threads")
    } else if accept("lanes") {
      loop.mapping.lanes = try count(of: "lanes")
    } else if accept("unroll") {
      loop.mapping.unroll = try count(of: "steps")
    } else if accept("stream") {
      try expect("(")
      loop.mapping.streams = try expression(expecting: .bool)
      try expect(")")
    } else if case .word(let word) = current.kind, let level = DeviceLevel(rawValue: word) {
      advance()
      loop.mapping.level = level
    } else {
      throw failure(
        "expected label, independent, reduce, update, workers, tpb, lanes, unroll, stream or a level"
      )
    }
  }

  /// `(8)`.
  private mutating func count(of what: String) throws(DiagnosticError) -> Int {
    try expect("(")
    guard let count = Int(exactly: try integer()) else { throw failure("too many \(what)") }
    try expect(")")
    return count
  }

  /// `add s`.
  private mutating func reduction() throws(DiagnosticError) -> Reduction {
    Reduction(try reductionOperator(), try variable())
  }

  private mutating func reductionOperator() throws(DiagnosticError) -> BinaryOperator {
    guard case .word(let word) = current.kind, let op = BinaryOperator(word: word) else {
      throw failure("expected an operator")
    }
    advance()
    return op
  }
}
