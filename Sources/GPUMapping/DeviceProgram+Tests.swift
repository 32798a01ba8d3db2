import LoopIR
import Schedule
import struct Syntax.Span

/// What a device program tests as it runs, and which number each test has.
///
/// The tests of the host part come first, one for each place in its text, so that they have their numbers also where the host part was
/// printed and read back; then those of the kernels, each once.
extension DeviceProgram {
  /// The tests; the error slot holds the position of one that failed, counted from 1.
  public var faults: [RunTimeTest] { hostTests + runTimeTests(in: kernels.map(\.body), of: host) }

  /// The tests of the host part, in the order of the statements.
  public var hostTests: [RunTimeTest] {
    var found: [RunTimeTest] = []
    host.body.forEachStatement { found += tests(ofHost: $0) }
    return found
  }

  /// Whether anything is tested, so that kernels get the address of the error slot.
  public var recordsFaults: Bool { !faults.isEmpty }

  /// The tests that one statement of the host part makes; those that follow have the numbers behind theirs.
  public func tests(ofHost statement: Statement) -> [RunTimeTest] {
    runTimeTests(in: [[statement.mapBlocks { _ in [] }]], of: host)
  }
}
