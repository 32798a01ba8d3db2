import LoopIR
import Testing

import struct Syntax.DiagnosticError

@Suite struct RoundTripTests {
  /// Every statement, note and kind of declaration, in the printer's own layout.
  private static let everything = """
    def sum_rows(x: float32[n, 4096], y: float32[n] strides [m] alias, n: int64 >= 2, m: int64):
      local i, j: int64
      local acc: float32
      local c: bool
      temporary t: float32[n]
      check n > 4 else error value "too few rows" help "pass at least five"
      check n == m else respecialize
      with temporary t:
        @label("outer", "N") @independent @workers(1024 if n > 8 else 1)
        for i in 0..<n:
          acc = 0.0
          @reduce(add acc) @lanes(64)
          for j in 0..<4096 by 2:
            acc = acc + x[i, j]
          t[i] = acc
      call "scale"(&x[i, 0:4096:2], 2.0, -1i8, n + 1) into acc
      call "warp" @device @header("<a.h>") @threads(32, 128)(&x[i, 0:4096]) into acc
      call "plain" @device()
      callback 1 "re\\"port"(&y[n - 1:n:-1])
      callback 0 "tick"()
      c = True
      while c:
        c = False
      require n - 1 equals m
      with device:
        for i in n - 1..<-1 by -1:
          y[i] = 0.5 + x[i, 0] * 2.0

    """

  @Test func printsInTheDocumentedForm() throws {
    let function = try LoopFunction(parsing: Self.everything)
    #expect(function.verify() == [])
    #expect(function.printed == Self.everything)
  }

  @Test(arguments: 0..<400 as Range<UInt64>)
  func readsBackWhatIsPrinted(seed: UInt64) throws {
    let function = RandomFunction.make(seed: seed)
    #expect(function.verify() == [])
    let text = function.printed
    let parsed = try LoopFunction(parsing: text)
    #expect(parsed == function, "\(text)")
    #expect(parsed.printed == text)
  }

