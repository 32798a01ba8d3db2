import GPUMapping
import LoopIR
import Schedule

/// Writes the host part as a function that launches the kernels on a stream.
final class CUDALauncherEmitter: CUDAKernelEmitter {
  /// How many tests the statements so far make.
  private var testCount = 0
  /// Whether a test of the host part writes the error slot.
  private var recordsFaults = false
  /// Whether a function of another language is called.
  private var callsHost = false

  init(_ module: CUDAModuleEmitter) { super.init(module, nil) }

  func emit() -> String {
    let arguments = arguments.map { "\(host[$0].element.cuda) *\(name($0))" }
    let parameters = parameters.map { "\(host[$0].type.cuda) \(name($0))" }
    let slot = module.hasSlot ? ["unsigned long long *slot"] : []
    self.arguments.forEach { module.note(host[$0].element) }
    self.parameters.forEach { module.note(host[$0].type) }
    let list = (arguments + parameters + slot + ["cudaStream_t stream"]).joined(separator: ", ")
    for (i, check) in host.checks.enumerated() {
      add("if (!(\(exact(check.condition).text))) return \(i + 1);")
    }
    emit(host.body, declaring: Self.assigned(in: host.body))
    add("return cudaGetLastError() == cudaSuccess ? 0 : -3;")
    return (usesTemporaries ? Self.temporary : "") + (recordsFaults ? Self.faultRecorder : "")
      + (callsHost ? Self.defaultStream : "") + callbackDeclarations
      + "extern \"C\" int32_t \(cudaName(host.name))(\n    \(list)) {\n"
      + lines.joined(separator: "\n") + "\n}\n"
  }

  /// The arrays of the function, in order.
  var arguments: [BufferID] {
    var found: [(position: Int, id: BufferID)] = []
    for (i, buffer) in host.buffers.enumerated() {
      if case .argument(let position) = buffer.role { found.append((position, BufferID(i))) }
    }
    return found.sorted { $0.position < $1.position }.map(\.id)
  }

  /// The run-time parameters of the function, in order.
  var parameters: [VariableID] {
    var found: [(slot: Int, id: VariableID)] = []
    for (i, variable) in host.variables.enumerated() {
      if case .parameter(let slot) = variable.role { found.append((slot, VariableID(i))) }
    }
    return found.sorted { $0.slot < $1.slot }.map(\.id)
  }

  // MARK: Checks

  /// A condition decided over the integers, in 128 bits: where 64 would wrap, a check must not pass.
  private func exact(_ e: Expression) -> CText {
    switch e.kind {
    case .compare(let op, let l, let r) where l.type == .int64 && r.type == .int64:
      let symbol: String =
        switch op {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessEqual: "<="
        case .greater: ">"
        case .greaterEqual: ">="
        }
      return CText("\(wide(l)) \(symbol) \(wide(r))", .relation)
    case .logical(let op, let l, let r):
      let level: CPrecedence = op == .and ? .and : .or
      return CText(
        "\(exact(l).inside(level)) \(op == .and ? "&&" : "||") \(exact(r).inside(level))", level)
    default: return text(e)
    }
  }

  private func wide(_ e: Expression) -> String {
    switch e.kind {
    case .binary(.add, let l, let r): "(\(wide(l)) + \(wide(r)))"
    case .binary(.subtract, let l, let r): "(\(wide(l)) - \(wide(r)))"
    case .binary(.multiply, let l, let r): "(\(wide(l)) * \(wide(r)))"
    case .unary(.negate, let operand): "(-\(wide(operand)))"
    default: "(__int128)\(text(e).inside(.unary))"
    }
  }

  // MARK: Tests and calls

  override func requireEqual(_ left: Expression, _ right: Expression, at statement: Statement) {
    let (l, r) = (text(left), text(right))
    leave(
      unless: "\(l.inside(.equality)) == \(r.inside(.relation))", .lengths, at: statement,
      l.text, r.text)
    testCount += module.program.tests(ofHost: statement).count
  }

  /// Ends the host part with the numbers of a test that fails.
  private func leave(
    unless condition: String, _ subject: RunTimeTest.Subject, at statement: Statement,
    _ first: String, _ second: String
  ) {
    let tests = module.program.tests(ofHost: statement)
    let number = testCount + (tests.firstIndex { $0.subject == subject } ?? 0) + 1
    recordsFaults = true
    add(
      "if (!(\(condition))) return record_fault_of_host(slot, \(number), \(first), \(second), stream);"
    )
  }

