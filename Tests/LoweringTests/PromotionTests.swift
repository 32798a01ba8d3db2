import LoopIR
import TestSupport
import Testing

/// Types of results, by NEP 50: Python scalars are weak, array elements strong.
@Suite struct PromotionTests {
  /// The type an expression has, as the type of the local that holds it.
  private func type(of expression: String) throws -> ScalarType? {
    let ir = try PythonText(
      """
      def f(i8: int8[2], i32: int32[2], i64: int64[2], u8: uint8[2], u32: uint32[2], u64: uint64[2], f32: float32[2], f64: float64[2], b: bool[2], n: weak int64, a: weak float64, s16: int16):
        t = \(expression)
        t = t
        for i in range(2):
          t = t
        f64[0] = t
      """
    ).lowered()
    return ir.variables.last { $0.name == "t" }?.type
  }

  @Test(arguments: [
    ("f32[0] * 2.0", "float32"), ("f32[0] * 2", "float32"), ("f32[0] + n", "float32"),
    ("f32[0] + a", "float32"), ("i8[0] + 1", "int8"), ("i8[0] + n", "int8"),
    ("i8[0] * 1.5", "float64"), ("i8[0] + f32[0]", "float32"), ("i32[0] + f32[0]", "float64"),
    ("i8[0] + u8[0]", "int16"), ("i64[0] + u64[0]", "float64"), ("u32[0] + i32[0]", "int64"),
    ("s16 + i8[0]", "int16"), ("n / 2", "float64"), ("i32[0] / i32[1]", "float64"),
    ("f32[0] / 3", "float32"), ("n // 2", "int64"), ("u8[0] // 2", "uint8"), ("n + True", "int64"),
    ("True + True", "int64"), ("b[0] + b[1]", "bool"), ("b[0] * i8[0]", "int8"),
    ("i8[0] ** 2", "int8"), ("n ** 2", "int64"), ("n ** -1", "float64"), ("f32[0] ** n", "float32"),
    ("i32[0] << 3", "int32"), ("u8[0] & 15", "uint8"), ("b[0] & b[1]", "bool"),
    ("-u8[0]", "uint8"), ("~i8[0]", "int8"), ("not f32[0]", "bool"), ("-True", "int64"),
    ("i8[0] < 300", "bool"), ("n < 2 < 3", "bool"), ("sqrt(f32[0])", "float32"),
    ("sqrt(i32[0])", "float64"), ("sqrt(n)", "float64"), ("floor(f32[0])", "int64"),
    ("np.floor(f32[0])", "float32"), ("round(f64[0])", "int64"), ("abs(i8[0])", "int8"),
    ("float32(n)", "float32"), ("int8(f64[0])", "int8"), ("float(f32[0])", "float64"),
    ("float32(1) * 2.5", "float32"), ("min(f32[0], 1.0)", "float32"),
    ("f32[0] if b[0] else 1", "float32"), ("n and a", "float64"), ("i8[0] or 2", "int8"),
    ("maximum(i8[0], u8[0])", "int16"), ("1 if b[0] else 0.5", "float64"),
  ])
  func expressionsHaveNumPysTypes(expression: String, expected: String) throws {
    #expect(try type(of: expression) == ScalarType(name: expected), "\(expression)")
  }

  /// `float(x)` is a Python scalar again, so what it meets decides.
  @Test func conversionsToPythonTypesAreWeak() throws {
    #expect(try type(of: "float(f64[0]) * f32[0]") == .float32)
    #expect(try type(of: "int(f64[0]) + i8[0]") == .int8)
    #expect(try type(of: "float64(f32[0]) * f32[0]") == .float64)
    #expect(try type(of: "floor(f64[0]) + i32[0]") == .int32)
  }

  @Test func comparisonsOfMixedIntegersAreExact() throws {
    let minusOne = Literal.integer(-1, .int64)
    let arrays = { (value: Literal) in
      [
        Storage(.int64, [0, 0, 0, 0]), Storage([value.converted(to: .uint64)]),
        Storage([value.converted(to: .int64)]), Storage([value.converted(to: .int8)]),
      ]
    }
    try expectRun(
      of: """
        def f(y: int64[4], u: uint64[1], i: int64[1], k: int8[1]):
          y[0] = u[0] > i[0]
          y[1] = u[0] == -1
          y[2] = i[0] < u[0] < 18446744073709551615.0
          y[3] = k[0] < 300
        """,
      on: arrays(minusOne), gives: [1, 0, 0, 1])
  }

  @Test func powersAreProductsWhereTheyAreSmall() throws {
    try expectLowering(
      of: """
        def f(y: float32[8], x: float32[8]):
          y[0] = x[0] ** 3
          y[1] = x[1] ** 0.5
          y[2] = x[2] ** 0
        """,
      to: """
        def f(y: float32[8], x: float32[8]):
          y[0] = x[0] * x[0] * x[0]
          y[1] = x[1] ** 0.5
          y[2] = 1.0
        """)
  }

  @Test func boolArithmeticIsNumPys() throws {
    try expectRun(
      of: """
        def f(y: int64[6], b: bool[2]):
          y[0] = b[0] + b[0]
          y[1] = b[0] * b[1]
          y[2] = True + True
          y[3] = b[0] - 1 + b[0]
          y[4] = 5 and 3
          y[5] = 0 or 3
        """,
      on: [
        Storage(.int64, Array(repeating: 0, count: 6)), Storage(.bool, [1, 0]),
      ], gives: [1, 0, 2, 1, 3, 3])
  }

  /// Python evaluates `a < b < c` as `a < b and b < c`, and `and` and `or` give an operand.
  @Test func shortCircuitsGuardWhatFollows() throws {
    try expectRun(
      of: """
        def f(y: float64[4], x: float64[4]):
          for i in range(4):
            if i < 3 and x[i + 1] > x[i]:
              y[i] = x[i + 1]
            else:
              y[i] = i == 3 or x[i + 1]
        """,
      on: [Storage(.float64, [0, 0, 0, 0]), Storage(.float64, [5, 6, 2, 8])], gives: [6, 2, 8, 1])
  }
}
