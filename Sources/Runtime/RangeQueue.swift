import Synchronization

/// Hands out the ranges of a region: each worker takes those of its own stretch first, in order, and then what the
/// others have left.
///
///     12 blocks, 3 workers   →   worker 1: 4, 5, 6, 7, then what is left of 8 … 11 and of 0 … 3
///
/// So a worker touches the same memory in region after region and finds it in its core's cache, and a
/// core that is slow or was taken away still holds nothing up.
struct RangeQueue {
  /// How many ranges were taken of each worker's stretch, below the number of the region they belong to.
  private let taken: UnsafeMutableRawPointer
  private let region: UInt64
  private let plan: RangePlan

  /// The memory of one counter: alone on its cache lines.
  private static let stride = 128
  private static let countBits: UInt64 = 24

  /// Counters for as many workers, of no region yet; never freed.
  static func makeCounters(for workers: Int64) -> UnsafeMutableRawPointer {
    let count = Int(truncatingIfNeeded: max(workers, 1))
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count &* stride, alignment: stride)
    for worker in 0..<count {
      (memory + worker &* stride).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
        .initialize(to: Atomic(0))
    }
    return memory
  }

  /// The queue of one region.
  ///
  /// - Parameters:
  ///   - counters: from `makeCounters`, for at least the plan's workers, used by one region at a time.
  ///   - region: a number that no earlier region on these counters had; at least 1.
  init(_ plan: RangePlan, counters: UnsafeMutableRawPointer, region: UInt64) {
    self.plan = plan
    taken = counters
    self.region = region
  }

  /// Runs `body` with range after range until none is left; `worker` says where to begin.
  @inline(__always)
  func drain(as worker: Int64, _ body: (_ begin: Int64, _ end: Int64) -> Void) {
    let first = worker % plan.workers
    var owner = first
    repeat {
      while let index = take(from: owner) {
        let (begin, end) = plan.bounds(of: owner, index)
        if begin < end { body(begin, end) }
      }
      owner = owner &+ 1 == plan.workers ? 0 : owner &+ 1
    } while owner != first
  }

  /// The number of the next range in a worker's stretch; nil where all are taken.
  private func take(from owner: Int64) -> Int64? {
    let ranges = UInt64(truncatingIfNeeded: plan.rangeCount(of: owner))
    let counter = (taken + Int(truncatingIfNeeded: owner) &* Self.stride)
      .assumingMemoryBound(to: Atomic<UInt64>.self)
    var seen = counter.pointee.load(ordering: .relaxed)
    while true {
      let isCurrent = seen >> Self.countBits == region
      let count = isCurrent ? seen & (1 << Self.countBits &- 1) : 0
      if count >= ranges { return nil }
      let (exchanged, original) = counter.pointee.weakCompareExchange(
        expected: seen, desired: region << Self.countBits | (count &+ 1), ordering: .relaxed)
      if exchanged { return Int64(truncatingIfNeeded: count) }
      seen = original
    }
  }
}
