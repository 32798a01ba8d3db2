import Testing

@testable import Runtime

@Suite struct RangePlanTests {
  private static let extremes: [Int64] = [
    2, 3, 17, 1000, 1 << 20, 1 << 62, .max / 2, .max / 2 + 1, .max - 1, .max,
  ]

  @Test(arguments: extremes, extremes)
  func coversTheIterationsWithoutOverflow(iterations: Int64, multiple: Int64) {
    for workers: Int64 in [1, 2, 3, 64, 32_767] {
      let plan = RangePlan(iterations: iterations, multiple: multiple, workers: workers)
      var last = 0 as Int64
      for worker in 0..<workers {
        for index in 0..<plan.rangeCount(of: worker) {
          let (begin, end) = plan.bounds(of: worker, index)
          #expect(begin == last && begin <= end && (begin % multiple == 0 || begin == end))
          last = end
        }
      }
      #expect(last == iterations)
    }
  }

  /// The lengths of the ranges of one worker.
  private func lengths(_ plan: RangePlan, of worker: Int64) -> [Int64] {
    (0..<plan.rangeCount(of: worker)).map {
      let (begin, end) = plan.bounds(of: worker, $0)
      return end - begin
    }
  }

  @Test func shortensTheRangesTowardsTheEndOfAStretch() {
    let plan = RangePlan(iterations: 128, multiple: 1, workers: 2)
    #expect(lengths(plan, of: 0) == [8, 8, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1, 1, 1])
    #expect(lengths(plan, of: 1) == lengths(plan, of: 0))
  }

  @Test func cutsNoRangeShorterThanTheMultiple() {
    let plan = RangePlan(iterations: 100, multiple: 32, workers: 3)
    #expect((0..<3).map { lengths(plan, of: $0) } == [[32], [32], [32, 4]])
  }
}
