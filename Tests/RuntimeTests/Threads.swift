#if canImport(Glibc)
  import Glibc
  typealias ThreadHandle = pthread_t
#else
  import Darwin
  typealias ThreadHandle = pthread_t?
#endif

/// Runs `body` on `count` new threads at once, giving each its number, and returns when all are
/// done.
func onThreads(_ count: Int, _ body: @escaping @Sendable (_ thread: Int) -> Void) {
  let threads = (0..<count).compactMap { number -> ThreadHandle? in
    let work = Unmanaged.passRetained(ThreadWork { body(number) })
    #if canImport(Glibc)
      var handle = ThreadHandle()
    #else
      var handle: ThreadHandle = nil
    #endif
    let failure = pthread_create(&handle, nil, runThreadWork, work.toOpaque())
    if failure != 0 { work.release() }
    return failure == 0 ? handle : nil
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// Sleeps, so that idle helpers do as well.
func pause(milliseconds: Int) {
  usleep(useconds_t(milliseconds * 1000))
}

private final class ThreadWork: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  static func run(_ work: UnsafeMutableRawPointer) {
    Unmanaged<ThreadWork>.fromOpaque(work).takeRetainedValue().body()
  }
}

#if canImport(Glibc)
  private func runThreadWork(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let work { ThreadWork.run(work) }
    return nil
  }
#else
  private func runThreadWork(_ work: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    ThreadWork.run(work)
    return nil
  }
#endif
