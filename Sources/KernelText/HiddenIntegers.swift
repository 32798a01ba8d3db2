import LoopIR

/// Integers that NVRTC and nvcc must not see the origin of, because they make wrong code of it.
///
/// **Steps.** Up to version 13.1, of a loop in which an element is read, a branch taken and the same element stored:
///
///     for (int j = 0; j < n; j++)                     s = hidden_int32(s);
///       b[i + 1 + j * s] -= erff(b[i + 1 + j * s]);   →   for (int j = 0; j < n; j++)
///                                                       b[i + 1 + j * s] -= erff(b[i + 1 + j * s]);
///
/// it writes out four iterations and stores three of them one element too far, the constant added twice. It does where the step of
/// the index is a parameter of the kernel, or is made by `&` or a maximum of one or of the thread's place, and none of that hidden. What
/// comes from memory, or from an `asm` statement, it takes for what it is. So parameters that multiply in an index, or that are added
/// to a variable again and again, are hidden where the kernel begins, and products without a parameter are hidden whole.
///
/// **Subtracted products.** From version 13.0 on, `x[7 - v * 3]`, of a `v` that is known not to be negative, is for it none of the
/// elements below `x[7]`: it reads `x[4]` once for a loop that changes it so. Products that are subtracted are hidden, and variables
/// that may hold one: `x[7 - hidden_int32(v * 3)]`.
extension FunctionEmitter {
  private var hides: Bool { kernel != nil && module.dialect.hiding("", .int64) != nil }

  /// The value, hidden; as it is where the dialect hides nothing.
  func hidden(_ value: CText, _ type: ScalarType) -> CText {
    guard hides else { return value }
    let helper = HelperFunction.hidden(value.isInt ? .int32 : type)
    module.use(helper)
    let result = CText("\(helper.name)(\(value.text))")
    return value.isInt ? result.asInt : result
  }

  /// Whether a product is one of an index, and of none that is known.
  private func isStep(_ factors: [Expression]) -> Bool {
    guard hides, isInIndex, let type = factors.first?.type else { return false }
    return type.isInteger && type.size >= 4
      && factors.allSatisfy { $0.integerLiteral == nil }
  }

  /// A product in text, hidden where it is one of an index; has its parameters hidden instead where there are any.
  func step(_ factors: [Expression], _ product: CText) -> CText {
    guard isStep(factors), let type = factors.first?.type else { return product }
    return hideParameters(of: factors) ? product : hidden(product, type)
  }

  /// Has the parameters that make expressions hidden.
  ///
  /// - Returns: whether there are any.
  @discardableResult
  func hideParameters(of expressions: [Expression]) -> Bool {
    guard hides else { return false }
    var found = false
    func visit(_ e: Expression) {
      if case .variable(let id) = e.kind, isParameter(id) {
        hiddenParameters.insert(id)
        found = true
      }
      // What is read from memory is hidden already.
      if !e.isLoad { e.forEachChild(visit) }
    }
    expressions.forEach(visit)
    return found
  }

  func hiddenInIndex(_ value: CText, _ type: ScalarType) -> CText {
    isInIndex ? hidden(value, type) : value
  }

  /// What is subtracted, hidden where it may be a product of an index.
  func subtrahend(_ e: Expression) -> CText {
    mayBeProduct(e) ? hidden(text(e), e.type) : text(e)
  }

  /// Whether what is subtracted in an index may be a product: one that stands there, or in a variable.
  private func mayBeProduct(_ e: Expression) -> Bool {
    guard hides, isInIndex, e.type.isSignedInteger, e.type.size >= 4 else { return false }
    return e.contains { part in
      switch part.kind {
      case .binary(.multiply, _, _), .binary(.shiftLeft, _, _): true
      case .variable(let id): locals.contains(id)
      default: false
      }
    }
  }

  private func isParameter(_ id: VariableID) -> Bool {
    kernel?.liveIns.contains(id) ?? false && host[id].type.isInteger && host[id].type.size >= 4
  }

  /// The text of an assignment to an integer that becomes part of an index.
  func inIndex(assigning value: Expression, to id: VariableID, _ write: () -> String) -> String {
    guard indexVariables.contains(id) else { return write() }
    let isSum = value.contains { if case .variable(id) = $0.kind { true } else { false } }
    if isSum { hideParameters(of: [value]) }
    return inIndex(write)
  }

  /// What is written where products are steps of an index.
  func inIndex<Result>(_ write: () -> Result) -> Result {
    let before = isInIndex
    defer { isInIndex = before }
    isInIndex = true
    return write()
  }

  /// The statements that a kernel begins with.
  func hidingOfParameters() -> [String] {
    hiddenParameters.sorted { $0.index < $1.index }.map { id in
      let parameter = CText(name(id), isInt: shortVariables.contains(id))
      return "  \(name(id)) = \(hidden(parameter, host[id].type).text);"
    }
  }
}

extension [Statement] {
  /// The integers that indices are made of, by way of others too.
  func variablesOfIndices() -> Set<VariableID> {
    var found: Set<VariableID> = []
    func note(_ e: Expression) {
      e.forEachDescendant { if case .variable(let id) = $0.kind { found.insert(id) } }
    }
    forEachStatement { if case .store(_, let indices, _) = $0.kind { indices.forEach(note) } }
    forEachExpression { if case .load(_, let indices) = $0.kind { indices.forEach(note) } }
    var count = -1
    while count < found.count {
      count = found.count
      forEachStatement {
        switch $0.kind {
        case .assign(let id, let value) where found.contains(id): note(value)
        case .loop(let loop) where found.contains(loop.variable): note(loop.lower)
        default: break
        }
      }
    }
    return found
  }
}
