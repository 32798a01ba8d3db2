import LoopIR

/// Floats of 16 bits: integers in registers, float32 while an operation is done.
extension FunctionEmitter {
  /// A 16-bit float as float32, which is exact.
  func widened(_ v: Value) -> Value {
    let isInstruction = module.machine.converts(v.type)
    return call(.widen(v.type, lanes: v.lanes, isInstruction: isInstruction), v, .float32)
  }

  /// Any other value rounded to a 16-bit float, to nearest and ties to even; NaN stays NaN.
  func narrowed(_ v: Value, to type: ScalarType) -> Value {
    var single = v
    if v.type == .float64 && type == .float16 {
      // Rounded to odd first, the second rounding is as if it were the only one.
      single = call(.roundToOdd(lanes: v.lanes), v, .float32)
    } else if v.type != .float32 {
      single = convert(v, to: .float32)
    }
    let isInstruction = module.machine.converts(type)
    return call(.narrow(type, lanes: v.lanes, isInstruction: isInstruction), single, type)
  }

  private func call(_ helper: RuntimeHelper, _ operand: Value, _ type: ScalarType) -> Value {
    let name = module.use(helper)
    return Value(
      line("call \(type.llvm(lanes: operand.lanes)) @\(name)(\(operand.typed))"), type,
      lanes: operand.lanes)
  }
}
