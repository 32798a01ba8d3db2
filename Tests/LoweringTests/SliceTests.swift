import LoopIR
import TestSupport
import Testing

@Suite struct SliceTests {
  @Test func aSliceDimensionBecomesALoopLeftmostOutermost() throws {
    try expectLowering(
      of: """
        def f(out: float32[4, 5], x: float32[4, 3, 5], y: float32[4, 5]):
          out[:, :] = x[:, 0, :] * y[:, :]
        """,
      to: """
        def f(out: float32[4, 5], x: float32[4, 3, 5], y: float32[4, 5]):
          local k0, k1: int64
          @independent
          for k0 in 0..<4:
            @independent
            for k1 in 0..<5:
              out[k0, k1] = x[k0, 0, k1] * y[k0, k1]
        """)
  }

  @Test func shapesBroadcastFromTheRight() throws {
    try expectLowering(
      of: """
        def f(out: float32[4, 5], row: float32[5], column: float32[4, 1], a: float32):
          out[:, :] = row[:] * column[:, :] + a
        """,
      to: """
        def f(out: float32[4, 5], row: float32[5], column: float32[4, 1], a: float32):
          local k0, k1: int64
          @independent
          for k0 in 0..<4:
            @independent
            for k1 in 0..<5:
              out[k0, k1] = row[k1] * column[k0, 0] + a
        """)
  }

  @Test func boundsThatAreKnownNeedNoClamp() throws {
    try expectLowering(
      of: """
        def f(y: float32[n], x: float32[n]):
          y[1:-1] = x[2:] - x[:-2]
        """,
      to: """
        def f(y: float32[y_extent0], x: float32[y_extent0], y_extent0: int64 >= 2):
          local k0: int64
          @independent
          for k0 in 0..<y_extent0 - 2:
            y[1 + k0] = x[2 + k0] - x[k0]
        """)
  }

  /// A literal bound beyond the extent is clamped, as Python does.
  @Test func literalBoundsAreClampedWhenCompiling() throws {
    try expectLowering(
      of: """
        def f(y: float32[4]):
          y[2:100] = 1.0
          y[-100:1] = 2.0
          y[3:1] = 3.0
        """,
      to: """
        def f(y: float32[4]):
          local k0, k0.1, k0.2: int64
          @independent
          for k0 in 0..<2:
            y[2 + k0] = 1.0
          @independent
          for k0.1 in 0..<1:
            y[k0.1] = 2.0
          @independent
          for k0.2 in 0..<0:
            y[3 + k0.2] = 3.0
        """)
  }

  private static let bounds: [(start: String, stop: String, step: Int)] = [
    ("k", "", 1), ("", "k", 1), ("k", "k + 3", 1), ("", "", -1), ("k", "", -1), ("", "k", -2),
    ("k", "", 3), ("1", "k", 2), ("5", "k", -1), ("-3", "k", 1),
  ]

  /// Python's own slices say what each of these means.
  @Test(arguments: bounds)
  func boundsMeanWhatPythonSays(start: String, stop: String, step: Int) throws {
    let slice = "x[\(start):\(stop):\(step)]"
    let text = """
      def f(y: int64[2], x: int64[8], k: weak int64):
        y[0] = sum(\(slice))
        y[1] = sum(\(slice) * \(slice))
      """
    let x = (0..<8).map { Double(1 << $0) }
    for k in -11...11 {
      let named = ["": nil, "k": k, "k + 3": k + 3, "1": 1, "5": 5, "-3": -3]
      let values = x.pythonSlice(named[start] ?? nil, named[stop] ?? nil, step)
      let total = values.reduce(0, +)
      let squares = values.reduce(0) { $0 + $1 * $1 }
      try expectRun(
        of: text, on: [Storage(.int64, [0, 0]), Storage(.int64, x)],
        parameters: [.integer(Int64(k), .int64)], gives: [total, squares])
    }
  }

  @Test func slicesOfSlicesAndRows() throws {
    try expectRun(
      of: """
        def f(y: int64[3], x: int64[4, 6]):
          y[:] = x[1:][::-1][0][1::2]
        """,
      on: [Storage(.int64, [0, 0, 0]), Storage(.int64, (0..<24).map(Double.init))],
      gives: [19, 21, 23])
  }

  @Test func anEllipsisStandsForTheRest() throws {
    try expectLowering(
      of: """
        def f(y: float32[2, 3, 4]):
          y[..., 1] = 0.0
        """,
      to: """
        def f(y: float32[2, 3, 4]):
          local k0, k1: int64
          @independent
          for k0 in 0..<2:
            @independent
            for k1 in 0..<3:
              y[k0, k1, 1] = 0.0
        """)
  }

  /// Extents that are only known at run time make equality a condition of this version.
  @Test func extentsThatMayDifferAreGuarded() throws {
    try expectLowering(
      of: """
        def f(y: float32[n], x: float32[m]):
          y[:] = x[:]
        """,
      to: """
        def f(y: float32[n], x: float32[x_extent0], n: int64 >= 2, x_extent0: int64 >= 2):
          local k0: int64
          check x_extent0 == n else respecialize
          @independent
          for k0 in 0..<n:
            y[k0] = x[k0]
        """.replacing("n: int64", with: "y_extent0: int64").replacing("[n]", with: "[y_extent0]")
          .replacing("== n", with: "== y_extent0").replacing("<n", with: "<y_extent0"))
  }

  @Test func leadingDimensionsOfExtentOneAreDroppedByAssignment() throws {
    try expectRun(
      of: """
        def f(y: int64[3], x: int64[2, 3]):
          y[:] = x[1:2, :]
        """,
      on: [Storage(.int64, [0, 0, 0]), Storage(.int64, [1, 2, 3, 4, 5, 6])], gives: [4, 5, 6])
  }
}

extension Array {
  /// `self[start:stop:step]`, by Python's definition.
  fileprivate func pythonSlice(_ start: Int?, _ stop: Int?, _ step: Int) -> [Element] {
    func clamped(_ bound: Int) -> Int {
      let wrapped = bound < 0 ? bound + count : bound
      return step > 0
        ? Swift.min(Swift.max(wrapped, 0), count) : Swift.min(Swift.max(wrapped, -1), count - 1)
    }
    let first = start.map(clamped) ?? (step > 0 ? 0 : count - 1)
    let end = stop.map(clamped) ?? (step > 0 ? count : -1)
    return stride(from: first, to: end, by: step).map { self[$0] }
  }
}
