import CCUDA
import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

extension TestProgram {
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
