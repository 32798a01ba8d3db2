import LoopIR
import struct Syntax.Span

/// An access to an element in each iteration of a loop, written without locals.
struct ElementAccess {
  var buffer: BufferID
  var indices: [Expression]
  /// What is stored; nil where the element is read.
  var value: Expression?
  /// The loops inside that one which are around the access, outermost first.
  var loops: [ForLoop]
  /// The branches around it, of conditions that all iterations decide alike.
  var branches: [Int]
  var span: Span

  /// What a store updates its element by; nil for other accesses.
  var update: Update? { value.flatMap { Update(of: .load(buffer, indices), in: $0) } }

  /// Whether it does not matter how often, and in which order, a store is done.
  var isHarmlessUpdate: Bool { update?.isHarmless ?? false }

  /// Whether a store's value depends on what the element held before.
  var readsItself: Bool {
    value.map { $0.contains { $0.kind == .load(buffer, indices) } } ?? false
  }
}

extension Update {
  /// Whether it does not matter how often, and in which order, iterations make the update.
  var isHarmless: Bool {
    term.isLiteral && (op.isIdempotent || op.identity(of: term.type)?.kind == term.kind)
  }
}

/// An access whose indices are sums of multiples of counters: how often the loops around it have gone round.
///
///     for i in 4..<n:                          i counts from 0, and y[3 * i + j] is
///       for j in 2 * i..<2 * i + 6 step 2:     y[5 * i + 2 * j + 20] with j in 0...2
///         y[3 * i + j]
///
/// Indices are taken to be what they mostly are: one that is cut off at an end of the array is the one that is not, and one that
/// would count from the end where it is negative is not negative. Of a range that is not known, a part is looked at that any loop worth
/// the schedule has: to be used for what is found in it, and not for what is not.
struct AffineAccess {
  /// An index: the factors of counters, and what all iterations have in common.
  struct Index {
    var factors: [VariableID: Int64]
    var rest: LinearSum
  }

  /// How many iterations a loop has at least that a schedule makes parallel, where it is not known.
  static let fewestIterations: Int64 = 3
  /// How often a loop inside goes round at least, where that is the same in all iterations and not known.
  private static let fewestRounds: Int64 = 2
  /// How many rounds of a loop are looked at: products with factors of that size are far from 64 bits.
  private static let mostRounds: Int64 = 1 << 28

  private(set) var indices: [Index] = []
  /// Which values of its counter are looked at, for each loop.
  private(set) var rounds: [VariableID: ClosedRange<Int64>] = [:]
  /// The variables of loops in terms of their counters, which have the same names.
  private(set) var counting: [VariableID: Expression] = [:]
  private let changing: AssignedVariables

  /// Creates the affine form of an access; nil where it has none.
  ///
  /// - Parameter changing: what changes in the loop, variables of loops inside included.
  init?(_ access: ElementAccess, in loop: ForLoop, changing: AssignedVariables) {
    self.changing = changing
    count(loop, from: loop.lower)
    var lengths: [(loop: ForLoop, length: Expression)] = []
    for inner in access.loops {
      guard inner.condition == nil, counting[inner.variable] == nil else { return nil }
      let length = inner.step > 0 ? inner.lengthBound : inner.lower - inner.upper
      lengths.append((inner, length.substituting(counting)))
      count(inner, from: inner.lower.substituting(counting))
    }
    guard findRounds(of: lengths, in: loop) else { return nil }
    for index in access.indices {
      guard let index = affine(index.substituting(counting)) else { return nil }
      indices.append(index)
    }
  }

  /// What a value comes to where counters have the given values, its sums of integers written in one way.
  func value(_ value: Expression, where counters: [VariableID: Expression]) -> Expression {
    value.substituting(counting).substituting(counters).mapBottomUp { e in
      switch e.kind {
      case .binary where e.type == .int64, .select where e.type == .int64:
        usualSum(e.folded).expression(of: .int64, at: e.span)
      default: e.folded
      }
    }
  }

  /// Whether an iteration has the same elements by both, by whatever variables of loops inside.
  func isAlike(_ other: AffineAccess, iteration: VariableID) -> Bool {
    zip(indices, other.indices).allSatisfy { l, r in
      l.rest == r.rest && l.factors[iteration] == r.factors[iteration]
        && l.factors.values.sorted() == r.factors.values.sorted()
    }
  }

  private mutating func count(_ loop: ForLoop, from lower: Expression) {
    let counter = Expression(.variable(loop.variable), .int64)
    counting[loop.variable] = lower + counter * .index(loop.step)
  }

