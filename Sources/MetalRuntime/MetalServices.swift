import CUDARuntime
import Schedule

/// What the host part needs of a Metal device.
struct MetalServices: HostServices {
  typealias Failure = MetalError

  let device: any MetalDevice
  let kernels: any MetalKernels
  /// What each kernel takes.
  let parameters: [[MetalParameter]]
  let copies: SharedCopies
  /// The program's callbacks.
  let signatures: [CallbackSignature]
  /// The error slot of the call.
  let slot: UnsafeMutablePointer<Int64>
  let caller: CallbackCaller?
  /// What calls the external functions of the host part.
  let externals: [ExternalCaller]

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
    let arguments = parameters[plan.kernel].enumerated().compactMap { index, parameter in
      table[index].map { register -> MetalArgument in
        switch parameter {
        case .value(let size): .value(register, size: size)
        case .memory(let isWritten):
          .memory(
            UnsafeRawPointer(bitPattern: register.load(as: Int.self)), isWritten: isWritten)
        }
      }
    }
    try kernels.launch(plan.kernel, LaunchShape(plan, frame), arguments)
  }

  func wait() throws(MetalError) { try device.wait() }

  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(MetalError) -> HostOutcome? {
    try device.wait()
    if let slot = slot.flatMap({ UnsafePointer<Int64>(bitPattern: UInt($0)) }), slot.pointee != 0 {
      return .faultOnDevice
    }
    plan.read(frame)
    return nil
  }

  func callBack(
    _ function: Int, _ words: UnsafeMutablePointer<Int64>
  ) throws(MetalError) -> HostOutcome? {
    if function >= signatures.count {
      return try callExternal(function &- signatures.count, words)
    }
    guard let caller, signatures.indices.contains(function) else { return .callbackFailed }
    try device.wait()
    copies.copyOut(slot)
    if slot[0] != 0 { return .faultRecorded }
    var shown: [Range<Int64>] = []
    signatures[function].forEachArray(in: words) { word, range in
      let distance = copies.distanceToHost(from: word.pointee)
      word.pointee = word.pointee &+ distance
      if let range {
        let (low, high) = (range.lowerBound &+ distance, range.upperBound &+ distance)
        if low < high { shown.append(low..<high) }
      }
    }
    let isDone = caller(function, words)
    // What Python wrote stays, also where it raised afterwards.
    copies.copyInAgain(shown)
    return isDone ? nil : .callbackFailed
  }

  /// Calls an external function, which sees the memory of the device where it is.
  private func callExternal(
    _ position: Int, _ words: UnsafeMutablePointer<Int64>
  ) throws(MetalError) -> HostOutcome? {
    guard externals.indices.contains(position) else { return .callbackFailed }
    try device.wait()
    if copies.hasFault { return .faultOnDevice }
    var result: Int64 = 0
    withUnsafeMutablePointer(to: &result) { place in
      words[0] = Int64(Int(bitPattern: place))
      externals[position](words, slot)
    }
    words[0] = result
    return nil
  }
}

/// Calls an external function with the words of `compileCaller` and the error slot of the call.
package typealias ExternalCaller =
  @Sendable (UnsafePointer<Int64>, UnsafeMutablePointer<Int64>) -> Void
