import CPython

/// The threads that run a decorated function in plain Python, as `parpy.seq()` asks: the decorated functions that it
/// calls do the same.
///
/// Only a thread that holds the interpreter's lock looks in or changes anything.
struct PlainPython: ~Copyable {
  private nonisolated(unsafe) static var place: UnsafeMutablePointer<Int>?

  /// How many functions run in plain Python, in all threads.
  private static var depth: UnsafeMutablePointer<Int> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<Int> {
    let made = UnsafeMutablePointer.kept(0)
    place = made
    return made
  }
  nonisolated(unsafe) private static var threads: [UInt: Int] = [:]

  private let thread = UInt(PyThread_get_thread_ident())

  /// Notes that this thread runs plain Python for as long as the value lives.
  init() {
    Self.depth.pointee &+= 1
    Self.threads[thread, default: 0] += 1
  }

  deinit {
    Self.depth.pointee &-= 1
    let rest = Self.threads[thread, default: 1] - 1
    Self.threads[thread] = rest > 0 ? rest : nil
  }

  /// Whether this thread does.
  @inline(__always)
  static var isRunning: Bool { depth.pointee > 0 && isRunningHere }

  private static var isRunningHere: Bool { threads[UInt(PyThread_get_thread_ident())] != nil }
}
