import LoopIR
import Syntax

extension Lowerer {
  /// Lowers an expression that must be a scalar.
  ///
  /// - Parameter diagnostic: what is wrong with an array in its place.
  func scalar(
    _ e: Syntax.Expression, ifArray diagnostic: (Span) -> Diagnostic = Diagnostic.arrayAsScalar
  ) throws -> TypedValue {
    switch try value(e) {
    case .scalar(let value): return value
    case .array: throw reject(diagnostic(e.span))
    case .tuple: throw reject(.unsupported("a tuple here", at: e.span))
    }
  }

  /// Lowers an expression that fills a slice; a scalar is an array without dimensions.
  func arrayValue(_ e: Syntax.Expression) throws -> ArrayValue {
    try arrayValue(try value(e), at: e.span)
  }

  /// A value that fills a slice.
  func arrayValue(_ value: Value, at span: Span) throws -> ArrayValue {
    switch value {
    case .array(let array): return array
    case .scalar: return array(value)
    case .tuple: throw reject(.unsupported("a tuple here", at: span))
    }
  }

  /// Lowers any expression.
  func value(_ e: Syntax.Expression) throws -> Value {
    switch e.kind {
    case .integer(let value):
      return .scalar(written(Expression(.integer(value), .int64, at: e.span)))
    case .bigInteger(let text):
      let name = "the integer \(text)"
      guard let value = try largeConstant(e, named: name) else {
        throw reject(.tooLarge(name, at: e.span))
      }
      return value
    case .float(let value): return .scalar(written(.float(value, .float64, at: e.span)))
    case .imaginary(let value):
      return .scalar(
        written(.complex(.zero(.float64), .float(value, .float64, at: e.span), at: e.span)))
    case .bool(let value): return .scalar(.weak(.bool(value, at: e.span)))
    case .string: throw reject(.unsupported("a string", at: e.span))
    case .none: throw reject(.unsupported("None", at: e.span))
    case .tuple(let parts): return .tuple(try parts.map { try scalar($0) })
    case .name, .attribute, .subscripted: return try reference(e)
    case .unary(.not, let operand):
      return try unary(.not, .scalar(try scalar(operand)), at: e.span)
    case .unary(let op, let operand):
      if let constant = try largeConstant(e) { return constant }
      return try unary(op, try value(operand), at: e.span)
    case .binary(let op, let left, let right):
      if let constant = try largeConstant(e) { return constant }
      return try binary(op, try value(left), try value(right), at: e.span)
    case .comparison(let first, let links): return try comparison(first, links, at: e.span)
    case .boolean(let op, let operands):
      return .scalar(try boolean(op, operands[...], at: e.span))
    case .conditional(let test, let then, let otherwise):
      return .scalar(try conditional(test, then, otherwise, at: e.span))
    case .call(let callee, let arguments, let keywords):
      return try call(callee, arguments, keywords, at: e.span)
    }
  }

  // MARK: Names and subscripts

  private func reference(_ e: Syntax.Expression) throws -> Value {
    if let view = try view(e) { return read(view, at: e.span) }
    if case .subscripted(let base, let indices) = e.kind {
      if let entry = try entry(e) {
        return .scalar(try read(entry.name, entry.binding, at: e.span))
      }
      let operand = try value(base)
      if case .name(let name) = base.kind, case .scalar(let scalar) = operand {
        throw reject(.noElements(name, scalar.type, at: e.span))
      }
      guard case .tuple(let parts) = operand, indices.count == 1,
        case .expression(let index) = indices[0]
      else { throw reject(.unsupported("subscripting anything but an array", at: e.span)) }
      return .scalar(try element(of: parts, at: index))
    }
    if case .attribute(let base, let name) = e.kind, name == "real" || name == "imag",
      isNumber(base)
    {
      return try part(name == "real" ? .real : .imaginary, of: try value(base), at: e.span)
    }
    if case .attribute(let base, let name) = e.kind, let view = try view(base) {
      return try attribute(name, of: view, at: e.span)
    }
    guard let path = e.path, let root = path.first else {
      var help: String?
      if case .attribute(let base, _) = e.kind, case .call(let callee, _, _) = base.kind {
        help = callee.path?.last.flatMap { WaysOut.ofFunction($0) }
      }
      throw reject(.unsupported("this expression", at: e.span, help: help))
    }
    if let binding = scope[root] {
      guard path.count == 1 else {
        throw reject(.unsupported("attribute '\(path[1])' of a scalar", at: e.span))
      }
      return .scalar(try read(root, binding, at: e.span))
    }
    try checkBase(of: e)
    return .scalar(try global(path, at: e.span))
  }

