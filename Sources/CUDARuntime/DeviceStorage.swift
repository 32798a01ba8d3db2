import CCUDA
import Synchronization

/// Memory of a device that outlives calls, in the order of all work that uses it, whatever the stream.
///
/// Work on a stream that is captured has no place in that order: it runs when the caller's graph is launched, who sees to it.
///
/// Work on another stream than the last is made to wait for that one's, on the device; the host never waits. What is queued
/// on the legacy default stream, which always exists, is found there; behind work on any other stream stands an event, since
/// its owner may destroy the stream. Memory that is ours is freed in that order too, so it may be let go while kernels use it.
public final class DeviceStorage: Sendable {
  public let device: CUDADevice
  /// Where the memory begins; 0 where there is none.
  public let address: UInt64
  /// The size in bytes.
  public let size: Int
  private let isOwned: Bool

  /// The last work that used the memory.
  private struct LastUse {
    /// The handle of its stream, on which all other work has been waited for.
    var stream = CUDAStream.legacy
    /// Stands behind that work, unless the stream is the legacy one.
    var event: CUDADevice.Handle?
  }

  private let lastUse = Locked(LastUse())
  /// The handle of the stream of the last use, for a look without the lock.
  private let lastStream = Atomic<UInt>(0)

  /// Stands for memory that is allocated on the legacy stream, or that somebody else keeps and frees.
  init(_ device: CUDADevice, _ address: UInt64, _ size: Int, isOwned: Bool) {
    self.device = device
    self.address = address
    self.size = size
    self.isOwned = isOwned
  }

  deinit {
    // At the end of the process the driver may be gone before the last storage: then there is nothing to do.
    try? device.withContext { () throws(CUDAError) in
      lastUse.withLock { last in
        let functions = device.driver.functions.pointee
        if let event = last.event {
          _ = functions.wait_for_event(nil, event.pointer, 0)
          _ = functions.destroy_event(event.pointer)
        }
        if isOwned { device.memory.free(address, on: .legacy) }
      }
    }
  }

  // MARK: The order of its uses

  /// Lets work that is queued on the stream from now on wait for all work that used the memory so far.
  @inline(__always)
  public func begin(on stream: CUDAStream) throws(CUDAError) {
    if lastStream.load(ordering: .relaxed) != stream.canonical.handle {
      try changeStream(to: stream.canonical)
    }
  }

  /// Notes that all work that was queued on the stream so far may use the memory.
  @inline(__always)
  public func end(on stream: CUDAStream) {
    let stream = stream.canonical
    if stream != .legacy || lastStream.load(ordering: .relaxed) != CUDAStream.legacy.handle {
      // What makes the driver refuse an event is reported by what comes next.
      try? note(stream)
    }
  }

  private func changeStream(to stream: CUDAStream) throws(CUDAError) {
    if device.driver.isCapturing(stream) { return }
    try lastUse.withLock { last throws(CUDAError) in
      try device.withContext { () throws(CUDAError) in
        try join(&last, stream)
      }
    }
  }

  private func note(_ stream: CUDAStream) throws(CUDAError) {
    if device.driver.isCapturing(stream) { return }
    try lastUse.withLock { last throws(CUDAError) in
      try device.withContext { () throws(CUDAError) in
        // Another thread may have used the memory on another stream meanwhile.
        if last.stream != stream { try join(&last, stream) }
        if stream != .legacy { try record(&last, on: stream) }
      }
      last.stream = stream
      lastStream.store(stream.handle, ordering: .relaxed)
    }
  }

  private func record(_ last: inout LastUse, on stream: CUDAStream) throws(CUDAError) {
    let functions = device.driver.functions.pointee
    if last.event == nil {
      var event: OpaquePointer?
      try device.driver.check(
        functions.create_event(&event, UInt32(parpy_cuda_event_no_timing)), "making an event")
      guard let event else { throw CUDAError(.driver, "The CUDA driver gave no event.") }
      last.event = CUDADevice.Handle(pointer: event)
    }
    try device.driver.check(
      functions.record_event(last.event?.pointer, stream.pointer), "recording an event")
  }

  /// Lets the stream wait for the last use, which was on another.
  private func join(_ last: inout LastUse, _ stream: CUDAStream) throws(CUDAError) {
    if last.stream == .legacy { try record(&last, on: .legacy) }
    guard let event = last.event else { return }
    try device.driver.check(
      device.driver.functions.pointee.wait_for_event(stream.pointer, event.pointer, 0),
      "waiting for another stream")
  }

  // MARK: Copies

  /// Copies bytes of the host to an offset; they may be changed as soon as the call returns.
  public func copyIn(
    _ bytes: UnsafeRawBufferPointer, at offset: Int, on stream: CUDAStream
  ) throws(CUDAError) {
    guard let source = bytes.baseAddress, let target = place(offset, bytes.count) else { return }
    try inOrder(on: stream) { () throws(CUDAError) in
      let functions = device.driver.functions.pointee
      try device.driver.check(
        functions.copy_in(target, source, bytes.count, stream.pointer),
        "copying \(bytes.count) bytes to the GPU")
      // What is page-locked is read where it is, later.
      if device.driver.isKnown(UInt64(UInt(bitPattern: source))) {
        try device.driver.check(
          functions.synchronize_stream(stream.pointer), "copying \(bytes.count) bytes to the GPU")
      }
    }
  }

