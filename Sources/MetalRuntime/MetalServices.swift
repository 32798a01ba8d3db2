import CUDARuntime

/// What the host part needs of a Metal device.
struct MetalServices: HostServices {
  typealias Failure = MetalError

  let device: any MetalDevice
  let kernels: any MetalKernels
  /// The sizes of each kernel's arguments; 0 for arrays.
  let argumentSizes: [[Int]]
  let copies: SharedCopies
  /// The error slot of the call.
  let slot: UnsafeMutablePointer<Int64>
  let caller: CallbackCaller?

  func allocate(_ bytes: UInt64) -> UInt64? {
    if bytes == 0 { return 0 }
    guard let count = Int(exactly: bytes), let memory = device.allocate(count) else { return nil }
    return UInt64(UInt(bitPattern: memory))
  }

  func free(_ address: UInt64) {
    if let memory = UnsafeMutableRawPointer(bitPattern: UInt(address)) { device.free(memory) }
  }

  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(MetalError) {
    let table = frame.arguments[plan.kernel]
    let arguments = argumentSizes[plan.kernel].enumerated().compactMap { index, size in
      table[index].map { register -> MetalArgument in
        size > 0
          ? .value(register, size: size)
          : .memory(UnsafeRawPointer(bitPattern: register.load(as: Int.self)))
      }
    }
    try kernels.launch(plan.kernel, LaunchShape(plan, frame), arguments)
  }

  func wait() throws(MetalError) { try device.wait() }

  func callBack(_ plan: CallbackPlan, _ frame: HostFrame) throws(MetalError) -> HostOutcome? {
    guard let caller else { return .callbackFailed }
    try device.wait()
    copies.copyOut(slot)
    if slot[0] != 0 { return .faultRecorded }
    let words = UnsafeMutablePointer<Int64>.allocate(capacity: plan.wordCount)
    defer { words.deallocate() }
    plan.fill(words, frame) { array, distance in
      (copies.hostAddress(of: array) ?? frame[array.buffer]) &+ distance
    }
    guard caller(plan.index, words) else { return .callbackFailed }
    copies.copyInAgain(plan.passedArguments)
    frame[plan.result] = words[0]
    return nil
  }
}
