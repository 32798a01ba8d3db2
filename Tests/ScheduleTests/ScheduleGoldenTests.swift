import LoopIR
import Passes
import Schedule
import Syntax
import TestSupport
import Testing

/// The schedule of the golden files.
private let schedule: [String: LoopSchedule] = [
  "N": LoopSchedule(threads: .constant(1024)),
  "dynamic": LoopSchedule(threads: .parameter(0)),
  "single": LoopSchedule(threads: .constant(1)),
  "reduceOnly": LoopSchedule(threads: nil, isReduction: true),
  "U": LoopSchedule(threads: nil, unrolls: true),
  "PU": LoopSchedule(threads: .constant(8), unrolls: true),
  "P": LoopSchedule(threads: .constant(8)),
  "R": LoopSchedule(threads: .constant(8), isReduction: true),
]

@Suite struct ScheduleGoldenTests {
  @Test func applySchedule() throws {
    try runGoldens(pass: Schedule.applySchedule(schedule, maximumUnrollCount: 8))
  }

  @Test func recognizeReductions() throws {
    try runGoldens(pass: Schedule.recognizeReductions(schedule))
  }

  @Test func widenAccumulators() throws { try runGoldens(pass: Schedule.widenAccumulators) }

  @Test func splitReductions() throws { try runGoldens(pass: Schedule.splitReductions) }

  @Test func chooseVectorLoops() throws {
    try runGoldens(pass: Schedule.chooseVectorLoops(registerSize: 32))
  }

  @Test func collapseLoops() throws { try runGoldens(pass: Schedule.collapseLoops) }

  @Test func pairIterations() throws { try runGoldens(pass: Schedule.pairIterations) }

  @Test func unrollAndJam() throws { try runGoldens(pass: Schedule.unrollAndJam) }

  @Test func streamStores() throws {
    try runGoldens(pass: Schedule.streamStores(cacheSize: 1 << 20))
  }

  @Test func limitWorkers() throws { try runGoldens(pass: Schedule.limitWorkers) }

  @Test func outlineKernels() throws {
    let pass = Pass<Outline>("outline-kernels") { outline, _ in
      guard case .input(let function) = outline else { return outline }
      return .program(Schedule.outlineKernels(function))
    }
    try runGoldens(pass: pass) { text throws(DiagnosticError) in try Outline(parsing: text) }
  }
}

/// A function before it is cut into a program, the program, or the text that a golden file expects of it.
private enum Outline: IntermediateRepresentation {
  case input(LoopFunction)
  case program(Program)
  case expected(String)

  init(parsing text: String) throws(DiagnosticError) {
    if text.contains("host:\n") {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
      self = .expected(lines.joined(separator: "\n") + "\n")
    } else {
      self = .input(try LoopFunction(parsing: text))
    }
  }

  /// `kernel NAME, reads VARIABLES, touches BUFFERS:` with its loop, for each kernel; then `host:` with the host part.
  var printed: String {
    switch self {
    case .expected(let text): return text
    case .input(let function): return function.printed
    case .program(let program):
      let host = program.host
      return program.kernels.map { kernel in
        let reads = kernel.liveIns.map { host[$0].name }.joined(separator: ", ")
        let touches = kernel.buffers.map { host[$0].name }.joined(separator: ", ")
        return "kernel \(kernel.name), reads \(reads), touches \(touches):\n"
          + host.printing([Statement(.loop(kernel.loop))])
      }.joined() + "host:\n" + host.printing(host.body)
    }
  }

  func verify() -> [Diagnostic] {
    switch self {
    case .expected: []
    case .input(let function): function.verify()
    case .program(let program): program.verify()
    }
  }
}

extension LoopFunction {
  /// The text of some statements of the function, without its declarations.
  fileprivate func printing(_ body: [LoopIR.Statement]) -> String {
    var shown = self
    shown.checks = []
    shown.body = [Statement(.device(body))]
    let lines = shown.printed.split(separator: "\n")
    let first = lines.firstIndex { $0 == "  with device:" } ?? 0
    return lines[(first + 1)...].map { $0.dropFirst(2) + "\n" }.joined()
  }
}
