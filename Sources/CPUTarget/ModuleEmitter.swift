import LoopIR
import Schedule

/// Writes a program as LLVM IR text for one machine.
///
/// The module has the entry point `NAME(words, runtime)`, which unpacks its arguments for `NAME.host`; that holds the checks
/// and the host part. A kernel `K` is the function `K`, which runs a range of the outermost loop's iterations, and `K.range`, which unpacks
/// its arguments from the context that the worker pool hands through. Buffers are `noalias` parameters of internal
/// functions, so that LLVM knows what does not overlap.
///
/// - Parameter isStrict: no contraction, and math functions from the scalar library alone.
public func emitLLVM(_ program: Program, for machine: Machine, isStrict: Bool) -> String {
  let module = ModuleEmitter(program, machine, isStrict: isStrict)
  module.emit()
  return module.text
}

/// The symbol of the program's entry point.
///
/// Prefixed, because a user's function may be called `exp`.
public func entryName(of program: Program) -> String { "parpy_" + llvmName(program.host.name) }

/// The state of one module: what its functions share.
final class ModuleEmitter {
  let program: Program
  let machine: Machine
  let isStrict: Bool
  /// What is tested as the code runs.
  let faults: [RunTimeTest]
  /// The external functions that are called.
  let externals: [ExternalSignature]
  /// The forms of calls of Python functions.
  let callbacks: [CallbackSignature]
  private var functions: [String] = []
  private var declarations: Set<String> = []
  private var helpers: Set<RuntimeHelper> = []
  /// The counts by which vector loops are unrolled, in the order of first use.
  private var unrolled: [Int] = []
  /// What the loops with a node of their own say of themselves.
  private var loopProperties: [String] = []

  init(_ program: Program, _ machine: Machine, isStrict: Bool) {
    self.program = program
    self.machine = machine
    self.isStrict = isStrict
    faults = program.faults
    externals = program.externals
    callbacks = program.callbacks
  }

  /// The parameter of the call's slot, where anything uses it; it follows the others.
  private var slot: [String] { usesSlot ? ["ptr %slot"] : [] }

  /// Whether functions record faults or call back.
  var usesSlot: Bool { !faults.isEmpty || !callbacks.isEmpty }

  /// Adds the declaration of a function that the module calls.
  func declare(_ declaration: String) { declarations.insert(declaration) }

  /// Adds a helper of the module's own, and gives its name.
  func use(_ helper: RuntimeHelper) -> String {
    helpers.insert(helper)
    for declaration in helper.declarations { declare(declaration) }
    return helper.name
  }

  func emit() {
    for kernel in program.kernels {
      functions.append(FunctionEmitter(self, kernel).emitKernel(kernel))
      functions.append(emitRange(of: kernel))
    }
    functions.append(FunctionEmitter(self, nil).emitHost())
    functions.append(emitEntry())
  }

  var text: String {
    """
    source_filename = "\(llvmName(program.host.name))"
    target datalayout = "\(machine.dataLayout)"
    target triple = "\(machine.triple)"


    """ + functions.joined(separator: "\n")
      + (helpers.isEmpty
        ? ""
        : "\n" + helpers.sorted { $0.name < $1.name }.map(\.definition).joined(separator: "\n"))
      + "\n" + declarations.sorted().joined(separator: "\n") + "\n\n" + attributes
      + unrolledMetadata + ownNodes
  }

  /// Function attributes, and the metadata of loops that are vectors already and gain nothing by unrolling.
  ///
  /// Functions that call 512-bit math functions must not ask for narrower registers: arguments would be split over two. Calls
  /// of the math library are no built-ins: LLVM would compute those of constants in double, and round otherwise than the call.
  private var attributes: String {
    """
    attributes #0 = { nounwind "prefer-vector-width"="\(8 * machine.vectorRegisterSize)" "min-legal-vector-width"="0" }
    attributes #1 = { nobuiltin nounwind willreturn memory(none) }
    attributes #2 = { nounwind "prefer-vector-width"="512" }

    !0 = distinct !{!0, !1, !2}
    !1 = !{!"llvm.loop.unroll.disable"}
    !2 = !{!"llvm.loop.vectorize.enable", i1 false}
    !3 = !{i32 1}

    """
  }

  /// What a store that goes past the caches says of itself.
  static let nonTemporal = ", !nontemporal !3"

  /// The metadata of a loop that is a vector already and is to be unrolled `unroll` times.
  func loopMetadata(unroll: Int) -> String {
    if unroll == 1 { return "!0" }
    let known = unrolled.firstIndex(of: unroll)
    let index = known ?? unrolled.count
    if known == nil { unrolled.append(unroll) }
    return "!\(4 + 2 * index)"
  }

  /// The metadata of a loop around another: a node of its own, since LLVM drops what two loops share.
  func outerLoopMetadata() -> String { ownMetadata("!1") }

  /// The metadata of a loop that LLVM must leave scalar; a node of its own.
  func scalarLoopMetadata() -> String { ownMetadata("!2") }

  /// The metadata of a loop of which `count` iterations are to be written one after the other; a node of its own.
  func unrolledLoopMetadata(count: Int) -> String {
    ownMetadata("!{!\"llvm.loop.unroll.count\", i32 \(count)}")
  }

  /// A node for one loop alone, which says `property`.
  private func ownMetadata(_ property: String) -> String {
    loopProperties.append(property)
    return "!\(Self.firstOwnNode + loopProperties.count)"
  }

  private static let firstOwnNode = 1000

  private var ownNodes: String {
    loopProperties.enumerated().map { index, property in
      let node = Self.firstOwnNode + index + 1
      return "!\(node) = distinct !{!\(node), \(property)}\n"
    }.joined()
  }

