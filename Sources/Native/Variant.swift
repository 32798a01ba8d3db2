import CPython
import CRuntime
import CUDARuntime
import LoopIR
import Syntax

/// One compiled version of a function, and which calls it serves: those of its family whose value words fit.
///
/// The code is loaded for as long as the variant lives; a call holds the variant while it runs.
final class Variant {
  /// The entry point of compiled code; see `CompiledProgram.entry`.
  typealias Entry =
    @convention(c) (
      UnsafePointer<Int64>, UnsafePointer<parpy_runtime>, UnsafeMutablePointer<Int64>
    ) -> Int64

  /// Compiled code in memory.
  struct Code {
    let entry: Entry
    /// The Python object that keeps the code loaded; a reference that the code's user owns.
    let library: PythonPointer
  }

  /// Nil where every such call is refused.
  let code: Code?
  /// What runs the version on a GPU; nil for code of the CPU.
  let executor: DeviceExecutor?
  /// Why calls are refused: an array that is written cannot be.
  let refusal: Diagnostic?
  /// Why the GPU that `Auto` stands for does not run the version, whose code is for the CPU; nil for others.
  let obstacle: DiagnosticError?
  /// What the results of the entry point mean; see `CompiledProgram.failures`.
  let failures: [Diagnostic?]
  /// What the code tests as it runs; see `CompiledProgram.faults`.
  let faults: [Fault]
  /// The sources that the failures speak of.
  let sourceFiles: [SourceFile]
  /// The Python functions that the code calls; nil where it calls none.
  let callbacks: CallbackTable?
  let parameterCount: Int
  /// When it was last used, by the clock of its table.
  let lastUse: UnsafeMutablePointer<UInt64>

  private let wordCount: Int
  /// The words that must be equal, under a mask that is zero for parameters.
  private let constants: UnsafeMutablePointer<Int64>
  private let masks: UnsafeMutablePointer<Int64>
  /// The value word that each parameter is taken from.
  private let sources: UnsafeMutablePointer<Int>
  /// Pairs of words that must be equal to each other, since they share a parameter.
  private let equalities: UnsafeMutableBufferPointer<(Int, Int)>

  /// A version for the words of a plan; takes over the reference to the code.
  init(
    _ plan: ValueHistory.Plan, code: Code?, refusal: Diagnostic?, failures: [Diagnostic?],
    faults: [Fault], sourceFiles: [SourceFile], callbacks: CallbackTable? = nil,
    executor: DeviceExecutor? = nil, obstacle: DiagnosticError? = nil
  ) {
    self.obstacle = obstacle
    self.executor = executor
    self.callbacks = callbacks
    self.sourceFiles = sourceFiles
    self.code = code
    self.refusal = refusal
    self.failures = failures
    self.faults = faults
    parameterCount = plan.sources.count
    wordCount = plan.words.count
    lastUse = .allocate(capacity: 1)
    lastUse.initialize(to: 0)
    constants = .allocate(capacity: plan.words.count + 1)
    masks = .allocate(capacity: plan.words.count + 1)
    sources = .allocate(capacity: plan.sources.count + 1)
    var pairs: [(Int, Int)] = []
    for (index, word) in plan.words.enumerated() {
      switch word {
      case .constant(let value):
        (constants + index).initialize(to: value)
        (masks + index).initialize(to: -1)
      case .parameter(let parameter):
        (constants + index).initialize(to: 0)
        (masks + index).initialize(to: 0)
        let source = plan.sources.indices.contains(parameter) ? plan.sources[parameter] : index
        if source != index { pairs.append((source, index)) }
      }
    }
    for (index, source) in plan.sources.enumerated() { (sources + index).initialize(to: source) }
    equalities = .allocate(capacity: pairs.count)
    _ = equalities.initialize(from: pairs)
  }

  deinit {
    lastUse.deallocate()
    constants.deallocate()
    masks.deallocate()
    sources.deallocate()
    equalities.deallocate()
    if let code { py_release(code.library) }
  }

  /// The value word that a parameter is taken from.
  func parameterSource(_ index: Int) -> Int { sources[index] }

  /// Whether the version serves a call with those value words.
  @inline(__always)
  func serves(_ values: UnsafePointer<Int64>) -> Bool {
    var difference: Int64 = 0
    var index = 0
    while index < wordCount {
      difference |= (values[index] ^ constants[index]) & masks[index]
      index &+= 1
    }
    if difference != 0 { return false }
    for (first, second) in equalities where values[first] != values[second] { return false }
    return true
  }

  /// The failed test that the code recorded in the frame's error slot, which is cleared.
  func fault(in frame: CallFrame.Reference) -> Diagnostic {
    let slot = frame.pointee.slot
    defer { slot.update(repeating: 0, count: CallFrame.faultSize) }
    guard slot[0] > 0, slot[0] <= faults.count else {
      return Diagnostic(.bug, "The compiled code recorded the unknown fault \(slot[0]).", at: [])
    }
    return faults[Int(slot[0]) - 1].diagnostic(index: slot[1], size: slot[2])
  }

  /// Runs the code without the interpreter's lock; the result is that of the entry point.
  @inline(__always)
  func run(
    _ code: Code, _ frame: CallFrame.Reference, _ runtime: UnsafePointer<parpy_runtime>
  ) -> Int64 {
    let block = frame.pointee.block
    let parameters = block + frame.pointee.arrayCount
    var index = 0
    while index < parameterCount {
      parameters[index] = frame.pointee.values[sources[index]]
      index &+= 1
    }
    if let callbacks {
      // A callback may drop every other reference to the version.
      return withExtendedLifetime(self) {
        callbacks.run(frame) { code.entry(block, runtime, frame.pointee.slot) }
      }
    }
    let thread = PyEval_SaveThread()
    let result = code.entry(block, runtime, frame.pointee.slot)
    PyEval_RestoreThread(thread)
    return result
  }
}
