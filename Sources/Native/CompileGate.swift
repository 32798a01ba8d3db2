import CPython

/// Lets one thread at a time compile a function; others wait without the interpreter's lock.
///
/// A thread that comes in again while it compiles, because a warning filter or the like calls the function, goes
/// through. After a fork the gate is open: the thread that held it may not exist in the child.
final class CompileGate {
  private var lock: PyThread_type_lock?
  private var owner: UInt = 0
  private var depth = 0
  private var process: Int64 = 0

  deinit {
    if let lock { PyThread_free_lock(lock) }
  }

  /// Waits until no other thread is inside.
  ///
  /// - Throws: what a signal handler raises while the thread waits, such as `KeyboardInterrupt`.
  func enter() throws(PythonException) {
    let thread = UInt(PyThread_get_thread_ident())
    if process != py_process() {
      // A lock that a lost thread holds cannot be freed; it is left behind.
      lock = PyThread_allocate_lock()
      process = py_process()
      owner = 0
      depth = 0
    }
    guard let lock else { throw raise(py_memory_error(), "no memory for a lock") }
    if depth > 0, owner == thread {
      depth += 1
      return
    }
    while true {
      let state = PyEval_SaveThread()
      let status = PyThread_acquire_lock_timed(lock, 50_000, 1)
      PyEval_RestoreThread(state)
      if status == PY_LOCK_ACQUIRED { break }
      if PyErr_CheckSignals() != 0 { throw PythonException() }
    }
    owner = thread
    depth = 1
  }

  /// Lets the next thread in.
  func leave() {
    depth -= 1
    if depth == 0, let lock {
      owner = 0
      PyThread_release_lock(lock)
    }
  }
}
