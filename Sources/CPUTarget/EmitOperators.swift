import LoopIR

extension FunctionEmitter {
  private func result(_ instruction: String, _ type: ScalarType, _ lanes: Int) -> Value {
    Value(line(instruction), type, lanes: lanes)
  }

  // MARK: Unary

  func unary(_ op: UnaryOperator, _ v: Value) -> Value {
    switch op {
    case .not:
      return result(
        "xor \(v.typed), \(Value.integer(1, .bool, lanes: v.lanes).text)", .bool, v.lanes)
    case .invert where v.type == .bool:
      return result(
        "xor \(v.typed), \(Value.integer(1, .bool, lanes: v.lanes).text)", .bool, v.lanes)
    case .invert:
      return result(
        "xor \(v.typed), \(Value.integer(-1, v.type, lanes: v.lanes).text)", v.type, v.lanes)
    case .negate where v.type.isHalf:
      return result(
        "xor \(v.typed), \(Value.integer(-0x8000, .int16, lanes: v.lanes).text)", v.type, v.lanes)
    case .absolute where v.type.isHalf:
      return result(
        "and \(v.typed), \(Value.integer(0x7FFF, .int16, lanes: v.lanes).text)", v.type, v.lanes)
    case .negate where v.type.isFloat: return result("fneg \(v.typed)", v.type, v.lanes)
    case .negate:
      return result(
        "sub \(v.llvmType) \(Value.integer(0, v.type, lanes: v.lanes).text), \(v.text)", v.type,
        v.lanes)
    case .absolute where v.type.isFloat: return intrinsic("fabs", [v])
    case .absolute where v.type.isSignedInteger:
      let name = "@llvm.abs.\(v.type.mangled(lanes: v.lanes))"
      module.declare("declare \(v.llvmType) \(name)(\(v.llvmType), i1 immarg)")
      return result("call \(v.llvmType) \(name)(\(v.typed), i1 false)", v.type, v.lanes)
    case .absolute: return v
    }
  }

  /// A call of an LLVM intrinsic that is overloaded on its one type.
  func intrinsic(_ name: String, _ operands: [Value], flags: String = "") -> Value {
    let first = operands[0]
    let full = "@llvm.\(name).\(first.type.mangled(lanes: first.lanes))"
    let types = operands.map(\.llvmType).joined(separator: ", ")
    module.declare("declare \(first.llvmType) \(full)(\(types))")
    let list = operands.map(\.typed).joined(separator: ", ")
    return result("call\(flags) \(first.llvmType) \(full)(\(list))", first.type, first.lanes)
  }

  // MARK: Binary

  /// A sum or difference with a product as one multiply-add; nil for anything else, and under `strict`.
  ///
  ///     s * x[i] + y[i]                 →   fma(s, x[i], y[i])
  ///     (s * x[i] if c else 0) + y[i]   →   (s * x[i] if c else 0) + y[i]
  ///
  /// It does not depend on what is known: `Expression.folded` keeps products of literals, and known choices of a product.
  /// Which operations are joined is decided here and not by LLVM's `contract` flag, under which it depends on what else LLVM
  /// does: code for constants and code for parameters would round differently. For the same reason it is not `fmuladd`: of a
  /// product of constants LLVM makes one, rounded.
  func contracted(_ op: BinaryOperator, _ left: Expression, _ right: Expression) -> Value? {
    guard !module.isStrict, module.machine.hasMultiplyAdd, left.type.isFloat, !left.type.isHalf,
      op == .add || op == .subtract
    else { return nil }
    func negatedIfSubtracted(_ v: Value) -> Value { op == .subtract ? unary(.negate, v) : v }
    if case .binary(.multiply, let a, let b) = left.kind {
      let (x, y) = (emit(a), emit(b))
      return multiplyAdd(x, y, negatedIfSubtracted(emit(right)))
    }
    if case .binary(.multiply, let a, let b) = right.kind {
      let addend = emit(left)
      return multiplyAdd(negatedIfSubtracted(emit(a)), emit(b), addend)
    }
    return nil
  }

  private func multiplyAdd(_ a: Value, _ b: Value, _ c: Value) -> Value {
    let lanes = max(a.lanes, b.lanes, c.lanes)
    return intrinsic("fma", [a, b, c].map { splat($0, lanes: lanes) })
  }

  func binary(_ op: BinaryOperator, _ left: Value, _ right: Value) -> Value {
    let (l, r) = unified(left, right)
    if l.type.isHalf { return narrowed(floatBinary(op, widened(l), widened(r)), to: l.type) }
    if l.type.isFloat { return floatBinary(op, l, r) }
    if l.type == .bool { return boolBinary(op, l, r) }
    return integerBinary(op, l, r)
  }

