import CPython

/// How much of a thread's stack compiling a function takes: the stages call themselves for each part of a part.
///
/// Measured by threads of ever smaller stacks, on x86-64: 60 KiB (NVRTC: 98) for a loop that adds two elements, and for each level of nesting
/// at most 10 KiB of operators, conditions and statements (`a if c else b`) and 25 KiB of calls (`sin(sin(x))`), on the CPU as for CUDA.
struct StackUse {
  /// What a level of operators or statements takes, in bytes.
  static let part = 10 << 10
  /// What a call in an expression takes.
  static let call = 25 << 10
  /// What a program takes whose parts are not nested.
  private static let base = 64 << 10
  /// What is surely enough for what the compiler does not refuse for its size.
  private static let most = 4 << 20

  private var now = 0
  private var deepest = 0

  /// Goes into a part that takes so many bytes.
  mutating func enter(_ bytes: Int) {
    now += bytes
    deepest = max(deepest, now)
  }

  /// Comes back from it.
  mutating func leave(_ bytes: Int) { now -= bytes }

  /// Raises a RecursionError where the calling thread has not twice the stack left that compiling takes.
  ///
  /// - Parameter uses: those of a function and of all that it may call, one in the other.
  static func require(_ uses: [StackUse], toCompile name: String) throws(PythonException) {
    let needed = min(2 * (base + uses.reduce(0) { $0 + $1.deepest }), most)
    let left = py_stack_left()
    if left >= needed { return }
    throw raise(
      py_recursion_error(),
      "Compiling '\(name)' may take \(needed >> 10) KiB of stack, and this thread has \(left >> 10) KiB left: "
        + "call threading.stack_size(\(most << 1)) before the thread is started, or call the function in the main thread first."
    )
  }
}
