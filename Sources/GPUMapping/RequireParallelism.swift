import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Refuses a function that has nothing for a device to do: neither a block that runs there, nor a loop or a call that the schedule
/// makes parallel.
///
/// What does not run for the sizes of this call is gone when kernels are made, or when the function is lowered. It counts all the
/// same: with `n` 0 the function is what it is with any other `n`, and the call does nothing, as in plain Python.
///
/// - Parameters:
///   - mapped: the function whose loops have their levels.
///   - lowered: the function before any pass.
///   - schedule: the schedule of each label.
/// - Throws: that there is no parallelism.
public func requireParallelism(
  in mapped: LoopFunction, from lowered: LoopFunction, _ schedule: [String: LoopSchedule]
) throws(DiagnosticError) {
  let isLeftOut = lowered.leavesCodeOut || lowered.body.runsOnDevice(schedule)
  if isLeftOut || mapped.body.runsOnDevice(schedule) { return }
  let sequential = lowered.body.loopOfOneThread(schedule)
  let label = lowered.body.firstLabel
  throw DiagnosticError(
    Diagnostic(
      .program, "The function \(mapped.name) does not contain any parallelism",
      at: sequential.map { [$0.span] } ?? [],
      help: sequential.map {
        "threads(1) leaves the loop '\($0.label)' sequential: give the label more threads, such as parpy.threads(1024), or put the loop in a `with parpy.gpu:` block to run it in one thread"
      }
        ?? (label == nil
          ? "put parpy.label('N') before a loop and give the label threads: "
          : "give a label of its loops threads: ")
        + "parpy.par({'\(label ?? "N")': parpy.threads(1024)})"
    ))
}

extension [Statement] {
  /// The first loop that the schedule gives one thread, and its label; nil where there is none.
  fileprivate func loopOfOneThread(
    _ schedule: [String: LoopSchedule]
  ) -> (label: String, span: Span)? {
    var found: (String, Span)?
    forEachStatement { statement in
      guard found == nil, case .loop(let loop) = statement.kind,
        let label = loop.labels.first(where: { schedule[$0] != nil }),
        schedule[label]?.threads != nil
      else { return }
      found = (label, statement.span)
    }
    return found
  }

  /// The label of the first loop that bears one.
  fileprivate var firstLabel: String? {
    var found: String?
    forEachStatement { statement in
      if case .loop(let loop) = statement.kind { found = found ?? loop.labels.first }
    }
    return found
  }

  /// Whether a device runs one of the statements, or one inside them.
  fileprivate func runsOnDevice(_ schedule: [String: LoopSchedule]) -> Bool {
    var found = false
    forEachStatement { statement in
      switch statement.kind {
      case .device: found = true
      case .loop(let loop):
        let chosen = loop.labels.lazy.compactMap { schedule[$0] }.first
        found = found || loop.mapping.workers != nil || chosen?.isParallel == true
      case .call(let call): found = found || call.isParallel
      case .assign, .store, .whileLoop, .conditional, .allocate, .requireEqual, .launch, .barrier:
        break
      }
    }
    return found
  }
}
