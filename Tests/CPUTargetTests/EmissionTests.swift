import CPUTarget
import LoopIR
import Schedule
import TestSupport
import Testing

@Suite struct EmissionTests {
  private static let axpy = """
    def f(y: float32[n], x: float32[n], a: float32, n: int64 >= 2):
      local i: int64
      @workers(8) @lanes(32)
      for i in 0..<n:
        y[i] = a * x[i] + y[i]
    """

  // MARK: Aliasing

  @Test func onlyBuffersThatOverlapNothingAreNoAlias() throws {
    let emission = try Emission(
      """
      def f(y: float32[8] alias, x: float32[8], z: float32[8] alias):
        local i: int64
        @workers(8)
        for i in 0..<8:
          y[i] = x[i] + z[i]
      """)
    for name in ["parpy_f.host", "f_kernel0"] {
      let head = try #require(emission.function(name).first)
      #expect(head.contains("ptr noalias %x."))
      #expect(head.contains("ptr %y."))
      #expect(head.contains("ptr %z."))
    }
  }

  // MARK: Strictness

  @Test func contractionIsAllowedUnlessStrict() throws {
    let relaxed = try Emission(Self.axpy)
    #expect(relaxed.lines(with: "@llvm.fma.").count > 0)
    #expect(relaxed.lines(with: "contract") == [])
    let strict = try Emission(Self.axpy, isStrict: true)
    #expect(strict.lines(with: "fmul").count > 0)
    #expect(strict.lines(with: "@llvm.fma.") == [])
  }

  /// No flag may re-associate, drop NaN or approximate, strict or not.
  @Test(arguments: [true, false])
  func nothingElseIsRelaxed(isStrict: Bool) throws {
    let emission = try Emission(
      """
      def f(y: float64[8], x: float64[8]):
        local i: int64
        local s: float64
        s = 0.0
        @reduce(add s) @lanes(32)
        for i in 0..<8:
          s = s + x[i] / 3.0 - exp(x[i]) * abs(x[i])
        y[0] = sqrt(s) ** 2.5 % 3.0 // 0.5
      """, isStrict: isStrict)
    for flag in [" fast ", " reassoc ", " nnan ", " ninf ", " arcp ", " afn "] {
      #expect(emission.lines(with: flag) == [])
    }
    #expect(emission.lines(with: "unsafe-fp-math") == [])
  }

  // MARK: Lanes

