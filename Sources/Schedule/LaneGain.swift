import LoopIR

/// Weighs what a loop's body gains in lanes against what it loses, in operations.
struct LaneGain {
  /// How far an access moves from lane to lane; nil where that is not one known number.
  private let stride: (BufferID, [Expression]) -> Int?
  private let isOrdered: Bool
  private var balance = 0
  private var weight = 1

  /// What an access to consecutive elements, or to one, saves, and what any other costs.
  private static let access = 8
  /// What a loop inside does counts this many times, and what three levels of them do no more than that.
  private static let repetitions = 8
  private static let greatestWeight = 512
  /// A call of a math library against an operation that is one instruction.
  private static let call = 20

  /// Weighs the body of a loop.
  ///
  /// - Parameter isOrdered: whether lanes change the order of a sum: conditions do not count then, since one that is known when
  ///   compiling is gone.
  init(
    of body: [Statement], isOrdered: Bool, stride: @escaping (BufferID, [Expression]) -> Int?
  ) {
    self.stride = stride
    self.isOrdered = isOrdered
    count(body)
  }

  /// Whether the loop is no slower in lanes.
  var isWorthIt: Bool { balance >= 0 }

  private mutating func count(_ statements: [Statement]) {
    for statement in statements {
      let outer = weight
      switch statement.kind {
      case .assign(_, let value): count(value)
      case .conditional(let condition, _, _): if !isOrdered { count(condition) }
      case .store(let buffer, let indices, let value):
        count(buffer, indices)
        count(value)
      case .loop(let loop):
        count(loop.lower)
        count(loop.upper)
        weight = min(weight * Self.repetitions, Self.greatestWeight)
        if let condition = loop.condition { count(condition) }
      case .whileLoop(let condition, _):
        weight = min(weight * Self.repetitions, Self.greatestWeight)
        count(condition)
      case .call, .device, .allocate, .requireEqual, .launch, .barrier: break
      }
      for block in statement.blocks { count(block) }
      weight = outer
    }
  }

  private mutating func count(_ buffer: BufferID, _ indices: [Expression]) {
    let isNear = stride(buffer, indices).map { abs($0) <= 1 } ?? false
    balance += isNear ? weight * Self.access : -weight * Self.access
    for index in indices { count(index, isIndex: true) }
  }

  /// - Parameter isIndex: whether the expression is an index: what only moves along with the loop saves nothing.
  private mutating func count(_ e: Expression, isIndex: Bool = false) {
    switch e.kind {
    case .load(let buffer, let indices): return count(buffer, indices)
    case .integer, .float, .variable, .checked, .complex, .part: break
    case .unary, .binary, .compare, .logical, .select, .convert, .math:
      if !isIndex { balance += e.isLibraryCall ? weight * Self.call : weight }
    }
    e.forEachChild { count($0, isIndex: isIndex) }
  }
}
