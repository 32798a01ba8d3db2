import CCUDA
import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// A program that is ready to run: its host part as instructions and its kernels on a device, or both as machine code.
///
/// Any number of threads may call it at the same time.
public final class HostExecutor: Sendable {
  public let module: CUDAModule
  /// The user's function, for messages.
  let name: String
  let code: HostCode
  let arrays: [ArrayUse]
  private let frames = FramePool()
  private let graphs: LaunchGraphs?
  private let mark = LaunchedFunctions.Mark()
  /// The Python functions that the host part calls.
  private let callbacks: [CallbackSignature]
  /// Why the host part must wait for the kernels, whatever the arguments; nil where it need not.
  private let reasonToWait: String?
  /// The names of the array arguments, in order.
  private let arrayNames: [String]
  /// Runs the body; nil where its instructions are interpreted.
  private let native: NativeHost?

  /// Makes a program ready.
  ///
  /// - Parameters:
  ///   - module: with the program's kernels, in order.
  ///   - graphs: which calls run as CUDA graphs.
  /// - Throws: a bug, where the program is not sound.
  public convenience init(
    _ program: DeviceProgram, _ module: CUDAModule, graphs: GraphUse = .whereWorthIt
  ) throws(DiagnosticError) {
    try self.init(
      program, module, arrays: ArrayUse.uses(in: program), recordsFaults: program.recordsFaults,
      graphs: graphs)
  }

  /// Makes a program ready whose kernels are known by name only.
  ///
  /// - Parameters:
  ///   - arrays: what they do with each array argument.
  ///   - recordsFaults: whether they get the address of the error slot.
  ///   - graphs: which calls run as CUDA graphs.
  /// - Throws: a bug, where the program is not sound.
  public init(
    _ program: DeviceProgram, _ module: CUDAModule, arrays: [ArrayUse], recordsFaults: Bool,
    graphs: GraphUse = .whereWorthIt
  ) throws(DiagnosticError) {
    self.module = module
    native = nil
    callbacks = program.callbacks
    name = program.host.name
    code = try HostFlattener.flatten(program, recordsFaults: recordsFaults)
    self.arrays = arrays
    // What Python sees in between must have run.
    self.graphs = code.callbacks.isEmpty ? LaunchGraphs(module, code, graphs) : nil
    reasonToWait =
      program.reasonToWait
      ?? (code.slot == nil ? nil : "indices or lengths are tested as its kernels run")
    arrayNames = program.host.arrayNames
    guard module.kernels.count == program.kernels.count else {
      throw DiagnosticError(
        Diagnostic(
          .bug, "\(module.kernels.count) kernels were loaded for \(program.kernels.count)", at: []))
    }
  }

  /// Makes a program ready whose host part and kernels are machine code; its checks are interpreted.
  ///
  /// - Parameters:
  ///   - arrays: what the code does with each array argument.
  ///   - recordsFaults: whether it gets the address of the error slot.
  /// - Throws: a bug, where the program is not sound.
  public init(
    _ program: DeviceProgram, _ native: NativeHost, on device: CUDADevice, arrays: [ArrayUse],
    recordsFaults: Bool
  ) throws(DiagnosticError) {
    self.native = native
    callbacks = program.callbacks
    module = CUDAModule(withoutKernelsOn: device)
    name = program.host.name
    var checks = DeviceProgram(host: program.host)
    checks.host.body = []
    code = try HostFlattener.flatten(checks, recordsFaults: recordsFaults)
    self.arrays = arrays
    graphs = nil
    reasonToWait =
      program.reasonToWait ?? "its host code was compiled by nvcc, and may wait for the GPU"
    arrayNames = program.host.arrayNames
  }

  /// Runs the program for one call.
  ///
  /// Without arrays of the host it returns as soon as the work is queued; with them, when all is done and copied back.
  ///
  /// - Parameters:
  ///   - words: see `CompiledProgram.entry`.
  ///   - hostArrays: the array arguments whose word points to memory of the host.
  ///   - slot: the error slot of `CompiledProgram.entry`: three words that are 0.
  ///   - caller: what calls Python functions; nil where the program calls none.
  /// - Returns: 0, the 1-based position of a check that failed before anything ran, -1 where there was not enough memory,
  ///   -2 where a test failed, see `slot`, or -3 where a Python function raised.
  /// - Throws: what the driver reports.
  public func run(
    _ words: UnsafePointer<Int64>, hostArrays: [HostArray] = [],
    slot: UnsafeMutablePointer<Int64>, on stream: CUDAStream = .legacy,
    calling caller: CallbackCaller? = nil
  ) throws(CUDAError) -> Int64 {
    let reason = reasonToWait ?? (hostArrays.isEmpty ? nil : reasonToCopy(hostArrays))
    let frame = frames.take() ?? HostFrame(code)
    defer { frames.give(frame) }
    return try module.device.withContext { () throws(CUDAError) in
      // The default stream is never captured, and asked only for others that it would have to wait for.
      if reason != nil || stream.canonical != .legacy, module.device.driver.isCapturing(stream) {
        if let reason { throw .captured(name, because: reason) }
        module.outliveGraphs()
      }
      frame.begin(code, words)
      let services = StreamServices(module, stream)
      module.device.launched.note(name, mark, on: stream)
      let checked = try interpret(code, from: 0, frame, services)
      if checked != .done { return checked.status(slot) }
      if hostArrays.isEmpty && code.slot == nil && caller == nil {
        return try runBody(words, frame, services, services).status(slot)
      }
      return try runCopying(words, frame, services, hostArrays, slot, caller)
    }
  }

