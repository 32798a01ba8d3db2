import LoopIR

/// The elements of an array; arguments that overlap share one.
public final class Storage {
  public var elements: [Literal]

  /// Creates an array with the given elements, in C order.
  public init(_ elements: [Literal]) { self.elements = elements }

  /// Creates an array of a type out of numbers.
  public convenience init(_ type: ScalarType, _ values: [Double]) {
    self.init(values.map { Literal.float($0, .float64).converted(to: type) })
  }

  /// The elements as numbers.
  public var numbers: [Double] {
    elements.map { element in
      guard case .float(let value, _) = element.converted(to: .float64) else { return .nan }
      return value
    }
  }
}

/// Why a function cannot be run.
public enum InterpretationError: Error, Hashable {
  case outOfBounds(buffer: String, indices: [Int64])
  /// The variable has no value here, or none that every order of execution agrees on.
  case unassigned(variable: String)
  /// The check at that position does not hold.
  case check(Int)
  case missing(String)
}

/// Runs a function of the loop IR, one operation after the other.
///
/// Loops that are mapped to workers or lanes run in an adverse order, and what an iteration assigns is its own: it is not
/// there in the next iteration nor after the loop, accumulators excepted.
public struct Interpreter {
  let function: LoopFunction
  var variables: [VariableID: Literal] = [:]
  var buffers: [BufferID: Storage] = [:]

  /// Runs `function`.
  ///
  /// - Parameters:
  ///   - arrays: the array arguments, in order; changed in place.
  ///   - parameters: the run-time parameters, in order.
  /// - Throws: `InterpretationError`.
  public static func run(
    _ function: LoopFunction, arrays: [Storage], parameters: [Literal] = []
  ) throws {
    var interpreter = Interpreter(function: function)
    for (i, variable) in function.variables.enumerated() {
      guard case .parameter(let slot) = variable.role else { continue }
      guard parameters.indices.contains(slot) else {
        throw InterpretationError.missing(variable.name)
      }
      interpreter.variables[VariableID(i)] = parameters[slot].converted(to: variable.type)
    }
    for (i, buffer) in function.buffers.enumerated() {
      guard case .argument(let position) = buffer.role else { continue }
      guard arrays.indices.contains(position) else {
        throw InterpretationError.missing(buffer.name)
      }
      interpreter.buffers[BufferID(i)] = arrays[position]
    }
    for (i, check) in function.checks.enumerated()
    where try !interpreter.evaluate(check.condition).isTrue {
      throw InterpretationError.check(i)
    }
    try interpreter.run(function.body)
  }

  /// The value of an expression over the given variables.
  public static func evaluate(
    _ e: Expression, in function: LoopFunction, _ variables: [VariableID: Literal] = [:]
  ) throws -> Literal {
    try Interpreter(function: function, variables: variables).evaluate(e)
  }

  // MARK: Statements

  private mutating func run(_ statements: [Statement]) throws {
    for statement in statements { try run(statement) }
  }

  private mutating func run(_ statement: Statement) throws {
    switch statement.kind {
    case .assign(let id, let value): variables[id] = try evaluate(value)
    case .store(let id, let indices, let value):
      let value = try evaluate(value)
      let (storage, offset) = try element(of: id, indices)
      storage.elements[offset] = value
    case .loop(let loop): try run(loop)
    case .whileLoop(let condition, let body):
      while try evaluate(condition).isTrue { try run(body) }
    case .conditional(let condition, let then, let otherwise):
      try run(evaluate(condition).isTrue ? then : otherwise)
    case .device(let body): try run(body)
    case .allocate(let id, let body):
      let count = try function[id].extents.reduce(1) { try $0 * integer($1) }
      let garbage = Literal.integer(77, .int64).converted(to: function[id].element)
      buffers[id] = Storage(Array(repeating: garbage, count: Int(count)))
      try run(body)
      buffers[id] = nil
    case .requireEqual(let left, let right):
      if try integer(left) != integer(right) { throw InterpretationError.missing("equal lengths") }
    case .launch, .barrier: throw InterpretationError.missing("kernel")
    case .call: throw InterpretationError.missing("function")
    }
  }

