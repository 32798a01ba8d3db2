import LoopIR
import struct Syntax.DiagnosticError

extension HostFlattener {
  /// Evaluates an expression into the register of a variable.
  mutating func assign(_ target: Register, _ e: Expression) throws(DiagnosticError) {
    switch e.kind {
    // Both set their register before they are done reading.
    case .logical, .select, .integer, .float, .variable: add(.copy(target, try emit(e)))
    case .load, .unary, .binary, .compare, .convert, .math, .checked, .complex, .part:
      let value = try emit(e, into: target)
      if value != target { add(.copy(target, value)) }
    }
  }

  /// Evaluates an expression; the result may be the register of a variable or a constant.
  ///
  /// - Parameter wanted: where an instruction for the expression itself puts its result.
  mutating func emit(
    _ e: Expression, into wanted: Register? = nil
  ) throws(DiagnosticError) -> Register {
    try nested { this throws(DiagnosticError) in try this.emitNode(e, into: wanted) }
  }

  private mutating func emitNode(
    _ e: Expression, into wanted: Register?
  ) throws(DiagnosticError) -> Register {
    switch e.kind {
    case .integer(let value): return constant(value)
    case .float(let literal): return constant(HostArithmetic.bits(literal.value, e.type))
    case .variable(let id): return try register(of: id)
    case .load(let id, let indices): return try fetch(id, indices, e)
    case .complex, .part: throw bug("a complex number", at: e.span)
    case .checked(let index): return try emit(index, into: wanted)
    case .unary(let op, let operand):
      let value = try emit(operand)
      let result = wanted ?? temporary()
      add(.unary(op, operand.type, result, value))
      return result
    case .binary(let op, let left, let right):
      let (l, r) = (try emit(left), try emit(right))
      let result = wanted ?? temporary()
      add(binary(op, e.type, result, l, r))
      return result
    case .compare(let op, let left, let right):
      let (l, r) = (try emit(left), try emit(right))
      let result = wanted ?? temporary()
      let isOrder = [left.type, right.type].allSatisfy { !$0.isFloat && $0 != .uint64 }
      add(
        isOrder ? .order(op, result, l, r) : .compare(op, left.type, right.type, result, l, r))
      return result
    case .convert(let operand):
      if operand.type == e.type { return try emit(operand, into: wanted) }
      let value = try emit(operand)
      let result = wanted ?? temporary()
      add(.convert(from: operand.type, to: e.type, result, value))
      return result
    case .math(let function, let arguments):
      guard arguments.count == function.arity, let first = arguments.first,
        let last = arguments.last
      else { throw bug("a function with the wrong number of arguments", at: e.span) }
      let x = try emit(first)
      let y = function.arity == 2 ? try emit(last) : x
      let result = wanted ?? temporary()
      add(.math(function, first.type, result, x, y))
      return result
    case .logical(let op, let left, let right):
      let result = temporary()
      add(.copy(result, try emit(left)))
      let isDecided =
        op == .and ? addJump(.jumpIfFalse(result, to: 0)) : addJump(.jumpIfTrue(result, to: 0))
      add(.copy(result, try emit(right)))
      land(isDecided)
      return result
    case .select(let condition, let then, let otherwise):
      let result = temporary()
      let toElse = addJump(.jumpIfFalse(try emit(condition), to: 0))
      add(.copy(result, try emit(then)))
      let toEnd = addJump(.jump(to: 0))
      land(toElse)
      add(.copy(result, try emit(otherwise)))
      land(toEnd)
      return result
    }
  }

  private func binary(
    _ op: BinaryOperator, _ type: ScalarType, _ result: Register, _ l: Register, _ r: Register
  ) -> HostInstruction {
    guard type == .int64 || type == .uint64 else { return .binary(op, type, result, l, r) }
    return switch op {
    case .add: .add(result, l, r)
    case .subtract: .subtract(result, l, r)
    case .multiply: .multiply(result, l, r)
    case .divide, .floorDivide, .modulo, .power, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight,
      .pythonMin, .pythonMax, .minimum, .maximum:
      .binary(op, type, result, l, r)
    }
  }

  // MARK: Checks

  /// A condition on the parameters, decided over the integers: where 64 bits would wrap, a check must not pass.
  ///
  /// What CPU code does, see `EmitEntryChecks.swift`: sums and products in 128 bits; a quotient whose dividend does not fit 64 bits,
  /// and a product beyond 96, make the comparison false.
  mutating func emitExactly(_ condition: Expression) throws(DiagnosticError) -> Register {
    try nested { this throws(DiagnosticError) in
      switch condition.kind {
      case .compare(let op, let l, let r) where l.type == .int64 && r.type == .int64:
        let isExact = this.temporary()
        this.add(.copy(isExact, this.constant(1)))
        let left = try this.emitWide(l, isExact)
        let right = try this.emitWide(r, isExact)
        let result = this.temporary()
        this.add(.wideCompare(op, result, left, right, isExact: isExact))
        return result
      case .logical(let op, let l, let r):
        let (left, right) = (try this.emitExactly(l), try this.emitExactly(r))
        let result = this.temporary()
        this.add(.binary(op == .and ? .bitAnd : .bitOr, .bool, result, left, right))
        return result
      case .compare, .integer, .float, .variable, .load, .unary, .binary, .select, .convert, .math,
        .checked, .complex, .part:
        return try this.emit(condition)
      }
    }
  }

  private mutating func emitWide(
    _ e: Expression, _ isExact: Register
  ) throws(DiagnosticError) -> WideRegister {
    try nested { this throws(DiagnosticError) in
      switch e.kind {
      case .unary(.negate, let operand):
        let zero = this.wide()
        this.add(.widen(zero, this.constant(0)))
        let value = try this.emitWide(operand, isExact)
        let result = this.wide()
        this.add(.wideSubtract(result, zero, value))
        return result
      case .binary(.add, let l, let r), .binary(.subtract, let l, let r),
        .binary(.multiply, let l, let r):
        let (left, right) = (try this.emitWide(l, isExact), try this.emitWide(r, isExact))
        let result = this.wide()
        if case .binary(.add, _, _) = e.kind {
          this.add(.wideAdd(result, left, right))
        } else if case .binary(.subtract, _, _) = e.kind {
          this.add(.wideSubtract(result, left, right))
        } else {
          this.add(.wideMultiply(result, left, right, isExact: isExact))
        }
        return result
      case .binary(.floorDivide, let dividend, _):
        this.add(.requireNarrow(try this.emitWide(dividend, isExact), isExact: isExact))
      case .binary, .unary, .integer, .float, .variable, .load, .compare, .logical, .select,
        .convert, .math, .checked, .complex, .part:
        break
      }
      let result = this.wide()
      this.add(.widen(result, try this.emit(e)))
      return result
    }
  }
}
