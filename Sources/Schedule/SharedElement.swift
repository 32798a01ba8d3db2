import LoopIR

/// An element that two iterations of a loop access, one by the first of two accesses and the other by the second.
///
///     y[2 * i + j], j in 0...2, and itself      2 * (i - i') + (j - j') = 0 with i - i' = 1, j - j' = -2
///     y[i] and y[99 - i], i in 0...99           i + i' = 99 with i = 0, i' = 99
///
/// The counters of both are searched for values that make all indices equal: those that an index leaves no choice are computed,
/// of the others those next to 0 are tried first.
struct SharedElement {
  /// The most values that are tried.
  private static let mostTrials = 4096

  /// A counter of one of the accesses, or by how much the first one's is ahead of the second one's: many indices depend on that
  /// alone.
  private struct Unknown {
    enum Role { case first, second, difference }
    var variable: VariableID
    var role: Role
    /// What it is multiplied by in each index.
    var factors: [Int64]
    var range: ClosedRange<Int64>
    var value: Int64 = 0

    var isFree: Bool { factors.allSatisfy { $0 == 0 } }
  }

  private let iteration: VariableID
  private var unknowns: [Unknown] = []
  private var trials = SharedElement.mostTrials

  /// Finds such an element; nil where none was found.
  ///
  /// - Parameter iteration: the variable of the loop.
  init?(of first: AffineAccess, and second: AffineAccess, iteration: VariableID) {
    self.iteration = iteration
    guard first.indices.count == second.indices.count else { return nil }
    var distances: [Int64] = []
    for (l, r) in zip(first.indices, second.indices) {
      var distance = r.rest
      for (term, coefficient) in l.rest.terms { distance.add(term, times: 0 &- coefficient) }
      distance.add(.index(Int(l.rest.constant)), times: -1)
      guard distance.terms.isEmpty, distance.isExact, distance.constant.magnitude < 1 << 60 else {
        return nil
      }
      distances.append(distance.constant)
    }
    let inner = Set(first.rounds.keys).union(second.rounds.keys).subtracting([iteration])
    for variable in [iteration] + inner.sorted(by: { $0.index < $1.index }) {
      addUnknowns(variable, first, second)
    }
    guard solve(Array(unknowns.indices), distances) else { return nil }
  }

  /// The counters that the first access has the element with, and those of the second one.
  var counters: (first: [VariableID: Expression], second: [VariableID: Expression]) {
    var (first, second): ([VariableID: Expression], [VariableID: Expression]) = ([:], [:])
    for unknown in unknowns {
      let value = Expression.index(Int(unknown.value))
      switch unknown.role {
      case .first: first[unknown.variable] = value
      case .second: second[unknown.variable] = value
      case .difference:
        first[unknown.variable] = Expression(.variable(unknown.variable), .int64) + value
      }
    }
    return (first, second)
  }

  private mutating func addUnknowns(
    _ variable: VariableID, _ first: AffineAccess, _ second: AffineAccess
  ) {
    let factors = first.indices.map { $0.factors[variable] ?? 0 }
    let others = second.indices.map { 0 - ($0.factors[variable] ?? 0) }
    let (range, other) = (first.rounds[variable], second.rounds[variable])
    if let range, let other, factors == others.map({ 0 - $0 }) {
      let differences =
        range.lowerBound - other.upperBound...range.upperBound - other.lowerBound
      unknowns.append(
        Unknown(variable: variable, role: .difference, factors: factors, range: differences))
      return
    }
    if let range {
      unknowns.append(Unknown(variable: variable, role: .first, factors: factors, range: range))
    }
    if let other {
      unknowns.append(Unknown(variable: variable, role: .second, factors: others, range: other))
    }
  }

  /// Finds values of the unknowns in `open` that make each index's sum the one in `rest`.
  private mutating func solve(_ open: [Int], _ rest: [Int64]) -> Bool {
    trials -= 1
    guard trials > 0 else { return false }
    var forced: (unknown: Int, value: Int64)?
    for (dimension, goal) in rest.enumerated() {
      var (least, greatest): (Int64, Int64) = (0, 0)
      let involved = open.filter { unknowns[$0].factors[dimension] != 0 }
      for i in involved {
        let (factor, range) = (unknowns[i].factors[dimension], unknowns[i].range)
        least += factor * (factor > 0 ? range.lowerBound : range.upperBound)
        greatest += factor * (factor > 0 ? range.upperBound : range.lowerBound)
      }
      guard least <= goal, goal <= greatest else { return false }
      guard involved.count == 1, let only = involved.first else { continue }
      let factor = unknowns[only].factors[dimension]
      guard goal % factor == 0 else { return false }
      forced = (only, goal / factor)
    }
    if let forced { return solve(open, rest, taking: forced.unknown, as: forced.value) }
    guard let next = open.min(by: { isTriedBefore($0, $1) }) else { return isOfTwoIterations }
    let range = unknowns[next].range
    let start = min(max(0, range.lowerBound), range.upperBound)
    var offset: Int64 = 0
    while trials > 0, range.contains(start + offset) || range.contains(start - offset) {
      for value in offset == 0 ? [start] : [start + offset, start - offset]
      where range.contains(value) {
        if solve(open, rest, taking: next, as: value) { return true }
      }
      offset += 1
    }
    return false
  }

  private mutating func solve(
    _ open: [Int], _ rest: [Int64], taking next: Int, as value: Int64
  ) -> Bool {
    if unknowns[next].variable == iteration, unknowns[next].role == .difference, value == 0 {
      return false
    }
    unknowns[next].value = value
    let factors = unknowns[next].factors
    return solve(open.filter { $0 != next }, zip(rest, factors).map { $0 - $1 * value })
  }

  /// Whether one unknown's values are tried before those of another one: those that matter, few before many.
  private func isTriedBefore(_ l: Int, _ r: Int) -> Bool {
    let (left, right) = (unknowns[l], unknowns[r])
    return left.isFree != right.isFree
      ? right.isFree : left.range.count < right.range.count
  }

  private var isOfTwoIterations: Bool {
    let values = unknowns.filter { $0.variable == iteration }.map(\.value)
    return values.count == 1 || values[0] != values[1]
  }
}
