import LoopIR
import Syntax

extension Lowerer {
  /// `target = value`.
  func lowerAssignment(
    to target: Syntax.Expression, _ value: Syntax.Expression, at statement: Syntax.Statement
  ) throws {
    switch target.kind {
    case .name(let name):
      if !StructuredBody.isResult(name) { try rejectRebinding(name, to: value) }
      let (result, labels) = try valueWithReductionLabels(value)
      try requireAllUsed(labels)
      switch result {
      case .scalar(let scalar): try assign(name, scalar, at: statement.span)
      case .array where StructuredBody.isResult(name): throw arrayReturned(at: value.span)
      case .array:
        throw reject(.sliceAsLocal(name, isArray: isArray(name), at: value.span))
      case .tuple:
        throw reject(
          .unsupported(
            "a tuple as the value of a name", at: value.span,
            help: "give each part a name: a, b = …"))
      }
    case .tuple(let targets): try lowerUnpacking(targets, value, at: statement)
    case .subscripted:
      try rejectEntry(target)
      guard let rank = try rank(of: target) else { throw try noArray(target) }
      // Where calls may change what the other side reads, the value comes first, as in Python.
      let early = settlesLoads ? nil : try view(target)
      let place = { [self] in
        guard let view = try early ?? view(target) else { throw try noArray(target) }
        return view
      }
      if rank == 0 {
        let (result, labels) = try valueWithReductionLabels(value)
        try requireAllUsed(labels)
        if case .tuple = result {
          throw reject(
            .unsupported(
              "storing a tuple in an element", at: value.span, help: "unpack it first: a, b = …"))
        }
        try store(result, of: value, into: place(), at: statement)
      } else {
        try lowerSliceAssignment(
          to: place, rank: rank, target, { try arrayValue(value) }, at: statement)
      }
    default: throw reject(.unsupported("this assignment target", at: target.span))
    }
  }

  /// `target op= value`: the target is evaluated once, and first. An array as a whole changes in place.
  func lowerUpdate(
    of target: Syntax.Expression, _ op: Syntax.BinaryOperator, _ value: Syntax.Expression,
    at statement: Syntax.Statement
  ) throws {
    let span = Span(joining: target.span, value.span)
    try rejectEntry(target)
    guard let view = try view(target) else {
      return try lowerAssignment(
        to: target, Expression(.binary(op, target, value), at: span), at: statement)
    }
    let update = { [self] in
      try binary(op, read(view, at: target.span), self.value(value), at: span)
    }
    if view.shape.isEmpty {
      let (result, labels) = try withReductionLabels(update)
      try requireAllUsed(labels)
      try store(result, of: value, into: view, at: statement)
    } else {
      try lowerSliceAssignment(
        to: { view }, rank: view.shape.count, target, { try arrayValue(update(), at: span) },
        at: statement)
    }
  }

  /// How many slice dimensions a target has; nil where it is no part of an array.
  private func rank(of target: Syntax.Expression) throws -> Int? {
    switch target.kind {
    case .name:
      return try view(target)?.shape.count
    case .subscripted(let base, let indices):
      if let entry = try entry(target) { return entry.view?.shape.count }
      guard let rank = try rank(of: base) else { return nil }
      let fixed = indices.count { if case .expression = $0 { true } else { false } }
      // Too many indices are found out where the target is evaluated.
      return max(0, rank - fixed)
    default: return nil
    }
  }

  /// What is wrong with a subscripted target that is no array.
  private func noArray(_ target: Syntax.Expression) throws -> DiagnosticError {
    guard case .subscripted(let base, _) = target.kind else {
      return reject(.unsupported("this assignment target", at: target.span))
    }
    if case .subscripted = base.kind { return try noArray(base) }
    let value = try scalar(base)
    if case .name(let name) = base.kind {
      return reject(.noElements(name, value.type, at: target.span))
    }
    return reject(
      Diagnostic(.type, "assigning to an element of what is not an array", at: target.span))
  }

  /// Stores what `source` gave.
  private func store(
    _ value: Value, of source: Syntax.Expression, into view: ArrayView,
    at statement: Syntax.Statement
  ) throws {
    guard case .scalar(let scalar) = value else { throw reject(.arrayAsScalar(at: source.span)) }
    try store(scalar, into: view, at: statement)
  }

  private func store(
    _ scalar: TypedValue, into view: ArrayView, at statement: Syntax.Statement
  ) throws {
    let element = ir[view.buffer].element
    let stored = try converted(scalar, toElement: element, at: statement.span)
    let indices = view.indices(at: [])
    let value = rereading(view.buffer, indices, in: stored)
    emit(.store(view.buffer, indices, value), at: statement.head)
  }

