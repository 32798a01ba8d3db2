import Testing

/// Accesses that are tested as they run.
@Suite struct CheckEmissionTests {
  private static let scatter = """
    def f(y: float32[n], x: float32[n], c: int64[n], n: int64 >= 2):
      local i: int64
      @workers(8) @lanes(8)
      for i in 0..<n:
        y[checked(c[i])] = x[checked(c[i])] + x[checked(i + 1)]
    """

  @Test func codeWithoutTestsHasNoErrorSlot() throws {
    let plain = Self.scatter.replacing("checked", with: "")
    let emission = try Emission(plain)
    #expect(emission.lines(with: "slot") == [])
    #expect(emission.lines(with: "parpy.fault") == [])
    #expect(emission.lines(with: " -2") == [])
  }

  @Test func theEntryPointTakesTheErrorSlot() throws {
    let emission = try Emission(Self.scatter)
    #expect(emission.function("parpy_f").first?.contains("ptr %slot)") == true)
    #expect(emission.function("f_kernel0").first?.contains("ptr %slot)") == true)
    #expect(emission.lines(with: "define internal void @parpy.fault(").count == 1)
  }

  /// Lanes out of range take no part in the access, and the loop goes on.
  @Test func lanesAreMasked() throws {
    let kernel = try Emission(Self.scatter).function("f_kernel0")
    #expect(kernel.filter { $0.contains("icmp ult <8 x i64>") }.count == 6)
    #expect(kernel.filter { $0.contains("call void @parpy.fault(ptr %slot, i64") }.count == 6)
    // The element that follows the loop variable is read under a mask, not gathered.
    #expect(kernel.filter { $0.contains("call <8 x float> @llvm.masked.load.v8f32") }.count == 2)
    #expect(kernel.filter { $0.contains("load <8 x float>, ptr") } == [])
    #expect(kernel.filter { $0.contains("load atomic i64, ptr %slot") }.count == 1)
    #expect(kernel.filter { $0.contains("store atomic i64 -2, ptr %status") }.count == 1)
  }

  /// Memory that another worker may change is read once for the test and the access.
  @Test func anIndexIsReadOnce() throws {
    let host = try Emission(
      """
      def f(y: float32[8], c: int64[8]):
        y[checked(c[3])] = 1.0
      """
    ).function("parpy_f.host")
    #expect(host.filter { $0.contains("load i64") }.count == 1)
    #expect(host.filter { $0.contains("ret i64 -2") }.count == 1)
  }

  @Test func temporariesAreFreedOnTheWayOut() throws {
    let host = try Emission(
      """
      def f(y: float32[8], c: int64[8], n: int64 >= 2):
        temporary t: float32[n]
        with temporary t:
          t[0] = y[checked(c[0])]
          y[0] = t[0]
      """
    ).function("parpy_f.host")
    #expect(host.filter { $0.contains("call void %t") }.count == 2)
  }

  @Test func eachPlaceHasItsOwnFault() throws {
    let emission = try Emission(
      """
      def f(y: float32[8, 8], c: int64[8]):
        y[checked(c[0]), checked(c[1])] = 1.0
        y[checked(c[0]), 3] = y[0, checked(c[2])]
      """)
    let host = emission.function("parpy_f.host")
    let numbers = (1...4).filter { number in
      host.contains { $0.contains("@parpy.fault(ptr %slot, i64 \(number),") }
    }
    #expect(numbers == [1, 2, 3, 4])
  }
}
