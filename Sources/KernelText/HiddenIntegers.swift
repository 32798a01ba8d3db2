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
/// the index is a parameter of the kernel, or is made of the thread's place or by `&` or a maximum. What comes from memory, or from
/// an `asm` statement, it takes for what it is. So parameters that multiply in an index are hidden where the kernel begins, and
/// products without a parameter are hidden whole.
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

  /// Has the parameters that multiply in an index hidden.
  ///
  /// - Returns: whether the product is one of an index without parameters, which is to be hidden itself.
  func hideFactors(_ factors: [Expression]) -> Bool {
    guard hides, isInIndex, !factors.contains(where: { $0.integerLiteral != nil }),
      let type = factors.first?.type, type.isInteger, type.size >= 4
    else { return false }
    var parameters: Set<VariableID> = []
    for factor in factors {
      factor.forEachDescendant {
        if case .variable(let id) = $0.kind, isParameter(id) { parameters.insert(id) }
      }
    }
    hiddenParameters.formUnion(parameters)
    return parameters.isEmpty
  }

  /// Whether what is subtracted in an index may be a product: one that stands there, or in a variable.
  func isHiddenSubtrahend(_ e: Expression) -> Bool {
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
