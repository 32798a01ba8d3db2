import CCUDA

/// Launches and memory in the order of a stream, and calls of Python functions in between.
///
/// A call waits for the kernels before it. Python sees arrays of the host where they are, up to date; what it wrote to those that it was
/// given is copied to the device again. Memory of the device it sees as a copy, which goes back after the call.
///
/// - Requires: the device's context is current.
struct CallbackServices: HostServices {
  typealias Failure = CUDAError

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

  func wait() throws(CUDAError) { try services.wait() }

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
    plan.fill(words, frame) { array, distance in
      staging.hostAddress(of: array).map { Int64($0) &+ distance }
        ?? lent.hostAddress(of: frame[array.buffer] &+ distance)
    }
    let isDone = caller(plan.index, words)
    // Python may have chosen another device.
    try services.module.device.makeCurrent()
    // What Python wrote stays, also where it raised afterwards.
    try lent.copyIn()
    guard isDone else { return .callbackFailed }
    try staging.copyInAgain(plan.passedArguments)
    frame[plan.result] = words[0]
    return nil
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
