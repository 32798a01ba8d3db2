import LoopIR
import Passes

/// Lets the device compute what decides how a statement runs, where the host runs it and would have to fetch more than one number.
///
///     with device:                                with device:
///       while x[k] > x[j]:                          go = x[k] > x[j]
///         @grid for i in 0..<n: …           →       while go:
///                                                     @grid for i in 0..<n: …
///                                                     go = x[k] > x[j]
///
/// The host fetches the scalar then. Conditions of `while` and `if` and the ranges of loops become scalars in that way; what a loop
/// tests before each iteration are scalars already.
///
/// Left alone are statements that run within a block of threads, since a kernel runs them, and what the host knows after one fetch.
///
/// - Requires: loops have their levels.
public let decideOnDevice = Pass<LoopFunction>("decide-on-device") { function, _ in
  var rewriter = DecisionRewriter(function)
  let body = rewriter.rewritten(function.body, isOnDevice: false)
  var result = rewriter.function
  result.body = body
  return result
}

private struct DecisionRewriter {
  var function: LoopFunction
  private let deviceScalars: DeviceScalars

  init(_ function: LoopFunction) {
    self.function = function
    deviceScalars = DeviceScalars(of: function.body)
  }

  mutating func rewritten(_ statements: [Statement], isOnDevice: Bool) -> [Statement] {
    statements.flatMap { statement -> [Statement] in
      var copy = self
      defer { self = copy }
      switch statement.kind {
      case .device: return [statement.mapBlocks { copy.rewritten($0, isOnDevice: true) }]
      case .loop(let loop) where loop.mapping.level != nil: return [statement]
      case .loop, .whileLoop, .conditional, .allocate:
        if isOnDevice && ![statement].spansBlocks { return [statement] }
        let inner = statement.mapBlocks { copy.rewritten($0, isOnDevice: isOnDevice) }
        return isOnDevice ? copy.decided(inner) : [inner]
      case .assign, .store, .call, .requireEqual, .launch, .barrier: return [statement]
      }
    }
  }

  /// A statement that the host runs, behind the scalars that decide how.
  private mutating func decided(_ statement: Statement) -> [Statement] {
    switch statement.kind {
    case .whileLoop(let condition, let body):
      guard let (decision, scalar) = decision(condition, "go") else { return [statement] }
      let loop = Statement.Kind.whileLoop(condition: scalar, body: body + [decision])
      return [decision, Statement(loop, at: statement.span)]
    case .conditional(let condition, let then, let otherwise):
      guard let (decision, scalar) = decision(condition, "go") else { return [statement] }
      let choice = Statement.Kind.conditional(scalar, then: then, otherwise: otherwise)
      return [decision, Statement(choice, at: statement.span)]
    case .loop(var loop):
      let lower = decision(loop.lower, "first")
      let upper = decision(loop.upper, "end")
      loop.lower = lower?.scalar ?? loop.lower
      loop.upper = upper?.scalar ?? loop.upper
      return [lower?.decision, upper?.decision].compactMap(\.self)
        + [Statement(.loop(loop), at: statement.span)]
    case .assign, .store, .call, .device, .allocate, .requireEqual, .launch, .barrier:
      return [statement]
    }
  }

  /// Code of the device that computes an expression, and the scalar that it leaves; nil where the host can do as well.
  private mutating func decision(
    _ e: Expression, _ name: String
  ) -> (decision: Statement, scalar: Expression)? {
    if deviceScalars.isKnownAfterOneFetch(e) { return nil }
    let id = function.add(Variable(name, e.type))
    return (Statement(.assign(id, e), at: e.span), function.read(id))
  }
}

extension [Statement] {
  /// Whether the blocks of a grid share the iterations of a loop among the statements or inside them: no kernel can run what
  /// stands around such a loop in sequence, since blocks cannot wait for one another, but for those of one cluster.
  var spansBlocks: Bool {
    var found = false
    forEachStatement { statement in
      guard case .loop(let loop) = statement.kind, let level = loop.mapping.level else { return }
      switch level {
      case .blocksX, .blocksY, .blocksZ, .grid: found = true
      case .threads, .clusterBlocks, .cluster: break
      }
    }
    return found || mixesClusters
  }
}
