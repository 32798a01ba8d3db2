import LoopIR

/// The scalars whose value the device computes: accumulators of parallel loops, what device blocks assign, and what is
/// computed of them.
struct DeviceScalars {
  private(set) var found: Set<VariableID> = []

  init(of statements: [Statement]) {
    var former = -1
    while former != found.count {
      former = found.count
      visit(statements, isDevice: false)
    }
  }

  /// Whether the value of an expression depends on them.
  func areRead(in e: Expression) -> Bool {
    e.contains {
      if case .variable(let id) = $0.kind { found.contains(id) } else { false }
    }
  }

  /// Whether the host can evaluate an expression.
  func isKnownToHost(_ e: Expression) -> Bool { !areRead(in: e) && !e.contains(\.isLoad) }

  /// Whether the host can run a statement and launch what is inside it: nothing it evaluates is data of the device.
  func canRunOnHost(_ statement: Statement) -> Bool {
    if case .whileLoop = statement.kind { return false }
    var isKnown = true
    statement.forEachExpression { isKnown = isKnown && isKnownToHost($0) }
    return isKnown
  }

  private mutating func visit(_ statements: [Statement], isDevice: Bool) {
    for statement in statements {
      switch statement.kind {
      case .assign(let id, let value):
        let known = found
        let isComputed = value.contains {
          if case .variable(let id) = $0.kind { known.contains(id) } else { false }
        }
        if isDevice || isComputed { found.insert(id) }
      case .loop(let loop) where loop.mapping.workers != nil:
        for reduction in loop.reductions { found.insert(reduction.accumulator) }
      case .device(let body): visit(body, isDevice: true)
      case .loop, .whileLoop, .conditional, .allocate:
        for block in statement.blocks { visit(block, isDevice: isDevice) }
      case .call(let call):
        if isDevice || call.isParallel, let id = call.result { found.insert(id) }
      case .store, .launch, .barrier, .requireEqual: break
      }
    }
  }
}
