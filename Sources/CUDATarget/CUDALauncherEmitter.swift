import GPUMapping
import LoopIR

/// Writes the host part as a function that launches the kernels on a stream.
final class CUDALauncherEmitter: CUDAKernelEmitter {
  init(_ module: CUDAModuleEmitter) { super.init(module, nil) }

  func emit() -> String {
    let arguments = arguments.map { "\(host[$0].element.cuda) *\(name($0))" }
    let parameters = parameters.map { "\(host[$0].type.cuda) \(name($0))" }
    let slot = module.hasSlot ? ["unsigned long long *slot"] : []
    let list = (arguments + parameters + slot + ["cudaStream_t stream"]).joined(separator: ", ")
    for (i, check) in host.checks.enumerated() {
      add("if (!(\(exact(check.condition).text))) return \(i + 1);")
    }
    emit(host.body, declaring: assigned(in: host.body))
    add("return cudaGetLastError() == cudaSuccess ? 0 : -3;")
    return (usesTemporaries ? Self.temporary : "")
      + "extern \"C\" int32_t \(cudaName(host.name))(\n    \(list)) {\n"
      + lines.joined(separator: "\n") + "\n}\n"
  }

  private var arguments: [BufferID] {
    var found: [(position: Int, id: BufferID)] = []
    for (i, buffer) in host.buffers.enumerated() {
      if case .argument(let position) = buffer.role { found.append((position, BufferID(i))) }
    }
    return found.sorted { $0.position < $1.position }.map(\.id)
  }

  private var parameters: [VariableID] {
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
