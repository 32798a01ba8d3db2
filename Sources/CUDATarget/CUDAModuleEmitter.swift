import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Span

/// Writes a device program as one CUDA C++ translation unit.
///
/// Its kernels are `extern "C"`, so that they are found by name; the function `NAME(arrays…, parameters…, stream)` is the host
/// part, which `nvcc` compiles and NVRTC does not see. It returns 0, the 1-based position of the check that failed, -1 where
/// memory ran out, -2 where a test failed, see the error slot, -3 where a launch or a copy failed, or -4 where a call of Python
/// ended it.
public func emitCUDA(_ program: DeviceProgram) -> String {
  let module = CUDAModuleEmitter(program, CUDADialect())
  let kernels = program.kernels.map { module.emit($0).text }
  let launcher = CUDALauncherEmitter(module).emit()
  return module.text(kernels, launcher)
}

/// What the functions of one translation unit share.
package final class CUDAModuleEmitter {
  let program: DeviceProgram
  let dialect: any KernelDialect
  /// What the integers of the program may be.
  let ranges: ValueRanges
  private let kernelTests: [RunTimeTest]
  private let hostTestCount: Int
  /// The names of the external functions, which no variable may have.
  let externalNames: Set<String>
  private var helpers: Set<CUDAHelper> = []
  private var headers: Set<String> = []
  /// The directives for the headers of external functions, in the order of their first calls.
  private var includes: [String] = []

  package init(_ program: DeviceProgram, _ dialect: any KernelDialect) {
    self.program = program
    self.dialect = dialect
    ranges = ValueRanges(
      variables: program.host.variables, body: program.host.body,
      kernels: program.kernels.map(\.body))
    hostTestCount = program.hostTests.count
    kernelTests = Array(program.faults.dropFirst(hostTestCount))
    externalNames = Set(program.externals.map(\.symbol))
    for kernel in program.kernels {
      for id in kernel.buffers { note(program.host[id].element) }
      for id in kernel.liveIns { note(program.host[id].type) }
    }
  }

  /// The text of a kernel, and how many bytes the threads of its blocks share.
  package func emit(_ kernel: DeviceKernel) -> (text: String, sharedBytes: Int) {
    let emitter = CUDAKernelEmitter(self, kernel)
    return (emitter.emitKernel(), emitter.sharedBytes)
  }

  /// Whether kernels take the error slot.
  package var hasSlot: Bool { hostTestCount > 0 || !kernelTests.isEmpty }

  /// The number of a test that a kernel makes, from 1.
  func fault(_ subject: RunTimeTest.Subject, at span: Span) -> Int {
    (kernelTests.firstIndex { $0.isAbout(subject, at: span) } ?? 0) + hostTestCount + 1
  }

  /// Adds a helper, and those it needs.
  func use(_ helper: CUDAHelper) {
    helpers.insert(helper)
    helper.needs.forEach(use)
    switch helper {
    case .blockReduce(_, let type), .clusterReduce(_, let type), .atomic(_, let type): note(type)
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .library,
      .roundedProduct, .inRange, .recordFault, .loadRow, .storeRow, .isAligned, .clusterBarrier:
      break
    }
  }

  /// Adds the header that a type needs.
  func note(_ type: ScalarType) {
    if type == .float16 { headers.insert("cuda_fp16.h") }
    if type == .bfloat16 { headers.insert("cuda_bf16.h") }
  }

  /// Adds the header that an external function is declared in.
  func include(_ function: ExternalFunction) {
    if let include = function.include, !includes.contains(include) { includes.append(include) }
  }

  /// The helpers that the text uses, those that others call first, each followed by an empty line.
  package var definitions: String {
    let ordered = helpers.sorted { a, b in
      let (early, late) = (a.needs.isEmpty, b.needs.isEmpty)
      return early != late ? early : a.definition(in: dialect) < b.definition(in: dialect)
    }
    let definitions = ordered.map { $0.definition(in: dialect) }.joined(separator: "\n")
    return definitions + (definitions.isEmpty ? "" : "\n")
  }

  /// The directives for the headers of external functions, a line each.
  package var includeLines: String { includes.map { $0 + "\n" }.joined() }

  /// How functions of the host that stand in the user's headers find their stream; NVRTC sees no program that calls them.
  private static let streamOfCall = """

    // The stream on which a function of the host is called.
    static thread_local cudaStream_t parpy_current_stream = nullptr;
    static inline cudaStream_t parpy_stream() { return parpy_current_stream; }

    """

  func text(_ kernels: [String], _ launcher: String) -> String {
    let headers = headers.sorted().map { "#include <\($0)>\n" }.joined()
    // The user's may use the types that stand above.
    let includes = includeLines
    return """
      \(headers)#ifdef __CUDACC_RTC__
      typedef signed char int8_t;
      typedef short int16_t;
      typedef int int32_t;
      typedef long long int64_t;
      typedef unsigned char uint8_t;
      typedef unsigned short uint16_t;
      typedef unsigned int uint32_t;
      typedef unsigned long long uint64_t;
      #else
      #include <cstdint>
      #endif
      \(program.hostExternals.isEmpty ? "" : Self.streamOfCall)\(includes)

      """ + definitions + kernels.joined(separator: "\n")
        + "\n\(HostSection.start)\n" + launcher + "#endif\n"
  }
}
