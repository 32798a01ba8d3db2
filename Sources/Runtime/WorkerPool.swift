import CRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Threads that share the work of a parallel region with the thread that called for it.
///
/// A region has one owner, its caller, who is worker 0. The owner describes the region, opens the
/// gate, works as any helper does, shuts the gate and waits for the helpers that joined. Helpers
/// are threads started when first wanted; idle, they spin for a while and then sleep. Whoever finds
/// itself in a region already, or the pool owned by another thread, works alone.
public final class WorkerPool: @unchecked Sendable {
  /// The pool of the process: at most one worker a core, at most `PARPY_NUM_THREADS`.
  ///
  /// Look at it once before threads and forks are about, as the table of the runtime does.
  public static let shared: WorkerPool = {
    let pool = WorkerPool(WorkerLimit(environmentValue: requested) ?? .onePerCore(atMost: nil))
    pthread_atfork(nil, nil) { WorkerPool.shared.restartAfterFork() }
    return pool
  }()

  /// What `PARPY_NUM_THREADS` says.
  private static var requested: String? {
    getenv("PARPY_NUM_THREADS").map { String(cString: $0) }
  }

  /// What is wrong with `PARPY_NUM_THREADS`, where it is set to anything but a positive integer; the pool ignores it then.
  public static var environmentFault: String? {
    guard let requested, WorkerLimit(environmentValue: requested) == nil else { return nil }
    return
      "PARPY_NUM_THREADS='\(requested)' is no number of workers; it may be a positive integer, such as 4"
  }

  /// What the region does, as those in it see it.
  private enum Region {
    case none
    case ranges(parpy_range_body, UnsafeMutableRawPointer?, RangeQueue)
    case team(parpy_team_body, UnsafeMutableRawPointer?, workers: Int64)
  }

  private let limit: WorkerLimit
  /// The workers there can be; 0: not known yet. Changes only under ownership.
  private let capacity: SharedAtomic<Int64> = .shared(0)
  /// The helpers started; changes only under ownership.
  private let helperCount: SharedAtomic<Int64> = .shared(0)
  private let isOwned: SharedAtomic<Bool> = .shared(false)
  private let gate = Gate()
  /// Written by the owner while the gate is clear, read by helpers that joined.
  private let region: UnsafeMutablePointer<Region> = .allocateAloneOnCacheLines()
  /// The counters of range queues, for as many workers as `capacity` was when they were made; nil before the first
  /// region. Changes only under ownership.
  private let counters: UnsafeMutablePointer<(memory: UnsafeMutableRawPointer, workers: Int64)?> =
    .allocate(capacity: 1)
  /// How many regions there were. Changes only under ownership.
  private let regions: UnsafeMutablePointer<UInt64> = .allocate(capacity: 1)
  private let barrier = TeamBarrier()
  private let workBell = Doorbell()
  private let completionBell = Doorbell()
  /// The core that the owner woke helpers from; -1 where the system does not tell.
  private let ownerCore: SharedAtomic<Int64> = .shared(-1)
  /// How many forks lie between this process and the one that made the pool.
  private let forks: SharedAtomic<UInt32> = .shared(0)

  init(_ limit: WorkerLimit) {
    self.limit = limit
    region.initialize(to: .none)
    counters.initialize(to: nil)
    regions.initialize(to: 0)
  }

  /// The number of workers that a region can have, its caller included.
  ///
  /// Settled when the first region runs, by the cores that the process has then.
  public var workerCount: Int {
    let known = capacity.pointee.load(ordering: .relaxed)
    return Int(truncatingIfNeeded: known > 0 ? known : limit.workerCount())
  }

  // MARK: - Regions

  /// Runs `body` over `0..<iterations` in disjoint ranges and returns when all is done.
  ///
  /// Every range starts at a multiple of `multiple` (at least 1), at most `maxWorkers` workers take
  /// part, and no iterations means no call. What the caller stored before, the body sees; what the
  /// body stored, the caller sees afterwards.
  public func parallelFor(
    _ body: parpy_range_body, context: UnsafeMutableRawPointer?,
    iterations: Int64, multiple: Int64, maxWorkers: Int64
  ) {
    if iterations <= 0 { return }
    let multiple = max(multiple, 1)
    guard iterations > multiple, maxWorkers > 1, own() else {
      return body(context, 0, iterations)
    }
    defer { disown() }
    let blocks = RangePlan.blocks(iterations: iterations, multiple: multiple)
    let helpers = startHelpers(min(maxWorkers, settledCapacity(), blocks) &- 1)
    guard helpers > 0 else { return body(context, 0, iterations) }

    let queue = queue(
      of: RangePlan(iterations: iterations, multiple: multiple, workers: helpers &+ 1))
    region.pointee = .ranges(body, context, queue)
    admit(helpers)
    parpy_set_thread_role(parpy_role_in_region)
    takeRanges(body, context, queue, as: 0)
    parpy_set_thread_role(parpy_role_outside)
    awaitHelpers()
  }

  /// Runs `body` once for each of at most `workers` workers, all at the same time.
  ///
  /// The body is told how many there are and may call `teamBarrier`.
  public func parallelTeam(
    _ body: parpy_team_body, context: UnsafeMutableRawPointer?, workers: Int64
  ) {
    guard workers > 1, own() else { return runAlone(body, context) }
    defer { disown() }
    let helpers = startHelpers(min(workers, settledCapacity()) &- 1)
    guard helpers > 0 else { return runAlone(body, context) }

    region.pointee = .team(body, context, workers: helpers &+ 1)
    admit(helpers)
    parpy_set_thread_role(parpy_role_in_team)
    body(context, 0, helpers &+ 1)
    parpy_set_thread_role(parpy_role_outside)
    awaitHelpers()
  }

