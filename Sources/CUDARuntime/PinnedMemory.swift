import CCUDA

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Memory of the host that a GPU copies to at full speed and without waiting, kept for the next call.
///
/// - Requires: a context of the driver is current, whatever is called.
final class PinnedMemory: Sendable {
  /// Memory for one call.
  struct Block: @unchecked Sendable {
    let memory: UnsafeMutableRawPointer
    let capacity: Int
    /// Whether the driver knows it: copies to other memory make the caller wait.
    let isPinned: Bool
  }

  /// The bytes of the largest block that is page-locked, since such memory is taken from all other programs.
  static let greatestBlock = 32 << 20
  /// The bytes that are kept while no call needs them.
  static let greatestKept = 64 << 20
  private static let leastBlock = 64 << 10

  private let driver: CUDADriver
  private let kept = Locked<[Block]>([])

  init(_ driver: CUDADriver) { self.driver = driver }

  /// A block of at least `bytes` bytes; nil where there is no memory.
  func take(_ bytes: Int) -> Block? {
    if bytes > Self.greatestBlock { return Self.pageable(bytes) }
    let known = kept.withLock { blocks -> Block? in
      let fitting = blocks.indices.filter { blocks[$0].capacity >= bytes }
      guard let best = fitting.min(by: { blocks[$0].capacity < blocks[$1].capacity }) else {
        return nil
      }
      return blocks.remove(at: best)
    }
    if let known { return known }
    var capacity = Self.leastBlock
    while capacity < bytes { capacity *= 2 }
    var memory: UnsafeMutableRawPointer?
    let flags = UInt32(parpy_cuda_host_memory_portable)
    let result = driver.besideCaptures {
      driver.functions.pointee.allocate_host(&memory, capacity, flags)
    }
    guard result == 0, let memory else { return Self.pageable(bytes) }
    return Block(memory: memory, capacity: capacity, isPinned: true)
  }

  /// Gives a block back.
  func give(_ block: Block) {
    guard block.isPinned else { return free(block.memory) }
    let isKept = kept.withLock { blocks in
      let total = blocks.reduce(block.capacity) { $0 + $1.capacity }
      if total <= Self.greatestKept { blocks.append(block) }
      return total <= Self.greatestKept
    }
    if !isKept {
      driver.besideCaptures { _ = driver.functions.pointee.free_host(block.memory) }
    }
  }

  private static func pageable(_ bytes: Int) -> Block? {
    malloc(max(bytes, 1)).map { Block(memory: $0, capacity: bytes, isPinned: false) }
  }
}
