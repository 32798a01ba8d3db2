import CForking
import CRuntime
import Testing

@testable import Runtime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The pool of the process in the child of a fork, as Python's `multiprocessing` makes them.
@Suite(
  .serialized, .disabled(if: parpy_has_thread_sanitizer(), "it allows no threads after a fork"))
struct ForkTests {
  @Test func childHasAPoolOfItsOwn() {
    #expect(regionsWork())
    for _ in 0..<20 { #expect(childSucceeds { regionsWork() }) }
    #expect(regionsWork())
  }

  @Test func childOfAChildHasAPoolOfItsOwn() {
    #expect(childSucceeds { regionsWork() && childSucceeds { regionsWork() } })
  }

  @Test func childOfAForkBesideARegionHasAPoolOfItsOwn() {
    let forks = Counter()
    let successes = Counter()
    onThreads(2) { thread in
      if thread == 0 {
        for _ in 0..<20 {
          if childSucceeds({ regionsWork() }) { successes.add() }
        }
        forks.add()
      } else {
        while forks.count == 0 { _ = regionsWork() }
      }
    }
    #expect(successes.count == 20)
  }

  @Test func childOfAForkInsideATeamLeavesTheTeam() {
    #expect(childSucceeds { forksInsideATeam() })
  }

  @Test func childOfAForkInsideALoopLeavesTheLoop() {
    #expect(childSucceeds { forksInsideALoop() })
  }
}

/// Whether a child of this process that returns `work()` says true, within 20 seconds.
private func childSucceeds(_ work: () -> Bool) -> Bool {
  let child = parpy_fork()
  if child == 0 {
    alarm(20)
    _exit(work() ? 0 : 1)
  }
  return succeeds(child)
}

private func succeeds(_ child: pid_t) -> Bool {
  var status: Int32 = -1
  return child > 0 && waitpid(child, &status, 0) == child && status == 0
}

/// Runs a loop and a team with barriers on the pool of the process; false if part was not done.
private func regionsWork() -> Bool {
  let table = RuntimeTable.address.pointee
  var marks = (Int64(0), Int64(0))
  return withUnsafeMutablePointer(to: &marks) { marks in
    table.parallel_for(
      { context, begin, end in
        let marks = context?.assumingMemoryBound(to: Int64.self)
        if begin <= 17, 17 < end { marks?[0] = 1 }
      }, marks, 1000, 8, .max)
    table.parallel_team(
      { context, worker, workers in
        let marks = context?.assumingMemoryBound(to: Int64.self)
        for _ in 0..<10 { RuntimeTable.address.pointee.team_barrier() }
        if worker == workers &- 1 { marks?[1] = 1 }
      }, marks, .max)
    return marks.pointee == (1, 1)
  }
}

/// Forks on worker 0 of a team; the child returns from it, and then runs regions of its own.
private func forksInsideATeam() -> Bool {
  var child: pid_t = -1
  RuntimeTable.address.pointee.parallel_team(
    { context, worker, _ in
      RuntimeTable.address.pointee.team_barrier()
      if worker == 0 { forkInANestedTeam(context) }
      RuntimeTable.address.pointee.team_barrier()
    }, &child, 2)
  return finishFork(child)
}

private func forkInANestedTeam(_ child: UnsafeMutableRawPointer?) {
  RuntimeTable.address.pointee.parallel_team(
    { child, _, _ in child?.storeBytes(of: parpy_fork(), as: pid_t.self) }, child, 2)
}

/// Forks on the caller of a loop; the child returns from it, and then runs regions of its own.
private func forksInsideALoop() -> Bool {
  var child: pid_t = -1
  // The caller takes the first range, whatever the helpers do.
  RuntimeTable.address.pointee.parallel_for(
    { context, begin, _ in
      if begin == 0 { context?.storeBytes(of: parpy_fork(), as: pid_t.self) }
    }, &child, 64, 1, 2)
  return finishFork(child)
}

private func finishFork(_ child: pid_t) -> Bool {
  if child == 0 {
    alarm(20)
    _exit(regionsWork() && regionsWork() ? 0 : 1)
  }
  return succeeds(child)
}
