import LoopIR

/// What differs between the lanes of a vector loop.
extension AssignedVariables {
  /// Collects what the body of a vector loop assigns, and the variables of the loops in it that start elsewhere in each lane.
  init(inLanesOf loop: ForLoop) {
    var result = AssignedVariables(in: loop, countsInnerLoops: false)
    // Outer loops come first: the ranges of inner ones depend on their variables.
    loop.body.forEachStatement { statement in
      guard case .loop(let inner) = statement.kind, !result.leaveUnchanged(inner.lower),
        !inner.sharesVariable(
          in: loop.variable, by: loop.step, varies: { !result.leaveUnchanged($0) })
      else { return }
      result.variables.insert(inner.variable)
    }
    self = result
  }
}

extension ForLoop {
  /// Whether the lanes of a vector loop over `variable`, with step `by`, can run through the range of this loop side by side, although it
  /// starts elsewhere in each: no further apart than the lanes are.
  ///
  /// - Parameter varies: whether an expression may differ between lanes.
  public func sharesVariable(
    in variable: VariableID, by outerStep: Int, varies: (Expression) -> Bool
  ) -> Bool {
    condition == nil && (outerStep == 1 || outerStep == -1) && (step == 1 || step == -1)
      && lower.movesWithLanes(of: variable, varies: varies)
  }
}

extension Expression {
  /// Whether the expression differs by no more than the lane number between lanes.
  fileprivate func movesWithLanes(
    of variable: VariableID, varies: (Expression) -> Bool
  ) -> Bool {
    var moving = 0
    for (term, factor) in LinearSum(self).terms where varies(term) {
      switch term.kind {
      case .variable(variable): break
      case .binary(.pythonMin, let l, let r), .binary(.pythonMax, let l, let r),
        .binary(.minimum, let l, let r), .binary(.maximum, let l, let r):
        guard l.movesWithLanes(of: variable, varies: varies),
          r.movesWithLanes(of: variable, varies: varies)
        else { return false }
      case .integer, .float, .variable, .load, .unary, .binary, .compare, .logical, .select,
        .convert, .math, .checked, .complex, .part:
        return false
      }
      guard factor == 1 || factor == -1 else { return false }
      moving += 1
    }
    return moving <= 1
  }
}
