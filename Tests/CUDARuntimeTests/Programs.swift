import CCUDA
import GPUMapping
import LoopIR
import Testing

@testable import CUDARuntime

/// A program in tests: the host part as text, and the buffers and variables that each kernel gets, by name.
struct TestProgram {
  var program: DeviceProgram

  /// - Parameter kernels: name, buffers, live-ins, body (statements in the scope of the host part), grid.
  init(_ host: String, _ kernels: [Kernel] = []) throws {
    let function = try LoopFunction(parsing: host)
    program = DeviceProgram(host: function)
    for kernel in kernels { program.kernels.append(try kernel.device(in: host, function)) }
  }

  struct Kernel {
    var name = "k"
    var buffers: [String] = []
    var liveIns: [String] = []
    /// Statements, each line indented by two columns.
    var body = "  pass\n"
    /// Expressions over the host's variables.
    var blocks = ["1", "1", "1"]
    var threads = "1"

    func device(in host: String, _ function: LoopFunction) throws -> DeviceKernel {
      let declarations = host.split(separator: "\n", omittingEmptySubsequences: false).prefix {
        $0.hasPrefix("def ") || $0.hasPrefix("  local") || $0.hasPrefix("  temporary")
      }.joined(separator: "\n")
      let parsed = try LoopFunction(parsing: declarations + "\n" + body)
      func index(_ text: String) throws -> Expression {
        guard let variable = function.variables.firstIndex(where: { $0.name == text }) else {
          return .index(try #require(Int(text)))
        }
        return function.read(VariableID(variable))
      }
      return DeviceKernel(
        name: name, body: parsed.body,
        grid: Grid(
          blocks: try blocks.map(index), threads: try index(threads), maximumThreads: 1024),
        liveIns: try liveIns.map { name in
          VariableID(try #require(function.variables.firstIndex { $0.name == name }))
        },
        buffers: try buffers.map { name in
          BufferID(try #require(function.buffers.firstIndex { $0.name == name }))
        })
    }
  }

  /// Loads the program on a GPU that has its kernels.
  func executor(on device: CUDADevice, graphs: GraphUse = .whereWorthIt) throws -> HostExecutor {
    let names = program.kernels.map { KernelName($0.name) }
    return try HostExecutor(program, device.load([1], kernels: names), graphs: graphs)
  }
}

/// A call's words and what becomes of it.
struct TestCall {
  var words: [Int64] = []
  var hostArrays: [HostArray] = []
  var slot: [Int64] = [0, 0, 0]

  mutating func run(
    _ executor: HostExecutor, on stream: CUDAStream = .legacy, calling caller: CallbackCaller? = nil
  ) throws -> Int64 {
    try executor.run(words, hostArrays: hostArrays, slot: &slot, on: stream, calling: caller)
  }
}

/// Runs the host part alone and gives the value of a variable at its end.
func finalValue(of name: String, in program: DeviceProgram, _ words: [Int64]) throws -> Int64 {
  let code = try HostFlattener.flatten(program)
  let frame = HostFrame(code)
  frame.begin(code, words)
  _ = try interpret(code, from: code.bodyStart, frame, NoServices())
  let index = try #require(program.host.variables.firstIndex { $0.name == name })
  return frame.registers[code.variables.lowerBound + index]
}

/// For host parts that launch nothing, on memory of the host.
struct NoServices: HostServices {
  typealias Failure = CUDAError

  func allocate(_ bytes: UInt64) throws(CUDAError) -> UInt64? { nil }
  func free(_ address: UInt64) {}
  func launch(_ plan: LaunchPlan, _ frame: HostFrame) throws(CUDAError) {}
  func wait() throws(CUDAError) {}
  func callBack(_ function: Int, _ words: UnsafeMutablePointer<Int64>) -> HostOutcome? { nil }
  func fetch(_ plan: FetchPlan, slot: UInt64?, _ frame: HostFrame) -> HostOutcome? {
    plan.read(frame)
    return nil
  }
}
