import CRuntime
import Synchronization

@testable import Runtime

/// Counts how often a parallel loop visits each of its iterations, and which ranges it was given.
final class Visits: Sendable {
  private let counts: SharedArray
  private let misaligned = Atomic<Int>(0)
  private let outside = Atomic<Int>(0)
  private let calls = Atomic<Int>(0)
  private let multiple: Int64

  init(iterations: Int64, multiple: Int64) {
    counts = SharedArray(count: Int(max(iterations, 0)))
    self.multiple = max(multiple, 1)
  }

  /// Whether each iteration was visited once, in ranges that start where they may.
  var areExact: Bool {
    outside.load(ordering: .relaxed) == 0 && misaligned.load(ordering: .relaxed) == 0
      && counts.values.allSatisfy { $0 == 1 }
  }

  /// How many ranges there were.
  var callCount: Int { calls.load(ordering: .relaxed) }

  /// Runs the loop on `pool`.
  func run(on pool: WorkerPool, iterations: Int64, multiple: Int64, maxWorkers: Int64) {
    pool.parallelFor(
      { context, begin, end in Visits.at(context)?.record(begin, end) },
      context: Unmanaged.passUnretained(self).toOpaque(),
      iterations: iterations, multiple: multiple, maxWorkers: maxWorkers)
  }

  /// The visits that a body's context points to.
  static func at(_ context: UnsafeMutableRawPointer?) -> Visits? {
    context.map { Unmanaged<Visits>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Notes one range.
  func record(_ begin: Int64, _ end: Int64) {
    calls.wrappingAdd(1, ordering: .relaxed)
    if begin % multiple != 0 { misaligned.wrappingAdd(1, ordering: .relaxed) }
    guard begin >= 0, begin < end, end <= Int64(counts.count) else {
      outside.wrappingAdd(1, ordering: .relaxed)
      return
    }
    // Plain stores: a range given to two workers is also a data race that the sanitizer sees.
    for index in Int(begin)..<Int(end) { counts[index] += 1 }
  }
}

/// An array that threads share without any synchronisation of its own.
final class SharedArray: @unchecked Sendable {
  let count: Int
  private let storage: UnsafeMutablePointer<Int>

  init(count: Int) {
    self.count = count
    storage = .allocate(capacity: max(count, 1))
    storage.initialize(repeating: 0, count: count)
  }

  deinit { storage.deallocate() }

  var values: [Int] { Array(UnsafeBufferPointer(start: storage, count: count)) }

  subscript(index: Int) -> Int {
    get { storage[index] }
    set { storage[index] = newValue }
  }
}

extension WorkerPool {
  /// A pool of `count` workers whatever the machine.
  static func ofWorkers(_ count: Int64) -> WorkerPool { WorkerPool(.exactly(count)) }
}
