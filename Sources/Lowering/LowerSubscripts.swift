import LoopIR
import Syntax

extension Lowerer {
  /// The part of an array that `e` names, or nil where it is no name or subscript of an array.
  func view(_ e: Syntax.Expression) throws -> ArrayView? {
    switch e.kind {
    case .name(let name):
      if case .dictionary(let dictionary)? = scope[name] {
        throw reject(.dictionaryAsValue(dictionary, at: e.span))
      }
      guard case .array(let view)? = scope[name] else { return nil }
      return view
    case .subscripted(let base, let indices):
      if let entry = try entry(e) { return entry.view }
      guard let view = try view(base) else { return nil }
      return try subscripted(view, indices, at: e.span)
    default: return nil
    }
  }

  private func subscripted(_ view: ArrayView, _ written: [Syntax.Expression.Index], at span: Span)
    throws -> ArrayView
  {
    let rank = view.shape.count
    for (position, index) in written.enumerated() {
      guard case .expression(let e) = index, isNewAxis(e) else { continue }
      throw reject(.newAxis(isFirst: position == 0, at: e.span))
    }
    let indices = try expandEllipsis(written, rank: rank, at: span)
    guard indices.count <= rank else {
      let name = "'\(ir[view.buffer].name)'"
      let what = rank == view.dimensions.count ? name : "this part of \(name)"
      throw reject(
        Diagnostic(
          .index,
          "too many indices: \(what) has \(rank) dimension\(rank == 1 ? "" : "s"), \(indices.count) \(indices.count == 1 ? "was" : "were") given",
          at: span))
    }
    let hasSlice = indices.contains { if case .slice = $0 { true } else { false } }
    var rest = indices[...]
    var result = view
    for (d, dimension) in view.dimensions.enumerated() {
      guard case .range(let start, let step, let extent) = dimension, let index = rest.popFirst()
      else { continue }
      switch index {
      case .expression(let e):
        var position = try integerIndex(e, "an index", ifArray: Diagnostic.arrayAsIndex)
        // Where loops follow, the index is what it is before they store anything.
        if indices.count < rank || hasSlice { position = settled(position, "index") }
        let wrapped = fromTheFront(position, extent: extent)
        result.dimensions[d] = .fixed(
          start == .index(0) && step == 1 ? wrapped : start + wrapped * .index(step))
      case .slice(let lower, let upper, let stepSyntax):
        let cut = try slice(lower, upper, stepSyntax, extent: extent, at: span)
        let (combined, overflow) = step.multipliedReportingOverflow(by: cut.step)
        guard !overflow, combined.magnitude <= Self.longestStep.magnitude else {
          throw reject(.unsupported("a slice step of this size", at: span))
        }
        result.dimensions[d] = .range(
          start: start + cut.start * .index(step), step: combined, extent: cut.extent)
      case .ellipsis:
        throw reject(.unsupported("a second ellipsis", at: span))
      }
    }
    return result
  }

  /// Whether an index is `None` or `numpy.newaxis`.
  private func isNewAxis(_ e: Syntax.Expression) -> Bool {
    if e.kind == .none { return true }
    guard let path = e.path, path.last == "newaxis", scope[path[0]] == nil else { return false }
    return names.resolve(path) == .unsupported("None")
  }

  /// `...` stands for as many full slices as the rank leaves room for.
  private func expandEllipsis(_ indices: [Syntax.Expression.Index], rank: Int, at span: Span) throws
    -> [Syntax.Expression.Index]
  {
    guard let place = indices.firstIndex(of: .ellipsis) else { return indices }
    let fill = max(0, rank - indices.count + 1)
    var result = indices
    result.replaceSubrange(
      place...place, with: repeatElement(.slice(lower: nil, upper: nil, step: nil), count: fill))
    return result
  }

  /// A literal negative index counted from the end; any other is left to `wrap-negative-indices`, unless the view has a
  /// start or step of its own, which needs the wrapped value now.
  private func fromTheFront(_ index: LoopIR.Expression, extent: LoopIR.Expression)
    -> LoopIR.Expression
  {
    if let literal = index.integerLiteral { return literal < 0 ? extent + index : index }
    return wrapped(index, extent: extent)
  }

