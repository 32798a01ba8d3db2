import LoopIR
import Passes
import struct Syntax.Span

/// Runs four iterations of a sequential loop at once in the vector loop inside it, where they update the same elements.
///
///     for k in 0..<m:                              for k.4 in 0..<m // 4 * 4 by 4:
///       @lanes(4) for j in 0..<n:                    @lanes(4) for j in 0..<n:
///         c[j] = c[j] + a[k] * b[k, j]        →        e = c[j]
///                                                      e = e + a[k.4] * b[k.4, j]
///                                                      … e = e + a[k.4 + 3] * b[k.4 + 3, j]
///                                                      c[j] = e
///                                                  for k in m // 4 * 4..<m: …
///
/// An element stays in a variable for four updates, in the order they had. The vector loop may stand inside other loops,
/// and scalars may be assigned before each. Required is that no two iterations that change places touch one element (see
/// `JamDependences`); see Carr and Kennedy, "Improving the ratio of memory operations to floating-point operations in
/// loops" (1994).
public let unrollAndJam = Pass<LoopFunction>("unroll-and-jam") { function, _ in
  var jammer = Jammer(function: function)
  let body = jammer.jammed(function.body, Facts(variables: function.variables)).statements
  jammer.function.body = body
  return jammer.function
}

private struct Jammer {
  /// How many iterations run at once.
  static let factor = 4

  var function: LoopFunction

  /// The statements with loops jammed, and whether there is one among them.
  mutating func jammed(
    _ statements: [Statement], _ facts: Facts
  ) -> (statements: [Statement], hasJammed: Bool) {
    var result: [Statement] = []
    var hasJammed = false
    for statement in statements {
      var inner = facts
      if case .loop(let loop) = statement.kind { inner = facts.entering(loop) }
      var copy = self
      var isDone = false
      let rebuilt = statement.mapBlocks { block in
        let part = copy.jammed(block, inner)
        isDone = isDone || part.hasJammed
        return part.statements
      }
      self = copy
      if !isDone, case .loop(let loop) = rebuilt.kind,
        let parts = jam(loop, inner, at: rebuilt.span)
      {
        result += parts
        hasJammed = true
      } else {
        result.append(rebuilt)
        hasJammed = hasJammed || isDone
      }
    }
    return (result, hasJammed)
  }

  /// The loops that take the place of `loop`; nil where it stays as it is.
  ///
  /// - Parameter facts: what is known inside it.
  private mutating func jam(_ loop: ForLoop, _ facts: Facts, at span: Span) -> [Statement]? {
    guard let nest = JamNest(in: loop, facts, function), !loop.isShorter(than: Self.factor) else {
      return nil
    }
    let whole = Expression.binary(
      .floorDivide, .binary(.pythonMax, loop.upper - loop.lower, .index(0)), .index(Self.factor))
    let end = loop.lower + whole * .index(Self.factor)
    var (main, rest) = (loop, loop)
    main.variable = function.add(function[loop.variable])
    main.upper = end
    main.step = Self.factor
    main.body = jammedBody(of: nest, replacing: loop.variable, by: function.read(main.variable))
    rest.lower = end
    let hasRest = (loop.upper - end).integerLiteral != 0
    return [Statement(.loop(main), at: span)] + (hasRest ? [Statement(.loop(rest), at: span)] : [])
  }

  private mutating func jammedBody(
    of nest: JamNest, replacing variable: VariableID, by first: Expression
  ) -> [Statement] {
    var before = [[Statement]](repeating: [], count: nest.loops.count)
    var body: [Statement] = []
    for number in 0..<Self.factor {
      var replacements = [variable: first + .index(number)]
      var scalars: [VariableID: VariableID] = [:]
      // The last iteration leaves its values under the names that code after the loop reads.
      if number < Self.factor - 1 {
        for case .assign(let id, _) in nest.scalars.joined().map(\.kind) {
          let own = scalars[id] ?? function.add(function[id])
          scalars[id] = own
          replacements[id] = function.read(own)
        }
      }
      func copied(_ statement: Statement) -> Statement {
        let renamed = statement.mapExpressions {
          $0.substituting(replacements).mapBottomUp(\.folded)
        }
        guard case .assign(let id, let value) = renamed.kind else {
          return renamed.mapBlocks { $0.map(copied) }
        }
        return Statement(.assign(scalars[id] ?? id, value), at: renamed.span)
      }
      for (depth, assignments) in nest.scalars.enumerated() {
        before[depth] += assignments.map(copied)
      }
      body += nest.body.map(copied)
    }
    var inner = keepingElements(body)
    for (depth, loop) in nest.loops.enumerated().reversed() {
      var copy = loop
      copy.body = inner
      if depth == nest.loops.count - 1 { copy.mapping.unroll = min(copy.mapping.unroll, 2) }
      inner = before[depth] + [Statement(.loop(copy), at: loop.span)]
    }
    return inner
  }

  /// The body of the vector loop with each element that it stores in a variable meanwhile. Of run-time extents LLVM does not
  /// know which elements are different.
  ///
  /// Elements that are stored under a condition stay where they are: where it does not hold they may not exist.
  private mutating func keepingElements(_ body: [Statement]) -> [Statement] {
    var values: [Expression.Kind: VariableID] = [:]
    var before: [Statement] = []
    var after: [Statement] = []
    for statement in body {
      guard case .store(let buffer, let indices, _) = statement.kind else {
        if case .assign = statement.kind { continue }
        return body
      }
      let element = Expression(.load(buffer, indices), function[buffer].element)
      if values[element.kind] != nil { continue }
      let value = function.add(Variable(function[buffer].name, element.type))
      values[element.kind] = value
      before.append(Statement(.assign(value, element), at: statement.span))
      after.append(
        Statement(.store(buffer, indices, function.read(value)), at: statement.span))
    }
    let updates = body.map { statement in
      let kept = statement.mapExpressions { e in
        e.mapBottomUp { part in
          values[part.kind].map { part.replacing(.variable($0)) } ?? part
        }
      }
      guard case .store(let buffer, let indices, _) = statement.kind,
        case .store(_, _, let stored) = kept.kind, let value = values[.load(buffer, indices)]
      else { return kept }
      return Statement(.assign(value, stored), at: kept.span)
    }
    return before + updates + after
  }
}
