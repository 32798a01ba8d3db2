import Passes
import Syntax
import Testing

/// An IR of one number, which is sound while it is even.
private struct Even: IntermediateRepresentation {
  var value: Int
  var printed: String { "\(value)" }

  func verify() -> [Diagnostic] {
    value.isMultiple(of: 2) ? [] : [Diagnostic(.bug, "\(value) is odd", at: .none)]
  }
}

private let double = Pass<Even>("double") { ir, _ in Even(value: ir.value * 2) }
private let increment = Pass<Even>("increment") { ir, _ in Even(value: ir.value + 1) }
private let reject = Pass<Even>("reject") { _, context throws(DiagnosticError) in
  context.warn(Diagnostic(.program, "about to reject", at: .none))
  throw DiagnosticError(Diagnostic(.program, "rejected", at: .none))
}

@Test func runsPassesInOrder() throws {
  var runner = PassRunner()
  let result = try runner.run([double, double], on: Even(value: 3), in: PassContext())
  #expect(result.value == 12)
  #expect(runner.timings.map(\.pass) == ["double", "double"])
}

@Test func namesThePassThatBreaksTheIR() throws {
  var runner = PassRunner()
  let error = try #require(throws: DiagnosticError.self) {
    try runner.run([double, increment, double], on: Even(value: 2), in: PassContext())
  }
  #expect(error.diagnostics.map(\.category) == [.bug])
  #expect(error.diagnostics.map(\.message) == ["internal error after pass 'increment': 5 is odd"])
  #expect(runner.timings.map(\.pass) == ["double", "increment"])
}

@Test func keepsWarningsOfAPassThatThrows() throws {
  var runner = PassRunner()
  let context = PassContext()
  let error = try #require(throws: DiagnosticError.self) {
    try runner.run([reject], on: Even(value: 2), in: context)
  }
  #expect(error.diagnostics.map(\.message) == ["rejected"])
  #expect(context.warnings.map(\.message) == ["about to reject"])
}

@Test(
  arguments: [
    (names: ["double"], expected: ["double: 4", "double: 10"]),
    (names: ["all"], expected: ["double: 4", "increment: 5", "double: 10"]),
    (names: [], expected: []),
  ] as [(names: Set<String>, expected: [String])])
func dumpsWhatIsAskedFor(names: Set<String>, expected: [String]) throws {
  struct AnyInteger: IntermediateRepresentation {
    var value: Int
    var printed: String { "\(value)" }
    func verify() -> [Diagnostic] { [] }
  }
  var dumps: [String] = []
  let double = Pass<AnyInteger>("double") { ir, _ in AnyInteger(value: ir.value * 2) }
  let increment = Pass<AnyInteger>("increment") { ir, _ in AnyInteger(value: ir.value + 1) }
  var runner = PassRunner(dump: names) { name, text, _ in dumps.append("\(name): \(text)") }
  _ = try runner.run([double, increment, double], on: AnyInteger(value: 2), in: PassContext())
  #expect(dumps == expected)
}

@Test func dumpsABrokenIRBeforeItIsReported() throws {
  var dumps: [String] = []
  var runner = PassRunner(dump: ["increment"]) { name, text, _ in dumps.append("\(name): \(text)") }
  #expect(throws: DiagnosticError.self) {
    try runner.run([increment], on: Even(value: 2), in: PassContext())
  }
  #expect(dumps == ["increment: 3"])
}
