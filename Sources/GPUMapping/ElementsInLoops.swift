import LoopIR
import Schedule

/// Keeps elements that a loop inside a body updates in scalars meanwhile (scalar replacement).
///
///     y[i, j] = 0.0                                       e = 0.0
///     for k in 0..<n:                              →      for k in 0..<n:
///       y[i, j] = y[i, j] + a[i, k] * b[k, j]               e = e + a[i, k] * b[k, j]
///                                                         y[i, j] = e
///
/// Where the element is touched in the loop alone, it may not exist unless the loop has iterations: it is read and
/// written on that condition. See Callahan, Carr and Kennedy, "Improving register allocation for subscripted
/// variables" (1990).
struct ElementsInLoops {
  private(set) var function: LoopFunction

  init(_ function: LoopFunction) { self.function = function }

  /// The body with the elements that it can keep in scalars.
  mutating func kept(in body: [Statement]) -> [Statement] {
    var result = body
    for (id, indices) in candidates(in: body) {
      guard let condition = existence(of: id, in: result) else { continue }
      let element = Expression(.load(id, indices), function[id].element)
      let value = function.add(Variable(function[id].name, element.type))
      result = replacing(id, by: value, in: result)
      let isAlways = condition.integerLiteral == 1
      let store = Statement(.store(id, indices, function.read(value)))
      var exposure = UpwardExposure(of: [value])
      exposure.visit(result + [store])
      if !exposure.exposed.isEmpty {
        let first =
          isAlways
          ? element
          : element.replacing(.select(condition, then: element, otherwise: .zero(element.type)))
        result.insert(Statement(.assign(value, first)), at: 0)
      }
      result.append(
        isAlways ? store : Statement(.conditional(condition, then: [store], otherwise: [])))
    }
    return result
  }

  /// The arrays that loops store to, of which the body touches one element.
  private func candidates(in body: [Statement]) -> [(BufferID, [Expression])] {
    let changed = body.changedVariables
    var elements: [BufferID: Set<[Expression]>] = [:]
    var inLoops: Set<BufferID> = []
    body.forEachStatement { statement in
      if case .store(let id, let indices, _) = statement.kind {
        elements[id, default: []].insert(indices)
      }
      if case .loop(let loop) = statement.kind {
        loop.body.forEachStatement { inLoops.formUnion($0.writtenBuffers) }
      }
    }
    body.forEachExpression { e in
      if case .load(let id, let indices) = e.kind { elements[id]?.insert(indices) }
    }
    return inLoops.sorted { $0.index < $1.index }.compactMap { id in
      guard let known = elements[id], known.count == 1, let indices = known.first,
        !function[id].mayAlias,
        indices.allSatisfy({
          !$0.contains(\.isLoad) && !$0.contains(\.isChecked) && !$0.mentions(changed)
        })
      else { return nil }
      return (id, indices)
    }
  }

  /// When the element is surely touched, so that it is there; nil where that is not known.
  private func existence(of id: BufferID, in body: [Statement]) -> Expression? {
    guard !body.contains(where: { $0.mayTouch(id) }) else { return nil }
    var loops: [ForLoop] = []
    for statement in body {
      guard case .loop(let loop) = statement.kind else {
        if statement.touches(id) { return .bool(true) }
        continue
      }
      var isTouched = false
      loop.body.forEachStatement { isTouched = isTouched || $0.touches(id) }
      if isTouched { loops.append(loop) }
    }
    guard loops.count == 1, let loop = loops.first, loop.condition == nil,
      loop.body.contains(where: { $0.touches(id) }), !loop.lower.contains(\.isLoad),
      !loop.upper.contains(\.isLoad), !loop.tripCount.mentions(body.changedVariables)
    else { return nil }
    return .compare(.greater, loop.tripCount, .index(0))
  }

  private func replacing(
    _ id: BufferID, by value: VariableID, in body: [Statement]
  ) -> [Statement] {
    let loaded = body.mapExpressions { e in
      if case .load(id, _) = e.kind { e.replacing(.variable(value)) } else { e }
    }
    return loaded.flatMapStatements { statement in
      guard case .store(id, _, let stored) = statement.kind else { return [statement] }
      return [Statement(.assign(value, stored), at: statement.span)]
    }
  }
}

extension Statement {
  /// Whether the statement itself, and not one inside it, reads or writes an array.
  fileprivate func touches(_ id: BufferID) -> Bool {
    var isRead = false
    forEachExpression { isRead = isRead || $0.loads(from: [id]) }
    return isRead || writtenBuffers.contains(id)
  }

  /// Whether it depends on values whether an array is touched.
  fileprivate func mayTouch(_ id: BufferID) -> Bool {
    var isConditional = false
    [self].forEachStatement { statement in
      switch statement.kind {
      case .conditional, .whileLoop:
        [statement].forEachStatement { isConditional = isConditional || $0.touches(id) }
      case .assign, .store, .call, .loop, .device, .allocate, .requireEqual, .launch, .barrier:
        break
      }
    }
    [self].forEachExpression { e in
      switch e.kind {
      case .select, .logical: isConditional = isConditional || e.loads(from: [id])
      case .integer, .float, .variable, .load, .unary, .binary, .compare, .convert, .math,
        .checked, .complex, .part:
        break
      }
    }
    return isConditional
  }
}
