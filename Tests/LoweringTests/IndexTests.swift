import LoopIR
import TestSupport
import Testing

/// Negative indices count from the end; the wrap stands only where the sign is not proved.
@Suite struct IndexTests {
  private func expectIndex(
    _ index: String, in loop: String, becomes ir: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let lowered = try PythonText(
      """
      def f(y: float32[8], c: int32[8], k: weak int64):
        for i in \(loop):
          y[\(index)] = 1.0
      """
    ).lowered()
    var found: [String] = []
    for line in lowered.printed.split(separator: "\n") where line.contains("] = 1.0") {
      found.append(String(line.drop { $0 == " " }))
    }
    #expect(found == ["y[\(ir)] = 1.0"], sourceLocation: sourceLocation)
  }

  @Test func anIndexWhoseSignIsKnownIsNotWrapped() throws {
    try expectIndex("i", in: "range(8)", becomes: "i")
    try expectIndex("7 - i", in: "range(8)", becomes: "7 - i")
    try expectIndex("2 * i + 1", in: "range(4)", becomes: "2 * i + 1")
    try expectIndex("i - 1", in: "range(1, 8)", becomes: "i - 1")
    try expectIndex("i", in: "range(7, -1, -1)", becomes: "i")
    try expectIndex("i % 8", in: "range(k)", becomes: "i % 8")
    try expectIndex("k % 8", in: "range(8)", becomes: "k % 8")
    try expectIndex("i // 2", in: "range(8)", becomes: "i // 2")
    try expectIndex("max(k, 0)", in: "range(8)", becomes: "python_max(k, 0)")
  }

  @Test func aLiteralNegativeIndexIsCountedFromTheEndNow() throws {
    try expectIndex("-1", in: "range(8)", becomes: "7")
    try expectIndex("i - 8", in: "range(8)", becomes: "i")
  }

  @Test func anyOtherIsWrappedAtRunTime() throws {
    try expectIndex("k", in: "range(8)", becomes: "k + 8 if k < 0 else k")
    try expectIndex("i - 1", in: "range(8)", becomes: "i + 7 if i - 1 < 0 else i - 1")
    try expectIndex("i", in: "range(k, 8)", becomes: "i + 8 if i < 0 else i")
    try expectIndex(
      "c[i]", in: "range(8)",
      becomes: "int64(c[i]) + 8 if int64(c[i]) < 0 else int64(c[i])")
  }

  /// Inside `if i > 0:` the sign of `i - 1` is proved.
  @Test func aConditionProvesTheSign() throws {
    try expectLowering(
      of: """
        def f(y: float32[8], x: float32[8]):
          for i in range(8):
            if i > 0:
              y[i] = x[i - 1]
            else:
              y[i] = x[i - 1]
        """,
      to: """
        def f(y: float32[8], x: float32[8]):
          local i: int64
          for i in 0..<8:
            if i > 0:
              y[i] = x[i - 1]
            else:
              y[i] = x[i + 7]
        """)
  }

  @Test func indicesCountFromTheEndAtRunTime() throws {
    for k in -4..<4 {
      try expectRun(
        of: """
          def f(y: int64[3], x: int64[4], k: weak int64):
            y[0] = x[k]
            y[1] = x[::-1][k]
            y[2] = x[1:][min(k, 2)] if k >= -3 else 0
          """,
        on: [Storage(.int64, [0, 0, 0]), Storage(.int64, [10, 11, 12, 13])],
        parameters: [.integer(Int64(k), .int64)],
        gives: [
          Double(10 + (k < 0 ? k + 4 : k)), Double(13 - (k < 0 ? k + 4 : k)),
          k >= -3 ? Double(11 + (k < 0 ? k + 3 : min(k, 2))) : 0,
        ])
    }
  }

  @Test func partsOfTheShapeAreKnown() throws {
    try expectRun(
      of: """
        def f(y: int64[5], x: float32[n, 3]):
          y[0] = x.shape[0]
          y[1] = x.shape[-1]
          y[2] = len(x)
          y[3] = x.ndim
          y[4] = x[1:, :].shape[0]
        """,
      on: [Storage(.int64, [0, 0, 0, 0, 0]), Storage(.float32, Array(repeating: 0, count: 15))],
      parameters: [.integer(5, .int64)], gives: [5, 3, 5, 2, 4])
  }
}