  /// Copies bytes from an offset to the host, and waits for them.
  public func copyOut(
    _ bytes: UnsafeMutableRawBufferPointer, from offset: Int, on stream: CUDAStream
  ) throws(CUDAError) {
    guard let target = bytes.baseAddress, let source = place(offset, bytes.count) else { return }
    let task = "copying \(bytes.count) bytes from the GPU"
    try inOrder(on: stream) { () throws(CUDAError) in
      let block =
        bytes.count <= Self.greatestStaged ? device.memory.staging.take(bytes.count) : nil
      defer { if let block { device.memory.staging.give(block) } }
      let functions = device.driver.functions.pointee
      try device.driver.check(
        functions.copy_out(block?.memory ?? target, source, bytes.count, stream.pointer), task)
      try device.wait(for: stream, task)
      if let block { target.copyMemory(from: block.memory, byteCount: bytes.count) }
    }
  }

  /// Copies bytes of other memory of the device, which do not overlap them.
  public func copy(
    from other: DeviceStorage, at source: Int, to target: Int, _ count: Int, on stream: CUDAStream
  ) throws(CUDAError) {
    guard let from = other.place(source, count), let to = place(target, count) else { return }
    try other.inOrder(on: stream) { () throws(CUDAError) in
      try inOrder(on: stream) { () throws(CUDAError) in
        try device.driver.check(
          device.driver.functions.pointee.copy(to, from, count, stream.pointer),
          "copying \(count) bytes on the GPU")
      }
    }
  }

  /// Sets all bytes to 0.
  public func clear(on stream: CUDAStream) throws(CUDAError) {
    guard let target = place(0, size) else { return }
    try inOrder(on: stream) { () throws(CUDAError) in
      try device.driver.check(
        device.driver.functions.pointee.fill(target, 0, size, stream.pointer),
        "clearing \(size) bytes on the GPU")
    }
  }

  /// Waits until all work that used the memory is done.
  public func synchronize(on stream: CUDAStream) throws(CUDAError) {
    try inOrder(on: stream) { () throws(CUDAError) in
      try device.wait(for: stream, "waiting for the GPU")
    }
  }

  /// Copies of up to this many bytes come back by way of page-locked memory.
  private static let greatestStaged = 1 << 20

  /// Where so many bytes from an offset on lie; nil where there are none, or not all of them.
  private func place(_ offset: Int, _ count: Int) -> UInt64? {
    guard count > 0, offset >= 0, offset <= size, count <= size - offset else { return nil }
    return address &+ UInt64(offset)
  }

  private func inOrder(
    on stream: CUDAStream, _ body: () throws(CUDAError) -> Void
  ) throws(CUDAError) {
    try begin(on: stream)
    defer { end(on: stream) }
    try device.withContext(body)
  }
}

extension CUDADevice {
  /// New memory for so many bytes, whose contents are whatever was there.
  public func allocate(_ bytes: Int) throws(CUDAError) -> DeviceStorage {
    guard bytes > 0 else { return DeviceStorage(self, 0, 0, isOwned: false) }
    let address = try withContext { () throws(CUDAError) in
      try memory.allocate(UInt64(bytes), on: .legacy)
    }
    guard let address else { throw outOfMemory(for: Self.inUnits(bytes)) }
    return DeviceStorage(self, address, bytes, isOwned: true)
  }

  /// Memory that somebody else keeps for as long as it is used, and frees.
  public func borrow(_ address: UInt64, _ bytes: Int) -> DeviceStorage {
    DeviceStorage(self, address, max(0, bytes), isOwned: false)
  }

  /// The error for memory that there is not.
  ///
  /// - Parameter what: what it was for, or how much it was.
  func outOfMemory(for what: String) -> CUDAError {
    var (free, total) = (0, 0)
    let isKnown =
      (try? withContext { () throws(CUDAError) in
        driver.functions.pointee.memory_info(&free, &total) == 0
      }) ?? false
    let left =
      isKnown
      ? ": without that, GPU \(ordinal) (\(properties.name)) has \(Self.inUnits(free)) of its \(Self.inUnits(total)) free"
      : " on GPU \(ordinal) (\(properties.name))"
    return CUDAError(
      .outOfMemory, "The GPU is out of memory for \(what)\(left).",
      help:
        "let go of arrays that are not needed any more; `nvidia-smi` shows what other processes hold"
    )
  }

  /// A number of bytes as people write it: `1.5 GiB`.
  static func inUnits(_ bytes: Int) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"]
    if bytes < 1024 { return "\(bytes) bytes" }
    var (tenths, unit) = (Double(bytes) / 1024, 0)
    while tenths >= 1024, unit < units.count - 1 { (tenths, unit) = (tenths / 1024, unit + 1) }
    let rounded = (tenths * 10).rounded() / 10
    return "\(rounded) \(units[unit])"
  }
}

extension CUDAStream {
  /// The one handle of those that stand for the same stream.
  var canonical: CUDAStream { handle == 1 ? .legacy : self }
}
