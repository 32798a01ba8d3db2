import CRuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A detached thread that works for a pool until the process ends.
struct WorkerThread {
  private static let stackSize = 8 << 20

  private let pool: WorkerPool
  private let number: Int64

  /// Starts worker `number` of `pool`; false where the system has no thread to give.
  static func start(number: Int64, of pool: WorkerPool) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackSize)
    guard pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)) == 0 else {
      return false
    }
    let thread = UnsafeMutablePointer<WorkerThread>.allocate(capacity: 1)
    thread.initialize(to: WorkerThread(pool: pool, number: number))
    let started = withSignalsBlocked {
      #if canImport(Glibc)
        var handle = pthread_t()
      #else
        var handle: pthread_t?
      #endif
      return pthread_create(&handle, &attributes, workerMain, thread) == 0
    }
    if !started {
      thread.deinitialize(count: 1)
      thread.deallocate()
    }
    return started
  }

  fileprivate func run() {
    parpy_name_thread("parpy-\(number)")
    pool.work(as: number)
  }
}

#if canImport(Glibc)
  private func workerMain(_ thread: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    runWorker(thread)
    return nil
  }
#else
  private func workerMain(_ thread: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    runWorker(thread)
    return nil
  }
#endif

private func runWorker(_ thread: UnsafeMutableRawPointer?) {
  guard let thread = thread?.assumingMemoryBound(to: WorkerThread.self) else { return }
  let worker = thread.move()
  thread.deallocate()
  worker.run()
}

/// Runs `body` with signals blocked, as a thread started in it inherits: Python's handlers then run
/// on threads of Python's.
///
/// Signals that a thread's own instructions raise stay open: blocked, they would end the process
/// without a word from `faulthandler`.
private func withSignalsBlocked<Result>(_ body: () -> Result) -> Result {
  var blocked = sigset_t()
  var previous = sigset_t()
  sigfillset(&blocked)
  for signal in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT] { sigdelset(&blocked, signal) }
  let changed = pthread_sigmask(SIG_SETMASK, &blocked, &previous) == 0
  defer { if changed { pthread_sigmask(SIG_SETMASK, &previous, nil) } }
  return body()
}
