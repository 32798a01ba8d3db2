import LoopIR
import Passes

/// Chooses the loops that run as vectors: in each nest the innermost that may, and how many lanes they have.
///
///     @workers(8) for i in 0..<n:                    @workers(8) for i in 0..<n:
///       @reduce(add s) for k in 0..<m:        →        @reduce(add s) @lanes(64) for k in 0..<m:
///         s = s + x[i, k]                                s = s + x[i, k]
///
/// A loop may where its iterations are known to be independent, were declared parallel, or only share declared
/// accumulators; every other loop is left to LLVM, which proves what it does. Loops inside it may end at different times in
/// different lanes. It must be worth it: an access that is neither to consecutive elements nor to one costs as much in
/// lanes as eight operations save there, and what inner loops do counts eightfold. The number of lanes depends on the
/// types in the body alone, so that a program has the same result whatever its extents are and whether they are
/// constants.
///
/// - Parameter registerSize: the bytes of the vector registers that loops without accumulators fill. Results do not depend
///   on it: the lanes of such loops have nothing in common.
public func chooseVectorLoops(registerSize: Int) -> Pass<LoopFunction> {
  Pass("choose-vector-loops") { function, _ in
    var result = function
    let chooser = VectorChooser(function: function, registerSize: registerSize)
    result.body = chooser.chosen(in: function.body).statements
    return result
  }
}

private struct VectorChooser {
  let function: LoopFunction
  /// In bytes.
  let registerSize: Int

  /// The statements with vector loops chosen, and whether there is one among them.
  func chosen(in statements: [Statement]) -> (statements: [Statement], hasVectors: Bool) {
    var hasVectors = false
    let result = statements.map { statement in
      let rebuilt = statement.mapBlocks { block in
        let inner = chosen(in: block)
        hasVectors = hasVectors || inner.hasVectors
        return inner.statements
      }
      guard case .loop(var loop) = rebuilt.kind, !containsVector(loop.body) else { return rebuilt }
      let lanes = lanes(for: loop)
      guard lanes > 1 else { return rebuilt }
      loop.mapping.lanes = lanes
      let least = lanes * elementSize(in: loop.body) == registerSize ? 128 / registerSize : 1
      // What was asked for counts iterations, of which a vector has several.
      loop.mapping.unroll = max(least, loop.mapping.unroll / lanes)
      hasVectors = true
      return Statement(.loop(loop), at: rebuilt.span)
    }
    return (result, hasVectors)
  }

  private func containsVector(_ body: [Statement]) -> Bool {
    var found = false
    body.forEachStatement { statement in
      if case .loop(let loop) = statement.kind, loop.mapping.lanes > 1 { found = true }
    }
    return found
  }

  /// The lanes a loop gets; 1 where it stays scalar.
  private func lanes(for loop: ForLoop) -> Int {
    let isFree = loop.isIndependent || loop.mapping.workers != nil
    guard isFree || !loop.reductions.isEmpty, loop.condition == nil, loop.updates.isEmpty,
      isVectorizable(loop),
      !leavesValues(loop)
    else { return 1 }
    return vectorSize(of: loop) / elementSize(in: loop.body)
  }

  /// The bytes of a vector: enough accumulators to hide the latency of an operation, enough lanes for the widest call of a
  /// library, and otherwise one register, unrolled: loads and stores then run through memory in ascending order (out of
  /// cache, a stencil on four registers at once takes 1.15 times as long).
  ///
  /// Lanes that leave an inner loop at different times wait for each other, so there are few of them.
  private func vectorSize(of loop: ForLoop) -> Int {
    if diverges(loop) { return 64 }
    // Taking pairs apart keeps more registers busy than the additions do.
    if loop.reductions.contains(where: { function[$0.accumulator].isPart }) { return 64 }
    if !loop.reductions.isEmpty { return 256 }
    var callsLibrary = false
    loop.body.forEachExpression { e in if e.isLibraryCall { callsLibrary = true } }
    return callsLibrary ? 128 : registerSize
  }

  /// Whether lanes may leave a loop inside at different times.
  private func diverges(_ loop: ForLoop) -> Bool {
    let assigned = AssignedVariables(inLanesOf: loop)
    var found = false
    loop.body.forEachStatement { statement in
      switch statement.kind {
      case .whileLoop: found = true
      case .loop(let inner):
        if inner.condition != nil || !assigned.leaveUnchanged(inner.lower)
          || !assigned.leaveUnchanged(inner.upper)
        {
          found = true
        }
      case .assign, .store, .call, .conditional, .device, .allocate, .requireEqual, .launch,
        .barrier:
        break
      }
    }
    return found
  }

  /// The size in bytes of the widest value that the loop computes with, indices not counted; halves are computed with as
  /// float32.
  private func elementSize(in body: [Statement]) -> Int {
    var size = 1
    func visit(_ e: Expression) {
      size = max(size, e.type.isHalf ? 4 : e.type.size)
      if case .load = e.kind { return }
      e.forEachChild(visit)
    }
    body.forEachStatement { statement in
      switch statement.kind {
      case .assign(_, let value): visit(value)
      case .store(let buffer, _, let value):
        let element = function[buffer].element
        size = max(size, element.isHalf ? 4 : element.size)
        visit(value)
      case .conditional(let condition, _, _), .whileLoop(let condition, _): visit(condition)
      case .loop(let inner): inner.condition.map(visit)
      case .call, .device, .allocate, .requireEqual, .launch, .barrier: break
      }
    }
    return size
  }

