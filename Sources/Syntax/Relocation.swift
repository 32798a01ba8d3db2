extension Function {
  /// The same function with all its spans in the given source of a compilation's table.
  public func relocated(to source: Int32) -> Function {
    var result = self
    result.span.source = source
    for i in result.parameters.indices { result.parameters[i].span.source = source }
    result.body = body.map { $0.relocated(to: source) }
    return result
  }
}

extension Statement {
  /// The same statement with all its spans in the given source.
  public func relocated(to source: Int32) -> Statement {
    func moved(_ e: Expression) -> Expression { e.relocated(to: source) }
    func moved(_ body: [Statement]) -> [Statement] { body.map { $0.relocated(to: source) } }
    let kind: Kind
    switch self.kind {
    case .assign(let target, let value): kind = .assign(target: moved(target), value: moved(value))
    case .augmentedAssign(let target, let op, let value):
      kind = .augmentedAssign(target: moved(target), op: op, value: moved(value))
    case .forLoop(let target, let iterable, let body, let exits):
      kind = .forLoop(
        target: moved(target), iterable: moved(iterable), body: moved(body),
        until: exits.map { Exit($0.flag, at: $0.span.relocated(to: source)) })
    case .whileLoop(let test, let body): kind = .whileLoop(test: moved(test), body: moved(body))
    case .conditional(let test, let then, let otherwise):
      kind = .conditional(test: moved(test), then: moved(then), otherwise: moved(otherwise))
    case .with(let context, let body): kind = .with(context: moved(context), body: moved(body))
    case .expression(let e): kind = .expression(moved(e))
    case .returned(let e): kind = .returned(e.map { moved($0) })
    case .pass, .breakLoop, .continueLoop: kind = self.kind
    }
    return Statement(
      kind, at: span.relocated(to: source), head: head.relocated(to: source))
  }
}

extension Expression {
  fileprivate func relocated(to source: Int32) -> Expression {
    var result = mapChildren { $0.relocated(to: source) }
    result.span = span.relocated(to: source)
    return result
  }
}

extension Span {
  /// The same stretch of another source.
  public func relocated(to source: Int32) -> Span {
    var result = self
    result.source = source
    return result
  }
}
