import LoopIR
import Syntax

/// Nests whose labels may be parallel or sequential, as the call says: where numbers of threads are parameters that may be 1.
///
///     parpy.label('N')                 if N_threads > 1:
///     for i in range(n):         →       @label("N") for i in 0..<n: …
///         y[i] = x[i]                  else:
///                                        @label("N (1 thread)") for i in 0..<n: …
///
/// Each way is lowered, scheduled and emitted as if the call were known, so that results are the same. The outermost
/// statement that bears a label is written out once for each way in which the labels inside it may run: no condition comes
/// to stand between loops that are collapsed, jammed or put into lanes.
extension Lowerer {
  /// How many labels of one nest may be open: it is written out twice for each.
  private static let mostOpenLabels = 3

  /// Thrown by a label of which it is not chosen yet whether it is parallel.
  struct OpenSchedule: Error {
    var label: String
    var threads: Int
    var span: Span
  }

  /// Makes the variables of numbers of threads that may be 1.
  func bindOpenThreads() {
    if signature.leastThreads > 1 { return }
    for (label, schedule) in signature.schedule.sorted(by: { $0.key < $1.key }) {
      guard case .parameter(let slot)? = schedule.threads else { continue }
      _ = ir.threads(of: label, parameter: slot)
    }
  }

  /// The labels as the version that is lowered has them.
  func chosen(_ labels: [(name: String, span: Span)]) throws -> [(name: String, span: Span)] {
    if signature.leastThreads > 1 { return labels }
    return try labels.map { name, span in
      guard case .parameter(let slot)? = signature.schedule[name]?.threads else {
        return (name, span)
      }
      guard let isParallel = chosenSchedules[name] else {
        throw OpenSchedule(label: name, threads: slot, span: span)
      }
      return (isParallel ? name : CallSignature.labelOfOneThread(name), span)
    }
  }

  /// Lowers a statement, in several versions where labels inside it are open and no statement around it sees to that.
  func lowerVersions(of statement: Syntax.Statement, _ lowerOnce: () throws -> Void) throws {
    if signature.leastThreads > 1 || isInVersionedNest { return try lowerOnce() }
    isInVersionedNest = !pendingLabels.isEmpty
    defer { isInVersionedNest = false }
    try lowerEachVersion(of: statement, lowerOnce)
  }

  private func lowerEachVersion(
    of statement: Syntax.Statement, _ lowerOnce: () throws -> Void
  ) throws {
    let start = (ir, scope, statements, facts, activation)
    let words = (pendingLabels, settledValues, settledElements, storesOfCalls, diagnostics)
    do {
      try lowerOnce()
    } catch let open as OpenSchedule {
      guard chosenSchedules.count < Self.mostOpenLabels else { throw reject(.openSchedule(open)) }
      (ir, scope, statements, facts, activation) = start
      (pendingLabels, settledValues, settledElements, storesOfCalls, diagnostics) = words
      isInVersionedNest = true
      defer { chosenSchedules[open.label] = nil }
      let threads = ir.threads(of: open.label, parameter: open.threads)
      func lower(isParallel: Bool) throws {
        pendingLabels = words.0
        chosenSchedules[open.label] = isParallel
        try lowerEachVersion(of: statement, lowerOnce)
      }
      try branch(
        on: .compare(.less, .index(1), ir.read(threads)), assigning: NameUse([statement]).assigned,
        at: statement.head, then: { try lower(isParallel: true) },
        otherwise: { try lower(isParallel: false) })
    }
  }
}

extension Diagnostic {
  static func openSchedule(_ open: Lowerer.OpenSchedule) -> Self {
    .unsupported(
      "a number of threads of label '\(open.label)' that may be 1 or more", at: open.span)
  }
}
