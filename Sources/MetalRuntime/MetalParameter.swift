import GPUMapping
import LoopIR

/// What a kernel takes at one of its buffers.
enum MetalParameter: Hashable {
  /// An array, or the error slot, and whether the kernel may write there.
  case memory(isWritten: Bool)
  /// A value of so many bytes.
  case value(size: Int)
}

extension DeviceKernel {
  /// What the kernel takes, in the order of its buffers: arrays, live-ins, and the error slot where it records faults.
  func parameters(in host: LoopFunction, recordsFaults: Bool) -> [MetalParameter] {
    var written: Set<BufferID> = []
    body.forEachStatement { written.formUnion($0.writtenBuffers) }
    // Of a kernel that the user has written as text there is no body.
    let isKnown = !body.isEmpty
    return buffers.map { .memory(isWritten: !isKnown || written.contains($0)) }
      + liveIns.map { .value(size: host[$0].type.size) }
      + (recordsFaults ? [.memory(isWritten: true)] : [])
  }
}
