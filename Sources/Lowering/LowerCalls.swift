import LoopIR
import Syntax

extension Lowerer {
  /// `callee(arguments, keywords)`.
  func call(
    _ callee: Syntax.Expression, _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], at span: Span
  ) throws -> Value {
    if case .attribute(let base, let name) = callee.kind, name == "conjugate" || name == "conj",
      isNumber(base)
    {
      return try call(.conjugate, [base] + arguments, keywords, named: name, at: span)
    }
    if case .attribute(let base, let name) = callee.kind, let view = try view(base) {
      return try method(name, of: view, base, arguments, keywords, at: span)
    }
    guard let path = callee.path else {
      throw reject(
        .unsupported(
          "calling this expression", at: callee.span,
          help: "call a function by its name, and pass it the value: f(value)"))
    }
    switch names.resolve(path) {
    case .intrinsic(let intrinsic):
      return try call(intrinsic, arguments, keywords, named: path.joined(separator: "."), at: span)
    case .scalarType(let type):
      let argument = try only(arguments, keywords, of: path.joined(separator: "."), at: span)
      return try lift(try type.isFloat ? floatArgument(argument) : value(argument), at: span) {
        .strong(try self.conversion(of: $0, to: type, at: span))
      }
    case .function(let name, let id):
      guard let result = try callFunction(id, arguments, keywords, at: span, isInlined: false)
      else { throw reject(.noResult(name, at: span)) }
      return result
    case .foreign(let name, let declarations):
      guard let result = try callForeign(name, declarations, arguments, keywords, at: span)
      else { throw reject(.noResult(name, at: span)) }
      return result
    case .integer, .float, .bool, .typedScalar, .complex, .missing, .unsupported, .shapeVariable,
      .typeVariable:
      try rejectUnknownCallee(callee)
      throw reject(.unknownFunction(path, at: callee.span))
    }
  }

  /// Throws what is wrong with calling `callee`, unless it is a known function.
  func rejectUnknownCallee(_ callee: Syntax.Expression) throws {
    if case .attribute(let base, let name) = callee.kind, try view(base) != nil {
      // Reductions are known.
      if Self.reductionMethods[name] == nil { throw reject(.unknownMethod(name, at: callee.span)) }
      return
    }
    if case .attribute(let base, let name) = callee.kind, isNumber(base) {
      throw reject(
        .unsupported(
          "method '\(name)' of a number", at: callee.span,
          help: "a number has .real, .imag and .conjugate(); functions are those of math and numpy")
      )
    }
    guard let path = callee.path else { return }
    switch names.resolve(path) {
    case .missing(let known):
      try checkBase(of: callee)
      throw reject(
        path.count == 1 && known.isEmpty
          ? .unknownFunction(path, at: callee.span)
          : .undefinedFunction(path, known: known, at: callee.span))
    case .unsupported(let kind):
      try checkBase(of: callee)
      throw reject(.unknownFunction(path, kind, at: callee.span))
    case .integer, .float, .bool, .typedScalar, .complex, .shapeVariable, .typeVariable:
      throw reject(.unknownFunction(path, at: callee.span))
    case .intrinsic, .scalarType, .function, .foreign: return
    }
  }

  private func only(
    _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword], of name: String,
    at span: Span
  ) throws -> Syntax.Expression {
    guard arguments.count == 1, keywords.isEmpty, let argument = arguments.first else {
      throw reject(
        Diagnostic(
          .type, "\(name) takes 1 argument, \(arguments.count + keywords.count) were given",
          at: span))
    }
    return argument
  }

  /// The methods of arrays that are reductions.
  static var reductionMethods: [String: LoopIR.BinaryOperator] {
    ["sum": .add, "prod": .multiply, "min": .minimum, "max": .maximum]
  }

  /// `x.sum()` and the other methods of arrays that are reductions.
  private func method(
    _ name: String, of view: ArrayView, _ base: Syntax.Expression,
    _ arguments: [Syntax.Expression], _ keywords: [Syntax.Expression.Keyword], at span: Span
  ) throws -> Value {
    guard let op = Self.reductionMethods[name] else {
      throw reject(.unknownMethod(name, at: span))
    }
    return try reduction(
      op, [base] + arguments, keywords, of: read(view, at: base.span), named: name, at: span)
  }

  private func call(
    _ intrinsic: Intrinsic, _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], named name: String, at span: Span
  ) throws -> Value {
    switch intrinsic {
    case .reduceSum: return try reduction(.add, arguments, keywords, named: name, at: span)
    case .reduceProd: return try reduction(.multiply, arguments, keywords, named: name, at: span)
    case .reduceMin: return try reduction(.minimum, arguments, keywords, named: name, at: span)
    case .reduceMax: return try reduction(.maximum, arguments, keywords, named: name, at: span)
    case .pythonSum:
      return try pythonReduction(.add, arguments, keywords, named: name, at: span)
    case .pythonProd:
      return try pythonReduction(.multiply, arguments, keywords, named: name, at: span)
    case .minOrReduce, .maxOrReduce:
      let isMin = intrinsic == .minOrReduce
      if arguments.count == 1 {
        return try reduction(
          isMin ? .minimum : .maximum, arguments, keywords, named: name, at: span)
      }
      return try extremum(
        isMin ? .pythonMin : .pythonMax, arguments, keywords, named: name, at: span)
    default: break
    }
    guard keywords.isEmpty else {
      throw reject(
        .unsupported(
          "keyword argument '\(keywords[0].name)' of \(name)", at: keywords[0].value.span,
          help: WaysOut.ofMoreArguments(intrinsic, named: name)))
    }
    switch intrinsic {
    case .pythonMin: return try extremum(.pythonMin, arguments, [], named: name, at: span)
    case .pythonMax: return try extremum(.pythonMax, arguments, [], named: name, at: span)
    case .minimum: return try extremum(.minimum, arguments, [], named: name, at: span)
    case .maximum: return try extremum(.maximum, arguments, [], named: name, at: span)
    case .len:
      let argument = try only(arguments, [], of: name, at: span)
      guard let extent = try view(argument)?.shape.first else {
        _ = try value(argument)
        throw reject(Diagnostic(.type, "len() of what is not an array", at: argument.span))
      }
      return .scalar(pythonInteger(extent))
    case .inline:
      guard arguments.count == 1, case .call(let callee, let inner, let given) = arguments[0].kind,
        let path = callee.path, case .function(_, let id) = names.resolve(path)
      else { throw reject(.inlineNeedsCall(at: span)) }
      guard let result = try callFunction(id, inner, given, at: span, isInlined: true) else {
        throw reject(.noResult(path.joined(separator: "."), at: span))
      }
      return result
    case .convert:
      guard arguments.count == 2 else {
        throw reject(
          Diagnostic(.type, "\(name) takes 2 arguments, \(arguments.count) were given", at: span))
      }
      let type = try elementType(arguments[1], default: nil)
      return try lift(try value(arguments[0]), at: span) {
        .strong(try self.conversion(of: $0, to: type, at: span))
      }
    case .staticTypesEqual:
      guard arguments.count == 2 else {
        throw reject(
          Diagnostic(.type, "\(name) takes 2 arguments, \(arguments.count) were given", at: span))
      }
      let types = try arguments.map { try elementType($0, default: nil) }
      return .scalar(.weak(.bool(types[0] == types[1], at: span)))
    case .staticBackendEqual:
      guard arguments.count == 1, let path = arguments[0].path,
        case .intrinsic(let backend) = names.resolve(path),
        [.backendCpu, .backendCuda, .backendMetal].contains(backend)
      else {
        throw reject(
          Diagnostic(
            .type, "\(name) takes a backend", at: span,
            help: "write parpy.CompileBackend.Cpu, Cuda or Metal"))
      }
      return .scalar(
        .weak(.bool(backend == signature.options.backend.intrinsic, at: span)))
    case .staticFail: throw reject(try staticFailure(arguments, at: span))
    case .backendCpu, .backendCuda, .backendMetal:
      throw reject(.unknownFunction([name], at: span))
    case .empty, .zeros, .ones, .full, .emptyLike, .zerosLike, .onesLike:
      throw reject(
        .unsupported(
          "\(name) in an expression", at: span,
          help: "give the temporary a name of its own: t = \(name)(…)"))
    case .label, .gpu, .range:
      throw reject(.unsupported("\(name) in an expression", at: span))
    case .toComplex:
      guard (1...2).contains(arguments.count) else {
        throw reject(
          Diagnostic(
            .type, "\(name) takes 1 or 2 arguments, \(arguments.count) were given", at: span))
      }
      let real = try value(arguments[0])
      guard arguments.count == 2 else {
        return try lift(real, at: span) { self.pythonComplex($0) }
      }
      return try lift(real, try value(arguments[1]), at: span) {
        self.complexValue($0, $1, at: span)
      }
    case .toFloat:
      return try lift(try floatArgument(only(arguments, [], of: name, at: span)), at: span) {
        try self.unary(.toFloat, $0, named: name, at: span)
      }
    case .pow:
      let operands = try operands(arguments, 2, named: name, at: span)
      return try binary(.power, operands[0], operands[1], at: span)
    default:
      return try elementwise(intrinsic, arguments, named: name, at: span)
    }
  }

  /// What `parpy.builtin.static_fail(message)` says.
  func staticFailure(_ arguments: [Syntax.Expression], at span: Span) throws -> Diagnostic {
    guard arguments.count == 1, case .string(let message) = arguments[0].kind else {
      throw reject(Diagnostic(.program, "static_fail takes one string literal", at: span))
    }
    return Diagnostic(.program, message, at: span)
  }

  private func operands(
    _ arguments: [Syntax.Expression], _ count: Int, named name: String, at span: Span,
    help: String? = nil
  ) throws -> [Value] {
    guard arguments.count == count else {
      throw reject(
        Diagnostic(
          .type,
          "\(name) \(help == nil ? "takes" : "is supported with") \(count) argument\(count == 1 ? "" : "s"), \(arguments.count) were given",
          at: span, help: help))
    }
    return try arguments.map { try value($0) }
  }

  /// `min` or `max` of two or more values, from the left.
  private func extremum(
    _ op: LoopIR.BinaryOperator, _ arguments: [Syntax.Expression],
    _ keywords: [Syntax.Expression.Keyword], named name: String, at span: Span
  ) throws -> Value {
    guard arguments.count >= 2, keywords.isEmpty, let first = arguments.first else {
      throw reject(Diagnostic(.type, "\(name) takes two or more scalars", at: span))
    }
    return try arguments.dropFirst().reduce(try value(first)) { left, argument in
      try lift(left, try value(argument), at: span) { l, r in
        let type = self.promoted(ElementType(l), ElementType(r))
        if type.type.isComplex { throw reject(.notOfComplex(name, type.type, at: span)) }
        let result = TypedValue(
          .binary(
            op, try self.operand(l, as: type, at: span), try self.operand(r, as: type, at: span),
            at: span), isWeak: type.isWeak)
        return self.withExact(result) { .binary(op, l.index, r.index, at: span) }
      }
    }
  }

  // MARK: Element-wise functions

  private func elementwise(
    _ intrinsic: Intrinsic, _ arguments: [Syntax.Expression], named name: String, at span: Span
  ) throws -> Value {
    if let function = intrinsic.mathFunction {
      let values = try operands(
        arguments, function.arity, named: name, at: span,
        help: WaysOut.ofMoreArguments(intrinsic, named: name))
      guard values.count == 2 else {
        return try lift(values[0], at: span) { value in
          value.type.isComplex
            ? try self.complexFunction(intrinsic, value, named: name, at: span)
            : self.math(function, [value], at: span)
        }
      }
      return try lift(values[0], values[1], at: span) { l, r in
        for value in [l, r] where value.type.isComplex {
          throw reject(.notOfComplex(name, value.type, at: span))
        }
        return self.math(function, [l, r], at: span)
      }
    }
    if let function = intrinsic.ofPythonComplex {
      let operand = try operands(arguments, 1, named: name, at: span)[0]
      return try lift(operand, at: span) {
        try self.complexFunction(function, self.pythonComplex($0), named: name, at: span)
      }
    }
    let operand = try operands(
      arguments, 1, named: name, at: span,
      help: WaysOut.ofMoreArguments(intrinsic, named: name))[0]
    return try lift(operand, at: span) { try self.unary(intrinsic, $0, named: name, at: span) }
  }

  /// A math function: floats keep their type, any other type is computed in float64, or in the type of weak floats.
  private func math(_ function: MathFunction, _ arguments: [TypedValue], at span: Span)
    -> TypedValue
  {
    let type = arguments.dropFirst().reduce(ElementType(arguments[0])) {
      promoted($0, ElementType($1))
    }
    let float = floatType(of: type).type
    let operands = arguments.map { $0.converted(to: float) }
    return TypedValue(
      Expression(.math(function, operands), function.isPredicate ? .bool : float, at: span),
      isWeak: type.isWeak)
  }

  private func unary(_ intrinsic: Intrinsic, _ value: TypedValue, named name: String, at span: Span)
    throws -> TypedValue
  {
    func rounded(_ function: MathFunction, keepsType: Bool) -> TypedValue {
      if !value.type.isFloat { return keepsType ? numeric(value) : pythonInteger(value) }
      let result = math(function, [value], at: span)
      return keepsType ? result : pythonInteger(result)
    }
    if value.type.isComplex {
      return try complexFunction(intrinsic, value, named: name, at: span)
    }
    switch intrinsic {
    case .real, .imag:
      guard
        case .scalar(let result) = try part(
          intrinsic == .real ? .real : .imaginary, of: .scalar(value), at: span)
      else { throw reject(.arrayAsScalar(at: span)) }
      return result
    case .conjugate: return numeric(value)
    case .angle:
      let zero = TypedValue(
        .zero(floatType(of: ElementType(value)).type), isWeak: value.isWeak)
      return math(.atan2, [zero, value], at: span)
    case .abs, .fabs:
      if intrinsic == .fabs && !value.type.isFloat {
        let float = TypedValue(
          value.converted(to: floatType(of: ElementType(value)).type), isWeak: value.isWeak)
        return try unary(.abs, float, named: name, at: span)
      }
      let number = numeric(value)
      if number.type == .bool || number.type.isUnsignedInteger { return number }
      try requireFit(number)
      return unary(.absolute, number, at: span)
    case .neg:
      guard case .scalar(let result) = try unary(.negate, .scalar(value), at: span) else {
        throw reject(.arrayAsScalar(at: span))
      }
      return result
    case .floor: return rounded(.floor, keepsType: false)
    case .ceil: return rounded(.ceil, keepsType: false)
    case .trunc: return rounded(.trunc, keepsType: false)
    case .round: return rounded(.roundEven, keepsType: false)
    case .numpyFloor: return rounded(.floor, keepsType: true)
    case .numpyCeil: return rounded(.ceil, keepsType: true)
    case .numpyTrunc: return rounded(.trunc, keepsType: true)
    case .numpyRound: return rounded(.roundEven, keepsType: true)
    case .numpyRint: return math(.roundEven, [value], at: span)
    case .toInt: return pythonInteger(value)
    case .toFloat: return .weak(value.converted(to: weakTypes.float))
    case .toBool: return .weak(truth(value))
    default: throw reject(.unsupported("\(name) here", at: span))
    }
  }
}

extension Lowerer {
  /// A value in another type, as the user asks for it; an imaginary part is not dropped silently.
  private func conversion(of value: TypedValue, to type: ScalarType, at span: Span) throws
    -> LoopIR.Expression
  {
    if value.type.isComplex && !type.isComplex && type != .bool {
      throw reject(.notOfComplex("conversion to \(type)", value.type, at: span))
    }
    return value.converted(to: type)
  }
}

extension Intrinsic {
  /// The function of complex numbers that one of `cmath` is.
  fileprivate var ofPythonComplex: Intrinsic? {
    switch self {
    case .complexExp: .exp
    case .complexLog: .log
    case .complexLog10: .log10
    case .complexSqrt: .sqrt
    case .complexSin: .sin
    case .complexCos: .cos
    case .complexTan: .tan
    case .complexSinh: .sinh
    case .complexCosh: .cosh
    case .complexTanh: .tanh
    case .complexPhase: .angle
    default: nil
    }
  }

  /// The math function of that name, where there is one.
  fileprivate var mathFunction: MathFunction? {
    switch self {
    case .floor, .ceil, .trunc: nil
    default: MathFunction(rawValue: rawValue)
    }
  }
}