  /// `a, b = b, a`: every value is read before any target is written.
  private func lowerUnpacking(
    _ targets: [Syntax.Expression], _ value: Syntax.Expression, at statement: Syntax.Statement
  ) throws {
    try rejectLabels(on: "a tuple assignment")
    try rejectArrays(in: value, unpackedInto: targets)
    guard case .tuple(let values) = try self.value(value) else {
      throw reject(
        .unsupported(
          "unpacking anything but a tuple of scalars", at: value.span,
          help: "give each name a value of its own: a, b = x[i, 0], x[i, 1]"))
    }
    guard targets.count == values.count else {
      throw reject(
        Diagnostic(
          .program,
          "cannot unpack \(values.count) value\(values.count == 1 ? "" : "s") into \(targets.count) name\(targets.count == 1 ? "" : "s")",
          at: statement.span))
    }
    let kept = values.map { settled($0, "value") }
    for (target, value) in zip(targets, kept) {
      if case .name(let name) = target.kind {
        try assign(name, value, at: statement.span)
      } else if try rejectEntry(target), let view = try view(target), view.shape.isEmpty {
        try store(value, into: view, at: statement)
      } else {
        throw reject(.unsupported("this assignment target", at: target.span))
      }
    }
  }

  /// Throws where a name would become another name of an array, as in `cur = a` or `cur = a if c else b`.
  ///
  /// - Parameter isSwap: whether other names become others at the same time.
  private func rejectRebinding(
    _ name: String, to value: Syntax.Expression, isSwap: Bool = false
  ) throws {
    switch value.kind {
    case .name(let array) where isArray(array):
      let instead =
        isSwap
        ? nil
        : isArray(name)
          ? "to copy the elements, write \(name)[:] = \(array)[:]"
          : "write '\(array)' where '\(name)' is used"
      throw reject(.arrayRebound(name, to: array, instead: instead, at: value.span))
    case .conditional(_, let then, let otherwise):
      for case .name(let array) in [then.kind, otherwise.kind] where isArray(array) {
        throw reject(.arrayChosen(array, at: value.span))
      }
    default: return
    }
  }

  /// Throws where a tuple to be unpacked has arrays in it: `a, b = b, a`, or rows that change places.
  private func rejectArrays(
    in value: Syntax.Expression, unpackedInto targets: [Syntax.Expression]
  ) throws {
    guard case .tuple(let parts) = value.kind else { return }
    for (target, part) in zip(targets, parts) {
      if case .name(let name) = target.kind, StructuredBody.isResult(name) {
        if let rank = try rank(of: part), rank > 0 { throw arrayReturned(at: part.span) }
        continue
      }
      if case .name(let name) = target.kind {
        try rejectRebinding(name, to: part, isSwap: true)
      }
      if let rank = try rank(of: part), rank > 0 {
        throw reject(.arrayUnpacked(at: part.span))
      }
    }
  }

  /// What is wrong with returning an array. About the entry, which returns nothing at all, another message says all there is
  /// to say.
  private func arrayReturned(at span: Span) -> DiagnosticError {
    activation.functions.isEmpty
      ? DiagnosticError([]) : reject(.arrayAsResult(function.name, at: span))
  }

  private func isArray(_ name: String) -> Bool {
    if case .array(let view)? = scope[name] { !view.shape.isEmpty } else { false }
  }

  /// Lowers a value whose reductions take the pending labels; what is left over comes back.
  private func valueWithReductionLabels(_ e: Syntax.Expression) throws -> (
    Value, [(name: String, span: Span)]
  ) {
    try withReductionLabels { try value(e) }
  }

  private func withReductionLabels(_ value: () throws -> Value) throws -> (
    Value, [(name: String, span: Span)]
  ) {
    let labels = try takeLabels()
    reductionLabels = labels
    reductionsLabelled = 0
    defer { reductionLabels = [] }
    let result = try value()
    return (result, reductionsLabelled > 0 ? Array(labels.dropFirst()) : labels)
  }

  private func requireAllUsed(_ labels: [(name: String, span: Span)]) throws {
    guard let label = labels.first else { return }
    throw reject(.labelsNothing(label.name, at: label.span))
  }

  // MARK: Slices