  private func read(_ name: String, _ binding: Scope.Binding, at span: Span) throws -> TypedValue {
    switch binding {
    case .scalar(let value): return value.at(span)
    case .poisoned: throw DiagnosticError([])
    case .privateToLoop(let lost): throw reject(.lostValue(name, lost, at: span))
    case .array: throw reject(.arrayAsScalar(at: span))
    case .ended(let made): throw reject(.endedTemporary(name, made, at: span))
    case .dictionary(let dictionary): throw reject(.dictionaryAsValue(dictionary, at: span))
    }
  }

  private func global(_ path: [String], at span: Span) throws -> TypedValue {
    let name = path.joined(separator: ".")
    switch names.resolve(path) {
    case .integer(let value): return written(Expression(.integer(value), .int64, at: span))
    case .float(let value): return written(.float(value, .float64, at: span))
    case .bool(let value): return .weak(.bool(value, at: span))
    case .typedScalar(let type, let bits):
      return .strong(literalExpression(type, bits: bits, at: span))
    case .complex(let type, let isWeak, let real, let imaginary):
      let number = LoopIR.Expression.complex(
        .float(real, type.part, at: span), .float(imaginary, type.part, at: span), at: span)
      return isWeak ? written(number) : .strong(number)
    case .missing(let known):
      guard path.count > 1 else { throw missingName(name, known: known, at: span) }
      let likely = path.last.flatMap { likelyName(for: $0, among: known) }
      throw reject(
        .unknownName(
          name, parameters: [], of: function.name,
          likely: likely.map { (path.dropLast() + [$0]).joined(separator: ".") }, at: span))
    case .shapeVariable(let id):
      if let extent = activation.extents[id] { return pythonInteger(extent.value) }
      throw reject(.unboundVariable(name, "shape", at: span))
    case .intrinsic, .scalarType, .function, .foreign, .typeVariable:
      throw reject(.unsupported("'\(name)' as a value", at: span, help: "call it"))
    case .unsupported(let description):
      throw reject(
        .unsupported("'\(name)', \(description),", at: span, help: WaysOut.ofValue(description)))
    }
  }

  /// What is wrong with reading a name that has no value.
  ///
  /// - Parameter known: the names of the enclosing scopes, of which one may have been meant.
  private func missingName(_ name: String, known: [String], at span: Span) -> DiagnosticError {
    if nameUse.assigned.contains(name) {
      return reject(
        Diagnostic(.name, "local variable '\(name)' is read before it is assigned", at: span))
    }
    let parameters = function.parameters.map(\.name)
    let locals = nameUse.assigned.filter { !$0.hasPrefix(".") }.sorted()
    return reject(
      .unknownName(
        name, parameters: parameters, of: function.name,
        likely: likelyName(for: name, among: parameters + locals + known), at: span))
  }

  /// Throws where the first name of a dotted path does not exist, or where an attribute is asked of data that is to be passed,
  /// so that nothing can be said of the rest.
  func checkBase(of e: Syntax.Expression) throws {
    guard case .attribute(let base, _) = e.kind else { return }
    try checkBase(of: base)
    guard let path = base.path, scope[path[0]] == nil else { return }
    switch names.resolve(path) {
    case .missing(let known) where path.count == 1:
      throw missingName(path[0], known: known, at: base.span)
    case .unsupported(let description) where WaysOut.ofValue(description) != nil:
      _ = try global(path, at: base.span)
    case .intrinsic, .scalarType, .integer, .float, .bool, .typedScalar, .complex, .function,
      .foreign, .shapeVariable, .typeVariable, .missing, .unsupported:
      return
    }
  }

  /// What reading a view gives: an element, or an array still to be looped over.
  func read(_ view: ArrayView, at span: Span) -> Value {
    let element = ir[view.buffer].element
    let load = { (position: [LoopIR.Expression]) in
      Expression(.load(view.buffer, view.indices(at: position)), element, at: span)
    }
    if view.shape.isEmpty {
      return .scalar(.strong(settlesLoads ? settledLoad(load([])) : load([])))
    }
    return .array(
      ArrayValue(
        shape: view.shape, element: ElementType(element, isWeak: false),
        reads: [ArrayValue.Read(view: view, isPointwise: true)], at: load))
  }

