import CUDARuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A call's arrays in memory that the GPU can reach: where they are, if the device can be lent that, or else in copies, into which
/// goes what it reads, and from which comes back what it writes.
///
/// Arrays in `SharedMemory` have none: the GPU reaches them where they are. As on CUDA, arrays keep the bytes between their
/// elements, those that overlap share a copy, and only elements come back.
final class SharedCopies {
  private struct Copy {
    let group: Staging.Group
    let allocation: UnsafeMutableRawPointer
    /// Where the byte `group.low` is.
    let start: UnsafeMutableRawPointer

    /// Whether the GPU uses the arrays themselves.
    var isLent: Bool { Int(bitPattern: start) == group.low }
  }

  private let device: any MetalDevice
  private var copies: [Copy] = []
  /// The error slot of the kernels; nil where they have none.
  private var slot: UnsafeMutablePointer<Int64>?
  private static let slotWords = 3

  init(_ device: any MetalDevice) { self.device = device }

  /// Makes the copies and gives their addresses to the registers; false where there is not enough memory.
  func copyIn(_ arguments: [Staging.Argument], _ frame: HostFrame) -> Bool {
    for argument in arguments {
      let isOfProgram = argument.use.isRead || argument.use.isWritten
      // What only callbacks see stays where it is.
      frame[argument.register] = isOfProgram ? 0 : Int64(argument.data)
    }
    for group in Staging.Group.groups(of: arguments) {
      if SharedMemory.holds(group.low..<group.high) {
        for member in group.members { frame[member.register] = Int64(member.data) }
        continue
      }
      guard let copy = lent(group) ?? allocated(group) else { return false }
      copies.append(copy)
      for member in group.members {
        let element = copy.start + (member.data &- group.low)
        frame[member.register] = Int64(Int(bitPattern: element))
      }
      if group.members.contains(where: \.use.needsContents) { Self.copyContents(to: copy) }
    }
    return true
  }

  private func lent(_ group: Staging.Group) -> Copy? {
    guard let start = UnsafeMutableRawPointer(bitPattern: group.low),
      device.lend(start, group.high &- group.low)
    else { return nil }
    return Copy(group: group, allocation: start, start: start)
  }

  private func allocated(_ group: Staging.Group) -> Copy? {
    let offset = group.offset
    return device.allocate((group.high &- group.low) &+ offset).map {
      Copy(group: group, allocation: $0, start: $0 + offset)
    }
  }

  /// Makes the copies of some addresses of the host once more, with what is there now.
  func copyInAgain(_ changed: [Range<Int64>]) {
    for copy in copies
    where changed.contains(where: {
      $0.overlaps(Int64(copy.group.low)..<Int64(copy.group.high))
    }) {
      Self.copyContents(to: copy)
    }
  }

  private static func copyContents(to copy: Copy) {
    guard !copy.isLent, let source = UnsafeRawPointer(bitPattern: copy.group.low) else { return }
    memcpy(copy.start, source, copy.group.high &- copy.group.low)
  }

  /// Makes an error slot of zeros; nil where there is not enough memory.
  func allocateSlot() -> UnsafeMutablePointer<Int64>? {
    let memory = device.allocate(Self.slotWords * MemoryLayout<Int64>.size)
    slot = memory?.bindMemory(to: Int64.self, capacity: Self.slotWords)
    slot?.initialize(repeating: 0, count: Self.slotWords)
    return slot
  }

  /// Whether a kernel has recorded a fault.
  ///
  /// - Requires: no kernel runs.
  var hasFault: Bool { slot.map { $0.pointee != 0 } ?? false }

  /// Copies what the program wrote back, the error slot too.
  ///
  /// - Requires: no kernel runs.
  func copyOut(_ slot: UnsafeMutablePointer<Int64>) {
    for copy in copies where !copy.isLent {
      for argument in copy.group.members where argument.use.isWritten {
        argument.copyElements(from: copy.start + (argument.array.low &- copy.group.low))
      }
    }
    if let own = self.slot { slot.update(from: own, count: Self.slotWords) }
  }

  /// How far the byte at an address that host code knows is from that of the caller's memory; 0 where it has no copy.
  func distanceToHost(from address: Int64) -> Int64 {
    let copy = copies.first { copy in
      let distance = address &- Int64(Int(bitPattern: copy.start))
      return 0 <= distance && distance < Int64(copy.group.high &- copy.group.low)
    }
    return copy.map { Int64($0.group.low) &- Int64(Int(bitPattern: $0.start)) } ?? 0
  }

  /// Frees the copies, once the kernels launched so far are done with them.
  func release() {
    for copy in copies { device.free(copy.allocation) }
    if let slot { device.free(slot) }
    copies = []
    slot = nil
  }
}
