import CRuntime
import Testing

@testable import Runtime

@Suite struct ParallelTeamTests {
  @Test(arguments: [Int64.min, 0, 1, 2, 3, 5, .max])
  func runsOnceForEachWorker(workers: Int64) {
    let pool = WorkerPool.ofWorkers(4)
    let expected = Int(min(max(workers, 1), 4))
    for _ in 0..<200 {
      let team = Team(pool: pool)
      team.run(workers: workers) { team, worker, workers in
        team.slots[worker] += 1
        team.sizes[worker] = workers
      }
      #expect(team.slots.values.prefix(expected).allSatisfy { $0 == 1 })
      #expect(team.slots.values.dropFirst(expected).allSatisfy { $0 == 0 })
      #expect(team.sizes.values.prefix(expected).allSatisfy { $0 == expected })
    }
  }

  @Test(arguments: [Int64(2), 3, 8])
  func barrierSeparatesPhases(workers: Int64) {
    let pool = WorkerPool.ofWorkers(workers)
    let team = Team(pool: pool)
    // In each phase a worker reads what its neighbour wrote in the phase before, with plain loads.
    team.run(workers: workers) { team, worker, workers in
      for phase in 1...500 {
        team.slots[worker] = phase
        team.pool.teamBarrier()
        if team.slots[(worker + 1) % workers] != phase { team.failures.add() }
        team.pool.teamBarrier()
      }
    }
    #expect(team.failures.count == 0)
    #expect(team.slots.values.prefix(Int(workers)).allSatisfy { $0 == 500 })
  }

  @Test func barrierWaitsForAWorkerThatComesLate() {
    let team = Team(pool: .ofWorkers(3))
    team.run(workers: 3) { team, worker, _ in
      for _ in 0..<10 {
        if worker == 1 { pause(milliseconds: 2) }
        team.slots[worker] += 1
        team.pool.teamBarrier()
        if team.slots[1] != team.slots[worker] { team.failures.add() }
        team.pool.teamBarrier()
      }
    }
    #expect(team.failures.count == 0)
  }

  @Test func nestedTeamIsOneWorkerAndItsBarrierNone() {
    let team = Team(pool: .ofWorkers(4))
    team.run(workers: 4) { team, worker, _ in
      team.run(workers: 4) { team, worker, workers in
        if worker != 0 || workers != 1 { team.failures.add() }
        team.pool.teamBarrier()
      }
      // The outer team's barrier works as before.
      team.slots[worker] = 1
      team.pool.teamBarrier()
      if team.slots.values.prefix(4) != [1, 1, 1, 1] { team.failures.add() }
      team.pool.teamBarrier()
    }
    #expect(team.failures.count == 0)
  }

  @Test func loopInATeamRunsOnItsWorkerAlone() {
    let team = Team(pool: .ofWorkers(3))
    team.run(workers: 3) { team, _, _ in
      let visits = Visits(iterations: 100, multiple: 1)
      visits.run(on: team.pool, iterations: 100, multiple: 1, maxWorkers: 3)
      if !visits.areExact || visits.callCount != 1 { team.failures.add() }
      team.pool.teamBarrier()
    }
    #expect(team.failures.count == 0)
  }

  @Test func barrierOutsideATeamReturns() {
    WorkerPool.ofWorkers(2).teamBarrier()
  }

  @Test func teamsOfManyThreadsDoNotDeadlock() {
    let pool = WorkerPool.ofWorkers(3)
    let runs = Counter()
    onThreads(4) { _ in
      for _ in 0..<200 {
        let team = Team(pool: pool)
        team.run(workers: 3) { team, worker, _ in
          team.pool.teamBarrier()
          if worker == 0 { team.failures.add() }
          team.pool.teamBarrier()
        }
        runs.add(team.failures.count)
      }
    }
    #expect(runs.count == 800)
  }
}

/// What the workers of a team share.
private final class Team: Sendable {
  typealias Body = @Sendable (Team, _ worker: Int, _ workers: Int) -> Void

  let pool: WorkerPool
  let slots = SharedArray(count: 16)
  let sizes = SharedArray(count: 16)
  let failures = Counter()

  init(pool: WorkerPool) { self.pool = pool }

  func run(workers: Int64, _ body: @escaping Body) {
    let call = Call(team: self, body: body)
    withExtendedLifetime(call) {
      pool.parallelTeam(
        { context, worker, workers in
          guard let context else { return }
          let call = Unmanaged<Call>.fromOpaque(context).takeUnretainedValue()
          call.body(call.team, Int(worker), Int(workers))
        }, context: Unmanaged.passUnretained(call).toOpaque(), workers: workers)
    }
  }

  private final class Call: Sendable {
    let team: Team
    let body: Body
    init(team: Team, body: @escaping Body) {
      self.team = team
      self.body = body
    }
  }
}
