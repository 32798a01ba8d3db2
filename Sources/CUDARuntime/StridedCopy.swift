#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Staging.Argument {
  /// The dimensions of more than one element: extent, and stride in bytes; the innermost last.
  var dimensions: [(extent: Int, stride: Int)] {
    var result: [(extent: Int, stride: Int)] = []
    var contiguous = use.elementSize
    for d in (0..<max(0, array.rank)).reversed() {
      let extent = Int(array.extents[d])
      let stride = array.strides.map { Int($0[d]) &* use.elementSize } ?? contiguous
      contiguous = contiguous &* extent
      if extent != 1 { result.append((extent, stride)) }
    }
    return result.reversed()
  }

  /// Whether the elements fill the bytes from the first to the last.
  var isDense: Bool {
    dimensions.reduce(use.elementSize) { $0 &* $1.extent } == size
  }

  /// Writes the elements to where they belong, and nothing else.
  ///
  /// - Parameter memory: a copy of the bytes from the array's first to its last.
  package func copyElements(from memory: UnsafeRawPointer) {
    guard let first = UnsafeMutableRawPointer(bitPattern: data), array.low < array.high else {
      return
    }
    let source = memory + (data &- array.low)
    var outer = dimensions
    if outer.contains(where: { $0.extent <= 0 }) { return }
    // Inner dimensions that lie one behind the other are one run of bytes.
    var run = use.elementSize
    while let inner = outer.last, inner.stride == run {
      run = run &* inner.extent
      outer.removeLast()
    }
    guard let inner = outer.popLast() else {
      memcpy(first, source, run)
      return
    }
    var position = [Int](repeating: 0, count: outer.count)
    var offset = 0
    while true {
      copyRow(first + offset, source + offset, inner.extent, inner.stride, run)
      var d = outer.count - 1
      while d >= 0 {
        position[d] += 1
        offset = offset &+ outer[d].stride
        if position[d] < outer[d].extent { break }
        offset = offset &- outer[d].stride &* outer[d].extent
        position[d] = 0
        d -= 1
      }
      if d < 0 { return }
    }
  }

  /// Copies `count` runs of bytes that lie `stride` apart.
  private func copyRow(
    _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int, _ stride: Int,
    _ run: Int
  ) {
    func copyAll<Element: BitwiseCopyable>(_ type: Element.Type) {
      for i in 0..<count {
        let value = source.loadUnaligned(fromByteOffset: i &* stride, as: type)
        target.storeBytes(of: value, toByteOffset: i &* stride, as: type)
      }
    }
    switch run {
    case 1: copyAll(UInt8.self)
    case 2: copyAll(UInt16.self)
    case 4: copyAll(UInt32.self)
    case 8: copyAll(UInt64.self)
    default: for i in 0..<count { memcpy(target + i &* stride, source + i &* stride, run) }
    }
  }
}
