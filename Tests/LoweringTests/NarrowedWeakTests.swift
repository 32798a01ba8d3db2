import LoopIR
import Lowering
import Syntax
import TestSupport
import Testing

/// Weak values of narrower types: `force_int_size` and `force_float_size`.
@Suite struct NarrowedWeakTests {
  private func options(_ integer: ScalarType, _ float: ScalarType = .float64) -> CompileOptions {
    var options = CompileOptions()
    options.weakTypes = WeakTypes(integer: integer, float: float)
    return options
  }

  /// The type an expression has, as the type of the local that holds it.
  private func type(of expression: String) throws -> ScalarType? {
    let ir = try PythonText(
      """
      def f(i8: int8[2], i32: int32[2], i64: int64[2], u8: uint8[2], f16: float16[2], f32: float32[2], f64: float64[2], c128: complex128[2], b: bool[2], n: weak int64, a: weak float64):
        t = \(expression)
        t = t
        for i in range(2):
          t = t
        c128[0] = t
      """
    ).lowered(options: options(.int16, .float32))
    return ir.variables.first { $0.name == "t" }?.type
  }

  @Test(arguments: [
    ("1", "int16"), ("n + 1", "int16"), ("n * True", "int16"), ("True + True", "int16"),
    ("n << 2", "int16"), ("~n", "int16"), ("abs(n)", "int16"), ("n ** 2", "int16"),
    ("n // 2", "int16"), ("min(n, 3)", "int16"), ("n if b[0] else True", "int16"),
    ("len(f32)", "int16"), ("f64.shape[0]", "int16"), ("int(f64[0])", "int16"),
    ("floor(f64[0])", "int16"), ("sum(int(f64[:]))", "int16"), ("1.5", "float32"),
    ("n / 2", "float32"), ("n ** -1", "float32"), ("a * n", "float32"), ("sqrt(n)", "float32"),
    ("float(f64[0])", "float32"), ("to_complex(0, n)", "complex64"),
    ("to_complex(0, n) * a", "complex64"),
    ("abs(to_complex(0, n))", "float32"), ("fabs(n)", "float32"), ("n and a", "float32"),
    // Strong types stay, and weak ones yield to them.
    ("i64[0] + n", "int64"), ("i8[0] + n", "int8"), ("f64[0] * a", "float64"),
    ("f16[0] * a", "float16"), ("f64[0] * to_complex(0, n)", "complex128"),
    ("c128[0] * a", "complex128"),
    ("i32[0] / i32[1]", "float64"), ("sqrt(i32[0])", "float64"), ("sum(i8[:])", "int64"),
    ("float64(n)", "float64"), ("int64(n)", "int64"),
    // The kind rises to the type of weak values of that kind.
    ("i32[0] * a", "float32"), ("b[0] + n", "int16"), ("i32[0] * to_complex(0, n)", "complex64"),
  ])
  func expressionsHaveTheNarrowTypes(expression: String, expected: String) throws {
    #expect(try type(of: expression) == ScalarType(name: expected), "\(expression)")
  }

