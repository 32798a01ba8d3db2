import LoopIR

/// The definitions of the functions that convert 16-bit floats, for a number of lanes.
///
/// LLVM would call compiler-rt for some of these, which a process need not have. Source of the integer versions for float16:
/// F. Giesen, "float->half variants" (2016), `float_to_half_fast3_rtne` and `half_to_float_fast4`.
struct HalfConversion {
  private let name: String
  private let lanes: Int

  init(_ name: String, _ lanes: Int) {
    self.name = name
    self.lanes = lanes
  }

  private func type(_ scalar: String) -> String {
    lanes == 1 ? scalar : "<\(lanes) x \(scalar)>"
  }

  private func constant(_ scalar: String, _ value: String) -> String {
    lanes == 1 ? value : "splat (\(scalar) \(value))"
  }

  /// A 32-bit constant.
  private func word(_ value: UInt32) -> String { constant("i32", "\(Int32(bitPattern: value))") }

  private func definition(from: String, to: String, _ body: [String]) -> String {
    let head = "define internal \(type(to)) @\(name)(\(type(from)) %x) alwaysinline #1 {"
    return ([head] + body.map { "  " + $0 } + ["}", ""]).joined(separator: "\n") + "\n"
  }

  // MARK: To float32

  func widening(_ half: ScalarType, isInstruction: Bool) -> String {
    let (i, f, h) = (type("i32"), type("float"), type("i16"))
    if isInstruction {
      return definition(
        from: "i16", to: "float",
        [
          "%half = bitcast \(h) %x to \(type("half"))",
          "%result = fpext \(type("half")) %half to \(f)",
          "ret \(f) %result",
        ])
    }
    let bits = "%bits = zext \(h) %x to \(i)"
    if half == .bfloat16 {
      return definition(
        from: "i16", to: "float",
        [
          bits, "%upper = shl \(i) %bits, \(word(16))",
          "%result = bitcast \(i) %upper to \(f)", "ret \(f) %result",
        ])
    }
    return definition(
      from: "i16", to: "float",
      [
        bits,
        "%magnitude = and \(i) %bits, \(word(0x7FFF))",
        "%shifted = shl \(i) %magnitude, \(word(13))",
        "%small = bitcast \(i) %shifted to \(f)",
        // Times 2¹¹², the difference of the biases; denormal numbers come out normal.
        "%scaled = fmul \(f) %small, \(constant("float", "0x46F0000000000000"))",
        "%number = bitcast \(f) %scaled to \(i)",
        "%isspecial = icmp uge \(i) %magnitude, \(word(0x7C00))",
        "%special = or \(i) %number, \(word(0x7F80_0000))",
        "%unsigned = select \(type("i1")) %isspecial, \(i) %special, \(i) %number",
        "%signbit = and \(i) %bits, \(word(0x8000))",
        "%sign = shl \(i) %signbit, \(word(16))",
        "%all = or \(i) %unsigned, %sign",
        "%result = bitcast \(i) %all to \(f)",
        "ret \(f) %result",
      ])
  }

  // MARK: From float32

  func narrowing(_ half: ScalarType, isInstruction: Bool) -> String {
    let (i, f, h) = (type("i32"), type("float"), type("i16"))
    if isInstruction {
      return definition(
        from: "float", to: "i16",
        [
          "%half = fptrunc \(f) %x to \(type("half"))",
          "%result = bitcast \(type("half")) %half to \(h)",
          "ret \(h) %result",
        ])
    }
    let body = half == .bfloat16 ? narrowingToBfloat16 : narrowingToFloat16
    return definition(
      from: "float", to: "i16",
      ["%bits = bitcast \(f) %x to \(i)"] + body
        + ["%result = trunc \(i) %all to \(h)", "ret \(h) %result"])
  }

  private var narrowingToBfloat16: [String] {
    let i = type("i32")
    return [
      "%upper = lshr \(i) %bits, \(word(16))",
      "%odd = and \(i) %upper, \(word(1))",
      "%half = add \(i) %odd, \(word(0x7FFF))",
      "%sum = add \(i) %bits, %half",
      "%rounded = lshr \(i) %sum, \(word(16))",
      "%quiet = or \(i) %upper, \(word(0x40))",
      "%isnan = fcmp uno \(type("float")) %x, \(constant("float", "0.0"))",
      "%all = select \(type("i1")) %isnan, \(i) %quiet, \(i) %rounded",
    ]
  }

  private var narrowingToFloat16: [String] {
    let (i, f, b) = (type("i32"), type("float"), type("i1"))
    // Adding 0.5 puts a denormal number's bits at the end of the mantissa, rounded.
    let magic = word(0x3F00_0000)
    return [
      "%signbit = and \(i) %bits, \(word(0x8000_0000))",
      "%sign = lshr \(i) %signbit, \(word(16))",
      "%magnitude = and \(i) %bits, \(word(0x7FFF_FFFF))",
      "%isnan = icmp ugt \(i) %magnitude, \(word(0x7F80_0000))",
      "%beyond = select \(b) %isnan, \(i) \(word(0x7E00)), \(i) \(word(0x7C00))",
      "%positive = bitcast \(i) %magnitude to \(f)",
      "%moved = fadd \(f) %positive, \(constant("float", "0.5"))",
      "%movedbits = bitcast \(f) %moved to \(i)",
      "%denormal = sub \(i) %movedbits, \(magic)",
      "%kept = lshr \(i) %magnitude, \(word(13))",
      "%odd = and \(i) %kept, \(word(1))",
      // The other bias, and almost half a unit.
      "%rebased = add \(i) %magnitude, \(word(0xC800_0FFF))",
      "%tied = add \(i) %rebased, %odd",
      "%normal = lshr \(i) %tied, \(word(13))",
      "%isdenormal = icmp ult \(i) %magnitude, \(word(113 << 23))",
      "%finite = select \(b) %isdenormal, \(i) %denormal, \(i) %normal",
      "%isbeyond = icmp uge \(i) %magnitude, \(word(143 << 23))",
      "%unsigned = select \(b) %isbeyond, \(i) %beyond, \(i) %finite",
      "%all = or \(i) %unsigned, %sign",
    ]
  }

  // MARK: From float64

  var roundingToOdd: String {
    let (i, f, d, b) = (type("i32"), type("float"), type("double"), type("i1"))
    let fabs = "@llvm.fabs.\(ScalarType.float64.mangled(lanes: lanes))"
    return definition(
      from: "double", to: "float",
      [
        "%near = fptrunc \(d) %x to \(f)",
        "%back = fpext \(f) %near to \(d)",
        "%isinexact = fcmp une \(d) %back, %x",
        "%reached = call \(d) \(fabs)(\(d) %back)",
        "%meant = call \(d) \(fabs)(\(d) %x)",
        "%isbeyond = fcmp ogt \(d) %reached, %meant",
        "%bits = bitcast \(f) %near to \(i)",
        "%one = zext \(b) %isbeyond to \(i)",
        "%truncated = sub \(i) %bits, %one",
        "%odd = or \(i) %truncated, \(word(1))",
        "%chosen = select \(b) %isinexact, \(i) %odd, \(i) %bits",
        "%result = bitcast \(i) %chosen to \(f)",
        "ret \(f) %result",
      ])
  }
}
