import Syntax

/// Why a name has no value after a parallel loop that assigns it.
struct LostValue {
  var loop: Span
  /// Whether the loop is declared as a reduction, which the name is then no accumulator of.
  var isReduction: Bool
  /// What the loop looks for and keeps in the name, where it does.
  var search: Search?

  init(in loop: Span, isReduction: Bool = false, search: Search? = nil) {
    self.loop = loop
    self.isReduction = isReduction
    self.search = search
  }
}

/// A name that a loop assigns where it finds a greater or a smaller value than before.
///
///     if x[i] > m:
///         m = x[i]        the extremum
///         k = i           its position
enum Search {
  case extremum(isGreatest: Bool)
  /// Of the extremum in the variable `of`; the first one where several are equal, or the last.
  case position(of: String, isGreatest: Bool, isFirst: Bool)

  /// What the statements search for, by the names that it is kept in.
  static func all(in statements: [Syntax.Statement]) -> [String: Search] {
    var found: [String: Search] = [:]
    for statement in statements {
      switch statement.kind {
      case .conditional(let test, let then, let otherwise):
        found.merge(searches(test, then)) { first, _ in first }
        found.merge(all(in: then + otherwise)) { first, _ in first }
      case .forLoop(_, _, let body, _), .whileLoop(_, let body), .with(_, let body):
        found.merge(all(in: body)) { first, _ in first }
      case .assign, .augmentedAssign, .expression, .returned, .pass, .breakLoop, .continueLoop:
        continue
      }
    }
    return found
  }

  /// What an `if` searches for whose test compares with a name that it assigns.
  private static func searches(
    _ test: Syntax.Expression, _ then: [Syntax.Statement]
  ) -> [String: Search] {
    if case .boolean(_, let operands) = test.kind {
      return operands.lazy.map { searches($0, then) }.first { !$0.isEmpty } ?? [:]
    }
    guard case .comparison(let left, let links) = test.kind, links.count == 1 else { return [:] }
    let assigned = NameUse(then).assigned
    func assignedName(_ e: Syntax.Expression) -> String? {
      if case .name(let name) = e.kind, assigned.contains(name) { name } else { nil }
    }
    let isGreater: Bool
    let isStrict: Bool
    switch links[0].op {
    case .greater: (isGreater, isStrict) = (true, true)
    case .greaterEqual: (isGreater, isStrict) = (true, false)
    case .less: (isGreater, isStrict) = (false, true)
    case .lessEqual: (isGreater, isStrict) = (false, false)
    case .equal, .notEqual: return [:]
    }
    let extremum: String
    let isGreatest: Bool
    if let name = assignedName(links[0].operand) {
      (extremum, isGreatest) = (name, isGreater)
    } else if let name = assignedName(left) {
      (extremum, isGreatest) = (name, !isGreater)
    } else {
      return [:]
    }
    var found = [extremum: Search.extremum(isGreatest: isGreatest)]
    for name in assigned where name != extremum {
      found[name] = .position(of: extremum, isGreatest: isGreatest, isFirst: isStrict)
    }
    return found
  }

  /// How to write the search for `name` as a reduction.
  func wayOut(_ name: String) -> String {
    switch self {
    case .extremum(let isGreatest):
      let function = isGreatest ? "max" : "min"
      return "write the update as \(name) = \(function)(\(name), …)"
    case .position(let extremum, let isGreatest, let isFirst):
      let (function, choice) = (isGreatest ? "max" : "min", isFirst ? "min" : "max")
      return
        "search in two loops: first the value, \(extremum) = \(function)(\(extremum), …), then where it is, if … == \(extremum): \(name) = \(choice)(\(name), …)"
    }
  }
}

extension Diagnostic {
  static func lostValue(_ name: String, _ lost: LostValue, at span: Span) -> Diagnostic {
    let declare = "declare the loop as a reduction with .reduce()"
    let help: String
    if let search = lost.search {
      help = search.wayOut(name) + (lost.isReduction ? "" : ", and \(declare)")
    } else if lost.isReduction {
      help =
        "a reduction updates it in one way alone: \(name) += …, -=, *=, &=, |=, or min, max, and, or of \(name) and a value; else store the value in an array"
    } else {
      help = "\(declare), or store the value in an array"
    }
    return Diagnostic(
      .program,
      "'\(name)' is assigned in a parallel loop, so each iteration has its own and none is left after it",
      at: [span, lost.loop], help: help)
  }
}