  /// `index`, counted from the end where it is negative.
  private func wrapped(_ index: LoopIR.Expression, extent: LoopIR.Expression) -> LoopIR.Expression {
    if facts.proveNonNegative(index) { return index }
    if facts.proveNonNegative(.index(-1) - index) { return extent + index }
    let isNegative = LoopIR.Expression.compare(.less, index, .index(0))
    return Expression(
      .select(isNegative, then: index + extent, otherwise: index), .int64, at: index.span
    ).folded
  }

  // MARK: Slices

  /// No array is so long that a longer step would reach a second element.
  private static var longestStep: Int { 1 << 48 }

  /// `lower:upper:step` of a dimension, with Python's defaults and clamping.
  private func slice(
    _ lower: Syntax.Expression?, _ upper: Syntax.Expression?, _ stepSyntax: Syntax.Expression?,
    extent: LoopIR.Expression, at span: Span
  ) throws -> (start: LoopIR.Expression, step: Int, extent: LoopIR.Expression) {
    var step = 1
    if let stepSyntax, stepSyntax.kind != .none {
      let value = try integerIndex(stepSyntax, "a slice step")
      guard let literal = value.integerLiteral, let known = Int(exactly: literal), known != .min
      else {
        throw reject(.unknownSliceStep(at: stepSyntax.span))
      }
      guard known != 0 else {
        throw reject(Diagnostic(.value, "slice step cannot be zero", at: stepSyntax.span))
      }
      guard known.magnitude <= Self.longestStep.magnitude else {
        throw reject(.unsupported("a slice step of this size", at: stepSyntax.span))
      }
      step = known
    }
    let last = extent - .index(1)
    func bound(_ e: Syntax.Expression?, _ missing: LoopIR.Expression) throws -> LoopIR.Expression {
      guard let e, e.kind != .none else { return missing }
      let position = settled(try integerIndex(e, "a slice bound"), "bound")
      let index = wrapped(position, extent: extent)
      // A positive step clamps to 0...extent, a negative one to -1...extent-1.
      let floor: LoopIR.Expression = step > 0 ? .index(0) : .index(-1)
      let ceiling = step > 0 ? extent : last
      return atMost(ceiling, atLeast(floor, index))
    }
    let start = try bound(lower, step > 0 ? .index(0) : last)
    let stop = try bound(upper, step > 0 ? extent : .index(-1))
    let distance = step > 0 ? stop - start : start - stop
    let stride = abs(step)
    let count =
      stride == 1
      ? distance : .binary(.floorDivide, distance + .index(stride - 1), .index(stride))
    return (start, step, atLeast(.index(0), count))
  }

  /// The greater of both, without the comparison where the order is known.
  private func atLeast(_ floor: LoopIR.Expression, _ e: LoopIR.Expression) -> LoopIR.Expression {
    if facts.prove(floor, atMost: e) { return e }
    if facts.prove(e, atMost: floor) { return floor }
    return .binary(.pythonMax, e, floor)
  }

  /// The less of both, without the comparison where the order is known.
  private func atMost(_ ceiling: LoopIR.Expression, _ e: LoopIR.Expression) -> LoopIR.Expression {
    if facts.prove(e, atMost: ceiling) { return e }
    if facts.prove(ceiling, atMost: e) { return ceiling }
    return .binary(.pythonMin, e, ceiling)
  }

  /// A scalar integer expression as an int64.
  ///
  /// - Parameters:
  ///   - what: names it in messages, with an article.
  ///   - takesBools: whether a bool of Python's is an integer here, as it is in `range`.
  ///   - diagnostic: what is wrong with an array in its place.
  func integerIndex(
    _ e: Syntax.Expression, _ what: String, takesBools: Bool = false,
    ifArray diagnostic: (Span) -> Diagnostic = Diagnostic.arrayAsScalar
  ) throws -> LoopIR.Expression {
    let value = try value(e)
    if case .array = value { throw reject(diagnostic(e.span)) }
    guard case .scalar(let number) = value else {
      throw reject(.unsupported("a tuple here", at: e.span))
    }
    if takesBools, number.type == .bool, number.isWeak {
      return number.expression.converted(to: .int64)
    }
    guard number.type.isInteger else {
      let isQuotient = if case .binary(.divide, _, _) = e.kind { true } else { false }
      let conversion = takesBools ? "int(…) makes an integer of it" : nil
      throw reject(
        Diagnostic(
          .type, "\(what) must be an integer, not \(number.type)", at: e.span,
          help: isQuotient
            ? "the quotient of integers without a fraction is written //" : conversion))
    }
    return number.index
  }
}
