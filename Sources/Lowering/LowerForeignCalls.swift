import LoopIR
import Syntax

/// Calls of external functions and of Python callbacks: a statement where Python would make the call.
///
///     y[0] = scale(x[1:], 2.0) + 1.0   →   call "scale"(&x[1:n - 1], 2.0f32) into scale; y[0] = scale + 1.0
extension Lowerer {
  /// Lowers a call of a function that was declared, perhaps for several backends; nil where it gives nothing back.
  func callForeign(
    _ name: String, _ declarations: [ForeignFunction], _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], at span: Span
  ) throws -> Value? {
    let function = declarations.first { declaration in
      switch declaration.place {
      case .external(_, let backend): backend == signature.options.backend.intrinsic
      case .callback: true
      }
    }
    guard let function else {
      throw reject(
        .undeclaredExternal(name, declarations, for: signature.options.backend, at: span))
    }
    try requirePlace(of: function, at: span)
    let parameters = function.parameters.map(\.name)
    var operands: [String: ForeignCall.Operand] = [:]
    var extents: [UInt64: KnownExtent] = [:]
    for (parameter, argument) in try placed(
      arguments, keywords, parameters: parameters, of: name, at: span)
    {
      guard let declared = function.parameters.first(where: { $0.name == parameter }) else {
        continue
      }
      operands[parameter] = try operand(argument, for: declared, of: function, &extents)
    }
    let callee: ForeignCall.Callee =
      switch function.place {
      case .external(let function, backend: .backendCpu):
        .external(ExternalFunction(function.symbol))
      case .external(let function, _): .external(function)
      case .callback(let position): .callback(name: name, position: position)
      }
    let result = function.result.map { makeVariable(name, $0.type) }
    let call = ForeignCall(callee, parameters.compactMap { operands[$0] }, result: result)
    emit(.call(call), at: span)
    storesOfCalls += call.buffers
    // Whatever was computed from elements may be another value now.
    settledValues = [:]
    if parallelDepth == 0 { settledElements = [:] }
    guard let result, let type = function.result else { return nil }
    let value = ir.read(result, at: span)
    if !type.isWeak { return .scalar(.strong(value)) }
    return .scalar(
      value.type == .int64
        ? pythonInteger(value) : .weak(value.converted(to: weakTypes.narrowed(value.type))))
  }

  /// Refuses what only host code can call where code of the device stands, and what only the device can where the host's stands.
  private func requirePlace(of function: ForeignFunction, at span: Span) throws {
    let isOnDevice = parallelDepth > 0 || deviceDepth > 0
    if case .external(let external, let backend) = function.place, external.isDevice {
      // A call that threads make together is a kernel of its own.
      if isOnDevice || backend == .backendCpu || external.isParallel { return }
      throw reject(.deviceFunction(function, at: span))
    }
    if isOnDevice {
      throw reject(.hostFunction(function, isParallel: parallelDepth > 0, at: span))
    }
  }

  // MARK: Arguments

  private func operand(
    _ argument: Syntax.Expression, for parameter: ForeignFunction.Parameter,
    of function: ForeignFunction, _ extents: inout [UInt64: KnownExtent]
  ) throws -> ForeignCall.Operand {
    let place = ForeignArgument(function: function, parameter: parameter, span: argument.span)
    if case .name(let name) = argument.kind, case .dictionary? = scope[name] {
      throw reject(.foreignArgument(place, is: "a dictionary", help: "pass its entries one by one"))
    }
    let view = try view(argument)
    if let view, !view.shape.isEmpty { return .array(try part(view, place, &extents)) }
    switch try view.map({ read($0, at: argument.span) }) ?? value(argument) {
    case .scalar(let value):
      return .scalar(settled(try scalar(value, place), parameter.name, isNameMade: false))
    case .array:
      throw reject(
        .foreignArgument(
          place, is: "an array expression",
          help: "only arrays and their slices are passed: write it into a temporary first"))
    case .tuple: throw reject(.foreignArgument(place, is: "a tuple", help: nil))
    }
  }

  private func scalar(_ value: TypedValue, _ place: ForeignArgument) throws -> LoopIR.Expression {
    if value.type.isComplex {
      throw reject(
        .foreignArgument(
          place, is: value.type.description, help: "pass an array, or z.real and z.imag one by one")
      )
    }
    switch place.parameter.annotation {
    case nil: return try named(value).expression
    case .scalar(.named(let name)):
      guard let type = ScalarType(name: name) else { return value.expression }
      guard canStore(value, in: type) else {
        throw reject(
          .foreignArgument(
            place, is: value.type.description, help: "convert it: parpy.operators.\(type)(…)"))
      }
      return value.passed(as: type)
    case .scalar(.variable): return try named(value).expression
    case .array:
      throw reject(
        .foreignArgument(
          place, is: "a scalar of type \(value.type)", help: "pass an array or a slice: x[i:]"))
    }
  }

  /// The part of an array that is passed, which must be what the declaration asks for.
  private func part(
    _ view: ArrayView, _ place: ForeignArgument, _ known: inout [UInt64: KnownExtent]
  ) throws -> ArrayPart {
    let part = ArrayPart(
      view.buffer,
      view.dimensions.map { dimension in
        switch dimension {
        case .fixed(let index): .index(index)
        case .range(let start, let step, let extent):
          .range(start: start, extent: extent, step: step)
        }
      })
    let element = ir[view.buffer].element
    switch place.parameter.annotation {
    case nil: break
    case .scalar:
      throw reject(
        .foreignArgument(place, is: "an array", help: "pass an element, such as x[0]"))
    case .array(let wanted, let extents):
      if case .named(let name) = wanted, ScalarType(name: name) != element {
        throw reject(.foreignArgument(place, is: "an array of \(element)", help: nil))
      }
      if let extents { try require(part.extents, equal: extents, place, &known) }
    }
    if case .external = place.function.place { try requireContiguous(part, place) }
    return part
  }

  private func require(
    _ shape: [LoopIR.Expression], equal wanted: [Annotation.Extent], _ place: ForeignArgument,
    _ known: inout [UInt64: KnownExtent]
  ) throws {
    guard shape.count == wanted.count else {
      throw reject(
        .foreignArgument(
          place, is: "an array of \(shape.count) dimension\(shape.count == 1 ? "" : "s")", help: nil
        ))
    }
    for (dimension, (extent, wanted)) in zip(shape, wanted).enumerated() {
      let other: LoopIR.Expression
      var first: KnownExtent?
      switch wanted {
      case .fixed(let size): other = Expression(.integer(size), .int64)
      case .variable(let variable):
        first = known[variable.id]
        other = first?.value ?? extent
        known[variable.id] =
          first
          ?? KnownExtent(
            value: extent, parameter: Function.Parameter(place.parameter.name), dimension: dimension
          )
      }
      // Values that fail at a call are compiled for as constants, so that the message has them.
      try require(
        .areEqual(extent, other),
        orElse: .foreignSize(place, dimension, extent, wanted.described(by: first)),
        atCall: .respecialize)
    }
  }

  /// Refuses a part whose elements do not follow each other in memory, now or when the function is called.
  private func requireContiguous(_ part: ArrayPart, _ place: ForeignArgument) throws {
    var length = LoopIR.Expression.index(1)
    var isContiguous = LoopIR.Expression.bool(true)
    var isEmpty = LoopIR.Expression.bool(false)
    for (extent, stride) in zip(part.extents, part.strides(in: ir[part.buffer])).reversed() {
      let isShort = LoopIR.Expression.compare(.lessEqual, extent, .index(1))
      isContiguous = .join(.and, isContiguous, .join(.or, isShort, .areEqual(stride, length)))
      isEmpty = .join(.or, isEmpty, .compare(.equal, extent, .index(0)))
      length = .normalized(length * .normalized(extent))
    }
    try require(
      .join(.or, isContiguous, isEmpty), orElse: .notContiguous(place, ir[part.buffer].name))
  }

  /// Sees to it that a condition on an argument holds: now, or when the function is called.
  private func require(
    _ condition: LoopIR.Expression, orElse fault: Diagnostic, atCall failure: Check.Failure? = nil
  ) throws {
    if let known = condition.integerLiteral {
      if known == 0 { throw reject(fault) }
      return
    }
    guard ir.isKnownOnEntry(condition) else { throw reject(fault) }
    if ir.checks.contains(where: { $0.condition == condition }) { return }
    ir.checks.append(Check(condition, orElse: failure ?? .error(fault)))
  }
}

