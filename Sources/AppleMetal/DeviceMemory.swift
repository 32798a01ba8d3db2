import Metal

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A buffer of the framework's and the addresses at which the host sees it.
final class DeviceBuffer {
  let buffer: any MTLBuffer
  let start: UInt
  let length: Int
  /// Whether the memory belongs to somebody else.
  let isLent: Bool
  /// How often it has to be freed.
  fileprivate var useCount = 1

  init(_ buffer: any MTLBuffer, isLent: Bool) {
    self.buffer = buffer
    start = UInt(bitPattern: buffer.contents())
    length = buffer.length
    self.isLent = isLent
  }

  fileprivate var end: UInt { start &+ UInt(bitPattern: length) }
}

/// The buffers of a device, found by addresses; those that were freed are given out again.
struct DeviceMemory {
  private let device: any MTLDevice
  /// In the order of their addresses; no two overlap.
  private var buffers: [DeviceBuffer] = []
  /// What was freed, by length.
  private var spare: [Int: [DeviceBuffer]] = [:]
  private var spareBytes = 0

  /// Of what was freed, so much is kept at most.
  private static let greatestSpareBytes = 1 << 29
  private static let pageSize = Int(getpagesize())

  init(_ device: any MTLDevice) { self.device = device }

  /// Memory for so many bytes; nil where there is not enough.
  mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    guard let length = Self.rounded(bytes), length <= device.maxBufferLength else { return nil }
    let known = spare[length]?.popLast()
    if known != nil { spareBytes -= length }
    let made =
      known
      ?? device.makeBuffer(length: length, options: .storageModeShared)
      .map { DeviceBuffer($0, isLent: false) }
    guard let made else { return nil }
    insert(made)
    return UnsafeMutableRawPointer(bitPattern: made.start)
  }

  /// The length of a buffer for so many bytes, one of few, so that it is often found again.
  private static func rounded(_ bytes: Int) -> Int? {
    let unit = bytes < pageSize ? 256 : pageSize
    let (sum, overflow) = max(bytes, 1).addingReportingOverflow(unit - 1)
    return overflow ? nil : sum / unit * unit
  }

  /// Makes memory of the host the GPU's too; false where it does not begin with a page, or the framework refuses it.
  ///
  /// The last page may hold something else behind the memory, which stays as it is.
  mutating func lend(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> Bool {
    let start = UInt(bitPattern: memory)
    guard bytes >= Self.pageSize, start % UInt(Self.pageSize) == 0,
      let length = Self.rounded(bytes), length <= device.maxBufferLength
    else { return false }
    let next = firstIndex(endingBehind: start)
    if buffers.indices.contains(next), buffers[next].start < start &+ UInt(length) {
      // Another call uses it; what overlaps otherwise could be given back too soon.
      let other = buffers[next]
      guard other.isLent, other.start == start, other.length >= length else { return false }
      other.useCount += 1
      return true
    }
    let made = device.makeBuffer(
      bytesNoCopy: memory, length: length, options: .storageModeShared, deallocator: nil)
    guard let made else { return false }
    insert(DeviceBuffer(made, isLent: true))
    return true
  }

  /// The buffer in which an address lies, and how far behind its start.
  func buffer(at address: UnsafeRawPointer) -> (buffer: any MTLBuffer, offset: Int)? {
    let address = UInt(bitPattern: address)
    let index = firstIndex(endingBehind: address)
    guard buffers.indices.contains(index), buffers[index].start <= address else { return nil }
    return (buffers[index].buffer, Int(address - buffers[index].start))
  }

  /// Takes out the buffer that starts at an address; nil where there is none, or it is to be freed once more.
  mutating func remove(_ memory: UnsafeMutableRawPointer) -> DeviceBuffer? {
    let start = UInt(bitPattern: memory)
    let index = firstIndex(endingBehind: start)
    guard buffers.indices.contains(index), buffers[index].start == start else { return nil }
    buffers[index].useCount -= 1
    return buffers[index].useCount == 0 ? buffers.remove(at: index) : nil
  }

  /// Keeps a buffer that no kernel uses any longer for the next of its length.
  mutating func recycle(_ buffer: DeviceBuffer) {
    if buffer.isLent { return }
    if spareBytes > Self.greatestSpareBytes - min(buffer.length, Self.greatestSpareBytes) {
      dropSpare()
    }
    if buffer.length > Self.greatestSpareBytes { return }
    buffer.useCount = 1
    spare[buffer.length, default: []].append(buffer)
    spareBytes += buffer.length
  }

  /// Gives what was freed back to the system.
  mutating func dropSpare() {
    spare = [:]
    spareBytes = 0
  }

  private mutating func insert(_ buffer: DeviceBuffer) {
    buffers.insert(buffer, at: firstIndex(endingBehind: buffer.start))
  }

  /// The position of the first buffer that ends behind an address.
  private func firstIndex(endingBehind address: UInt) -> Int {
    var (low, high) = (0, buffers.count)
    while low < high {
      let middle = (low + high) / 2
      if buffers[middle].end > address { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
