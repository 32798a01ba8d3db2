import LoopIR
import Schedule

/// Writes one LLVM function: a kernel or the host part.
///
/// The same code writes scalar and vector loops. Inside a vector loop an expression has one value for all lanes as long as it
/// can, and one a lane from where the loop variable or a variable that the body assigns comes in; under a condition that
/// differs between lanes, a mask says which take part.
final class FunctionEmitter {
  let module: ModuleEmitter
  /// The kernel this function is; nil for the host part.
  let kernel: Kernel?
  private var allocas: [String] = []
  private var lines: [String] = []
  private var counter = 0
  /// The label of the block that lines are added to.
  private(set) var currentBlock = "entry"
  /// Values that never change: parameters, live-ins, loop variables.
  var bindings: [VariableID: Value] = [:]
  /// The stack slots of variables, by the number of lanes they have.
  private var slots: [VariableID: (name: String, lanes: Int)] = [:]
  /// The pointers of buffers made in this function.
  private var temporaries: [BufferID: String] = [:]
  /// The temporaries that must be freed before the function returns, oldest first.
  var heapTemporaries: [String] = []

  /// The bytes of the temporaries that lie on the stack so far.
  var stackBytes = 0
  /// Whether the function calls math functions on 512-bit registers.
  var usesWideCalls = false
  /// Whether the function stores past the caches.
  var streams = false
  /// The vector loop being written.
  var vector: VectorContext?
  /// How many branches are around what is being written.
  var branchDepth = 0
  /// What the function stores to.
  private(set) lazy var storedBuffers: Set<BufferID> = {
    var found: Set<BufferID> = []
    statements.forEachStatement { statement in
      if case .store(let id, _, _) = statement.kind { found.insert(id) }
    }
    return found
  }()

  /// The iterations that a vector loop runs at once.
  struct VectorContext {
    var lanes: Int
    var variable: VariableID
    /// The loop variable in the first lane, an i64.
    var base: String
    /// By how much it grows from one lane to the next.
    var step: Int
    /// Which lanes take part; nil for all.
    var mask: Value?
    /// Whether stores go past the caches: the first lane of each begins a cache line, or half of one.
    var streams = false
    /// The variables with a value a lane.
    var varying: Set<VariableID>
    /// The body of the innermost loop around what is being written.
    var body: [Statement]
    /// The variables that may change in any lane under one certain mask, because only the lanes of that mask read them.
    var free: (variables: Set<VariableID>, mask: String)?
  }

  init(_ module: ModuleEmitter, _ kernel: Kernel?) {
    self.module = module
    self.kernel = kernel
  }

  var host: LoopFunction { module.program.host }

  /// The statements of this function.
  var statements: [Statement] { kernel.map { [Statement(.loop($0.loop))] } ?? host.body }

  // MARK: Whole functions

  func emitKernel(_ kernel: Kernel) -> String {
    for id in kernel.liveIns { bindings[id] = Value(module.name(id), host[id].type) }
    var loop = kernel.loop
    let first = emit(loop.lower)
    // The range counts iterations: the loop variable starts at lower + begin · step.
    let start = line("mul i64 %begin, \(loop.step)")
    let end = line("mul i64 %end, \(loop.step)")
    let lower = Value(line("add i64 \(first.text), \(start)"), .int64)
    let upper = Value(line("add i64 \(first.text), \(end)"), .int64)
    loop.mapping.workers = nil
    emit(loop, from: lower, to: upper)
    emitStreamFence()
    add("ret void")
    return assemble(
      "define internal void @\(llvmName(kernel.name))(\(module.signature(of: kernel))) noinline \(attributes)"
    )
  }

  func emitHost() -> String {
    for (i, variable) in host.variables.enumerated() {
      if case .parameter = variable.role {
        bindings[VariableID(i)] = Value(module.name(VariableID(i)), variable.type)
      }
    }
    for (i, check) in host.checks.enumerated() {
      let holds = emitExactly(check.condition)
      let (good, bad) = (label("checked"), label("failed"))
      add("br i1 \(holds.text), label %\(good), label %\(bad)")
      open(bad)
      add("ret i64 \(i + 1)")
      open(good)
    }
    emit(host.body)
    emitStreamFence()
    add("ret i64 0")
    return assemble(
      "define internal i64 @\(entryName(of: module.program)).host(\(module.hostSignature)) noinline \(attributes)"
    )
  }

  private var attributes: String { usesWideCalls ? "#2" : "#0" }

  private func assemble(_ head: String) -> String {
    (["\(head) {", "entry:"] + allocas + lines + ["}", ""]).joined(separator: "\n")
  }

  // MARK: Lines and blocks

  /// A number no other register or label of the function has.
  func fresh() -> Int {
    counter += 1
    return counter
  }

  func add(_ text: String) { lines.append("  " + text) }

  /// Adds an instruction that gives a value, and names the register.
  func line(_ instruction: String) -> String {
    let register = "%t\(fresh())"
    add("\(register) = \(instruction)")
    return register
  }

  func label(_ name: String) -> String { "\(name).\(fresh())" }

  /// Starts a block.
  func open(_ label: String) {
    lines.append("\(label):")
    currentBlock = label
  }

  /// Reserves stack space for the whole call.
  func alloca(_ type: String, name: String, alignment: Int? = nil) -> String {
    let register = "%\(name).\(fresh())"
    allocas.append("  \(register) = alloca \(type)" + (alignment.map { ", align \($0)" } ?? ""))
    return register
  }

