import GPUMapping
import LoopIR
import Schedule
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Elements that the host part touches, where it shares the memory of the GPU.
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

  /// The address of an element.
  private mutating func address(
    of id: BufferID, _ indices: [Expression], at span: Span
  ) throws(DiagnosticError) -> Register {
    guard program.sharesMemory else { throw bug("an access to an element", at: span) }
    let address = try offset(of: id, indices, at: span)
    add(.multiply(address, address, constant(Int64(program.host[id].element.size))))
    add(.add(address, address, try register(of: id)))
    return address
  }

  mutating func emitLoad(
    _ id: BufferID, _ indices: [Expression], into wanted: Register?, at span: Span
  ) throws(DiagnosticError) -> Register {
    let address = try address(of: id, indices, at: span)
    let result = wanted ?? temporary()
    add(.loadElement(result, program.host[id].element, address: address))
    return result
  }

  mutating func emitStore(
    _ id: BufferID, _ indices: [Expression], _ value: Expression, at span: Span
  ) throws(DiagnosticError) {
    let address = try address(of: id, indices, at: span)
    add(.storeElement(try emit(value), program.host[id].element, address: address))
  }
}

extension HostArithmetic {
  /// The element at an address, as its register.
  static func element(_ type: ScalarType, at address: Int64) -> Int64 {
    guard let place = UnsafeRawPointer(bitPattern: Int(address)) else { return 0 }
    return switch type.size {
    case 1: type.wrapping(Int64(place.loadUnaligned(as: UInt8.self)))
    case 2 where type.isFloat: Int64(place.loadUnaligned(as: UInt16.self))
    case 2: type.wrapping(Int64(place.loadUnaligned(as: UInt16.self)))
    case 4 where type.isFloat: Int64(place.loadUnaligned(as: UInt32.self))
    case 4: type.wrapping(Int64(place.loadUnaligned(as: UInt32.self)))
    default: place.loadUnaligned(as: Int64.self)
    }
  }

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