  /// Whether an expression is a number or an array of numbers, and not a module, a class or a dictionary, whose attributes
  /// are names of their own.
  func isNumber(_ e: Syntax.Expression) -> Bool {
    guard let path = e.path, let root = path.first else { return true }
    if path.count > 1, let last = path.last, last == "real" || last == "imag",
      case .attribute(let base, _) = e.kind
    {
      return isNumber(base)
    }
    if let binding = scope[root] {
      if case .dictionary = binding { return false }
      return true
    }
    switch names.resolve(path) {
    case .integer, .float, .bool, .typedScalar, .complex, .shapeVariable: return true
    case .intrinsic, .scalarType, .function, .foreign, .typeVariable, .missing, .unsupported:
      return false
    }
  }

  /// `value.real` or `value.imag`; of a real number itself, or zero.
  func part(_ part: ComplexPart, of value: Value, at span: Span) throws -> Value {
    try lift(value, at: span) { [self] value in
      let number = numeric(value)
      guard !number.type.isComplex else {
        let parts = parts(number.expression, as: number.type)
        return partValue(part == .real ? parts.real : parts.imaginary, isWeak: value.isWeak)
      }
      return part == .real ? number : TypedValue(.zero(number.type), isWeak: value.isWeak)
    }
  }

  /// A part of a complex value; that of a weak one is a weak float.
  func partValue(_ part: LoopIR.Expression, isWeak: Bool) -> TypedValue {
    TypedValue(isWeak ? part.converted(to: weakTypes.float) : part, isWeak: isWeak)
  }

  private func attribute(_ name: String, of view: ArrayView, at span: Span) throws -> Value {
    switch name {
    case "shape": return .tuple(view.shape.map { pythonInteger($0) })
    case "ndim": return .scalar(pythonInteger(.index(view.shape.count, at: span)))
    case "size": return .scalar(pythonInteger(view.shape.reduce(.index(1)) { $0 * $1 }))
    default:
      throw reject(
        .unsupported(
          "attribute '\(name)' of an array", at: span,
          help: "shape, ndim, size, real and imag are supported"))
    }
  }

  private func element(of parts: [TypedValue], at index: Syntax.Expression) throws -> TypedValue {
    guard let literal = try integerIndex(index, "an index").integerLiteral else {
      throw reject(
        .unsupported("indexing a shape by what is not known when compiling", at: index.span))
    }
    let position = literal < 0 ? literal + Int64(parts.count) : literal
    guard position >= 0, position < Int64(parts.count) else {
      throw reject(Diagnostic(.index, "tuple index out of range", at: index.span))
    }
    return parts[Int(position)]
  }

  // MARK: Truth

  /// Python's truth of a value, as a bool.
  func truth(_ value: TypedValue) -> LoopIR.Expression { value.compared.converted(to: .bool) }

  private func boolean(
    _ op: BooleanOperator, _ operands: ArraySlice<Syntax.Expression>, at span: Span
  ) throws -> TypedValue {
    guard let first = operands.first else {
      throw reject(.unsupported("this expression", at: span))
    }
    let left = try scalar(first)
    if operands.count == 1 { return left }
    let rest = operands.dropFirst()
    return try logical(op, left, rest, at: span) { try boolean(op, rest, at: span) }
  }

  /// `left op right`, where `right` is evaluated only if `left` leaves the result open.
  private func logical(
    _ op: BooleanOperator, _ left: TypedValue, _ operands: some Collection<Syntax.Expression>,
    at span: Span, _ right: () throws -> TypedValue
  ) throws -> TypedValue {
    let isOpen = op == .and ? truth(left) : Expression(.unary(.not, truth(left)), .bool).folded
    // As with a branch that is known not to run, nothing is asked of an operand that is not evaluated.
    if left.type == .bool, let known = isOpen.integerLiteral {
      if known != 0 { return chosen(try right()) }
      operands.forEach(leaveOut)
      return left
    }
    return try guarded(by: isOpen, at: span, right, otherwise: { left }) { right, _ in
      if left.type == .bool && right.type == .bool {
        return TypedValue(
          Expression(.logical(op, left.expression, right.expression), .bool, at: span).folded,
          isWeak: left.isWeak && right.isWeak)
      }
      let (then, otherwise) = op == .and ? (right, left) : (left, right)
      return try select(truth(left), then, otherwise, at: span)
    }
  }