  /// Refuses a call whose arrays have other streams beside the one it runs on, where one of them is captured.
  public func requireOneStream(
    _ stream: CUDAStream, among others: [CUDAStream]
  ) throws(CUDAError) {
    if others.isEmpty { return }
    if ([stream] + others).contains(where: module.device.driver.isCapturing) {
      throw .captured(
        name, because: "its arrays belong to several streams, which must wait for one another")
    }
  }

  private func reasonToCopy(_ hostArrays: [HostArray]) -> String {
    let name = hostArrays.first.flatMap { first in
      arrayNames.indices.contains(first.position) ? arrayNames[first.position] : nil
    }
    let which = name.map { "the array '\($0)'" } ?? "an array"
    return "\(which) lies in memory of the host, and is copied to the GPU and back"
  }

  /// What the status -1 means.
  public var memoryError: CUDAError {
    module.device.outOfMemory(for: "the temporaries of '\(name)' and its copies of host arrays")
  }

  // MARK: The body

  /// Runs the body, and frees what it holds however it ends.
  private func runBody<Services: HostServices>(
    _ words: UnsafePointer<Int64>, _ frame: HostFrame, _ stream: StreamServices,
    _ services: Services
  ) throws(CUDAError) -> HostOutcome where Services.Failure == CUDAError {
    if let native {
      return try native.run(name, code, words, frame, on: stream.stream, calling: services)
    }
    defer {
      while let register = frame.temporaries.popLast() {
        services.free(UInt64(bitPattern: frame[register]))
      }
    }
    if let graphs, let outcome = try graphs.run(code, frame, stream) { return outcome }
    return try interpret(code, from: code.bodyStart, frame, services)
  }

  /// Runs the body on copies of the host's arrays.
  private func runCopying(
    _ words: UnsafePointer<Int64>, _ frame: HostFrame, _ services: StreamServices,
    _ hostArrays: [HostArray],
    _ slot: UnsafeMutablePointer<Int64>, _ caller: CallbackCaller?
  ) throws(CUDAError) -> Int64 {
    let staging = Staging(module.device, services.stream)
    defer { staging.release() }
    let host = hostArrays.compactMap { array -> Staging.Argument? in
      guard code.arguments.indices.contains(array.position), array.position < code.arrayCount,
        arrays.indices.contains(array.position)
      else { return nil }
      let register = code.arguments[array.position].register
      return Staging.Argument(array, arrays[array.position], at: frame[register], to: register)
    }
    guard try staging.copyIn(host, frame) else { return -1 }
    let faults = try code.slot.map { _ throws(CUDAError) in try staging.allocateSlot() }
    if let register = code.slot {
      guard let address = faults.flatMap({ $0 }) else { return -1 }
      frame[register] = Int64(bitPattern: address)
    }
    let task = "running the kernels of '\(name)'\(kernelNames)"
    let outcome: HostOutcome
    if let caller {
      let calling = CallbackServices(
        services: services, staging: staging, signatures: callbacks, slot: slot, task: task,
        caller: caller)
      outcome = try runBody(words, frame, services, calling)
    } else {
      outcome = try runBody(words, frame, services, services)
    }
    switch outcome {
    case .done, .fault, .faultOnDevice:
      guard try staging.copyOut(slot, task: task) else { return -1 }
      return slot[0] == 0 ? outcome.status(slot) : -2
    case .checkFailed, .outOfMemory, .faultRecorded, .callbackFailed:
      // What runs still reads the copies; they are freed in the order of the stream.
      return outcome.status(slot)
    }
  }

  private var kernelNames: String {
    if module.kernels.isEmpty { return "" }
    let names = module.kernels.prefix(5).map { "'\($0.name)'" }
    return " (\(names.joined(separator: ", "))\(module.kernels.count > 5 ? ", …" : ""))"
  }
}

extension LoopFunction {
  /// The names of the array arguments, in order.
  fileprivate var arrayNames: [String] {
    buffers.compactMap { buffer -> (Int, String)? in
      guard case .argument(let position) = buffer.role else { return nil }
      return (position, buffer.name)
    }.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
