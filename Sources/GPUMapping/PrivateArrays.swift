import LoopIR

/// Gives each iteration of a loop an array or a scalar of its own, in memory that all blocks see (array and scalar expansion).
struct PrivateExpansion {
  /// How many iterations the loop has; known outside it.
  let trips: Expression
  /// The position of an iteration, from 0.
  let position: Expression

  init(of loop: ForLoop, in function: LoopFunction) {
    trips = loop.tripCount
    let distance = function.read(loop.variable) - loop.lower
    position =
      loop.step == 1 ? distance : .binary(.floorDivide, distance, .index(loop.step))
  }

  /// Where the dimension of the iterations stands.
  enum Side {
    case first, last

    func joined(_ own: Expression, _ others: [Expression]) -> [Expression] {
      switch self {
      case .first: [own] + others
      case .last: others + [own]
      }
    }
  }

  /// The statements with every access to a temporary made to the part of it that the iteration has.
  ///
  ///     t[j] = t[j - 1]   →   t[i, j] = t[i, j - 1]
  ///
  /// - Requires: no call takes the temporary.
  func expand(
    _ id: BufferID, at side: Side = .first, in statements: [Statement],
    _ function: inout LoopFunction
  ) -> [Statement] {
    function[id].extents = side.joined(trips, function[id].extents)
    let moved = statements.mapExpressions { e in
      guard case .load(id, let indices) = e.kind else { return e }
      return e.replacing(.load(id, side.joined(position, indices)))
    }
    return moved.flatMapStatements { statement in
      guard case .store(id, let indices, let value) = statement.kind else { return [statement] }
      return [Statement(.store(id, side.joined(position, indices), value), at: statement.span)]
    }
  }

  /// An array with one element an iteration for what a scalar holds.
  ///
  /// One of a bool holds integers: those that no iteration has stored are no bools, and may be loaded where nothing comes of it.
  func room(for id: VariableID, _ function: inout LoopFunction) -> BufferID {
    let type = function[id].type
    return function.add(
      Buffer(
        function[id].name, type == .bool ? .uint8 : type, extents: [trips], role: .temporary))
  }

  /// Leaves a scalar in its room.
  func store(_ id: VariableID, in room: BufferID, _ function: LoopFunction) -> Statement {
    let value = function.read(id).converted(to: function[room].element)
    return Statement(.store(room, [position], value))
  }

  /// Takes a scalar from its room.
  func load(_ id: VariableID, from room: BufferID, _ function: LoopFunction) -> Statement {
    Statement(.assign(id, value(of: id, in: room, at: position, function)))
  }

  /// What an iteration has left in the room of a scalar.
  func value(
    of id: VariableID, in room: BufferID, at position: Expression, _ function: LoopFunction
  ) -> Expression {
    Expression(.load(room, [position]), function[room].element).converted(to: function[id].type)
  }
}
