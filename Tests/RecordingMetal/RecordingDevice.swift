import Foundation

/// What was asked of a device, apart from memory.
public enum MetalEvent: Hashable, Sendable {
  /// A text was compiled.
  case compile
  /// A kernel was compiled into an archive.
  case archive(String)
  /// A kernel was made ready.
  case pipeline(String)
  /// A command buffer was begun; they are counted from 1.
  case begin(Int)
  case dispatch(String, blocks: [Int], threads: Int)
  case barrier
  case commit(Int)
  case wait(Int)
}

/// A GPU in the place of the framework's: it keeps what is asked of it, and runs kernels as late as a GPU may, when the host waits.
///
/// Kernels are closures. What the framework's validation would end the process for is noted in `misuses`.
public final class RecordingDevice: NSObject, MTLDevice {
  /// What `MTLCreateSystemDefaultDevice` gives.
  nonisolated(unsafe) public static var system: RecordingDevice?
  /// How many autorelease pools are around on this thread; without one, what the framework hands out is never freed.
  static var poolDepth: Int {
    get { Thread.current.threadDictionary["RecordingMetal.pools"] as? Int ?? 0 }
    set { Thread.current.threadDictionary["RecordingMetal.pools"] = newValue }
  }

  public let name: String
  public var hasUnifiedMemory = true
  public var maxBufferLength = 1 << 32
  public var families: Set<MTLGPUFamily> = [.apple7]
  public var threadExecutionWidth = 32
  /// The most threads of a kernel, by name; 1024 for others.
  public var greatestThreads: [String: Int] = [:]
  /// The kernels that texts have, by name.
  public var kernels: [String: (Dispatch) -> Void] = [:]
  /// Why the next text is refused.
  public var refusal: (any Error)?
  /// What becomes of the next command buffers that run; nil for those that do well.
  public var failures: [(any Error)?] = []
  /// How many bytes of buffers there may be.
  public var memorySize = 1 << 30
  /// Whether memory of the host can be lent.
  public var lends = true

  public private(set) var events: [MetalEvent] = []
  /// The lengths of the buffers that were made, and of those that the host's memory was lent to.
  public private(set) var allocations: [Int] = []
  public private(set) var loans: [Int] = []
  public private(set) var misuses: [String] = []
  /// What was compiled.
  public private(set) var texts: [String] = []
  /// With what options.
  public private(set) var options: [MTLCompileOptions?] = []
  fileprivate var liveBytes = 0
  fileprivate var commandBuffers = 0

  /// Makes a GPU.
  public init(name: String = "Recording GPU") {
    self.name = name
    super.init()
  }

  /// Forgets the events so far and gives them.
  public func takeEvents() -> [MetalEvent] {
    defer { events = [] }
    return events
  }

  fileprivate func note(_ event: MetalEvent) {
    events.append(event)
    require(Self.poolDepth > 0, "\(event) outside an autorelease pool")
  }

  fileprivate func require(_ condition: Bool, _ rule: String) {
    if !condition { misuses.append(rule) }
  }

  public func supportsFamily(_ gpuFamily: MTLGPUFamily) -> Bool { families.contains(gpuFamily) }

  public func makeCommandQueue() -> (any MTLCommandQueue)? { RecordingQueue(self) }

  public func makeBuffer(length: Int, options: MTLResourceOptions) -> (any MTLBuffer)? {
    require(options == .storageModeShared, "a buffer that the host cannot see")
    require(0 < length && length <= maxBufferLength, "a buffer of \(length) bytes")
    guard liveBytes + length <= memorySize else { return nil }
    allocations.append(length)
    return RecordingBuffer(self, length)
  }

