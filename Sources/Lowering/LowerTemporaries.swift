import LoopIR
import Syntax

/// Temporary arrays, which live from the statement that makes them to the end of its block.
///
///     t = np.zeros((n, 4))           allocate t: float64[n, 4]:
///     t[0, :] = x[:]            →      for k0 in 0..<n: for k1 in 0..<4: t[k0, k1] = 0.0
///                                      for k0 in 0..<4: t[0, k0] = x[k0]
///
/// Host code of a device makes them in the device's memory, where the device itself has to write what they hold at first.
extension Lowerer {
  /// `name = np.zeros(shape, dtype)` and its kin.
  struct Temporary {
    var name: String
    /// An integer or a tuple of integers.
    var shape: Syntax.Expression
    /// The array whose shape and type are taken over, for `np.zeros_like(a)`.
    var model: ArrayView?
    var element: ScalarType
    /// What the elements are at first; nil where they are left as they come.
    var fill: Syntax.Expression?
    /// Whether the elements have the type of `fill`.
    var takesTypeOfFill = false
    var functionName: String
  }

  /// The temporary that a statement makes; nil for every other statement.
  func temporary(_ statement: Syntax.Statement) throws -> Temporary? {
    guard case .assign(let target, let value) = statement.kind,
      case .call(let callee, let arguments, let keywords) = value.kind, let path = callee.path,
      case .intrinsic(let intrinsic) = names.resolve(path)
    else { return nil }
    let fill: Syntax.Expression?
    var isLike = false
    switch intrinsic {
    case .empty: fill = nil
    case .zeros: fill = Expression(.bool(false), at: value.span)
    case .ones: fill = Expression(.bool(true), at: value.span)
    case .full: fill = arguments.count > 1 ? arguments[1] : nil
    case .emptyLike: (fill, isLike) = (nil, true)
    case .zerosLike: (fill, isLike) = (Expression(.bool(false), at: value.span), true)
    case .onesLike: (fill, isLike) = (Expression(.bool(true), at: value.span), true)
    default: return nil
    }
    let name = path.joined(separator: ".")
    guard case .name(let local) = target.kind else {
      throw reject(
        .unsupported(
          "\(name) as the value of anything but a name", at: target.span,
          help: "store a number in all elements: y[:] = 0; or name the new array: t = \(name)(…)"))
    }
    let typePosition = intrinsic == .full ? 2 : 1
    guard (1...typePosition + 1).contains(arguments.count),
      intrinsic != .full || fill != nil,
      keywords.allSatisfy({ $0.name == "dtype" }), keywords.count <= 1,
      arguments.count <= typePosition || keywords.isEmpty
    else {
      throw reject(
        Diagnostic(
          .type, "\(name) takes \(isLike ? "an array" : "a shape") and a dtype", at: value.span))
    }
    let type =
      keywords.first?.value ?? (arguments.count > typePosition ? arguments[typePosition] : nil)
    var model: ArrayView?
    if isLike {
      guard let view = try view(arguments[0]) else {
        throw reject(Diagnostic(.type, "\(name) needs an array", at: arguments[0].span))
      }
      model = view
    }
    return Temporary(
      name: local, shape: arguments[0], model: model,
      element: try elementType(type, default: model.map { ir[$0.buffer].element }), fill: fill,
      takesTypeOfFill: intrinsic == .full && type == nil, functionName: name)
  }

  /// The dtype that an argument names: a type, `x.dtype`, or that of the parts of complex numbers, `x.real.dtype`.
  func elementType(_ e: Syntax.Expression?, default model: ScalarType?) throws -> ScalarType {
    guard let e else { return model ?? .float64 }
    if case .attribute(let base, "dtype") = e.kind {
      if case .attribute(let whole, let part) = base.kind, ["real", "imag"].contains(part),
        let view = try view(whole)
      {
        return ir[view.buffer].element.part
      }
      if let view = try view(base) { return ir[view.buffer].element }
    }
    if let path = e.path, scope[path[0]] == nil {
      switch names.resolve(path) {
      case .scalarType(let type): return type
      case .intrinsic(.toFloat): return .float64
      case .intrinsic(.toInt): return .int64
      case .intrinsic(.toBool): return .bool
      case .intrinsic(.toComplex): return .complex128
      case .typeVariable(let id):
        if let known = activation.types[id] { return known.type }
        throw reject(.unboundVariable(path.joined(separator: "."), "type", at: e.span))
      case .intrinsic, .integer, .float, .bool, .typedScalar, .complex, .function, .foreign,
        .shapeVariable,
        .missing, .unsupported:
        break
      }
    }
    throw reject(
      Diagnostic(
        .type, "this is no dtype", at: e.span, help: "write np.float64, or the dtype of an array"))
  }

