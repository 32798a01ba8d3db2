import LoopIR
import TestSupport
import Testing

/// What names mean after branches and loops.
@Suite struct CarriedNameTests {
  @Test func aWeakStartYieldsToWhatTheLoopAdds() throws {
    try expectLowering(
      of: """
        def f(y: float32[1], x: float32[8]):
          s = 0.0
          for i in range(8):
            s += x[i]
          y[0] = s
        """,
      to: """
        def f(y: float32[1], x: float32[8]):
          local i: int64
          local s: float32
          s = 0.0
          for i in 0..<8:
            s = s + x[i]
          y[0] = s
        """)
  }

  @Test func typesAreJoinedThroughNestedLoops() throws {
    try expectLowering(
      of: """
        def f(y: float64[1], x: float32[4, 8], z: float64[4]):
          s = 0
          for i in range(4):
            for j in range(8):
              s += x[i, j]
            s = s * z[i]
          y[0] = s
        """,
      to: """
        def f(y: float64[1], x: float32[4, 8], z: float64[4]):
          local i: int64
          local s: float64
          local j: int64
          s = 0.0
          for i in 0..<4:
            for j in 0..<8:
              s = s + float64(x[i, j])
            s = s * z[i]
          y[0] = s
        """)
  }

  @Test func branchesAreJoined() throws {
    try expectLowering(
      of: """
        def f(y: float64[8], x: int32[8]):
          for i in range(8):
            if x[i] > 2:
              t = 1
            else:
              t = 0.5
            y[i] = t
        """,
      to: """
        def f(y: float64[8], x: int32[8]):
          local i: int64
          local t: float64
          for i in 0..<8:
            if x[i] > 2:
              t = 1.0
            else:
              t = 0.5
            y[i] = t
        """)
  }

  /// Weak or strong of one width, int or float: what a join leaves is what NumPy makes of both.
  @Test(arguments: [
    ("1", "2.5", "float64"), ("x8[0]", "1", "int8"), ("x8[0]", "1.5", "float64"),
    ("x32[0]", "1.5", "float32"), ("x32[0]", "x8[0]", "float32"), ("x32[0]", "k32[0]", "float64"),
    ("k32[0]", "u32[0]", "int64"), ("True", "2", "int64"), ("b[0]", "x8[0]", "int8"),
  ])
  func joinsPromote(left: String, right: String, type: String) throws {
    for (then, otherwise) in [(left, right), (right, left)] {
      let ir = try PythonText(
        """
        def f(y: float64[1], c: bool[1], b: bool[1], x8: int8[1], x32: float32[1], k32: int32[1], u32: uint32[1]):
          if c[0]:
            t = \(then)
          else:
            t = \(otherwise)
          y[0] = t
        """
      ).lowered()
      let joined = ir.variables.last { $0.name == "t" }
      #expect(joined?.type == ScalarType(name: type))
    }
  }

  @Test func aNameThatOneBranchLeavesAloneKeepsItsValue() throws {
    try expectRun(
      of: """
        def f(y: float64[6], x: float64[6]):
          best = -1.0
          for i in range(6):
            if x[i] > best:
              best = x[i]
            y[i] = best
        """,
      on: [
        Storage(.float64, Array(repeating: 0, count: 6)), Storage(.float64, [2, 1, 3, 3, 9, 4]),
      ],
      gives: [2, 2, 3, 3, 9, 9])
  }

  /// The first iteration binds the name, later ones change it now and then.
  @Test func aNameFirstBoundInALoopIsCarriedToo() throws {
    try expectRun(
      of: """
        def f(y: float64[6]):
          for i in range(6):
            if i == 0:
              t = 7.0
            elif i == 3:
              t = 9.0
            y[i] = t
        """,
      on: [Storage(.float64, Array(repeating: 0, count: 6))], gives: [7, 7, 7, 9, 9, 9])
  }

  @Test func theLoopVariableIsLeftAtItsLastValue() throws {
    try expectRun(
      of: """
        def f(y: int64[3], n: weak int64):
          i = 42
          for i in range(n):
            pass
          y[0] = i
          for j in range(10, 0, -3):
            y[1] = j
          y[2] = j
        """,
      on: [Storage(.int64, [0, 0, 0])], parameters: [.integer(5, .int64)], gives: [4, 1, 1])
    try expectRun(
      of: """
        def f(y: int64[1], n: weak int64):
          i = 42
          for i in range(n):
            pass
          y[0] = i
        """,
      on: [Storage(.int64, [0])], parameters: [.integer(0, .int64)], gives: [42])
  }

  @Test func aBodyMayChangeItsLoopVariable() throws {
    try expectRun(
      of: """
        def f(y: int64[4]):
          for i in range(3):
            y[i] = 1
            i = i * 10
          y[3] = i
        """,
      on: [Storage(.int64, [0, 0, 0, 0])], gives: [1, 1, 1, 20])
  }

