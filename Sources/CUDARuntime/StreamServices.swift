import CCUDA

/// Launches and memory in the order of a stream.
///
/// - Requires: the device's context is current.
struct StreamServices: HostServices {
  typealias Failure = CUDAError

  let module: CUDAModule
  let stream: CUDAStream
  private let functions: UnsafePointer<parpy_cuda_driver>
  private let pointer: OpaquePointer?

  init(_ module: CUDAModule, _ stream: CUDAStream) {
    self.module = module
    self.stream = stream
    functions = module.device.driver.functions
    pointer = stream.pointer
  }

  /// Whether the stream is captured as a graph of the caller's.
  var isCaptured: Bool { module.device.driver.isCapturing(stream) }

  func allocate(_ bytes: UInt64) throws(CUDAError) -> UInt64? {
    try module.device.memory.allocate(bytes, on: stream)
  }

  func free(_ address: UInt64) { module.device.memory.free(address, on: stream) }

  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(CUDAError) {
    try launch(plan.kernel, LaunchShape(plan, frame), frame.arguments[plan.kernel])
  }

  func wait() throws(CUDAError) {
    try module.device.wait(for: stream, "waiting for the kernels")
  }

  /// Nobody is there to be called.
  func callBack(_ function: Int, _ words: UnsafeMutablePointer<Int64>) -> HostOutcome? {
    .callbackFailed
  }

  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(CUDAError) -> HostOutcome? {
    let device = module.device
    let wordSize = MemoryLayout<UInt64>.size
    guard let block = device.memory.staging.take(2 * wordSize) else { return .outOfMemory }
    defer { device.memory.staging.give(block) }
    let task = "waiting for the kernels that the host part depends on"
    let fault = block.memory + wordSize
    fault.storeBytes(of: 0, as: UInt64.self)
    try device.driver.check(
      functions.pointee.copy_out(block.memory, plan.address(in: frame), plan.type.size, pointer),
      task)
    if let slot {
      try device.driver.check(functions.pointee.copy_out(fault, slot, wordSize, pointer), task)
    }
    try device.driver.check(functions.pointee.synchronize_stream(pointer), task)
    if fault.load(as: UInt64.self) != 0 { return .faultOnDevice }
    frame[plan.result] = HostArithmetic.element(at: block.memory, plan.type)
    return nil
  }

  /// Launches the kernel at a position of the module with arguments at the given addresses.
  func launch(
    _ index: Int, _ shape: LaunchShape, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  ) throws(CUDAError) {
    let launcher = module.launchers[index]
    let result =
      launcher.isCooperative
      ? launchTogether(launcher, shape, arguments)
      : functions.pointee.launch(
        launcher.function, shape.blocksX, shape.blocksY, shape.blocksZ, shape.threads, 1, 1,
        launcher.sharedBytes, pointer, arguments, nil)
    if result != 0 { throw refusal(result, index, shape) }
  }

  /// Launches a kernel all of whose blocks run at the same time.
  private func launchTogether(
    _ launcher: KernelLauncher, _ shape: LaunchShape,
    _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  ) -> parpy_cuda_result {
    var shape = shape
    var blocks: Int32 = 0
    let result = functions.pointee.occupancy(
      &blocks, launcher.function, Int32(clamping: shape.threads), Int(launcher.sharedBytes))
    if result != 0 { return result }
    shape.limitBlocks(Int(max(1, blocks)) &* module.device.properties.multiprocessorCount)
    var attribute = parpy_cuda_launch_attribute()
    attribute.name = Int32(parpy_cuda_launch_cooperative)
    attribute.value.0 = 1
    return withUnsafePointer(to: attribute) { attribute in
      var configuration = parpy_cuda_launch_configuration()
      configuration.blocks_x = shape.blocksX
      configuration.blocks_y = shape.blocksY
      configuration.blocks_z = shape.blocksZ
      configuration.threads_x = shape.threads
      configuration.threads_y = 1
      configuration.threads_z = 1
      configuration.shared_bytes = launcher.sharedBytes
      configuration.stream = pointer
      configuration.attributes = attribute
      configuration.attribute_count = 1
      return functions.pointee.launch_configured(
        &configuration, launcher.function, arguments, nil)
    }
  }

  private func refusal(_ result: parpy_cuda_result, _ index: Int, _ shape: LaunchShape) -> CUDAError
  {
    let grid = "\(shape.blocksX) x \(shape.blocksY) x \(shape.blocksZ)"
    return module.device.driver.launchError(
      result,
      "launching '\(module.kernels[index].name)' with \(grid) blocks of \(shape.threads) threads")
  }
}

/// The grid of one launch, within what every device takes.
package struct LaunchShape: Sendable, Hashable {
  package var blocksX: UInt32
  package var blocksY: UInt32
  package var blocksZ: UInt32
  package var threads: UInt32

  private static let greatestX: Int64 = 0x7FFF_FFFF
  private static let greatestYZ: Int64 = 65535
  private static let greatestBlock: Int64 = 1024

  /// So many blocks along x, and threads of each.
  package init(blocks: UInt32, threads: UInt32) {
    (blocksX, blocksY, blocksZ) = (blocks, 1, 1)
    self.threads = threads
  }

  /// The grid whose numbers stand in a frame.
  @inline(__always)
  package init(_ plan: LaunchPlan, _ frame: HostFrame) {
    func clamped(_ register: Register, _ greatest: Int64) -> UInt32 {
      UInt32(truncatingIfNeeded: max(1, min(frame[register], greatest)))
    }
    blocksX = clamped(plan.blocks.x, Self.greatestX)
    blocksY = clamped(plan.blocks.y, Self.greatestYZ)
    blocksZ = clamped(plan.blocks.z, Self.greatestYZ)
    threads = clamped(plan.threads, Self.greatestBlock)
  }

  /// Takes blocks away, first along x, until there are at most `limit`.
  mutating func limitBlocks(_ limit: Int) {
    let limit = UInt32(clamping: max(1, limit))
    blocksZ = min(blocksZ, limit)
    blocksY = min(blocksY, max(1, limit / blocksZ))
    blocksX = min(blocksX, max(1, limit / (blocksZ * blocksY)))
  }
}
