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
/// **Subtracted products.** For all versions from 12.4 to 13.5, `x[7 - v * 3]`, of a `v` that is known not to be negative, is none of the
/// elements below `x[7]`: it reads `x[4]` once for a loop that changes it so. Products that are subtracted are hidden, and variables
/// that may hold one: `x[7 - hidden_int32(v * 3)]`. Of a loop's variable a hidden copy is multiplied: it is made once in an
/// iteration, and what compilers compute once of it they still do.
///
///     for (int i = threadIdx.x; i < n; i += 128) {      for (int i = threadIdx.x; i < n; i += 128) {
///       x[7 - i * 3] += x[8 - i * 3];                →    const int i_hidden = hidden_int32(i);
///     }                                                   x[7 - i_hidden * 3] += x[8 - i_hidden * 3];
///                                                       }
extension FunctionEmitter {
  /// A loop whose body is being written.
  struct LoopAround {
    var variable: VariableID
    var name: String
    /// Whether the variable is a product, as of the block and its threads, or of a counter and the step.
    var isProduct: Bool
    /// Where the body begins.
    var start: (line: Int, depth: Int)
    /// The hidden copy of the variable, once there is one.
    var copy: String?
  }

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
    guard mayBeProduct(e) else { return text(e) }
    if let copies = ofHiddenCopies(e) { return copies }
    // A step without a parameter is hidden already.
    if case .binary(.multiply, let l, let r) = e.kind, isStep([l, r]), !hideParameters(of: [l, r]) {
      return text(e)
    }
    return hidden(text(e), e.type)
  }

  /// An expression in which hidden copies stand for the variables of loops around; nil where it is not linear in such variables:
  /// a square is known not to be negative whatever is squared.
  private func ofHiddenCopies(_ e: Expression) -> CText? {
    var variables: Set<VariableID> = []
    func isLinear(_ e: Expression) -> Bool {
      switch e.kind {
      case .integer: return true
      case .variable(let id):
        variables.insert(id)
        let name = name(id)
        return loopsAround.contains { $0.variable == id && ($0.name == name || $0.copy == name) }
      case .binary(.add, let l, let r), .binary(.subtract, let l, let r):
        return isLinear(l) && isLinear(r)
      case .binary(.multiply, let l, let r):
        return (l.integerLiteral != nil || r.integerLiteral != nil) && isLinear(l) && isLinear(r)
      case .unary(.negate, let operand): return isLinear(operand)
      default: return false
      }
    }
    guard isLinear(e) else { return nil }
    let former = variables.sorted { $0.index < $1.index }.map { id in
      (id: id, name: rename(id, to: hiddenCopy(of: id)))
    }
    defer { former.forEach { rename($0.id, to: $0.name) } }
    return text(e)
  }

  /// The name of the hidden copy of the variable of a loop around, which is made where the loop's body begins.
  private func hiddenCopy(of id: VariableID) -> String {
    guard let position = loopsAround.lastIndex(where: { $0.variable == id }) else {
      return name(id)
    }
    let loop = loopsAround[position]
    if let copy = loop.copy { return copy }
    let copy = unique("\(loop.name)_hidden")
    let value = CText(loop.name, isInt: shortVariables.contains(id))
    insert(
      "const \(value.isInt ? "int" : "int64_t") \(copy) = \(hidden(value, host[id].type).text);",
      at: loop.start)
    loopsAround[position].copy = copy
    for inner in loopsAround.indices.dropFirst(position + 1) {
      loopsAround[inner].start.line += 1
    }
    return copy
  }

  /// Writes the body of a loop.
  func inside(_ loop: ForLoop, _ body: () -> Void) {
    let isProduct = loop.step.magnitude > 1 || [.grid, .cluster].contains(loop.mapping.level)
    loopsAround.append(
      LoopAround(
        variable: loop.variable, name: name(loop.variable), isProduct: isProduct, start: nextLine))
    body()
    if let copy = loopsAround.popLast()?.copy { release([copy]) }
  }

  /// Whether what is subtracted in an index may be a product: one that stands there, or in a variable.
  private func mayBeProduct(_ e: Expression) -> Bool {
    guard hides, isInIndex, e.type.isSignedInteger, e.type.size >= 4 else { return false }
    return e.contains { part in
      switch part.kind {
      case .binary(.multiply, _, _), .binary(.shiftLeft, _, _): true
      case .variable(let id):
        locals.contains(id) || loopsAround.contains { $0.variable == id && $0.isProduct }
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
