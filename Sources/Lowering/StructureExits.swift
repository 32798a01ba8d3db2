import Syntax

/// Replaces `break`, `continue` and `return` by conditions and flags, so that every block runs to its end.
///
///     for i in range(n):                .stop1 = False
///         if x[i] < 0:                  for i in range(n) until .stop1:
///             continue           →          if x[i] < 0: pass
///         if x[i] == 0:                     else:
///             break                             if x[i] == 0: .stop1 = True
///         s += x[i]                             else: s += x[i]
///
/// What follows a statement that always leaves in one branch moves into the other branch; what follows a statement that
/// may leave from deeper inside, or after many others, stands under the flags that they may set. `return e` assigns `.result`; the only `return` left is the
/// last statement. The names of flags are none that Python can spell.
struct StructuredBody {
  /// The body; where the function gives a value, it ends in its only `return`.
  private(set) var statements: [Syntax.Statement] = []
  /// The first `return` with a value.
  private(set) var valueReturn: Span?
  /// The first `return` without a value.
  private(set) var bareReturn: Span?
  /// A `return` with another number of values than the first.
  private(set) var inconsistentReturn: Span?
  /// Whether a path through the function ends without `return`.
  private(set) var mayFallOff = false

  /// Whether a name is that of a flag, which no text but the structure assigns.
  static func isFlag(_ name: String) -> Bool { name.hasPrefix(".") && !name.hasPrefix(result) }

  /// Whether a name stands for what the function returns.
  static func isResult(_ name: String) -> Bool { name.hasPrefix(result) }

  private static let result = ".result"
  private static let returned = ".returned"

  /// How many values a `return` gives: 0 before the first one, 1 for a scalar.
  private(set) var resultCount = 0
  private var loopCount = 0
  /// The loops around the statement now visited, outermost first.
  private var loops: [(stop: String, skip: String)] = []
  /// Where each flag is set first.
  private var exits: [String: Span] = [:]
  /// The flags that a condition or a loop reads.
  private var flagsRead: Set<String> = []

  /// What a stretch of statements does to control.
  private struct Flow {
    var statements: [Syntax.Statement] = []
    /// Whether no path reaches its end without having left.
    var alwaysLeaves = false
    /// The flags that may be set at its end.
    var flags: Set<String> = []
  }

  /// How many values an expression that is no tuple stands for.
  private let width: (Syntax.Expression) -> Int

  /// Structures the body of a function.
  ///
  /// - Parameter width: how many values an expression that is no tuple stands for: more than one where it is a call that
  ///   returns a tuple.
  init(_ function: [Syntax.Statement], width: @escaping (Syntax.Expression) -> Int = { _ in 1 }) {
    self.width = width
    let flow = structured(function[...])
    statements = removingUnreadFlags(flow.statements)
    mayFallOff = !flow.alwaysLeaves
    if flagsRead.contains(Self.returned) {
      statements.insert(set(Self.returned, to: false), at: 0)
    }
    guard let valueReturn else { return }
    statements.append(Statement(.returned(resultExpression(at: valueReturn)), at: valueReturn))
  }

  /// The same body with all its spans in the given source.
  func relocated(to source: Int32) -> StructuredBody {
    var result = self
    result.statements = statements.map { $0.relocated(to: source) }
    result.valueReturn = valueReturn?.relocated(to: source)
    result.bareReturn = bareReturn?.relocated(to: source)
    result.inconsistentReturn = inconsistentReturn?.relocated(to: source)
    return result
  }

  // MARK: Sequences

  /// How many statements that may leave are nested in each other before the rest of the block stands beside them.
  private static let deepestNesting = 16

  /// Structures a block: each stretch of it stands under the flags that those before it may set.
  private mutating func structured(_ statements: ArraySlice<Syntax.Statement>) -> Flow {
    var rest = statements
    var flow = stretch(of: &rest, nesting: 0)
    while !rest.isEmpty && !flow.alwaysLeaves {
      let next = stretch(of: &rest, nesting: 0)
      flow.statements += under(flow.flags, next.statements)
      flow.alwaysLeaves = next.alwaysLeaves
      flow.flags.formUnion(next.flags)
    }
    return flow
  }

  /// Structures statements until they always leave, are nested too deep, or end; what is left stays in `rest`.
  private mutating func stretch(
    of rest: inout ArraySlice<Syntax.Statement>, nesting: Int
  ) -> Flow {
    var flow = Flow()
    if nesting == Self.deepestNesting { return flow }
    while let statement = rest.popFirst() {
      let part = structured(statement)
      if part.flags.isEmpty {
        flow.statements += part.statements
        continue
      }
      flow.alwaysLeaves = part.alwaysLeaves
      flow.flags = part.flags
      if part.alwaysLeaves {
        flow.statements += part.statements
        return flow
      }
      let tail = stretch(of: &rest, nesting: nesting + 1)
      flow.statements += joined(part, tail)
      flow.alwaysLeaves = tail.alwaysLeaves
      flow.flags.formUnion(tail.flags)
      return flow
    }
    return flow
  }

