import LoopIR
import Syntax

/// What the names of a function mean at one point of its body.
struct Scope {
  enum Binding {
    case array(ArrayView)
    case dictionary(DictionaryValue)
    /// A local, a loop variable, or a value that is known and is not worth a variable.
    case scalar(TypedValue)
    /// Assigned in a parallel loop, so there is no value after it.
    case privateToLoop(LostValue)
    /// A temporary array that was made in a block, at that place, and ended with it.
    case ended(Span)
    /// Its assignment was in error; reading it says nothing more.
    case poisoned
  }

  var bindings: [String: Binding] = [:]

  subscript(_ name: String) -> Binding? {
    get { bindings[name] }
    set { bindings[name] = newValue }
  }
}

/// Which names a stretch of syntax reads and assigns.
struct NameUse {
  var reads: [String: Int] = [:]
  var assigned: Set<String> = []
  /// The names that may be read before the stretch has assigned them.
  var exposed: Set<String> = []
  /// Where those are read first which no loop before may have assigned either.
  var exposures: [String: Span] = [:]
  /// The names that are only ever assigned a value in which they occur: `s += e`, `s = max(s, e)`.
  var updated: Set<String> { assigned.subtracting(replaced) }
  private var replaced: Set<String> = []
  /// The names that are assigned on every path to where the visit has come.
  private var settled: Set<String> = []
  /// The names that loops before where the visit has come may have assigned.
  private var assignedByLoops: Set<String> = []

  init(_ statements: [Syntax.Statement]) { statements.forEach { visit($0) } }

  private mutating func visit(_ statement: Syntax.Statement) {
    switch statement.kind {
    case .assign(let target, let value):
      visit(value)
      visit(target: target)
      if case .name(let name) = target.kind, !value.mentions(name) { replaced.insert(name) }
      if case .tuple(let parts) = target.kind {
        replaced.formUnion(parts.compactMap(\.path?.first))
      }
    case .augmentedAssign(let target, _, let value):
      visit(target)
      visit(value)
      visit(target: target)
    case .forLoop(let target, let iterable, let body, let exits):
      for exit in exits { reads[exit.flag, default: 0] += 1 }
      visit(iterable)
      if case .name(let name) = target.kind { replaced.insert(name) }
      visitLoop {
        $0.visit(target: target)
        for statement in body { $0.visit(statement) }
      }
    case .whileLoop(let test, let body):
      visit(test)
      visitLoop { for statement in body { $0.visit(statement) } }
    case .conditional(let test, let then, let otherwise):
      visit(test)
      let before = settled
      then.forEach { visit($0) }
      let afterThen = settled
      settled = before
      otherwise.forEach { visit($0) }
      settled.formIntersection(afterThen)
    case .with(_, let body): body.forEach { visit($0) }
    case .expression(let e): visit(e)
    case .returned(let e): if let e { visit(e) }
    case .pass, .breakLoop, .continueLoop: break
    }
  }

  /// Visits what may run not once.
  private mutating func visitLoop(_ visitBody: (inout NameUse) -> Void) {
    let before = (settled, assigned)
    assigned = []
    visitBody(&self)
    settled = before.0
    assignedByLoops.formUnion(assigned)
    assigned.formUnion(before.1)
  }

  private mutating func visit(target: Syntax.Expression) {
    switch target.kind {
    case .name(let name):
      assigned.insert(name)
      settled.insert(name)
    case .tuple(let parts): parts.forEach { visit(target: $0) }
    default: visit(target)
    }
  }

  private mutating func visit(_ e: Syntax.Expression) {
    if case .name(let name) = e.kind {
      reads[name, default: 0] += 1
      if !settled.contains(name) {
        exposed.insert(name)
        if exposures[name] == nil, !assignedByLoops.contains(name) { exposures[name] = e.span }
      }
    }
    e.forEachChild { visit($0) }
  }
}

extension Syntax.Expression {
  /// Whether a name is read anywhere in the expression.
  fileprivate func mentions(_ name: String) -> Bool { contains { $0.kind == .name(name) } }
}