  /// Two nodes for each count that `loopMetadata` gave a name for.
  private var unrolledMetadata: String {
    unrolled.enumerated().map { index, count in
      let node = 4 + 2 * index
      return """
        !\(node) = distinct !{!\(node), !\(node + 1), !2}
        !\(node + 1) = !{!"llvm.loop.unroll.count", i32 \(count)}

        """
    }.joined()
  }

  // MARK: Signatures

  /// The array arguments, in the order of the call.
  private var arguments: [BufferID] {
    var found: [(position: Int, id: BufferID)] = []
    for (i, buffer) in program.host.buffers.enumerated() {
      if case .argument(let position) = buffer.role { found.append((position, BufferID(i))) }
    }
    return found.sorted { $0.position < $1.position }.map(\.id)
  }

  /// The run-time parameters, in the order of the call, with their slots.
  private var parameters: [(slot: Int, id: VariableID)] {
    var found: [(slot: Int, id: VariableID)] = []
    for (i, variable) in program.host.variables.enumerated() {
      if case .parameter(let slot) = variable.role { found.append((slot, VariableID(i))) }
    }
    return found.sorted { $0.slot < $1.slot }
  }

  func name(_ id: BufferID) -> String { "%\(llvmName(program.host[id].name)).b\(id.index)" }
  func name(_ id: VariableID) -> String { "%\(llvmName(program.host[id].name)).v\(id.index)" }

  private func declared(_ id: BufferID) -> String {
    (program.host[id].mayAlias ? "ptr " : "ptr noalias ") + name(id)
  }

  private func declared(_ id: VariableID) -> String { program.host[id].type.llvm + " " + name(id) }

  /// The parameter list of a kernel.
  func signature(of kernel: Kernel) -> String {
    (kernel.buffers.map(declared) + kernel.liveIns.map(declared)
      + ["i64 %begin", "i64 %end", "ptr %runtime", "ptr %status"] + slot).joined(separator: ", ")
  }

  /// The parameter list of the host part. A callback may look at arrays that it was not passed, so none is `noalias` then.
  var hostSignature: String {
    let pointers = arguments.map { callbacks.isEmpty ? declared($0) : "ptr " + name($0) }
    return (pointers + parameters.map { declared($0.id) } + ["ptr %runtime"] + slot)
      .joined(separator: ", ")
  }

  /// The values a kernel's context holds, in order; each takes eight bytes.
  func contextFields(of kernel: Kernel) -> [(type: String, name: String)] {
    kernel.buffers.map { ("ptr", name($0)) }
      + kernel.liveIns.map { (program.host[$0].type.llvm, name($0)) }
      + [("ptr", "%runtime"), ("ptr", "%status")] + slot.map { _ in ("ptr", "%slot") }
  }

  private func emitRange(of kernel: Kernel) -> String {
    var lines = [
      "define internal void @\(llvmName(kernel.name)).range(ptr %context, i64 %begin, i64 %end) #0 {"
    ]
    let fields = contextFields(of: kernel)
    for (i, field) in fields.enumerated() {
      lines.append("  %p\(i) = getelementptr inbounds i64, ptr %context, i64 \(i)")
      lines.append("  \(field.name) = load \(field.type), ptr %p\(i), align 8")
    }
    let own = fields.dropLast(2 + slot.count).map { "\($0.type) \($0.name)" }
    let all = own + ["i64 %begin", "i64 %end", "ptr %runtime", "ptr %status"] + slot
    lines.append("  call void @\(llvmName(kernel.name))(\(all.joined(separator: ", ")))")
    lines += ["  ret void", "}", ""]
    return lines.joined(separator: "\n")
  }

  private func emitEntry() -> String {
    let name = entryName(of: program)
    let given = (["ptr %words", "ptr %runtime"] + slot).joined(separator: ", ")
    var lines = ["define i64 @\(name)(\(given)) #0 {"]
    var passed: [String] = []
    for (i, id) in arguments.enumerated() {
      lines.append("  %w\(i) = getelementptr inbounds i64, ptr %words, i64 \(i)")
      lines.append("  \(self.name(id)) = load ptr, ptr %w\(i), align 8")
      passed.append("ptr \(self.name(id))")
    }
    for (slot, id) in parameters {
      let position = arguments.count + slot
      let type = program.host[id].type
      let register = self.name(id)
      lines.append("  %w\(position) = getelementptr inbounds i64, ptr %words, i64 \(position)")
      switch type {
      case .int64, .uint64, .float64, .complex64, .complex128:
        lines.append("  \(register) = load \(type.llvm), ptr %w\(position), align 8")
      case .float16, .bfloat16:
        let narrow = use(.narrow(type, lanes: 1, isInstruction: machine.converts(type)))
        lines.append("  \(register).word = load double, ptr %w\(position), align 8")
        lines.append("  \(register).float = fptrunc double \(register).word to float")
        lines.append("  \(register) = call i16 @\(narrow)(float \(register).float)")
      case .float32:
        lines.append("  \(register).word = load double, ptr %w\(position), align 8")
        lines.append("  \(register) = fptrunc double \(register).word to float")
      case .bool, .int8, .int16, .int32, .uint8, .uint16, .uint32:
        lines.append("  \(register).word = load i64, ptr %w\(position), align 8")
        lines.append("  \(register) = trunc i64 \(register).word to \(type.llvm)")
      }
      passed.append("\(type.llvm) \(register)")
    }
    passed += ["ptr %runtime"] + slot
    lines.append("  %result = call i64 @\(name).host(\(passed.joined(separator: ", ")))")
    lines += ["  ret i64 %result", "}", ""]
    return lines.joined(separator: "\n")
  }
}