  /// The statements of `first`, and of `tail` where `first` did not leave.
  private mutating func joined(_ first: Flow, _ tail: Flow) -> [Syntax.Statement] {
    if tail.statements.isEmpty { return first.statements }
    if first.statements.count == 1, let only = first.statements.first,
      let open = openBranch(of: only)
    {
      return [open(tail)]
    }
    return first.statements + under(first.flags, tail.statements)
  }

  /// The statements where none of some flags is set.
  private mutating func under(
    _ flags: Set<String>, _ statements: [Syntax.Statement]
  ) -> [Syntax.Statement] {
    if statements.isEmpty { return [] }
    flagsRead.formUnion(flags)
    let test = Expression(.unary(.not, Self.anyOf(flags.sorted())))
    return [Statement(.conditional(test: test, then: statements, otherwise: []))]
  }

  /// For an `if` that leaves in one branch always and in the other never: what puts a tail into that other branch.
  private func openBranch(of statement: Syntax.Statement) -> ((Flow) -> Syntax.Statement)? {
    guard case .conditional(let test, let then, let otherwise) = statement.kind else { return nil }
    let thenLeaves = endsInExit(then)
    let otherwiseLeaves = endsInExit(otherwise)
    if thenLeaves && !setsFlag(otherwise) {
      return { tail in
        var result = statement
        result.kind = .conditional(
          test: test, then: then, otherwise: otherwise + tail.statements)
        return result
      }
    }
    if otherwiseLeaves && !setsFlag(then) {
      return { tail in
        var result = statement
        result.kind = .conditional(
          test: test, then: then + tail.statements, otherwise: otherwise)
        return result
      }
    }
    return nil
  }

  private func isExit(_ statement: Syntax.Statement) -> Bool {
    guard case .assign(let target, let value) = statement.kind, case .name(let name) = target.kind
    else { return false }
    return exits[name] != nil && value.kind == .bool(true)
  }

  /// Whether a structured block runs into an exit whatever its conditions are.
  private func endsInExit(_ block: [Syntax.Statement]) -> Bool {
    guard let last = block.last else { return false }
    if isExit(last) { return true }
    guard case .conditional(_, let then, let otherwise) = last.kind else { return false }
    return endsInExit(then) && endsInExit(otherwise)
  }

  /// Whether a structured block may set a flag that reaches beyond it.
  private func setsFlag(_ block: [Syntax.Statement]) -> Bool {
    block.contains { statement in
      switch statement.kind {
      case .conditional(_, let then, let otherwise): setsFlag(then) || setsFlag(otherwise)
      case .forLoop(_, _, let body, _), .whileLoop(_, let body), .with(_, let body): setsFlag(body)
      case .assign: isExit(statement)
      case .augmentedAssign, .expression, .returned, .pass, .breakLoop, .continueLoop: false
      }
    }
  }

  // MARK: Statements

  private mutating func structured(_ statement: Syntax.Statement) -> Flow {
    switch statement.kind {
    case .breakLoop: return left(by: loops.last?.stop, [], at: statement.span)
    case .continueLoop: return left(by: loops.last?.skip, [], at: statement.span)
    case .returned(let value):
      return left(by: Self.returned, assigningResult(value, statement), at: statement.span)
    case .conditional(let test, let then, let otherwise):
      let (yes, no) = (structured(then[...]), structured(otherwise[...]))
      var result = statement
      result.kind = .conditional(test: test, then: yes.statements, otherwise: no.statements)
      return Flow(
        statements: [result], alwaysLeaves: yes.alwaysLeaves && no.alwaysLeaves,
        flags: yes.flags.union(no.flags))
    case .with(let context, let body):
      let inner = structured(body[...])
      var result = statement
      result.kind = .with(context: context, body: inner.statements)
      return Flow(statements: [result], alwaysLeaves: inner.alwaysLeaves, flags: inner.flags)
    case .forLoop(let target, let iterable, let body, _):
      return loop(statement, body) { body, exits in
        .forLoop(target: target, iterable: iterable, body: body, until: exits)
      }
    case .whileLoop(let test, let body):
      var flow = loop(statement, body) { body, exits in
        if exits.isEmpty { return .whileLoop(test: test, body: body) }
        let goesOn = Expression(.unary(.not, Self.anyOf(exits.map(\.flag))), at: test.span)
        let both = Expression(.boolean(.and, [goesOn, test]), at: test.span)
        return .whileLoop(test: Self.isAlwaysTrue(test) ? goesOn : both, body: body)
      }
      flow.alwaysLeaves =
        Self.isAlwaysTrue(test) && flow.flags == [Self.returned]
        && flow.statements.count == 1
      return flow
    case .assign, .augmentedAssign, .expression, .pass: return Flow(statements: [statement])
    }
  }

