import CUDARuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Memory of the Metal device that outlives calls, and that the host reads and writes between them.
///
/// Arrays of a call that lie in it are used where they are.
package final class SharedMemory: @unchecked Sendable {
  package let start: UnsafeMutableRawPointer
  private let range: Range<Int>
  private let device: any MetalDevice

  /// Memory for at least one byte, which holds whatever was there, or zeros.
  package init(
    _ bytes: Int, isZeroed: Bool, on device: any MetalDevice
  ) throws(MetalError) {
    self.device = device
    guard let start = device.allocate(bytes) else {
      throw MetalError(.outOfMemory, "The GPU is out of memory for \(bytes) bytes.")
    }
    self.start = start
    let low = Int(bitPattern: start)
    range = low..<(low &+ bytes)
    if isZeroed { memset(start, 0, bytes) }
    Self.all.withLock { $0.insert(range, at: Self.position(of: low, in: $0)) }
  }

  deinit {
    Self.all.withLock { ranges in
      let position = Self.position(of: range.lowerBound, in: ranges)
      if ranges.indices.contains(position), ranges[position] == range {
        ranges.remove(at: position)
      }
    }
    device.free(start)
  }

  /// Whether all these bytes, at least one, lie in one such memory.
  package static func holds(_ bytes: Range<Int>) -> Bool {
    all.withLock { ranges in
      let next = position(of: bytes.lowerBound &+ 1, in: ranges)
      guard !bytes.isEmpty, next > 0 else { return false }
      return ranges[next - 1].lowerBound <= bytes.lowerBound
        && bytes.upperBound <= ranges[next - 1].upperBound
    }
  }

  /// The addresses of all that there is, in their order.
  private static let all = Locked<[Range<Int>]>([])

  /// How many ranges begin before an address.
  private static func position(of address: Int, in ranges: [Range<Int>]) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound < address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