  /// `then` where `condition` holds, else `otherwise`; only the one that is chosen is evaluated.
  ///
  /// Where evaluating a side takes statements (a reduction's loop, say), they stand in a branch and assign a variable; else
  /// `pure` puts both values into one expression.
  private func guarded(
    by condition: LoopIR.Expression, at span: Span, _ then: () throws -> TypedValue,
    otherwise: () throws -> TypedValue, pure: (TypedValue, TypedValue) throws -> TypedValue
  ) throws -> TypedValue {
    let outerFacts = facts
    defer { facts = outerFacts }
    var values: [TypedValue] = []
    facts = outerFacts.assuming(condition)
    let thenBlock = try block { values.append(try then()) }
    facts = outerFacts.assuming(condition, holds: false)
    let otherwiseBlock = try block { values.append(try otherwise()) }
    if thenBlock.isEmpty && otherwiseBlock.isEmpty { return try pure(values[0], values[1]) }
    let type = joined(ElementType(values[0]), ElementType(values[1]))
    for value in values where ElementType(value) == type { try requireFit(value) }
    let local = makeLocal("choice", type, at: span)
    let copies = values.map { self.copies(of: $0, to: local, at: span) }
    emit(
      .conditional(
        condition, then: thenBlock + copies[0], otherwise: otherwiseBlock + copies[1]),
      at: span)
    return local
  }

  /// `then` where `condition` holds, else `otherwise`, both in the type that joins theirs.
  func select(
    _ condition: LoopIR.Expression, _ then: TypedValue, _ otherwise: TypedValue,
    at span: Span = .none
  ) throws -> TypedValue {
    let type = joined(ElementType(then), ElementType(otherwise))
    for value in [then, otherwise] {
      if ElementType(value) == type { try requireFit(value) }
      if let misfit = misfit(of: value, in: type, at: span) { throw reject(misfit) }
    }
    func chosen(_ then: LoopIR.Expression, _ otherwise: LoopIR.Expression) -> LoopIR.Expression {
      Expression(
        .select(condition, then: then, otherwise: otherwise), then.type, at: span
      ).folded
    }
    let value = TypedValue(
      chosen(then.converted(to: type.type), otherwise.converted(to: type.type)),
      isWeak: type.isWeak)
    return withExact(value) { chosen(then.index, otherwise.index) }
  }

  /// A value that a known condition chooses: no sum takes it in, as none does where the condition is not known.
  private func chosen(_ value: TypedValue) -> TypedValue {
    var value = value
    value.expression = value.expression.chosen
    return value
  }

  private func conditional(
    _ test: Syntax.Expression, _ then: Syntax.Expression, _ otherwise: Syntax.Expression,
    at span: Span
  ) throws -> TypedValue {
    let condition = truth(try scalar(test, ifArray: Diagnostic.arrayAsCondition))
    let side = { try self.scalar($0, ifArray: Diagnostic.sliceChosen) }
    if let known = condition.integerLiteral {
      leaveOut(known != 0 ? otherwise : then)
      return chosen(try side(known != 0 ? then : otherwise))
    }
    return try guarded(
      by: condition, at: span, { try side(then) }, otherwise: { try side(otherwise) }
    ) { try select(condition, $0, $1, at: span) }
  }

  /// Takes note of an operand that is known not to be evaluated: a label may name a reduction in it all the same.
  private func leaveOut(_ operand: Syntax.Expression) {
    guard operand.contains(where: isReduction) else { return }
    ir.leavesCodeOut = true
    reductionsLabelled += 1
  }

  private func comparison(
    _ first: Syntax.Expression, _ links: [Syntax.Expression.ComparisonLink], at span: Span
  ) throws -> Value {
    let left = try value(first)
    guard let link = links.first else { throw reject(.unsupported("this comparison", at: span)) }
    let right = try value(link.operand)
    let compared = try compare(link.op, left, right, at: span)
    if links.count == 1 { return compared }
    guard case .scalar(let truth) = compared, case .scalar(let middle) = right else {
      throw reject(.arrayAsScalar(at: span))
    }
    return .scalar(try chain(truth, middle, links.dropFirst(), at: span))
  }

  /// `truth and middle op₂ e₂ …`, whose operands are evaluated as far as it holds.
  private func chain(
    _ truth: TypedValue, _ middle: TypedValue,
    _ links: ArraySlice<Syntax.Expression.ComparisonLink>, at span: Span
  ) throws -> TypedValue {
    guard let link = links.first else { return truth }
    return try logical(.and, truth, links.map(\.operand), at: span) {
      let right = try scalar(link.operand)
      guard case .scalar(let next) = try compare(link.op, .scalar(middle), .scalar(right), at: span)
      else { throw reject(.arrayAsScalar(at: span)) }
      return try chain(next, right, links.dropFirst(), at: span)
    }
  }
}

extension ArrayValue {
  /// A scalar as an array without dimensions.
  init(_ scalar: TypedValue) {
    self.init(
      shape: [], element: ElementType(scalar), reads: [], at: { _ in scalar.expression },
      scalar: scalar)
  }
}
