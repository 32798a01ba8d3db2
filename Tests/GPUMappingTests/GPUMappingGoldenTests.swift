import GPUMapping
import LoopIR
import Passes
import Schedule
import Syntax
import TestSupport
import Testing

/// The schedule of the golden files.
private let schedule: [String: LoopSchedule] = [
  "rows": LoopSchedule(threads: .constant(100)),
  "few": LoopSchedule(threads: .constant(4)),
  "columns": LoopSchedule(threads: .constant(128)),
  "wide": LoopSchedule(threads: .constant(8192)),
  "R": LoopSchedule(threads: .constant(8192), isReduction: true),
]

@Suite struct GPUMappingGoldenTests {
  @Test func distributeNests() throws {
    try runGoldens(pass: GPUMapping.distributeNests(schedule))
  }

  @Test func mapToClusters() throws {
    try runGoldens(pass: GPUMapping.mapToClusters(schedule, atMost: 8))
  }

  @Test func mapToDevice() throws { try runGoldens(pass: GPUMapping.mapToDevice(schedule)) }

  @Test func splitGridReductions() throws {
    try runGoldens(pass: GPUMapping.splitGridReductions(schedule))
  }

  @Test func hoistTemporaries() throws { try runGoldens(pass: GPUMapping.hoistTemporaries) }

  @Test func guardLengths() throws { try runGoldens(pass: GPUMapping.guardLengths) }

  @Test func decideOnDevice() throws { try runGoldens(pass: GPUMapping.decideOnDevice) }

  @Test func tileRows() throws { try runGoldens(pass: GPUMapping.tileRows) }

  @Test func tileRegisters() throws { try runGoldens(pass: GPUMapping.tileRegisters(schedule)) }

  @Test func widenAccesses() throws { try runGoldens(pass: GPUMapping.widenAccesses(schedule)) }

  /// Where host and GPU share memory.
  @Test func outlineDeviceKernels() throws {
    let pass = Pass<Outline>("outline-device-kernels") { outline, _ throws(DiagnosticError) in
      guard case .input(let function) = outline else { return outline }
      return .program(
        try GPUMapping.outlineDeviceKernels(function, schedule, sharesMemory: true))
    }
    try runGoldens(pass: pass) { text throws(DiagnosticError) in
      text.contains("_kernel0") ? .expected(text) : .input(try LoopFunction(parsing: text))
    }
  }
}

/// A function before it is cut into a program, the program, or the text that a golden file expects of it.
private enum Outline: IntermediateRepresentation {
  case input(LoopFunction)
  case program(DeviceProgram)
  case expected(String)

  var printed: String {
    let text =
      switch self {
      case .expected(let text): text
      case .input(let function): function.printed
      case .program(let program): program.printed
      }
    return String(text.reversed().drop(while: \.isNewline).reversed()) + "\n"
  }

  func verify() -> [Diagnostic] {
    switch self {
    case .expected: []
    case .input(let function): function.verify()
    case .program(let program): program.verify()
    }
  }
}