/// An argument of a call of a function that the compiler does not see.
struct ForeignArgument {
  var function: ForeignFunction
  var parameter: ForeignFunction.Parameter
  var span: Span
}

extension LoopIR.Expression {
  /// The integer expression as a sum of terms, in one order.
  fileprivate static func normalized(_ e: LoopIR.Expression) -> LoopIR.Expression {
    let sum = LinearSum(e)
    return sum.isExact ? sum.expression(of: .int64, at: e.span) : e
  }

  /// `l and r` or `l or r`, without what is known of either.
  fileprivate static func join(
    _ op: BooleanOperator, _ l: LoopIR.Expression, _ r: LoopIR.Expression
  ) -> LoopIR.Expression {
    for (known, other) in [(l, r), (r, l)] {
      if let value = known.integerLiteral { return (value != 0) == (op == .or) ? known : other }
    }
    return Expression(.logical(op, l, r), .bool)
  }

  /// `l == r`, decided where the sums agree in all but their constants.
  fileprivate static func areEqual(
    _ l: LoopIR.Expression, _ r: LoopIR.Expression
  ) -> LoopIR.Expression {
    let difference = LinearSum(normalized(l) - normalized(r))
    if difference.isExact && difference.terms.isEmpty { return .bool(difference.constant == 0) }
    return .compare(.equal, l, r)
  }
}