  /// A function of the host's header, or one that stands for a Python function.
  override func emit(_ call: ForeignCall, at statement: Statement) {
    for case .array(let part) in call.operands {
      let buffer = host[part.buffer]
      for (dimension, index) in part.start.enumerated() where index.isChecked {
        let (i, n) = (text(index), text(buffer.extents[dimension]))
        leave(
          unless: "0 <= \(i.inside(.sum)) && \(i.inside(.sum)) < \(n.inside(.sum))",
          .index(of: part.buffer, dimension: dimension), at: statement, i.text, n.text)
      }
    }
    testCount += module.program.tests(ofHost: statement).count
    let arguments = call.operands.map { argument($0) }.joined(separator: ", ")
    let result = call.result.map { "\(name($0)) = " } ?? ""
    switch call.callee {
    case .external(let function):
      module.include(function)
      if let id = call.result { module.note(host[id].type) }
      callsHost = true
      braces("") {
        add("const DefaultStream turn(stream);")
        add("\(result)\(function.symbol)(\(arguments));")
      }
    case .callback:
      let position = call.callbackSignature(in: host).flatMap {
        module.program.callbacks.firstIndex(of: $0)
      }
      add("\(result)\(callbackName(position ?? 0))(\(arguments));")
    }
  }

  private func callbackName(_ position: Int) -> String {
    let callbacks = module.program.callbacks
    let name = callbacks.indices.contains(position) ? callbacks[position].name : "function"
    return cudaName("callback_\(position)_\(name)")
  }

  /// What stands for the Python functions; whoever compiles the text by hand defines it.
  private var callbackDeclarations: String {
    let lines = module.program.callbacks.enumerated().map { position, signature in
      let parameters = signature.operands.map { operand in
        switch operand {
        case .scalar(let type): type.cuda
        case .array(let element, _, _, let holdsParts):
          "\(holdsParts ? element.pair : element.cuda) *"
        }
      }
      let result = signature.result?.cuda ?? "void"
      return
        "extern \"C\" \(result) \(callbackName(position))(\(parameters.joined(separator: ", ")));\n"
    }
    return lines.isEmpty ? "" : "// Python functions.\n" + lines.joined() + "\n"
  }

  private static let faultRecorder = """
    // Writes the error slot, unless a kernel has.
    static int32_t record_fault_of_host(
        unsigned long long *slot, unsigned fault, int64_t first, int64_t second, cudaStream_t stream) {
      unsigned long long words[3];
      cudaMemcpyAsync(words, slot, sizeof words, cudaMemcpyDeviceToHost, stream);
      cudaStreamSynchronize(stream);
      if (words[0] != 0) return -2;
      words[0] = fault;
      words[1] = (unsigned long long)first;
      words[2] = (unsigned long long)second;
      cudaMemcpyAsync(slot, words, sizeof words, cudaMemcpyHostToDevice, stream);
      cudaStreamSynchronize(stream);
      return -2;
    }


    """

  private static let defaultStream = """
    // Functions of the host work on the default stream: after the kernels before them, and before those that follow.
    struct DefaultStream {
      cudaStream_t stream;
      explicit DefaultStream(cudaStream_t stream) : stream(stream) {
        if (stream != nullptr) cudaStreamSynchronize(stream);
      }
      DefaultStream(const DefaultStream &) = delete;
      ~DefaultStream() {
        if (stream != nullptr) cudaStreamSynchronize(nullptr);
      }
    };


    """

  // MARK: Launches and temporaries

  override func launch(_ kernel: DeviceKernel) {
    let blocks = kernel.grid.blocks.map(count)
    let isPlain = kernel.grid.blocks.dropFirst().allSatisfy { $0.integerLiteral == 1 }
    let grid = isPlain ? blocks[0] : "dim3(\(blocks.joined(separator: ", ")))"
    var given = kernel.buffers.map { name($0) } + kernel.liveIns.map { name($0) }
    if module.hasSlot { given.append("slot") }
    let threads = count(kernel.grid.threads)
    add(
      "\(cudaName(kernel.name))<<<\(grid), \(threads), 0, stream>>>(\(given.joined(separator: ", ")));"
    )
  }

  private func count(_ e: Expression) -> String {
    let value = text(e, isIndex: true)
    return e.isLiteral ? value.text : "(unsigned)\(value.inside(.primary))"
  }

  override func allocate(_ id: BufferID, _ body: [Statement], _ inner: Set<VariableID>) {
    let buffer = host[id]
    let memory = unique(buffer.name + "_memory")
    let count = buffer.extents.map { "(size_t)\(text($0, isIndex: true).inside(.unary))" }
    braces("") {
      add(
        "const Temporary \(memory)(\((count + ["sizeof(\(buffer.element.cuda))"]).joined(separator: " * ")), stream);"
      )
      add("if (\(memory).data == nullptr) return -1;")
      add("\(buffer.element.cuda) *const \(name(id)) = (\(buffer.element.cuda) *)\(memory).data;")
      emit(body, declaring: inner)
    }
  }

  private var usesTemporaries: Bool {
    var found = false
    host.body.forEachStatement { if case .allocate = $0.kind { found = true } }
    return found
  }

  private static let temporary = """
    // Device memory that lives as long as its scope, in the order of a stream.
    struct Temporary {
      void *data = nullptr;
      cudaStream_t stream;
      Temporary(size_t bytes, cudaStream_t stream) : stream(stream) {
        if (cudaMallocAsync(&data, bytes > 0 ? bytes : 1, stream) != cudaSuccess) data = nullptr;
      }
      Temporary(const Temporary &) = delete;
      ~Temporary() {
        if (data != nullptr) cudaFreeAsync(data, stream);
      }
    };


    """
}
