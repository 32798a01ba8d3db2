import CCUDA

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The copies on the device of a call's arrays of the host.
///
/// An array is copied with the bytes between its elements, so that its strides stay what they are, unless they are most of it; arrays that
/// overlap share one copy. Back come the elements alone: what lies between them belongs to others, who may have changed it.
///
/// - Requires: the device's context is current.
package final class Staging {
  /// An array of the host and what the program does with it.
  package struct Argument {
    package let array: HostArray
    package let use: ArrayUse
    /// The address of the element whose indices are all 0.
    package let data: Int
    /// Where the kernels find the address of the copy.
    package let register: Register

    package init(_ array: HostArray, _ use: ArrayUse, at data: Int64, to register: Register) {
      self.array = array
      self.use = use
      self.data = Int(data)
      self.register = register
    }

    /// Whether there is anything to copy.
    package var isUsed: Bool { (use.isRead || use.isWritten) && array.low < array.high }

    /// The bytes from the first to the last.
    package var size: Int { array.high &- array.low }
  }

  /// Arrays that share one copy, since their bytes from `low` to `high` overlap.
  package struct Group {
    package var low: Int
    package var high: Int
    package var members: [Argument]

    /// A copy is aligned as what it is copied from, up to this many bytes.
    private static let alignment = 256

    /// How far from the start of an allocation the byte `low` is to be.
    package var offset: Int { low & (Self.alignment - 1) }

    /// The groups of the arrays that are used, in the order of their addresses.
    package static func groups(of arguments: [Argument]) -> [Group] {
      var groups: [Group] = []
      for argument in arguments.filter(\.isUsed).sorted(by: { $0.array.low < $1.array.low }) {
        let array = argument.array
        if let last = groups.indices.last, array.low < groups[last].high {
          groups[last].high = max(groups[last].high, array.high)
          groups[last].members.append(argument)
        } else {
          groups.append(Group(low: array.low, high: array.high, members: [argument]))
        }
      }
      return groups
    }
  }

  /// Memory of the device that stands for a group.
  private struct Copy {
    let group: Group
    var allocation: UInt64
    /// Where the byte `low` is.
    var address: UInt64

    var low: Int { group.low }
    var high: Int { group.high }
    var members: [Argument] { group.members }

    /// Whether a byte of the device belongs to it.
    func holds(_ byte: Int64) -> Bool {
      let distance = byte &- Int64(bitPattern: address)
      return 0 <= distance && distance < Int64(high &- low)
    }
  }

  /// Arrays up to this size come back together, by way of page-locked memory.
  private static let greatestGathered = 1 << 20
  /// The words of the error slot.
  private static let slotBytes = 3 * MemoryLayout<Int64>.size

  private let device: CUDADevice
  private let stream: CUDAStream
  private var copies: [Copy] = []
  /// The arrays of the call that no kernel uses, and that have no copy.
  private var left: [HostArray] = []
  private var slot: UInt64?
  /// Whether the driver may still read memory of the host.
  private var isCopying = false

  init(_ device: CUDADevice, _ stream: CUDAStream) {
    self.device = device
    self.stream = stream
  }

  private var functions: UnsafePointer<parpy_cuda_driver> { device.driver.functions }

  // MARK: In

  /// Makes the copies and gives their addresses to the registers; false where there is not enough memory.
  func copyIn(_ arguments: [Argument], _ frame: HostFrame) throws(CUDAError) -> Bool {
    for argument in arguments {
      let isOfKernels = argument.use.isRead || argument.use.isWritten
      // What only callbacks see stays where it is.
      frame[argument.register] = isOfKernels ? 0 : Int64(argument.data)
      if !isOfKernels { left.append(argument.array) }
    }
    for group in Group.groups(of: arguments) {
      let offset = UInt64(group.offset)
      let memory = try device.memory.allocate(UInt64(group.high &- group.low) &+ offset, on: stream)
      guard let memory else { return false }
      let copy = Copy(group: group, allocation: memory, address: memory &+ offset)
      copies.append(copy)
      for member in copy.members {
        frame[member.register] = Int64(bitPattern: copy.address) &+ Int64(member.data &- copy.low)
      }
      if copy.members.contains(where: \.use.needsContents) { try copyContents(to: copy) }
    }
    return true
  }

  /// Makes the copies of some addresses of the host once more, with what is there now.
  func copyInAgain(_ changed: [Range<Int64>]) throws(CUDAError) {
    for copy in copies
    where changed.contains(where: { $0.overlaps(Int64(copy.low)..<Int64(copy.high)) }) {
      try copyContents(to: copy)
    }
  }

  private func copyContents(to copy: Copy) throws(CUDAError) {
    isCopying = true
    if copy.members.count == 1, let sparse = SparseArray(copy.members[0]) {
      return try copyRectangles(sparse, copy, isIn: true, task: "copying an array to the GPU")
    }
    let size = copy.high &- copy.low
    try device.driver.check(
      functions.pointee.copy_in(
        copy.address, UnsafeRawPointer(bitPattern: copy.low), size, stream.pointer),
      "copying \(size) bytes to the GPU")
  }

  /// Where the byte is in memory of the host that host code knows by an address; nil for bytes of the device alone.
  func hostAddress(of address: Int64) -> Int64? {
    if let copy = copies.first(where: { $0.holds(address) }) {
      return Int64(copy.low) &+ (address &- Int64(bitPattern: copy.address))
    }
    return left.contains { ($0.low..<$0.high).contains(Int(address)) } ? address : nil
  }

  /// Makes an error slot of zeros on the device; nil where there is not enough memory.
  func allocateSlot() throws(CUDAError) -> UInt64? {
    slot = try device.memory.allocate(UInt64(Self.slotBytes), on: stream)
    guard let slot else { return nil }
    try device.driver.check(
      functions.pointee.fill(slot, 0, Self.slotBytes, stream.pointer), "clearing the error slot")
    return slot
  }

  // MARK: Out

  /// Bytes of the device that come back by way of memory of ours.
  private struct Gathered {
    var offset: Int
    /// The array; nil for the error slot.
    var argument: Argument?
  }

  /// Waits for the kernels and copies what they wrote back, the error slot too; false where the host has no memory.
  func copyOut(
    _ slot: UnsafeMutablePointer<Int64>, task: String
  ) throws(CUDAError) -> Bool {
    var gathered: [Gathered] = []
    var total = 0
    var sources: [UInt64] = []
    func gather(_ argument: Argument?, _ size: Int, _ source: UInt64) {
      gathered.append(Gathered(offset: total, argument: argument))
      sources.append(source)
      total = (total &+ size &+ 63) & ~63
    }
    if let address = self.slot { gather(nil, Self.slotBytes, address) }
    for copy in copies {
      for argument in copy.members where argument.use.isWritten {
        let source = copy.address &+ UInt64(argument.array.low &- copy.low)
        if argument.isDense && argument.size > Self.greatestGathered {
          let target = UnsafeMutableRawPointer(bitPattern: argument.array.low)
          try device.driver.check(
            functions.pointee.copy_out(target, source, argument.size, stream.pointer), task)
        } else if let sparse = SparseArray(argument) {
          try copyRectangles(sparse, copy, isIn: false, task: task)
        } else {
          gather(argument, argument.size, source)
        }
      }
    }
    guard let block = device.memory.staging.take(total) else { return false }
    defer { device.memory.staging.give(block) }
    for (part, source) in zip(gathered, sources) {
      let size = part.argument?.size ?? Self.slotBytes
      try device.driver.check(
        functions.pointee.copy_out(
          block.memory + part.offset, source, size, stream.pointer), task)
    }
    try device.wait(for: stream, task)
    isCopying = false
    for part in gathered {
      if let argument = part.argument {
        argument.copyElements(from: block.memory + part.offset)
      } else {
        memcpy(slot, block.memory + part.offset, Self.slotBytes)
      }
    }
    return true
  }

  /// Copies the elements of a sparse array and nothing else, to the device or from it.
  private func copyRectangles(
    _ array: SparseArray, _ copy: Copy, isIn: Bool, task: String
  ) throws(CUDAError) {
    for start in array.starts {
      var rectangle = parpy_cuda_rectangle()
      let device = copy.address &+ UInt64(start &- copy.low)
      let (host, onDevice) = (
        Int32(parpy_cuda_memory_on_host), Int32(parpy_cuda_memory_on_device)
      )
      rectangle.source_kind = isIn ? host : onDevice
      rectangle.target_kind = isIn ? onDevice : host
      if isIn {
        rectangle.source_host = UnsafeRawPointer(bitPattern: start)
        rectangle.target_device = device
      } else {
        rectangle.source_device = device
        rectangle.target_host = UnsafeMutableRawPointer(bitPattern: start)
      }
      rectangle.source_pitch = array.pitch
      rectangle.target_pitch = array.pitch
      rectangle.width = array.rowBytes
      rectangle.height = array.rowCount
      try self.device.driver.check(
        functions.pointee.copy_rectangle(&rectangle, stream.pointer), task)
    }
  }

  /// Frees the copies, once what is queued on the stream is done with them.
  func release() {
    if isCopying { _ = functions.pointee.synchronize_stream(stream.pointer) }
    isCopying = false
    for copy in copies { device.memory.free(copy.allocation, on: stream) }
    if let slot { device.memory.free(slot, on: stream) }
    copies = []
    slot = nil
  }
}
