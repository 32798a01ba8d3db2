import LoopIR

/// The registers of one call of a program, and what the call holds while it runs.
///
/// Frames are made once and used again; one serves one call at a time.
package final class HostFrame: @unchecked Sendable {
  let registers: UnsafeMutablePointer<Int64>
  let wide: UnsafeMutablePointer<Int128>
  /// For each kernel the addresses of its arguments, which are registers: what the driver takes.
  package let arguments: [UnsafeMutablePointer<UnsafeMutableRawPointer?>]
  /// The registers with the temporaries that are allocated now, oldest first.
  package var temporaries: [Register] = []

  package init(_ code: HostCode) {
    registers = .allocate(capacity: code.initialRegisters.count + 1)
    registers.initialize(from: code.initialRegisters, count: code.initialRegisters.count)
    wide = .allocate(capacity: code.wideCount + 1)
    wide.initialize(repeating: 0, count: code.wideCount + 1)
    let registers = registers
    arguments = code.kernelArguments.map { list in
      let table = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: list.count + 1)
      for (i, register) in list.enumerated() {
        (table + i).initialize(to: UnsafeMutableRawPointer(registers + Int(register.index)))
      }
      return table
    }
  }

  deinit {
    registers.deallocate()
    wide.deallocate()
    arguments.forEach { $0.deallocate() }
  }

  /// Takes a call's words over and sets its variables to 0.
  @inline(__always)
  package func begin(_ code: HostCode, _ words: UnsafePointer<Int64>) {
    (registers + code.variables.lowerBound).update(repeating: 0, count: code.variables.count)
    for argument in code.arguments {
      registers[Int(argument.register.index)] = HostArithmetic.parameter(
        words[argument.word], argument.type)
    }
  }

  @inline(__always)
  package subscript(register: Register) -> Int64 {
    get { registers[Int(register.index)] }
    set { registers[Int(register.index)] = newValue }
  }

  @inline(__always)
  subscript(register: WideRegister) -> Int128 {
    get { wide[Int(register.index)] }
    set { wide[Int(register.index)] = newValue }
  }
}
