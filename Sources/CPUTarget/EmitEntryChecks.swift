import LoopIR

extension FunctionEmitter {
  /// A condition on the parameters, decided over the integers: where 64 bits would wrap, a check must not pass.
  ///
  ///     i + k < n, k = 2⁶³ − 1   →   false, though i + k wraps to a negative number
  ///
  /// Sums and products are made in 128 bits. Anything else is the very value that the program computes; a quotient that does
  /// not fit 64 bits, and a product beyond 96, make the comparison false.
  func emitExactly(_ condition: Expression) -> Value {
    switch condition.kind {
    case .compare(let op, let l, let r) where l.type == .int64 && r.type == .int64:
      var exact = ExactSums(emitter: self)
      let (left, right) = (exact.emit(l), exact.emit(r))
      let holds = line("icmp \(op.integerPredicate(isSigned: true)) i128 \(left), \(right)")
      return Value(exact.conditions.reduce(holds) { line("and i1 \($0), \($1)") }, .bool)
    case .logical(let op, let l, let r):
      let (left, right) = (emitExactly(l), emitExactly(r))
      return Value(line("\(op == .and ? "and" : "or") i1 \(left.text), \(right.text)"), .bool)
    case .compare, .integer, .float, .variable, .load, .unary, .binary, .select, .convert, .math,
      .checked, .complex, .part:
      return emit(condition)
    }
  }
}

/// Integer expressions in 128 bits.
private struct ExactSums {
  let emitter: FunctionEmitter
  /// What must hold for the values to be exact.
  private(set) var conditions: [String] = []

  init(emitter: FunctionEmitter) { self.emitter = emitter }

  mutating func emit(_ e: Expression) -> String {
    switch e.kind {
    case .integer(let value): return String(value)
    case .unary(.negate, let operand): return emitter.line("sub i128 0, \(emit(operand))")
    case .binary(.add, let l, let r): return emitter.line("add i128 \(emit(l)), \(emit(r))")
    case .binary(.subtract, let l, let r): return emitter.line("sub i128 \(emit(l)), \(emit(r))")
    case .binary(.multiply, let l, let r):
      let (left, right) = (fitting(emit(l), bits: 64), fitting(emit(r), bits: 64))
      return fitting(emitter.line("mul i128 \(left), \(right)"), bits: 96)
    case .binary(.floorDivide, let dividend, _):
      _ = fitting(emit(dividend), bits: 64)
    case .binary, .unary, .float, .variable, .load, .compare, .logical, .select, .convert, .math,
      .checked, .complex, .part:
      break
    }
    return emitter.line("sext \(emitter.emit(e).typed) to i128")
  }

  /// The value, on the condition that it fits so many bits.
  private mutating func fitting(_ value: String, bits: Int) -> String {
    let narrow = emitter.line("trunc i128 \(value) to i\(bits)")
    let back = emitter.line("sext i\(bits) \(narrow) to i128")
    conditions.append(emitter.line("icmp eq i128 \(value), \(back)"))
    return back
  }
}