  /// Assignments whose text is what the printer writes, parentheses and suffixes included.
  @Test(arguments: [
    "f = a + b + f", "f = a + (b + f)", "f = (a + b) * f", "f = a - (b - f)", "f = -a * b",
    "f = -(a * b)", "f = a ** b ** f", "f = (a ** b) ** f", "f = (-a) ** b", "f = -a ** b",
    "f = a ** -b", "f = (-2.0) ** a", "f = -2.0 ** a", "f = -(2.0)", "f = -2.0", "f = -(-2.0)",
    "f = --a", "f = a - -b", "f = 1.0", "f = 1e-05", "f = inf", "f = -inf", "f = -0.0",
    "f = minimum(a, b) + python_min(a, 1.0)", "f = abs(a) + round_even(a)", "f = atan2(a, 1.0)",
    "f = a if c else b if d else f", "f = (a if c else b) if d else f",
    "f = a if (c if d else d) else f", "f = (a if c else b) + f", "f = float32(1)",
    "f = float32(1.0)", "f = float32(3u8)", "f = float32(1.0f32)", "f = float32(inff32)",
    "f = float32(0.5f16)", "f = float32(-nanbf16)",
    "f = float32(float16(0.1))",
    "f = float32(k)", "f = float32(k + 1)", "c = not c", "c = not (c and d)", "c = not a < b",
    "c = not c and d", "c = c and d and c", "c = c and (d and c)", "c = c or d and c",
    "c = (c or d) and c", "c = a < b", "c = (a < b) == c", "c = c == (a < b)", "c = a < 1.0",
    "c = 1.0 < a", "c = k < 1", "c = k < 1i32", "c = 1u64 < 2", "c = k == 18446744073709551615",
    "c = isnan(a)", "c = isnan(a + 1.0)", "c = isnan(1.0)", "c = 1 < 2", "c = 1u8 < 2u8",
    "c = bool(a)", "i = -9223372036854775808", "i = ~i & i | i ^ i << i >> 3", "i = (i | 1) & 2",
    "i = i // 2 % 3", "i = i // (2 % 3)", "i = (i + 1) // 2", "u = 255", "u = 3 + 4",
  ])
  func printsAnExpressionAsItIsWritten(assignment: String) throws {
    let text = """
      def f(a: float32, b: float32, d: bool, k: uint64):
        local f: float32
        local c: bool
        local i: int64
        local u: uint8
        f = 0.0
        c = False
        i = 0
        \(assignment)

      """
    let function = try LoopFunction(parsing: text)
    #expect(function.printed == text)
    if !assignment.contains("1i32") { #expect(function.verify() == []) }
  }

  @Test func printsNaNWithItsSign() throws {
    let text = """
      def f(y: float64[2]):
        y[0] = nan
        y[1] = -nan

      """
    #expect(try LoopFunction(parsing: text).printed == text)
  }

  @Test func keepsNamesakesApart() throws {
    var function = LoopFunction("f")
    let first = function.add(Variable("s", .int64))
    let second = function.add(Variable("s", .int64))
    let buffer = function.add(Buffer("s", .int64, extents: [], role: .argument(0)))
    function.body = [
      Statement(.assign(first, .index(1))), Statement(.assign(second, .index(2))),
      Statement(.store(buffer, [], function.read(second))),
    ]
    let text = """
      def f(s: int64[]):
        local s.1, s.2: int64
        s.1 = 1
        s.2 = 2
        s[] = s.2

      """
    #expect(function.printed == text)
    #expect(try LoopFunction(parsing: text) == function)
  }

  @Test func keepsTheOrderOfTheTables() throws {
    var function = LoopFunction("f")
    _ = function.add(Variable("t", .bool))
    _ = function.add(Variable("n", .int64, role: .parameter(3), lowerBound: 2))
    _ = function.add(Variable("i", .int64))
    _ = function.add(Buffer("b", .int8, extents: [], role: .temporary))
    _ = function.add(Buffer("y", .int8, extents: [.index(4)], role: .argument(1)))
    let text = """
      def f(temporary b: int8[], y: int8[4] argument 1, local t: bool, n: int64 parameter 3 >= 2):
        local i: int64
        pass

      """
    #expect(function.printed == text)
    #expect(try LoopFunction(parsing: text) == function)
  }

  @Test func breaksALongHead() throws {
    var function = LoopFunction("f")
    for i in 0..<12 {
      _ = function.add(Buffer("argument\(i)", .float64, extents: [.index(4)], role: .argument(i)))
    }
    #expect(function.printed.hasPrefix("def f(\n    argument0: float64[4],\n    argument1:"))
    #expect(try LoopFunction(parsing: function.printed) == function)
  }

  @Test func chainsConditionals() throws {
    let text = """
      def f(c: bool, d: bool):
        local s: int64
        if c:
          s = 1
        elif d:
          s = 2
        else:
          s = 3

      """
    let function = try LoopFunction(parsing: text)
    #expect(function.printed == text)
    guard case .conditional(_, _, let otherwise) = function.body.first?.kind else {
      Issue.record("not a conditional")
      return
    }
    #expect(otherwise.count == 1)
  }

  @Test func ignoresCommentsAndBlankLines() throws {
    let plain = try LoopFunction(parsing: "def f():\n  local s: int64\n  s = 1\n")
    let commented = try LoopFunction(
      parsing:
        "# one\n\ndef f(  # two\n):\r\n\n  local s: int64\n# three\n    # four\n  s = 1  # five")
    #expect(plain == commented)
  }

  @Test func placesSpansInTheText() throws {
    let function = try LoopFunction(parsing: "def f():\n  local s: int64\n  s = 1 + 2\n")
    let statement = try #require(function.body.first)
    #expect((statement.span.line, statement.span.column, statement.span.endColumn) == (3, 2, 11))
    guard case .assign(_, let value) = statement.kind else { return }
    #expect((value.span.line, value.span.column, value.span.endColumn) == (3, 6, 11))
  }
}
