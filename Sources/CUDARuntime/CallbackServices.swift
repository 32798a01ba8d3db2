import CCUDA

/// Launches and memory in the order of a stream, and calls of Python functions in between.
///
/// A call waits for the kernels before it. Python sees arrays of the host where they are, up to date; what it wrote to those that it was
/// given is copied to the device again. Memory of the device it sees as a copy, which goes back after the call.
///
/// - Requires: the device's context is current.
struct CallbackServices: HostServices {
  let services: StreamServices
  let staging: Staging
  /// The error slot of the call.
  let slot: UnsafeMutablePointer<Int64>
  /// What the kernels do, for messages.
  let task: String
  let caller: CallbackCaller

  func allocate(_ bytes: UInt64) throws(CUDAError) -> UInt64? { try services.allocate(bytes) }

  func free(_ address: UInt64) { services.free(address) }

  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(CUDAError) {
    try services.launch(plan, frame)
  }

  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(CUDAError) -> HostOutcome? {
    try services.fetch(plan, slot: slot, frame)
  }

  func callBack(_ plan: CallbackPlan, _ frame: HostFrame) throws(CUDAError) -> HostOutcome? {
    guard try staging.copyOut(slot, task: task) else { return .outOfMemory }
    if slot[0] != 0 { return .faultRecorded }
    let lent = LentMemory(services.module.device, services.stream)
    defer { lent.giveBlocks() }
    for case .array(let array) in plan.operands where staging.hostAddress(of: array) == nil {
      if let range = array.range(in: frame) { lent.add(range) }
    }
    guard try lent.copyOut(task: task) else { return .outOfMemory }

    let words = UnsafeMutablePointer<Int64>.allocate(capacity: plan.wordCount)
    defer { words.deallocate() }
    fill(words, plan, frame, lent)
    let isDone = caller(plan.index, words)
    // Python may have chosen another device.
    try services.module.device.makeCurrent()
    // What Python wrote stays, also where it raised afterwards.
    try lent.copyIn()
    guard isDone else { return .callbackFailed }
    let passed = plan.operands.compactMap { operand in
      if case .array(let array) = operand { array.argument } else { nil }
    }
    try staging.copyInAgain(passed)
    frame[plan.result] = words[0]
    return nil
  }

  /// Writes the words of a call.
  private func fill(
    _ words: UnsafeMutablePointer<Int64>, _ plan: CallbackPlan, _ frame: HostFrame,
    _ lent: LentMemory
  ) {
    var position = 0
    func append(_ word: Int64) {
      (words + position).initialize(to: word)
      position += 1
    }
    append(0)
    for operand in plan.operands {
      switch operand {
      case .scalar(let register): append(frame[register])
      case .array(let array):
        let distance = frame[array.offset] &* Int64(array.elementSize)
        if let data = staging.hostAddress(of: array) {
          append(Int64(data) &+ distance)
        } else {
          append(lent.hostAddress(of: frame[array.buffer] &+ distance))
        }
        for register in array.extents + array.strides { append(frame[register]) }
      }
    }
  }
}

extension CallbackPlan.Array {
  /// The addresses of the device from the first byte of any element to behind the last; nil where there are no elements.
  fileprivate func range(in frame: HostFrame) -> Range<Int64>? {
    let size = Int64(elementSize)
    var low = frame[buffer] &+ frame[offset] &* size
    var high = low &+ size
    for (extent, stride) in zip(extents, strides) {
      if frame[extent] <= 0 { return nil }
      let distance = (frame[extent] &- 1) &* frame[stride] &* size
      if distance < 0 { low = low &+ distance } else { high = high &+ distance }
    }
    return low < high ? low..<high : nil
  }
}
