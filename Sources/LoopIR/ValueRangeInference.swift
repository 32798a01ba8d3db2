/// Finds what the variables of a program may be: the least ranges that hold all that is assigned (P. and R. Cousot, Abstract
/// Interpretation, POPL 1977, over intervals).
///
///     for i in 0..<100:
///       p = i - 1               p: -1…98 of the first assignment, 99 of the other, which runs where p is -1
///       if p < 0:         →     p: -1…99
///         p = p + 100
///
/// Walks in the order of the program join each value to the range of its variable, which begins with its 0, until a walk finds none
/// that is new. Where it takes long, a counter, which changes by a few at a time (`k = k + 1`), is taken to stay within 2⁶² of
/// what else is assigned to it, as no program takes 2⁵² steps; of others that still grow nothing is known then.
struct ValueRangeInference {
  private var ranges: ValueRanges
  private let parameters: ValueRanges
  private let body: [Statement]
  private let kernels: [[Statement]]
  private let definitions: VariableDefinitions
  /// The join of the values assigned to each variable, the steps of a counter excepted.
  private var assigned: [VariableID: ValueRange] = [:]
  private var counters: Set<VariableID> = []
  private var unknown: Set<VariableID>
  /// The variables that this walk has found new values of.
  private var growing: Set<VariableID> = []

  /// How many walks may find new values before counters and others are told apart.
  private static let mostWalks = 4

  init(_ variables: [Variable], _ body: [Statement], _ kernels: [[Statement]]) {
    self.body = body
    self.kernels = kernels
    parameters = ValueRanges(parametersOf: variables)
    ranges = parameters
    definitions = VariableDefinitions(in: body + kernels.joined())
    unknown = definitions.unknown
  }

  /// Walks until all values are known.
  mutating func run() -> ValueRanges {
    while true {
      start()
      for _ in 0..<Self.mostWalks {
        growing = []
        visit(body)
        if growing.isEmpty { return ranges }
      }
      // Each turn there is one counter more, or one variable less to follow.
      let steps = growing.filter { definitions.steps[$0] != nil && !counters.contains($0) }
      if steps.isEmpty { unknown.formUnion(growing) } else { counters.formUnion(steps) }
    }
  }

  private mutating func start() {
    ranges = parameters
    for id in unknown { ranges.known[id] = nil }
    assigned = [:]
    for id in definitions.assigned.subtracting(unknown) {
      join(parameters.known[id] ?? ValueRange(0, 0), to: id)
    }
  }

  // MARK: Statements

  private mutating func visit(_ statements: [Statement]) {
    for statement in statements {
      switch statement.kind {
      case .assign(let id, let value):
        note(value, of: id)
        ranges.narrowed[id] = nil
      case .call(let call): if let id = call.result { ranges.narrowed[id] = nil }
      case .loop(let loop):
        if !unknown.contains(loop.variable) {
          let range = ranges.range(of: loop) ?? ValueRange(.min, .max)
          let joined = ranges.known[loop.variable]?.joined(with: range) ?? range
          update(loop.variable, to: joined)
        }
        visit(repeated: [statement], loop.body, while: loop.condition)
      case .whileLoop(let condition, let body):
        visit(repeated: [statement], body, while: condition)
      case .conditional(let condition, let then, let otherwise):
        visit(then, where: condition, holds: true)
        visit(otherwise, where: condition, holds: false)
        forget([statement])
      case .device(let body), .allocate(_, let body): visit(body)
      case .launch(let id):
        guard kernels.indices.contains(id.index) else { continue }
        let before = ranges.narrowed
        ranges.narrowed = [:]
        visit(kernels[id.index])
        ranges.narrowed = before
      case .store, .requireEqual, .barrier: break
      }
    }
  }

  /// Visits what runs again and again: on entry its variables may have any of their values.
  private mutating func visit(
    repeated loop: [Statement], _ body: [Statement], while condition: Expression?
  ) {
    forget(loop)
    visit(body, where: condition ?? .bool(true), holds: true)
    forget(loop)
  }

  /// Visits a branch, unless no value brings the program there.
  private mutating func visit(
    _ branch: [Statement], where condition: Expression, holds: Bool
  ) {
    let before = ranges.narrowed
    if ranges.narrow(by: condition, holds: holds) { visit(branch) }
    ranges.narrowed = before
  }

  /// Forgets what conditions say of variables that statements change.
  private mutating func forget(_ statements: [Statement]) {
    if ranges.narrowed.isEmpty { return }
    VariableDefinitions(in: statements).changed.forEach { ranges.narrowed[$0] = nil }
  }

  // MARK: Values

  private mutating func note(_ value: Expression, of id: VariableID) {
    if unknown.contains(id) { return }
    if counters.contains(id) && VariableDefinitions.step(value, of: id) != nil { return }
    guard let range = ranges.range(of: value) else {
      unknown.insert(id)
      return update(id, to: nil)
    }
    join(range, to: id)
  }

  private mutating func join(_ range: ValueRange, to id: VariableID) {
    let values = assigned[id]?.joined(with: range) ?? range
    assigned[id] = values
    guard counters.contains(id) else { return update(id, to: values) }
    update(id, to: definitions.counted(id, from: values))
  }

  /// - Parameter range: nil for a counter that would leave 64 bits.
  private mutating func update(_ id: VariableID, to range: ValueRange?) {
    if range == nil { unknown.insert(id) }
    if ranges.known[id] != range { growing.insert(id) }
    ranges.known[id] = range
  }
}
