import Testing

/// Vector loops that store past the caches.
@Suite struct StreamEmissionTests {
  private func kernel(_ condition: String) throws -> [String] {
    try Emission(
      """
      def f(y: float64[n, 4096], x: float64[n, 4096], n: int64 >= 2):
        local i, k: int64
        @workers(8)
        for i in 0..<n:
          @independent @lanes(4) @stream(\(condition))
          for k in 0..<4096:
            y[i, k] = x[i, k] + 1.0
      """
    ).function("f_kernel0")
  }

  @Test func wholeVectorsArePastTheCachesAndOrdered() throws {
    let kernel = try kernel("True")
    let stores = kernel.filter { $0.contains("store <4 x double>") }
    #expect(stores.count == 1)
    #expect(stores.allSatisfy { $0.hasSuffix("align 32, !nontemporal !3") })
    // What lies before the first whole vector and after the last is stored under masks.
    #expect(kernel.filter { $0.contains("call void @llvm.masked.store") }.count == 2)
    let fence = kernel.lastIndex { $0.contains("@llvm.x86.sse.sfence()") }
    let leave = kernel.lastIndex { $0.contains("ret void") }
    #expect(fence != nil && fence.map { $0 + 1 } == leave)
  }

  @Test func bothFormsStandThereWhereTheSizeIsNotKnown() throws {
    let stores = try kernel("n > 100").filter { $0.contains("store <4 x double>") }
    #expect(stores.filter { $0.contains("!nontemporal") }.count == 1)
    #expect(stores.filter { $0.hasSuffix("align 8") }.count == 1)
  }
}