  public func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions,
    deallocator: ((UnsafeMutableRawPointer, Int) -> Void)?
  ) -> (any MTLBuffer)? {
    let page = Int(getpagesize())
    require(Int(bitPattern: pointer) % page == 0, "memory that does not begin with a page")
    require(length % page == 0 && length > 0, "memory that does not end with a page")
    guard lends else { return nil }
    loans.append(length)
    return RecordingBuffer(self, length, lent: pointer)
  }

  public func makeLibrary(source: String, options: MTLCompileOptions?) throws -> any MTLLibrary {
    note(.compile)
    texts.append(source)
    self.options.append(options)
    if let refusal {
      self.refusal = nil
      throw refusal
    }
    return RecordingLibrary(self)
  }

  public func makeComputePipelineState(
    descriptor: MTLComputePipelineDescriptor, options: MTLPipelineOption,
    reflection: UnsafeMutablePointer<MTLComputePipelineReflection?>?
  ) throws -> any MTLComputePipelineState {
    let name = descriptor.computeFunction?.name ?? ""
    require(!name.isEmpty, "a pipeline without a function")
    note(.pipeline(name))
    return RecordingPipeline(
      name: name, maxTotalThreadsPerThreadgroup: greatestThreads[name] ?? 1024,
      threadExecutionWidth: threadExecutionWidth)
  }

  public func makeBinaryArchive(
    descriptor: MTLBinaryArchiveDescriptor
  ) throws -> any MTLBinaryArchive {
    try RecordingArchive(self, descriptor.url)
  }
}

/// What a kernel is run with.
public struct Dispatch {
  /// The memory, or the bytes of the value, at each buffer.
  public var arguments: [UnsafeMutableRawPointer]

  /// The elements of an array, or a value.
  public func elements<T>(_ index: Int, as type: T.Type = T.self) -> UnsafeMutablePointer<T> {
    arguments[index].assumingMemoryBound(to: type)
  }
}

// MARK: Memory and kernels

private final class RecordingBuffer: NSObject, MTLBuffer {
  let length: Int
  private let memory: UnsafeMutableRawPointer
  private let isLent: Bool
  private let device: RecordingDevice

  init(_ device: RecordingDevice, _ length: Int, lent: UnsafeMutableRawPointer? = nil) {
    self.device = device
    self.length = length
    memory = lent ?? .allocate(byteCount: length, alignment: 16384)
    isLent = lent != nil
    if !isLent { device.liveBytes += length }
    super.init()
  }

  deinit {
    if isLent { return }
    device.liveBytes -= length
    memory.deallocate()
  }

  func contents() -> UnsafeMutableRawPointer { memory }
}

private final class RecordingLibrary: NSObject, MTLLibrary {
  private let device: RecordingDevice

  init(_ device: RecordingDevice) { self.device = device }

  func makeFunction(name functionName: String) -> (any MTLFunction)? {
    device.kernels[functionName] == nil ? nil : RecordingFunction(name: functionName)
  }
}

private final class RecordingFunction: NSObject, MTLFunction {
  let name: String

  init(name: String) { self.name = name }
}

private final class RecordingPipeline: NSObject, MTLComputePipelineState {
  let name: String
  let maxTotalThreadsPerThreadgroup: Int
  let threadExecutionWidth: Int

  init(name: String, maxTotalThreadsPerThreadgroup: Int, threadExecutionWidth: Int) {
    self.name = name
    self.maxTotalThreadsPerThreadgroup = maxTotalThreadsPerThreadgroup
    self.threadExecutionWidth = threadExecutionWidth
  }
}

/// An archive that is a list of names in a file.
private final class RecordingArchive: NSObject, MTLBinaryArchive {
  private struct Damaged: Error {}

  private static let mark = "archive of "
  private let device: RecordingDevice
  private var names: [String] = []

  init(_ device: RecordingDevice, _ url: URL?) throws {
    self.device = device
    super.init()
    guard let url else { return }
    let lines = try String(contentsOf: url, encoding: .utf8).components(separatedBy: "\n")
    guard lines.first == Self.mark + device.name else { throw Damaged() }
    names = Array(lines.dropFirst())
  }

  func addComputePipelineFunctions(descriptor: MTLComputePipelineDescriptor) throws {
    let name = descriptor.computeFunction?.name ?? ""
    device.note(.archive(name))
    names.append(name)
  }

  func serialize(to url: URL) throws {
    let text = ([Self.mark + device.name] + names).joined(separator: "\n")
    try text.write(to: url, atomically: false, encoding: .utf8)
  }
}

// MARK: Commands

private final class RecordingQueue: NSObject, MTLCommandQueue {
  private let device: RecordingDevice

  init(_ device: RecordingDevice) { self.device = device }

  func makeCommandBuffer() -> (any MTLCommandBuffer)? { RecordingCommands(device) }
}

