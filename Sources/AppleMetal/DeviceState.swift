import Metal

/// What changes while a device is used: its memory, and the launches that have not ended.
struct DeviceState {
  var memory: DeviceMemory
  /// Where launches gather; nil where there are none.
  var open: CommandBatch?
  /// Those that may not have ended yet, and those that have failed and nobody has waited for, in their order.
  var committed: [CommandBatch] = []

  init(memory: DeviceMemory) { self.memory = memory }

  /// Memory for so many bytes; nil where there is not enough.
  mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    collect()
    return memory.allocate(bytes)
  }

  /// Frees memory; what kernels may still use, when they have ended.
  mutating func free(_ address: UnsafeMutableRawPointer) {
    guard let buffer = memory.remove(address) else { return }
    if let last = open ?? committed.last {
      last.retired.append(buffer)
    } else {
      memory.recycle(buffer)
    }
  }

  /// Gives what has gathered to the GPU.
  ///
  /// - Returns: all that the GPU may not have ended yet.
  @discardableResult
  mutating func commit() -> [CommandBatch] {
    if let batch = open {
      batch.commit()
      committed.append(batch)
      open = nil
    }
    return committed
  }

  /// Takes back what was freed while kernels ran that have ended; those that have failed stay until somebody waits for them.
  mutating func collect() {
    for batch in committed where batch.hasEnded {
      batch.retired.forEach { memory.recycle($0) }
      batch.retired = []
    }
    committed.removeAll { $0.hasEnded && $0.failure == nil }
  }
}
