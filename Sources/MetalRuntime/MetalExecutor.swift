import CUDARuntime
import GPUMapping
import LoopIR
import Schedule
import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// A program that is ready to run on a Metal device: its host part as instructions, and its kernels.
///
/// Any number of threads may call it at the same time.
public final class MetalExecutor: Sendable {
  /// The user's function, for messages.
  private let name: String
  private let code: HostCode
  private let arrays: [ArrayUse]
  private let device: any MetalDevice
  private let kernels: any MetalKernels
  private let parameters: [[MetalParameter]]
  /// The Python functions that the host part calls.
  private let callbacks: [CallbackSignature]
  private let externals: [ExternalCaller]
  private let frames = FramePool()

  /// Makes a program ready.
  ///
  /// - Parameters:
  ///   - kernels: those of the program, in its order, which `device` has loaded.
  ///   - arrays: what the program does with each array argument.
  ///   - recordsFaults: whether kernels get the address of the error slot.
  ///   - externals: what calls the program's `hostSignatures`.
  /// - Throws: a `DiagnosticError` where the device cannot run a kernel, or the program is not sound.
  package init(
    _ program: DeviceProgram, _ kernels: any MetalKernels, on device: any MetalDevice,
    arrays: [ArrayUse], recordsFaults: Bool, externals: [ExternalCaller] = []
  ) throws {
    name = program.host.name
    code = try HostFlattener.flatten(program, recordsFaults: recordsFaults)
    self.arrays = arrays
    self.device = device
    self.kernels = kernels
    self.externals = externals
    callbacks = program.callbacks
    parameters = program.kernels.map { kernel in
      kernel.parameters(in: program.host, recordsFaults: recordsFaults)
    }
    for (position, kernel) in program.kernels.enumerated() {
      let greatest = kernels.greatestThreads(of: position)
      if kernel.grid.maximumThreads > greatest {
        throw DiagnosticError(.tooManyThreads(kernel, greatest))
      }
    }
  }

  /// Runs the program for one call, and returns when all is done.
  ///
  /// - Parameters:
  ///   - words: see `CompiledProgram.entry`.
  ///   - hostArrays: the array arguments.
  ///   - slot: the error slot of `CompiledProgram.entry`: three words that are 0.
  ///   - caller: what calls Python functions; nil where the program calls none.
  /// - Returns: a status, as `HostExecutor.run` does.
  /// - Throws: what the device reports.
  public func run(
    _ words: UnsafePointer<Int64>, hostArrays: [HostArray], slot: UnsafeMutablePointer<Int64>,
    calling caller: CallbackCaller? = nil
  ) throws(MetalError) -> Int64 {
    if let obstacle = device.obstacle { throw obstacle }
    let frame = frames.take() ?? HostFrame(code)
    defer { frames.give(frame) }
    frame.begin(code, words)
    let copies = SharedCopies(device)
    defer { copies.release() }
    let services = MetalServices(
      device: device, kernels: kernels, parameters: parameters, copies: copies,
      signatures: callbacks, slot: slot, caller: caller, externals: externals)
    let checked = try interpret(code, from: 0, frame, services)
    if checked != .done { return checked.status(slot) }
    let arguments = hostArrays.compactMap { array -> Staging.Argument? in
      guard code.arguments.indices.contains(array.position), array.position < code.arrayCount,
        arrays.indices.contains(array.position)
      else { return nil }
      let register = code.arguments[array.position].register
      return Staging.Argument(array, arrays[array.position], at: frame[register], to: register)
    }
    guard copies.copyIn(arguments, frame) else { return HostOutcome.outOfMemory.status(slot) }
    if let register = code.slot {
      guard let own = copies.allocateSlot() else { return HostOutcome.outOfMemory.status(slot) }
      frame[register] = Int64(Int(bitPattern: own))
    }
    return try runBody(frame, services, copies, slot)
  }

  private func runBody(
    _ frame: HostFrame, _ services: MetalServices, _ copies: SharedCopies,
    _ slot: UnsafeMutablePointer<Int64>
  ) throws(MetalError) -> Int64 {
    defer {
      while let register = frame.temporaries.popLast() {
        services.free(UInt64(bitPattern: frame[register]))
      }
    }
    let outcome: HostOutcome
    do {
      outcome = try interpret(code, from: code.bodyStart, frame, services)
    } catch {
      try? device.wait()
      throw error
    }
    try device.wait()
    switch outcome {
    case .done, .fault, .faultOnDevice:
      copies.copyOut(slot)
      return slot[0] == 0 ? outcome.status(slot) : HostOutcome.faultRecorded.status(slot)
    case .checkFailed, .outOfMemory, .faultRecorded, .callbackFailed:
      return outcome.status(slot)
    }
  }

  /// What the status -1 means.
  public var memoryError: MetalError {
    MetalError(
      .outOfMemory,
      "The GPU is out of memory for the temporaries of '\(name)' and its copies of arrays.")
  }
}

extension Diagnostic {
  fileprivate static func tooManyThreads(_ kernel: DeviceKernel, _ greatest: Int) -> Diagnostic {
    Diagnostic(
      .program,
      "the threads of a block are up to \(kernel.grid.maximumThreads) here, and this GPU can give the kernel \(greatest)",
      at: kernel.span, help: "write parpy.threads(n).tpb(\(max(32, greatest / 32 * 32)))")
  }
}
