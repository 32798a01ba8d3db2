import CRuntime
import Synchronization
import Testing

@testable import Runtime

@Suite struct ParallelForTests {
  @Test(arguments: [Int64.min, -1, 0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 4099, 100_000])
  func visitsEachIterationOnce(iterations: Int64) {
    for workers: Int64 in [2, 3, 8] {
      let pool = WorkerPool.ofWorkers(workers)
      for multiple: Int64 in [.min, 0, 1, 2, 8, 64, 999, 1 << 40, .max] {
        for maxWorkers: Int64 in [.min, 0, 1, 2, 5, .max] {
          let visits = Visits(iterations: iterations, multiple: multiple)
          visits.run(
            on: pool, iterations: iterations, multiple: multiple, maxWorkers: maxWorkers)
          #expect(visits.areExact, "multiple \(multiple), workers \(workers) of \(maxWorkers)")
        }
      }
    }
  }

  @Test func staysExactOverManyRegionsInARow() {
    let pool = WorkerPool.ofWorkers(4)
    for round in 0..<2000 {
      let iterations = Int64(round % 97)
      let visits = Visits(iterations: iterations, multiple: 3)
      visits.run(on: pool, iterations: iterations, multiple: 3, maxWorkers: Int64(round % 6))
      guard visits.areExact else {
        Issue.record("round \(round)")
        return
      }
    }
  }

  @Test func runsAtMostOneMultipleOnTheCallerInOneCall() {
    let visits = Visits(iterations: 64, multiple: 64)
    visits.run(on: .ofWorkers(4), iterations: 64, multiple: 64, maxWorkers: 4)
    #expect(visits.areExact)
    #expect(visits.callCount == 1)
  }

  @Test func runsNestedRegionsInOneCallEach() {
    let pool = WorkerPool.ofWorkers(4)
    let outer = NestedLoop(pool: pool, iterations: 40)
    pool.parallelFor(
      { context, begin, end in
        guard let context else { return }
        let loop = Unmanaged<NestedLoop>.fromOpaque(context).takeUnretainedValue()
        for index in begin..<end {
          loop.inner[Int(index)].run(
            on: loop.pool, iterations: 1000, multiple: 1, maxWorkers: 4)
        }
      },
      context: Unmanaged.passUnretained(outer).toOpaque(),
      iterations: 40, multiple: 1, maxWorkers: 4)
    #expect(outer.inner.allSatisfy { $0.areExact && $0.callCount == 1 })
  }

  @Test func servesManyThreadsAtOnce() {
    let pool = WorkerPool.ofWorkers(3)
    let wrong = Atomic<Int>(0)
    onThreads(6) { _ in
      for _ in 0..<300 {
        let visits = Visits(iterations: 500, multiple: 4)
        visits.run(on: pool, iterations: 500, multiple: 4, maxWorkers: 3)
        if !visits.areExact { wrong.wrappingAdd(1, ordering: .relaxed) }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test func wakesHelpersThatWentToSleep() {
    let pool = WorkerPool.ofWorkers(4)
    for _ in 0..<50 {
      let visits = Visits(iterations: 64, multiple: 1)
      visits.run(on: pool, iterations: 64, multiple: 1, maxWorkers: 4)
      #expect(visits.areExact)
      pause(milliseconds: 2)
    }
  }
}

/// A loop each of whose iterations runs a loop of its own.
private final class NestedLoop: Sendable {
  let pool: WorkerPool
  let inner: [Visits]

  init(pool: WorkerPool, iterations: Int) {
    self.pool = pool
    inner = (0..<iterations).map { _ in Visits(iterations: 1000, multiple: 1) }
  }
}
