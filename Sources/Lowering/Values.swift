import LoopIR
import Syntax

/// What a Python expression means while it is lowered.
enum Value {
  case scalar(TypedValue)
  case array(ArrayValue)
  /// `x.shape`, or a tuple of scalars.
  case tuple([TypedValue])

  /// The scalars that it is; none of an array.
  var scalars: [TypedValue] {
    switch self {
    case .scalar(let value): [value]
    case .tuple(let values): values
    case .array: []
    }
  }
}

/// A scalar expression and whether its type is weak in the sense of NEP 50.
struct TypedValue {
  var expression: LoopIR.Expression
  var isWeak: Bool
  /// What the value is where weak types are not narrowed; nil where that is the expression itself, or nothing needs it.
  ///
  /// See `WeakValues.swift`: an integer has it for indices and comparisons, a float for the strong type that it meets first.
  var exact: LoopIR.Expression?
  /// Whether it is a number as the program or the call has it, which takes any type without being rounded twice.
  var isWritten = false

  init(
    _ expression: LoopIR.Expression, isWeak: Bool, exact: LoopIR.Expression? = nil,
    isWritten: Bool = false
  ) {
    self.expression = expression
    self.isWeak = isWeak
    self.exact = exact
    self.isWritten = isWritten
  }

  var type: ScalarType { expression.type }

  /// The integer in 64 bits, as an index; one of uint64 beyond them is the greatest, which no array has.
  var index: LoopIR.Expression {
    if let exact, type.isInteger { return exact }
    guard type == .uint64 else { return expression.converted(to: .int64) }
    let greatest = LoopIR.Expression(.integer(.max), .uint64)
    return .binary(.minimum, expression, greatest).converted(to: .int64)
  }

  /// What comparisons and conditions take of the value: integers as they are, without being narrowed.
  var compared: LoopIR.Expression { (type.isInteger ? exact : nil) ?? expression }

  /// The value of an integer literal, whatever the type that it is to have.
  var integerLiteral: Int64? { unrounded.integerLiteral }

  /// The value of a float literal, before it is rounded.
  var floatLiteral: Double? { unrounded.floatLiteral }

  /// The value in another type; what is written is converted right away.
  func converted(to type: ScalarType) -> LoopIR.Expression {
    (type == self.type ? expression : unrounded).converted(to: type)
  }

  /// The value as it is written, or else in its own type.
  var unrounded: LoopIR.Expression { (isWritten ? exact : nil) ?? expression }

  /// The value in the type that a declaration asks for: nothing is narrowed on the way.
  func passed(as type: ScalarType) -> LoopIR.Expression {
    (exact ?? expression).converted(to: type)
  }

  /// The value, read at another place of the text.
  func at(_ span: Span) -> TypedValue {
    var value = self
    value.expression.span = span
    value.exact?.span = span
    return value
  }

  /// The weak `value`, which is of a type that weak values have.
  static func weak(_ value: LoopIR.Expression) -> TypedValue { TypedValue(value, isWeak: true) }
  static func strong(_ value: LoopIR.Expression) -> TypedValue { TypedValue(value, isWeak: false) }
}

/// An element type with its weakness.
struct ElementType: Hashable {
  var type: ScalarType
  var isWeak: Bool

  init(_ type: ScalarType, isWeak: Bool) {
    self.type = type
    self.isWeak = isWeak
  }

  init(_ value: TypedValue) { self.init(value.type, isWeak: value.isWeak) }
}

/// An array-valued expression that is never stored: it yields its element at any index.
struct ArrayValue {
  /// The extent of each dimension; int64 expressions.
  var shape: [LoopIR.Expression]
  var element: ElementType
  /// The array elements it reads, and whether each is read at the very index that is asked for.
  var reads: [Read]
  /// The element at an index in each dimension; may emit statements into the current block.
  var at: ([LoopIR.Expression]) throws -> LoopIR.Expression
  /// The scalar that it repeats; nil where the elements differ.
  var scalar: TypedValue?
  /// How many stores of calls had been noted when Python computes it; nil for a part of an array, which is read when it is
  /// used.
  var computedAt: Int?

  struct Read {
    var view: ArrayView
    /// False where an element depends on others than its counterpart, as in a row's sum.
    var isPointwise: Bool
  }

  /// The element at an index, with all that is known of it.
  func value(at position: [LoopIR.Expression]) throws -> TypedValue {
    if let scalar { return scalar }
    return TypedValue(try at(position), isWeak: element.isWeak)
  }
}

/// A part of a buffer: some dimensions fixed, the others cut into ranges.
struct ArrayView {
  enum Dimension: Hashable {
    case fixed(LoopIR.Expression)
    /// Index `k` of the view is index `start + k·step` of the buffer.
    case range(start: LoopIR.Expression, step: Int, extent: LoopIR.Expression)
  }

  var buffer: BufferID
  /// One entry a dimension of the buffer.
  var dimensions: [Dimension]

  /// The extents of the dimensions that are not fixed.
  var shape: [LoopIR.Expression] {
    dimensions.compactMap {
      switch $0 {
      case .fixed: nil
      case .range(_, _, let extent): extent
      }
    }
  }

  /// The buffer's indices for an index into the view.
  func indices(at position: [LoopIR.Expression]) -> [LoopIR.Expression] {
    var rest = position[...]
    return dimensions.map { dimension in
      switch dimension {
      case .fixed(let index): return index
      case .range(let start, let step, _):
        guard let index = rest.popFirst() else { return start }
        return start + index * .index(step)
      }
    }
  }
}