  private func floatBinary(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    func instruction(_ name: String) -> Value {
      result("\(name) \(l.typed), \(r.text)", l.type, l.lanes)
    }
    switch op {
    case .add: return instruction("fadd")
    case .subtract: return instruction("fsub")
    case .multiply: return instruction("fmul")
    case .divide: return result("fdiv \(l.typed), \(r.text)", l.type, l.lanes)
    case .pythonMin:
      return select(result("fcmp olt \(r.typed), \(l.text)", .bool, l.lanes), r, l)
    case .pythonMax:
      return select(result("fcmp ogt \(r.typed), \(l.text)", .bool, l.lanes), r, l)
    // The order of the zeros is left open, as in NumPy.
    case .minimum: return intrinsic("minimum", [l, r], flags: " nsz")
    case .maximum: return intrinsic("maximum", [l, r], flags: " nsz")
    case .power: return libraryCall("pow", [l, r])
    case .floorDivide: return helperCall(.floorDivide(l.type), [l, r])
    case .modulo: return helperCall(.modulo(l.type), [l, r])
    // The verifier admits these for integers and bool alone.
    case .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight: return l
    }
  }

  private func boolBinary(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    switch op {
    case .bitAnd, .multiply, .pythonMin, .minimum:
      result("and \(l.typed), \(r.text)", .bool, l.lanes)
    case .bitOr, .add, .pythonMax, .maximum: result("or \(l.typed), \(r.text)", .bool, l.lanes)
    case .bitXor, .subtract: result("xor \(l.typed), \(r.text)", .bool, l.lanes)
    case .divide, .floorDivide, .modulo, .power, .shiftLeft, .shiftRight: l
    }
  }

  private func integerBinary(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    let isSigned = l.type.isSignedInteger
    func instruction(_ name: String) -> Value {
      result("\(name) \(l.typed), \(r.text)", l.type, l.lanes)
    }
    switch op {
    case .add: return instruction("add")
    case .subtract: return instruction("sub")
    case .multiply: return instruction("mul")
    case .bitAnd: return instruction("and")
    case .bitOr: return instruction("or")
    case .bitXor: return instruction("xor")
    case .pythonMin, .minimum: return intrinsic(isSigned ? "smin" : "umin", [l, r])
    case .pythonMax, .maximum: return intrinsic(isSigned ? "smax" : "umax", [l, r])
    case .shiftLeft, .shiftRight: return shift(op, l, r)
    case .floorDivide, .modulo:
      if l.lanes > 1, l.type.bitWidth <= 16, r.text.hasPrefix("%") {
        return narrowDivision(op, l, r)
      }
      return isSigned ? signedDivision(op, l, r) : unsignedDivision(op, l, r)
    case .power: return helperCall(.integerPower(l.type), [l, r])
    // The verifier admits this for floats alone.
    case .divide: return l
    }
  }

  /// A shift by the width or more, or by a negative count, gives 0 or all sign bits.
  private func shift(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    let width = Value.integer(Int64(l.type.bitWidth), l.type, lanes: l.lanes)
    let zero = Value.integer(0, l.type, lanes: l.lanes)
    let isShort = result("icmp ult \(r.typed), \(width.text)", .bool, l.lanes)
    if op == .shiftRight && l.type.isSignedInteger {
      let most = Value.integer(Int64(l.type.bitWidth - 1), l.type, lanes: l.lanes)
      let count = select(isShort, r, most)
      return result("ashr \(l.typed), \(count.text)", l.type, l.lanes)
    }
    let count = select(isShort, r, zero)
    let name = op == .shiftLeft ? "shl" : "lshr"
    return select(isShort, result("\(name) \(l.typed), \(count.text)", l.type, l.lanes), zero)
  }

  /// Division that rounds down; by zero it gives 0. The divisor is replaced by 1 where the machine would trap.
  private func signedDivision(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    let lanes = l.lanes
    let zero = Value.integer(0, l.type, lanes: lanes)
    let one = Value.integer(1, l.type, lanes: lanes)
    let isZero = result("icmp eq \(r.typed), \(zero.text)", .bool, lanes)
    let isMinusOne = result(
      "icmp eq \(r.typed), \(Value.integer(-1, l.type, lanes: lanes).text)", .bool, lanes)
    let isSpecial = result("or \(isZero.typed), \(isMinusOne.text)", .bool, lanes)
    let divisor = select(isSpecial, one, r)
    let remainder = result("srem \(l.typed), \(divisor.text)", l.type, lanes)
    let isInexact = result("icmp ne \(remainder.typed), \(zero.text)", .bool, lanes)
    let signs = result("xor \(remainder.typed), \(divisor.text)", l.type, lanes)
    let differ = result("icmp slt \(signs.typed), \(zero.text)", .bool, lanes)
    let mustAdjust = result("and \(isInexact.typed), \(differ.text)", .bool, lanes)
    if op == .modulo {
      // By 1, and so by -1, nothing is left; by zero the result is 0 too.
      let adjusted = result(
        "add \(remainder.typed), \(select(mustAdjust, divisor, zero).text)", l.type, lanes)
      return adjusted
    }
    let quotient = result("sdiv \(l.typed), \(divisor.text)", l.type, lanes)
    let adjustment = result("zext \(mustAdjust.typed) to \(l.llvmType)", l.type, lanes)
    let floored = result("sub \(quotient.typed), \(adjustment.text)", l.type, lanes)
    let negated = result("sub \(l.llvmType) \(zero.text), \(l.text)", l.type, lanes)
    return select(isZero, zero, select(isMinusOne, negated, floored))
  }

