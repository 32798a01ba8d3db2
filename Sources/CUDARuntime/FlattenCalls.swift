import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Tests and calls of the host part, and the elements that it reads.
extension HostFlattener {
  /// Ends the call where two lengths differ.
  mutating func emitRequireEqual(
    _ left: Expression, _ right: Expression, _ tests: [RunTimeTest]
  ) throws(DiagnosticError) {
    let (l, r) = (try emit(left), try emit(right))
    add(.requireEqual(l, r, fault: number(of: .lengths, among: tests)))
  }

  /// The number of a statement's test, from 1.
  private func number(of subject: RunTimeTest.Subject, among tests: [RunTimeTest]) -> Int32 {
    let position = tests.firstIndex { $0.subject == subject } ?? 0
    return Int32(truncatingIfNeeded: testCount + position + 1)
  }

  /// Calls a Python function.
  mutating func emit(
    _ call: ForeignCall, _ tests: [RunTimeTest], at span: Span
  ) throws(DiagnosticError) {
    guard let signature = call.callbackSignature(in: program.host),
      let index = program.callbacks.firstIndex(of: signature)
    else { throw bug("a call of the device's or of another language's", at: span) }
    var operands: [CallbackPlan.Operand] = []
    for operand in call.operands {
      switch operand {
      case .scalar(let value): operands.append(.scalar(try word(of: value)))
      case .array(let part): operands.append(.array(try array(part, tests)))
      }
    }
    let word = temporary()
    code.callbacks.append(CallbackPlan(index: index, operands: operands, result: word))
    add(.callBack(Int32(truncatingIfNeeded: code.callbacks.count - 1)))
    if let id = call.result {
      let type = program.host[id].type
      add(.convert(from: type.isFloat ? .float64 : .int64, to: type, try register(of: id), word))
    }
  }

  /// A scalar as a word: the bits of a float64, or an integer extended to 64 bits.
  private mutating func word(of value: Expression) throws(DiagnosticError) -> Register {
    let type = value.type
    let wide: ScalarType = type.isFloat ? .float64 : type.isUnsignedInteger ? .uint64 : .int64
    let result = temporary()
    add(.convert(from: type, to: wide, result, try emit(value)))
    return result
  }

  private mutating func array(
    _ part: ArrayPart, _ tests: [RunTimeTest]
  ) throws(DiagnosticError) -> CallbackPlan.Array {
    let buffer = program.host[part.buffer]
    let offset = try offset(of: part.start, in: buffer) {
      this, dimension, position throws(DiagnosticError) in
      guard part.start[dimension].isChecked else { return }
      let subject = RunTimeTest.Subject.index(of: part.buffer, dimension: dimension)
      let number = this.number(of: subject, among: tests)
      this.add(.requireInside(position, try this.emit(buffer.extents[dimension]), fault: number))
    }
    var array = CallbackPlan.Array(
      buffer: try register(of: part.buffer), elementSize: buffer.element.size, offset: offset,
      extents: [], strides: [])
    for extent in part.extents { array.extents.append(try emit(extent)) }
    for stride in part.strides(in: buffer) { array.strides.append(try emit(stride)) }
    return array
  }

  /// Reads an element of the device.
  mutating func fetch(
    _ id: BufferID, _ indices: [Expression], _ e: Expression
  ) throws(DiagnosticError) -> Register {
    let array = try register(of: id)
    let buffer = program.host[id]
    guard indices.count == buffer.extents.count, buffer.element == e.type else {
      throw bug("an element of another array", at: e.span)
    }
    let offset = try offset(of: indices, in: buffer)
    let result = temporary()
    code.fetches.append(FetchPlan(result: result, array: array, offset: offset, type: e.type))
    add(.fetch(Int32(truncatingIfNeeded: code.fetches.count - 1)))
    return result
  }

  /// How far an element is from the one whose indices are all 0, in elements.
  ///
  /// - Parameter test: gets each dimension and its index before that is used.
  private mutating func offset(
    of indices: [Expression], in buffer: Buffer,
    testing test: (
      _ this: inout HostFlattener, _ dimension: Int, _ index: Register
    ) throws(DiagnosticError) -> Void = { _, _, _ in }
  ) throws(DiagnosticError) -> Register {
    let offset = temporary()
    add(.copy(offset, constant(0)))
    for (dimension, (index, stride)) in zip(indices, buffer.effectiveStrides).enumerated() {
      let position = try emit(index)
      try test(&self, dimension, position)
      let distance = temporary()
      add(.multiply(distance, position, try emit(stride)))
      add(.add(offset, offset, distance))
    }
    return offset
  }
}
