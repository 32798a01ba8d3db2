import LoopIR
import Syntax

/// Weak values where the options narrow their types: `force_int_size`, `force_float_size`, or the backend's own types.
///
/// A weak integer then is two expressions: its value in the narrow type, which wraps, and the exact one in 64 bits. Stores,
/// arithmetic, conversions and functions take the first; indices, ranges, extents, steps, conditions and comparisons take the second,
/// so that arrays may be longer than the narrow type counts. Each operation is applied to both, and a name has a variable for
/// each; what nothing reads is dropped in the end.
///
///     n = x.shape[0] // 2            n: int32 = int32(x_extent0) // 2   (exact: x_extent0 // 2)
///     y[n] = n * n            →      y[x_extent0 // 2] = int64(n * n)
///
/// A number that is written in the program, or passed to it, takes the type of a strong value that it meets directly, and is
/// rounded once: `x64[i] * 0.1` is what it is without the options. As soon as it has a name it is of the narrow type.
extension Lowerer {
  var weakTypes: WeakTypes { signature.options.weakTypes }

  /// Whether values of a type have an exact one beside them.
  func keepsExact(_ type: ElementType) -> Bool {
    type.isWeak && type.type.isInteger && weakTypes.integer != .int64
  }

  // MARK: Making values

  /// A number as the program writes it, in Python's own type.
  func written(_ number: LoopIR.Expression) -> TypedValue {
    let narrow = weakTypes.narrowed(number.type)
    if narrow == number.type { return .weak(number) }
    return TypedValue(
      number.converted(to: narrow), isWeak: true, exact: number, isWritten: true)
  }

  /// A number that the call passes; what is narrowed of it is computed once, before anything else.
  func passed(_ number: LoopIR.Expression, named name: String) -> TypedValue {
    var value = written(number)
    guard value.exact != nil, !number.isLiteral else { return value }
    let parts = number.type.isComplex ? ComplexPart.allCases.map { number.part($0) } : [number]
    let locals = parts.map { part in
      let local = ir.add(Variable(name, value.type.part, isFixedByParameters: true))
      emit(.assign(local, part.converted(to: value.type.part)), at: number.span)
      return ir.read(local, at: number.span)
    }
    value.expression =
      locals.count == 2 ? .complex(locals[0], locals[1], at: number.span) : locals[0]
    return value
  }

  /// A real number as a Python integer, such as a count.
  func pythonInteger(_ e: LoopIR.Expression) -> TypedValue {
    let value = TypedValue.weak(e.converted(to: weakTypes.integer))
    return withExact(value) { e.converted(to: .int64) }
  }

  /// What `int` makes of a real number.
  func pythonInteger(_ value: TypedValue) -> TypedValue {
    value.exact != nil && value.type.isInteger ? value : pythonInteger(value.expression)
  }

  /// The value with an exact one beside it, where its type keeps one.
  func withExact(_ value: TypedValue, _ exact: () throws -> LoopIR.Expression) rethrows
    -> TypedValue
  {
    guard keepsExact(ElementType(value)) else { return value }
    var value = value
    value.exact = try exact()
    return value
  }

  // MARK: Using values

  /// Refuses an integer literal that the type of weak integers cannot hold.
  func requireFit(_ value: TypedValue) throws {
    guard value.isWritten, let literal = value.integerLiteral,
      let range = value.type.integerRange, !range.contains(literal)
    else { return }
    throw reject(.doesNotFit(literal, value.type, at: value.unrounded.span))
  }

  /// The value under a name: of its narrow type from now on.
  func named(_ value: TypedValue) throws -> TypedValue {
    guard value.isWritten else { return value }
    try requireFit(value)
    return withExact(TypedValue(value.expression, isWeak: value.isWeak)) { value.index }
  }

  /// A value that keeps what it is: itself where nothing can change it, else in variables.
  func settled(_ value: TypedValue, _ name: String, isNameMade: Bool = true) -> TypedValue {
    // What is written is a literal or a parameter.
    if value.isWritten || isStable(value) { return value }
    var result = value
    result.expression = settled(value.expression, name, isNameMade: isNameMade)
    result.exact = value.exact.map { settled($0, name, isNameMade: isNameMade) }
    return result
  }

  /// Whether a value may stand for a name: its exact one may, and the narrow one reads nothing else that changes.
  func isStable(_ value: TypedValue) -> Bool {
    guard let exact = value.exact else { return isStable(value.expression) }
    return isStable(exact)
      && !value.expression.contains { part in
        guard case .variable(let id) = part.kind else { return part.isLoad }
        return id.index >= firstLocal && !facts.isLoopVariable(id)
      }
  }

  // MARK: Names and their variables

  /// A local for values of a type, as reading it gives them.
  func makeLocal(
    _ name: String, _ type: ElementType, at span: Span = .none, isFixedByParameters: Bool = false
  ) -> TypedValue {
    func read(_ type: ScalarType) -> LoopIR.Expression {
      let variable = ir.add(Variable(name, type, isFixedByParameters: isFixedByParameters))
      return ir.read(variable, at: span)
    }
    return withExact(TypedValue(read(type.type), isWeak: type.isWeak)) { read(.int64) }
  }

