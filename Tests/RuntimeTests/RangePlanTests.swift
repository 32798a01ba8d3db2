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
      #expect(plan.count >= 1)
      #expect(plan.count <= 8 * workers)
      #expect(plan.bounds(0).begin == 0)
      #expect(plan.bounds(plan.count - 1).end == iterations)
      for index in 0..<min(plan.count, 100) {
        let (begin, end) = plan.bounds(index)
        #expect(begin % multiple == 0)
        #expect(begin < end)
        if index > 0 { #expect(plan.bounds(index - 1).end == begin) }
      }
    }
  }

  @Test func cutsNoRangeShorterThanTheMultiple() {
    let plan = RangePlan(iterations: 100, multiple: 32, workers: 16)
    #expect((0..<plan.count).map { plan.bounds($0).begin } == [0, 32, 64, 96])
  }
}
