import Syntax

extension Parser {
  /// A buffer whose brackets were stepped over until every name is known.
  private struct PendingBuffer {
    var id: BufferID
    /// Where its extents begin.
    var position: Int
  }

  /// The whole text: one function.
  mutating func parseFunction() throws(DiagnosticError) {
    var pending: [PendingBuffer] = []
    try expect("def")
    function.name = try name().base
    try expect("(")
    while !accept(")") {
      if acceptKeyword("local") {
        try parseVariables(areLocal: true)
      } else if acceptKeyword("temporary") {
        pending.append(try buffer(isTemporary: true))
      } else if case .symbol("[") = current(at: position + 3).kind {
        pending.append(try buffer(isTemporary: false))
      } else {
        try parseVariables(areLocal: false)
      }
      if !accept(",") && current.kind != .symbol(")") { throw failure("expected ',' or ')'") }
    }
    let body = try block { parser throws(DiagnosticError) in
      try parser.parseHeader(pending: pending)
    }
    function.body = body
    guard accept(.end) else { throw failure("expected the end of the text") }
  }

  /// The lines before the first statement.
  private mutating func parseHeader(pending: [PendingBuffer]) throws(DiagnosticError) {
    var pending = pending
    while true {
      if acceptKeyword("local") {
        try parseVariables(areLocal: true)
      } else if acceptKeyword("temporary") {
        pending.append(try buffer(isTemporary: true))
      } else {
        break
      }
      try endLine()
    }
    try parseExtents(of: pending)
    while acceptKeyword("check") {
      try parseCheck()
      try endLine()
    }
  }

  /// `i, j: int64 >= 2`; a parameter may have a position and be large: `n: int64 parameter 3 >= 2 large`.
  private mutating func parseVariables(areLocal: Bool) throws(DiagnosticError) {
    var names: [(name: UniqueName, position: Int)] = []
    repeat {
      let start = position
      names.append((try name(), start))
    } while areLocal && accept(",")
    try expect(":")
    let type = try type()
    var role = Variable.Role.local
    if !areLocal {
      let earlier = function.variables.count { $0.role != .local }
      role = .parameter(accept("parameter") ? try count() : earlier)
    }
    let lowerBound = accept(">=") ? try integer() : nil
    let isLarge = !areLocal && accept("large")
    for (name, position) in names {
      let variable = Variable(
        name.base, type, role: role, lowerBound: lowerBound, isLarge: isLarge)
      try declare(name, .variable(function.add(variable)), at: position)
    }
  }

  /// `x: float32[n, m] strides [m, 1] large alias argument 2`; the brackets are stepped over.
  private mutating func buffer(isTemporary: Bool) throws(DiagnosticError) -> PendingBuffer {
    let start = position
    let name = try name()
    try expect(":")
    let earlier = function.buffers.count { $0.role != .temporary }
    let role: Buffer.Role = isTemporary ? .temporary : .argument(earlier)
    let id = function.add(Buffer(name.base, try type(), extents: [], role: role))
    try declare(name, .buffer(id), at: start)
    let pending = PendingBuffer(id: id, position: position)
    try skipBrackets()
    if accept("strides") {
      function[id].strides = []
      try skipBrackets()
    }
    function[id].isLarge = !isTemporary && accept("large")
    function[id].mayAlias = accept("alias")
    if !isTemporary && accept("argument") { function[id].role = .argument(try count()) }
    return pending
  }

  private mutating func skipBrackets() throws(DiagnosticError) {
    let start = position
    guard current.kind == .symbol("[") else { throw failure("expected '['") }
    var depth = 0
    repeat {
      switch current.kind {
      case .symbol("["): depth += 1
      case .symbol("]"): depth -= 1
      case .newline, .end: throw failure("a bracket is not closed", at: start)
      case .symbol, .word, .name, .integer, .float, .string, .indent, .dedent: break
      }
      advance()
    } while depth > 0
  }

  /// Reads the brackets of the buffers, now that every name is known.
  private mutating func parseExtents(of buffers: [PendingBuffer]) throws(DiagnosticError) {
    let end = position
    for buffer in buffers {
      position = buffer.position
      function[buffer.id].extents = try bracketedIndices()
      if accept("strides") { function[buffer.id].strides = try bracketedIndices() }
    }
    position = end
  }

  /// `n > 4 else error value "too few" help "…" places 2`, or `… else respecialize`.
  private mutating func parseCheck() throws(DiagnosticError) {
    let start = position
    let condition = try expression(expecting: .bool)
    let place = span(from: start)
    try expect("else")
    if accept("respecialize") {
      function.checks.append(Check(condition, orElse: .respecialize))
      return
    }
    try expect("error")
    guard case .word(let word) = current.kind,
      let category = Spelling.categories.first(where: { $0.word == word })?.category
    else { throw failure("expected a category of errors") }
    advance()
    let message = try string()
    let help = accept("help") ? try string() : nil
    let places = accept("places") ? try count() : 1
    if places > 1000 { throw failure("more than 1000 places") }
    let spans = Array(repeating: place, count: places)
    let diagnostic = Diagnostic(category, message, at: spans, help: help)
    function.checks.append(Check(condition, orElse: .error(diagnostic)))
  }
}
