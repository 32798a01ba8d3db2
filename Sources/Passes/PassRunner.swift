import Syntax

/// Runs passes, and alone times, dumps and verifies.
public struct PassRunner {
  /// How long one pass took, verification and dump left out.
  public struct Timing: Sendable {
    public let pass: String
    public let duration: Duration
  }

  /// The passes that have run, in order.
  public private(set) var timings: [Timing] = []

  private let dump: Set<String>
  private let sink: (_ pass: String, _ text: String, _ duration: Duration?) -> Void

  /// Creates a runner.
  ///
  /// - Parameters:
  ///   - dump: the names of the passes after which the IR is dumped; `all` stands for every pass.
  ///   - sink: receives the dumps, each with how long the pass took, where that is known.
  public init(
    dump: Set<String> = [],
    sink: @escaping (_ pass: String, _ text: String, _ duration: Duration?) -> Void = { _, _, _ in }
  ) {
    self.dump = dump
    self.sink = sink
  }

  /// The IR after all `passes`, in order.
  ///
  /// - Throws: what a pass found wrong with the program, or `.bug` diagnostics that name the pass that broke the IR.
  public mutating func run<IR: IntermediateRepresentation>(
    _ passes: [Pass<IR>], on ir: IR, in context: PassContext
  ) throws(DiagnosticError) -> IR {
    let clock = ContinuousClock()
    var ir = ir
    for pass in passes {
      let start = clock.now
      ir = try pass.transform(ir, context)
      let duration = start.duration(to: clock.now)
      timings.append(Timing(pass: pass.name, duration: duration))
      try inspect(ir, after: pass.name, taking: duration)
    }
    return ir
  }

  /// What a step that is no pass makes, which is dumped and verified.
  ///
  /// - Throws: what the step throws, or `.bug` diagnostics that name it.
  public mutating func step<IR: IntermediateRepresentation>(
    _ name: String, _ make: () throws(DiagnosticError) -> IR
  ) throws(DiagnosticError) -> IR {
    let clock = ContinuousClock()
    let start = clock.now
    let ir = try make()
    let duration = start.duration(to: clock.now)
    timings.append(Timing(pass: name, duration: duration))
    try inspect(ir, after: name, taking: duration)
    return ir
  }

  /// Dumps and verifies an IR that a step other than a pass has made, such as the lowering of another IR.
  ///
  /// - Throws: `.bug` diagnostics that name the step, where the IR is broken.
  public func inspect(
    _ ir: some IntermediateRepresentation, after name: String, taking duration: Duration? = nil
  ) throws(DiagnosticError) {
    if dump.contains(name) || dump.contains("all") { sink(name, ir.printed, duration) }
    let faults = ir.verify()
    if faults.isEmpty { return }
    throw DiagnosticError(
      faults.map { fault in
        Diagnostic(
          .bug, "internal error after pass '\(name)': \(fault.message)", at: fault.spans,
          help: fault.help)
      })
  }
}
