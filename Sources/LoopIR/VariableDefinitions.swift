/// Where the variables of a program get their values.
struct VariableDefinitions {
  /// The variables that statements assign.
  private(set) var assigned: Set<VariableID> = []
  /// Those among them, and other variables, whose values come from elsewhere, too.
  private(set) var unknown: Set<VariableID> = []
  /// What a counter's steps add, and 0.
  private(set) var steps: [VariableID: ValueRange] = [:]
  private var loopVariables: Set<VariableID> = []

  /// How far a counter comes: no program takes as many steps.
  private static let farthest: Int64 = 1 << 62
  private static let greatestStep: Int64 = 1 << 10

  /// The definitions in the statements of a program, and in those inside them.
  init(in statements: [Statement]) {
    var found = VariableDefinitions()
    statements.forEachStatement { statement in
      switch statement.kind {
      case .assign(let id, let value):
        found.assigned.insert(id)
        guard let step = Self.step(value, of: id) else { return }
        found.steps[id] = (found.steps[id] ?? ValueRange(0, 0)).joined(with: step)
      case .loop(let loop):
        found.loopVariables.insert(loop.variable)
        // An accumulator begins anew in each thread, with a value that no statement assigns.
        found.unknown.formUnion(loop.reductions.map(\.accumulator))
      case .call(let call): if let id = call.result { found.unknown.insert(id) }
      case .store, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch, .barrier:
        break
      }
    }
    found.unknown.formUnion(found.assigned.intersection(found.loopVariables))
    self = found
  }

  private init() {}

  /// The variables whose value may be another after the statements.
  var changed: Set<VariableID> { assigned.union(unknown).union(loopVariables) }

  /// The values of a counter that begins with one of `values` and steps on from there; nil where they leave 64 bits.
  func counted(_ id: VariableID, from values: ValueRange) -> ValueRange? {
    guard let step = steps[id] else { return values }
    let reach = ValueRange(
      step.least < 0 ? -Self.farthest : 0, step.greatest > 0 ? Self.farthest : 0)
    return .applying(.add, values, reach)
  }

  /// What `k = k + 3` and `k = k - 3` add to a variable of 64 bits.
  static func step(_ value: Expression, of id: VariableID) -> ValueRange? {
    guard value.type == .int64, case .binary(let op, let left, let right) = value.kind,
      op == .add || op == .subtract, left.kind == .variable(id), let step = right.integerLiteral,
      (-greatestStep...greatestStep).contains(step)
    else { return nil }
    return op == .add ? ValueRange(step, step) : ValueRange(-step, -step)
  }
}
