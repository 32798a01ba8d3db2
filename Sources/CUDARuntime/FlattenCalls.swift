import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Tests and calls of the host part.
extension HostFlattener {
  /// Ends the call where two lengths differ.
  mutating func emitRequireEqual(
    _ left: Expression, _ right: Expression, at span: Span
  ) throws(DiagnosticError) {
    let (l, r) = (try emit(left), try emit(right))
    add(.requireEqual(l, r, fault: number(of: .lengths, at: span)))
  }

  /// Calls a Python function, or an external one where the host's memory is the GPU's.
  mutating func emit(
    _ call: ForeignCall, at span: Span
  ) throws(DiagnosticError) {
    let word = temporary()
    let (index, operands) = try callee(of: call, at: span)
    code.callbacks.append(CallbackPlan(index: index, operands: operands, result: word))
    add(.callBack(Int32(truncatingIfNeeded: code.callbacks.count - 1)))
    if let id = call.result {
      let type = program.host[id].type
      add(.convert(from: type.isFloat ? .float64 : .int64, to: type, try register(of: id), word))
    }
  }

  /// The position that `HostServices.callBack` gets, and what stands in the words.
  private mutating func callee(
    of call: ForeignCall, at span: Span
  ) throws(DiagnosticError) -> (Int, [CallbackPlan.Operand]) {
    if let signature = call.callbackSignature(in: program.host),
      let position = program.callbacks.firstIndex(of: signature)
    {
      return (position, try callbackOperands(call.operands, at: span))
    }
    if program.sharesMemory, let signature = call.externalSignature(in: program.host),
      let position = program.hostSignatures.firstIndex(of: signature)
    {
      return (
        program.callbacks.count + position, try externalOperands(call.operands, at: span)
      )
    }
    throw bug("a call of the device's or of another language's", at: span)
  }

  /// The operands as `CallbackSignature` has the words.
  private mutating func callbackOperands(
    _ operands: [ForeignCall.Operand], at span: Span
  ) throws(DiagnosticError) -> [CallbackPlan.Operand] {
    var result: [CallbackPlan.Operand] = []
    for operand in operands {
      switch operand {
      case .scalar(let value): result.append(.scalar(try word(of: value)))
      case .array(let part): result.append(.array(try array(part, at: span)))
      }
    }
    return result
  }

  /// The addresses of the arrays, and then the scalars, as `compileCaller` has the words.
  private mutating func externalOperands(
    _ operands: [ForeignCall.Operand], at span: Span
  ) throws(DiagnosticError) -> [CallbackPlan.Operand] {
    var (arrays, scalars): ([CallbackPlan.Operand], [CallbackPlan.Operand]) = ([], [])
    for operand in operands {
      switch operand {
      case .scalar(let value): scalars.append(.scalar(try word(of: value)))
      case .array(let part):
        var array = try array(part, at: span)
        (array.extents, array.strides) = ([], [])
        arrays.append(.array(array))
      }
    }
    return arrays + scalars
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
    _ part: ArrayPart, at span: Span
  ) throws(DiagnosticError) -> CallbackPlan.Array {
    let buffer = program.host[part.buffer]
    let offset = try offset(of: part.buffer, part.start, at: span)
    var array = CallbackPlan.Array(
      buffer: try register(of: part.buffer), elementSize: buffer.element.size, offset: offset,
      extents: [], strides: [])
    for extent in part.extents { array.extents.append(try emit(extent)) }
    for stride in part.strides(in: buffer) { array.strides.append(try emit(stride)) }
    return array
  }
}
