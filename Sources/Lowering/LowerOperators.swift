import LoopIR
import Syntax

extension Lowerer {
  // MARK: Lifting to arrays

  /// Applies a scalar operation to scalars, or element by element to arrays that broadcast together.
  func lift(
    _ left: Value, _ right: Value, at span: Span,
    _ operation: @escaping (TypedValue, TypedValue) throws -> TypedValue
  ) throws -> Value {
    switch (left, right) {
    case (.scalar(let l), .scalar(let r)): return .scalar(try operation(l, r))
    case (.tuple, _), (_, .tuple): throw reject(.unsupported("an operation on a tuple", at: span))
    case (.array, _), (_, .array):
      let (l, r) = (array(left), array(right))
      guard let shape = try broadcastShape(l.shape, r.shape, at: span),
        let left = try broadcast(l, to: shape, at: span),
        let right = try broadcast(r, to: shape, at: span)
      else { throw reject(.shapesDoNotBroadcast(l.shape, r.shape, at: span)) }
      return .array(
        try elementwise([left, right], shape, at: span) { try operation($0[0], $0[1]) })
    }
  }

  /// Applies a scalar operation to a scalar, or to each element of an array.
  func lift(
    _ operand: Value, at span: Span, _ operation: @escaping (TypedValue) throws -> TypedValue
  ) throws -> Value {
    switch operand {
    case .scalar(let value): return .scalar(try operation(value))
    case .tuple: throw reject(.unsupported("an operation on a tuple", at: span))
    case .array(let array):
      return .array(try elementwise([array], array.shape, at: span) { try operation($0[0]) })
    }
  }

  /// A value as an array; a scalar is computed once, before the elements, as NumPy does.
  func array(_ value: Value) -> ArrayValue {
    switch value {
    case .array(let array): return array
    case .scalar(let scalar):
      // The loops assign no variable that the expression could name.
      if case .variable = scalar.expression.kind { return ArrayValue(scalar) }
      return ArrayValue(settled(scalar, "scalar"))
    case .tuple: return ArrayValue(.weak(.index(0)))
    }
  }

  /// The array of an operation's results; what type they have is found by applying it to stand-ins.
  private func elementwise(
    _ operands: [ArrayValue], _ shape: [LoopIR.Expression], at span: Span,
    _ operation: @escaping ([TypedValue]) throws -> TypedValue
  ) throws -> ArrayValue {
    for operand in operands { try requireCurrent(operand, at: span) }
    let standIns = try operands.map { operand in
      // A scalar operand keeps its literal, which decides what fits and which power is a product.
      operand.shape.isEmpty && operand.reads.isEmpty
        ? try operand.value(at: [])
        : TypedValue(
          Expression(.load(BufferID(-1), []), operand.element.type), isWeak: operand.element.isWeak)
    }
    var result = ElementType(.bool, isWeak: true)
    _ = try block { result = ElementType(try operation(standIns)) }
    return ArrayValue(
      shape: shape, element: result, reads: operands.flatMap(\.reads),
      at: { position in
        try operation(try operands.map { try $0.value(at: position) }).expression
      }, computedAt: storesOfCalls.count)
  }

  /// Refuses to compute elements after a call that changes them, where Python has computed them before it.
  func requireCurrent(_ value: ArrayValue, at span: Span) throws {
    guard let start = value.computedAt else { return }
    let stored = Set(storesOfCalls[start...])
    let changed = value.reads.first { read in
      stored.contains {
        $0 == read.view.buffer || (ir[$0].mayAlias && ir[read.view.buffer].mayAlias)
      }
    }
    guard let changed else { return }
    throw reject(
      .unsupported(
        "a call that changes '\(ir[changed.view.buffer].name)' after the statement has computed with it",
        at: span, help: "put the call into a statement of its own, before this one"))
  }

  // MARK: Broadcasting

  /// The common shape of two, aligned at the right; nil where they do not broadcast.
  func broadcastShape(
    _ left: [LoopIR.Expression], _ right: [LoopIR.Expression], at span: Span
  ) throws -> [LoopIR.Expression]? {
    let rank = max(left.count, right.count)
    var result: [LoopIR.Expression] = []
    for d in 0..<rank {
      let l = d + left.count >= rank ? left[d + left.count - rank] : .index(1)
      let r = d + right.count >= rank ? right[d + right.count - rank] : .index(1)
      if isOne(l) {
        result.append(r)
      } else if isOne(r) || l == r {
        result.append(l)
      } else if try areEqual(l, r, at: span) {
        result.append(l.integerLiteral != nil ? l : r)
      } else {
        return nil
      }
    }
    return result
  }

