import LoopIR
import Passes

/// Runs two iterations of a parallel loop side by side where products of matrices in it read the same elements.
///
///     @workers(8) for i in 0..<n:                @workers(8) for pair in 0..<(n + 1) // 2:
///       for k in 0..<m:                            if 2 * pair + 1 < n:
///         @lanes(4) for j in 0..<l:          →       for k in 0..<m:
///           c[i, j] = c[i, j] + a[i, k] * b[k, j]      @lanes(4) for j in 0..<l:
///                                                        c[2 * pair, j] = … * b[k, j]
///                                                        c[2 * pair + 1, j] = … * b[k, j]
///                                                  else: … the last one alone
///
/// So `b` is read half as often. The loops around such a product are shared where their ranges are the same in both
/// iterations; every other statement runs for the first and then for the second. Iterations of a parallel loop may be
/// interleaved as one likes.
public let pairIterations = Pass<LoopFunction>("pair-iterations") { function, _ in
  var pairer = Pairer(function: function)
  let body = pairer.paired(function.body, Facts(variables: function.variables))
  pairer.function.body = body
  return pairer.function
}

private struct Pairer {
  /// The fewest iterations that are paired, where their number is known: few must stay apart, for the workers.
  static let fewest = 16
  /// The most statements of an iteration that is written twice.
  static let mostStatements = 32

  var function: LoopFunction

  mutating func paired(_ statements: [Statement], _ facts: Facts) -> [Statement] {
    statements.map { statement in
      var inner = facts
      if case .loop(let loop) = statement.kind {
        inner = facts.entering(loop)
        if isFit(loop), let pairs = pair(loop, inner) {
          return Statement(.loop(pairs), at: statement.span)
        }
      }
      var copy = self
      let rebuilt = statement.mapBlocks { copy.paired($0, inner) }
      self = copy
      return rebuilt
    }
  }

  /// Whether the iterations of a loop may be written side by side.
  private func isFit(_ loop: ForLoop) -> Bool {
    guard loop.isIndependent || loop.mapping.workers != nil, loop.isPlain, loop.step == 1,
      loop.mapping.lanes == 1, !loop.isShorter(than: Self.fewest),
      loop.hasRange(unchangedBy: AssignedVariables(in: loop))
    else { return false }
    var count = 0
    var isFit = true
    loop.body.forEachStatement { statement in
      count += 1
      switch statement.kind {
      case .assign, .store, .conditional: break
      case .loop(let inner):
        // On a worker of its own, a loop inside has no others.
        isFit =
          isFit && inner.isPlain && (inner.mapping.workers == nil || loop.mapping.workers != nil)
      case .call, .whileLoop, .device, .allocate, .requireEqual, .launch, .barrier: isFit = false
      }
    }
    return isFit && count <= Self.mostStatements
  }

  /// The loop over pairs of iterations; nil where they would share nothing.
  private mutating func pair(_ loop: ForLoop, _ facts: Facts) -> ForLoop? {
    var extended = function
    let pair = extended.add(function[loop.variable])
    let first = loop.lower + extended.read(pair) * .index(2)
    var copies = PairedBody(loop, first: first, extended)
    let both = copies.both(loop.body, facts)
    guard copies.sharesLoads else { return nil }
    function = copies.function
    var result = loop
    result.variable = pair
    result.lower = .index(0)
    result.upper = .binary(.floorDivide, loop.tripCount + .index(1), .index(2))
    let hasSecond = Expression.compare(.less, first + .index(1), loop.upper)
    result.body = [
      Statement(
        .conditional(
          hasSecond, then: both, otherwise: loop.body.map { copies.copy($0, isSecond: false) }),
        at: loop.span)
    ]
    return result
  }
}

/// Writes the body of a parallel loop for two iterations.
private struct PairedBody {
  private(set) var function: LoopFunction
  /// Whether a vector loop was written that loads the same elements for both.
  private(set) var sharesLoads = false
  private let variable: VariableID
  private let first: Expression
  /// What differs between the two iterations: everything but the variables of loops that they share.
  private let changing: AssignedVariables
  /// The variables of the second iteration that take the place of those of the first.
  private var seconds: [VariableID: VariableID] = [:]

  init(_ loop: ForLoop, first: Expression, _ function: LoopFunction) {
    self.function = function
    self.first = first
    variable = loop.variable
    changing = AssignedVariables(in: loop, countsInnerLoops: false)
    for id in changing.variables.sorted(by: { $0.index < $1.index }) where id != variable {
      seconds[id] = self.function.add(function[id])
    }
  }

  /// The statements for both iterations.
  ///
  /// - Parameter isProduct: whether they are inside a loop that `shares` loads.
  mutating func both(
    _ statements: [Statement], _ facts: Facts, isProduct: Bool = false
  ) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      if case .loop(var shared) = statement.kind, shared.hasRange(unchangedBy: changing) {
        let inner = facts.entering(shared)
        let isOne = isProduct || isSharedProduct(shared, inner)
        var trial = self
        trial.sharesLoads = isOne
        let body = trial.both(shared.body, inner, isProduct: isOne)
        if trial.sharesLoads {
          sharesLoads = true
          shared.body = body
          return [Statement(.loop(shared), at: statement.span)]
        }
      }
      return [copy(statement, isSecond: false), copy(statement, isSecond: true)]
    }
  }

  /// Whether a loop may be jammed, and its nest loads vectors that are the same in both iterations.
  private func isSharedProduct(_ loop: ForLoop, _ facts: Facts) -> Bool {
    guard let nest = JamNest(in: loop, facts, function), let vector = nest.loops.last,
      nest.loops.allSatisfy({ $0.hasRange(unchangedBy: changing) })
    else { return false }
    var isShared = false
    nest.body.forEachExpression { e in
      guard case .load = e.kind, changing.leaveUnchanged(e) else { return }
      isShared = isShared || e.contains { $0.kind == .variable(vector.variable) }
    }
    return isShared
  }

  /// A statement for one of the two iterations.
  func copy(_ statement: Statement, isSecond: Bool) -> Statement {
    var replacements = [variable: isSecond ? first + .index(1) : first]
    if isSecond { for (id, own) in seconds { replacements[id] = function.read(own) } }
    let copied = statement.mapExpressions {
      $0.substituting(replacements).mapBottomUp(\.folded)
    }
    guard case .assign(let id, let value) = copied.kind, isSecond else {
      return copied.mapBlocks { $0.map { copy($0, isSecond: isSecond) } }
    }
    return Statement(.assign(seconds[id] ?? id, value), at: copied.span)
  }
}
