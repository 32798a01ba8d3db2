import Synchronization

/// A barrier that the members of one team may pass any number of times.
///
/// The last to arrive starts the next phase; the others wait for the phase to change.
struct TeamBarrier {
  private let arrived: SharedAtomic<Int64> = .shared(0)
  private let phase: SharedAtomic<UInt32> = .shared(0)
  private let bell = Doorbell()

  /// Returns when all `members` of the team have called it in this phase.
  func wait(members: Int64) {
    let current = phase.pointee.load(ordering: .relaxed)
    let count = arrived.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    if count >= members {
      arrived.pointee.store(0, ordering: .relaxed)
      phase.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      bell.ring()
    } else {
      bell.wait { phase.pointee.load(ordering: .sequentiallyConsistent) != current }
    }
  }

  /// Forgets who arrived: after `fork` they are not in this process.
  func reset() {
    arrived.pointee.store(0, ordering: .relaxed)
    bell.forgetSleepers()
  }
}
