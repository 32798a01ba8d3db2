import CUDARuntime
import Foundation
import Metal
import MetalRuntime

/// What a kernel finds at one of its buffers.
enum Binding {
  case buffer(any MTLBuffer, offset: Int, isWritten: Bool)
  case bytes(UnsafeRawPointer, count: Int)
}

/// Launches that go to the GPU together, in one command buffer.
///
/// Those that touch different memory run side by side; a barrier stands before one that needs what another has written, or writes what
/// another touches.
///
///     k0 reads x, writes t                    dispatch k0
///     k1 reads x, writes u           →        dispatch k1        beside k0
///     k2 reads t and u, writes y              barrier; dispatch k2
final class CommandBatch {
  private let commands: any MTLCommandBuffer
  private let encoder: any MTLComputeCommandEncoder
  /// The kernels, each once.
  private var names: [String] = []
  /// What the launches since the last barrier touch, and what they write.
  private var touched: Set<ObjectIdentifier> = []
  private var written: Set<ObjectIdentifier> = []
  /// How many launches there are.
  private(set) var count = 0
  /// Memory that was freed since, and is free when the kernels have ended.
  var retired: [DeviceBuffer] = []

  /// Begins a command buffer; nil where the queue gives none.
  init?(on queue: any MTLCommandQueue) {
    guard let commands = queue.makeCommandBuffer(),
      let encoder = commands.makeComputeCommandEncoder(dispatchType: .concurrent)
    else { return nil }
    self.commands = commands
    self.encoder = encoder
  }

  /// Adds a launch.
  func encode(_ kernel: CompiledKernel, _ shape: LaunchShape, _ bindings: [Binding]) {
    order(bindings)
    encoder.setComputePipelineState(kernel.pipeline)
    for (index, binding) in bindings.enumerated() {
      switch binding {
      case .buffer(let buffer, let offset, _):
        encoder.setBuffer(buffer, offset: offset, index: index)
      case .bytes(let place, let count):
        encoder.setBytes(place, length: count, index: index)
      }
    }
    encoder.dispatchThreadgroups(
      MTLSize(
        width: Int(shape.blocksX), height: Int(shape.blocksY), depth: Int(shape.blocksZ)),
      threadsPerThreadgroup: MTLSize(width: Int(shape.threads), height: 1, depth: 1))
    count += 1
    if !names.contains(kernel.name) { names.append(kernel.name) }
  }

  /// Puts a barrier before a launch that must come after one behind the last barrier.
  private func order(_ bindings: [Binding]) {
    var (reads, writes): (Set<ObjectIdentifier>, Set<ObjectIdentifier>) = ([], [])
    for case .buffer(let buffer, _, let isWritten) in bindings {
      if isWritten {
        writes.insert(ObjectIdentifier(buffer))
      } else {
        reads.insert(ObjectIdentifier(buffer))
      }
    }
    if !touched.isDisjoint(with: writes) || !written.isDisjoint(with: reads) {
      encoder.memoryBarrier(scope: .buffers)
      (touched, written) = ([], [])
    }
    touched.formUnion(reads.union(writes))
    written.formUnion(writes)
  }

  /// Gives the launches to the GPU.
  func commit() {
    encoder.endEncoding()
    commands.commit()
  }

  /// Waits until the GPU has done all, or has failed.
  ///
  /// - Requires: the batch was committed.
  func waitUntilCompleted() { commands.waitUntilCompleted() }

  var hasEnded: Bool { commands.status == .completed || commands.status == .error }

  /// What went wrong; nil where nothing did so far.
  var failure: MetalError? {
    guard commands.status == .error else { return nil }
    let error = commands.error
    let isOutOfMemory = (error as? MTLCommandBufferError)?.code == .outOfMemory
    let kernels = names.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
    let others = names.count > 4 ? " and others" : ""
    return MetalError(
      isOutOfMemory ? .outOfMemory : .device,
      "Metal failed while running \(kernels)\(others): \(error?.localizedDescription ?? "it does not say why")"
    )
  }
}
