import Synchronization

/// Who may join the region that a pool runs, and who is in it: one atomic word.
///
///     bits 16…31   places left for helpers; none: the gate is shut
///     bits  0…15   helpers inside
///
/// The region is over when the word is 0. Only the pool's owner opens the gate, and only at 0. A
/// helper that never joins is never waited for: it may be asleep, or its core taken by another
/// program.
struct Gate {
  private let word: SharedAtomic<UInt32> = .shared(0)
  private static let onePlace: UInt32 = 1 << 16
  private static let insideMask: UInt32 = onePlace - 1

  /// Whether a helper could join.
  var isOpen: Bool { word.pointee.load(ordering: .sequentiallyConsistent) >= Self.onePlace }

  /// Whether the gate is shut and no helper is inside.
  var isClear: Bool { word.pointee.load(ordering: .sequentiallyConsistent) == 0 }

  /// Opens the gate to `places` helpers and publishes to them all that the caller stored before.
  ///
  /// - Requires: the gate is clear; `0 < places < 2¹⁵`.
  func open(places: UInt32) {
    word.pointee.store(places &* Self.onePlace, ordering: .sequentiallyConsistent)
  }

  /// Joins the region and returns how many places were left, its own included; 0 if none.
  func join() -> UInt32 {
    var seen = word.pointee.load(ordering: .relaxed)
    while seen >= Self.onePlace {
      let (exchanged, original) = word.pointee.weakCompareExchange(
        expected: seen, desired: seen &- Self.onePlace &+ 1, ordering: .acquiringAndReleasing)
      if exchanged { return seen / Self.onePlace }
      seen = original
    }
    return 0
  }

  /// Lets nobody else in.
  func shut() {
    if isOpen { word.pointee.bitwiseAnd(Self.insideMask, ordering: .sequentiallyConsistent) }
  }

  /// Leaves the region and returns whether the gate is now clear.
  func leave() -> Bool {
    word.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0
  }

  /// Shuts the gate on an empty region: after `fork` no helper is in this process.
  func reset() {
    word.pointee.store(0, ordering: .sequentiallyConsistent)
  }
}
