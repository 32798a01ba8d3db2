import LoopIR

/// The body of a nest of two parallel loops, taken apart so that a thread may run several of its iterations at once.
///
///     s = 0.0                                          for r, c: s[r, c] = 0.0
///     for k in 0..<n:                           →      for k in 0..<n:
///       s = s + a[i, k] * b[k, j]                        for r, c: s[r, c] = s[r, c] + a[i + r, k] * b[k, j + c]
///     y[i, j] = s                                      for r, c: y[i + r, j + c] = s[r, c]
///
/// Straight code runs for all elements of a tile in turn, loops run once: the iterations of the nest are independent, so only the order
/// in one of them counts, and that stays. A scalar that outlives a stretch of straight code has one value for each element.
struct JammableBody {
  /// A stretch of the body.
  enum Part {
    case straight([Statement])
    case loop(ForLoop, [Part])

    /// The straight code, inside loops too.
    var stretches: [[Statement]] {
      switch self {
      case .straight(let statements): [statements]
      case .loop(_, let parts): parts.flatMap(\.stretches)
      }
    }
  }

  /// The elements of a tile, as expressions over the variables of the loops that count them.
  struct Place {
    var row: Expression
    var column: Expression
    /// The variable and the number of each loop inside a tile.
    var loops: [(variable: VariableID, count: Int)]
    /// Whether the element belongs to the thread, and not to one beside whose tile overlaps; nil where all do.
    var isOwn: Expression?
  }

  let row: VariableID
  let column: VariableID
  let parts: [Part]
  let stored: Set<BufferID>
  /// The scalars that the body assigns.
  let assigned: Set<VariableID>
  /// The scalars of which each element of a tile has a value of its own.
  let sums: [VariableID]
  /// Whether a loop loads, for all rows alike, what is another for each column.
  let sharesRows: Bool
  /// Whether a loop loads, for all columns alike, what is another for each row.
  let sharesColumns: Bool

  /// - Returns: nil where the order of iterations may count, or where the body has other statements than such.
  init?(
    _ body: [Statement], of row: VariableID, _ column: VariableID, in function: LoopFunction
  ) {
    self.row = row
    self.column = column
    var assigned: Set<VariableID> = []
    var stored: Set<BufferID> = []
    body.forEachStatement { statement in
      if let id = statement.assignedVariable { assigned.insert(id) }
      stored.formUnion(statement.writtenBuffers)
    }
    self.stored = stored
    self.assigned = assigned
    let changed = assigned.union([row, column])
    guard
      let parts = Self.parts(
        body, areBoundsKnown: { !$0.mentions(changed) && !$0.contains(\.isLoad) }),
      Self.areShort(parts),
      Self.haveOneElementEach(stored, in: body, parts, assigned, function)
    else { return nil }
    var exposure = UpwardExposure(of: assigned)
    exposure.visit(body)
    guard exposure.exposed.isEmpty else { return nil }
    self.parts = parts
    sums = Self.lasting(assigned, in: parts.flatMap(\.stretches))
    guard !sums.isEmpty else { return nil }
    var reuse = Reuse(row: row, column: column, assigned: assigned)
    parts.forEach { reuse.visit($0, inLoops: []) }
    sharesRows = reuse.ofRows
    sharesColumns = reuse.ofColumns
  }

  /// The statements as straight code and loops; nil where there are others.
  private static func parts(
    _ statements: [Statement], areBoundsKnown: (Expression) -> Bool
  ) -> [Part]? {
    var parts: [Part] = []
    for statement in statements {
      if case .loop(let loop) = statement.kind {
        guard loop.mapping.level == nil, loop.condition == nil, loop.updates.isEmpty,
          loop.mapping.lanes == 1, areBoundsKnown(loop.lower), areBoundsKnown(loop.upper),
          let inner = Self.parts(loop.body, areBoundsKnown: areBoundsKnown)
        else { return nil }
        parts.append(.loop(loop, inner))
      } else {
        guard statement.isStraight else { return nil }
        if case .straight(let before)? = parts.last {
          parts[parts.count - 1] = .straight(before + [statement])
        } else {
          parts.append(.straight([statement]))
        }
      }
    }
    return parts
  }

