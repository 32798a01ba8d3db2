import CCUDA

/// A GPU, by its primary context, which all libraries of the process share.
///
/// Any thread may use it: what runs on the GPU makes the context current for itself alone.
public final class CUDADevice: Sendable {
  public let driver: CUDADriver
  /// The position among the devices that the process may use.
  public let ordinal: Int
  public let name: String
  /// What NVRTC calls its instruction set, such as `sm_90`.
  public let architecture: String
  /// The memory in bytes.
  public let memorySize: Int
  let multiprocessorCount: Int
  let canLaunchCooperatively: Bool
  let context: Handle
  /// Memory of the device, and of the host for copies.
  let memory: DeviceMemory
  /// What a failure may be of that the driver reports later.
  let launched = LaunchedFunctions()

  /// An object of the driver's, which any thread may name.
  struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  fileprivate init(_ driver: CUDADriver, _ ordinal: Int) throws(CUDAError) {
    let functions = driver.functions.pointee
    let count = try driver.deviceCount()
    guard ordinal >= 0, ordinal < count else {
      throw CUDAError(
        .unavailable, "There is no GPU \(ordinal): CUDA found \(count).",
        help: "`nvidia-smi` lists the GPUs; CUDA_VISIBLE_DEVICES chooses among them")
    }
    var device: parpy_cuda_device = 0
    try driver.check(functions.device(&device, Int32(ordinal)), "opening GPU \(ordinal)")
    func attribute(_ name: Int) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try driver.check(
        functions.device_attribute(&value, Int32(name), device),
        "asking for the properties of GPU \(ordinal)")
      return Int(value)
    }
    var characters = [CChar](repeating: 0, count: 256)
    try driver.check(
      functions.device_name(&characters, 256, device), "asking for the name of GPU \(ordinal)")
    var bytes = 0
    try driver.check(
      functions.device_memory(&bytes, device), "asking for the memory of GPU \(ordinal)")
    var context: OpaquePointer?
    try driver.check(
      functions.retain_context(&context, device), "opening the context of GPU \(ordinal)")
    guard let context else { throw CUDAError(.driver, "The CUDA driver gave no context.") }
    self.driver = driver
    self.ordinal = ordinal
    name = String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    architecture =
      "sm_\(try attribute(parpy_cuda_compute_major))\(try attribute(parpy_cuda_compute_minor))"
    memorySize = bytes
    multiprocessorCount = max(1, try attribute(parpy_cuda_multiprocessor_count))
    canLaunchCooperatively = try attribute(parpy_cuda_cooperative_launch) != 0
    self.context = Handle(pointer: context)
    let hasPools = try attribute(parpy_cuda_memory_pools) != 0
    memory = DeviceMemory(driver, ordinal: ordinal, size: bytes, hasPools: hasPools)
  }

  /// Runs `body` with the device's context as the calling thread's.
  @inline(__always)
  func withContext<Result>(_ body: () throws(CUDAError) -> Result) throws(CUDAError) -> Result {
    let functions = driver.functions
    var former: OpaquePointer?
    _ = functions.pointee.current_context(&former)
    do throws(CUDAError) {
      if former == context.pointer { return try body() }
      try driver.check(functions.pointee.set_context(context.pointer), "choosing GPU \(ordinal)")
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
}
