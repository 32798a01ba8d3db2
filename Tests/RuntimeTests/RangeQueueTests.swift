import Testing

@testable import Runtime

@Suite struct RangeQueueTests {
  /// The ranges that `worker` takes of a queue, by their beginnings.
  private func begins(_ queue: RangeQueue, as worker: Int64) -> [Int64] {
    var begins: [Int64] = []
    queue.drain(as: worker) { begin, _ in begins.append(begin) }
    return begins
  }

  @Test func beginsWithTheWorkersOwnStretch() {
    let plan = RangePlan(iterations: 24, multiple: 1, workers: 3)
    let counters = RangeQueue.makeCounters(for: 3)
    let queue = RangeQueue(plan, counters: counters, region: 1)
    let order = begins(queue, as: 1)
    #expect(order == Array(8..<24) + Array(0..<8))
    #expect(begins(queue, as: 0).isEmpty)
  }

  @Test(arguments: [Int64(1), 2, 3, 7, 64])
  func handsOutEachRangeOnce(workers: Int64) {
    let counters = RangeQueue.makeCounters(for: workers)
    for region: UInt64 in 1...20 {
      let iterations = Int64(region) * 37
      let plan = RangePlan(iterations: iterations, multiple: 4, workers: workers)
      let queue = RangeQueue(plan, counters: counters, region: region)
      var covered = 0 as Int64
      var seen: Set<Int64> = []
      // A worker's number may lie above what the region has.
      for worker in [workers &+ 5, 0, workers &- 1] {
        queue.drain(as: worker) { begin, end in
          #expect(seen.insert(begin).inserted)
          covered += end - begin
        }
      }
      #expect(covered == iterations)
    }
  }

  @Test func takesCountersOfEarlierRegionsAsFresh() {
    let counters = RangeQueue.makeCounters(for: 2)
    let plan = RangePlan(iterations: 16, multiple: 1, workers: 2)
    for region: UInt64 in [1, 2, 1 << 39] {
      let queue = RangeQueue(plan, counters: counters, region: region)
      #expect(begins(queue, as: 0) == Array(0..<16))
    }
  }
}
