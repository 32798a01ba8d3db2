import CRuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The functions that compiled code calls.
public enum RuntimeTable {
  /// The table of the process: the same address, with the same contents, until the process ends.
  ///
  /// Look at it once when the module is loaded: that reads `PARPY_NUM_THREADS` and makes the pool
  /// ready for forks. No thread is started before a region wants one.
  public static var address: UnsafePointer<parpy_runtime> { UnsafePointer(table.address) }

  /// Says what `call_back` does, for code that runs from now on; until then it fails with `noCallbacks`.
  public static func install(callback: parpy_callback) {
    table.address.pointee.call_back = callback
  }

  /// What a callback gives where nobody has said what it does.
  public static let noCallbacks: Int64 = -4

  private struct Table: @unchecked Sendable {
    let address: UnsafeMutablePointer<parpy_runtime>
  }

  private static let table: Table = {
    _ = WorkerPool.shared
    let table = UnsafeMutablePointer<parpy_runtime>.allocate(capacity: 1)
    table.initialize(
      to: parpy_runtime(
        parallel_for: { body, context, iterations, multiple, maxWorkers in
          guard let body else { return }
          WorkerPool.shared.parallelFor(
            body, context: context, iterations: iterations, multiple: multiple,
            maxWorkers: maxWorkers)
        },
        parallel_team: { body, context, workers in
          guard let body else { return }
          WorkerPool.shared.parallelTeam(body, context: context, workers: workers)
        },
        team_barrier: { WorkerPool.shared.teamBarrier() },
        allocate: { allocateAligned($0) },
        deallocate: { free($0) }, call_back: { _, _, _ in RuntimeTable.noCallbacks }))
    return Table(address: table)
  }()
}

/// Memory for `bytes` bytes, 64-byte aligned; nil where there is none or `bytes` is negative.
///
/// No machine has 2⁵⁶ bytes: larger sizes do not reach the allocator's arithmetic.
private func allocateAligned(_ bytes: Int64) -> UnsafeMutableRawPointer? {
  guard bytes >= 0, bytes < 1 << 56 else { return nil }
  var memory: UnsafeMutableRawPointer?
  guard posix_memalign(&memory, 64, Int(truncatingIfNeeded: max(bytes, 1))) == 0 else { return nil }
  return memory
}
