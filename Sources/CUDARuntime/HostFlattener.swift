import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError
import struct Syntax.Span

/// Makes instructions of the host part of a program.
///
/// Registers: one for each buffer, then one for each variable, and then constants and intermediate results as they come.
/// A kernel's arguments are registers too, so that a launch gives the driver their addresses and copies nothing.
package struct HostFlattener {
  let program: DeviceProgram
  /// Whether kernels get the address of the error slot.
  private let recordsFaults: Bool
  var code = HostCode()
  private var constants: [Int64: Register] = [:]
  /// Registers of intermediate results, of which the first `temporariesInUse` hold something.
  private var temporaries: [Register] = []
  private var temporariesInUse = 0
  var depth = 0
  /// How many tests the statements so far make.
  private var testCount = 0
  /// The tests of the statement whose instructions are made now, and the number of the first.
  private var tests: (first: Int, own: [RunTimeTest]) = (1, [])

  private static let greatestDepth = 1000
  private static let greatestWord = 1 << 20

  /// The instructions of a program.
  ///
  /// - Parameter recordsFaults: whether kernels get the address of the error slot; nil for what their bodies say.
  /// - Throws: a bug where the program is not sound.
  package static func flatten(
    _ program: DeviceProgram, recordsFaults: Bool? = nil
  ) throws(DiagnosticError) -> HostCode {
    let bugs = program.verify()
    if !bugs.isEmpty { throw DiagnosticError(bugs) }
    var flattener = HostFlattener(
      program: program, recordsFaults: recordsFaults ?? program.recordsFaults)
    try flattener.layOutRegisters()
    for (i, check) in program.host.checks.enumerated() {
      flattener.temporariesInUse = 0
      let holds = try flattener.emitExactly(check.condition)
      flattener.add(.check(holds, number: Int32(truncatingIfNeeded: i + 1)))
    }
    flattener.add(.finish)
    flattener.code.bodyStart = flattener.code.instructions.count
    try flattener.emit(program.host.body)
    flattener.add(.finish)
    flattener.code.findOutermostLoops()
    return flattener.code
  }

  private init(program: DeviceProgram, recordsFaults: Bool) {
    self.program = program
    self.recordsFaults = recordsFaults
  }

  // MARK: Registers

  private mutating func layOutRegisters() throws(DiagnosticError) {
    let host = program.host
    let bufferCount = host.buffers.count
    code.variables = bufferCount..<bufferCount + host.variables.count
    code.initialRegisters = [Int64](repeating: 0, count: code.variables.upperBound)
    var arrays: [(position: Int, buffer: Int)] = []
    for (i, buffer) in host.buffers.enumerated() {
      if case .argument(let position) = buffer.role { arrays.append((position, i)) }
    }
    arrays.sort { $0.position < $1.position }
    code.arrayCount = arrays.count
    code.arguments = arrays.enumerated().map { word, array in
      HostCode.Argument(word: word, register: Register(array.buffer), type: .uint64)
    }
    for (i, variable) in host.variables.enumerated() {
      guard case .parameter(let position) = variable.role else { continue }
      guard (0..<Self.greatestWord).contains(position) else {
        throw bug("the parameter \(position)")
      }
      let register = Register(bufferCount + i)
      code.arguments.append(
        HostCode.Argument(word: arrays.count + position, register: register, type: variable.type))
    }
    if recordsFaults { code.slot = newRegister(0) }
    for kernel in program.kernels {
      var registers: [Register] = []
      for id in kernel.buffers { registers.append(try register(of: id)) }
      for id in kernel.liveIns { registers.append(try register(of: id)) }
      if let slot = code.slot { registers.append(slot) }
      code.kernelArguments.append(registers)
    }
  }

  private mutating func newRegister(_ value: Int64) -> Register {
    code.initialRegisters.append(value)
    return Register(code.initialRegisters.count - 1)
  }

  /// A register that holds a number.
  mutating func constant(_ value: Int64) -> Register {
    if let known = constants[value] { return known }
    let register = newRegister(value)
    constants[value] = register
    return register
  }

  /// A register that is free, until the statement it is for is done.
  mutating func temporary() -> Register {
    if temporariesInUse == temporaries.count { temporaries.append(newRegister(0)) }
    temporariesInUse += 1
    return temporaries[temporariesInUse - 1]
  }

  mutating func wide() -> WideRegister {
    code.wideCount += 1
    return WideRegister(code.wideCount - 1)
  }

  func register(of id: VariableID) throws(DiagnosticError) -> Register {
    guard program.host.variables.indices.contains(id.index) else {
      throw bug("a variable that does not exist")
    }
    return Register(code.variables.lowerBound + id.index)
  }

  func register(of id: BufferID) throws(DiagnosticError) -> Register {
    guard program.host.buffers.indices.contains(id.index) else {
      throw bug("an array that does not exist")
    }
    return Register(id.index)
  }

  func bug(_ what: String, at span: Span = .none) -> DiagnosticError {
    DiagnosticError(Diagnostic(.bug, "the host part of a GPU program has \(what)", at: span))
  }

  // MARK: Instructions

  mutating func add(_ instruction: HostInstruction) { code.instructions.append(instruction) }

  /// Where the next instruction will stand.
  var here: Int32 { Int32(truncatingIfNeeded: code.instructions.count) }

  /// Adds a jump whose goal is set by `land`.
  mutating func addJump(_ jump: HostInstruction) -> Int {
    add(jump)
    return code.instructions.count - 1
  }

  /// Lets the jump at `index` lead here.
  mutating func land(_ index: Int) {
    switch code.instructions[index] {
    case .jump: code.instructions[index] = .jump(to: here)
    case .jumpIfFalse(let condition, _):
      code.instructions[index] = .jumpIfFalse(condition, to: here)
    case .jumpIfTrue(let condition, _):
      code.instructions[index] = .jumpIfTrue(condition, to: here)
    case .loopHead(let counter, let count, _):
      code.instructions[index] = .loopHead(counter: counter, count: count, exit: here)
    default: break
    }
  }

  /// Runs `body` unless the program is nested deeper than a thread's stack bears.
  mutating func nested<Result>(
    _ body: (inout HostFlattener) throws(DiagnosticError) -> Result
  ) throws(DiagnosticError) -> Result {
    guard depth < Self.greatestDepth else {
      throw bug("code nested deeper than \(Self.greatestDepth) levels")
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// The number of a test that the statement makes, from 1.
  func number(of subject: RunTimeTest.Subject, at span: Span) -> Int32 {
    let position = tests.own.firstIndex { $0.isAbout(subject, at: span) } ?? 0
    return Int32(truncatingIfNeeded: tests.first + position)
  }

  // MARK: Statements

  private mutating func emit(_ statements: [Statement]) throws(DiagnosticError) {
    for statement in statements {
      let outer = (temporariesInUse, tests)
      defer { (temporariesInUse, tests) = outer }
      tests = (testCount + 1, program.tests(ofHost: statement))
      testCount += tests.own.count
      try nested { this throws(DiagnosticError) in try this.emit(statement) }
    }
  }

  private mutating func emit(_ statement: Statement) throws(DiagnosticError) {
    switch statement.kind {
    case .assign(let id, let value): try assign(register(of: id), value)
    case .loop(let loop): try emit(loop)
    case .whileLoop(let condition, let body):
      let head = here
      let exit = addJump(.jumpIfFalse(try emit(condition), to: 0))
      try emit(body)
      add(.jump(to: head))
      land(exit)
    case .conditional(let condition, let then, let otherwise):
      let toElse = addJump(.jumpIfFalse(try emit(condition), to: 0))
      try emit(then)
      if otherwise.isEmpty { return land(toElse) }
      let toEnd = addJump(.jump(to: 0))
      land(toElse)
      try emit(otherwise)
      land(toEnd)
    case .allocate(let id, let body): try emitAllocate(id, body)
    case .launch(let id): try emitLaunch(id, at: statement.span)
    case .call(let call): try emit(call, at: statement.span)
    case .requireEqual(let left, let right):
      try emitRequireEqual(left, right, at: statement.span)
    case .store(let id, let indices, let value):
      try emitStore(id, indices, value, at: statement.span)
    case .device, .barrier: throw bug("code of the device", at: statement.span)
    }
  }

  private mutating func emit(_ loop: ForLoop) throws(DiagnosticError) {
    let (counter, count) = (temporary(), temporary())
    let variable = try register(of: loop.variable)
    let step = constant(Int64(loop.step))
    let (lower, upper) = (try emit(loop.lower), try emit(loop.upper))
    add(.tripCount(count, from: lower, to: upper, step: step))
    add(.copy(variable, lower))
    add(.copy(counter, constant(0)))
    let head = here
    let exit = addJump(.loopHead(counter: counter, count: count, exit: 0))
    var leave: Int?
    if let condition = loop.condition {
      leave = addJump(.jumpIfFalse(try emit(condition), to: 0))
    }
    try emit(loop.body)
    add(.loopNext(counter: counter, variable: variable, step: step, head: head))
    land(exit)
    if let leave { land(leave) }
  }

  private mutating func emitAllocate(
    _ id: BufferID, _ body: [Statement]
  ) throws(DiagnosticError) {
    let register = try register(of: id)
    let buffer = program.host[id]
    let bytes = temporary()
    add(.copy(bytes, constant(Int64(buffer.element.size))))
    for extent in buffer.extents { add(.sizeProduct(bytes, bytes, try emit(extent))) }
    code.hasTemporaries = true
    add(.allocate(register, bytes: bytes))
    try emit(body)
    add(.free(register))
  }

  private mutating func emitLaunch(_ id: KernelID, at span: Span) throws(DiagnosticError) {
    guard program.kernels.indices.contains(id.index) else {
      throw bug("a launch of no kernel", at: span)
    }
    let grid = program[id].grid
    guard grid.blocks.count == 3 else { throw bug("a grid without three dimensions", at: span) }
    let (x, y, z) = (
      try emit(grid.blocks[0]), try emit(grid.blocks[1]), try emit(grid.blocks[2])
    )
    code.launches.append(
      LaunchPlan(kernel: id.index, blocks: (x, y, z), threads: try emit(grid.threads)))
    add(.launch(Int32(truncatingIfNeeded: code.launches.count - 1)))
  }
}
