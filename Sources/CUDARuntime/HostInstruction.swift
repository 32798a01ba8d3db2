import LoopIR

/// A place in the register file of a call: 64 bits, an integer extended by its type or the bits of a float.
package struct Register: Sendable, Hashable {
  let index: Int32

  init(_ index: Int) { self.index = Int32(truncatingIfNeeded: index) }
}

/// A place in the second register file, whose integers have 128 bits.
package struct WideRegister: Sendable, Hashable {
  let index: Int32

  init(_ index: Int) { self.index = Int32(truncatingIfNeeded: index) }
}

/// One step of the host part. The first register is the one that is set.
package enum HostInstruction: Sendable {
  case copy(Register, Register)

  // 64 bits, wrapping, and comparisons of numbers that 64 signed bits hold: what index arithmetic is made of.
  case add(Register, Register, Register)
  case subtract(Register, Register, Register)
  case multiply(Register, Register, Register)
  case order(ComparisonOperator, Register, Register, Register)

  case unary(UnaryOperator, ScalarType, Register, Register)
  case binary(BinaryOperator, ScalarType, Register, Register, Register)
  case compare(ComparisonOperator, ScalarType, ScalarType, Register, Register, Register)
  case convert(from: ScalarType, to: ScalarType, Register, Register)
  case math(MathFunction, ScalarType, Register, Register, Register)

  case jump(to: Int32)
  case jumpIfFalse(Register, to: Int32)
  case jumpIfTrue(Register, to: Int32)
  /// How many steps a range has, without a sign.
  case tripCount(Register, from: Register, to: Register, step: Register)
  /// Leaves a loop whose iterations are done.
  case loopHead(counter: Register, count: Register, exit: Int32)
  case loopNext(counter: Register, variable: Register, step: Register, head: Int32)

  /// A product of sizes without a sign, all bits set where 64 bits do not hold it.
  case sizeProduct(Register, Register, Register)
  case allocate(Register, bytes: Register)
  case free(Register)
  /// A launch of the executor's list.
  case launch(Int32)
  /// A call of a Python function, of the executor's list.
  case callBack(Int32)
  /// A copy of one element from the device, of the executor's list.
  case fetch(Int32)
  /// Ends the call where two lengths differ, or where an index is not within a size, with the number of the test and both.
  case requireEqual(Register, Register, fault: Int32)
  case requireInside(Register, Register, fault: Int32)

  /// Writes an element, at an address in bytes, where the host shares the GPU's memory.
  case storeElement(Register, ScalarType, address: Register)

  // The checks: sums in 128 bits, and a register that says whether all was exact.
  case widen(WideRegister, Register)
  case wideAdd(WideRegister, WideRegister, WideRegister)
  case wideSubtract(WideRegister, WideRegister, WideRegister)
  /// A product of two numbers that must fit 64 bits, and which must fit 96 itself.
  case wideMultiply(WideRegister, WideRegister, WideRegister, isExact: Register)
  case requireNarrow(WideRegister, isExact: Register)
  case wideCompare(ComparisonOperator, Register, WideRegister, WideRegister, isExact: Register)
  /// Ends the call with the number of a check that does not hold.
  case check(Register, number: Int32)

  case finish
}

/// How a kernel is launched: where its grid and its arguments stand when its turn comes.
package struct LaunchPlan: Sendable {
  /// The position among the program's kernels.
  package var kernel: Int
  /// Blocks along x, y and z.
  var blocks: (x: Register, y: Register, z: Register)
  var threads: Register
}

/// A copy of one element to the host, which waits for the kernels before it.
package struct FetchPlan: Sendable {
  /// The position among the program's fetches.
  var index: Int
  /// Gets the element.
  var result: Register
  /// The address of the array's element whose indices are all 0.
  var array: Register
  /// How far the element is from that one, in elements.
  var offset: Register
  var type: ScalarType

  /// Where the element is on the device.
  func address(in frame: HostFrame) -> UInt64 {
    UInt64(bitPattern: frame[array] &+ frame[offset] &* Int64(type.size))
  }

  /// Reads the element, where the host shares the device's memory.
  package func read(_ frame: HostFrame) {
    guard let place = UnsafeRawPointer(bitPattern: UInt(address(in: frame))) else { return }
    frame[result] = HostArithmetic.element(at: place, type)
  }
}

/// The host part as instructions.
package struct HostCode: Sendable {
  /// The checks, up to a `finish`, and then the body, up to another.
  var instructions: [HostInstruction] = []
  /// Where the body begins.
  package var bodyStart = 0
  var launches: [LaunchPlan] = []
  var callbacks: [CallbackPlan] = []
  var fetches: [FetchPlan] = []
  /// What the registers hold when the executor is made; those of variables are 0 at the start of each call.
  var initialRegisters: [Int64] = []
  var wideCount = 0
  /// The registers of the variables.
  var variables: Range<Int> = 0..<0
  /// The word that each register is taken from; buffers first.
  package var arguments: [Argument] = []
  /// How many array arguments a call has.
  package var arrayCount = 0
  /// Where the address of the error slot stands; nil where no access is tested as it runs.
  package var slot: Register?
  /// The registers of each kernel's arguments, in order.
  package var kernelArguments: [[Register]] = []
  /// Whether the host part allocates memory.
  var hasTemporaries = false
  /// The positions of the instructions that go back in loops which stand in no other.
  var outermostLoops: Set<Int> = []

  /// A word of the call and the register it goes to.
  package struct Argument: Sendable {
    var word: Int
    package var register: Register
    var type: ScalarType
  }
}

extension HostCode {
  var hasLoops: Bool { !outermostLoops.isEmpty }

  /// Whether the arguments alone decide what is launched.
  var isDecidedByArguments: Bool {
    slot == nil && fetches.isEmpty && callbacks.isEmpty && !hasTemporaries
  }

  /// Notes which loops stand in no other, once all instructions are there.
  mutating func findOutermostLoops() {
    // Loops lie within one another or one after the other.
    var head = Int.max
    for position in instructions.indices.reversed() where position < head {
      guard let goal = instructions[position].goal, goal <= position else { continue }
      outermostLoops.insert(position)
      head = goal
    }
  }
}

extension HostInstruction {
  /// Where an instruction that may go back goes.
  fileprivate var goal: Int? {
    switch self {
    case .jump(let goal): Int(goal)
    case .loopNext(_, _, _, let head): Int(head)
    default: nil
    }
  }
}
