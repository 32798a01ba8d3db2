/// An array that is a small part of the bytes from its first to its last, such as a column of a matrix, as rectangles: rows of
/// bytes at equal distances.
struct SparseArray {
  /// The address of each rectangle's first byte.
  var starts: [Int]
  var rowBytes: Int
  var rowCount: Int
  /// The bytes from one row to the next.
  var pitch: Int

  /// An array that is less than this part of its bytes is sparse.
  private static let leastPart = 8
  /// Arrays below this size are not worth the driver's slower copy of rectangles.
  private static let leastSize = 1 << 16
  /// More rectangles than this take longer than all bytes would.
  private static let greatestCount = 1024
  /// The driver's limit for the distance of rows.
  private static let greatestPitch = 0x7FFF_FFFF

  /// Nil where the array is best copied with all that lies between its elements.
  init?(_ argument: Staging.Argument) {
    let dimensions = argument.dimensions
    let bytes = dimensions.reduce(argument.use.elementSize) { $0 &* $1.extent }
    guard dimensions.allSatisfy({ $0.extent > 0 }), argument.size >= Self.leastSize,
      bytes < argument.size / Self.leastPart
    else {
      return nil
    }
    // The order of the elements does not matter here: all strides count up from the first byte.
    var outer = dimensions.map { (extent: $0.extent, stride: Int(clamping: $0.stride.magnitude)) }
      .sorted { $0.stride > $1.stride }
    var run = argument.use.elementSize
    while let inner = outer.last, inner.stride == run {
      run = run &* inner.extent
      outer.removeLast()
    }
    guard let rows = outer.popLast(), rows.stride > run, rows.stride <= Self.greatestPitch else {
      return nil
    }
    var starts = [argument.array.low]
    for dimension in outer {
      guard starts.count &* dimension.extent <= Self.greatestCount else { return nil }
      starts = starts.flatMap { start in
        (0..<dimension.extent).map { start &+ $0 &* dimension.stride }
      }
    }
    self.starts = starts
    rowBytes = run
    rowCount = rows.extent
    pitch = rows.stride
  }
}
