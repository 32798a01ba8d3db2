/// Where the variables of a program get their values.
struct VariableDefinitions {
  /// How many assignments a variable has that are neither literals nor steps, or 2 where its values come from elsewhere, too.
  var counts: [VariableID: Int] = [:]
  /// The literals assigned to a variable, and the 0 it begins with.
  var literals: [VariableID: ValueRange] = [:]
  /// What a counter's steps add.
  var steps: [VariableID: ValueRange] = [:]

  private init() {}

  private static let greatestStep: Int64 = 1 << 10
  private static let farthest: Int64 = 1 << 62

  /// The definitions in the statements of a program.
  init(in statements: [Statement]) {
    var found = VariableDefinitions()
    var loopVariables: Set<VariableID> = []
    statements.forEachStatement { statement in
      switch statement.kind {
      case .assign(let id, let value): found.note(value, of: id)
      case .loop(let loop):
        loopVariables.insert(loop.variable)
        // An accumulator begins anew in each thread, with a value that no statement assigns.
        for reduction in loop.reductions { found.counts[reduction.accumulator] = 2 }
      case .call(let call): if let id = call.result { found.counts[id] = 2 }
      case .store, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch, .barrier:
        break
      }
    }
    for id in loopVariables where found.isAssigned(id) { found.counts[id] = 2 }
    self = found
  }

  private func isAssigned(_ id: VariableID) -> Bool {
    counts[id] != nil || literals[id] != nil || steps[id] != nil
  }

  private mutating func note(_ value: Expression, of id: VariableID) {
    if let literal = Self.literal(value) {
      literals[id] = (literals[id] ?? ValueRange(0, 0)).joined(with: literal)
    } else if let step = Self.step(value, of: id) {
      steps[id] = (steps[id] ?? ValueRange(0, 0)).joined(with: step)
      literals[id] = literals[id] ?? ValueRange(0, 0)
    } else {
      counts[id, default: 0] += 1
    }
  }

  /// Whether an assigned value is the one beside literals and steps.
  func isOnlyOther(_ value: Expression, of id: VariableID) -> Bool {
    Self.literal(value) == nil && Self.step(value, of: id) == nil
  }

  /// The values of a variable that begins with one of `values` or a literal, and steps on from there.
  func counted(_ id: VariableID, from values: ValueRange) -> ValueRange? {
    let start = values.joined(with: literals[id] ?? ValueRange(0, 0))
    guard let step = steps[id] else { return start }
    let reach = ValueRange(
      step.least < 0 ? -Self.farthest : 0, step.greatest > 0 ? Self.farthest : 0)
    return .applying(.add, start, reach)
  }

  private static func literal(_ value: Expression) -> ValueRange? {
    guard value.type.isInteger else { return nil }
    return value.integerLiteral.map { ValueRange($0, $0) }
  }

  /// What `k = k + 3` and `k = k - 3` add to a variable of 64 bits.
  private static func step(_ value: Expression, of id: VariableID) -> ValueRange? {
    guard value.type == .int64, case .binary(let op, let left, let right) = value.kind,
      op == .add || op == .subtract, left.kind == .variable(id), let step = right.integerLiteral,
      (-greatestStep...greatestStep).contains(step)
    else { return nil }
    return op == .add ? ValueRange(step, step) : ValueRange(-step, -step)
  }
}
