import LoopIR
import Lowering
import Syntax
import TestSupport
import Testing

/// The labels that tests schedule: `P` runs in parallel, `R` is a parallel reduction, `S` a sequential one.
let testSchedule: [String: LoopSchedule] = [
  "P": LoopSchedule(threads: .constant(8)),
  "R": LoopSchedule(threads: .constant(8), isReduction: true),
  "S": LoopSchedule(threads: nil, isReduction: true),
]

/// Expects that the Python text is lowered to the IR text.
func expectLowering(
  of python: String, to ir: String, globals: [String: ResolvedName] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let lowered = try PythonText(python).lowered(schedule: testSchedule, globals: globals)
  let expected = try LoopFunction(parsing: ir)
  #expect(lowered.printed == expected.printed, sourceLocation: sourceLocation)
}

/// Expects that the function, lowered, leaves its first array with the given numbers.
func expectRun(
  of python: String, on arrays: [Storage], parameters: [Literal] = [], gives numbers: [Double],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let lowered = try PythonText(python).lowered(schedule: testSchedule)
  do {
    try Interpreter.run(lowered, arrays: arrays, parameters: parameters)
    #expect(arrays[0].numbers == numbers, "\(lowered.printed)", sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(error) in\n\(lowered.printed)", sourceLocation: sourceLocation)
  }
}

/// Expects exactly the diagnostics whose messages stand in comments `# error: …` behind the lines they are about.
func expectDiagnostics(
  of python: String, globals: [String: ResolvedName] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let program = try PythonText(python)
  var expected: [String] = []
  for (i, line) in program.source.lines.enumerated() {
    guard let comment = line.firstRange(of: "# error: ") else { continue }
    expected.append("\(i + 1): \(line[comment.upperBound...])")
  }
  var found: [String] = []
  do {
    let ir = try program.lowered(schedule: testSchedule, globals: globals)
    found.append("none, but\n\(ir.printed)")
  } catch let error as DiagnosticError {
    found = error.diagnostics.map { "\($0.spans.first?.line ?? 0): \($0.message)" }
  }
  #expect(found == expected, sourceLocation: sourceLocation)
}
