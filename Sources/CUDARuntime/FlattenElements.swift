import GPUMapping
import LoopIR
import Schedule
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Elements that the host part reads and writes.
extension HostFlattener {
  /// How far an element is from the one whose indices are all 0, in elements.
  mutating func offset(
    of id: BufferID, _ indices: [Expression], at span: Span
  ) throws(DiagnosticError) -> Register {
    let buffer = program.host[id]
    let offset = temporary()
    add(.copy(offset, constant(0)))
    for (dimension, (index, stride)) in zip(indices, buffer.effectiveStrides).enumerated() {
      let position = try emit(index)
      if index.isChecked {
        let number = number(of: .index(of: id, dimension: dimension), at: span)
        add(.requireInside(position, try emit(buffer.extents[dimension]), fault: number))
      }
      let distance = temporary()
      add(.multiply(distance, position, try emit(stride)))
      add(.add(offset, offset, distance))
    }
    return offset
  }

  /// Reads an element of the device.
  mutating func fetch(
    _ id: BufferID, _ indices: [Expression], _ e: Expression
  ) throws(DiagnosticError) -> Register {
    let array = try register(of: id)
    guard indices.count == program.host[id].extents.count, program.host[id].element == e.type
    else { throw bug("an element of another array", at: e.span) }
    let offset = try offset(of: id, indices, at: e.span)
    let result = temporary()
    code.fetches.append(
      FetchPlan(
        index: code.fetches.count, result: result, array: array, offset: offset, type: e.type))
    add(.fetch(Int32(truncatingIfNeeded: code.fetches.count - 1)))
    return result
  }

  /// Writes an element, where the host shares the memory of the GPU.
  mutating func emitStore(
    _ id: BufferID, _ indices: [Expression], _ value: Expression, at span: Span
  ) throws(DiagnosticError) {
    guard program.sharesMemory, indices.count == program.host[id].extents.count else {
      throw bug("an access to an element", at: span)
    }
    let address = try offset(of: id, indices, at: span)
    add(.multiply(address, address, constant(Int64(program.host[id].element.size))))
    add(.add(address, address, try register(of: id)))
    add(.storeElement(try emit(value), program.host[id].element, address: address))
  }
}

extension HostArithmetic {
  /// Writes a register to an element.
  static func store(_ value: Int64, _ type: ScalarType, at address: Int64) {
    guard let place = UnsafeMutableRawPointer(bitPattern: Int(address)) else { return }
    switch type.size {
    case 1: place.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
    case 2: place.storeBytes(of: UInt16(truncatingIfNeeded: value), as: UInt16.self)
    case 4: place.storeBytes(of: UInt32(truncatingIfNeeded: value), as: UInt32.self)
    default: place.storeBytes(of: value, as: Int64.self)
    }
  }
}
