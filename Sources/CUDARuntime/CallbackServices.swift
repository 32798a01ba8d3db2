import CCUDA
import LoopIR
import Schedule

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
  /// The program's callbacks.
  let signatures: [CallbackSignature]
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

  func fetch(
    _ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame
  ) throws(CUDAError) -> HostOutcome? {
    try services.fetch(plan, slot: slot, frame)
  }

  func callBack(
    _ function: Int, _ words: UnsafeMutablePointer<Int64>
  ) throws(CUDAError) -> HostOutcome? {
    guard signatures.indices.contains(function) else { return .callbackFailed }
    guard try staging.copyOut(slot, task: task) else { return .outOfMemory }
    if slot[0] != 0 { return .faultRecorded }
    let lent = LentMemory(services.module.device, services.stream)
    defer { lent.giveBlocks() }
    var ofHost: [Range<Int64>] = []
    var ofDevice: [UnsafeMutablePointer<Int64>] = []
    signatures[function].forEachArray(in: words) { word, range in
      if let data = staging.hostAddress(of: word.pointee) {
        let distance = data &- word.pointee
        if let range {
          let (low, high) = (range.lowerBound &+ distance, range.upperBound &+ distance)
          if low < high { ofHost.append(low..<high) }
        }
        word.pointee = data
      } else {
        if let range { lent.add(range) }
        ofDevice.append(word)
      }
    }
    guard try lent.copyOut(task: task) else { return .outOfMemory }
    for word in ofDevice { word.pointee = lent.hostAddress(of: word.pointee) }

    let isDone = caller(function, words)
    // Python may have chosen another device.
    try services.module.device.makeCurrent()
    // What Python wrote stays, also where it raised afterwards.
    try lent.copyIn()
    guard isDone else { return .callbackFailed }
    try staging.copyInAgain(ofHost)
    return nil
  }
}

extension CallbackSignature {
  /// Calls `visit` for each array of a call, with the word that has the address of its first element, and the addresses from the
  /// first byte of any element to behind the last; nil where there are no elements.
  package func forEachArray(
    in words: UnsafeMutablePointer<Int64>,
    _ visit: (UnsafeMutablePointer<Int64>, Range<Int64>?) -> Void
  ) {
    var rest = words + 1
    for operand in operands {
      if case .array(let element, let dimensions, _, _) = operand {
        let (extents, strides) = (rest + 1, rest + 1 + dimensions)
        let size = Int64(element.size)
        var (low, high) = (rest.pointee, rest.pointee &+ size)
        var isEmpty = false
        for dimension in 0..<dimensions {
          if extents[dimension] <= 0 { isEmpty = true }
          let distance = (extents[dimension] &- 1) &* strides[dimension] &* size
          if distance < 0 { low = low &+ distance } else { high = high &+ distance }
        }
        visit(rest, !isEmpty && low < high ? low..<high : nil)
      }
      rest += operand.wordCount
    }
  }
}
