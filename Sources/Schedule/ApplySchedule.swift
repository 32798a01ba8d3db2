import LoopIR
import Passes
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// Gives each labelled loop the schedule the user chose for its label.
///
///     @label("N") for i in 0..<n: …      →   @label("N") @workers(1024) for i in 0..<n: …       N: threads(1024)
///
/// A loop of a label with `.unroll()` is unrolled as a whole where it is known to have at most `maximumUnrollCount` iterations;
/// of any other, a few iterations at a time.
///
/// - Parameters:
///   - schedule: the schedule of each label; labels left out run sequentially.
///   - maximumUnrollCount: how many iterations of a loop are written out at most.
public func applySchedule(
  _ schedule: [String: LoopSchedule], maximumUnrollCount: Int
) -> Pass<LoopFunction> {
  Pass("apply-schedule") { function, _ in
    var result = function
    var parameters: [Int: VariableID] = [:]
    for label in schedule.keys.sorted() {
      guard case .parameter(let slot)? = schedule[label]?.threads else { continue }
      parameters[slot] = result.threads(of: label, parameter: slot)
    }
    let function = result
    result.body = function.body.flatMapStatements { statement in
      guard case .loop(var loop) = statement.kind,
        let chosen = loop.labels.lazy.compactMap({ schedule[$0] }).first
      else { return [statement] }
      if chosen.unrolls {
        loop.mapping.unroll = unrollCount(of: loop, atMost: maximumUnrollCount)
      }
      if !chosen.isParallel { return [Statement(.loop(loop), at: statement.span)] }
      switch chosen.threads {
      case .constant(let threads): loop.mapping.workers = Expression(.integer(threads), .int64)
      case .parameter(let slot): loop.mapping.workers = parameters[slot].map { function.read($0) }
      case nil: break
      }
      return [Statement(.loop(loop), at: statement.span)]
    }
    return result
  }
}

/// How many iterations are written out one after the other.
private func unrollCount(of loop: ForLoop, atMost most: Int) -> Int {
  let few = 8
  guard let trips = loop.tripCount.integerLiteral, trips <= most else {
    return max(1, min(few, most))
  }
  return max(1, Int(trips))
}
