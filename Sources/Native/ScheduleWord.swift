import LoopIR

/// The 64 bits by which the schedule of a label enters the key; the number of threads is a value word.
struct ScheduleWord {
  var bits: UInt64

  /// The word of a label that the options do not name.
  static let absent = ScheduleWord(bits: 0)

  private static let present: UInt64 = 1
  private static let reduces: UInt64 = 2
  private static let unrolls: UInt64 = 4
  private static let hasThreads: UInt64 = 8
  private static let isParallel: UInt64 = 16
  private static let exceedsBlock: UInt64 = 32
  private static let fitsBlock: UInt64 = 64

  /// Packs a `LoopPar` as `_packed` gives it.
  ///
  /// On a GPU a loop of more threads than a block has is mapped otherwise, so which it is enters the key.
  init(threads: Int64, threadsPerBlock: Int32, flags: Int32, isOnGPU: Bool) {
    bits = Self.present
    if flags & 1 != 0 { bits |= Self.reduces }
    if flags & 2 != 0 { bits |= Self.unrolls }
    if flags & 4 != 0 { bits |= Self.hasThreads | (threads > 1 ? Self.isParallel : 0) }
    if isOnGPU && isOpen {
      bits |= threads > Int64(threadsPerBlock) ? Self.exceedsBlock : Self.fitsBlock
    }
    bits |= UInt64(UInt32(bitPattern: threadsPerBlock)) << 32
  }

  /// Reads a word of the key.
  init(bits: UInt64) { self.bits = bits }

  var isPresent: Bool { bits & Self.present != 0 }
  /// Whether the number of threads may become a parameter.
  var isOpen: Bool { bits & Self.isParallel != 0 }

  /// The word of a family in which the number of threads is open though it may be 1.
  @inline(__always)
  var withOpenThreads: ScheduleWord {
    bits & Self.hasThreads != 0 ? ScheduleWord(bits: bits | Self.isParallel) : self
  }

  /// The value word that goes with the number of threads: no two schedules that mean the same differ in it.
  func value(threads: Int64) -> Int64 { isOpen ? threads : 1 }

  /// The schedule, with the number of threads as the given word.
  func schedule(threads: CallSignature.Word) -> LoopSchedule {
    LoopSchedule(
      threads: bits & Self.hasThreads != 0 ? threads : nil,
      isReduction: bits & Self.reduces != 0,
      threadsPerBlock: Int(UInt32(truncatingIfNeeded: bits >> 32)),
      exceedsBlock: bits & (Self.exceedsBlock | Self.fitsBlock) == 0
        ? nil : bits & Self.exceedsBlock != 0,
      unrolls: bits & Self.unrolls != 0)
  }
}
