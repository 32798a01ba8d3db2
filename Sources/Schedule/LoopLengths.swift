import LoopIR

/// Tells how long loops are before the loop around them begins to run.
struct LoopLengths {
  /// The loops around the one in question, outermost first.
  var nest: [ForLoop] = []
  private let changing: AssignedVariables

  /// - Parameter loop: the outermost; what it changes, no length may depend on.
  init(in loop: ForLoop) { changing = AssignedVariables(in: loop) }

  /// The most iterations a loop has, over all iterations of those around it; nil where that depends on data.
  func greatest(of loop: ForLoop) -> Expression? {
    var ends = [loop.upper]
    if case .binary(.pythonMin, let a, let b) = loop.upper.kind { ends = [a, b] }
    var best: Expression?
    for end in ends {
      var bounded = loop
      bounded.upper = end
      var lengths = [bounded.step > 0 ? end - loop.lower : loop.lower - end]
      for outer in nest.reversed() {
        lengths = lengths.flatMap { length in
          length.contains { $0.kind == .variable(outer.variable) }
            ? [outer.lower, outer.upper].map { length.substituting([outer.variable: $0]) }
            : [length]
        }
        if lengths.count > 8 { return nil }
      }
      guard lengths.allSatisfy(changing.leaveUnchanged) else { continue }
      let stride = Swift.max(1, Int(loop.step.magnitude))
      let counts = lengths.map { length in
        stride == 1
          ? length : Expression.binary(.floorDivide, length + .index(stride - 1), .index(stride))
      }
      let greatest = counts.reduce(Expression.index(0)) { Expression.binary(.pythonMax, $0, $1) }
      best = best.map { Expression.binary(.pythonMin, $0, greatest) } ?? greatest
    }
    return best
  }
}
