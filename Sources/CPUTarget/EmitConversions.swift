import LoopIR

extension FunctionEmitter {
  /// A value in another type: integers wrap, floats round, floats to integers truncate and saturate with NaN as 0.
  func convert(_ v: Value, to target: ScalarType) -> Value {
    if v.type == target { return v }
    if v.type.isHalf { return convert(widened(v), to: target) }
    if target.isHalf { return narrowed(v, to: target) }
    if v.type.llvm == target.llvm { return Value(v.text, target, lanes: v.lanes) }
    if target == .bool { return truth(v) }
    switch (v.type.isFloat, target.isFloat) {
    case (true, true): return cast(target == .float64 ? "fpext" : "fptrunc", v, target)
    case (false, true): return cast(v.type.isSignedInteger ? "sitofp" : "uitofp", v, target)
    case (true, false): return saturated(v, to: target)
    case (false, false):
      if v.type != .bool && v.type.size > target.size { return cast("trunc", v, target) }
      return cast(v.type.isSignedInteger ? "sext" : "zext", v, target)
    }
  }

  private func cast(_ name: String, _ v: Value, _ target: ScalarType) -> Value {
    Value(line("\(name) \(v.typed) to \(target.llvm(lanes: v.lanes))"), target, lanes: v.lanes)
  }

  private func truth(_ v: Value) -> Value {
    let zero: Value =
      v.type.isFloat ? .float(0, v.type, lanes: v.lanes) : .integer(0, v.type, lanes: v.lanes)
    let instruction = v.type.isFloat ? "fcmp une" : "icmp ne"
    return Value(line("\(instruction) \(v.typed), \(zero.text)"), .bool, lanes: v.lanes)
  }

  /// The plain conversion is undefined out of range, so each such lane gets another value by a select, which hides it.
  private func saturated(_ v: Value, to target: ScalarType) -> Value {
    let isSigned = target.isSignedInteger
    let bits = isSigned ? target.bitWidth - 1 : target.bitWidth
    let bound = Double(sign: .plus, exponent: bits, significand: 1)
    let plain = cast(isSigned ? "fptosi" : "fptoui", v, target)
    func test(_ predicate: String, _ limit: Double) -> Value {
      let operand = Value.float(limit, v.type, lanes: v.lanes)
      return Value(line("fcmp \(predicate) \(v.typed), \(operand.text)"), .bool, lanes: v.lanes)
    }
    func limit(greatest: Bool) -> Value {
      Value(literal: .extreme(of: target, greatest: greatest), lanes: v.lanes) ?? plain
    }
    let high = select(test("oge", bound), limit(greatest: true), plain)
    let low = select(test("ole", isSigned ? -bound : -1), limit(greatest: false), high)
    return select(test("uno", 0), .integer(0, target, lanes: v.lanes), low)
  }
}
