import LoopIR

extension FunctionEmitter {
  func math(_ function: MathFunction, _ arguments: [Value]) -> Value {
    let lanes = arguments.map(\.lanes).max() ?? 1
    let operands = arguments.map { splat($0, lanes: lanes) }
    let v = operands[0]
    if v.type.isHalf {
      let result = math(function, operands.map { widened($0) })
      return function.isPredicate ? result : narrowed(result, to: v.type)
    }
    switch function {
    case .sqrt, .floor, .ceil, .trunc: return intrinsic(function.rawValue, operands)
    case .roundEven: return intrinsic("roundeven", operands)
    case .copysign: return intrinsic("copysign", operands)
    case .isnan: return Value(line("fcmp uno \(v.typed), \(v.text)"), .bool, lanes: lanes)
    case .isinf, .isfinite:
      let magnitude = intrinsic("fabs", [v])
      let infinity = Value.float(.infinity, v.type, lanes: lanes)
      let predicate = function == .isinf ? "oeq" : "olt"
      return Value(
        line("fcmp \(predicate) \(magnitude.typed), \(infinity.text)"), .bool, lanes: lanes)
    case .gamma: return libraryCall("tgamma", operands)
    case .cbrt, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos,
      .atan, .atan2, .sinh, .cosh, .tanh, .erf, .erfc, .lgamma, .fmod, .hypot:
      return libraryCall(function.rawValue, operands)
    }
  }

  /// A function of the C math library: its vector version a register at a time where there is one, else a call a lane.
  ///
  /// - Parameter name: the name for double; the version for float has an `f` behind it.
  func libraryCall(_ name: String, _ operands: [Value]) -> Value {
    let type = operands[0].type
    let symbol = type == .float32 ? name + "f" : name
    let lanes = operands[0].lanes
    let width = module.isStrict ? nil : module.machine.vectorWidth(of: name, type)
    guard lanes > 1, let width, width.lanes <= lanes else {
      return inEachLane(operands) { scalars in self.call("@\(symbol)", scalars) }
    }
    let vectorSymbol = "@\(width.prefix)\(String(repeating: "v", count: operands.count))_\(symbol)"
    if width.lanes * type.size == 64 { usesWideCalls = true }
    var parts: [Value] = []
    for start in stride(from: 0, to: lanes, by: width.lanes) {
      let pieces = operands.map { extract($0, from: start, count: width.lanes) }
      parts.append(call(vectorSymbol, pieces))
    }
    return joined(parts)
  }

  func helperCall(_ helper: RuntimeHelper, _ operands: [Value]) -> Value {
    let name = module.use(helper)
    return inEachLane(operands) { scalars in
      let list = scalars.map(\.typed).joined(separator: ", ")
      return Value(self.line("call \(scalars[0].llvmType) @\(name)(\(list))"), scalars[0].type)
    }
  }

  private func call(_ symbol: String, _ operands: [Value]) -> Value {
    let first = operands[0]
    let types = operands.map(\.llvmType).joined(separator: ", ")
    module.declare("declare \(first.llvmType) \(symbol)(\(types)) #1")
    let list = operands.map(\.typed).joined(separator: ", ")
    return Value(
      line("call \(first.llvmType) \(symbol)(\(list)) #1"), first.type, lanes: first.lanes)
  }

  private func inEachLane(_ operands: [Value], _ body: ([Value]) -> Value) -> Value {
    let lanes = operands[0].lanes
    if lanes == 1 { return body(operands) }
    var result = "poison"
    let type = operands[0].llvmType
    for lane in 0..<lanes {
      let scalar = body(operands.map { extract($0, from: lane, count: 1) })
      result = line("insertelement \(type) \(result), \(scalar.typed), i64 \(lane)")
    }
    return Value(result, operands[0].type, lanes: lanes)
  }

  /// Vectors of equal length one after the other; their number is a power of two.
  private func joined(_ parts: [Value]) -> Value {
    guard parts.count > 1 else { return parts[0] }
    let pairs = stride(from: 0, to: parts.count, by: 2).map { i in
      let (l, r) = (parts[i], parts[i + 1])
      let lanes = l.lanes * 2
      let order = (0..<lanes).map { "i32 \($0)" }.joined(separator: ", ")
      return Value(
        line("shufflevector \(l.typed), \(r.typed), <\(lanes) x i32> <\(order)>"), l.type,
        lanes: lanes)
    }
    return joined(pairs)
  }
}

extension Machine {
  /// How many lanes the vector version of a library function takes at a time, and how its symbol begins; nil where there is
  /// none.
  ///
  /// The names are those of the x86-64 vector function ABI, as glibc's libmvec has them.
  func vectorWidth(of function: String, _ type: ScalarType) -> (lanes: Int, prefix: String)? {
    guard vectorFunctions.contains(function) else { return nil }
    let isFloat = type == .float32
    switch vectorMath {
    case .none: return nil
    case .libmvecSSE: return isFloat ? (4, "_ZGVbN4") : (2, "_ZGVbN2")
    case .libmvecAVX2: return isFloat ? (8, "_ZGVdN8") : (4, "_ZGVdN4")
    case .libmvecAVX512: return isFloat ? (16, "_ZGVeN16") : (8, "_ZGVeN8")
    }
  }
}
