import Foundation
import LoopIR
import Syntax
import TestSupport
import Testing

@Test func explore() throws {
  let text = try String(contentsOfFile: "/tmp/tests/explore.txt", encoding: .utf8)
  for part in text.components(separatedBy: "---\n") where !part.isEmpty {
    var schedule: [String: LoopSchedule] = [:]
    if part.contains("'P'") { schedule["P"] = LoopSchedule(threads: .constant(8)) }
    if part.contains("'R'") { schedule["R"] = LoopSchedule(threads: .constant(8), isReduction: true) }
    if part.contains("'S'") { schedule["S"] = LoopSchedule(threads: nil, isReduction: true) }
    let program = try PythonText(part)
    print("=====\n" + part)
    do {
      print(try program.lowered(schedule: schedule).printed)
    } catch let error as DiagnosticError {
      for d in error.diagnostics { print(d.rendered(with: [program.source])) }
    }
  }
}
