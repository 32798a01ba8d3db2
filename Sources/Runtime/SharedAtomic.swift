import Synchronization

/// An atomic alone on its cache lines, at an address that never moves and is never freed.
///
/// Two lines, because Intel's prefetcher fetches them in pairs and Apple's lines are 128 bytes.
typealias SharedAtomic<Value: AtomicRepresentable> = UnsafeMutablePointer<Atomic<Value>>

extension UnsafeMutablePointer where Pointee: ~Copyable {
  /// Memory for one `Pointee`, uninitialised, that shares its cache lines with nothing else.
  static func allocateAloneOnCacheLines() -> Self {
    let line = 128
    let size = (MemoryLayout<Pointee>.size + line - 1) / line * line
    return UnsafeMutableRawPointer.allocate(byteCount: size, alignment: line)
      .bindMemory(to: Pointee.self, capacity: 1)
  }

  /// A new atomic that holds `value`.
  static func shared<Value>(_ value: Value) -> Self where Pointee == Atomic<Value> {
    let atomic = allocateAloneOnCacheLines()
    atomic.initialize(to: Atomic(value))
    return atomic
  }
}
