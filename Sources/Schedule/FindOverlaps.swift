import LoopIR
import struct Syntax.Diagnostic

/// Warnings about elements that one iteration of a parallel loop stores to, and another one stores to or reads, as their indices
/// tell: at most one for an array.
///
///     y[i + j] = y[i + j] + x[i]  with j in 0..<3      the next iteration updates elements of this one
///     y[i] = y[i - 1] + x[i]                           the next iteration reads the element of this one
///     y[i // 2] = x[i]                                 two iterations store to one element
///
/// What may happen and may not is no race: accesses under conditions that iterations decide each for itself, those that are no
/// sums of variables of loops, loops that may be empty, and stores that give an element the same value each time.
struct OverlapFinder {
  /// The most pairs of accesses that are compared.
  private static let mostPairs = 4096

  private let loop: ForLoop
  private let function: LoopFunction
  /// What changes in the loop, variables of loops inside included.
  private let changing: AssignedVariables
  private let samples: IndexSamples
  private var pairs = 0

  init(_ loop: ForLoop, in function: LoopFunction) {
    self.loop = loop
    self.function = function
    changing = AssignedVariables(in: loop)
    samples = IndexSamples(of: loop)
  }

  /// The warnings about stores to buffers other than those in `judged`.
  mutating func warnings(
    about accesses: [ElementAccess], without judged: Set<BufferID>
  ) -> [Diagnostic] {
    if loop.isIndependent { return [] }
    var judged = judged
    var warnings: [Diagnostic] = []
    let affine = accesses.map { AffineAccess($0, in: loop, changing: changing) }
    for (i, store) in accesses.enumerated()
    where store.value != nil && !judged.contains(store.buffer) {
      if samples.showRace(of: store) {
        warnings.append(warning(about: store, and: store, among: accesses))
        judged.insert(store.buffer)
        continue
      }
      guard let own = affine[i] else { continue }
      for (j, other) in accesses.enumerated() where other.buffer == store.buffer {
        // A pair of stores is looked at once, where the later one stands.
        guard let its = affine[j], other.value == nil || j <= i, other.branches == store.branches
        else { continue }
        // What an iteration reads of its own stores is wrong where others store something else there.
        if other.value == nil, j > i, own.isAlike(its, iteration: loop.variable) { continue }
        pairs += 1
        if pairs > Self.mostPairs { return warnings }
        guard race(store, own, other, its) else { continue }
        warnings.append(warning(about: store, and: other, among: accesses))
        judged.insert(store.buffer)
        break
      }
    }
    return warnings
  }

  private func race(
    _ store: ElementAccess, _ own: AffineAccess, _ other: ElementAccess, _ its: AffineAccess
  ) -> Bool {
    guard let shared = SharedElement(of: own, and: its, iteration: loop.variable) else {
      return false
    }
    guard let value = store.value, let second = other.value else { return true }
    if store.readsItself || other.readsItself {
      return !(store.isHarmlessUpdate && other.isHarmlessUpdate)
    }
    guard isKnown(value, own), isKnown(second, its) else { return false }
    let counters = shared.counters
    return own.value(value, where: counters.first) != its.value(second, where: counters.second)
  }

  /// Whether all of a value is known that may differ from iteration to iteration.
  private func isKnown(_ value: Expression, _ access: AffineAccess) -> Bool {
    !value.contains { part in
      guard case .variable(let id) = part.kind else { return false }
      return changing.variables.contains(id) && access.counting[id] == nil
    }
  }

  // MARK: - Messages

  private func warning(
    about store: ElementAccess, and other: ElementAccess, among accesses: [ElementAccess]
  ) -> Diagnostic {
    let name = function[store.buffer].name
    let iterations = "iterations of the parallel loop '\(loop.labels.first ?? "")'"
    let isOne = store.indices.allSatisfy { changing.leaveUnchanged($0) }
    let message: String
    let help: String
    if other.value == nil {
      message =
        "\(iterations) may read elements of '\(name)' that others store to: this is a race where they do"
      help =
        "leave the label out of the schedule; or store to another array than the one that is read"
    } else if isReduction(of: store.buffer, accesses) {
      message =
        "\(iterations) may update the same elements of '\(name)': this is a race where they do"
      help = "declare the reduction: parpy.threads(n).reduce()"
    } else {
      message =
        isOne && store.indices == other.indices
        ? "all \(iterations) store to one element of '\(name)': this is a race"
        : "\(iterations) may store to the same elements of '\(name)': this is a race where they do"
      help =
        "leave the label out of the schedule; or store to elements that each iteration has of its own"
    }
    return Diagnostic(.program, message, at: store.span, help: help)
  }

  /// Whether all that the loop does to an array is to update its elements by one operator.
  private func isReduction(of buffer: BufferID, _ accesses: [ElementAccess]) -> Bool {
    let uses = accesses.filter { $0.buffer == buffer }
    let operators = uses.map { $0.update?.op.combining }
    return operators.allSatisfy { $0 != nil && $0 == operators[0] }
  }
}
