import LoopIR
import struct Syntax.Span

/// The two versions of a parallel loop whose iterations update elements of shared buffers: with a private copy a chunk, or in
/// order where the copies would cost more than they gain. Which one runs depends on the extents alone.
struct PrivateCopies {
  /// The most chunks, and so copies.
  private static let mostChunks = 8
  /// How many updates there are to be for each element of the copies.
  private static let updatesPerElement = 4

  private let loop: ForLoop
  private let span: Span
  /// How many updates the loop makes, at least as far as is known before it runs.
  private let updates: Expression
  /// How many elements a copy of every buffer has.
  private let elements: Expression

  /// Prepares the versions of `loop`.
  init(function: LoopFunction, loop: ForLoop, at span: Span) {
    self.loop = loop
    self.span = span
    elements = loop.updates.reduce(.index(0)) { total, update in
      total + function[update.buffer].extents.reduce(.index(1)) { $0 * $1 }
    }
    let assigned = AssignedVariables(in: loop)
    // The longest chain of inner loops whose length the loop does not change.
    func work(of statements: [Statement]) -> Expression {
      var most = Expression.index(1)
      for statement in statements {
        guard case .loop(let inner) = statement.kind else {
          for block in statement.blocks { most = Self.greater(most, work(of: block)) }
          continue
        }
        let trips = inner.tripCount
        if assigned.leaveUnchanged(trips) {
          most = Self.greater(most, trips * work(of: inner.body))
        }
      }
      return most
    }
    updates = loop.tripCount * work(of: loop.body)
  }

  private static func greater(_ a: Expression, _ b: Expression) -> Expression {
    if a == .index(1) { return b }
    return b == .index(1) ? a : Expression.binary(.pythonMax, a, b)
  }

  /// Whether an index of an element that the loop updates is tested as it runs.
  private var isTested: Bool {
    let buffers = Set(loop.updates.map(\.buffer))
    var isTested = false
    loop.body.forEachStatement { statement in
      guard case .store(let buffer, let indices, _) = statement.kind else { return }
      isTested = isTested || buffers.contains(buffer) && indices.contains(where: \.isChecked)
    }
    return isTested
  }

  /// The statements that take the loop's place.
  ///
  /// - Parameter serial: the loop with its iterations in order.
  func statements(_ function: inout LoopFunction, orElse serial: Statement) -> [Statement] {
    // A test is against the extents of the user's array, which a copy has not.
    if isTested { return [serial] }
    let room = Expression.binary(
      .floorDivide, updates,
      .binary(.pythonMax, elements * .index(Self.updatesPerElement), .index(1)))
    let wanted = Expression.binary(.pythonMin, room, .index(Self.mostChunks))
    let chunks = function.add(Variable("copies", .int64))
    let trips = loop.tripCount
    let length = Expression.binary(
      .pythonMax, .index(1),
      .binary(.floorDivide, trips + function.read(chunks) - .index(1), function.read(chunks)))
    var parallel = ChunkedLoop(loop, length: length, at: span, &function)
    parallel.splitScalars(&function)
    parallel.splitBuffers(&function)
    return [
      Statement(.assign(chunks, wanted), at: span),
      Statement(
        .conditional(
          .compare(.greater, function.read(chunks), .index(1)), then: parallel.statements,
          otherwise: [serial]), at: span),
    ]
  }
}

extension [Statement] {
  /// The statements with every update of a buffer made to another one, which has one dimension more, in front, and
  /// elements of the given type.
  func redirecting(
    _ old: BufferID, to new: BufferID, behind index: Expression, as type: ScalarType
  ) -> [Statement] {
    flatMapStatements { statement in
      guard case .store(old, let indices, let value) = statement.kind else { return [statement] }
      let place = [index] + indices
      guard value.type != type, let update = Update(of: .load(old, indices), in: value) else {
        let redirected = value.mapBottomUp { e in
          guard case .load(old, let indices) = e.kind else { return e }
          return e.replacing(.load(new, [index] + indices))
        }
        return [Statement(.store(new, place, redirected), at: statement.span)]
      }
      let sum = Expression(
        .binary(update.op, Expression(.load(new, place), type), update.term.converted(to: type)),
        type, at: value.span)
      return [Statement(.store(new, place, sum), at: statement.span)]
    }
  }
}