  /// `value` with an index of `shape` taken to its own; nil where its shape does not broadcast to `shape`.
  func broadcast(_ value: ArrayValue, to shape: [LoopIR.Expression], at span: Span) throws
    -> ArrayValue?
  {
    if value.shape.count > shape.count {
      // Leading dimensions of extent 1 are dropped on assignment.
      guard value.shape.first?.integerLiteral == 1 else { return nil }
      var inner = value
      inner.shape.removeFirst()
      inner.reads = value.reads.map { ArrayValue.Read(view: $0.view, isPointwise: false) }
      inner.at = { try value.at([.index(0)] + $0) }
      return try broadcast(inner, to: shape, at: span)
    }
    let skipped = shape.count - value.shape.count
    var isStretched: [Bool] = []
    for (d, extent) in value.shape.enumerated() {
      let wanted = shape[skipped + d]
      if isOne(extent) {
        isStretched.append(extent != wanted && !isOne(wanted))
      } else {
        guard try extent == wanted || areEqual(extent, wanted, at: span) else { return nil }
        isStretched.append(false)
      }
    }
    if skipped == 0 && !isStretched.contains(true) { return value }
    var result = value
    result.shape = shape
    result.reads = value.reads.map { ArrayValue.Read(view: $0.view, isPointwise: false) }
    result.at = { position in
      let own = zip(position.dropFirst(skipped), isStretched).map { $1 ? .index(0) : $0 }
      return try value.at(own)
    }
    return result
  }

  /// Whether an extent is known to be 1, as that of `x[:i + 1]` in a loop over `range(1)`.
  func isOne(_ extent: LoopIR.Expression) -> Bool {
    if let literal = extent.integerLiteral { return literal == 1 }
    return facts.prove(extent, atMost: .index(1)) && facts.prove(.index(1), atMost: extent)
  }

  /// Whether two extents are equal: known now, made a condition of this version of the code, or tested where the statement runs.
  private func areEqual(_ l: LoopIR.Expression, _ r: LoopIR.Expression, at span: Span) throws
    -> Bool
  {
    if let a = l.integerLiteral, let b = r.integerLiteral { return a == b }
    if LinearSum(l) == LinearSum(r) { return true }
    if facts.prove(l, atMost: r) && facts.prove(r, atMost: l) { return true }
    if facts.prove(l + .index(1), atMost: r) || facts.prove(r + .index(1), atMost: l) {
      return false
    }
    let condition = LoopIR.Expression.compare(.equal, l, r)
    guard ir.isKnownOnEntry(condition) else {
      emit(.requireEqual(l, r), at: span)
      facts = facts.assuming(condition, decidesReach: false)
      return true
    }
    ir.checks.append(Check(condition, orElse: .respecialize))
    return true
  }

  // MARK: Unary operators

  func unary(_ op: Syntax.UnaryOperator, _ operand: Value, at span: Span) throws -> Value {
    try lift(operand, at: span) { value in
      switch op {
      case .not:
        return TypedValue(
          Expression(.unary(.not, self.truth(value)), .bool, at: span).folded, isWeak: true)
      case .plus: return self.numeric(value)
      case .negate where value.type.isComplex:
        return TypedValue(self.negated(value.expression, at: span), isWeak: value.isWeak)
      case .negate:
        if value.type == .bool && !value.isWeak {
          throw reject(Diagnostic(.type, "operator - is not defined for bool", at: span))
        }
        let number = self.numeric(value)
        return self.unary(.negate, number, keepsWritten: true, at: span)
      case .invert:
        guard !value.type.isFloat, !value.type.isComplex else {
          throw reject(Diagnostic(.type, "operator ~ is not defined for \(value.type)", at: span))
        }
        let number = value.isWeak ? self.numeric(value) : value
        try self.requireFit(number)
        return self.unary(.invert, number, at: span)
      }
    }
  }

  /// A unary operator on a number.
  ///
  /// - Parameter keepsWritten: whether the result is as good as written in the program, as `-0.1` is.
  func unary(
    _ op: LoopIR.UnaryOperator, _ value: TypedValue, keepsWritten: Bool = false, at span: Span
  ) -> TypedValue {
    func applied(to operand: LoopIR.Expression) -> LoopIR.Expression {
      Expression(.unary(op, operand), operand.type, at: span).folded
    }
    var result = TypedValue(applied(to: value.expression), isWeak: value.isWeak)
    guard keepsWritten && value.isWritten else {
      return withExact(result) { applied(to: value.index) }
    }
    result.exact = value.exact.map(applied)
    result.isWritten = true
    return result
  }