  /// The statements that put a value into a local.
  func copies(of value: TypedValue, to local: TypedValue, at span: Span) -> [LoopIR.Statement] {
    guard case .variable(let id) = local.expression.kind else { return [] }
    if let misfit = misfit(of: value, in: ElementType(local), at: span) {
      misfits.append((id, misfit))
    }
    func copy(_ value: LoopIR.Expression, _ id: VariableID) -> LoopIR.Statement {
      LoopIR.Statement(.assign(id, value), at: span)
    }
    let narrow = copy(value.converted(to: local.type), id)
    guard case .variable(let exact)? = local.exact?.kind else { return [narrow] }
    // Each may read what the other assigns: an exact value comes of `int(0.5 * k)`, a narrow one of a comparison.
    guard value.index.contains({ $0.kind == .variable(id) }) else {
      return [narrow, copy(value.index, exact)]
    }
    let early = makeVariable(ir[exact].name, .int64)
    return [copy(value.index, early), narrow, copy(ir.read(early, at: span), exact)]
  }

  /// What is wrong with a Python integer beside values of a NumPy type that cannot hold it: NumPy refuses it, too.
  func misfit(of value: TypedValue, in type: ElementType, at span: Span) -> Diagnostic? {
    guard value.isWeak, !type.isWeak, value.type == weakTypes.integer,
      let literal = value.integerLiteral, let range = type.type.integerRange,
      !range.contains(literal)
    else { return nil }
    let place = value.expression.span.line > 0 ? value.expression.span : span
    return .meetsNarrowValues(literal, type.type, at: place)
  }

  /// Notes the misfits of variables that come to be read.
  func noteMisfits() {
    if misfits.isEmpty { return }
    var live: Set<VariableID> = []
    var former = -1
    while former != live.count {
      former = live.count
      ir.body.forEachStatement { statement in
        if case .assign(let id, _) = statement.kind, !live.contains(id) { return }
        statement.forEachExpression { e in
          e.forEachDescendant { if case .variable(let id) = $0.kind { live.insert(id) } }
        }
      }
    }
    diagnostics += misfits.filter { live.contains($0.variable) }.map(\.diagnostic)
  }

  /// Puts a value into a local.
  func assign(_ value: TypedValue, to local: TypedValue, at span: Span) {
    statements += copies(of: value, to: local, at: span)
  }

  /// A value in a local of its own.
  func copied(
    _ value: TypedValue, _ name: String, at span: Span, isFixedByParameters: Bool = false
  ) -> TypedValue {
    let local = makeLocal(
      name, ElementType(value), at: span, isFixedByParameters: isFixedByParameters)
    assign(value, to: local, at: span)
    return local
  }

  // MARK: Arguments

  /// Refuses Python integers that the type of weak integers cannot hold: now, or when the function is called.
  func requireFittingArguments() throws {
    for parameter in function.parameters {
      guard let binding = scope[parameter.name] else { continue }
      scope[parameter.name] = fitting(binding, passedAs: parameter.name, at: parameter.span)
    }
    if !diagnostics.isEmpty { throw DiagnosticError(diagnostics) }
  }

  private func fitting(
    _ binding: Scope.Binding, passedAs name: String, at span: Span
  ) -> Scope.Binding {
    switch binding {
    case .scalar(let value): return .scalar(fitting(value, passedAs: name, at: span))
    case .dictionary(var dictionary):
      dictionary.entries = dictionary.entries.map { entry in
        let name = CallSignature.Entry.name(entry.key, of: name)
        return DictionaryValue.Entry(
          key: entry.key, binding: fitting(entry.binding, passedAs: name, at: span))
      }
      return .dictionary(dictionary)
    case .array, .privateToLoop, .ended, .poisoned: return binding
    }
  }

  private func fitting(
    _ value: TypedValue, passedAs name: String, at span: Span
  ) -> TypedValue {
    guard value.isWritten, value.type.isInteger, let exact = value.exact,
      let range = value.type.integerRange
    else { return value }
    var fitting = value
    fitting.isWritten = false
    let fault = Diagnostic.argumentDoesNotFit(name, value.type, at: span)
    if let literal = exact.integerLiteral {
      if !range.contains(literal) { diagnostics.append(fault) }
      return fitting
    }
    func bound(_ value: Int64) -> LoopIR.Expression { Expression(.integer(value), .int64) }
    for condition in [
      LoopIR.Expression.compare(.greaterEqual, exact, bound(range.lowerBound)),
      .compare(.lessEqual, exact, bound(range.upperBound)),
    ] {
      ir.checks.append(Check(condition, orElse: .error(fault)))
    }
    return fitting
  }
}

extension Diagnostic {
  fileprivate static func doesNotFit(_ value: Int64, _ type: ScalarType, at span: Span) -> Self {
    Diagnostic(
      .program,
      "the integer \(value) does not fit in \(type), which is the type of Python's integers in this call",
      at: span, help: "convert it: parpy.operators.int64(\(value))")
  }

  /// A Python integer beside values of a NumPy type that cannot hold it.
  static func outOfBounds(_ value: Int64, _ type: ScalarType, at span: Span, help: String? = nil)
    -> Self
  {
    Diagnostic(.type, "Python integer \(value) is out of bounds for \(type)", at: span, help: help)
  }

  fileprivate static func meetsNarrowValues(_ value: Int64, _ type: ScalarType, at span: Span)
    -> Self
  {
    outOfBounds(
      value, type, at: span,
      help:
        "it may be this or a value of \(type), which a name holds as \(type): convert that value to a Python integer, with int(…)"
    )
  }

  fileprivate static func argumentDoesNotFit(
    _ name: String, _ type: ScalarType, at span: Span
  ) -> Self {
    Diagnostic(
      .overflow,
      "argument '\(name)' does not fit in \(type), which is the type of Python's integers in this call",
      at: span, help: "pass a NumPy integer, which keeps its type: numpy.int64(…)")
  }
}
