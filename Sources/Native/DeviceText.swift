import CPython
import CUDARuntime
import CUDATarget
import Compiler
import GPUMapping
import LoopIR
import MetalRuntime
import Syntax

/// Edited code for a GPU with the host program in its comments: ready on each device that it was called on.
final class DeviceText {
  /// The line of text that is compiled without contraction.
  static let strictMark = "// strict\n"

  private let text: String
  private let program: DeviceProgram
  private let uses: [ArrayUse]
  private let recordsFaults: Bool
  private let build: BuildSettings
  /// Whether `nvcc` compiles it all, since the host part is the user's own or calls functions of other languages.
  private let isNative: Bool
  private let graphs: GraphUse
  private var executors: [Int: HostExecutor] = [:]
  /// Runs text in the Metal Shading Language; nil where it is CUDA C++.
  private var metal: MetalExecutor?
  /// What text in the Metal Shading Language begins with.
  private static let metalMark = "#include <metal_stdlib>"

  /// Compiles the text for the current device; nil where it has no host program, and so is for the CPU.
  init?(
    _ text: String, _ block: SignatureBlock, _ settings: BuildSettings, _ graphs: GraphUse
  ) throws(PythonException) {
    do {
      let isMetal = text.contains(Self.metalMark)
      let program = try DeviceProgram(
        parsingHostOf: text, prefix: "// ", sharesMemory: isMetal)
      guard let program else { return nil }
      self.program = program
    } catch {
      throw raise(error, in: [])
    }
    self.text = text
    self.graphs = graphs
    build = BuildSettings(
      libraries: block.libraries, includes: block.includes, flags: block.flags
    ).joined(with: settings)
    let isEdited = block.hostDigest.map { $0 != HostSection.digest(of: text) } ?? false
    isNative = isEdited || !program.hostExternals.isEmpty
    recordsFaults = !block.faults.isEmpty
    uses = zip(block.arguments.flatMap(\.leaves), block.writes).compactMap { argument, isWritten in
      guard case .array(let array) = argument else { return nil }
      return ArrayUse(elementSize: array.element.size, isRead: true, isWritten: isWritten)
    }
    if program.sharesMemory {
      metal = try loadOnMetal()
      return
    }
    if graphs == .always, let obstacle = graphObstacle { try warn(obstacle, in: []) }
    try FunctionState.requireCUDA()
    let ordinal = DeviceOfCall.current
    executors[ordinal] = try load(on: ordinal)
  }

  /// A warning that the launches of a call cannot be one CUDA graph; nil where they can.
  private var graphObstacle: Diagnostic? {
    program.graphObstacle
      ?? (isNative
        ? .noGraphs(of: program.host.name, because: "its host code is compiled by nvcc") : nil)
  }

  /// The code on the device on which the call's arrays lie.
  func executor(
    for frame: CallFrame.Reference, _ callee: Callee
  ) throws(PythonException) -> DeviceExecutor {
    if let metal { return .metal(metal) }
    let ordinal = try DeviceOfCall.ordinal(of: frame, callee)
    if let known = executors[ordinal] { return .cuda(known) }
    let executor = try load(on: ordinal)
    executors[ordinal] = executor
    return .cuda(executor)
  }

  private var isStrict: Bool {
    text.split(separator: "\n").contains(Self.strictMark.dropLast())
  }

  private func loadOnMetal() throws(PythonException) -> MetalExecutor {
    try FunctionState.requireMetal()
    return try FunctionState.loadOnMetal(
      text, program, arrays: uses, recordsFaults: recordsFaults, isStrict: isStrict,
      libraries: build.libraries, in: [],
      refused: { error throws(PythonException) in
        throw raise(Diagnostic(.program, error.message, at: []), in: [])
      })
  }

  private func load(on ordinal: Int) throws(PythonException) -> HostExecutor {
    let (program, uses, recordsFaults, graphs) = (program, uses, recordsFaults, graphs)
    if isNative {
      let code = NativeCode(
        text: text, program: program, arrays: uses, recordsFaults: recordsFaults,
        isStrict: isStrict, build: build)
      return try code.load(on: ordinal)
    }
    return try FunctionState.load(
      text, kernels: program.kernels.map(\.name), isStrict: isStrict, build, on: ordinal,
      { module throws(DiagnosticError) in
        try HostExecutor(
          program, module, arrays: uses, recordsFaults: recordsFaults, graphs: graphs)
      },
      refused: { error throws(PythonException) in
        throw raise(Diagnostic(.program, error.message, at: []), in: [])
      })
  }
}
