import LoopIR
import Syntax

/// What a Python expression means while it is lowered.
enum Value {
  case scalar(TypedValue)
  case array(ArrayValue)
  /// `x.shape`, or a tuple of scalars.
  case tuple([TypedValue])
}

/// A scalar expression and whether its type is weak in the sense of NEP 50.
struct TypedValue {
  var expression: LoopIR.Expression
  var isWeak: Bool

  init(_ expression: LoopIR.Expression, isWeak: Bool) {
    self.expression = expression
    self.isWeak = isWeak
  }

  var type: ScalarType { expression.type }

  /// The weak int64 `value`.
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
  /// How many stores of calls had been noted when Python computes it; nil for a part of an array, which is read when it is
  /// used.
  var computedAt: Int?

  struct Read {
    var view: ArrayView
    /// False where an element depends on others than its counterpart, as in a row's sum.
    var isPointwise: Bool
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
