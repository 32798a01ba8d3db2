/// Which of some variables a block may read before it has assigned them.
public struct UpwardExposure {
  private let candidates: Set<VariableID>
  private var assigned: Set<VariableID> = []
  /// The variables found.
  public private(set) var exposed: Set<VariableID> = []

  /// Looks for variables among `candidates`.
  public init(of candidates: Set<VariableID>) { self.candidates = candidates }

  /// Follows the statements in order, after those visited before.
  public mutating func visit(_ statements: [Statement]) {
    for statement in statements { visit(statement) }
  }

  /// Reads an expression, after what was visited before.
  public mutating func read(_ e: Expression) {
    e.forEachDescendant { part in
      guard case .variable(let id) = part.kind, candidates.contains(id), !assigned.contains(id)
      else { return }
      exposed.insert(id)
    }
  }

  private mutating func visit(_ statement: Statement) {
    statement.forEachExpression { read($0) }
    switch statement.kind {
    case .assign(let id, _): assigned.insert(id)
    case .call(let call): if let id = call.result { assigned.insert(id) }
    case .store, .requireEqual, .launch, .barrier: break
    case .loop(let loop):
      let before = assigned
      assigned.insert(loop.variable)
      visit(loop.body)
      assigned = before
    case .whileLoop(_, let body):
      let before = assigned
      visit(body)
      assigned = before
    case .conditional(_, let then, let otherwise):
      let before = assigned
      visit(then)
      let afterThen = assigned
      assigned = before
      visit(otherwise)
      assigned.formIntersection(afterThen)
    case .device(let body), .allocate(_, let body): visit(body)
    }
  }
}
