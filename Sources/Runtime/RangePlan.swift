/// How the iterations of a parallel loop are cut into ranges: all of one length but the last.
///
///     iterations 10, multiple 4, 2 workers   →   [0, 4) [4, 8) [8, 10)
struct RangePlan {
  /// The number of ranges.
  let count: Int64
  /// The length of each range but the last: a multiple of what the caller asked for.
  private let length: Int64
  private let iterations: Int64

  /// At most this many ranges a worker: enough to balance uneven iterations and a core that is
  /// taken away for a while, few enough that handing them out costs nothing.
  private static let rangesPerWorker: Int64 = 8

  /// Plans `iterations` for `workers` workers; each range starts at a multiple of `multiple`.
  ///
  /// - Requires: `iterations`, `multiple` and `workers` are positive, `workers` below 2³².
  init(iterations: Int64, multiple: Int64, workers: Int64) {
    // Nothing overflows: with two blocks or more, a range is shorter than `iterations` or is one
    // block, and a single block is never multiplied.
    let blocks = (iterations &- 1) / multiple &+ 1
    let blocksPerRange = (blocks &- 1) / (workers &* Self.rangesPerWorker) &+ 1
    self.iterations = iterations
    length = blocksPerRange &* multiple
    count = (blocks &- 1) / blocksPerRange &+ 1
  }

  /// Where range `index` begins and ends.
  ///
  /// - Requires: `0 <= index < count`.
  @inline(__always)
  func bounds(_ index: Int64) -> (begin: Int64, end: Int64) {
    let begin = index &* length
    return (begin, iterations &- begin > length ? begin &+ length : iterations)
  }
}
