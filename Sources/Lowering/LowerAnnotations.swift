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
      throw reject(.annotation(parameter, "is \(binding.kind)", "a scalar"))
    }
    if let type = try self.type(element, parameter, found: value.type, isWeak: value.isWeak) {
      // A Python number takes the type that is asked for.
      if value.isWeak, value.type.isInteger { try require(value.index, fits: type, parameter) }
      scope[parameter.name] = .scalar(.strong(value.passed(as: type)))
    }
  }

  /// Sees to it that a Python integer is one of those that a type holds: now, or when the function is called.
  private func require(
    _ integer: LoopIR.Expression, fits type: ScalarType, _ parameter: Function.Parameter
  ) throws {
    guard let range = type.integerRange else { return }
    if let value = integer.integerLiteral {
      if range.contains(value) { return }
      throw reject(.annotation(parameter, "is \(value)", type.description, category: .overflow))
    }
    guard range != ScalarType.int64.integerRange, ir.isKnownOnEntry(integer) else { return }
    func bound(_ value: Int64) -> LoopIR.Expression { Expression(.integer(value), .int64) }
    ir.checks += [
      Check(.compare(.lessEqual, bound(range.lowerBound), integer), orElse: .respecialize),
      Check(.compare(.lessEqual, integer, bound(range.upperBound)), orElse: .respecialize),
    ]
  }

  private func bindArray(
    _ parameter: Function.Parameter, _ element: Annotation.Element,
    _ extents: [Annotation.Extent]?, _ binding: Scope.Binding
  ) throws {
    guard case .array(let view) = binding else {
      throw reject(.annotation(parameter, "is \(binding.kind)", "an array"))
    }
    _ = try type(element, parameter, found: ir[view.buffer].element, isArray: true)
    guard let extents else { return }
    let shape = view.shape
    guard shape.count == extents.count else {
      let found = "has \(shape.count) dimension\(shape.count == 1 ? "" : "s")"
      throw reject(.annotation(parameter, found, "\(extents.count)"))
    }
    for (dimension, (extent, wanted)) in zip(shape, extents).enumerated() {
      let found = KnownExtent(value: extent, parameter: parameter, dimension: dimension)
      switch wanted {
      case .fixed(let size):
        try require(found, is: wanted, Expression(.integer(size), .int64))
      case .variable(let variable):
        if let known = activation.extents[variable.id] {
          try require(found, is: wanted, known.value, by: known)
        } else {
          activation.extents[variable.id] = found
        }
      }
    }
  }

  /// The type that an annotation asks for; nil where any is right.
  private func type(
    _ element: Annotation.Element, _ parameter: Function.Parameter, found: ScalarType,
    isArray: Bool = false, isWeak: Bool = false
  ) throws -> ScalarType? {
    let wanted: ScalarType
    var source: (variable: Annotation.Variable, known: KnownType)?
    switch element {
    case .named(let name):
      guard let type = ScalarType(name: name) else { return nil }
      wanted = type
    case .variable(let variable):
      guard let known = activation.types[variable.id] else {
        activation.types[variable.id] = KnownType(type: found, parameter: parameter)
        return nil
      }
      wanted = known.type
      source = (variable, known)
    }
    if found == wanted { return wanted }
    let fits =
      isWeak
      && (wanted.isComplex
        || !found.isComplex
          && (wanted.isFloat || (found.isInteger && wanted.isInteger) || found == .bool))
    if fits { return wanted }
    let what = isArray ? "has elements of type \(found)" : "is of type \(found)"
    throw reject(
      source.map { .wrongType(parameter, what, $0.variable, by: $0.known) }
        ?? .annotation(parameter, what, wanted.description))
  }

  /// Sees to it that an extent is what the annotation asks for: now, or when the function is called. Values that fail then are
  /// compiled for as constants, so that the message has them.
  private func require(
    _ found: KnownExtent, is wanted: Annotation.Extent, _ value: LoopIR.Expression,
    by known: KnownExtent? = nil
  ) throws {
    if let size = found.value.integerLiteral, let value = value.integerLiteral {
      if size == value { return }
      throw reject(.wrongSize(found, size, wanted, by: known))
    }
    let difference = LinearSum(found.value - value)
    if difference.terms.isEmpty && difference.constant == 0 { return }
    let condition = LoopIR.Expression.compare(.equal, found.value, value)
    guard ir.isKnownOnEntry(condition) else { return }
    ir.checks.append(Check(condition, orElse: .respecialize))
  }
}

extension Diagnostic {
  /// An argument that `found` describes, where the annotation of its parameter asks for `wanted`.
  fileprivate static func annotation(
    _ parameter: Function.Parameter, _ found: String, _ wanted: String, by other: Span? = nil,
    help: String? = nil, category: Diagnostic.Category = .type
  ) -> Diagnostic {
    Diagnostic(
      category, "argument '\(parameter.name)' \(found) where its annotation asks for \(wanted)",
      at: [parameter.span] + (other.map { [$0] } ?? []), help: help)
  }

  fileprivate static func wrongSize(
    _ found: KnownExtent, _ size: Int64, _ wanted: Annotation.Extent, by known: KnownExtent?
  ) -> Diagnostic {
    let isOther = known?.parameter.name != found.parameter.name
    return .annotation(
      found.parameter, "has size \(size) in dimension \(found.dimension)",
      wanted.described(by: known), by: isOther ? known?.parameter.span : nil,
      help: known == nil
        ? "where any size will do, put a variable there: N = parpy.types.shape_var()"
        : "where the sizes may differ, give each a variable of its own")
  }

  fileprivate static func wrongType(
    _ parameter: Function.Parameter, _ found: String, _ variable: Annotation.Variable,
    by known: KnownType
  ) -> Diagnostic {
    .annotation(
      parameter, found, "\(variable.equation)\(known.type), the type of '\(known.parameter.name)'",
      by: known.parameter.span, help: "where the types may differ, give each a variable of its own")
  }
}

extension Annotation.Extent {
  /// What is asked for: `4`, or `N = 4, the size of 'x' in dimension 0`.
  ///
  /// - Parameter known: the dimension that gave a variable its value.
  func described(by known: KnownExtent?) -> String {
    switch self {
    case .fixed(let size): return "\(size)"
    case .variable(let variable):
      guard let known else { return variable.name ?? "any size" }
      let size = known.value.integerLiteral.map { "\($0), " } ?? ""
      return
        "\(variable.equation)\(size)the size of '\(known.parameter.name)' in dimension \(known.dimension)"
    }
  }
}

extension Annotation.Variable {
  /// `N = `, for a value to follow; empty where the variable has no name.
  fileprivate var equation: String { name.map { "\($0) = " } ?? "" }
}
