import LoopIR

/// What the code of a kernel takes from outside: its parameters.
///
///     for i in 0..<n: y[i, j] = x[0, i]     of     x: float32[a, b], y: float32[c, d]     →     buffers x, y; live-ins n, j, d
///
/// Of an array's extents and strides a kernel computes with those that the position of an element depends on, and with those that
/// a tested index is compared to. It is given no others.
struct KernelUses {
  /// The arrays that the kernel touches and does not make itself.
  var buffers: Set<BufferID> { touched.subtracting(ownBuffers) }
  /// The arrays that the kernel makes.
  private(set) var ownBuffers: Set<BufferID> = []
  /// The variables that it reads and does not assign.
  var liveIns: Set<VariableID> { read.subtracting(assigned) }

  private var touched: Set<BufferID> = []
  private var read: Set<VariableID> = []
  private var assigned: Set<VariableID> = []
  private let function: LoopFunction

  init(of body: [Statement], in function: LoopFunction) {
    self.function = function
    body.forEachStatement { note($0) }
  }

  private mutating func note(_ statement: Statement) {
    if let id = statement.assignedVariable { assigned.insert(id) }
    switch statement.kind {
    case .store(let id, let indices, _): noteAddress(of: id, indices)
    case .call(let call): return note(call)
    case .loop(let loop): assigned.insert(loop.variable)
    case .allocate(let id, _): ownBuffers.insert(id)
    case .assign, .whileLoop, .conditional, .device, .launch, .barrier, .requireEqual: break
    }
    statement.forEachExpression { note($0) }
  }

  /// A function of the device is given the address of an array's part, and no extents.
  private mutating func note(_ call: ForeignCall) {
    for operand in call.operands {
      switch operand {
      case .scalar(let value): note(value)
      case .array(let part):
        part.start.forEach { note($0) }
        noteAddress(of: part.buffer, part.start)
      }
    }
  }

  private mutating func note(_ e: Expression) {
    e.forEachDescendant { part in
      switch part.kind {
      case .variable(let id): read.insert(id)
      case .load(let id, let indices): noteAddress(of: id, indices)
      case .integer, .float, .unary, .binary, .compare, .logical, .select, .convert, .math,
        .checked, .complex, .part:
        break
      }
    }
  }

  private mutating func noteAddress(of id: BufferID, _ indices: [Expression]) {
    touched.insert(id)
    for size in function[id].sizes(decidingOn: indices) {
      size.forEachDescendant { if case .variable(let id) = $0.kind { read.insert(id) } }
    }
  }
}

extension Buffer {
  /// The extents and strides that the position of an element is computed of, and the extents that tested indices are compared to.
  ///
  /// Rows lie one after the other where there are no strides: an extent counts once an index before it is not 0, since
  /// `x[i, j, k]` lies at `(i * extents[1] + j) * extents[2] + k`.
  fileprivate func sizes(decidingOn indices: [Expression]) -> [Expression] {
    let tested = zip(indices, extents).compactMap { index, extent in
      index.isChecked ? extent : nil
    }
    if let strides {
      return tested
        + zip(indices, strides).compactMap { index, stride in
          index.integerLiteral == 0 ? nil : stride
        }
    }
    let firstTerm = indices.firstIndex { $0.integerLiteral != 0 } ?? indices.endIndex
    return tested + extents.dropFirst(firstTerm + 1)
  }
}
