import GPUMapping
import LoopIR

/// Which pointers of a kernel say `const`, and which `__restrict__`: that what is read by way of them is written by way of none else.
///
///     x: read, y: stored           →   const float *__restrict__ x, float *__restrict__ y
///     x and y may share memory     →   float *x, float *y
///
/// NVRTC draws more from the word than it says, so these are without it as well:
///
/// - **exchanged** buffers, through which the threads of a block may give each other values: reads of them are moved across
///   `__syncthreads()`, and a loop that waits for another thread's store never sees it.
/// - Of **branches**, the buffers that are not stored to, beside one that is: a read in each branch become one, from either place, by
///   the cache for what never changes. `y[0] = 1; s = x[0] if c else y[0]` gave what `y[0]` was before.
/// - **chosen** elements of a buffer that is stored to: reads `d[i] if c else d[j]`, or `d[k]` of a `k` that was chosen, become one
///   read from either place, and a store before them is left out that a later one overwrites, as if it were not read between.
struct RestrictedPointers {
  private let host: LoopFunction
  private let stored: Set<BufferID>
  private var unrestricted: Set<BufferID>
  /// Beside restricted pointers NVRTC takes one that is never stored through for constant, whatever may overlap it.
  private let mayOverlap: Bool

  init(of kernel: DeviceKernel, in host: LoopFunction) {
    let body = kernel.body
    self.host = host
    // Functions that are not seen here read and write what they are given.
    let passed = body.buffers { if case .call(let call) = $0.kind { call.buffers } else { [] } }
    stored = body.buffers { if case .store(let id, _, _) = $0.kind { [id] } else { [] } }
      .union(passed)
    unrestricted = passed
    mayOverlap = kernel.buffers.contains { host[$0].mayAlias }
    unrestricted.formUnion(exchanged(in: body))
    forEachBranching(in: body) { then, otherwise in
      let both = then.union(otherwise)
      if !both.isDisjoint(with: stored) { unrestricted.formUnion(both.subtracting(stored)) }
      unrestricted.formUnion(then.intersection(otherwise).intersection(stored))
    }
    unrestricted.formUnion(atChosenPlaces(in: body).intersection(stored))
  }

  /// Whether nothing is stored through the pointer.
  func isConst(_ id: BufferID) -> Bool { !stored.contains(id) && !host[id].mayAlias }

  func isRestricted(_ id: BufferID) -> Bool { !mayOverlap && !unrestricted.contains(id) }

  private func exchanged(in body: [Statement]) -> Set<BufferID> {
    var hasBarrier = false
    body.forEachStatement { if case .barrier = $0.kind { hasBarrier = true } }
    return hasBarrier ? body.loadedBuffers.intersection(stored) : []
  }

  /// Calls `visit` with what each two branches read.
  private func forEachBranching(
    in body: [Statement], _ visit: (Set<BufferID>, Set<BufferID>) -> Void
  ) {
    body.forEachStatement {
      if case .conditional(_, let then, let otherwise) = $0.kind {
        visit(then.loadedBuffers, otherwise.loadedBuffers)
      }
    }
    body.forEachExpression {
      if case .select(_, let then, let otherwise) = $0.kind {
        visit(then.loadedBuffers, otherwise.loadedBuffers)
      }
    }
  }

  /// The buffers that have an index which is one of two.
  private func atChosenPlaces(in body: [Statement]) -> Set<BufferID> {
    let chosen = chosenVariables(in: body)
    func isChosen(_ indices: [Expression]) -> Bool {
      indices.contains { $0.contains { $0.isChoice || $0.isVariable(in: chosen) } }
    }
    var found: Set<BufferID> = []
    body.forEachStatement {
      if case .store(let id, let indices, _) = $0.kind, isChosen(indices) { found.insert(id) }
    }
    body.forEachExpression {
      if case .load(let id, let indices) = $0.kind, isChosen(indices) { found.insert(id) }
    }
    return found
  }

  /// The integers that are one of two values, for one that is assigned in a branch and used outside of it, and those made of them.
  private func chosenVariables(in body: [Statement]) -> Set<VariableID> {
    var chosen: Set<VariableID> = []
    let all = body.mentions
    body.forEachStatement { statement in
      guard case .conditional(_, let then, let otherwise) = statement.kind else { return }
      for branch in [then, otherwise] {
        let inside = branch.mentions
        branch.forEachStatement { inner in
          guard let id = inner.assignedVariable, host[id].type.isInteger else { return }
          if inside[id] != all[id] { chosen.insert(id) }
        }
      }
    }
    func isChosen(_ e: Expression) -> Bool {
      e.contains { $0.isChoice || $0.isVariable(in: chosen) }
    }
    // A variable of one iteration may be made of what is chosen further down in the one before.
    var count = -1
    while count < chosen.count {
      count = chosen.count
      body.forEachStatement { statement in
        switch statement.kind {
        case .assign(let id, let value) where host[id].type.isInteger && isChosen(value):
          chosen.insert(id)
        case .loop(let loop) where isChosen(loop.lower): chosen.insert(loop.variable)
        default: break
        }
      }
    }
    return chosen
  }
}

extension Expression {
  /// Whether it is one of two values, and no index from the end: `i + n if i < 0 else i`.
  fileprivate var isChoice: Bool {
    guard case .select(let condition, _, let otherwise) = kind else { return false }
    if case .compare(.less, otherwise, let bound) = condition.kind, bound.integerLiteral == 0 {
      return false
    }
    return true
  }

  fileprivate func isVariable(in variables: Set<VariableID>) -> Bool {
    if case .variable(let id) = kind { variables.contains(id) } else { false }
  }

  fileprivate var loadedBuffers: Set<BufferID> {
    var loaded: Set<BufferID> = []
    forEachDescendant { if case .load(let id, _) = $0.kind { loaded.insert(id) } }
    return loaded
  }
}

extension [Statement] {
  fileprivate var loadedBuffers: Set<BufferID> {
    var loaded: Set<BufferID> = []
    forEachExpression { if case .load(let id, _) = $0.kind { loaded.insert(id) } }
    return loaded
  }

  fileprivate func buffers(_ find: (Statement) -> [BufferID]) -> Set<BufferID> {
    var found: Set<BufferID> = []
    forEachStatement { found.formUnion(find($0)) }
    return found
  }

  /// How often each variable is read and assigned.
  fileprivate var mentions: [VariableID: Int] {
    var counts: [VariableID: Int] = [:]
    forEachStatement { if let id = $0.assignedVariable { counts[id, default: 0] += 1 } }
    forEachExpression { if case .variable(let id) = $0.kind { counts[id, default: 0] += 1 } }
    return counts
  }
}
