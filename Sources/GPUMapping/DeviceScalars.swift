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

  /// Whether the host can evaluate an expression when it has fetched one number: a scalar, or an element at indices that it knows
  /// and that need no test.
  func isKnownAfterOneFetch(_ e: Expression) -> Bool {
    var fetches = 0
    var canFetch = true
    e.forEachDescendant { part in
      switch part.kind {
      case .load(_, let indices):
        fetches += 1
        canFetch = canFetch && indices.allSatisfy { isKnownToHost($0) && !$0.isChecked }
      case .variable(let id): if found.contains(id) { fetches += 1 }
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked,
        .complex, .part:
        break
      }
      canFetch = canFetch && !part.type.isHalf
    }
    return canFetch && fetches <= 1
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