  @Test func aLoopRangeIsTakenOnce() throws {
    try expectRun(
      of: """
        def f(y: int64[1], c: int64[1]):
          n = c[0]
          for i in range(n):
            n = n - 1
            y[0] += 1
        """,
      on: [Storage(.int64, [0]), Storage(.int64, [6])], gives: [6])
  }

  @Test func aWhileLoopCarriesWhatItsTestReads() throws {
    try expectRun(
      of: """
        def f(y: int64[2], n: weak int64):
          a = n
          steps = 0
          while a != 1:
            if a % 2 == 0:
              a = a // 2
            else:
              a = 3 * a + 1
            steps += 1
          y[0] = steps
          y[1] = a
        """,
      on: [Storage(.int64, [0, 0])], parameters: [.integer(27, .int64)], gives: [111, 1])
  }

  @Test func aWhileTestMayHoldAReduction() throws {
    try expectRun(
      of: """
        def f(y: float64[4]):
          while sum(y[:]) < 20 and y[0] < 100:
            y[1:] += 1
            y[0] = y[0] + 2
        """,
      on: [Storage(.float64, [0, 0, 0, 0])], gives: [8, 4, 4, 4])
  }

  @Test func unpackingReadsEveryValueFirst() throws {
    try expectRun(
      of: """
        def f(y: int64[2], n: weak int64):
          a, b = 0, 1
          for i in range(n):
            a, b = b, a + b
          y[0], y[1] = a, b
          y[0], y[1] = y[1], y[0]
        """,
      on: [Storage(.int64, [0, 0])], parameters: [.integer(10, .int64)], gives: [89, 55])
  }

  @Test func aNameKeepsTheValueItWasGiven() throws {
    try expectRun(
      of: """
        def f(y: float64[3], x: float64[2]):
          a = x[0]
          b = a
          x[0] = 5.0
          a = a + 1
          y[0] = a
          y[1] = b
          for i in range(2):
            b = a
            a = x[1]
          y[2] = b + a
        """,
      on: [Storage(.float64, [0, 0, 0]), Storage(.float64, [1, 10])], gives: [2, 1, 20])
  }

  // MARK: Parallel loops

  @Test func aParallelIterationHasNamesOfItsOwn() throws {
    try expectLowering(
      of: """
        def f(y: float32[8], x: float32[8]):
          t = 1.0
          parpy.label('P')
          for i in range(8):
            t = x[i] * t
            y[i] = t
        """,
      to: """
        def f(y: float32[8], x: float32[8]):
          local i: int64
          local t: float32
          @label("P")
          for i in 0..<8:
            t = x[i] * 1.0
            y[i] = t
        """)
  }

  @Test func aSequentialLoopInsideAParallelOneCarriesItsOwn() throws {
    try expectRun(
      of: """
        def f(y: float64[3], x: float64[3, 2]):
          s = 100.0
          parpy.label('P')
          for i in range(3):
            s = 0.0
            for j in range(2):
              s += x[i, j]
            y[i] = s
        """,
      on: [Storage(.float64, [0, 0, 0]), Storage(.float64, [1, 2, 3, 4, 5, 6])], gives: [3, 7, 11])
  }

  /// An accumulator may be read after the loop that was declared to reduce it, other names may not.
  @Test func onlyAccumulatorsOutliveAParallelLoop() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[8], x: float32[8]):
          s = 0.0
          t = 0.0
          parpy.label('R')
          for i in range(8):
            t = x[i]
            s += t
          y[0] = s
          y[1] = t  # error: 't' is assigned in a parallel loop, so each iteration has its own and none is left after it
        """)
  }

  @Test func aNameStaysPrivateWhenAnOuterLoopEnds() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[8], x: float32[8]):
          s = 0.0
          for j in range(3):
            parpy.label('P')
            for i in range(8):
              s = x[i]
              y[i] = s
          y[0] = s  # error: 's' is assigned in a parallel loop, so each iteration has its own and none is left after it
        """)
  }

  @Test func aNameStaysPrivateAfterABranch() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[8], x: float32[8], c: weak int64):
          s = 0.0
          if c > 0:
            parpy.label('P')
            for i in range(8):
              s = x[i]
              y[i] = s
          else:
            s = 1.0
          y[0] = s  # error: 's' is assigned in a parallel loop, so each iteration has its own and none is left after it
          y[1] = i  # error: 'i' is assigned in a parallel loop, so each iteration has its own and none is left after it
        """)
  }

  @Test func aPrivateNameMayBeAssignedAgain() throws {
    try expectRun(
      of: """
        def f(y: float64[4]):
          parpy.label('P')
          for i in range(4):
            s = 2.0 * i
            y[i] = s
          s = y[3]
          y[0] = s
        """,
      on: [Storage(.float64, [0, 0, 0, 0])], gives: [6, 2, 4, 6])
  }
}