  private func unsignedDivision(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    let zero = Value.integer(0, l.type, lanes: l.lanes)
    let isZero = result("icmp eq \(r.typed), \(zero.text)", .bool, l.lanes)
    let divisor = select(isZero, Value.integer(1, l.type, lanes: l.lanes), r)
    let name = op == .modulo ? "urem" : "udiv"
    return select(isZero, zero, result("\(name) \(l.typed), \(divisor.text)", l.type, l.lanes))
  }

  /// Division of 8- and 16-bit integers in vector registers, which divide floats alone: each integer would be divided by itself.
  ///
  /// The quotient of a and b is no integer or 1/b away from the next; float32, with 24 bits, errs by less.
  private func narrowDivision(_ op: BinaryOperator, _ l: Value, _ r: Value) -> Value {
    let (type, lanes) = (l.type, l.lanes)
    let zero = Value.integer(0, type, lanes: lanes)
    let isZero = result("icmp eq \(r.typed), \(zero.text)", .bool, lanes)
    let divisor = select(isZero, .integer(1, type, lanes: lanes), r)
    let operands = [l, divisor].map { convert(convert($0, to: .int32), to: .float32) }
    let quotient = result("fdiv \(operands[0].typed), \(operands[1].text)", .float32, lanes)
    let floored = intrinsic("floor", [quotient])
    let integer = result(
      "fptosi \(floored.typed) to \(ScalarType.int32.llvm(lanes: lanes))", .int32, lanes)
    let rounded = convert(integer, to: type)
    if op == .floorDivide { return select(isZero, zero, rounded) }
    let product = result("mul \(rounded.typed), \(divisor.text)", type, lanes)
    return select(isZero, zero, result("sub \(l.typed), \(product.text)", type, lanes))
  }

  // MARK: Comparisons

  func compare(_ op: ComparisonOperator, _ left: Value, _ right: Value) -> Value {
    let (l, r) = unified(left, right)
    if l.type.isHalf { return compare(op, widened(l), widened(r)) }
    if l.type.isFloat {
      return result("fcmp \(op.floatPredicate) \(l.typed), \(r.text)", .bool, l.lanes)
    }
    let isSigned = l.type.isSignedInteger
    if isSigned == r.type.isSignedInteger {
      return result(
        "icmp \(op.integerPredicate(isSigned: isSigned)) \(l.typed), \(r.text)", .bool, l.lanes)
    }
    // Signed with unsigned: a negative number is less than all others, the rest compare as unsigned.
    let signed = isSigned ? l : r
    let zero = Value.integer(0, signed.type, lanes: l.lanes)
    let isNegative = result("icmp slt \(signed.typed), \(zero.text)", .bool, l.lanes)
    let unsigned = result(
      "icmp \(op.integerPredicate(isSigned: false)) \(l.typed), \(r.text)", .bool, l.lanes)
    let whenNegative = op.holds(isSigned ? -1 : 0, isSigned ? 0 : -1)
    return select(isNegative, .integer(whenNegative ? 1 : 0, .bool), unsigned)
  }
}

extension ComparisonOperator {
  /// Ordered, but for `!=`, which holds of NaN.
  fileprivate var floatPredicate: String {
    switch self {
    case .equal: "oeq"
    case .notEqual: "une"
    case .less: "olt"
    case .lessEqual: "ole"
    case .greater: "ogt"
    case .greaterEqual: "oge"
    }
  }

  func integerPredicate(isSigned: Bool) -> String {
    let sign = isSigned ? "s" : "u"
    switch self {
    case .equal: return "eq"
    case .notEqual: return "ne"
    case .less: return sign + "lt"
    case .lessEqual: return sign + "le"
    case .greater: return sign + "gt"
    case .greaterEqual: return sign + "ge"
    }
  }
}
