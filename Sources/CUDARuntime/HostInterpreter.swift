import LoopIR

/// What the host part needs of the GPU: memory, and a place for its launches.
///
/// On CUDA `StreamServices` hands launches to the driver as they come, and `LaunchRecorder` keeps them for a graph.
package protocol HostServices {
  /// What the GPU reports.
  associatedtype Failure: Error

  /// Memory for a temporary of that many bytes; nil where there is none.
  func allocate(_ bytes: UInt64) throws(Failure) -> UInt64?
  func free(_ address: UInt64)
  /// Launches a kernel with the arguments that stand in the frame.
  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(Failure)
  /// Waits for the kernels launched so far, so that the host may use the memory that it shares with them.
  func wait() throws(Failure)
  /// Waits for the kernels and reads an element; how that ends the host part, or nil where it goes on.
  ///
  /// - Parameter slot: the address of the error slot; nil where there is none.
  func fetch(_ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame) throws(Failure) -> HostOutcome?
  /// Hears that an iteration of a loop is over, and the position of the instruction that goes back.
  func endIteration(at position: Int) throws(Failure)
  /// Calls the Python function at a position of the program's callbacks, with the words of `CallbackSignature`, in which addresses are
  /// the device's; how that ends the host part, or nil where it goes on.
  ///
  /// Behind the callbacks come the `hostSignatures` of programs that share memory, with the words of `compileCaller`.
  func callBack(
    _ function: Int, _ words: UnsafeMutablePointer<Int64>
  ) throws(Failure) -> HostOutcome?
}

extension HostServices {
  package func endIteration(at position: Int) throws(Failure) {}
}

/// How the host part ended, or the checks before it.
package enum HostOutcome: Hashable {
  case done
  /// The check of that number, counted from 1, does not hold.
  case checkFailed(Int32)
  case outOfMemory
  /// A test of the host part failed.
  case fault(HostFault)
  /// A kernel recorded a fault, which was read already.
  case faultRecorded
  /// A kernel recorded a fault, which stands in the error slot of the device.
  case faultOnDevice
  /// A Python function raised.
  case callbackFailed
}

extension HostOutcome {
  /// What a call returns, see `HostExecutor.run`; a test of the host part that failed is written to the error slot.
  package func status(_ slot: UnsafeMutablePointer<Int64>) -> Int64 {
    switch self {
    case .done: return 0
    case .checkFailed(let number): return Int64(number)
    case .outOfMemory: return -1
    case .fault(let fault):
      (slot[0], slot[1], slot[2]) = (Int64(fault.number), fault.first, fault.second)
      return -2
    case .faultRecorded, .faultOnDevice: return -2
    case .callbackFailed: return -3
    }
  }
}

/// The number of a test that failed, from 1, and what it compared.
package struct HostFault: Hashable {
  package var number: Int32
  package var first: Int64
  package var second: Int64
}

/// Runs instructions from `start` on.
///
/// - Requires: `code` comes from `HostFlattener`, which makes sure that every register and every goal exists.
package func interpret<Services: HostServices>(
  _ code: HostCode, from start: Int, _ frame: HostFrame, _ services: Services
) throws(Services.Failure) -> HostOutcome {
  try code.instructions.withUnsafeBufferPointer { instructions throws(Services.Failure) in
    try code.launches.withUnsafeBufferPointer { launches throws(Services.Failure) in
      try interpret(instructions, launches, code, from: start, frame, services)
    }
  }
}

