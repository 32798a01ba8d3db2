import LoopIR

extension FunctionEmitter {
  /// Writes the code of an expression and gives its value.
  func emit(_ e: Expression) -> Value {
    switch e.kind {
    case .integer(let value): return .integer(value, e.type)
    case .float(let literal): return .float(literal.value, e.type)
    case .variable(let id): return read(id)
    case .load(let buffer, let indices): return load(buffer, indices, at: e.span)
    case .unary(let op, let operand): return unary(op, emit(operand))
    case .binary(let op, let left, let right):
      return contracted(op, left, right) ?? binary(op, emit(left), emit(right))
    case .compare(let op, let left, let right): return compare(op, emit(left), emit(right))
    case .logical(let op, let left, let right): return logical(op, left, right)
    case .select(let condition, let then, let otherwise):
      if condition.integerLiteral == 1 { return emit(then) }
      return select(emit(condition), then, otherwise)
    case .convert(let operand): return convert(emit(operand), to: e.type)
    // An access tests its indices itself.
    case .checked(let index): return emit(index)
    // Gone since `split-complex`.
    case .complex(let real, _): return emit(real)
    case .part(_, let operand): return emit(operand)
    case .math(let function, let arguments): return math(function, arguments.map { emit($0) })
    }
  }

  /// Whether evaluating an expression where its value is not wanted does no harm: it reads no memory and calls nothing.
  private func isHarmless(_ e: Expression) -> Bool {
    !e.contains { part in
      switch part.kind {
      case .load, .math: true
      case .binary(.power, _, _): true
      case .integer, .float, .variable, .unary, .binary, .compare, .logical, .select, .convert,
        .checked, .complex, .part:
        false
      }
    }
  }

  private func logical(_ op: BooleanOperator, _ left: Expression, _ right: Expression) -> Value {
    let first = emit(left)
    if isHarmless(right) {
      let (l, r) = unified(first, emit(right))
      return Value(
        line("\(op == .and ? "and" : "or") \(l.typed), \(r.text)"), .bool, lanes: l.lanes)
    }
    let constant = Expression.bool(op == .or)
    return op == .and
      ? select(first, right, constant) : select(first, constant, right)
  }

  /// `then if condition else otherwise`: a branch that reads memory runs only where it is chosen.
  private func select(_ condition: Value, _ then: Expression, _ otherwise: Expression) -> Value {
    if isHarmless(then) && isHarmless(otherwise) {
      return select(condition, emit(then), emit(otherwise))
    }
    if condition.lanes > 1 { return selectInLanes(condition, then, otherwise) }
    let (yes, no, done) = (label("then"), label("else"), label("choice"))
    add("br i1 \(condition.text), label %\(yes), label %\(no)")
    branchDepth += 1
    defer { branchDepth -= 1 }
    // A value may have one lane on one side and several on the other; the wider decides, found by writing both.
    open(yes)
    var left = emit(then)
    let leftLanes = left.lanes
    let lanes = vector == nil ? 1 : vector?.lanes ?? 1
    if leftLanes != lanes { left = splat(left, lanes: lanes) }
    let leftEnd = currentBlock
    add("br label %\(done)")
    open(no)
    let right = splat(emit(otherwise), lanes: lanes)
    let rightEnd = currentBlock
    add("br label %\(done)")
    open(done)
    let type = then.type.llvm(lanes: lanes)
    return Value(
      line("phi \(type) [ \(left.text), %\(leftEnd) ], [ \(right.text), %\(rightEnd) ]"), then.type,
      lanes: lanes)
  }

  private func selectInLanes(_ condition: Value, _ then: Expression, _ otherwise: Expression)
    -> Value
  {
    let outer = vector?.mask
    let type = then.type
    let lanes = condition.lanes
    let place = alloca(type.llvm(lanes: lanes), name: "choice")
    add("store \(type.llvm(lanes: lanes)) zeroinitializer, ptr \(place)")
    let opposite = Value(line("xor \(condition.typed), splat (i1 true)"), .bool, lanes: lanes)
    for (side, truth) in [(then, condition), (otherwise, opposite)] {
      let taken = conjunction(outer, truth)
      branch(
        on: any(taken),
        then: {
          let value = self.splat(self.withMask(taken) { self.emit(side) }, lanes: lanes)
          let old = Value(self.line("load \(value.llvmType), ptr \(place)"), type, lanes: lanes)
          self.add("store \(self.select(taken, value, old).typed), ptr \(place)")
        }, otherwise: nil)
    }
    return Value(line("load \(type.llvm(lanes: lanes)), ptr \(place)"), type, lanes: lanes)
  }
}