  @Test func anIndexIsExactAndAValueIsNot() throws {
    let lowered = try PythonText(
      """
      def f(y: int64[m], n: weak int64):
        k = len(y) - 1
        y[k] = k * k + n
        for i in range(n):
          if i < k:
            y[i + 1] = i
      """
    ).lowered(options: options(.int32))
    let body = lowered.printed.split(separator: "\n").drop { !$0.hasPrefix("  n.1 = ") }
    #expect(
      body.joined(separator: "\n") == """
          n.1 = int32(n)
          y[y_extent0 - 1] = int64((int32(y_extent0) - 1) * (int32(y_extent0) - 1) + n.1)
          for i in 0..<n:
            if i < y_extent0 - 1:
              y[i + 1] = int64(int32(i))
        """)
    let categories = lowered.checks.compactMap { check -> Diagnostic.Category? in
      if case .error(let diagnostic) = check.failure { diagnostic.category } else { nil }
    }
    #expect(categories == [.overflow, .overflow])
  }

  /// A loop runs over all of an array that is longer than the type of weak integers counts.
  @Test func loopsReachAllElements() throws {
    let y = Storage(.int64, Array(repeating: -1, count: 300))
    let lowered = try PythonText(
      """
      def f(y: int64[300]):
        j = 0
        while j < len(y):
          if j + 1 < len(y):
            y[j + 1] = j
          else:
            y[0] = j // 2
          j += 1
      """
    ).lowered(options: options(.int8))
    try Interpreter.run(lowered, arrays: [y])
    let expected = (0..<299).map { Double(Int8(truncatingIfNeeded: $0)) }
    #expect(y.numbers == [Double(Int8(truncatingIfNeeded: 299) / 2)] + expected)
  }

  /// What a name is after a step may depend on its value and on its exact one, and both on what they were before.
  @Test func bothValuesOfANameChangeAtOnce() throws {
    let y = Storage(.int64, [0, 0, 0])
    let lowered = try PythonText(
      """
      def f(y: int64[3]):
        k = 100
        for i in range(1):
          k = int(1.5 * k) if k < 120 else k - 100
        y[0] = k
        y[1] = k < 0
        y[2] = k == 150
      """
    ).lowered(options: options(.int8))
    try Interpreter.run(lowered, arrays: [y])
    #expect(y.numbers == [127, 0, 1])
  }

  @Test func whatIsWrittenIsRoundedOnce() throws {
    let y = Storage(.float64, [1, 1, 1, 1, 1, 1])
    let lowered = try PythonText(
      """
      def f(y: float64[6], a: weak float64):
        y[0] = y[0] * 0.1
        y[1] = y[1] * -a
        y[2] = 0.1
        c = 0.1
        y[3] = y[3] * c
        y[4] = float64(0.1)
        y[5] = y[5] * (a + 0.0)
      """
    ).lowered(options: options(.int64, .float32))
    try Interpreter.run(lowered, arrays: [y], parameters: [.float(0.1, .float64)])
    let narrow = Double(Float(0.1))
    #expect(y.numbers == [0.1, -0.1, narrow, narrow, 0.1, narrow])
  }

  @Test func literalsThatDoNotFit() throws {
    let suffix = "which is the type of Python's integers in this call"
    var messages: [String] = []
    do {
      _ = try PythonText(
        """
        def f(y: int64[4], u: uint32[4]):
          y[0] = 40000
          k = 40000
          y[1] = y[2] + 40000
          u[0] = u[1] * 40000
          for i in range(40000):
            u[1] = i
          y[3] = i + 40000
          y[2] = -32768
          u[2] = uint32(40000)
          u[3] = ~40000
        """
      ).lowered(options: options(.int16))
    } catch let error as DiagnosticError {
      messages = error.diagnostics.map { "\($0.spans[0].line): \($0.message)" }
    }
    let literal = "the integer 40000 does not fit in int16, \(suffix)"
    #expect(messages == [2, 3, 8, 11].map { "\($0): \(literal)" })
  }

  @Test func argumentsThatDoNotFit() throws {
    let text = """
      def f(y: int64[4], n: weak int64 = 40000, k: weak int64 = -32768, m: weak int64):
        for i in range(3):
          y[i] = n + k
      """
    #expect(throws: DiagnosticError.self) {
      try PythonText(text).lowered(options: options(.int16))
    }
    let lowered = try PythonText(text).lowered(options: options(.int32))
    let y = [Storage(.int64, [0, 0, 0, 0])]
    for m in [Int64(Int32.max) + 1, Int64(Int32.min) - 1] {
      #expect(throws: InterpretationError.self) {
        try Interpreter.run(lowered, arrays: y, parameters: [.integer(m, .int64)])
      }
    }
    for m in [Int64(Int32.max), Int64(Int32.min)] {
      try Interpreter.run(lowered, arrays: y, parameters: [.integer(m, .int64)])
    }
    #expect(y[0].numbers == [7232, 7232, 7232, 0])
  }
}
