/// What values the integer variables of a program may have, wherever they are read, and what follows for expressions.
///
///     for i in 0..<100: k = 4 * i - 1   →   i: 0…99, k: -1…395, 4 * i fits in 32 bits
///
/// The bounds of a loop limit its variable, assignments the variables assigned (`ValueRangeInference`). Parameters that are not
/// large have 31 bits, which the call sees to.
public struct ValueRanges: Sendable {
  /// Of other variables nothing is known but their type.
  var known: [VariableID: ValueRange] = [:]
  /// What variables may be at one point of the program, as a condition says there.
  var narrowed: [VariableID: ValueRange] = [:]

  /// Walks through a function's body.
  ///
  /// - Parameter kernels: the bodies of the kernels it launches, by their position.
  public init(variables: [Variable], body: [Statement], kernels: [[Statement]] = []) {
    var inference = ValueRangeInference(variables, body, kernels)
    self = inference.run()
  }

  /// The ranges of a program's parameters.
  init(parametersOf variables: [Variable]) {
    for (index, variable) in variables.enumerated() {
      if case .parameter = variable.role { known[VariableID(index)] = Self.range(of: variable) }
    }
  }

  private static func range(of parameter: Variable) -> ValueRange? {
    guard var range = ValueRange(of: parameter.type) else {
      return parameter.type == .uint64 && !parameter.isLarge
        ? ValueRange(0, ValueRange.small.greatest) : nil
    }
    if !parameter.isLarge && parameter.type == .int64 { range = .small }
    return ValueRange(max(range.least, parameter.lowerBound ?? range.least), range.greatest)
  }

  /// The values that a loop's variable has in its body.
  func range(of loop: ForLoop) -> ValueRange? {
    guard let lower = range(of: loop.lower), let upper = range(of: loop.upper) else { return nil }
    // No range is empty where the body runs, so neither end is at the edge of 64 bits.
    return loop.step > 0
      ? ValueRange(lower.least, max(upper.greatest, .min + 1) - 1)
      : ValueRange(min(upper.least, .max - 1) + 1, lower.greatest)
  }

  /// The values an expression may have; nil where it has none of 64 bits with a sign.
  public func range(of e: Expression) -> ValueRange? {
    exactRange(of: e) ?? ValueRange(of: e.type)
  }

  /// The values that an integer expression may have over the integers, where that is in its type: the operation itself
  /// cannot overflow. Nil where it may.
  public func exactRange(of e: Expression) -> ValueRange? {
    guard e.type == .bool || e.type.isInteger else { return nil }
    let range: ValueRange? =
      switch e.kind {
      case .integer: e.integerLiteral.map { ValueRange($0, $0) }
      case .variable(let id): narrowed[id] ?? known[id]
      case .unary(let op, let operand): exactRange(op, operand)
      case .binary(let op, let l, let r): exactRange(op, l, r)
      case .select(let condition, let then, let otherwise): exactRange(condition, then, otherwise)
      case .convert(let operand): operand.type.isFloat ? nil : self.range(of: operand)
      case .checked(let index): exactRange(of: index)
      case .float, .load, .compare, .logical, .math, .complex, .part: nil
      }
    guard let range else { return nil }
    if e.type == .uint64 { return range.isNonNegative ? range : nil }
    guard let type = ValueRange(of: e.type) else { return nil }
    return range.isInside(type) ? range : nil
  }

  private func exactRange(_ op: UnaryOperator, _ operand: Expression) -> ValueRange? {
    guard let range = range(of: operand) else { return nil }
    switch op {
    case .negate: return .applying(.subtract, ValueRange(0, 0), range)
    case .absolute:
      guard let negative = ValueRange.applying(.subtract, ValueRange(0, 0), range) else {
        return nil
      }
      return ValueRange(max(range.least, negative.least, 0), max(range.greatest, negative.greatest))
    case .not, .invert: return nil
    }
  }

  private func exactRange(_ op: BinaryOperator, _ l: Expression, _ r: Expression) -> ValueRange? {
    guard let left = range(of: l), let right = range(of: r) else { return nil }
    return .applying(op, left, right)
  }

  private func exactRange(
    _ condition: Expression, _ then: Expression, _ otherwise: Expression
  ) -> ValueRange? {
    guard let inside = narrowed(by: condition, holds: true) else { return range(of: otherwise) }
    guard let outside = narrowed(by: condition, holds: false) else { return range(of: then) }
    guard let first = inside.range(of: then), let second = outside.range(of: otherwise) else {
      return nil
    }
    return first.joined(with: second)
  }
}

extension Buffer {
  /// Whether the offset of each element fits in 32 bits, with the products and sums that it is made up of.
  public var hasShortOffsets: Bool {
    let lengths = extents.map(\.integerLiteral)
    let steps = strides?.map(\.integerLiteral)
    if lengths.contains(nil) || steps?.contains(nil) == true {
      return role != .temporary && !isLarge
    }
    var reach = 0.0
    for (length, step) in zip(lengths, effectiveStrides.map(\.integerLiteral)) {
      reach += Double(max(length ?? 0, 1) - 1) * abs(Double(step ?? 0))
    }
    return reach <= Double(Int32.max)
  }
}
