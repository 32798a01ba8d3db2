import LoopIR
import TestSupport
import Testing

/// Slice statements read everything they need before they write.
@Suite struct HazardTests {
  private func temporaries(of python: String) throws -> Int {
    try PythonText(python).lowered().buffers.count { $0.role == .temporary }
  }

  @Test(arguments: [
    "y[1:] = y[:-1]", "y[:-1] = y[1:]", "y[:] = y[::-1]", "y[:] = y[:] + x[:] * y[::-1]",
    "y[:] = y[:] / y[0]", "y[:] = y[:] / sum(y[1:])", "y[:] += y[7]", "y[2:] = y[:6] + y[2]",
    "y[::2] = y[1::2]", "y[1::2] = y[::-2]",
  ])
  func theRightSideIsReadFirst(statement: String) throws {
    // The oracle: into a fresh array first, then over the old one.
    let values: [Double] = [3, 1, 4, 1, 5, 9, 2, 6]
    let target = String(statement.prefix { $0 != "=" && $0 != "+" && $0 != " " })
    let value = statement.firstRange(of: "= ").map { String(statement[$0.upperBound...]) } ?? ""
    let full = statement.contains("+=") ? "\(target) + \(value)" : value
    let z = target.replacing("y", with: "z")
    let oracle = Storage(.float64, values)
    let expected = try PythonText(
      """
      def f(z: float64[8], y: float64[8], x: float64[8]):
        \(z) = \(full)
      """
    ).lowered()
    try Interpreter.run(
      expected, arrays: [oracle, Storage(.float64, values), Storage(.float64, values.reversed())])
    try expectRun(
      of: """
        def f(y: float64[8], x: float64[8]):
          \(statement)
        """,
      on: [Storage(.float64, values), Storage(.float64, values.reversed())], gives: oracle.numbers)
  }

  /// A row that is divided by its own pivot.
  @Test func anElementOfTheTargetKeepsItsOldValue() throws {
    try expectRun(
      of: """
        def f(a: float64[2, 3]):
          for i in range(2):
            a[i, :] /= a[i, i]
        """,
      on: [Storage(.float64, [2, 4, 6, 8, 4, 12])], gives: [1, 2, 3, 2, 1, 3])
  }

  @Test func anIndexThatIsReadFromTheTargetKeepsItsOldValue() throws {
    try expectRun(
      of: """
        def f(c: int64[3], x: int64[4, 3]):
          c[:] = x[c[0], :]
        """,
      on: [Storage(.int64, [1, 0, 0]), Storage(.int64, (0..<12).map(Double.init))],
      gives: [3, 4, 5])
  }

  @Test func argumentsThatOverlapNeedATemporary() throws {
    let shared = Storage(.float64, [1, 2, 3, 4])
    try expectRun(
      of: """
        def f(y: float64[4] alias, x: float64[4] alias):
          y[:] = x[::-1]
        """,
      on: [shared, shared], gives: [4, 3, 2, 1])
    try expectRun(
      of: """
        def f(y: float64[4] alias, x: float64[4] alias):
          y[:] = y[:] / x[0]
        """,
      on: [Storage(.float64, [2, 4, 6, 8]), Storage(.float64, [2, 0, 0, 0])], gives: [1, 2, 3, 4])
    let both = Storage(.float64, [2, 4, 6, 8])
    try expectRun(
      of: """
        def f(y: float64[4] alias, x: float64[4] alias):
          y[:] = y[:] / x[0]
        """,
      on: [both, both], gives: [1, 2, 3, 4])
  }

  @Test(arguments: [
    "y[:] = 2.0 * y[:] + x[:]", "y[:] = x[::-1]", "y[:4] = y[4:]", "y[1:3] = y[5:7] + x[0:2]",
    "y[0] = y[1]", "y[1:] = sum(y[:])",
  ])
  func noTemporaryWhereNothingCanBeChangedTooEarly(statement: String) throws {
    let count = try temporaries(
      of: """
        def f(y: float64[8], x: float64[8]):
          \(statement)
        """)
    #expect(count == 0)
  }

  @Test func theTemporaryHoldsTheSliceAlone() throws {
    try expectLowering(
      of: """
        def f(y: float32[n]):
          y[1:] = y[:-1]
        """,
      to: """
        def f(y: float32[y_extent0], y_extent0: int64 >= 2):
          local k0, k0.1: int64
          temporary temporary: float32[y_extent0 - 1]
          with temporary temporary:
            @independent
            for k0 in 0..<y_extent0 - 1:
              temporary[k0] = y[k0]
            @independent
            for k0.1 in 0..<y_extent0 - 1:
              y[1 + k0.1] = temporary[k0.1]
        """)
  }
}