  private mutating func run(_ loop: ForLoop) throws {
    let (lower, upper) = (try integer(loop.lower), try integer(loop.upper))
    let iterations = Array(stride(from: lower, to: upper, by: loop.step))
    if loop.mapping.workers == nil && loop.mapping.lanes == 1 {
      for i in iterations {
        variables[loop.variable] = .integer(i, .int64)
        if let condition = loop.condition, try !evaluate(condition).isTrue { return }
        try run(loop.body)
      }
      return
    }
    var own: Set<VariableID> = []
    loop.body.forEachStatement { statement in
      if case .assign(let id, _) = statement.kind { own.insert(id) }
    }
    own.subtract(loop.reductions.map(\.accumulator))
    // The last, the first, the last but one …: no order that sequential code happens to have.
    let half = iterations.count / 2
    let order = zip(iterations.reversed(), iterations).prefix(half).flatMap { [$0, $1] }
    for i in order + iterations.dropFirst(half).prefix(iterations.count % 2) {
      for id in own { variables[id] = nil }
      variables[loop.variable] = .integer(i, .int64)
      try run(loop.body)
    }
    for id in own { variables[id] = nil }
  }

  private func integer(_ e: Expression) throws -> Int64 {
    guard case .integer(let value, _) = try evaluate(e) else {
      throw InterpretationError.missing("an integer")
    }
    return value
  }

  private func element(of id: BufferID, _ indices: [Expression]) throws -> (Storage, Int) {
    let buffer = function[id]
    guard let storage = buffers[id] else { throw InterpretationError.missing(buffer.name) }
    let position = try indices.map { try integer($0) }
    let extents = try buffer.extents.map { try integer($0) }
    guard zip(position, extents).allSatisfy({ (0..<max(0, $1)).contains($0) }) else {
      throw InterpretationError.outOfBounds(buffer: buffer.name, indices: position)
    }
    let strides = try buffer.effectiveStrides.map { try integer($0) }
    return (storage, Int(zip(position, strides).map { $0 * $1 }.reduce(0, +)))
  }

  // MARK: Expressions

  private func evaluate(_ e: Expression) throws -> Literal {
    switch e.kind {
    case .integer(let value): return .integer(value, e.type)
    case .float(let literal): return .float(literal.value, e.type)
    case .variable(let id):
      guard let value = variables[id] else {
        throw InterpretationError.unassigned(variable: function[id].name)
      }
      return value
    case .load(let id, let indices):
      let (storage, offset) = try element(of: id, indices)
      return storage.elements[offset]
    case .unary(let op, let operand):
      guard let result = try evaluate(operand).applying(op) else { break }
      return result
    case .binary(let op, let left, let right):
      guard let result = binary(op, try evaluate(left), try evaluate(right)) else { break }
      return result
    case .compare(let op, let left, let right):
      guard let truth = Literal.compare(op, try evaluate(left), try evaluate(right)) else { break }
      return .integer(truth ? 1 : 0, .bool)
    case .logical(let op, let left, let right):
      let first = try evaluate(left)
      return first.isTrue == (op == .and) ? try evaluate(right) : first
    case .select(let condition, let then, let otherwise):
      return try evaluate(try evaluate(condition).isTrue ? then : otherwise)
    case .convert(let operand): return try evaluate(operand).converted(to: e.type)
    case .checked(let index): return try evaluate(index)
    // Gone where functions are run.
    case .complex, .part: break
    case .math(let function, let arguments):
      guard let result = math(function, try arguments.map { try evaluate($0) }) else { break }
      return e.type == .bool ? .integer(result == 0 ? 0 : 1, .bool) : rounded(result, e.type)
    }
    throw InterpretationError.missing("the operation \(e.kind)")
  }
}