  /// Python's `True` as the integer 1; anything else as it is.
  func numeric(_ value: TypedValue) -> TypedValue {
    value.type == .bool && value.isWeak ? pythonInteger(value.expression) : value
  }

  // MARK: Binary operators

  func binary(_ op: Syntax.BinaryOperator, _ left: Value, _ right: Value, at span: Span) throws
    -> Value
  {
    // Whether the shapes broadcast together says nothing about it.
    if op == .matrixMultiply { throw reject(.matrixMultiply(at: span)) }
    return try lift(left, right, at: span) { try self.binary(op, $0, $1, at: span) }
  }

  private func binary(
    _ op: Syntax.BinaryOperator, _ l: TypedValue, _ r: TypedValue, at span: Span
  ) throws -> TypedValue {
    let type = promoted(ElementType(l), ElementType(r))
    if type.type.isComplex { return try complexBinary(op, l, r, type, at: span) }
    let isBool = type.type == .bool
    switch op {
    case .add:
      return try arithmetic(isBool && !type.isWeak ? .bitOr : .add, l, r, type, at: span)
    case .multiply:
      return try arithmetic(isBool && !type.isWeak ? .bitAnd : .multiply, l, r, type, at: span)
    case .subtract:
      if isBool && !type.isWeak { throw reject(.wrongType("-", l.type, r.type, at: span)) }
      return try arithmetic(.subtract, l, r, type, at: span)
    case .divide:
      return try arithmetic(.divide, l, r, floatType(of: type), at: span)
    case .floorDivide, .modulo:
      let operands = isBool && !type.isWeak ? ElementType(.int8, isWeak: false) : type
      return try arithmetic(op == .modulo ? .modulo : .floorDivide, l, r, operands, at: span)
    case .power: return try power(l, r, type, at: span)
    case .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight:
      guard !type.type.isFloat else {
        throw reject(.wrongType(op.rawValue, l.type, r.type, at: span))
      }
      if op == .shiftLeft || op == .shiftRight {
        return try arithmetic(
          op == .shiftLeft ? .shiftLeft : .shiftRight, l, r, integerType(of: type), at: span)
      }
      let bit: LoopIR.BinaryOperator =
        op == .bitAnd ? .bitAnd : op == .bitOr ? .bitOr : .bitXor
      return try arithmetic(bit, l, r, type, keepsBool: true, at: span)
    case .matrixMultiply: throw reject(.matrixMultiply(at: span))
    }
  }

  /// `l op r` with both operands in the result's type.
  func arithmetic(
    _ op: LoopIR.BinaryOperator, _ l: TypedValue, _ r: TypedValue, _ type: ElementType,
    keepsBool: Bool = false, at span: Span
  ) throws -> TypedValue {
    let isPythonBool = type.type == .bool && type.isWeak && !keepsBool
    let computed = isPythonBool ? integerType(of: type) : type
    let result = TypedValue(
      .binary(
        op, try operand(l, as: computed, at: span), try operand(r, as: computed, at: span),
        at: span), isWeak: type.isWeak)
    return withExact(result) { .binary(op, l.index, r.index, at: span) }
  }

  /// An operand in the type of the operation; a Python integer that does not fit is refused, as NumPy does.
  func operand(_ value: TypedValue, as type: ElementType, at span: Span) throws
    -> LoopIR.Expression
  {
    if ElementType(value) == type { try requireFit(value) }
    if value.isWeak, type.type.isInteger, value.type == weakTypes.integer,
      let literal = value.integerLiteral, let range = type.type.integerRange,
      !range.contains(literal)
    {
      throw reject(.outOfBounds(literal, type.type, at: span))
    }
    return value.converted(to: type.type)
  }

  /// The type that integers and bool are computed in where bool has no such operation.
  private func integerType(of type: ElementType) -> ElementType {
    guard type.type == .bool else { return type }
    return ElementType(type.isWeak ? weakTypes.integer : .int8, isWeak: type.isWeak)
  }

  /// The type of an operation that always gives a float.
  func floatType(of type: ElementType) -> ElementType {
    guard !type.type.isFloat else { return type }
    return ElementType(type.isWeak ? weakTypes.float : .float64, isWeak: type.isWeak)
  }