  /// Waits until every worker of the caller's team is here; outside a team, returns at once.
  public func teamBarrier() {
    guard parpy_thread_role() == parpy_role_in_team,
      case .team(_, _, let workers) = region.pointee
    else { return }
    barrier.wait(members: workers)
  }

  /// A team of one, in which a barrier has nothing to wait for.
  private func runAlone(_ body: parpy_team_body, _ context: UnsafeMutableRawPointer?) {
    let role = parpy_thread_role()
    if role == parpy_role_in_team { parpy_set_thread_role(parpy_role_in_region) }
    body(context, 0, 1)
    parpy_set_thread_role(role)
  }

  // MARK: - The owner

  /// Makes the caller the owner, unless it is in a region or another thread owns the pool.
  private func own() -> Bool {
    parpy_thread_role() == parpy_role_outside
      && capacity.pointee.load(ordering: .relaxed) != 1
      && !isOwned.pointee.exchange(true, ordering: .acquiring)
  }

  private func disown() {
    isOwned.pointee.store(false, ordering: .releasing)
  }

  /// The workers there can be; the first owner in a process counts the cores.
  private func settledCapacity() -> Int64 {
    let known = capacity.pointee.load(ordering: .relaxed)
    if known > 0 { return known }
    let count = limit.workerCount()
    capacity.pointee.store(count, ordering: .relaxed)
    return count
  }

  /// The ranges of a new region.
  private func queue(of plan: RangePlan) -> RangeQueue {
    let known = counters.pointee.flatMap { $0.workers >= plan.workers ? $0.memory : nil }
    let memory = known ?? RangeQueue.makeCounters(for: plan.workers)
    if known == nil { counters.pointee = (memory, plan.workers) }
    regions.pointee &+= 1
    return RangeQueue(plan, counters: memory, region: regions.pointee)
  }

  /// Starts helpers until there are `wanted`; returns how many of those there are.
  private func startHelpers(_ wanted: Int64) -> Int64 {
    var count = helperCount.pointee.load(ordering: .relaxed)
    while count < wanted {
      guard WorkerThread.start(number: count &+ 1, of: self) else {
        capacity.pointee.store(count &+ 1, ordering: .relaxed)
        break
      }
      count &+= 1
      helperCount.pointee.store(count, ordering: .relaxed)
    }
    return min(count, wanted)
  }

  /// Opens the gate to `helpers` helpers, and wakes as many as are not awake.
  ///
  /// The kernel may put a helper in line for the owner's core. The owner, who never waits for those that have not joined,
  /// would keep it from running for milliseconds beside an idle core, so it lets it run, and the helper leaves
  /// (`leaveOwnersCore`). Regions of 50 µs were seen to take 70 to 90.
  private func admit(_ helpers: Int64) {
    gate.open(places: UInt32(truncatingIfNeeded: helpers))
    let asleep = Int64(workBell.sleeperCount)
    if asleep == 0 { return }
    let awake = helperCount.pointee.load(ordering: .relaxed) &- asleep
    if awake < helpers {
      ownerCore.pointee.store(parpy_current_core(), ordering: .relaxed)
      workBell.ring(waking: UInt32(truncatingIfNeeded: helpers &- awake))
      parpy_yield_core()
    }
  }

  private func awaitHelpers() {
    completionBell.wait { [gate] in gate.isClear }
  }

  // MARK: - Helpers

  /// The life of helper `number`, from 1 on: joins region after region, until the process ends.
  func work(as number: Int64) {
    let forksAtStart = forks.pointee.load(ordering: .relaxed)
    while true {
      if workBell.wait(until: { [gate] in gate.isOpen }) { leaveOwnersCore() }
      let places = gate.join()
      if places == 0 { continue }
      switch region.pointee {
      case .none: break
      case .ranges(let body, let context, let queue):
        parpy_set_thread_role(parpy_role_in_region)
        takeRanges(body, context, queue, as: number)
      case .team(let body, let context, let workers):
        parpy_set_thread_role(parpy_role_in_team)
        body(context, workers &- Int64(places), workers)
      }
      // A body that forked goes on here in the child, where this thread is no helper.
      if forks.pointee.load(ordering: .relaxed) != forksAtStart { return }
      parpy_set_thread_role(parpy_role_outside)
      if gate.leave() { completionBell.ring() }
    }
  }

  /// Moves a helper that has just woken away from the core of the thread that woke it.
  ///
  /// The kernel may wake it there, and then both take turns on one core until its balancer has a look, milliseconds later:
  /// regions of 10 µs were seen to take 25.
  private func leaveOwnersCore() {
    let core = ownerCore.pointee.load(ordering: .relaxed)
    if core >= 0 && core == parpy_current_core() { parpy_leave_core(core) }
  }

  /// Takes range after range until none is left, and then shuts the gate.
  private func takeRanges(
    _ body: parpy_range_body, _ context: UnsafeMutableRawPointer?, _ queue: RangeQueue,
    as worker: Int64
  ) {
    queue.drain(as: worker) { begin, end in body(context, begin, end) }
    gate.shut()
  }

  // MARK: - Fork

  /// Makes the pool usable in the child of a fork, where only the thread that forked lives on.
  ///
  /// A thread that forked inside a region goes on with it alone, and keeps the pool owned until it
  /// is through.
  private func restartAfterFork() {
    // A barrier finds no team here.
    region.pointee = .none
    forks.pointee.wrappingAdd(1, ordering: .relaxed)
    capacity.pointee.store(0, ordering: .relaxed)
    helperCount.pointee.store(0, ordering: .relaxed)
    gate.reset()
    barrier.reset()
    workBell.forgetSleepers()
    completionBell.forgetSleepers()
    isOwned.pointee.store(parpy_thread_role() != parpy_role_outside, ordering: .releasing)
  }
}
