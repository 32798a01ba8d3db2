import CUDARuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The copies of a call's arrays in memory that the GPU can reach; what it reads goes in, and what it writes comes back.
///
/// As on CUDA, arrays keep the bytes between their elements, those that overlap share a copy, and only elements come back.
final class SharedCopies {
  private struct Copy {
    let group: Staging.Group
    let allocation: UnsafeMutableRawPointer
    /// Where the byte `group.low` is.
    let start: UnsafeMutableRawPointer
  }

  private let device: any MetalDevice
  private var copies: [Copy] = []
  private var arguments: [Int: Staging.Argument] = [:]
  /// The error slot of the kernels; nil where they have none.
  private var slot: UnsafeMutablePointer<Int64>?
  private static let slotWords = 3

  init(_ device: any MetalDevice) { self.device = device }

  /// Makes the copies and gives their addresses to the registers; false where there is not enough memory.
  func copyIn(_ arguments: [Staging.Argument], _ frame: HostFrame) -> Bool {
    for argument in arguments {
      frame[argument.register] = 0
      self.arguments[argument.array.position] = argument
    }
    for group in Staging.Group.groups(of: arguments) {
      let offset = group.offset
      guard let memory = device.allocate((group.high &- group.low) &+ offset) else { return false }
      let copy = Copy(group: group, allocation: memory, start: memory + offset)
      copies.append(copy)
      for member in group.members {
        let element = copy.start + (member.data &- group.low)
        frame[member.register] = Int64(Int(bitPattern: element))
      }
      if group.members.contains(where: \.use.needsContents) { Self.copyContents(to: copy) }
    }
    return true
  }

  /// Copies the memory of the arrays at some positions once more, with what it holds now.
  func copyInAgain(_ positions: [Int]) {
    let changed = positions.compactMap { arguments[$0]?.array }
    for copy in copies
    where changed.contains(where: { $0.low < copy.group.high && copy.group.low < $0.high }) {
      Self.copyContents(to: copy)
    }
  }

  private static func copyContents(to copy: Copy) {
    guard let source = UnsafeRawPointer(bitPattern: copy.group.low) else { return }
    memcpy(copy.start, source, copy.group.high &- copy.group.low)
  }

  /// Makes an error slot of zeros; nil where there is not enough memory.
  func allocateSlot() -> UnsafeMutablePointer<Int64>? {
    let memory = device.allocate(Self.slotWords * MemoryLayout<Int64>.size)
    slot = memory?.bindMemory(to: Int64.self, capacity: Self.slotWords)
    slot?.initialize(repeating: 0, count: Self.slotWords)
    return slot
  }

  /// Copies what the program wrote back, the error slot too.
  ///
  /// - Requires: no kernel runs.
  func copyOut(_ slot: UnsafeMutablePointer<Int64>) {
    for copy in copies {
      for argument in copy.group.members where argument.use.isWritten {
        argument.copyElements(from: copy.start + (argument.array.low &- copy.group.low))
      }
    }
    if let own = self.slot { slot.update(from: own, count: Self.slotWords) }
  }

  /// Where the element whose indices are all 0 is in the caller's memory; nil for a temporary.
  func hostAddress(of array: CallbackPlan.Array) -> Int64? {
    array.argument.flatMap { arguments[$0].map { Int64($0.data) } }
  }

  /// Frees the copies, once the kernels launched so far are done with them.
  func release() {
    for copy in copies { device.free(copy.allocation) }
    if let slot { device.free(slot) }
    copies = []
    slot = nil
  }
}
