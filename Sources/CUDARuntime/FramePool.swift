import Synchronization

/// Frames that wait for a call: one that is taken and given back without a lock, as calls one after the other do, and those that calls
/// at the same time need beside it.
package final class FramePool: Sendable {
  /// The address of a frame that the pool retains; 0 where there is none.
  private let spare = Atomic<UInt>(0)
  private let others = Locked<[HostFrame]>([])

  package init() {}

  deinit { _ = takeSpare() }

  /// A frame that no call uses; nil where all are in use.
  package func take() -> HostFrame? { takeSpare() ?? others.withLock { $0.popLast() } }

  /// Takes a frame that its call is done with.
  package func give(_ frame: HostFrame) {
    let kept = Unmanaged.passRetained(frame)
    let address = UInt(bitPattern: kept.toOpaque())
    if spare.compareExchange(expected: 0, desired: address, ordering: .acquiringAndReleasing)
      .exchanged
    {
      return
    }
    kept.release()
    others.withLock { $0.append(frame) }
  }

  private func takeSpare() -> HostFrame? {
    let address = spare.exchange(0, ordering: .acquiringAndReleasing)
    guard let frame = UnsafeRawPointer(bitPattern: address) else { return nil }
    return Unmanaged<HostFrame>.fromOpaque(frame).takeRetainedValue()
  }
}
