import CPython

/// The threads that run a decorated function in plain Python, as `parpy.seq()` asks: the decorated functions that it
/// calls do the same.
///
/// Only a thread that holds the interpreter's lock looks in or changes anything.
struct PlainPython: ~Copyable {
  nonisolated(unsafe) private static let depth = UnsafeMutablePointer<Int>.initialized(to: 0)
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

extension UnsafeMutablePointer {
  fileprivate static func initialized(to value: Pointee) -> Self {
    let pointer = Self.allocate(capacity: 1)
    pointer.initialize(to: value)
    return pointer
  }
}