private func interpret<Services: HostServices>(
  _ instructions: UnsafeBufferPointer<HostInstruction>,
  _ launches: UnsafeBufferPointer<LaunchPlan>, _ code: HostCode, from start: Int,
  _ frame: HostFrame, _ services: Services
) throws(Services.Failure) -> HostOutcome {
  var position = start
  while true {
    let instruction = instructions[position]
    position &+= 1
    switch instruction {
    case .copy(let result, let value): frame[result] = frame[value]
    case .add(let result, let l, let r): frame[result] = frame[l] &+ frame[r]
    case .subtract(let result, let l, let r): frame[result] = frame[l] &- frame[r]
    case .multiply(let result, let l, let r): frame[result] = frame[l] &* frame[r]
    case .order(let op, let result, let l, let r):
      frame[result] = op.holds(frame[l], frame[r]) ? 1 : 0
    case .unary(let op, let type, let result, let value):
      frame[result] = HostArithmetic.unary(op, type, frame[value])
    case .binary(let op, let type, let result, let l, let r):
      frame[result] = HostArithmetic.binary(op, type, frame[l], frame[r])
    case .compare(let op, let lType, let rType, let result, let l, let r):
      frame[result] = HostArithmetic.compare(op, lType, rType, frame[l], frame[r]) ? 1 : 0
    case .convert(let from, let to, let result, let value):
      frame[result] = HostArithmetic.convert(frame[value], from: from, to: to)
    case .math(let function, let type, let result, let x, let y):
      frame[result] = HostArithmetic.math(function, type, frame[x], frame[y])
    case .jump(let goal):
      if goal < position { try services.endIteration(at: position &- 1) }
      position = Int(goal)
    case .jumpIfFalse(let condition, let goal):
      if frame[condition] == 0 { position = Int(goal) }
    case .jumpIfTrue(let condition, let goal):
      if frame[condition] != 0 { position = Int(goal) }
    case .tripCount(let result, let lower, let upper, let step):
      frame[result] = tripCount(from: frame[lower], to: frame[upper], step: frame[step])
    case .loopHead(let counter, let count, let exit):
      if frame[counter] == frame[count] { position = Int(exit) }
    case .loopNext(let counter, let variable, let step, let head):
      try services.endIteration(at: position &- 1)
      frame[counter] &+= 1
      frame[variable] &+= frame[step]
      position = Int(head)
    case .sizeProduct(let result, let l, let r):
      frame[result] = sizeProduct(frame[l], frame[r])
    case .allocate(let result, let bytes):
      guard let address = try services.allocate(UInt64(bitPattern: frame[bytes])) else {
        return .outOfMemory
      }
      frame[result] = Int64(bitPattern: address)
      frame.temporaries.append(result)
    case .free(let register):
      _ = frame.temporaries.popLast()
      services.free(UInt64(bitPattern: frame[register]))
    case .launch(let index): try services.launch(code.launches[Int(index)], frame)
    case .callBack(let index):
      if let end = try code.callbacks[Int(index)].run(frame, services) { return end }
    case .fetch(let index):
      let slot = code.slot.map { UInt64(bitPattern: frame[$0]) }
      if let end = try services.fetch(code.fetches[Int(index)], slot: slot, frame) { return end }
    case .requireEqual(let first, let second, let number):
      if frame[first] != frame[second] {
        return .fault(HostFault(number: number, first: frame[first], second: frame[second]))
      }
    case .requireInside(let index, let size, let number):
      if frame[index] < 0 || frame[index] >= frame[size] {
        return .fault(HostFault(number: number, first: frame[index], second: frame[size]))
      }
    case .storeElement(let value, let type, let address):
      try services.wait()
      HostArithmetic.store(frame[value], type, at: frame[address])
    case .widen, .wideAdd, .wideSubtract, .wideMultiply, .requireNarrow, .wideCompare:
      interpretWide(instruction, frame)
    case .check(let condition, let number):
      if frame[condition] == 0 { return .checkFailed(number) }
    case .finish: return .done
    }
  }
}

/// Runs an instruction on numbers of 128 bits.
private func interpretWide(_ instruction: HostInstruction, _ frame: HostFrame) {
  switch instruction {
  case .widen(let result, let value): frame[result] = Int128(frame[value])
  case .wideAdd(let result, let l, let r): frame[result] = frame[l] &+ frame[r]
  case .wideSubtract(let result, let l, let r): frame[result] = frame[l] &- frame[r]
  case .wideMultiply(let result, let l, let r, let isExact):
    let product = frame[l] &* frame[r]
    // Of numbers of 64 bits the product fits 128.
    if !fits(frame[l], bits: 64) || !fits(frame[r], bits: 64) || !fits(product, bits: 96) {
      frame[isExact] = 0
    }
    frame[result] = product
  case .requireNarrow(let value, let isExact):
    if !fits(frame[value], bits: 64) { frame[isExact] = 0 }
  case .wideCompare(let op, let result, let l, let r, let isExact):
    frame[result] = op.holds(frame[l], frame[r]) && frame[isExact] != 0 ? 1 : 0
  case .copy, .add, .subtract, .multiply, .order, .unary, .binary, .compare, .convert, .math, .jump,
    .jumpIfFalse, .jumpIfTrue, .tripCount, .loopHead, .loopNext, .sizeProduct, .allocate, .free,
    .launch, .callBack, .fetch, .requireEqual, .requireInside, .storeElement, .check, .finish:
    break
  }
}

private func fits(_ value: Int128, bits: Int128) -> Bool {
  let limit = Int128(1) << (bits - 1)
  return value >= -limit && value < limit
}

/// How many numbers `range(lower, upper, step)` has; the bits of an unsigned number.
private func tripCount(from lower: Int64, to upper: Int64, step: Int64) -> Int64 {
  let (low, high) = step > 0 ? (lower, upper) : (upper, lower)
  guard low < high, step != 0 else { return 0 }
  let last = UInt64(bitPattern: high &- low) &- 1
  return Int64(bitPattern: last / step.magnitude &+ 1)
}

/// The product of two sizes without a sign; all bits set where it is too large, or where one is.
private func sizeProduct(_ l: Int64, _ r: Int64) -> Int64 {
  let (product, overflow) = UInt64(bitPattern: l).multipliedReportingOverflow(
    by: UInt64(bitPattern: r))
  return overflow ? -1 : Int64(bitPattern: product)
}