extension Diagnostic {
  /// An argument that is not what a declaration asks for.
  static func foreignArgument(_ place: ForeignArgument, is found: String, help: String?) -> Self {
    let wanted: String =
      switch place.parameter.annotation {
      case nil: "a scalar or an array"
      case .scalar(let element): name(of: element)
      case .array(let element, nil): "an array of \(name(of: element))"
      case .array(let element, let extents?):
        "an array of \(name(of: element)) with \(extents.count) dimension\(extents.count == 1 ? "" : "s")"
      }
    return Diagnostic(
      .type,
      "argument '\(place.parameter.name)' of \(place.function.name) is \(found), and its declaration asks for \(wanted)",
      at: place.span, help: help)
  }

  /// An array whose size in a dimension is not what a declaration asks for.
  fileprivate static func foreignSize(
    _ place: ForeignArgument, _ dimension: Int, _ size: LoopIR.Expression, _ wanted: String
  ) -> Self {
    let found = size.integerLiteral.map { "size \($0)" } ?? "a size that only running gives"
    return Diagnostic(
      .type,
      "argument '\(place.parameter.name)' of \(place.function.name) has \(found) in dimension \(dimension), and its declaration asks for \(wanted)",
      at: place.span)
  }

  private static func name(of element: Annotation.Element) -> String {
    if case .named(let name) = element { name } else { "any type" }
  }

  fileprivate static func notContiguous(_ place: ForeignArgument, _ array: String) -> Self {
    Diagnostic(
      .value,
      "argument '\(place.parameter.name)' of \(place.function.name) must be contiguous: the elements of this part of '\(array)' do not follow each other in memory, or cannot be shown to",
      at: place.span, help: "pass whole rows, or a copy: t = np.empty(…); t[:] = …")
  }

  fileprivate static func undeclaredExternal(
    _ name: String, _ declarations: [ForeignFunction], for backend: Backend, at span: Span
  ) -> Self {
    let backends = declarations.compactMap { declaration -> String? in
      if case .external(_, let backend) = declaration.place { backend.backendName } else { nil }
    }
    let wanted = backend.intrinsic.backendName ?? "another backend"
    return Diagnostic(
      .program,
      "\(name) is declared for \(backends.joined(separator: " and ")), not for \(wanted)",
      at: span, help: "decorate it with @parpy.external(…, parpy.\(wanted), …) as well")
  }

  fileprivate static func deviceFunction(_ function: ForeignFunction, at span: Span) -> Self {
    Diagnostic(
      .program,
      "\(function.name) is declared with Target.Device and cannot be called outside parallel code",
      at: span,
      help: "put the statement in a `with parpy.gpu:` block, or declare it with parpy.Target.Host")
  }

  fileprivate static func hostFunction(
    _ function: ForeignFunction, isParallel: Bool, at span: Span
  ) -> Self {
    let place = isParallel ? "inside a parallel loop" : "inside `with parpy.gpu:`"
    if case .callback = function.place {
      return Diagnostic(
        .program,
        "the callback \(function.name) cannot be called \(place): only host code calls Python",
        at: span,
        help: "call it before or after, or leave the label of the loop out of the schedule")
    }
    return Diagnostic(
      .program,
      "\(function.name) is declared with Target.Host and cannot be called \(place)", at: span,
      help:
        "declare it with parpy.Target.Device, or leave the label of the loop out of the schedule")
  }
}
