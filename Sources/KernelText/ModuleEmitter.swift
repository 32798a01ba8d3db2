import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Span

/// What the functions of one translation unit share.
package final class ModuleEmitter {
  package let program: DeviceProgram
  package let dialect: any KernelDialect
  /// What the integers of the program may be.
  let ranges: ValueRanges
  private let kernelTests: [RunTimeTest]
  private let hostTestCount: Int
  /// The names of the external functions, which no variable may have.
  let externalNames: Set<String>
  private var helpers: Set<HelperFunction> = []
  /// The names of the headers that types need.
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
    let emitter = FunctionEmitter(self, kernel)
    return (emitter.emitKernel(), emitter.sharedBytes)
  }

  /// Whether kernels take the error slot.
  package var hasSlot: Bool { hostTestCount > 0 || !kernelTests.isEmpty }

  /// The number of a test that a kernel makes, from 1.
  func fault(_ subject: RunTimeTest.Subject, at span: Span) -> Int {
    (kernelTests.firstIndex { $0.isAbout(subject, at: span) } ?? 0) + hostTestCount + 1
  }

  /// Adds a helper, and those it needs.
  func use(_ helper: HelperFunction) {
    helpers.insert(helper)
    helper.needs.forEach(use)
    switch helper {
    case .blockReduce(_, let type), .clusterReduce(_, let type), .atomic(_, let type): note(type)
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .library,
      .roundedProduct, .hidden, .inRange, .recordFault, .loadRow, .storeRow, .isAligned,
      .clusterBarrier:
      break
    }
  }

  /// Adds the header that a type needs.
  package func note(_ type: ScalarType) {
    if let header = dialect.header(for: type) { headers.insert(header) }
  }

  /// Adds the header that an external function is declared in.
  package func include(_ function: ExternalFunction) {
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

  /// The directives for the headers that types need, a line each.
  package var headerLines: String { headers.sorted().map { "#include <\($0)>\n" }.joined() }

  /// The directives for the headers of external functions, a line each.
  package var includeLines: String { includes.map { $0 + "\n" }.joined() }
}
