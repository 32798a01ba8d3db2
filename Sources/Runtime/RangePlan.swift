/// How the iterations of a parallel loop are cut into ranges.
///
/// The iterations form blocks of as many as the caller asked for, and the last block may be shorter. Each worker has a
/// stretch of blocks, cut into ranges that get shorter towards its end:
///
///     64 blocks   →   8 8 8 8 8 8 4 4 2 2 1 1 1 1
///
/// Workers start at different times, and cores are taken away for a while: what is left in the end decides how long one
/// worker waits for another. With eighths alone, sums of rows were up to 1/8 slower.
struct RangePlan {
  private let iterations: Int64
  private let multiple: Int64
  private let blocks: Int64
  let workers: Int64

  /// Plans `iterations` for `workers` workers; each range starts at a multiple of `multiple`.
  ///
  /// - Requires: `iterations`, `multiple` and `workers` are positive, `workers` below 2³².
  init(iterations: Int64, multiple: Int64, workers: Int64) {
    self.iterations = iterations
    self.multiple = multiple
    self.workers = workers
    blocks = Self.blocks(iterations: iterations, multiple: multiple)
  }

  /// The number of blocks: more workers than that have nothing to do.
  static func blocks(iterations: Int64, multiple: Int64) -> Int64 {
    (iterations &- 1) / multiple &+ 1
  }

  /// The number of ranges in the stretch of `worker`, empty ones among them; below 2⁴.
  ///
  /// - Requires: `0 <= worker < workers`.
  @inline(__always)
  func rangeCount(of worker: Int64) -> Int64 {
    min(firstBlock(of: worker &+ 1) &- firstBlock(of: worker), Self.mostRanges)
  }

  /// Where range `index` in the stretch of `worker` begins and ends; equal where it is empty.
  ///
  /// - Requires: `0 <= worker < workers` and `0 <= index < rangeCount(of: worker)`.
  @inline(__always)
  func bounds(of worker: Int64, _ index: Int64) -> (begin: Int64, end: Int64) {
    let first = firstBlock(of: worker)
    let length = firstBlock(of: worker &+ 1) &- first
    let begin = first &+ Self.blocks(before: index, of: length)
    let end = first &+ Self.blocks(before: index &+ 1, of: length)
    return (begin &* multiple, end == blocks ? iterations : end &* multiple)
  }

  // MARK: - Blocks

  private static let mostRanges: Int64 = 14

  /// How many blocks of a stretch of `length` lie before its range `index`.
  private static func blocks(before index: Int64, of length: Int64) -> Int64 {
    if length <= mostRanges { return index }
    let parts =
      switch index {
      case ...6: 8 &* index
      case ...8: 24 &+ 4 &* index
      case ...10: 40 &+ 2 &* index
      default: 50 &+ index
      }
    return portion(parts, of: 64, of: length)
  }

  /// Where the stretch of `worker` begins.
  private func firstBlock(of worker: Int64) -> Int64 {
    portion(worker, of: workers, of: blocks)
  }
}

/// `parts / whole` of `length`, rounded down, without overflow where `0 <= parts <= whole < 2³²`.
private func portion(_ parts: Int64, of whole: Int64, of length: Int64) -> Int64 {
  length / whole &* parts &+ length % whole &* parts / whole
}
