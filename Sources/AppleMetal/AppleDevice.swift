import CUDARuntime
import Metal
import MetalRuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The GPU of a Mac, through Apple's framework.
///
/// Launches gather in a command buffer, which is committed when the host must wait, or when it holds enough for the GPU to begin.
package final class AppleDevice: MetalDevice, @unchecked Sendable {
  let device: any MTLDevice
  private let queue: any MTLCommandQueue
  /// What stands for an array without elements: no buffer of a kernel may be left open.
  private let placeholder: any MTLBuffer
  private let state: Locked<DeviceState>
  let compiled = Locked(CompiledKernelCache())
  /// The process that has opened the device.
  private let process = getpid()

  /// Launches that are gathered at most.
  private static let greatestBatch = 64
  /// The buffers of a kernel (Metal Feature Set Tables, "Maximum number of entries in the buffer argument table").
  private static let greatestArgumentCount = 31

  /// Opens the system's GPU.
  ///
  /// - Throws: that there is none which can run the kernels.
  package static func standard() throws(MetalError) -> AppleDevice {
    try pooled { () throws(MetalError) in
      guard let device = MTLCreateSystemDefaultDevice() else {
        throw MetalError(.unavailable, "This Mac gives no GPU to Metal.\n\(wayOut)")
      }
      return try AppleDevice(device)
    }
  }

  private static let wayOut =
    "help: leave opts.backend out, or set it to parpy.CompileBackend.Cpu"

  /// Uses a GPU of the framework's.
  init(_ device: any MTLDevice) throws(MetalError) {
    // Kernels take 32 lanes a SIMD group and memory of the host for granted; virtual machines name the family Mac2 alone.
    guard device.hasUnifiedMemory, device.supportsFamily(.apple7) || device.supportsFamily(.mac2)
    else {
      throw MetalError(
        .unavailable,
        "'\(device.name)' is older than Apple silicon, which ParPy's kernels are for.\n\(Self.wayOut)"
      )
    }
    guard let queue = device.makeCommandQueue(),
      let placeholder = device.makeBuffer(length: 256, options: .storageModeShared)
    else {
      throw MetalError(.unavailable, "'\(device.name)' gives Metal no memory.\n\(Self.wayOut)")
    }
    self.device = device
    self.queue = queue
    self.placeholder = placeholder
    state = Locked(DeviceState(memory: DeviceMemory(device)))
  }

  package var obstacle: MetalError? {
    if process == getpid() { return nil }
    return MetalError(
      .unavailable,
      "a child of `fork` cannot use Metal: start processes with multiprocessing's 'spawn'")
  }

  // MARK: Memory

  package func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    pooled {
      if let memory = state.withLock({ $0.allocate(bytes) }) { return memory }
      // What has been freed, and kernels may still use, is enough perhaps.
      finish(state.withLock { $0.commit() })
      return state.withLock { state in
        state.collect()
        state.memory.dropSpare()
        return state.allocate(bytes)
      }
    }
  }

  package func lend(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> Bool {
    pooled { state.withLock { $0.memory.lend(memory, bytes) } }
  }

  package func free(_ memory: UnsafeMutableRawPointer) {
    pooled { state.withLock { $0.free(memory) } }
  }

  // MARK: Launches

  /// Launches a pipeline after those that were launched before.
  func launch(
    _ kernel: CompiledKernel, _ shape: LaunchShape, _ arguments: [MetalArgument]
  ) throws(MetalError) {
    guard shape.threads <= kernel.greatestThreads, arguments.count <= Self.greatestArgumentCount
    else {
      throw MetalError(
        .device,
        "'\(kernel.name)' cannot be launched with \(shape.threads) threads a threadgroup and \(arguments.count) arguments."
      )
    }
    try pooled { () throws(MetalError) in
      try state.withLock { state throws(MetalError) in
        var bindings: [Binding] = []
        for argument in arguments { bindings.append(try binding(of: argument, kernel, state)) }
        guard let batch = state.open ?? CommandBatch(on: queue) else {
          throw MetalError(.device, "Metal gives no command buffer for '\(kernel.name)'.")
        }
        state.open = batch
        batch.encode(kernel, shape, bindings)
        if batch.count >= Self.greatestBatch { state.commit() }
      }
    }
  }

  private func binding(
    of argument: MetalArgument, _ kernel: CompiledKernel, _ state: DeviceState
  ) throws(MetalError) -> Binding {
    switch argument {
    case .value(let place, let size): return .bytes(place, count: size)
    case .memory(nil, _): return .buffer(placeholder, offset: 0, isWritten: false)
    case .memory(let address?, let isWritten):
      guard let (buffer, offset) = state.memory.buffer(at: address) else {
        throw MetalError(.device, "'\(kernel.name)' was given an address that is not the GPU's.")
      }
      return .buffer(buffer, offset: offset, isWritten: isWritten)
    }
  }

  package func wait() throws(MetalError) {
    try pooled { () throws(MetalError) in
      let batches = state.withLock { $0.commit() }
      finish(batches)
      state.withLock { state in
        state.collect()
        // Others that wait for a batch which has failed find its error in their own list.
        state.committed.removeAll { batch in batches.contains { $0 === batch } }
      }
      for batch in batches { if let failure = batch.failure { throw failure } }
    }
  }

  private func finish(_ batches: [CommandBatch]) {
    for batch in batches { batch.waitUntilCompleted() }
  }
}

/// What `body` gives; objects that the framework hands out for a while end with it, since Python's threads have no pool of their own.
func pooled<Success, Failure>(
  _ body: () throws(Failure) -> Success
) throws(Failure) -> Success {
  try autoreleasepool { Result { () throws(Failure) in try body() } }.get()
}
