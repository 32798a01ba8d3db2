import CCUDA

/// A GPU, by its primary context, which all libraries of the process share.
///
/// Any thread may use it: what runs on the GPU makes the context current for itself alone.
public final class CUDADevice: Sendable {
  public let driver: CUDADriver
  /// The position among the devices that the process may use.
  public let ordinal: Int
  public let properties: DeviceProperties
  let context: Handle
  /// Memory of the device, and of the host for copies.
  let memory: DeviceMemory
  /// What a failure may be of that the driver reports later.
  let launched = LaunchedFunctions()
  /// Those of which callers have captured launches.
  let modulesOfGraphs = Locked<[ObjectIdentifier: CUDAModule]>([:])

  /// An object of the driver's, which any thread may name.
  struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  fileprivate init(_ driver: CUDADriver, _ ordinal: Int) throws(CUDAError) {
    let device = try driver.number(of: ordinal)
    let properties = try DeviceProperties(driver, device, ordinal: ordinal)
    var context: OpaquePointer?
    try driver.check(
      driver.functions.pointee.retain_context(&context, device),
      "opening the context of GPU \(ordinal)")
    guard let context else { throw CUDAError(.driver, "The CUDA driver gave no context.") }
    self.driver = driver
    self.ordinal = ordinal
    self.properties = properties
    self.context = Handle(pointer: context)
    memory = DeviceMemory(
      driver, ordinal: ordinal, size: properties.memorySize, hasPools: properties.hasPools)
  }

  /// Makes the device's context the calling thread's.
  func makeCurrent() throws(CUDAError) {
    try driver.check(
      driver.functions.pointee.set_context(context.pointer), "choosing GPU \(ordinal)")
  }

  /// Runs `body` with the device's context as the calling thread's.
  @inline(__always)
  func withContext<Result>(_ body: () throws(CUDAError) -> Result) throws(CUDAError) -> Result {
    let functions = driver.functions
    var former: OpaquePointer?
    _ = functions.pointee.current_context(&former)
    do throws(CUDAError) {
      if former == context.pointer { return try body() }
      try makeCurrent()
      defer { _ = functions.pointee.set_context(former) }
      return try body()
    } catch {
      throw launched.blamed(for: error)
    }
  }

  /// Waits until all that was queued on the stream is done.
  ///
  /// - Throws: what went wrong in a kernel, too.
  public func synchronize(_ stream: CUDAStream = .legacy) throws(CUDAError) {
    try withContext { () throws(CUDAError) in try wait(for: stream, "waiting for the GPU") }
  }

  /// Waits until all that was queued on the stream is done.
  ///
  /// - Requires: the device's context is current.
  func wait(for stream: CUDAStream, _ task: String) throws(CUDAError) {
    try driver.check(driver.functions.pointee.synchronize_stream(stream.pointer), task)
    launched.forget(on: stream)
  }

  /// Waits until all that the process queued on the device is done.
  public func synchronizeAll() throws(CUDAError) {
    try withContext { () throws(CUDAError) in
      try driver.check(driver.functions.pointee.synchronize_context(), "waiting for the GPU")
      launched.forget()
    }
  }
}

extension CUDADriver {
  /// The device at a position among those that the process may use.
  ///
  /// - Throws: that there is none, or that its context could not be made.
  public func device(_ ordinal: Int) throws(CUDAError) -> CUDADevice {
    try devices.withLock { devices throws(CUDAError) in
      if let known = devices[ordinal] { return known }
      let device = try CUDADevice(self, ordinal)
      devices[ordinal] = device
      return device
    }
  }

  /// Waits until all that was queued on the devices in use is done.
  public func synchronize() throws(CUDAError) {
    for device in devices.withLock({ Array($0.values) }) { try device.synchronizeAll() }
  }
}

/// A queue of work of a device: the number that torch, CuPy and `__cuda_array_interface__` have for it.
public struct CUDAStream: Sendable, Hashable {
  /// The driver's handle: 0 and 1 stand for the legacy default stream, 2 for the thread's own.
  public let handle: UInt

  /// Creates the name of a stream that exists.
  public init(handle: UInt) { self.handle = handle }

  /// The default stream, which waits for the others of the context that are blocking, and they for it.
  public static let legacy = CUDAStream(handle: 0)

  var pointer: OpaquePointer? { OpaquePointer(bitPattern: handle) }

  /// Whether it is one of those that every context has.
  var isDefault: Bool { handle <= 2 }
}
