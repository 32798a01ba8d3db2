import GPUMapping
import LoopIR
import Schedule
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

  @Test func mapToDevice() throws { try runGoldens(pass: GPUMapping.mapToDevice(schedule)) }

  @Test func splitGridReductions() throws {
    try runGoldens(pass: GPUMapping.splitGridReductions(schedule))
  }

  @Test func hoistTemporaries() throws { try runGoldens(pass: GPUMapping.hoistTemporaries) }

  @Test func guardLengths() throws { try runGoldens(pass: GPUMapping.guardLengths) }

  @Test func decideOnDevice() throws { try runGoldens(pass: GPUMapping.decideOnDevice) }

  @Test func tileRows() throws { try runGoldens(pass: GPUMapping.tileRows) }

  @Test func widenAccesses() throws { try runGoldens(pass: GPUMapping.widenAccesses(schedule)) }
}