  /// Whole vectors without a mask, what is left over under one, by the same instructions.
  @Test func aVectorLoopHasAMaskedTail() throws {
    let kernel = try Emission(Self.axpy).function("f_kernel0")
    #expect(
      kernel.filter { $0.contains("load <32 x float>, ptr") && !$0.contains("call") }.count >= 2)
    #expect(kernel.contains(where: { $0.contains("store <32 x float>") && !$0.contains("call") }))
    #expect(kernel.filter { $0.contains("@llvm.masked.load.v32f32") }.count == 2)
    #expect(kernel.filter { $0.contains("@llvm.masked.store.v32f32") }.count == 1)
    #expect(kernel.filter { $0.contains("@llvm.fma.") }.count == 2)
  }

  @Test func aScalarLoopHasNoVectors() throws {
    let emission = try Emission(Self.axpy.replacing(" @lanes(32)", with: ""))
    #expect(emission.lines(with: " x float>") == [])
    #expect(emission.lines(with: "@llvm.masked") == [])
  }

  @Test func accessesFollowTheirStride() throws {
    let kernel = try Emission(
      """
      def f(y: float32[64], x: float32[64], c: int64[64], z: float32[64, 64]):
        local i: int64
        @workers(8) @lanes(8)
        for i in 0..<64:
          y[i] = x[63 - i] + x[c[i]] + x[3] + z[i, 0]
      """
    ).function("f_kernel0").joined(separator: "\n")
    #expect(kernel.contains("<8 x i32> <i32 7, i32 6, i32 5, i32 4, i32 3, i32 2, i32 1, i32 0>"))
    #expect(kernel.contains("@llvm.masked.gather.v8f32"))
    #expect(kernel.contains(" = load float, ptr"))
  }

  /// A store under a condition that differs between lanes reaches the chosen lanes alone.
  @Test func conditionsBecomeMasks() throws {
    let kernel = try Emission(
      """
      def f(y: float32[64], x: float32[64]):
        local i: int64
        @workers(8) @lanes(8)
        for i in 0..<64:
          if x[i] > 0.0:
            y[i] = x[i]
          else:
            y[i] = 1.0
      """
    ).function("f_kernel0")
    #expect(kernel.filter { $0.contains("store <8 x float>") } == [])
    #expect(kernel.filter { $0.contains("call void @llvm.masked.store.v8f32") }.count == 4)
  }

  @Test func aReductionFoldsItsLanesInHalves() throws {
    let host = try Emission(
      """
      def f(y: float32[1], x: float32[n], n: int64 >= 2):
        local i: int64
        local s: float32
        s = 5.0
        @reduce(add s) @lanes(8)
        for i in 0..<n:
          s = s + x[i]
        y[0] = s
      """
    ).function("parpy_f.host")
    for lanes in [8, 4, 2] {
      #expect(host.contains(where: { $0.contains("fadd") && $0.contains("<\(lanes) x float>") }))
    }
    #expect(host.contains(where: { $0.contains("fadd") && !$0.contains("x float>") }))
    #expect(host.filter { $0.contains("@llvm.vector.reduce.fadd") } == [])
  }

  // MARK: Math

  private static let mathIR = """
    def f(y: float32[n], z: float64[n], n: int64 >= 2):
      local i: int64
      @workers(8) @lanes(32)
      for i in 0..<n:
        y[i] = exp(y[i])
      @workers(8) @lanes(16)
      for i in 0..<n:
        z[i] = sin(z[i]) + cosh(z[i])
    """

  private func calls(_ symbol: String, in emission: Emission) -> Int {
    emission.lines(with: "@\(symbol)(").filter { $0.contains(" = call ") }.count
  }

  /// Registers at a time where the machine has a vector version, a lane at a time elsewhere; twice, for the tail.
  @Test(arguments: [
    (Machine.VectorMath.libmvecAVX2, "_ZGVdN8v_expf", 4, "_ZGVdN4v_sin", 4),
    (.libmvecSSE, "_ZGVbN4v_expf", 8, "_ZGVbN2v_sin", 8),
    (.libmvecAVX512, "_ZGVeN16v_expf", 2, "_ZGVeN8v_sin", 2),
    (.none, "expf", 32, "sin", 16),
  ])
  func mathFunctionsUseVectorVersions(
    math: Machine.VectorMath, exp: String, expCalls: Int, sin: String, sinCalls: Int
  ) throws {
    let emission = try Emission(Self.mathIR, for: .avx2.with(math))
    #expect(calls(exp, in: emission) == 2 * expCalls)
    #expect(calls(sin, in: emission) == 2 * sinCalls)
    // cosh is not among the machine's vector functions.
    #expect(calls("cosh", in: emission) == 2 * 16)
  }

  @Test func strictMathIsScalar() throws {
    let emission = try Emission(Self.mathIR, isStrict: true)
    #expect(emission.lines(with: "_ZGV") == [])
    #expect(calls("expf", in: emission) == 2 * 32)
    #expect(calls("sin", in: emission) == 2 * 16)
  }

  // MARK: Nothing traps

  /// A divisor that reaches the machine is never 0, and never -1 for signed numbers: a select stands before it.
  @Test(arguments: ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
  func divisionsAreGuarded(type: String) throws {
    // Vector registers divide narrow integers as floats.
    let isNarrow = type.hasSuffix("int8") || type.hasSuffix("int16")
    for lanes in [1, 8] {
      let emission = try Emission(
        """
        def f(y: \(type)[8], x: \(type)[8]):
          local i: int64
          @workers(8) @lanes(\(lanes))
          for i in 0..<8:
            y[i] = y[i] // x[i] + y[i] % x[i]
        """)
      var divisions = 0
      for line in emission.function("f_kernel0") {
        guard ["sdiv", "udiv", "srem", "urem"].contains(where: { line.contains(" = \($0) ") })
        else {
          continue
        }
        divisions += 1
        let divisor = String(line.split(separator: " ").last ?? "")
        let definition = emission.definition(of: divisor, in: "f_kernel0") ?? ""
        #expect(definition.contains(" = select "), "\(line) | \(definition)")
      }
      #expect(isNarrow && lanes > 1 ? divisions == 0 : divisions >= 2)
    }
  }

  @Test(arguments: ["int32", "uint8", "int64"])
  func shiftCountsAreGuarded(type: String) throws {
    let emission = try Emission(
      """
      def f(y: \(type)[8], k: \(type)):
        y[0] = y[1] << k
        y[2] = y[3] >> k
      """)
    var shifts = 0
    for line in emission.function("parpy_f.host") {
      guard ["shl", "lshr", "ashr"].contains(where: { line.contains(" = \($0) ") }) else {
        continue
      }
      shifts += 1
      let count = String(line.split(separator: " ").last ?? "")
      #expect(emission.definition(of: count, in: "parpy_f.host")?.contains(" = select ") == true)
    }
    #expect(shifts == 2)
  }

  /// The plain conversion is undefined out of range: it saturates, or three selects replace what it gives.
  @Test func floatsToIntegersSaturate() throws {
    let host = try Emission(
      """
      def f(y: int32[1], x: float64[1]):
        y[0] = int32(x[0])
      """
    ).function("parpy_f.host")
    let plain = host.contains { $0.contains(" = fptosi ") }
    let saturating = host.contains { $0.contains("fptosi.sat") }
    let selects = host.filter { $0.contains(" = select ") }.count
    #expect(saturating || (plain && selects >= 3))
  }

  /// A branch that reads memory or calls a function runs only where it is chosen.
  @Test func choicesThatLoadBranch() throws {
    let host = try Emission(
      """
      def f(y: float32[1], x: float32[4], k: int64):
        y[0] = x[k] if k < 4 else 0.0
      """
    ).function("parpy_f.host")
    let load = try #require(host.firstIndex { $0.contains(" = load float") })
    let branch = try #require(host.firstIndex { $0.contains("br i1") })
    #expect(branch < load)
  }

  // MARK: Calls

  /// Words hold the arrays' pointers, then the parameters by their slots.
  @Test func theEntryUnpacksItsWords() throws {
    let emission = try Emission(
      """
      def f(y: float32[n], x: bool[n], a: float32 parameter 1, n: int64 parameter 0 >= 2, k: int8 parameter 2):
        y[0] = a
        y[1] = float32(k)
      """)
    let entry = emission.function("parpy_f")
    func position(of name: String) -> String? {
      entry.first { $0.hasPrefix("  %\(name)") && $0.contains("load") }.flatMap { line in
        let register = line.split(separator: " ").first { $0.hasPrefix("%w") }.map { $0.dropLast() }
        return register.flatMap { r in
          entry.first { $0.hasPrefix("  \(r) = ") }?.split(separator: " ").last.map(String.init)
        }
      }
    }
    #expect(position(of: "y.") == "0")
    #expect(position(of: "x.") == "1")
    #expect(position(of: "n.") == "2")
    #expect(position(of: "a.") == "3")
    #expect(position(of: "k.") == "4")
    #expect(entry.contains(where: { $0.contains("fptrunc double") }))
    #expect(entry.contains(where: { $0.contains("trunc i64") && $0.contains("to i8") }))
  }

  @Test func failingChecksGiveTheirPosition() throws {
    let host = try Emission(
      """
      def f(y: float32[n], n: int64 >= 2, k: int64):
        check n > 4 else error value "too few"
        check k > 0 else respecialize
        y[0] = 1.0
      """
    ).function("parpy_f.host")
    let returns = host.filter { $0.contains("ret i64") }
    #expect(returns == ["  ret i64 1", "  ret i64 2", "  ret i64 0"])
    let store = try #require(host.firstIndex { $0.contains("store float") })
    let lastCheck = try #require(host.lastIndex { $0.contains("br i1") })
    #expect(lastCheck < store)
  }

  @Test func boolsTakeAByteInMemory() throws {
    let host = try Emission(
      """
      def f(y: bool[8], x: bool[8]):
        y[3] = not x[5]
      """
    ).function("parpy_f.host")
    #expect(host.contains(where: { $0.contains("load i8") }))
    #expect(host.contains(where: { $0.contains("store i8") }))
    #expect(host.filter { $0.contains("store i1") } == [])
  }

  @Test func stridesAreCountedInSixtyFourBits() throws {
    let host = try Emission(
      """
      def f(y: float32[n, m] strides [s, -1], n: int64 >= 2, m: int64 >= 2, s: int64):
        y[n - 1, m - 1] = 1.0
      """
    ).function("parpy_f.host")
    let products = host.filter { $0.contains(" = mul ") && $0.contains(" i64 ") }
    #expect(products.contains(where: { $0.contains("%s.") }))
    #expect(products.contains(where: { $0.hasSuffix(", -1") }))
  }

  /// Names of any script become LLVM names, and do not run into each other.
  @Test func namesAreMadePlain() throws {
    let emission = try Emission(
      """
      def `größe`(`ä`: float32[2], `ö`: float32[2]):
        `ä`[0] = `ö`[1]
      """)
    #expect(emission.text.utf8.allSatisfy { $0 < 0x80 })
    let head = try #require(
      emission.lines.first { $0.contains(".host(") && $0.hasPrefix("define") })
    let parameters = head.split(separator: " ").filter { $0.hasPrefix("%") }
    #expect(Set(parameters).count == parameters.count)
  }

  // MARK: Determinism

  @Test(arguments: [axpy, mathIR])
  func theTextIsAFunctionOfItsInputs(ir: String) throws {
    let first = try Emission(ir).text
    for _ in 0..<5 { #expect(try Emission(ir).text == first) }
    let other = try Emission(ir, isStrict: true).text
    #expect(other != first)
  }

  /// Every register is defined once in its function, and every block that is branched to exists.
  @Test(arguments: [axpy, mathIR])
  func registersAndLabelsAreSound(ir: String) throws {
    let emission = try Emission(ir)
    var function: [String] = []
    for line in emission.lines {
      if line.hasPrefix("define") { function = [] }
      function.append(line)
      guard line == "}" else { continue }
      let registers = function.compactMap { line -> Substring? in
        guard line.hasPrefix("  %"), line.contains(" = ") else { return nil }
        return line.split(separator: " ").first
      }
      #expect(Set(registers).count == registers.count)
      let labels = Set(function.filter { $0.hasSuffix(":") }.map { String($0.dropLast()) })
      for line in function where line.hasPrefix("  br ") {
        for target in line.split(separator: "label %").dropFirst() {
          let name = target.prefix { $0 != "," && $0 != " " }
          #expect(labels.contains(String(name)), "\(line)")
        }
      }
    }
  }
}
