import GPUMapping
import KernelText
import LoopIR
import Schedule

/// Writes the host part as a function that launches the kernels on a stream.
final class CUDALauncherEmitter: FunctionEmitter {
  /// How many tests the statements so far make.
  private var testCount = 0
  /// Whether a test of the host part writes the error slot.
  private var recordsFaults = false
  /// Whether a function of another language is called.
  private var callsHost = false
  /// Whether the host part reads elements of the device.
  private var fetches = false

  func emit() -> String {
    let arguments = arguments.map { "\(host[$0].element.cuda) *\(name($0))" }
    let parameters = parameters.map { "\(host[$0].type.cuda) \(name($0))" }
    let slot = module.hasSlot ? ["unsigned long long *slot"] : []
    self.arguments.forEach { module.note(host[$0].element) }
    self.parameters.forEach { module.note(host[$0].type) }
    let python = module.program.callbacks.isEmpty ? [] : ["const Python &python"]
    let list = (arguments + parameters + slot + python + ["cudaStream_t stream"])
      .joined(separator: ", ")
    for (i, check) in host.checks.enumerated() {
      add("if (!(\(exact(check.condition).text))) return \(i + 1);")
    }
    emit(host.body, declaring: assigned(in: host.body))
    add("return cudaGetLastError() == cudaSuccess ? 0 : -3;")
    return (usesTemporaries ? Self.temporary : "") + (recordsFaults ? Self.faultRecorder : "")
      + (callsHost ? Self.hostTurn : "") + (fetches ? Self.fetching : "")
      + (module.program.callbacks.isEmpty ? "" : Self.pythonCaller)
      + "extern \"C\" int32_t \(cppName(host.name))(\n    \(list)) \(fetches ? "try " : ""){\n"
      + lines.joined(separator: "\n")
      + (fetches ? "\n} catch (const HostPartEnds &end) {\n  return end.status;\n}\n" : "\n}\n")
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
      return CText("\(wide(l)) \(op.symbol) \(wide(r))", .relation)
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
  override func emit(_ call: ForeignCall, at statement: Statement, starting start: VariableID?) {
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
    switch call.callee {
    case .external(let function):
      let arguments = call.operands.map { argument($0) }.joined(separator: ", ")
      let result = call.result.map { "\(name($0)) = " } ?? ""
      module.include(function)
      if let id = call.result {
        module.note(host[id].type)
        if id == start { add("\(declared(id));") }
      }
      callsHost = true
      braces("") {
        add("const HostTurn turn(stream);")
        add("\(result)\(function.symbol)(\(arguments));")
      }
    case .callback(let function, _): callBack(call, function, starting: start)
    }
  }

  /// Calls a Python function with the words that `CallbackSignature` describes.
  ///
  ///     call "report" @python(step, x[0:n]) into go    →    PythonWord words[] = {(int64_t)0, step, x, n, (int64_t)1};
  ///                                                         if (!python.call(python.context, /* report */ 0, words)) return -4;
  ///                                                         go = (words[0].integer & 1) != 0;
  private func callBack(
    _ call: ForeignCall, _ function: String, starting start: VariableID?
  ) {
    if let start { add("\(declared(start));") }
    let position = call.callbackSignature(in: host).flatMap {
      module.program.callbacks.firstIndex(of: $0)
    }
    // Python must not see what kernels left that could not be launched.
    add("if (cudaGetLastError() != cudaSuccess) return -3;")
    braces("") {
      let words = unique("words")
      let given = ["(int64_t)0"] + call.operands.flatMap(self.words)
      add("PythonWord \(words)[] = {\(given.joined(separator: ", "))};")
      add(
        "if (!python.call(python.context, /* \(cppName(function)) */ \(position ?? 0), \(words))) return -4;"
      )
      if let id = call.result {
        let type = host[id].type
        module.note(type)
        let value = type.value(
          ofInteger: "\(words)[0].integer", orNumber: "\(words)[0].number")
        add("\(name(id)) = \(value);")
      }
    }
  }

  /// The words of an operand: a scalar, or the address of an array's first element, its extents and its strides.
  private func words(of operand: ForeignCall.Operand) -> [String] {
    switch operand {
    case .scalar(let value):
      let wide: ScalarType = value.type.isFloat ? .float64 : .int64
      return ["(\(wide.cuda))\(text(value.converted(to: wide)).inside(.unary))"]
    case .array(let part):
      let sizes = part.extents + part.strides(in: host[part.buffer])
      return [argument(operand)]
        + sizes.map { "(int64_t)\(text($0).inside(.unary))" }
    }
  }

  private static let pythonCaller = """
    // How Python functions are called.
    union PythonWord {
      int64_t integer;
      double number;
      PythonWord(int64_t integer) : integer(integer) {}
      PythonWord(double number) : number(number) {}
      PythonWord(const void *array) : integer((int64_t)array) {}
    };
    struct Python {
      // Calls the function of a number. The first word gets its result; behind it stand the operands: scalars, or the address of
      // an array, its extents, and its strides in elements. False where it raised, or a kernel before it found an error.
      bool (*call)(void *context, int64_t function, PythonWord *words);
      void *context;
    };


    """

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

  private static let hostTurn = """
    // While it lives, a function of the host is called: parpy_stream() is the stream of the call. What the function puts on the default
    // stream comes after what is on that one, and before what follows there.
    struct HostTurn {
      cudaStream_t stream;
      explicit HostTurn(cudaStream_t stream) : stream(stream) {
        parpy_current_stream = stream;
        order(stream, nullptr);
      }
      HostTurn(const HostTurn &) = delete;
      ~HostTurn() { order(nullptr, stream); }

      // Lets one of two streams, of which one is the default stream, wait for the other.
      static void order(cudaStream_t first, cudaStream_t second) {
        cudaEvent_t event;
        if (first == second) return;
        if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) return;
        cudaEventRecord(event, first);
        cudaStreamWaitEvent(second, event, 0);
        cudaEventDestroy(event);
      }
    };


    """

  // MARK: Elements

  override func element(_ place: String) -> CText {
    fetches = true
    return CText("fetched(&\(place), \(module.hasSlot ? "slot" : "nullptr"), stream)")
  }

  private static let fetching = """
    // Ends the host part with a status.
    struct HostPartEnds {
      int32_t status;
    };

    // An element of the device, after the kernels before; where one of them has failed a test, the host part ends.
    template <typename T>
    static T fetched(const T *element, const unsigned long long *slot, cudaStream_t stream) {
      T value;
      unsigned long long fault = 0;
      cudaError_t error = cudaMemcpyAsync(&value, element, sizeof value, cudaMemcpyDeviceToHost, stream);
      if (error == cudaSuccess && slot != nullptr)
        error = cudaMemcpyAsync(&fault, slot, sizeof fault, cudaMemcpyDeviceToHost, stream);
      if (error != cudaSuccess || cudaStreamSynchronize(stream) != cudaSuccess) throw HostPartEnds{-3};
      if (fault != 0) throw HostPartEnds{-2};
      return value;
    }


    """

  // MARK: Launches and temporaries

  override func launch(_ kernel: DeviceKernel) {
    let blocks = kernel.grid.blocks.map(count)
    let isPlain = kernel.grid.blocks.dropFirst().allSatisfy { $0.integerLiteral == 1 }
    let grid = isPlain ? blocks[0] : "dim3(\(blocks.joined(separator: ", ")))"
    var given = kernel.buffers.map { name($0) } + kernel.liveIns.map { name($0) }
    if module.hasSlot { given.append("slot") }
    let threads = count(kernel.grid.threads)
    if kernel.grid.clusterSize > Grid.greatestPortableCluster {
      add(
        "cudaFuncSetAttribute((const void *)\(cppName(kernel.name)), cudaFuncAttributeNonPortableClusterSizeAllowed, 1);"
      )
    }
    add(
      "\(cppName(kernel.name))<<<\(grid), \(threads), 0, stream>>>(\(given.joined(separator: ", ")));"
    )
  }

  private func count(_ e: Expression) -> String {
    let value = text(e)
    return e.isLiteral ? value.text : "(unsigned)\(value.inside(.primary))"
  }

  override func allocate(_ id: BufferID, _ body: [Statement], _ inner: Set<VariableID>) {
    let buffer = host[id]
    let memory = unique(buffer.name + "_memory")
    let count = buffer.extents.map { "(size_t)\(text($0).inside(.unary))" }
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
    // Device memory that lives as long as its scope, in the order of a stream. It ends with a whole word.
    struct Temporary {
      void *data = nullptr;
      cudaStream_t stream;
      Temporary(size_t bytes, cudaStream_t stream) : stream(stream) {
        if (cudaMallocAsync(&data, bytes / 4 * 4 + 4, stream) != cudaSuccess) data = nullptr;
      }
      Temporary(const Temporary &) = delete;
      ~Temporary() {
        if (data != nullptr) cudaFreeAsync(data, stream);
      }
    };


    """
}