  // MARK: Variables

  /// The stack slot of a variable in the lanes it has here; zero until it is assigned.
  func slot(of id: VariableID) -> (name: String, lanes: Int) {
    let lanes = vector.map { $0.varying.contains(id) ? $0.lanes : 1 } ?? 1
    if let known = slots[id], known.lanes == lanes { return known }
    let variable = host[id]
    let name = alloca(variable.type.llvm(lanes: lanes), name: llvmName(variable.name))
    let type = variable.type.llvm(lanes: lanes)
    allocas.append("  store \(type) zeroinitializer, ptr \(name)")
    slots[id] = (name, lanes)
    return (name, lanes)
  }

  /// Runs `body` with slots of its own for the given variables, as a vector loop has.
  func withOwnSlots(for variables: Set<VariableID>, _ body: () -> Void) {
    let outer = variables.reduce(into: [:]) { $0[$1] = slots[$1] }
    for id in variables { slots[id] = nil }
    body()
    for id in variables { slots[id] = outer[id] }
  }

  func read(_ id: VariableID) -> Value {
    if let vector, id == vector.variable {
      return add(splat(Value(vector.base, .int64)), iota(vector.lanes, by: vector.step))
    }
    if let bound = bindings[id] { return bound }
    let slot = slot(of: id)
    let type = host[id].type
    return Value(
      line("load \(type.llvm(lanes: slot.lanes)), ptr \(slot.name)"), type, lanes: slot.lanes)
  }

  /// Assigns a variable in the lanes that take part.
  func assign(_ id: VariableID, _ value: Value) {
    let slot = slot(of: id)
    var stored = slot.lanes > 1 ? splat(value) : value
    if slot.lanes > 1, let mask = vector?.mask, !mayChangeInAnyLane(id, under: mask) {
      let old = Value(
        line("load \(stored.llvmType), ptr \(slot.name)"), value.type, lanes: slot.lanes)
      stored = select(mask, stored, old)
    }
    add("store \(stored.typed), ptr \(slot.name)")
  }

  private func mayChangeInAnyLane(_ id: VariableID, under mask: Value) -> Bool {
    guard let free = vector?.free else { return false }
    return free.mask == mask.text && free.variables.contains(id)
  }

  // MARK: Buffers

  func pointer(_ id: BufferID) -> String { temporaries[id] ?? module.name(id) }

  func bind(_ id: BufferID, to pointer: String) { temporaries[id] = pointer }

  // MARK: Lanes

  /// The numbers 0, step, 2 · step, … as int64 lanes.
  func iota(_ lanes: Int, by step: Int = 1) -> Value {
    let numbers = (0..<lanes).map { "i64 \($0 &* step)" }.joined(separator: ", ")
    return Value("<\(numbers)>", .int64, lanes: lanes)
  }

  /// The value in each lane of the current vector loop.
  func splat(_ value: Value) -> Value {
    guard let vector, value.lanes == 1 else { return value }
    return splat(value, lanes: vector.lanes)
  }

  func splat(_ value: Value, lanes: Int) -> Value {
    if lanes == 1 || value.lanes == lanes { return value }
    if value.isConstant {
      return Value("splat (\(value.llvmType) \(value.text))", value.type, lanes: lanes)
    }
    let type = value.type.llvm(lanes: lanes)
    let first = line("insertelement \(type) poison, \(value.typed), i64 0")
    return Value(
      line("shufflevector \(type) \(first), \(type) poison, <\(lanes) x i32> zeroinitializer"),
      value.type, lanes: lanes)
  }

  /// Both values in the lanes of the wider one.
  func unified(_ l: Value, _ r: Value) -> (Value, Value) {
    let lanes = max(l.lanes, r.lanes)
    return (splat(l, lanes: lanes), splat(r, lanes: lanes))
  }

  func add(_ l: Value, _ r: Value) -> Value {
    let (left, right) = unified(l, r)
    return Value(line("add \(left.typed), \(right.text)"), l.type, lanes: left.lanes)
  }

  func select(_ condition: Value, _ then: Value, _ otherwise: Value) -> Value {
    let lanes = max(condition.lanes, then.lanes, otherwise.lanes)
    let (c, t, o) = (
      splat(condition, lanes: lanes), splat(then, lanes: lanes), splat(otherwise, lanes: lanes)
    )
    return Value(line("select \(c.typed), \(t.typed), \(o.typed)"), then.type, lanes: lanes)
  }

  /// The lanes of both masks; nil stands for all lanes.
  func conjunction(_ l: Value?, _ r: Value) -> Value {
    guard let l else { return splat(r) }
    let (left, right) = unified(l, r)
    return Value(line("and \(left.typed), \(right.text)"), .bool, lanes: left.lanes)
  }

  /// Runs `body` with another mask.
  func withMask<Result>(_ mask: Value?, _ body: () -> Result) -> Result {
    let outer = vector?.mask
    vector?.mask = mask
    defer { vector?.mask = outer }
    return body()
  }

  /// Whether any lane of a mask takes part, as an i1.
  func any(_ mask: Value) -> String {
    module.declare("declare i1 @llvm.vector.reduce.or.v\(mask.lanes)i1(<\(mask.lanes) x i1>)")
    return line("call i1 @llvm.vector.reduce.or.v\(mask.lanes)i1(\(mask.typed))")
  }
}
