import Testing

/// Loops inside vector loops that lanes leave at different times.
@Suite struct LaneLoopEmissionTests {
  @Test func lanesLeaveAWhileLoopOneByOne() throws {
    let kernel = try Emission(
      """
      def f(y: float32[64], x: float32[64], n: float32):
        local i: int64
        local v, k: float32
        @workers(8) @lanes(8)
        for i in 0..<64:
          v = x[i]
          k = 0.0
          while v > n:
            v = v * 0.5
            k = k + 1.0
          y[i] = k
      """
    ).function("f_kernel0")
    // In the whole vectors and in the rest: once in the loop's head, and nowhere else.
    #expect(kernel.filter { $0.contains("reduce.or.v8i1") }.count == 2)
    // What code after the loop reads is kept in lanes that left; in the rest, so are the two initial values.
    #expect(kernel.filter { $0.contains(" = select <8 x i1>") }.count == 2 + 2)
  }

  @Test func rangesThatMoveWithTheLanesShareTheirVariable() throws {
    func kernel(lower: String) throws -> [String] {
      try Emission(
        """
        def f(y: float32[64], x: float32[64, 64], c: int64[64]):
          local i, j: int64
          @workers(8) @lanes(8)
          for i in 0..<64:
            for j in \(lower)..<64:
              y[i] = y[i] + x[j, i]
        """
      ).function("f_kernel0")
    }
    #expect(try kernel(lower: "i").contains { $0.contains("masked.gather") } == false)
    #expect(try kernel(lower: "c[i]").contains { $0.contains("masked.gather.v8f32") })
  }

  @Test func aStepIsPartOfTheStride() throws {
    func kernel(step: Int) throws -> [String] {
      try Emission(
        """
        def f(y: float32[64], x: float32[64]):
          local i: int64
          @workers(8) @lanes(8)
          for i in 63..<-1 by \(step):
            y[i] = x[i]
        """
      ).function("f_kernel0")
    }
    #expect(try kernel(step: -1).contains { $0.contains("masked.gather") } == false)
    #expect(try kernel(step: -3).contains { $0.contains("masked.gather.v8f32") })
  }
}
