import LoopIR
import Syntax

/// Checks arguments against the annotations of their parameters, and gives the variables in them their values.
///
///     def f(x: buffer(F32, [N, 3]), y: buffer(T, [N])):   →   N = x_extent0, T = float64, check y_extent0 == x_extent0
extension Lowerer {
  func bindAnnotations() throws {
    for parameter in function.parameters {
      guard let annotation = parameter.annotation, let binding = scope[parameter.name] else {
        continue
      }
      switch annotation {
      case .scalar(let element): try bindScalar(parameter, element, binding)
      case .array(let element, let extents): try bindArray(parameter, element, extents, binding)
      }
    }
  }

  private func bindScalar(
    _ parameter: Function.Parameter, _ element: Annotation.Element, _ binding: Scope.Binding
  ) throws {
    guard case .scalar(let value) = binding else {
      throw reject(.annotation(parameter, "a scalar", binding.kind))
    }
    if let type = try self.type(element, parameter, found: value.type, isWeak: value.isWeak) {
      // A Python number takes the type that is asked for.
      scope[parameter.name] = .scalar(.strong(value.expression.converted(to: type)))
    }
  }

  private func bindArray(
    _ parameter: Function.Parameter, _ element: Annotation.Element,
    _ extents: [Annotation.Extent]?, _ binding: Scope.Binding
  ) throws {
    guard case .array(let view) = binding else {
      throw reject(.annotation(parameter, "an array", binding.kind))
    }
    _ = try type(element, parameter, found: ir[view.buffer].element, isWeak: false)
    guard let extents else { return }
    let shape = view.shape
    guard shape.count == extents.count else {
      throw reject(
        .annotation(
          parameter, "\(extents.count) dimension\(extents.count == 1 ? "" : "s")",
          "\(shape.count)"))
    }
    for (extent, wanted) in zip(shape, extents) {
      switch wanted {
      case .fixed(let size):
        try require(extent, equals: Expression(.integer(size), .int64), parameter)
      case .variable(let id):
        if let known = activation.extents[id] {
          try require(extent, equals: known, parameter)
        } else {
          activation.extents[id] = extent
        }
      }
    }
  }

  /// The type that an annotation asks for; nil where any is right.
  private func type(
    _ element: Annotation.Element, _ parameter: Function.Parameter, found: ScalarType, isWeak: Bool
  ) throws -> ScalarType? {
    let wanted: ScalarType
    switch element {
    case .named(let name):
      guard let type = ScalarType(name: name) else { return nil }
      wanted = type
    case .variable(let id):
      guard let known = activation.types[id] else {
        activation.types[id] = found
        return nil
      }
      wanted = known
    }
    if found == wanted { return wanted }
    let fits =
      isWeak
      && (wanted.isComplex
        || !found.isComplex
          && (wanted.isFloat || (found.isInteger && wanted.isInteger) || found == .bool))
    guard fits else { throw reject(.annotation(parameter, wanted.description, found.description)) }
    return wanted
  }

  /// Sees to it that an extent is what the annotation asks for: now, or when the function is called.
  private func require(
    _ extent: LoopIR.Expression, equals wanted: LoopIR.Expression, _ parameter: Function.Parameter
  ) throws {
    if let extent = extent.integerLiteral, let wanted = wanted.integerLiteral {
      guard extent == wanted else {
        throw reject(.annotation(parameter, "the extent \(wanted)", "\(extent)"))
      }
      return
    }
    let difference = LinearSum(extent - wanted)
    if difference.terms.isEmpty && difference.constant == 0 { return }
    let isKnownAtCall = [extent, wanted].allSatisfy { e in
      !e.contains { part in
        guard case .variable(let id) = part.kind else { return false }
        if case .parameter = ir[id].role { return false }
        return true
      }
    }
    guard isKnownAtCall else { return }
    ir.checks.append(
      Check(
        .compare(.equal, extent, wanted),
        orElse: .error(.annotation(parameter, "an extent equal to another one", "another"))))
  }
}

extension Diagnostic {
  fileprivate static func annotation(
    _ parameter: Function.Parameter, _ wanted: String, _ found: String
  ) -> Diagnostic {
    Diagnostic(
      .type, "argument '\(parameter.name)' has \(found) where its annotation asks for \(wanted)",
      at: parameter.span)
  }
}
