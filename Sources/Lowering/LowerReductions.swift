import LoopIR
import Syntax

extension Lowerer {
  /// `sum`, `prod`, `min` or `max` of one array expression, over all its dimensions or over `axis`.
  ///
  /// - Parameter known: the value of the first argument, where it has been evaluated already.
  func reduction(
    _ op: LoopIR.BinaryOperator, _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], of known: Value? = nil, named name: String,
    at span: Span
  ) throws -> Value {
    guard let argument = arguments.first, arguments.count + keywords.count <= 2,
      keywords.allSatisfy({ $0.name == "axis" })
    else {
      throw reject(
        Diagnostic(.type, "\(name) takes an array expression and, if need be, axis=", at: span))
    }
    guard case .array(let operand) = try known ?? value(argument) else {
      throw reject(
        Diagnostic(
          .type, "\(name) needs an array expression", at: argument.span,
          help: "reduce over a slice, such as \(name)(x[:])"))
    }
    try requireCurrent(operand, at: span)
    let labels = reductionLabels.prefix(1).map(\.name)
    reductionsLabelled += 1
    if operand.element.type.isComplex && op != .add && op != .multiply {
      throw reject(.notOfComplex(name, operand.element.type, at: span))
    }
    let reduced = try reducedType(op, operand.element)
    let axis = arguments.count == 2 ? arguments[1] : keywords.first?.value
    guard let axis, axis.kind != .none else {
      try rejectEmpty(op, operand.shape, named: name, at: span)
      return .scalar(try reduce(op, operand, reduced, labels: labels, at: span) { $0 })
    }
    let dimension = try knownAxis(axis, rank: operand.shape.count)
    try rejectEmpty(op, [operand.shape[dimension]], named: name, at: span)
    var rest = operand
    rest.shape = [operand.shape[dimension]]
    var shape = operand.shape
    shape.remove(at: dimension)
    if shape.isEmpty {
      return .scalar(try reduce(op, operand, reduced, labels: labels, at: span) { $0 })
    }
    return .array(
      ArrayValue(
        shape: shape, element: reduced,
        reads: operand.reads.map { ArrayValue.Read(view: $0.view, isPointwise: false) },
        at: { position in
          try self.reduce(op, rest, reduced, labels: labels, at: span) { inner in
            var full = position
            full.insert(contentsOf: inner, at: dimension)
            return full
          }.expression
        }, computedAt: storesOfCalls.count))
  }

  /// Whether an expression is a call that `reduction` lowers.
  func isReduction(_ e: Syntax.Expression) -> Bool {
    guard case .call(let callee, let arguments, _) = e.kind else { return false }
    if let path = callee.path, case .intrinsic(let intrinsic) = names.resolve(path) {
      return switch intrinsic {
      case .reduceSum, .reduceProd, .reduceMin, .reduceMax, .pythonSum, .pythonProd: true
      case .minOrReduce, .maxOrReduce: arguments.count == 1
      default: false
      }
    }
    guard case .attribute(_, let name) = callee.kind else { return false }
    return Self.reductionMethods[name] != nil
  }

  /// Python's `sum` or `math.prod`: of one dimension, where they mean what the reduction does.
  func pythonReduction(
    _ op: LoopIR.BinaryOperator, _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], named name: String, at span: Span
  ) throws -> Value {
    let reducer = "parpy.operators.\(op == .add ? "sum" : "prod")"
    guard let argument = arguments.first, arguments.count == 1, keywords.isEmpty else {
      throw reject(
        .unsupported(
          "Python's \(name) with anything but one argument", at: span,
          help: "\(reducer)(x, axis=…) is a reduction over one axis; a start is added to it"))
    }
    let operand = try value(argument)
    if case .array(let array) = operand, array.shape.count > 1 {
      throw reject(
        .unsupported(
          "Python's \(name) of \(array.shape.count) dimensions", at: span,
          help:
            "it goes over the rows, as \(reducer)(x, axis=0); without axis that one goes over all elements"
        ))
    }
    return try reduction(op, arguments, [], of: operand, named: name, at: span)
  }

  /// The type of a reduction's result: sums and products of bool and narrow integers have 64 bits, as in NumPy.
  private func reducedType(_ op: LoopIR.BinaryOperator, _ element: ElementType) throws
    -> ElementType
  {
    guard op == .add || op == .multiply, !element.type.isFloat, !element.type.isComplex else {
      return element
    }
    let wide: ScalarType = element.type.isUnsignedInteger ? .uint64 : .int64
    return element.isWeak
      ? ElementType(weakTypes.integer, isWeak: true) : ElementType(wide, isWeak: false)
  }

  private func knownAxis(_ e: Syntax.Expression, rank: Int) throws -> Int {
    guard let literal = try integerIndex(e, "axis").integerLiteral else {
      throw reject(.unsupported("an axis that is not known when compiling", at: e.span))
    }
    let axis = literal < 0 ? literal + Int64(rank) : literal
    guard axis >= 0, axis < Int64(rank) else {
      throw reject(
        Diagnostic(
          .index, "axis \(literal) is out of bounds for an array of dimension \(rank)", at: e.span))
    }
    return Int(axis)
  }

  /// Rejects a minimum or maximum of nothing, where it is known on entry that there will be one. Where a parameter tells
  /// whether there is something, that is a condition of this version of the code, so that what is said does not depend on
  /// which values are constants. Where data tells whether it is asked for, as in `if c[i]: y[i] = max(x[lo:hi])`, it may be
  /// right that it is not.
  private func rejectEmpty(
    _ op: LoopIR.BinaryOperator, _ shape: [LoopIR.Expression], named name: String, at span: Span
  ) throws {
    guard op == .minimum || op == .maximum, !facts.isReachedByChance else { return }
    for extent in shape where !facts.prove(.index(1), atMost: extent) {
      if extent.integerLiteral == 0 {
        throw reject(Diagnostic(.value, "\(name) of an empty slice has no value", at: span))
      }
      let condition = LoopIR.Expression.compare(.lessEqual, .index(1), extent)
      if ir.isKnownOnEntry(condition) { ir.checks.append(Check(condition, orElse: .respecialize)) }
    }
  }

  /// `accumulator op element` of one type.
  private func combined(
    _ op: LoopIR.BinaryOperator, _ accumulator: LoopIR.Expression, _ element: LoopIR.Expression,
    at span: Span
  ) -> LoopIR.Expression {
    guard accumulator.type.isComplex else {
      return Expression(.binary(op, accumulator, element), accumulator.type, at: span)
    }
    let type = accumulator.type
    if op == .multiply {
      return product(heldParts(accumulator, as: type), heldParts(element, as: type))
        .joined(at: span)
    }
    let (sum, term) = (parts(accumulator, as: type), parts(element, as: type))
    return .complex(
      .binary(op, sum.real, term.real, at: span),
      .binary(op, sum.imaginary, term.imaginary, at: span), at: span)
  }

  /// Emits the loops of a reduction and gives its result.
  ///
  ///     acc = identity; for k in 0..<n: acc = acc op operand[k]
  private func reduce(
    _ op: LoopIR.BinaryOperator, _ operand: ArrayValue, _ type: ElementType, labels: [String],
    at span: Span, position: @escaping ([LoopIR.Expression]) -> [LoopIR.Expression]
  ) throws -> TypedValue {
    guard let identity = op.identity(of: type.type) else {
      throw DiagnosticError(Diagnostic(.bug, "no identity for \(op)", at: span))
    }
    let accumulator = makeVariable(
      op == .add ? "sum" : op == .multiply ? "prod" : "extremum", type.type)
    emit(.assign(accumulator, identity), at: span)
    let declared = [Reduction(op, accumulator)]
    func nest(_ inner: [LoopIR.Expression]) throws {
      let depth = inner.count
      guard depth < operand.shape.count else {
        let element = try operand.at(position(inner)).converted(to: type.type)
        let sum = combined(op, ir.read(accumulator), element, at: span)
        return emit(.assign(accumulator, sum), at: span)
      }
      let variable = makeVariable("r\(depth)", .int64)
      let extent = settled(operand.shape[depth], "extent")
      let outerFacts = facts
      facts = facts.entering(variable, from: .index(0), to: extent, step: 1)
      let body = try block { try nest(inner + [ir.read(variable)]) }
      facts = outerFacts
      emit(
        .loop(
          ForLoop(
            variable, from: .index(0), to: extent, body: body, labels: depth == 0 ? labels : [],
            reductions: declared, at: span)), at: span)
    }
    try nest([])
    return TypedValue(ir.read(accumulator, at: span), isWeak: type.isWeak)
  }
}