  /// The most conditions and the most parts of expressions in the body of a vector loop: LLVM's time grows with the square
  /// of the first (400 took 17 s).
  private static let mostConditions = 64
  private static let mostOperations = 8192

  /// Whether LLVM makes vector code of the body in a reasonable time.
  private func isShort(_ body: [Statement]) -> Bool {
    var conditions = 0
    var operations = 0
    body.forEachStatement { if case .conditional = $0.kind { conditions += 1 } }
    body.forEachExpression { _ in operations += 1 }
    return conditions <= Self.mostConditions && operations <= Self.mostOperations
  }

  /// Whether the body is one the emitter runs in lanes, and worth it.
  private func isVectorizable(_ loop: ForLoop) -> Bool {
    if !isShort(loop.body) { return false }
    let assigned = AssignedVariables(inLanesOf: loop)
    var isPossible = true
    loop.body.forEachStatement { statement in
      switch statement.kind {
      case .assign, .conditional, .device, .whileLoop: break
      // What other workers take part in is not run in lanes.
      case .loop(let inner): if inner.mapping.workers != nil { isPossible = false }
      case .store(let buffer, let indices, _):
        // One element stored by every iteration has the value of the last.
        if stride(of: buffer, indices, along: loop, assigned) == 0 { isPossible = false }
      // The test leaves the function, which a lane cannot do alone; a call is made once an iteration.
      case .allocate, .requireEqual, .launch, .barrier, .call: isPossible = false
      }
    }
    return isPossible
      && LaneGain(of: loop.body, isOrdered: !loop.reductions.isEmpty) { buffer, indices in
        // Whether an index is known not to be negative must not decide the order of a sum either.
        let indices = loop.reductions.isEmpty ? indices : indices.map(\.unwrapped)
        let stride = stride(of: buffer, indices, along: loop, assigned)
        // The numbers of consecutive pairs are read and written together. Of any array but a complex one, that there are two may
        // be known or not, and the order of a sum must not depend on it.
        let mayPair = function[buffer].holdsParts || loop.reductions.isEmpty
        return mayPair && function[buffer].isPairwise(indices)
          && stride.map { abs($0) == 2 } == true ? 1 : stride
      }.isWorthIt
  }

  /// Whether code outside the loop reads what an iteration assigns, accumulators excepted: lanes keep that to themselves.
  private func leavesValues(_ loop: ForLoop) -> Bool {
    var assigned = AssignedVariables(in: loop, countsInnerLoops: false).variables
    assigned.remove(loop.variable)
    assigned.subtract(loop.reductions.map(\.accumulator))
    if assigned.isEmpty { return false }
    func reads(in statements: [Statement]) -> Int {
      var count = 0
      statements.forEachExpression { e in
        if case .variable(let id) = e.kind, assigned.contains(id) { count += 1 }
      }
      return count
    }
    return reads(in: function.body) > reads(in: loop.body)
  }

  /// How many elements an access moves with each iteration; nil where that is not one known number.
  private func stride(
    of buffer: BufferID, _ indices: [Expression], along loop: ForLoop,
    _ assigned: AssignedVariables
  ) -> Int? {
    function[buffer].stride(of: indices, along: loop.variable, step: loop.step) {
      !assigned.leaveUnchanged($0)
    }
  }
}

extension Expression {
  /// The index as it was written, of one that counts from the end where it is negative.
  fileprivate var unwrapped: Expression {
    guard case .select(let condition, _, let index) = kind,
      condition.kind == .compare(.less, index, .index(0))
    else { return self }
    return index
  }
}

extension Buffer {
  /// Whether an access is to one number of a pair: innermost there are two, side by side, and the index is a literal.
  public func isPairwise(_ indices: [Expression]) -> Bool {
    element.isFloat && !element.isHalf && extents.last?.integerLiteral == 2
      && effectiveStrides.last?.integerLiteral == 1
      && [0, 1].contains(indices.last?.integerLiteral)
  }

  /// How many elements an access moves when `variable` grows by `step`; nil where that is not one known number.
  ///
  /// - Parameter varies: whether an expression that does not contain `variable` linearly has another value in each iteration.
  public func stride(
    of indices: [Expression], along variable: VariableID, step: Int = 1,
    varies: (Expression) -> Bool
  ) -> Int? {
    var total = 0
    for (index, stride) in zip(indices, effectiveStrides) {
      var coefficient: Int64 = 0
      for (term, factor) in LinearSum(index).terms {
        if term.kind == .variable(variable) {
          coefficient = factor
        } else if varies(term) {
          return nil
        }
      }
      if coefficient == 0 { continue }
      guard let known = stride.integerLiteral else { return nil }
      let (perUnit, overflow1) = known.multipliedReportingOverflow(by: coefficient)
      let (distance, overflow2) = perUnit.multipliedReportingOverflow(by: Int64(step))
      if overflow1 || overflow2 { return nil }
      total = total &+ Int(distance)
    }
    return total
  }
}
