import LoopIR
import Syntax

/// What the compiler makes of a function for one call signature.
public struct CompiledProgram: Sendable {
  /// The symbol of the entry point.
  ///
  /// Its C type is `int64_t entry(const int64_t *words, const parpy_runtime *runtime, int64_t *slot)`. `words` hold a
  /// pointer for each array of the arguments, in order, then the run-time parameters of the signature. The result is 0, or the
  /// 1-based position in `failures` of the check that failed before anything ran; -1 means out of memory, and -2 that a test failed
  /// as the code ran. Then `slot`, of three words that were 0, holds the 1-based position in `faults` of the first such
  /// test and its two numbers: the index and the size of the dimension, or the two lengths.
  public var entry: String
  /// The generated code: LLVM IR text.
  public var code: String
  /// What each failing check means: a diagnostic, or nil where the call must be compiled anew with all its values
  /// as constants.
  public var failures: [Diagnostic?]
  /// What is tested as the code runs.
  public var faults: [Fault]
  /// For each array or scalar of the call's arguments, entries of dictionaries one by one, whether the function
  /// writes it.
  public var writes: [Bool]
  public var warnings: [Diagnostic]
  /// The stages as text, for people.
  public var loopIR: String
  public var program: String

  /// Creates a compiled program.
  public init(
    entry: String, code: String, failures: [Diagnostic?], faults: [Fault] = [],
    writes: [Bool], warnings: [Diagnostic],
    loopIR: String, program: String
  ) {
    self.entry = entry
    self.code = code
    self.failures = failures
    self.faults = faults
    self.writes = writes
    self.warnings = warnings
    self.loopIR = loopIR
    self.program = program
  }
}