private final class RecordingCommands: NSObject, MTLCommandBuffer {
  private(set) var status = MTLCommandBufferStatus.notEnqueued
  private(set) var error: (any Error)?
  private let device: RecordingDevice
  private let number: Int
  private var encoder: RecordingEncoder?

  init(_ device: RecordingDevice) {
    self.device = device
    device.commandBuffers += 1
    number = device.commandBuffers
    super.init()
    device.note(.begin(number))
  }

  func makeComputeCommandEncoder(
    dispatchType: MTLDispatchType
  ) -> (any MTLComputeCommandEncoder)? {
    device.require(encoder == nil, "a second encoder")
    device.require(dispatchType == .concurrent, "dispatches that always wait for each other")
    encoder = RecordingEncoder(device)
    return encoder
  }

  func commit() {
    device.note(.commit(number))
    device.require(encoder?.hasEnded ?? true, "commit before endEncoding")
    device.require(status == .notEnqueued, "a second commit")
    status = .committed
  }

  func waitUntilCompleted() {
    device.note(.wait(number))
    device.require(status != .notEnqueued, "wait before commit")
    guard status == .committed else { return }
    if let failure = device.failures.isEmpty ? nil : device.failures.removeFirst() {
      error = failure
      status = .error
      return
    }
    encoder?.runs.forEach { $0() }
    encoder = nil
    status = .completed
  }
}

private final class RecordingEncoder: NSObject, MTLComputeCommandEncoder {
  private enum Argument {
    case buffer(any MTLBuffer, offset: Int)
    case bytes([UInt8])
  }

  private let device: RecordingDevice
  private var pipeline: RecordingPipeline?
  private var arguments: [Int: Argument] = [:]
  private(set) var hasEnded = false
  private(set) var runs: [() -> Void] = []

  init(_ device: RecordingDevice) { self.device = device }

  deinit { device.require(hasEnded, "an encoder that goes before endEncoding") }

  func setComputePipelineState(_ state: any MTLComputePipelineState) {
    pipeline = state as? RecordingPipeline
  }

  func setBuffer(_ buffer: (any MTLBuffer)?, offset: Int, index: Int) {
    device.require(index < 31, "buffer \(index)")
    guard let buffer else { return device.require(false, "buffer \(index) is left open") }
    device.require(0 <= offset && offset < buffer.length, "an offset behind the buffer")
    arguments[index] = .buffer(buffer, offset: offset)
  }

  func setBytes(_ bytes: UnsafeRawPointer, length: Int, index: Int) {
    device.require(length <= 4096 && index < 31, "\(length) bytes at buffer \(index)")
    arguments[index] = .bytes(Array(UnsafeRawBufferPointer(start: bytes, count: length)))
  }

  func memoryBarrier(scope: MTLBarrierScope) {
    device.require(scope == .buffers, "a barrier for something else")
    device.note(.barrier)
  }

  func dispatchThreadgroups(
    _ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize
  ) {
    let (blocks, threads) = (threadgroupsPerGrid, threadsPerThreadgroup)
    guard let pipeline, let body = device.kernels[pipeline.name] else {
      return device.require(false, "a dispatch without a kernel")
    }
    device.note(
      .dispatch(
        pipeline.name, blocks: [blocks.width, blocks.height, blocks.depth],
        threads: threads.width))
    device.require(!hasEnded, "a dispatch behind endEncoding")
    device.require(threads.height == 1 && threads.depth == 1, "a threadgroup of several dimensions")
    device.require(
      threads.width <= pipeline.maxTotalThreadsPerThreadgroup, "\(threads.width) threads")
    let arguments = self.arguments
    runs.append { Self.run(body, arguments) }
  }

  /// Runs a kernel as one call.
  private static func run(_ body: (Dispatch) -> Void, _ arguments: [Int: Argument]) {
    var values: [UnsafeMutableRawPointer] = []
    let places = arguments.sorted { $0.key < $1.key }.map { _, argument in
      switch argument {
      case .buffer(let buffer, let offset): return buffer.contents() + offset
      case .bytes(let bytes):
        let place = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        place.copyMemory(from: bytes, byteCount: bytes.count)
        values.append(place)
        return place
      }
    }
    body(Dispatch(arguments: places))
    values.forEach { $0.deallocate() }
  }

  func endEncoding() {
    device.require(!hasEnded, "a second endEncoding")
    hasEnded = true
  }
}
