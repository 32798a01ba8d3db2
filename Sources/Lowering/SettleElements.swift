import LoopIR
import Syntax

/// Elements that a statement with calls reads are kept in variables from where they stand in the text, because a call may change
/// them:
///
///     s[0] = s[0] + f(x)   →   element = s[0]; …the body of f…; s[0] = element + result
///
/// Where no call does, the element that is stored to is read again at the store, so that `s[0] = s[0] + result` is seen to
/// accumulate.
extension Lowerer {
  /// The variable that an element is read into, now or earlier in the statement.
  func settledLoad(_ load: LoopIR.Expression) -> LoopIR.Expression {
    if let known = settledElements[load], !isStored(load, since: known.stores) {
      return ir.read(known.variable, at: load.span)
    }
    let variable = ir.add(Variable("element", load.type, isNameMade: true))
    emit(.assign(variable, load), at: load.span)
    settledElements[load] = (variable, storesOfCalls.count)
    return ir.read(variable, at: load.span)
  }

  /// Whether calls have stored to what an expression reads since so many stores had been noted.
  private func isStored(_ e: LoopIR.Expression, since start: Int) -> Bool {
    e.contains { part in
      guard case .load(let buffer, _) = part.kind else { return false }
      return storesOfCalls[start...].contains { mayShare($0, buffer) }
    }
  }

  private func mayShare(_ a: BufferID, _ b: BufferID) -> Bool {
    a == b || (ir[a].mayAlias && ir[b].mayAlias)
  }

  /// The value that is about to be stored to an element, with that element read again where nothing has changed it since.
  ///
  /// Host code keeps to the order of the text where it calls what is not compiled.
  func rereading(
    _ buffer: BufferID, _ indices: [LoopIR.Expression], in value: LoopIR.Expression
  ) -> LoopIR.Expression {
    guard settlesLoads else { return value }
    let load = LoopIR.Expression.Kind.load(buffer, indices)
    let position = statements.lastIndex { statement in
      guard case .assign(let id, let e) = statement.kind, e.kind == load else { return false }
      return value.contains { $0.kind == .variable(id) }
    }
    guard let position, case .assign(let variable, let element) = statements[position].kind else {
      return value
    }
    var isKept = false
    statements[(position + 1)...].forEachStatement { statement in
      isKept = isKept || statement.writtenBuffers.contains { mayShare($0, buffer) }
      if case .call = statement.kind, parallelDepth == 0 { isKept = true }
    }
    if isKept { return value }
    let later = Array(statements[(position + 1)...]).mapExpressions {
      $0.kind == .variable(variable) ? element : $0
    }
    statements.replaceSubrange(position..., with: later)
    return value.substituting([variable: element])
  }
}