  /// Whether the code is so short that it may stand there once for each element of a tile, and loops wait for loads rather
  /// than for operations that are many instructions each.
  private static func areShort(_ parts: [Part]) -> Bool {
    var operations = 0
    var areSimple = true
    for part in parts {
      let isLoop = if case .loop = part { true } else { false }
      part.stretches.forEach { stretch in
        stretch.forEachExpression { e in
          operations += 1
          areSimple = areSimple && !(isLoop && e.isLong)
        }
      }
    }
    return areSimple && operations <= mostOperations
  }

  private static let mostOperations = 100

  /// Whether an iteration touches one element of each array that is stored to, and stores to it outside loops.
  ///
  /// Tiles may overlap: what another thread stores must not decide which elements are touched.
  private static func haveOneElementEach(
    _ stored: Set<BufferID>, in body: [Statement], _ parts: [Part], _ assigned: Set<VariableID>,
    _ function: LoopFunction
  ) -> Bool {
    guard !stored.contains(where: { function[$0].mayAlias }) else { return false }
    var elements: [BufferID: [Expression]] = [:]
    var isOne = true
    var isRead = false
    var choices: [Expression] = []
    body.forEachStatement { statement in
      switch statement.kind {
      case .store(let id, let indices, _):
        isOne = isOne && elements[id, default: indices] == indices
        elements[id] = indices
        choices += indices
      case .conditional(let condition, _, _): choices.append(condition)
      case .assign, .loop, .whileLoop, .device, .allocate, .launch, .barrier, .call, .requireEqual:
        break
      }
    }
    body.forEachExpression { e in
      switch e.kind {
      case .load(let id, let indices):
        choices += indices
        guard stored.contains(id) else { return }
        isRead = true
        isOne = isOne && elements[id] == indices
      case .select(let condition, _, _): choices.append(condition)
      case .logical(_, let condition, _): choices.append(condition)
      case .checked: isOne = false
      case .integer, .float, .variable, .unary, .binary, .compare, .convert, .math, .complex, .part:
        break
      }
    }
    let areStoresOutside = parts.allSatisfy { part in
      guard case .loop(_, let inner) = part else { return true }
      return inner.flatMap(\.stretches).allSatisfy { stretch in
        var hasStore = false
        stretch.forEachStatement { hasStore = hasStore || !$0.writtenBuffers.isEmpty }
        return !hasStore
      }
    }
    return isOne && areStoresOutside
      && !(isRead && choices.contains { $0.mentions(assigned) || $0.loads(from: stored) })
  }

  /// The scalars that live longer than one stretch of straight code, in the order of the table.
  private static func lasting(
    _ assigned: Set<VariableID>, in stretches: [[Statement]]
  ) -> [VariableID] {
    assigned.filter { id in
      var count = 0
      for stretch in stretches {
        var isMentioned = false
        stretch.forEachStatement { isMentioned = isMentioned || $0.assignedVariable == id }
        stretch.forEachExpression { isMentioned = isMentioned || $0.kind == .variable(id) }
        if isMentioned { count += 1 }
      }
      return count > 1 || stretches.contains { $0.exposes(id) }
    }.sorted { $0.index < $1.index }
  }

  // MARK: Jamming

  /// The body for all elements of a tile.
  ///
  /// - Parameter stage: stages what loops load; nil where each thread loads for itself.
  func jammed(
    at place: Place, staging stage: inout TileStage?, in function: inout LoopFunction
  ) -> [Statement] {
    var rooms: [VariableID: BufferID] = [:]
    for id in sums {
      rooms[id] = function.add(
        Buffer(
          function[id].name, function[id].type, extents: place.loops.map { .index($0.count) },
          role: .temporary))
    }
    let rewriting = Rewriting(place: place, rooms: rooms, function: function)
    let body = parts.flatMap { part in
      if case .loop(let loop, let inner) = part,
        let staged = stage?.staged(
          loop, inner, of: self, { jammed([.straight($0)], rewriting) }, &function)
      {
        return staged
      }
      return jammed([part], rewriting)
    }
    return sums.reversed().reduce(body) { inner, id in
      rooms[id].map { [Statement(.allocate($0, body: inner))] } ?? inner
    }
  }

  /// What an element of a tile makes of the body's code.
  private struct Rewriting {
    let place: Place
    let rooms: [VariableID: BufferID]
    let function: LoopFunction

    /// The element's value of a scalar.
    var indices: [Expression] { place.loops.map { function.read($0.variable) } }
  }