  /// Finds which rounds of the loop and of those inside it are looked at; false where there may be none.
  ///
  /// Where a loop inside is longer, or shorter, from iteration to iteration, that is the half of the iterations where it is
  /// long, and as many rounds as it has in all of them.
  private mutating func findRounds(
    of lengths: [(loop: ForLoop, length: Expression)], in loop: ForLoop
  ) -> Bool {
    let trips = min(loop.tripCount.integerLiteral ?? Self.fewestIterations, Self.mostRounds)
    guard trips > 1 else { return false }
    let counter = Expression(.variable(loop.variable), .int64)
    let growth = lengths.map { usualSum($0.length).coefficient(of: counter) }
    let (grows, shrinks) = (growth.contains { $0 > 0 }, growth.contains { $0 < 0 })
    if grows && shrinks { return false }
    let iterations = (grows ? trips / 2 : 0)...(shrinks ? (trips - 1) / 2 : trips - 1)
    rounds[loop.variable] = iterations
    for (inner, length) in lengths {
      let end = grows ? iterations.lowerBound : iterations.upperBound
      var shortest = usualSum(length)
      let coefficient = shortest.coefficient(of: counter)
      shortest.add(counter, times: 0 &- coefficient)
      shortest.add(.index(Int(end)), times: coefficient)
      guard shortest.isExact else { return false }
      var count = Self.fewestRounds
      if shortest.terms.isEmpty {
        count = Self.rounds(over: shortest.constant, step: inner.step)
        if usualSum(length) != LinearSum(length) {
          let middle = (iterations.lowerBound + iterations.upperBound) / 2
          count = min(
            count,
            roundsCutOff(length, step: inner.step, where: [loop.variable: .index(Int(middle))]))
        }
      } else if !changing.leaveUnchanged(length) {
        return false
      }
      if count < 1 { return false }
      rounds[inner.variable] = 0...min(count, Self.mostRounds) - 1
    }
    return true
  }

  /// The rounds of a loop inside in one iteration, where what cuts them off counts.
  private func roundsCutOff(
    _ length: Expression, step: Int, where iteration: [VariableID: Expression]
  ) -> Int64 {
    let known = length.substituting(iteration).mapBottomUp { $0.folded }
    return known.integerLiteral.map { Self.rounds(over: $0, step: step) } ?? Self.fewestRounds
  }

  private static func rounds(over length: Int64, step: Int) -> Int64 {
    let step = Int64(clamping: step.magnitude)
    return length / step + (length % step > 0 ? 1 : 0)
  }

  private func affine(_ index: Expression) -> Index? {
    let sum = usualSum(index)
    var result = Index(factors: [:], rest: sum)
    for (term, coefficient) in sum.terms where !changing.leaveUnchanged(term) {
      guard case .variable(let id) = term.kind, rounds[id] != nil,
        coefficient.magnitude < Self.mostRounds
      else { return nil }
      result.factors[id] = coefficient
      result.rest.add(term, times: 0 &- coefficient)
    }
    return result.rest.isExact ? result : nil
  }

  /// The sum where nothing cuts off its terms and they do not count from the end.
  private func usualSum(_ e: Expression) -> LinearSum {
    var sum = LinearSum(e)
    for _ in 0..<8 {
      guard
        let (term, coefficient) = sum.terms.first(where: { usualValue(of: $0.term) != nil }),
        let value = usualValue(of: term)
      else { break }
      sum.add(term, times: 0 &- coefficient)
      sum.add(value, times: coefficient)
    }
    return sum
  }

  private func usualValue(of term: Expression) -> Expression? {
    switch term.kind {
    case .binary(.pythonMin, let left, let right), .binary(.pythonMax, let left, let right):
      let isLeftFixed = changing.leaveUnchanged(left)
      guard isLeftFixed != changing.leaveUnchanged(right) else { return nil }
      return isLeftFixed ? right : left
    case .select(let condition, let fromEnd, let plain):
      guard condition == .compare(.less, plain, .index(0)),
        LinearSum(fromEnd - plain).terms.allSatisfy({ changing.leaveUnchanged($0.term) })
      else { return nil }
      return plain
    default: return nil
    }
  }
}

extension ForLoop {
  /// How far the end is from the start, where the loop runs at all: `e` of `0..<max(e, 0)`.
  var lengthBound: Expression {
    guard case .binary(.pythonMax, let end, let start) = upper.kind, start == lower else {
      return upper - lower
    }
    return end - lower
  }
}