  /// Makes the temporary, and lowers the rest of its block with it.
  func lowerTemporary(
    _ temporary: Temporary, _ rest: [Syntax.Statement], at statement: Syntax.Statement
  ) throws {
    let before = scope[temporary.name]
    if case .array? = before, activation.temporaries[temporary.name] != currentBlock {
      throw reject(
        Diagnostic(
          .program, "'\(temporary.name)' is an array and cannot be assigned",
          at: statement.span, help: "give the temporary another name"))
    }
    settledValues = [:]
    settledElements = [:]
    let outerSettles = settlesLoads
    settlesLoads = callsFunctions(statement)
    defer { settlesLoads = outerSettles }
    let shape = try temporary.model?.shape.map { settled($0, "extent") } ?? extents(temporary)
    guard !shape.isEmpty else {
      throw reject(
        Diagnostic(.type, "\(temporary.functionName) needs a shape", at: statement.span))
    }
    let labels = try takeLabels()
    // Shape and value may use what the name has stood for so far.
    let fill = try temporary.fill.map { try arrayValue($0) }
    let element =
      temporary.takesTypeOfFill ? fill?.element.type ?? temporary.element : temporary.element
    let id = ir.add(Buffer(temporary.name, element, extents: shape, role: .temporary))
    let elements = try block {
      let view = ArrayView(
        buffer: id, dimensions: shape.map { .range(start: .index(0), step: 1, extent: $0) })
      scope[temporary.name] = .array(view)
      if let fill {
        pendingLabels = labels
        try lowerSliceAssignment(
          to: { view }, rank: shape.count,
          Expression(.name(temporary.name), at: statement.head), { fill }, at: statement)
      } else if let label = labels.first {
        throw reject(.labelsNothing(label.name, at: label.span))
      }
    }
    let isHostCode = parallelDepth == 0 && deviceDepth == 0
    let fillsOnDevice = signature.options.backend.isDevice && isHostCode && !elements.isEmpty
    var body = fillsOnDevice ? [Statement(.device(elements), at: statement.head)] : elements
    settlesLoads = outerSettles
    let outer = activation.temporaries
    activation.temporaries[temporary.name] = currentBlock
    body += try block { try lowerStatements(rest) }
    activation.temporaries = outer
    emit(.allocate(id, body: body), at: statement.head)
    scope[temporary.name] = before ?? .ended(statement.head)
  }

  /// Sees to it that an extent that is known on entry is not negative where the array is made.
  private func requireNonNegative(_ extent: LoopIR.Expression, at span: Span) throws {
    let isPossible = Expression.compare(.lessEqual, .index(0), extent).mapBottomUp(\.folded)
    if conditionsAround.isEmpty && isPossible.integerLiteral == 0 {
      throw reject(Diagnostic(.value, "negative dimensions are not allowed", at: span))
    }
    let holds = conditionsAround.reduce(isPossible) { holds, condition in
      Expression(.logical(.or, Expression(.unary(.not, condition), .bool), holds), .bool)
    }
    if ir.isKnownOnEntry(isPossible), !ir.checks.contains(where: { $0.condition == holds }) {
      ir.checks.append(Check(holds, orElse: .respecialize))
    }
  }

  private func extents(_ temporary: Temporary) throws -> [LoopIR.Expression] {
    let parts: [TypedValue]
    switch try value(temporary.shape) {
    case .scalar(let extent): parts = [extent]
    case .tuple(let extents): parts = extents
    case .array: throw reject(.arrayAsScalar(at: temporary.shape.span))
    }
    return try parts.map { part in
      guard part.type.isInteger else {
        throw reject(
          Diagnostic(
            .type, "an extent must be an integer, not \(part.type)", at: temporary.shape.span))
      }
      let extent = settled(part.index, "extent")
      if facts.proveNonNegative(extent) { return extent }
      // Where data decide whether the array is made, nobody knows if a negative extent is an error.
      if conditionsAround.allSatisfy({ ir.isKnownOnEntry($0) }) {
        try requireNonNegative(extent, at: temporary.shape.span)
      }
      return settled(.binary(.pythonMax, extent, .index(0)), "extent")
    }
  }
}
