import LoopIR

/// The elements of a product whose sums a thread keeps in registers: neighbouring rows, and columns a warp's width apart.
///
///     8 x 8 of a thread, 8 warps of a block:
///     lane l of warp w has rows 8·w, … 8·w + 7 and columns l, l + 32, … l + 224 of 64 rows and 256 columns
///
/// So a warp reads neighbouring columns, and what is the same for a whole row it reads once; and the warps of a block
/// read the same columns at about the same time, which then come from the first-level cache.
struct RegisterTile {
  /// Of a thread.
  let rows: Int
  /// Of a thread.
  let columns: Int
  /// How many warps stand one below the other, each for rows of its own.
  let warps: Int
  /// Whether a block is a tile of threads, and stages what they load.
  let isStaged: Bool

  static let lanes = 32
  /// Of the sums of a thread. The registers of a multiprocessor, 256 KiB, then are enough for two blocks of 256 threads, with what
  /// is loaded and the places of it.
  static let mostBytes = 256
  /// With fewer threads all multiprocessors would not have enough.
  static let leastThreads = 1 << 15
  /// Of a block that stages what it loads. On an H200, product of float32: 4 warps 32 TFLOP/s, 8 warps 28.
  static let stagedWarps = 4
  /// Of a thread, rows and columns, those that save most loads first.
  private static let shapes = [(8, 8), (8, 4), (4, 4)]

  /// The tiles that a thread has registers for, those that save most loads first.
  ///
  /// - Parameters:
  ///   - bytes: those that the sums of one element take.
  ///   - sharesColumns: whether anything that is loaded is the same for several columns.
  ///   - canStage: whether a block that is such a tile may stage what it loads.
  ///   - level: who shares the columns.
  static func fitting(
    bytes: Int, sharesColumns: Bool, _ level: DeviceLevel, canStage: (RegisterTile) -> Bool
  ) -> [RegisterTile] {
    shapes.compactMap { rows, columns in
      let columns = sharesColumns ? columns : 1
      let size = bytes.multipliedReportingOverflow(by: rows * columns)
      guard !size.overflow, size.partialValue <= mostBytes else { return nil }
      // As many warps as columns: so the loop has as many iterations as it had, and all threads that it asks for.
      let warps = level == .grid ? columns : 1
      let staged = RegisterTile(rows: rows, columns: columns, warps: stagedWarps, isStaged: true)
      if columns > 1 && canStage(staged) { return staged }
      return RegisterTile(rows: rows, columns: columns, warps: warps, isStaged: false)
    }
  }

  /// The threads that have rows and columns side by side.
  var threads: Int { Self.lanes * warps }
  /// The most threads of a block, so that each has enough registers.
  var threadsPerBlock: Int { max(128, threads) }
  /// The rows of `threads` threads.
  var height: Int { rows * warps }
  /// The columns of `threads` threads.
  var width: Int { Self.lanes * columns }

  /// Whether so many rows and columns fill tiles, enough of them for the whole GPU.
  func suits(rows allRows: Expression, columns allColumns: Expression) -> Expression {
    [
      Expression.compare(.greaterEqual, allRows, .index(height)),
      .compare(.greaterEqual, allColumns, .index(width)),
      .compare(.greaterEqual, allRows * allColumns, .index(rows * columns * Self.leastThreads)),
    ].conjunction ?? .bool(true)
  }
}

extension [Expression] {
  /// Whether all of the conditions hold; nil where there are none.
  var conjunction: Expression? {
    guard let first else { return nil }
    return dropFirst().reduce(first) { Expression(.logical(.and, $0, $1), .bool).folded }
  }
}
