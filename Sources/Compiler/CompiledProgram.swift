import GPUMapping
import LoopIR
import Schedule
import Syntax

/// What the compiler makes of a function for one call signature.
public struct CompiledProgram: Sendable {
  /// The symbol of the entry point.
  ///
  /// Its C type is `int64_t entry(const int64_t *words, const parpy_runtime *runtime, int64_t *slot)`. `words` hold a
  /// pointer for each array of the arguments, in order, then the run-time parameters of the signature. The result is 0, or the
  /// 1-based position in `failures` of the check that failed before anything ran; -1 means out of memory, and -2 that a test failed
  /// as the code ran. Then `slot`, whose first three words were 0, holds the 1-based position in `faults` of the first such
  /// test and its two numbers: the index and the size of the dimension, or the two lengths. -3 means that a callback failed: the
  /// code hands `slot`, whose fourth word is the caller's, and a position in `callbacks` to the runtime's `call_back`.
  public var entry: String
  /// The generated code: LLVM IR text.
  public var code: String
  /// What each failing check means: a diagnostic, or nil where the call must be compiled anew with all its values
  /// as constants.
  public var failures: [Diagnostic?]
  /// What is tested as the code runs.
  public var faults: [Fault]
  /// The symbols of the external functions that the code calls; the one at position 0 is called
  /// `parpy.external.0.SYMBOL` in the code.
  public var externals: [String]
  /// The forms of calls of Python functions.
  public var callbacks: [CallbackSignature]
  /// For each array or scalar of the call's arguments, entries of dictionaries one by one, whether the function
  /// writes it.
  public var writes: [Bool]
  /// The program behind the code, where that is for a GPU: its host part runs as data.
  public var device: DeviceProgram?
  public var warnings: [Diagnostic]
  /// The stages as text, for people.
  public var loopIR: String
  public var program: String

  /// Creates a compiled program.
  public init(
    entry: String, code: String, failures: [Diagnostic?], faults: [Fault] = [],
    externals: [String] = [], callbacks: [CallbackSignature] = [],
    writes: [Bool], device: DeviceProgram? = nil, warnings: [Diagnostic],
    loopIR: String, program: String
  ) {
    self.entry = entry
    self.code = code
    self.failures = failures
    self.faults = faults
    self.externals = externals
    self.callbacks = callbacks
    self.writes = writes
    self.device = device
    self.warnings = warnings
    self.loopIR = loopIR
    self.program = program
  }
  /// Gives all messages the places of helpers in their sources, and the calls that led there.
  mutating func resolvePlaces(in calls: CallTable) {
    failures = failures.map { $0.map { calls.resolve($0) } }
    for i in faults.indices { faults[i].template = calls.resolve(faults[i].template) }
    warnings = warnings.map { calls.resolve($0) }
  }
}