  private static func isAlwaysTrue(_ test: Syntax.Expression) -> Bool {
    switch test.kind {
    case .bool(let value): value
    case .integer(let value): value != 0
    default: false
    }
  }

  private mutating func left(
    by flag: String?, _ before: [Syntax.Statement], at span: Span
  ) -> Flow {
    guard let flag else { return Flow() }
    if exits[flag] == nil { exits[flag] = span }
    return Flow(
      statements: before + [set(flag, to: true, at: span)], alwaysLeaves: true, flags: [flag])
  }

  private mutating func loop(
    _ statement: Syntax.Statement, _ body: [Syntax.Statement],
    _ make: ([Syntax.Statement], [Syntax.Statement.Exit]) -> Syntax.Statement.Kind
  ) -> Flow {
    loopCount += 1
    let names = (stop: ".stop\(loopCount)", skip: ".skip\(loopCount)")
    loops.append(names)
    var inner = structured(body[...])
    loops.removeLast()
    if inner.flags.contains(names.skip) {
      inner.statements.insert(set(names.skip, to: false), at: 0)
    }
    let ending = [names.stop, Self.returned].filter(inner.flags.contains)
    flagsRead.formUnion(ending)
    let exits = ending.map { Syntax.Statement.Exit($0, at: self.exits[$0] ?? statement.span) }
    var result = statement
    result.kind = make(inner.statements, exits)
    let reset = inner.flags.contains(names.stop) ? [set(names.stop, to: false)] : []
    return Flow(
      statements: reset + [result], flags: inner.flags.subtracting([names.stop, names.skip]))
  }

  // MARK: Results

  private mutating func assigningResult(
    _ value: Syntax.Expression?, _ statement: Syntax.Statement
  ) -> [Syntax.Statement] {
    guard let value else {
      bareReturn = bareReturn ?? statement.span
      return []
    }
    valueReturn = valueReturn ?? statement.span
    var count = width(value)
    if case .tuple(let parts) = value.kind { count = parts.count }
    if resultCount == 0 { resultCount = count }
    if count != resultCount { inconsistentReturn = inconsistentReturn ?? statement.span }
    let target = resultExpression(at: value.span)
    return [Statement(.assign(target: target, value: value), at: statement.span)]
  }

  private func resultExpression(at span: Span) -> Syntax.Expression {
    if resultCount == 1 { return Expression(.name(Self.result), at: span) }
    let names = (0..<resultCount).map { Expression(.name("\(Self.result)\($0)"), at: span) }
    return Expression(.tuple(names), at: span)
  }

  // MARK: Flags

  private func set(_ flag: String, to value: Bool, at span: Span = .none) -> Syntax.Statement {
    Statement(
      .assign(target: Expression(.name(flag)), value: Expression(.bool(value))), at: span)
  }

  private static func anyOf(_ flags: [String]) -> Syntax.Expression {
    let names = flags.map { Expression(.name($0)) }
    return names.count == 1 ? names[0] : Expression(.boolean(.or, names))
  }

  private func removingUnreadFlags(_ block: [Syntax.Statement]) -> [Syntax.Statement] {
    block.compactMap { statement in
      var result = statement
      switch statement.kind {
      case .assign(let target, _):
        guard case .name(let name) = target.kind, exits[name] != nil, !flagsRead.contains(name)
        else { return statement }
        return nil
      case .conditional(let test, let then, let otherwise):
        result.kind = .conditional(
          test: test, then: removingUnreadFlags(then), otherwise: removingUnreadFlags(otherwise))
      case .forLoop(let target, let iterable, let body, let exits):
        result.kind = .forLoop(
          target: target, iterable: iterable, body: removingUnreadFlags(body), until: exits)
      case .whileLoop(let test, let body):
        result.kind = .whileLoop(test: test, body: removingUnreadFlags(body))
      case .with(let context, let body):
        result.kind = .with(context: context, body: removingUnreadFlags(body))
      case .augmentedAssign, .expression, .returned, .pass, .breakLoop, .continueLoop: break
      }
      return result
    }
  }
}
