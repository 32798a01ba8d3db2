import CRuntime
import Testing

@testable import Runtime

@Suite struct RuntimeTableTests {
  private let table = RuntimeTable.address.pointee

  @Test(arguments: [Int64(0), 1, 63, 64, 65, 4096, 1 << 20])
  func allocatesAlignedMemory(bytes: Int64) throws {
    let memory = try #require(table.allocate(bytes))
    #expect(Int(bitPattern: memory) % 64 == 0)
    memory.initializeMemory(as: UInt8.self, repeating: 7, count: Int(bytes))
    table.deallocate(memory)
  }

  @Test(arguments: [Int64.min, -1, .max, .max - 63, 1 << 56])
  func refusesSizesThatCannotBe(bytes: Int64) {
    #expect(table.allocate(bytes) == nil)
  }

  @Test func freesNothing() {
    table.deallocate(nil)
  }

  @Test func failsToCallBackUntilSomebodySaysHow() {
    #expect(table.call_back(nil, 0, nil) == RuntimeTable.noCallbacks)
    RuntimeTable.install(callback: { _, index, _ in index + 1 })
    #expect(RuntimeTable.address.pointee.call_back(nil, 4, nil) == 5)
  }

  @Test func runsALoopAndATeam() {
    let visits = Visits(iterations: 10_000, multiple: 16)
    table.parallel_for(
      { context, begin, end in Visits.at(context)?.record(begin, end) },
      Unmanaged.passUnretained(visits).toOpaque(), 10_000, 16, .max)
    #expect(visits.areExact)
    let arrivals = Counter()
    table.parallel_team(
      { context, _, workers in
        guard let context else { return }
        let arrivals = Unmanaged<Counter>.fromOpaque(context).takeUnretainedValue()
        RuntimeTable.address.pointee.team_barrier()
        arrivals.add(workers > 0 ? 1 : -100)
      }, Unmanaged.passUnretained(arrivals).toOpaque(), 2)
    #expect((1...2).contains(arrivals.count))
  }
}
