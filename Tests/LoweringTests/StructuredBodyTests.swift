import Syntax
import TestSupport
import Testing

@testable import Lowering

/// What becomes of `break`, `continue` and `return`.
@Suite struct StructuredBodyTests {
  private func body(
    _ python: String, width: @escaping (Syntax.Expression) -> Int = { _ in 1 }
  ) throws -> StructuredBody {
    let indented = python.split(separator: "\n", omittingEmptySubsequences: false)
      .map { "  " + $0 }.joined(separator: "\n")
    let program = try PythonText("def f(x: float64[4]):\n" + indented)
    return StructuredBody(program.function.body, width: width)
  }

  private func expectStructure(
    of before: String, is after: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(pythonText(try body(before).statements) == after, sourceLocation: sourceLocation)
  }

  @Test func leavesAloneWhatDoesNotExit() throws {
    let program = """
      s = 0
      for i in range(4):
        if x[i] > 0:
          s += x[i]
        else:
          pass
      while s > 1:
        s = s / 2
      with parpy.gpu:
        x[0] = s
      """
    try expectStructure(of: program, is: program)
  }

  @Test func whatFollowsAContinueMovesIntoTheOtherBranch() throws {
    try expectStructure(
      of: """
        for i in range(4):
          if x[i] < 0:
            continue
          x[i] = 1
        """,
      is: """
        for i in range(4):
          if x[i] < 0:
            pass
          else:
            x[i] = 1
        """)
    try expectStructure(
      of: """
        for i in range(4):
          if x[i] < 0:
            x[i] = 2
          else:
            continue
          x[i] = 1
        """,
      is: """
        for i in range(4):
          if x[i] < 0:
            x[i] = 2
            x[i] = 1
        """)
  }

  @Test func aBreakEndsTheLoopByAFlag() throws {
    try expectStructure(
      of: """
        for i in range(4):
          if x[i] < 0:
            break
          x[i] = 1
        x[0] = 2
        """,
      is: """
        .stop1 = False
        for i in range(4) until .stop1:
          if x[i] < 0:
            .stop1 = True
          else:
            x[i] = 1
        x[0] = 2
        """)
  }

  @Test func aBreakEndsAWhileLoopByItsTest() throws {
    try expectStructure(
      of: """
        while x[0] > 1:
          x[0] = 3
          if x[1] > 2:
            break
        """,
      is: """
        .stop1 = False
        while (not .stop1) and (x[0] > 1):
          x[0] = 3
          if x[1] > 2:
            .stop1 = True
        """)
    try expectStructure(
      of: """
        while True:
          if x[1] > 2:
            break
        """,
      is: """
        .stop1 = False
        while not .stop1:
          if x[1] > 2:
            .stop1 = True
        """)
  }

  @Test func anExitFromDeeperInsideGuardsWhatFollows() throws {
    try expectStructure(
      of: """
        for i in range(4):
          if x[i] < 0:
            x[i] = 1
            if x[0] > 0:
              continue
            x[i] = 2
          x[i] = 3
        """,
      is: """
        for i in range(4):
          .skip1 = False
          if x[i] < 0:
            x[i] = 1
            if x[0] > 0:
              .skip1 = True
            else:
              x[i] = 2
          if not .skip1:
            x[i] = 3
        """)
  }

  @Test func bothWordsInOneBody() throws {
    try expectStructure(
      of: """
        for i in range(4):
          with parpy.gpu:
            if x[i] < 0:
              continue
            if x[i] > 5:
              break
          x[i] = 3
        """,
      is: """
        .stop1 = False
        for i in range(4) until .stop1:
          .skip1 = False
          with parpy.gpu:
            if x[i] < 0:
              .skip1 = True
            else:
              if x[i] > 5:
                .stop1 = True
          if not (.skip1 or .stop1):
            x[i] = 3
        """)
  }

  @Test func eachLoopHasFlagsOfItsOwn() throws {
    try expectStructure(
      of: """
        for i in range(4):
          for j in range(4):
            if x[j] < 0:
              break
          if x[i] < 0:
            break
        """,
      is: """
        .stop1 = False
        for i in range(4) until .stop1:
          .stop2 = False
          for j in range(4) until .stop2:
            if x[j] < 0:
              .stop2 = True
          if x[i] < 0:
            .stop1 = True
        """)
  }

  @Test func whatCannotBeReachedIsDropped() throws {
    try expectStructure(
      of: """
        for i in range(4):
          x[i] = 1
          continue
          x[i] = 2
        """,
      is: """
        for i in range(4):
          x[i] = 1
        """)
  }

  @Test func aReturnAtTheEndNeedsNoFlag() throws {
    try expectStructure(
      of: """
        a = x[0]
        return a + 1
        """,
      is: """
        a = x[0]
        .result = a + 1
        return .result
        """)
    try expectStructure(
      of: """
        if x[0] > 1:
          return 1
        if x[1] > 1:
          return 2
        return 3
        """,
      is: """
        if x[0] > 1:
          .result = 1
        else:
          if x[1] > 1:
            .result = 2
          else:
            .result = 3
        return .result
        """)
  }

  @Test func aReturnFromALoopEndsIt() throws {
    try expectStructure(
      of: """
        for i in range(4):
          while x[i] > 0:
            if x[i] > 9:
              return i, x[i]
          x[i] = 1
        return 0, 0
        """,
      is: """
        .returned = False
        for i in range(4) until .returned:
          while (not .returned) and (x[i] > 0):
            if x[i] > 9:
              .result0, .result1 = i, x[i]
              .returned = True
          if not .returned:
            x[i] = 1
        if not .returned:
          .result0, .result1 = 0, 0
          .returned = True
        return .result0, .result1
        """)
  }

  @Test func aCallThatReturnsATupleIsTakenApart() throws {
    let structured = try body("return g(x)") { e in
      if case .call = e.kind { 2 } else { 1 }
    }
    #expect(
      pythonText(structured.statements) == """
        .result0, .result1 = g(x)
        return .result0, .result1
        """)
    #expect(structured.resultCount == 2)
  }

  @Test func aLoopForEverThatReturnsNeverFallsOff() throws {
    let always = """
      while True:
        if x[0] > 1:
          return 1
      """
    #expect(try !body(always).mayFallOff)
    #expect(try body(always.replacing("True", with: "x[1] > 0")).mayFallOff)
    #expect(try body(always + "\n  if x[1] > 3:\n    break").mayFallOff)
    #expect(try body("if x[0] > 1:\n  return 1\nelse:\n  x[0] = 1").mayFallOff)
    #expect(try !body("with parpy.gpu:\n  return 1").mayFallOff)
  }

  @Test func wrongReturnsAreKeptForMessages() throws {
    #expect(try body("return").bareReturn?.line == 2)
    #expect(try body("if x[0] > 1:\n  return 1\nreturn 2, 3").inconsistentReturn?.line == 4)
    let right = try body("if x[0] > 1:\n  return 1, 2\nreturn 2, 3")
    #expect(right.inconsistentReturn == nil)
    #expect(right.valueReturn?.line == 3)
  }
}
