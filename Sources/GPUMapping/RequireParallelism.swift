import LoopIR
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

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
  throw DiagnosticError(
    Diagnostic(
      .program, "The function \(mapped.name) does not contain any parallelism", at: [],
      help:
        "put parpy.label('N') before a loop and give the label threads: parpy.par({'N': parpy.threads(1024)})"
    ))
}

extension [Statement] {
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
