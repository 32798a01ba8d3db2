/// A call of code that the compiler does not see.
///
/// It runs once for each time the statement is reached, may read and write every element of its arrays, and may have other
/// effects, so it keeps its place among the statements around it.
public struct ForeignCall: Sendable, Hashable {
  /// What is called.
  public enum Callee: Sendable, Hashable {
    /// A function of another language.
    case external(ExternalFunction)
    /// A Python function: its name, and its position in the call's table. Only host code calls one.
    case callback(name: String, position: Int)
  }

  /// What is passed.
  public enum Operand: Sendable, Hashable {
    /// A value, of the type that the function takes.
    case scalar(Expression)
    /// For an external function the address of the part's first element, behind which the others follow.
    case array(ArrayPart)
  }

  public var callee: Callee
  public var operands: [Operand]
  /// The variable that takes the result, of the type that the function gives; nil where it gives none.
  public var result: VariableID?

  /// Creates a call.
  public init(_ callee: Callee, _ operands: [Operand], result: VariableID? = nil) {
    self.callee = callee
    self.operands = operands
    self.result = result
  }

  /// The arrays that the call may read and write, in order.
  public var buffers: [BufferID] {
    operands.compactMap { if case .array(let part) = $0 { part.buffer } else { nil } }
  }

  /// The callee; nil where it is a Python function.
  public var external: ExternalFunction? {
    if case .external(let function) = callee { function } else { nil }
  }

  /// Whether the threads of a block make the call together.
  public var isParallel: Bool { external?.isParallel ?? false }

  /// Whether the callee is a Python function.
  public var isCallback: Bool { if case .callback = callee { true } else { false } }
}

/// A part of a buffer that is passed by reference: some dimensions fixed, the others cut into ranges.
public struct ArrayPart: Sendable, Hashable {
  /// What the part has of one dimension of the buffer.
  public enum Dimension: Sendable, Hashable {
    case index(Expression)
    /// The elements `start`, `start + step`, … of the dimension, `extent` of them.
    case range(start: Expression, extent: Expression, step: Int)
  }

  public var buffer: BufferID
  /// One entry a dimension of the buffer.
  public var dimensions: [Dimension]

  /// Creates the part of a buffer.
  public init(_ buffer: BufferID, _ dimensions: [Dimension]) {
    self.buffer = buffer
    self.dimensions = dimensions
  }

  /// The buffer's indices of the first element.
  public var start: [Expression] {
    dimensions.map { dimension in
      switch dimension {
      case .index(let index): index
      case .range(let start, _, _): start
      }
    }
  }

  /// The extents of the ranges.
  public var extents: [Expression] {
    dimensions.compactMap { if case .range(_, let extent, _) = $0 { extent } else { nil } }
  }

  /// The strides of the ranges in elements, of a buffer with the given strides.
  public func strides(in buffer: Buffer) -> [Expression] {
    zip(dimensions, buffer.effectiveStrides).compactMap { dimension, stride in
      guard case .range(_, _, let step) = dimension else { return nil }
      return stride * .index(step)
    }
  }

  /// Calls `visit` with each expression of the part.
  func forEachExpression(_ visit: (Expression) -> Void) {
    for dimension in dimensions {
      switch dimension {
      case .index(let index): visit(index)
      case .range(let start, let extent, _):
        visit(start)
        visit(extent)
      }
    }
  }

  /// The part with each expression replaced.
  func mapExpressions(_ transform: (Expression) -> Expression) -> ArrayPart {
    ArrayPart(
      buffer,
      dimensions.map { dimension in
        switch dimension {
        case .index(let index): .index(transform(index))
        case .range(let start, let extent, let step):
          .range(start: transform(start), extent: transform(extent), step: step)
        }
      })
  }
}

extension ForeignCall {
  /// Calls `visit` with each expression of the operands.
  func forEachExpression(_ visit: (Expression) -> Void) {
    for operand in operands {
      switch operand {
      case .scalar(let value): visit(value)
      case .array(let part): part.forEachExpression(visit)
      }
    }
  }

  /// The call with each expression of the operands replaced.
  func mapExpressions(_ transform: (Expression) -> Expression) -> ForeignCall {
    mapOperands { operand in
      switch operand {
      case .scalar(let value): .scalar(transform(value))
      case .array(let part): .array(part.mapExpressions(transform))
      }
    }
  }

  /// The call with each operand replaced.
  public func mapOperands(_ transform: (Operand) -> Operand) -> ForeignCall {
    ForeignCall(callee, operands.map(transform), result: result)
  }
}

extension Statement {
  /// The variable that the statement itself assigns; the variables of loops not counted.
  public var assignedVariable: VariableID? {
    switch kind {
    case .assign(let id, _): id
    case .call(let call): call.result
    case .store, .loop, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch,
      .barrier:
      nil
    }
  }

  /// The buffers whose elements the statement itself may change.
  public var writtenBuffers: [BufferID] {
    switch kind {
    case .store(let id, _, _): [id]
    case .call(let call): call.buffers
    case .assign, .loop, .whileLoop, .conditional, .device, .allocate, .requireEqual, .launch,
      .barrier:
      []
    }
  }
}
