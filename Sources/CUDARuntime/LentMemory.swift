import CCUDA

/// Memory of the device that a Python function sees as a copy in memory of the host, for one call.
///
/// Parts that overlap share one copy, as they share the device's memory.
///
/// - Requires: the device's context is current.
final class LentMemory {
  private struct Block {
    var range: Range<Int64>
    var memory: PinnedMemory.Block?

    var size: Int { range.count }
    var address: UInt64 { UInt64(bitPattern: range.lowerBound) }
  }

  private let device: CUDADevice
  private let stream: CUDAStream
  private var blocks: [Block] = []

  init(_ device: CUDADevice, _ stream: CUDAStream) {
    self.device = device
    self.stream = stream
  }

  private var functions: UnsafePointer<parpy_cuda_driver> { device.driver.functions }

  /// Adds addresses of the device.
  func add(_ range: Range<Int64>) {
    var range = range
    blocks.removeAll { block in
      guard block.range.overlaps(range) else { return false }
      range =
        min(
          range.lowerBound, block.range.lowerBound)..<max(range.upperBound, block.range.upperBound)
      return true
    }
    blocks.append(Block(range: range))
  }

  /// Makes the copies; false where the host has no memory.
  func copyOut(task: String) throws(CUDAError) -> Bool {
    for i in blocks.indices {
      guard let memory = device.memory.staging.take(blocks[i].size) else { return false }
      blocks[i].memory = memory
      try device.driver.check(
        functions.pointee.copy_out(
          memory.memory, blocks[i].address, blocks[i].size, stream.pointer), task)
    }
    if blocks.isEmpty { return true }
    try device.driver.check(functions.pointee.synchronize_stream(stream.pointer), task)
    return true
  }

  /// Copies everything back to the device.
  func copyIn() throws(CUDAError) {
    for block in blocks {
      guard let memory = block.memory else { continue }
      try device.driver.check(
        functions.pointee.copy_in(block.address, memory.memory, block.size, stream.pointer),
        "copying what a callback wrote to the GPU")
    }
    if blocks.isEmpty { return }
    try device.driver.check(
      functions.pointee.synchronize_stream(stream.pointer),
      "copying what a callback wrote to the GPU")
  }

  /// Where the copy of a byte of the device is; 0 where there is none.
  func hostAddress(of address: Int64) -> Int64 {
    guard let block = blocks.first(where: { $0.range.contains(address) }), let memory = block.memory
    else { return 0 }
    return Int64(Int(bitPattern: memory.memory)) &+ (address &- block.range.lowerBound)
  }

  /// Gives the memory of the copies back.
  func giveBlocks() {
    for block in blocks { if let memory = block.memory { device.memory.staging.give(memory) } }
    blocks = []
  }
}
