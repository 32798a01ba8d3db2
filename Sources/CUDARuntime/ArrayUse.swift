import GPUMapping
import LoopIR
import Schedule

/// What the kernels of a program do with an array argument.
public struct ArrayUse: Sendable, Hashable {
  /// The bytes of an element.
  public var elementSize: Int
  public var isRead = false
  public var isWritten = false
  /// Whether every element is known to be written before the program ends.
  public var isOverwritten = false

  /// Creates a use.
  public init(
    elementSize: Int, isRead: Bool = false, isWritten: Bool = false, isOverwritten: Bool = false
  ) {
    self.elementSize = elementSize
    self.isRead = isRead
    self.isWritten = isWritten
    self.isOverwritten = isOverwritten
  }

  /// Whether the program needs what the array holds: what it reads, and what it may leave as it was.
  public var needsContents: Bool { isRead || (isWritten && !isOverwritten) }

  /// The uses of the array arguments, in order.
  public static func uses(in program: DeviceProgram) -> [ArrayUse] {
    let host = program.host
    var uses = host.buffers.map { ArrayUse(elementSize: $0.element.size * ($0.holdsParts ? 2 : 1)) }
    // What a callback does is copied when it is called.
    let calls = program.kernels.flatMap(\.body.foreignCalls) + host.body.foreignCalls
    for id in calls.filter({ !$0.isCallback }).flatMap(\.buffers)
    where uses.indices.contains(id.index) {
      uses[id.index].isRead = true
      uses[id.index].isWritten = true
    }
    for body in program.kernels.map(\.body) + [host.body] {
      body.forEachExpression { e in
        if case .load(let id, _) = e.kind, uses.indices.contains(id.index) {
          uses[id.index].isRead = true
        }
      }
      body.forEachStatement { statement in
        if case .store(let id, _, _) = statement.kind, uses.indices.contains(id.index) {
          uses[id.index].isWritten = true
        }
      }
    }
    if host.body.mayEndEarly { return ofArguments(uses, host) }
    host.body.forEachCertainStatement { statement in
      guard case .launch(let id) = statement.kind, program.kernels.indices.contains(id.index) else {
        return
      }
      for buffer in overwritten(by: program[id].body, host, within: []) {
        uses[buffer.index].isOverwritten = true
      }
    }
    return ofArguments(uses, host)
  }

  /// The uses of the buffers that are arguments, in the order of these.
  private static func ofArguments(_ uses: [ArrayUse], _ host: LoopFunction) -> [ArrayUse] {
    var arrays: [(position: Int, use: ArrayUse)] = []
    for (buffer, use) in zip(host.buffers, uses) {
      if case .argument(let position) = buffer.role { arrays.append((position, use)) }
    }
    return arrays.sorted { $0.position < $1.position }.map(\.use)
  }

  /// The buffers of which some statement stores every element: a loop over all of each dimension, and the loops'
  /// variables as indices.
  private static func overwritten(
    by statements: [Statement], _ host: LoopFunction, within loops: [ForLoop]
  ) -> [BufferID] {
    statements.flatMap { statement -> [BufferID] in
      switch statement.kind {
      case .store(let id, let indices, _):
        return host.buffers.indices.contains(id.index)
          && coversAll(indices, host[id], loops) ? [id] : []
      case .loop(let loop):
        guard loop.condition == nil, loop.step == 1, loop.lower.integerLiteral == 0 else {
          return []
        }
        return overwritten(by: loop.body, host, within: loops + [loop])
      case .allocate(_, let body): return overwritten(by: body, host, within: loops)
      case .assign, .whileLoop, .conditional, .device, .launch, .barrier, .call, .requireEqual:
        return []
      }
    }
  }

  /// Whether the indices of a store inside `loops`, all of which begin at 0, take every value.
  private static func coversAll(_ indices: [Expression], _ buffer: Buffer, _ loops: [ForLoop])
    -> Bool
  {
    guard indices.count == buffer.extents.count else { return false }
    var rest = loops
    for (index, extent) in zip(indices, buffer.extents) {
      guard case .variable(let id) = index.kind,
        let position = rest.firstIndex(where: { $0.variable == id && $0.upper == extent })
      else { return false }
      rest.remove(at: position)
    }
    // Other loops must run at least once.
    return rest.allSatisfy { ($0.upper.integerLiteral ?? 0) > 0 }
  }
}

extension [Statement] {
  /// Whether the host part may end before its last statement, or show the arrays to Python: they need what they held.
  fileprivate var mayEndEarly: Bool {
    var found = false
    forEachStatement { statement in
      switch statement.kind {
      case .call, .requireEqual: found = true
      case .assign, .store, .loop, .whileLoop, .conditional:
        statement.forEachExpression { e in
          found = found || e.contains { $0.isLoad || $0.isChecked }
        }
      case .device, .allocate, .launch, .barrier: break
      }
    }
    return found
  }

  /// Calls `visit` with the statements that run once whenever the whole block does.
  fileprivate func forEachCertainStatement(_ visit: (Statement) -> Void) {
    for statement in self {
      visit(statement)
      if case .allocate(_, let body) = statement.kind { body.forEachCertainStatement(visit) }
    }
  }
}
