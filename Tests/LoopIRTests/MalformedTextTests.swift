import LoopIR
import TestSupport
import Testing

import struct Syntax.DiagnosticError

@Suite struct MalformedTextTests {
  @Test(arguments: [
    ("", "line 1: expected 'def'"),
    ("def", "line 1: expected a name"),
    ("def f(", "line 1: expected a name"),
    ("def f()", "line 1: expected ':'"),
    ("def f():\n", "line 2: expected an indented block"),
    ("def f():\npass", "line 2: expected an indented block"),
    ("def f():\n  pass\n def", "line 3: this indentation fits no outer block"),
    ("def f():\n  pass\ndef g():\n  pass", "line 3: expected the end of the text"),
    ("def f():\n\tpass", "line 2: unexpected character '\t'"),
    ("def f():\n  s = 1", "line 2: unknown name 's'"),
    ("def f():\n  local s: int65\n", "line 2: expected a type"),
    ("def f():\n  local s, s: int64\n", "line 2: the name is declared already"),
    ("def f():\n  local s: int8\n  s = 128", "line 3: 128 does not fit int8"),
    ("def f():\n  local s: int8\n  s = -129", "line 3: -129 does not fit int8"),
    ("def f():\n  local s: uint64\n  s = -1", "line 3: -1 does not fit uint64"),
    (
      "def f():\n  local s: int64\n  s = 99999999999999999999",
      "line 3: 99999999999999999999 does not fit 64 bits"
    ),
    ("def f():\n  local s: float32\n  s = 1e39", "line 3: the number does not fit float32"),
    ("def f():\n  local s: int64\n  s = 1f32", "line 3: '1f32' is not a number"),
    ("def f():\n  local s: int64\n  s = 1 +", "line 3: expected a name"),
    ("def f():\n  local s: int64\n  s = (1", "line 3: expected ')'"),
    ("def f():\n  local s: int64\n  s = 1 2", "line 3: expected the end of the line"),
    ("def f():\n  local s: bool\n  s = 1 < 2 < 3", "line 3: comparisons do not chain"),
    ("def f():\n  local s: bool\n  s = True == not True", "line 3: expected a name"),
    (
      "def f():\n  local s: int64\n  s = sin(1.0, 2.0)",
      "line 3: there is no function 'sin' of 2 arguments"
    ),
    ("def f():\n  local s: int64\n  s[0] = 1", "line 3: expected '='"),
    ("def f(x: int64[4]):\n  x = 1", "line 2: expected '['"),
    ("def f(x: int64[4):\n  pass", "line 1: a bracket is not closed"),
    ("def f(x: int64[4]):\n  for x in 0..<4:\n    pass", "line 2: a variable must stand here"),
    (
      "def f():\n  @lane(8)\n  pass",
      "line 2: expected label, independent, reduce, update, workers, tpb, lanes, unroll, stream or a level"
    ),
    ("def f():\n  @lanes(8)\n  pass", "line 3: expected 'for'"),
    ("def f():\n  @label(\"N)\n  pass", "line 2: a quote is not closed"),
    ("def f():\n  check True else", "line 2: expected 'error'"),
    ("def f():\n  check True else error odd \"\"", "line 2: expected a category of errors"),
    ("def f():\n  launch 9999999999999999999", "line 2: expected an integer of 64 bits"),
    ("def f():\n  launch -1", "line 2: expected a count"),
    ("def f.99999999999999999999():\n  pass", "line 1: this suffix is too great"),
  ])
  func namesTheLine(text: String, message: String) throws {
    let error = try #require(throws: DiagnosticError.self) { try LoopFunction(parsing: text) }
    #expect(error.diagnostics.map(\.message) == [message])
  }

  @Test(arguments: ["(", "-", "not ", "~", "1 ** ", "abs(", "x[", "1 if True else "])
  func refusesDeepNesting(opening: String) throws {
    let deep = String(repeating: opening, count: 100_000)
    let error = try #require(throws: DiagnosticError.self) {
      try LoopFunction(parsing: "def f(x: int64[4]):\n  x[0] = \(deep)1")
    }
    #expect(error.diagnostics.map(\.message) == ["line 2: nested deeper than 200 levels"])
  }

  @Test func refusesHighExpressions() throws {
    try withDeepStack {
      let sum = String(repeating: "1 + ", count: 100_000) + "1"
      let error = try #require(throws: DiagnosticError.self) {
        try LoopFunction(parsing: "def f(x: int64[4]):\n  x[0] = \(sum)")
      }
      #expect(
        error.diagnostics.map(\.message) == ["line 2: the expression is deeper than 1000 levels"])
      let shorter = String(repeating: "1 + ", count: 999) + "1"
      let function = try LoopFunction(parsing: "def f(x: int64[4]):\n  x[0] = \(shorter)")
      #expect(try LoopFunction(parsing: function.printed) == function)
    }
  }

  @Test func refusesDeepBlocks() throws {
    let lines = (1...1000).map { String(repeating: " ", count: $0) + "while True:\n" }
    let error = try #require(throws: DiagnosticError.self) {
      try LoopFunction(parsing: "def f():\n" + lines.joined())
    }
    #expect(error.diagnostics.map(\.message) == ["line 202: nested deeper than 200 levels"])
  }

  /// Text that is cut, repeated or overwritten somewhere is read or refused, and what is read can be judged.
  @Test(arguments: 0..<100 as Range<UInt64>)
  func neverTraps(seed: UInt64) throws {
    let text = Array(RandomFunction.make(seed: seed).printed.utf8)
    let alphabet = Array("()[]:,@=+-*/%<>.0123456789\"`\\#\n ifnota\u{e9}".utf8)
    var random = SeededGenerator(state: seed)
    for _ in 0..<60 {
      var damaged = text
      for _ in 0..<Int.random(in: 1...3, using: &random) where !damaged.isEmpty {
        let start = Int.random(in: damaged.indices, using: &random)
        let end = min(damaged.count, start + Int.random(in: 0...6, using: &random))
        let other = Int.random(in: damaged.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: damaged.removeSubrange(start..<end)
        case 1: damaged.removeSubrange(start...)
        case 2: damaged.insert(contentsOf: damaged[start..<end], at: other)
        default: damaged[start] = alphabet.randomElement(using: &random) ?? 0
        }
      }
      do throws(DiagnosticError) {
        let function = try LoopFunction(parsing: String(decoding: damaged, as: UTF8.self))
        _ = function.verify()
        #expect(try LoopFunction(parsing: function.printed).printed == function.printed)
      } catch {
        #expect(error.diagnostics.allSatisfy { $0.message.hasPrefix("line ") })
      }
    }
  }
}
