import LoopIR
import TestSupport
import Testing

@Suite struct ReductionTests {
  @Test func everyDimensionIsALoopOfTheReduction() throws {
    try expectLowering(
      of: """
        def f(y: float32[1], x: float32[4, 5]):
          parpy.label('N')
          y[0] = sum(x[:, :] * x[:, 0:1])
        """,
      to: """
        def f(y: float32[1], x: float32[4, 5]):
          local sum: float32
          local r0, r1: int64
          sum = 0.0
          @label("N") @reduce(add sum)
          for r0 in 0..<4:
            @reduce(add sum)
            for r1 in 0..<5:
              sum = sum + x[r0, r1] * x[r0, 0]
          y[0] = sum
        """)
  }

  @Test func anAxisLeavesTheOtherDimensions() throws {
    try expectLowering(
      of: """
        def f(y: float32[4], x: float32[4, 5]):
          parpy.label('i')
          parpy.label('j')
          y[:] = max(x[:, :], axis=-1)
        """,
      to: """
        def f(y: float32[4], x: float32[4, 5]):
          local k0: int64
          local extremum: float32
          local r0: int64
          @label("i") @independent
          for k0 in 0..<4:
            extremum = -inf
            @label("j") @reduce(maximum extremum)
            for r0 in 0..<5:
              extremum = maximum(extremum, x[k0, r0])
            y[k0] = extremum
        """)
  }

  @Test(arguments: [
    ("0", "3, 4", [12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34]),
    ("1", "2, 4", [12, 15, 18, 21, 48, 51, 54, 57]), ("-1", "2, 3", [6, 22, 38, 54, 70, 86]),
  ])
  func axesMeanWhatNumPySays(axis: String, shape: String, expected: [Double]) throws {
    try expectRun(
      of: """
        def f(y: float64[\(shape)], x: float64[2, 3, 4]):
          y[:, :] = sum(x[:, :, :], axis=\(axis))
        """,
      on: [
        Storage(.float64, Array(repeating: 0, count: expected.count)),
        Storage(.float64, (0..<24).map(Double.init)),
      ], gives: expected)
  }

  /// Sums and products of bool and narrow integers have 64 bits; extremes and floats keep their type.
  @Test(arguments: [
    ("sum", "int8", "int64"), ("sum", "uint16", "uint64"), ("sum", "bool", "int64"),
    ("prod", "uint8", "uint64"), ("prod", "int32", "int64"), ("max", "int8", "int8"),
    ("min", "uint16", "uint16"), ("sum", "float32", "float32"), ("prod", "float64", "float64"),
  ])
  func resultsAreAsWideAsNumPys(function: String, element: String, result: String) throws {
    let ir = try PythonText(
      """
      def f(y: float64[1], x: \(element)[4]):
        y[0] = \(function)(x[:])
      """
    ).lowered()
    #expect(ir.variables.first { $0.role == .local }?.type == ScalarType(name: result))
  }

  @Test func severalReductionsInOneStatement() throws {
    try expectRun(
      of: """
        def f(y: float64[2], x: float64[2, 3]):
          y[:] = sum(x[:, :], axis=1) / max(x[:, :]) + prod(x[0, :]) * min(x[1, :])
        """,
      on: [Storage(.float64, [0, 0]), Storage(.float64, [1, 2, 3, 4, 5, 6])],
      gives: [6.0 / 6 + 24, 15.0 / 6 + 24])
  }

  @Test func emptySumsAndProductsAreNeutral() throws {
    try expectRun(
      of: """
        def f(y: float64[2], x: float64[4]):
          y[0] = sum(x[2:2])
          y[1] = prod(x[3:1])
        """,
      on: [Storage(.float64, [9, 9]), Storage(.float64, [1, 2, 3, 4])], gives: [0, 1])
    try expectDiagnostics(
      of: """
        def f(y: float64[2], x: float64[4]):
          y[0] = min(x[2:2])  # error: min of an empty slice has no value
        """)
  }

  @Test func aMethodReducesToo() throws {
    try expectRun(
      of: """
        def f(y: float64[1], x: float64[2, 2]):
          y[0] = x[:, 0].sum() + x.max()
        """,
      on: [Storage(.float64, [0]), Storage(.float64, [1, 2, 3, 4])], gives: [8])
  }

  /// What `if` and `and` guard must not be read where they forbid it.
  @Test(arguments: [
    "sum(x[i + 1, :]) if i < 3 else 0.0", "(x[i + 1, 0] + x[i, 1]) ** 2 if i < 3 else 0.0",
    "i < 3 and sum(x[i + 1, :]) > 5", "1.0 if i >= 3 or (x[i + 1, 0] + x[i, 1]) ** 2 > 5 else 0.0",
  ])
  func aGuardedValueIsNotReadBeforeItsGuard(value: String) throws {
    let ir = try PythonText(
      """
      def f(y: float64[4], x: float64[4, 2]):
        for i in range(4):
          y[i] = \(value)
      """
    ).lowered()
    let arrays = [Storage(.float64, [9, 9, 9, 9]), Storage(.float64, [1, 2, 3, 4, 5, 6, 7, 8])]
    try Interpreter.run(ir, arrays: arrays)
    #expect(arrays[0].numbers[3] == (value.hasPrefix("1.0") ? 1 : 0))
  }
}
