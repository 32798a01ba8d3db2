import CCUDA

/// Memory of one device, in the order of a stream where the driver can do that.
///
/// The pool is ParPy's own, so that its settings are not those of other libraries; what is freed stays in it up to an eighth of
/// the device's memory, which makes an allocation about a microsecond.
///
/// - Requires: the device's context is current, whatever is called.
final class DeviceMemory: Sendable {
  /// What atomic operations change at least, in bytes.
  private static let word = 4

  private let driver: CUDADriver
  private let ordinal: Int
  private let size: Int
  private let hasPools: Bool
  /// Made at the first allocation; nil afterwards where the driver refuses one.
  private let pool = Locked<PoolState>(.unknown)
  /// Page-locked memory of the host for copies.
  let staging: PinnedMemory

  private enum PoolState {
    case unknown
    case none
    case pool(OpaquePointer)
  }

  init(_ driver: CUDADriver, ordinal: Int, size: Int, hasPools: Bool) {
    self.driver = driver
    self.ordinal = ordinal
    self.size = size
    self.hasPools = hasPools
    staging = PinnedMemory(driver)
  }

  /// Memory for `bytes` bytes that work on the stream may use from now on; 0 for no bytes.
  ///
  /// It ends with a whole word: atomic updates of 8 and 16 bits change the word around their element, which has to lie in the
  /// memory of the array, or tools such as compute-sanitizer report it.
  ///
  /// - Returns: nil where there is not enough memory.
  func allocate(_ bytes: UInt64, on stream: CUDAStream) throws(CUDAError) -> UInt64? {
    if bytes == 0 { return 0 }
    guard bytes <= UInt64(size), let given = Int(exactly: bytes) else { return nil }
    let count = (given + Self.word - 1) / Self.word * Self.word
    let pool = currentPool()
    if pool == nil, driver.isCapturing(stream) {
      throw CUDAError(
        .unavailable,
        "GPU \(ordinal) has no memory pools, so functions with temporaries cannot be part of a CUDA graph."
      )
    }
    if let address = try allocate(count, pool, stream) { return address }
    // Nothing comes back while a stream is captured.
    if driver.isCapturing(stream) { return nil }
    // What is freed, but still in use by work that was queued, comes back once that is done.
    try driver.check(driver.functions.pointee.synchronize_context(), "waiting for memory")
    if let pool { _ = driver.functions.pointee.trim_pool(pool, 0) }
    return try allocate(count, pool, stream)
  }

  /// Gives memory back, once the work that is queued on the stream is done with it.
  func free(_ address: UInt64, on stream: CUDAStream) {
    if address == 0 { return }
    // What can go wrong here has gone wrong before, and was reported.
    if currentPool() != nil {
      _ = driver.functions.pointee.free_in_order(address, stream.pointer)
    } else {
      _ = driver.functions.pointee.free(address)
    }
  }

  private func allocate(
    _ bytes: Int, _ pool: OpaquePointer?, _ stream: CUDAStream
  ) throws(CUDAError) -> UInt64? {
    var address: UInt64 = 0
    let result =
      pool.map {
        driver.functions.pointee.allocate_from_pool(&address, bytes, $0, stream.pointer)
      } ?? driver.functions.pointee.allocate(&address, bytes)
    if Int(result) == parpy_cuda_out_of_memory { return nil }
    try driver.check(result, "allocating \(bytes) bytes")
    return address
  }

  /// The pool; nil where memory is allocated outside the order of streams.
  private func currentPool() -> OpaquePointer? {
    pool.withLock { state in
      if case .unknown = state { state = makePool() }
      guard case .pool(let pool) = state else { return nil }
      return pool
    }
  }

  private func makePool() -> PoolState {
    guard hasPools else { return .none }
    var properties = parpy_cuda_pool_properties()
    properties.allocation = Int32(parpy_cuda_allocation_pinned)
    properties.location = Int32(parpy_cuda_location_device)
    properties.location_number = Int32(truncatingIfNeeded: ordinal)
    var pool: OpaquePointer?
    var kept = UInt64(size / 8)
    driver.besideCaptures {
      guard driver.functions.pointee.create_pool(&pool, &properties) == 0, let pool else { return }
      _ = driver.functions.pointee.set_pool_attribute(
        pool, Int32(parpy_cuda_pool_release_threshold), &kept)
    }
    return pool.map { .pool($0) } ?? .none
  }
}
