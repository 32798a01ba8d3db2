#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs `body` on a thread with a stack of 64 MiB, as deep recursion needs under the address sanitizer, whose frames are large.
public func withDeepStack(_ body: @escaping @Sendable () throws -> Void) throws {
  let run = Run(body)
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setstacksize(&attributes, 64 << 20)
  #if canImport(Glibc)
    var thread = pthread_t()
    let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { run in
      if let run { Unmanaged<Run>.fromOpaque(run).takeUnretainedValue().start() }
      return nil
    }
  #else
    var thread: pthread_t?
    let main: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { run in
      Unmanaged<Run>.fromOpaque(run).takeUnretainedValue().start()
      return nil
    }
  #endif
  let pointer = Unmanaged.passUnretained(run).toOpaque()
  precondition(pthread_create(&thread, &attributes, main, pointer) == 0, "no thread was started")
  #if canImport(Glibc)
    pthread_join(thread, nil)
  #else
    if let thread { pthread_join(thread, nil) }
  #endif
  if let error = run.error { throw error }
}

/// What a thread is to run, and the error that ended it.
private final class Run {
  private let body: () throws -> Void
  private(set) var error: (any Error)?

  init(_ body: @escaping () throws -> Void) { self.body = body }

  func start() {
    do { try body() } catch { self.error = error }
  }
}