  /// `l ** r`: a small constant integer exponent is a product of squares, everything else a call.
  private func power(_ l: TypedValue, _ r: TypedValue, _ type: ElementType, at span: Span) throws
    -> TypedValue
  {
    let base = integerType(of: type)
    let exponent = r.integerLiteral
    if !base.type.isFloat, let exponent, exponent < 0 {
      guard r.isWeak, l.isWeak else {
        throw reject(
          Diagnostic(.value, "integers to negative integer powers are not allowed", at: span))
      }
      return try arithmetic(.power, l, r, floatType(of: base), at: span)
    }
    let integral = exponent ?? r.floatLiteral.flatMap { Int64(exactly: $0) }
    let limit: Int64 =
      base.type.isHalf || base.type.isFloat && signature.options.isStrict ? 2 : 16
    guard let n = integral, (0...limit).contains(n), r.isWeak || base.type.isFloat else {
      return try arithmetic(.power, l, r, base, at: span)
    }
    let x = try operand(l, as: base, at: span)
    func power(_ x: LoopIR.Expression) -> LoopIR.Expression {
      product(of: n > 1 && x.nodeCount > 4 ? settled(x, "base") : x, n, at: span)
    }
    return withExact(TypedValue(power(x), isWeak: base.isWeak)) { power(l.index) }
  }

  /// `x` multiplied by itself `n` times, by squaring.
  private func product(of x: LoopIR.Expression, _ n: Int64, at span: Span) -> LoopIR.Expression {
    switch n {
    case 0: return .one(x.type)
    case 1: return x
    default:
      let half = product(of: x, n / 2, at: span)
      let square = LoopIR.Expression.binary(.multiply, half, half, at: span)
      return n % 2 == 0 ? square : .binary(.multiply, square, x, at: span)
    }
  }

  // MARK: Comparisons

  func compare(_ op: ComparisonOperator, _ left: Value, _ right: Value, at span: Span) throws
    -> Value
  {
    try lift(left, right, at: span) { l, r in
      let isWeak = l.isWeak && r.isWeak
      let type = self.promoted(ElementType(l), ElementType(r)).type
      if type.isComplex {
        guard op == .equal || op == .notEqual else {
          throw reject(.wrongType(op.rawValue, l.type, r.type, at: span))
        }
        return TypedValue(
          self.complexEquality(
            op, l.converted(to: type), r.converted(to: type), as: type, at: span),
          isWeak: isWeak)
      }
      let (a, b) = self.comparable(l, r)
      return TypedValue(.compare(op, a, b, at: span), isWeak: isWeak)
    }
  }

  /// Both operands in types that compare exactly: one type, or 64 bits each of its own signedness.
  private func comparable(_ l: TypedValue, _ r: TypedValue) -> (
    LoopIR.Expression, LoopIR.Expression
  ) {
    let type = promoted(ElementType(l), ElementType(r)).type
    func operand(_ value: TypedValue, as type: ScalarType) -> LoopIR.Expression {
      value.type.isInteger ? value.compared.converted(to: type) : value.converted(to: type)
    }
    guard l.type.isInteger, r.type.isInteger else {
      // Of a Python integer and a bool, the integer is not narrowed.
      let hasExact = type.isInteger && (l.exact != nil || r.exact != nil)
      return (
        operand(l, as: hasExact ? .int64 : type), operand(r, as: hasExact ? .int64 : type)
      )
    }
    func fits(_ value: TypedValue) -> Bool {
      if !value.isWeak { return !type.isFloat && value.type.promoted(with: type) == type }
      guard let literal = value.compared.integerLiteral, let range = type.integerRange else {
        return type == .int64
      }
      return range.contains(literal)
    }
    if fits(l) && fits(r) { return (operand(l, as: type), operand(r, as: type)) }
    func widened(_ e: LoopIR.Expression) -> LoopIR.Expression {
      e.converted(to: e.type.isUnsignedInteger ? .uint64 : .int64)
    }
    return (widened(l.compared), widened(r.compared))
  }

  // MARK: Stores

  /// A value as an array element of type `element`, by the store rule of SPEC.md §1.
  func converted(_ value: TypedValue, toElement element: ScalarType, at span: Span) throws
    -> LoopIR.Expression
  {
    guard canStore(value, in: element) else {
      throw reject(.badStore(value.type, into: element, at: span))
    }
    try requireFit(value)
    return value.expression.converted(to: element)
  }

  /// Whether a value becomes one of type `element` without a conversion that the user writes.
  func canStore(_ value: TypedValue, in element: ScalarType) -> Bool {
    let from = value.type
    if element.isComplex { return true }
    if from.isComplex { return false }
    switch (from.isFloat, element.isFloat) {
    case (true, true), (false, true): return true
    case (true, false): return false
    case (false, false):
      return value.isWeak || from == .bool || from.promoted(with: element) == element
    }
  }
}