  private func jammed(_ parts: [Part], _ rewriting: Rewriting) -> [Statement] {
    parts.flatMap { part in
      switch part {
      case .straight(let statements):
        return rewriting.place.loops.reversed().reduce(
          statements.map { rewritten($0, rewriting) }
        ) { body, tile in
          var loop = ForLoop(tile.variable, from: .index(0), to: .index(tile.count), body: body)
          loop.mapping.unroll = tile.count
          return [Statement(.loop(loop), at: statements.first?.span ?? .none)]
        }
      case .loop(var loop, let inner):
        loop.reductions = []
        loop.body = jammed(inner, rewriting)
        return [Statement(.loop(loop), at: loop.span)]
      }
    }
  }

  private func rewritten(_ statement: Statement, _ rewriting: Rewriting) -> Statement {
    let place = rewriting.place
    // A store, and all that it evaluates, stands under the condition itself.
    let isLoadedIf = statement.isStore ? nil : place.isOwn
    let result = statement.mapExpressions { e in
      e.mapBottomUp { part in
        switch part.kind {
        case .variable(row): return place.row
        case .variable(column): return place.column
        case .variable(let id):
          return rewriting.rooms[id].map { part.replacing(.load($0, rewriting.indices)) } ?? part
        case .load(let id, _):
          guard let isLoadedIf, stored.contains(id) else { return part }
          return part.replacing(.select(isLoadedIf, then: part, otherwise: .zero(part.type)))
        case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
          .checked, .complex, .part:
          return part.folded
        }
      }
    }
    switch result.kind {
    case .assign(let id, let value):
      guard let room = rewriting.rooms[id] else { return result }
      return Statement(.store(room, rewriting.indices, value), at: result.span)
    case .store:
      guard let isOwn = place.isOwn else { return result }
      return Statement(.conditional(isOwn, then: [result], otherwise: []), at: result.span)
    case .conditional, .loop, .whileLoop, .device, .allocate, .launch, .barrier, .call,
      .requireEqual:
      return result.mapBlocks { $0.map { rewritten($0, rewriting) } }
    }
  }

  // MARK: Reuse

  /// What the loads in loops have in common along rows and columns.
  private struct Reuse {
    let row: VariableID
    let column: VariableID
    let assigned: Set<VariableID>
    var ofRows = false
    var ofColumns = false

    /// Of shorter loops little is saved.
    static let leastTrips: Int64 = 8

    mutating func visit(_ part: Part, inLoops loops: Set<VariableID>) {
      switch part {
      case .loop(let loop, let parts):
        let isLong = (loop.upper - loop.lower).integerLiteral.map { abs($0) >= Self.leastTrips }
        let inner = isLong == false ? loops : loops.union([loop.variable])
        for part in parts { visit(part, inLoops: inner) }
      case .straight(let statements):
        var (ofRows, ofColumns) = (false, false)
        statements.forEachExpression { e in
          guard case .load = e.kind, e.mentions(loops), !e.mentions(assigned) else { return }
          let (hasRow, hasColumn) = (e.mentions([row]), e.mentions([column]))
          ofRows = ofRows || hasColumn && !hasRow
          ofColumns = ofColumns || hasRow && !hasColumn
        }
        self.ofRows = self.ofRows || ofRows
        self.ofColumns = self.ofColumns || ofColumns
      }
    }
  }
}

extension Statement {
  fileprivate var isStore: Bool { if case .store = kind { true } else { false } }

  /// Whether the statement assigns and stores alone, on conditions or not.
  fileprivate var isStraight: Bool {
    switch kind {
    case .assign, .store: true
    case .conditional(_, let then, let otherwise): (then + otherwise).allSatisfy(\.isStraight)
    case .loop, .whileLoop, .device, .allocate, .launch, .barrier, .call, .requireEqual: false
    }
  }
}

extension [Statement] {
  /// Whether the statements may read a variable before they have assigned it.
  fileprivate func exposes(_ id: VariableID) -> Bool {
    var exposure = UpwardExposure(of: [id])
    exposure.visit(self)
    return !exposure.exposed.isEmpty
  }
}

extension Expression {
  /// Whether the operation is many instructions.
  fileprivate var isLong: Bool {
    switch kind {
    case .binary(let op, _, _):
      switch op {
      case .divide, .floorDivide, .modulo, .power: true
      case .add, .subtract, .multiply, .bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight,
        .pythonMin, .pythonMax, .minimum, .maximum:
        false
      }
    case .math: true
    case .integer, .float, .variable, .load, .unary, .compare, .logical, .select, .convert,
      .checked, .complex, .part:
      false
    }
  }
}
