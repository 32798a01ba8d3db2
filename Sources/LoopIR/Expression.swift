import Syntax

/// Names a scalar variable of a `LoopFunction`.
public struct VariableID: Sendable, Hashable {
  public let index: Int

  /// Creates the name of the variable at `index` of the function's table.
  public init(_ index: Int) { self.index = index }
}

/// Names a buffer of a `LoopFunction`.
public struct BufferID: Sendable, Hashable {
  public let index: Int

  /// Creates the name of the buffer at `index` of the function's table.
  public init(_ index: Int) { self.index = index }
}

/// A typed expression without side effects.
public struct Expression: Sendable, Hashable {
  /// What an expression is made of.
  public indirect enum Kind: Sendable, Hashable {
    /// A literal of an integer type or bool; `uint64` above `Int64.max` is its bit pattern.
    case integer(Int64)
    /// A literal of a float type; float32 literals are rounded already.
    case float(FloatLiteral)
    case variable(VariableID)
    /// The element at an index in each dimension.
    case load(BufferID, [Expression])
    case unary(UnaryOperator, Expression)
    /// Operands have one type, which is the result's; shifts and bit operators are for integers and bool.
    case binary(BinaryOperator, Expression, Expression)
    /// Operands may differ in signedness only; the result is bool.
    case compare(ComparisonOperator, Expression, Expression)
    /// Short-circuiting on bools.
    case logical(BooleanOperator, Expression, Expression)
    /// Only the chosen branch is evaluated.
    case select(Expression, then: Expression, otherwise: Expression)
    /// Conversion to the expression's type, as SPEC.md §1 has it.
    case convert(Expression)
    /// Arguments and result are of one float type; `isnan`, `isinf`, `isfinite` give bool.
    case math(MathFunction, [Expression])
    /// An index of a load or a store that is tested as the access runs: out of range the access does not happen, a load
    /// gives zero, and the fault is recorded.
    case checked(Expression)
    /// The complex value of a real and an imaginary part; gone after `split-complex`, as all of complex type.
    case complex(Expression, Expression)
    /// One part of a complex value, a float.
    case part(ComplexPart, Expression)
  }

  public var kind: Kind
  public var type: ScalarType
  public var span: Span

  /// Creates an expression of the given type.
  public init(_ kind: Kind, _ type: ScalarType, at span: Span = .none) {
    self.kind = kind
    self.type = type
    self.span = span
  }

  /// Whether the operation itself is a call of a math library.
  public var isLibraryCall: Bool {
    switch kind {
    case .math(let function, _): !function.isInstruction
    case .binary(.power, _, _), .binary(.modulo, _, _), .binary(.floorDivide, _, _): type.isFloat
    case .binary, .integer, .float, .variable, .load, .unary, .compare, .logical, .select, .convert,
      .checked, .complex, .part:
      false
    }
  }

  /// Whether the expression reads an element.
  public var isLoad: Bool { if case .load = kind { true } else { false } }

  /// Whether the expression is an index that is tested as the access runs.
  public var isChecked: Bool { if case .checked = kind { true } else { false } }

  /// The index itself, of one that is tested.
  public var unchecked: Expression { if case .checked(let index) = kind { index } else { self } }

  /// The same place and type with another kind.
  public func replacing(_ kind: Kind) -> Expression { Expression(kind, type, at: span) }
}

/// The parts of a complex value; the raw value is the place in memory.
public enum ComplexPart: Int, Sendable, Hashable, CaseIterable {
  case real, imaginary
}

/// Unary operators on typed values.
public enum UnaryOperator: String, Sendable, Hashable, CaseIterable {
  case negate
  /// Of bool.
  case not
  /// Of integers.
  case invert
  case absolute
}

/// Binary operators on two values of one type; the meaning of the corner cases is the table in SPEC.md §1.
public enum BinaryOperator: String, Sendable, Hashable, CaseIterable {
  case add, subtract, multiply
  /// Of floats.
  case divide
  case floorDivide, modulo, power
  case bitAnd, bitOr, bitXor, shiftLeft, shiftRight
  /// Python's `min(a, b)`: `b if b < a else a`.
  case pythonMin
  /// Python's `max(a, b)`: `b if b > a else a`.
  case pythonMax
  /// NaN propagates.
  case minimum
  /// NaN propagates.
  case maximum

  /// The value `e` with `e op x == x`, for the operators that reduce; nil for the others.
  public func identity(of type: ScalarType) -> Expression? {
    if type.isComplex && ![.add, .subtract, .multiply].contains(self) { return nil }
    return switch self {
    case .add, .subtract, .bitOr, .bitXor: .zero(type)
    case .multiply: .one(type)
    case .bitAnd: Expression(.integer(type == .bool ? 1 : type.wrapping(-1)), type)
    case .minimum, .pythonMin: .extreme(of: type, greatest: true)
    case .maximum, .pythonMax: .extreme(of: type, greatest: false)
    case .divide, .floorDivide, .modulo, .power, .shiftLeft, .shiftRight: nil
    }
  }

  /// The operator that joins two partial results of a reduction by this one: partial sums of `s -= e` are subtracted
  /// terms already, so they are added.
  public var combining: BinaryOperator { self == .subtract ? .add : self }

  /// Whether an update by the same value changes nothing the second time.
  public var isIdempotent: Bool {
    switch self {
    case .bitAnd, .bitOr, .minimum, .maximum, .pythonMin, .pythonMax: true
    case .add, .subtract, .multiply, .divide, .floorDivide, .modulo, .power, .bitXor, .shiftLeft,
      .shiftRight:
      false
    }
  }
}

/// Functions of floats that have a counterpart on every target.
public enum MathFunction: String, Sendable, Hashable, CaseIterable {
  case sqrt, cbrt, exp, exp2, expm1, log, log2, log10, log1p
  case sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh
  case erf, erfc, gamma, lgamma
  case floor, ceil, trunc, roundEven
  case fmod, hypot, copysign
  case isnan, isinf, isfinite

  /// How many arguments the function takes.
  public var arity: Int {
    switch self {
    case .atan2, .fmod, .hypot, .copysign: 2
    case .sqrt, .cbrt, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin,
      .acos, .atan, .sinh, .cosh, .tanh, .erf, .erfc, .gamma, .lgamma, .floor, .ceil, .trunc,
      .roundEven, .isnan, .isinf, .isfinite:
      1
    }
  }

  /// Whether processors have an instruction for it, or a short sequence of them.
  public var isInstruction: Bool {
    switch self {
    case .sqrt, .floor, .ceil, .trunc, .roundEven, .copysign, .isnan, .isinf, .isfinite: true
    case .cbrt, .exp, .exp2, .expm1, .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos,
      .atan, .atan2, .sinh, .cosh, .tanh, .erf, .erfc, .gamma, .lgamma, .fmod, .hypot:
      false
    }
  }

  /// Whether the result is a bool about the argument.
  public var isPredicate: Bool { self == .isnan || self == .isinf || self == .isfinite }
}

/// How two values are compared: as in the syntax tree.
public typealias ComparisonOperator = Syntax.ComparisonOperator
/// `and` or `or`: as in the syntax tree.
public typealias BooleanOperator = Syntax.BooleanOperator
