import Testing

/// Calls of external functions and of callbacks.
@Suite struct ForeignCallEmissionTests {
  /// Narrow integers say how they are extended, halves are floats of the ABI, and everything else is as it is.
  @Test func scalarsFollowTheABI() throws {
    let emission = try Emission(
      """
      def f(x: float32[8], b: bool, i: int8, u: uint16, w: uint32, h: float16):
        local r: int16
        call "g"(b, i, u, w, h, &x[1:3]) into r
      """)
    #expect(
      emission.lines(with: "declare").first { $0.contains("parpy.external") }
        == "declare signext i16 @parpy.external.0.g(i1 zeroext, i8 signext, i16 zeroext, i32, half, ptr)"
    )
    #expect(emission.function("parpy_f.host").contains { $0.contains("to half") })
  }

  @Test func signaturesOfOneSymbolAreKeptApart() throws {
    let emission = try Emission(
      """
      def f(a: float32, b: float64):
        call "g"(a)
        call "g"(b)
        call "g"(a)
      """)
    #expect(emission.lines(with: "declare void @parpy.external.0.g(float)").count == 1)
    #expect(emission.lines(with: "declare void @parpy.external.1.g(double)").count == 1)
    #expect(emission.lines(with: "call void @parpy.external.0.g(float").count == 2)
  }

  @Test func codeThatDoesNotCallBackHasNoSlot() throws {
    let emission = try Emission("def f(a: float32):\n  call \"g\"(a)")
    #expect(emission.lines(with: "slot") == [])
  }

  /// A callback that fails ends the host part, which frees what it holds.
  @Test func temporariesAreFreedWhereACallbackFails() throws {
    let host = try Emission(
      """
      def f(y: float32[8], n: int64 >= 2):
        local r: uint8
        temporary t: float32[n]
        with temporary t:
          callback 0 "g"(&t[0:n], &y[7:8:-1], n) into r
      """
    ).function("parpy_f.host")
    let free = "i64 4"
    let call = try #require(host.firstIndex { $0.contains("(ptr %slot, i64 0, ptr %words") })
    let freed = try #require(host[call...].firstIndex { $0.contains(free) })
    let left = try #require(host[call...].firstIndex { $0.contains("  ret i64 %") })
    #expect(freed < left)
    // The result and three operands: 1 + 3 + 3 + 1.
    #expect(host.contains { $0.contains("alloca [8 x i64]") })
    #expect(host.contains { $0.contains("store i64 -1, ptr") })
  }

  @Test func aFixedIndexIsTestedBeforeTheCall() throws {
    let host = try Emission(
      """
      def f(x: float32[8, 4], c: int64[8]):
        call "g"(&x[checked(c[0]), 0:4])
      """
    ).function("parpy_f.host")
    let test = try #require(host.firstIndex { $0.contains("icmp ult") })
    let call = try #require(host.firstIndex { $0.contains("@parpy.external.0.g") })
    #expect(test < call)
    #expect(host.contains { $0.contains("ret i64 -2") })
  }
}
