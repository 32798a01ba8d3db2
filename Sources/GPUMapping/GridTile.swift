import LoopIR

/// How the iterations of a loop that spans blocks are dealt out to them: tile by tile, a few iterations a thread where there
/// are many.
///
///     for tile in blocks of 4 · T iterations:        T: the threads of a block
///       for i in the thread's four, T apart: body
///
/// Neighbouring threads run neighbouring iterations, and the loads of a thread's four wait together: one
/// load a thread leaves half of the bandwidth unused, since not enough bytes are under way (Little's law; V. Volkov, Better
/// Performance at Lower Occupancy, GTC 2010). With few iterations every thread has one, so that all
/// multiprocessors have some. Where rows are accessed by 16 bytes, a thread has two groups of four in a tile, or one of each
/// of several rows.
public enum GridTile {
  /// The iterations of a thread in a tile, T apart.
  public static let iterations = 4
  /// With fewer iterations a tile has one for each thread.
  public static let least = 1 << 20

  /// The iterations of a thread in a tile; nil for a loop that is not dealt out in tiles: it takes its time anyway.
  public static func iterations(of loop: ForLoop) -> Int? {
    let lanes = loop.mapping.lanes
    if lanes > 1 { return loop.body.containsLoop ? lanes : 2 * lanes }
    return suits(loop.body) ? iterations : nil
  }

  /// Whether a loop with a body like that is dealt out in such tiles.
  static func suits(_ body: [Statement]) -> Bool {
    var operations = 0
    body.forEachExpression { _ in operations += 1 }
    return !body.containsLoop && operations <= 64
  }

  /// The iterations of a tile.
  ///
  /// - Parameter all: those of the whole grid, of which a loop may have only a row.
  /// - Parameter iterations: those of a thread in a tile, where there are many.
  public static func size(
    for all: Expression, threads: Expression, iterations: Int
  ) -> Expression {
    let large = threads * .index(iterations)
    let isLarge = Expression.compare(.greaterEqual, all, .index(least))
    switch isLarge.integerLiteral {
    case 0?: return threads
    case 1?: return large
    default: return Expression(.select(isLarge, then: large, otherwise: threads), .int64)
    }
  }
}