  /// `target[…] = value` over at least one slice dimension: one loop a dimension, leftmost outermost.
  ///
  ///     y[1:, :] = 2 * x[:, 0]   →   for k0 in 0..<n-1: for k1 in 0..<m: y[k0+1, k1] = 2 * x[k1, 0]
  ///
  /// - Parameters:
  ///   - place: gives the target, of `rank` dimensions; called after `value`.
  ///   - value: gives the source.
  func lowerSliceAssignment(
    to place: () throws -> ArrayView, rank: Int, _ target: Syntax.Expression,
    _ value: () throws -> ArrayValue, at statement: Syntax.Statement
  ) throws {
    let labels = try takeLabels()
    reductionLabels = Array(labels.dropFirst(rank))
    reductionsLabelled = 0
    let source = try value()
    let view = try place()
    try requireCurrent(source, at: statement.span)
    let shape = view.shape
    guard let broadcast = try broadcast(source, to: shape, at: target.span) else {
      throw reject(.shapesDoNotBroadcast(source.shape, shape, at: target.span))
    }
    let element = ir[view.buffer].element
    let loopLabels = labels.prefix(shape.count).map { [$0.name] }
    if isHazard(writing: view, reading: source) {
      // The right side is complete before the first element is written, as in NumPy.
      let temporary = ir.add(
        Buffer("temporary", element, extents: room(for: view, source.shape), role: .temporary))
      let outer = statements
      statements = []
      try elementwise(over: shape, labels: loopLabels, at: statement) { position in
        try self.storeElement(broadcast, at: position, into: temporary, position, statement)
      }
      try elementwise(over: shape, labels: loopLabels, at: statement) { position in
        let read = Expression(.load(temporary, position), element, at: statement.span)
        self.emit(.store(view.buffer, view.indices(at: position), read), at: statement.head)
      }
      let body = statements
      statements = outer
      emit(.allocate(temporary, body: body), at: statement.head)
    } else {
      try elementwise(over: shape, labels: loopLabels, at: statement) { position in
        try self.storeElement(
          broadcast, at: position, into: view.buffer, view.indices(at: position), statement)
      }
    }
    let leftOver = labels.dropFirst(shape.count + (reductionsLabelled > 0 ? 1 : 0))
    reductionLabels = []
    try requireAllUsed(Array(leftOver))
  }

  /// The extents of a temporary for what is assigned to a view. Kernels make none of a length that they compute, so on a
  /// device that is the one of the source, or of the array, where they are known on entry:
  ///
  ///     x[c[i]:] = x[:len(x) - c[i]]   →   temporary: float64[x_extent0]
  private func room(for view: ArrayView, _ source: [LoopIR.Expression]) -> [LoopIR.Expression] {
    let shape = view.shape
    guard signature.options.backend.isDevice else { return shape }
    let sliced = view.dimensions.indices.filter {
      if case .range = view.dimensions[$0] { true } else { false }
    }
    return shape.enumerated().map { d, extent in
      let own = d - (shape.count - source.count)
      let known = [extent] + (own >= 0 && !isOne(source[own]) ? [source[own]] : [])
      return known.first(where: ir.isKnownOnEntry) ?? ir[view.buffer].extents[sliced[d]]
    }
  }

  private func storeElement(
    _ source: ArrayValue, at position: [LoopIR.Expression], into buffer: BufferID,
    _ indices: [LoopIR.Expression], _ statement: Syntax.Statement
  ) throws {
    let stored = try converted(
      source.value(at: position), toElement: ir[buffer].element, at: statement.span)
    emit(.store(buffer, indices, stored), at: statement.head)
  }

  /// Nested loops over a shape, whose iterations do not depend on each other.
  func elementwise(
    over shape: [LoopIR.Expression], labels: [[String]], at statement: Syntax.Statement,
    _ body: ([LoopIR.Expression]) throws -> Void
  ) throws {
    func nest(_ position: [LoopIR.Expression]) throws {
      let depth = position.count
      if depth == shape.count { return try body(position) }
      let variable = makeVariable("k\(depth)", .int64)
      let outerFacts = facts
      facts = facts.entering(variable, from: .index(0), to: shape[depth], step: 1)
      let inner = try block { try nest(position + [ir.read(variable)]) }
      facts = outerFacts
      emit(
        .loop(
          ForLoop(
            variable, from: .index(0), to: shape[depth], body: inner,
            labels: depth < labels.count ? labels[depth] : [], isIndependent: true,
            at: statement.span)),
        at: statement.head)
    }
    try nest([])
  }

  /// Whether storing an element could change one that is still to be read.
  private func isHazard(writing target: ArrayView, reading source: ArrayValue) -> Bool {
    source.reads.contains { read in
      if read.view.buffer != target.buffer {
        return ir[read.view.buffer].mayAlias && ir[target.buffer].mayAlias
      }
      if read.isPointwise && read.view.dimensions == target.dimensions { return false }
      return !areDisjoint(read.view, target)
    }
  }

  /// Whether two views of one buffer have no element in common, by a dimension in which they cannot meet.
  private func areDisjoint(_ a: ArrayView, _ b: ArrayView) -> Bool {
    zip(a.dimensions, b.dimensions).contains { x, y in
      let (lowX, highX) = span(of: x)
      let (lowY, highY) = span(of: y)
      return facts.prove(highX + .index(1), atMost: lowY)
        || facts.prove(highY + .index(1), atMost: lowX)
    }
  }

  /// The least and the greatest index a dimension of a view reaches, where it is not empty.
  private func span(of dimension: ArrayView.Dimension) -> (LoopIR.Expression, LoopIR.Expression) {
    switch dimension {
    case .fixed(let index): return (index, index)
    case .range(let start, let step, let extent):
      let last = start + (extent - .index(1)) * .index(step)
      return step > 0 ? (start, last) : (last, start)
    }
  }
}
