import LoopIR
import Lowering
import Syntax
import TestSupport
import Testing

@Suite struct LoweringDiagnosticTests {
  @Test func everyWrongStatementIsReported() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4], x: float32[4, 5]):
          y[0] = undefined  # error: name 'undefined' is not defined
          y[0, 1] = 2  # error: too many indices: 'y' has 1 dimension, 2 were given
          z = y[:]  # error: 'z' cannot name a slice: a slice expression never becomes an array of its own
          y[0] = x[0]  # error: an array stands where a scalar is needed
          y[:] = x[0, :]  # error: shapes (5,) and (4,) do not broadcast together
          y[1.5] = 1  # error: an index must be an integer, not float64
          y = 3  # error: 'y' is an array and cannot be assigned
          return 1  # error: Main function f cannot return a value
        """)
  }

  @Test func whatAnErrorLeavesBehindIsNotReportedAgain() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4]):
          t = undefined  # error: name 'undefined' is not defined
          for i in range(4):
            t = t + 1
            y[i] = t
          y[0] = t
        """)
  }

  @Test func storesThatNeedAConversionSaySo() throws {
    try expectDiagnostics(
      of: """
        def f(i32: int32[4], u32: uint32[4], i64: int64[4], f32: float32[4], f64: float64[4], u8: uint8[4], b: bool[4]):
          i32[0] = f32[0]  # error: a value of type float32 cannot be stored in an array of int32 without a conversion
          i32[0] = 1.5  # error: a value of type float64 cannot be stored in an array of int32 without a conversion
          i32[0] = i64[0]  # error: a value of type int64 cannot be stored in an array of int32 without a conversion
          i32[0] = u32[0]  # error: a value of type uint32 cannot be stored in an array of int32 without a conversion
          u32[0] = i32[0]  # error: a value of type int32 cannot be stored in an array of uint32 without a conversion
          b[0] = f32[0]  # error: a value of type float32 cannot be stored in an array of bool without a conversion
          u8[0] = -u32[0]  # error: a value of type uint32 cannot be stored in an array of uint8 without a conversion
          f32[0] = f64[0]
          f32[0] = 0.1
          f32[0] = i64[0]
          u8[0] = 300
          i64[0] = u32[0]
          u8[0] = b[0]
          i32[0] = int32(i64[0])
        """)
  }

  @Test func operatorsThatATypeLacks() throws {
    try expectDiagnostics(
      of: """
        def f(f32: float32[4], b: bool[4], i8: int8[4]):
          f32[0] = f32[0] << 1  # error: operator << is not defined for float32 and int64
          f32[0] = ~f32[0]  # error: operator ~ is not defined for float32
          b[0] = b[0] - b[1]  # error: operator - is not defined for bool and bool
          b[0] = -b[0]  # error: operator - is not defined for bool
          i8[0] = i8[0] + 300  # error: Python integer 300 is out of bounds for int8
          f32[0] = f32[:] @ f32[:]  # error: the operator @ is not supported
          i8[0] = i8[0] ** -1  # error: integers to negative integer powers are not allowed
        """)
  }

  @Test func loopsAndSlicesThatCannotBe() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4], n: weak int64):
          for i in y:  # error: a loop over anything but range is not supported
            pass
          for i in range(0, 4, 0):  # error: range() arg 3 must not be zero
            pass
          for i in range(0, 4, n):  # error: a step that is not known when compiling is not supported
            pass
          y[::0] = 1  # error: slice step cannot be zero
          y[::n] = 1  # error: a slice step that is not known when compiling is not supported
          for i in range(4.5):  # error: an argument of range must be an integer, not float64
            break
        """)
  }

  @Test func namesThatAreNotThere() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4]):
          y[0] = later  # error: local variable 'later' is read before it is assigned
          later = 1
          y[0] = mystery(1)  # error: Call to unknown function mystery
          y[0] = np.linalg(1)  # error: name 'np' is not defined
          y[0] = G
          y[0] = L  # error: 'L', a list, is not supported
        """, globals: ["G": .integer(3), "L": .unsupported("a list")])
  }

  @Test func argumentsOfFunctions() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4], x: float32[4, 4]):
          y[0] = sqrt(1.0, 2.0)  # error: sqrt takes 1 argument, 2 were given
          y[0] = sum(3.0)  # error: sum needs an array expression
          y[0] = sum(x[:, :], axis=2)  # error: axis 2 is out of bounds for an array of dimension 2
          y[0] = sum(x[:, :], 1, 2)  # error: sum takes an array expression and, if need be, axis=
          y[0] = len(3)  # error: len() of what is not an array
        """)
  }

  /// A message about a statement underlines its head, and shows the way out.
  @Test func messagesQuoteTheSource() throws {
    let program = try PythonText(
      """
      def f(y: int32[4], x: float64[4]):
        for i in range(4):
          y[i] = 2 * x[i]
      """)
    let error = try #require(throws: DiagnosticError.self) { try program.lowered() }
    #expect(
      error.diagnostics.map { $0.rendered(with: [program.source]) } == [
        """
        a value of type float64 cannot be stored in an array of int32 without a conversion

        On line 3 of file test.py:
            y[i] = 2 * x[i]
            ^^^^^^^^^^^^^^^
        help: convert it: parpy.operators.int32(…)
        """
      ])
    #expect(error.diagnostics.map(\.category) == [.type])
  }

  /// A division or shift that traps in Swift must not trap the compiler.
  @Test func constantsThatOverflowAreFolded() throws {
    try expectRun(
      of: """
        def f(y: int64[4]):
          y[0] = -9223372036854775807 - 1
          y[1] = (-9223372036854775807 - 1) // -1
          y[2] = -(9223372036854775807 + 1)
          y[3] = 0 << 70
        """,
      on: [Storage(.int64, [0, 0, 0, 0])],
      gives: [Double(Int64.min), Double(Int64.min), Double(Int64.min), 0])
  }
}
