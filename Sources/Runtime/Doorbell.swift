import CRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where threads await a condition that another thread makes true: a bounded spin, then sleep.
///
/// No wake-up is lost. A waiter counts itself among the sleepers and *then* looks at its condition;
/// the other side makes the condition true and *then* looks for sleepers. Both are sequentially
/// consistent, so at least one of them sees the other (Dekker's argument). A ring between the
/// waiter's look and its sleep changes `rings`, and the sleep then ends at once.
struct Doorbell {
  /// How long a waiter spins before it sleeps, in nanoseconds.
  private static let spinTime: UInt64 = 50_000

  /// How often the bell rang for sleepers, modulo 2³²: the word that they sleep on.
  private let rings: SharedAtomic<UInt32> = .shared(0)
  private let sleepers: SharedAtomic<UInt32> = .shared(0)

  /// How many threads are asleep, about to be, or waking.
  var sleeperCount: UInt32 { sleepers.pointee.load(ordering: .sequentiallyConsistent) }

  /// Returns when `condition` holds, and whether the thread slept until then.
  ///
  /// - Requires: `condition` loads with sequentially consistent ordering.
  @inline(__always) @discardableResult
  func wait(until condition: () -> Bool) -> Bool {
    if spin(until: condition) { return false }
    sleep(until: condition)
    return true
  }

  /// Wakes at most `count` sleepers.
  ///
  /// - Requires: what they wait for was stored before with sequentially consistent ordering.
  @inline(__always)
  func ring(waking count: UInt32 = UInt32(Int32.max)) {
    if sleeperCount > 0 { wake(count) }
  }

  /// Forgets all sleepers: after `fork` they are not in this process.
  func forgetSleepers() {
    sleepers.pointee.store(0, ordering: .sequentiallyConsistent)
  }

  @inline(__always)
  private func spin(until condition: () -> Bool) -> Bool {
    var deadline: UInt64 = 0
    while true {
      for _ in 0..<16 {
        if condition() { return true }
        parpy_pause()
      }
      let now = monotonicTime()
      if deadline == 0 { deadline = now &+ Self.spinTime }
      if now >= deadline { return false }
    }
  }

  @inline(never)
  private func sleep(until condition: () -> Bool) {
    sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while true {
      let seen = rings.pointee.load(ordering: .sequentiallyConsistent)
      if condition() { break }
      parpy_wait_while_equal(rings, seen)
    }
    sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  @inline(never)
  private func wake(_ count: UInt32) {
    rings.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    parpy_wake(rings, Int32(clamping: count))
  }
}

/// Nanoseconds on a clock that never goes back.
private func monotonicTime() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000
    &+ UInt64(truncatingIfNeeded: time.tv_nsec)
}
