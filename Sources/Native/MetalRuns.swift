import CPython
import CUDARuntime
import Compiler
import GPUMapping
import KernelText
import MetalRuntime
import Runtime
import Schedule
import Syntax

/// What runs a version on a GPU.
enum DeviceExecutor {
  case cuda(HostExecutor)
  case metal(MetalExecutor)
}

extension Variant {
  /// Runs the version on its GPU, as the other `run` does.
  func run(
    _ executor: DeviceExecutor, _ frame: CallFrame.Reference
  ) throws(PythonException) -> Int64 {
    switch executor {
    case .cuda(let executor): try run(executor, frame)
    case .metal(let executor): try run(executor, frame)
    }
  }

  /// Runs the version on a Metal device, without the interpreter's lock.
  private func run(
    _ executor: MetalExecutor, _ frame: CallFrame.Reference
  ) throws(PythonException) -> Int64 {
    let words = deviceWords(frame)
    let arrays = frame.pointee.hostArrays
    let slot = frame.pointee.slot
    func run(_ caller: CallbackCaller?) -> Result<Int64, MetalError> {
      do throws(MetalError) {
        return .success(
          try executor.run(words, hostArrays: arrays, slot: slot, calling: caller))
      } catch {
        return .failure(error)
      }
    }
    // A callback may drop every other reference to the version.
    switch withExtendedLifetime((self, executor), { withoutLock(frame, run) }) {
    case .success(-1): throw raise(executor.memoryError)
    case .success(let result): return result
    case .failure(let error):
      // What Python raised comes first.
      if PyErr_Occurred() != nil { throw PythonException() }
      throw raise(error)
    }
  }
}

/// Raises what the Metal runtime reports.
func raise(_ error: MetalError) -> PythonException {
  error.reason == .outOfMemory
    ? raiseOutOfMemory(error.description) : raise(py_runtime_error(), error.description)
}

extension FunctionState {
  /// Raises why nothing can run on Metal here, before anything is compiled for it.
  static func requireMetal() throws(PythonException) {
    do throws(MetalError) { _ = try Metal.device() } catch {
      throw raise(
        py_runtime_error(), "The backend Metal is not available here: \(error.description)")
    }
  }

  /// Compiles the kernels of a program for Metal.
  static func loadOnMetal(
    _ program: CompiledProgram, _ device: DeviceProgram, _ options: CallOptions,
    in sources: [SourceFile]
  ) throws(PythonException) -> MetalExecutor {
    try loadOnMetal(
      program.code, device, arrays: ArrayUse.uses(in: device),
      recordsFaults: device.recordsFaults, isStrict: options.compile.isStrict,
      libraries: options.build.libraries, in: sources,
      refused: { error throws(PythonException) in
        throw raise(
          try refusal(error.message, of: program.code, device, options, at: nil), in: sources)
      })
  }

  /// Compiles a text for Metal and makes its host part ready.
  ///
  /// - Parameters:
  ///   - arrays: what the program does with each array argument.
  ///   - recordsFaults: whether kernels get the address of the error slot.
  ///   - libraries: where external functions are looked for before the process itself.
  ///   - refused: raises that the text is refused.
  static func loadOnMetal(
    _ text: String, _ program: DeviceProgram, arrays: [ArrayUse], recordsFaults: Bool,
    isStrict: Bool, libraries: [String], in sources: [SourceFile],
    refused: (MetalError) throws(PythonException) -> Never
  ) throws(PythonException) -> MetalExecutor {
    let source = MetalSource(
      text, kernels: program.kernels.map { cppName($0.name) }, isStrict: isStrict)
    do {
      let device = try Metal.device()
      return try MetalExecutor(
        program, try kernels(of: source, on: device), on: device, arrays: arrays,
        recordsFaults: recordsFaults,
        externals: try program.hostSignatures.map { signature throws(PythonException) in
          try externalCaller(of: signature, in: libraries, isStrict: isStrict)
        })
    } catch let error as MetalError where error.reason == .compilation {
      try refused(error)
    } catch let error as DiagnosticError {
      throw raise(error, in: sources)
    } catch {
      throw raised(error)
    }
  }

  /// Compiles and loads what calls an external function.
  private static func externalCaller(
    of signature: ExternalSignature, in libraries: [String], isStrict: Bool
  ) throws(PythonException) -> ExternalCaller {
    let (entry, code) = compileCaller(of: signature, for: try machine(), isStrict: isStrict)
    let loaded = LoadedCode(
      try load(code, entry: entry, externals: [signature.symbol], libraries: libraries))
    return { words, slot in _ = loaded.code.entry(words, RuntimeTable.address, slot) }
  }

  /// The kernels of a text, made ready sooner where the disk cache has them.
  private static func kernels(
    of source: MetalSource, on device: any MetalDevice
  ) throws -> any MetalKernels {
    let hooks = try Hooks.current()
    let key = device.cacheKey(source)
    let known = try key.flatMap { key throws(PythonException) in
      try hooks.keptBinary(under: key)
    }
    let loaded = withoutLock { () throws(MetalError) in try device.load(source, binary: known) }
    let kernels = try loaded.get()
    if let key, let binary = kernels.binary, binary != known {
      try hooks.keep(binary, under: key)
    }
    return kernels
  }
}

/// Code that stays loaded for as long as somebody may call it.
///
/// - Requires: it goes with the GIL held.
private final class LoadedCode: @unchecked Sendable {
  let code: Variant.Code

  /// Takes over the reference to the code.
  init(_ code: Variant.Code) { self.code = code }

  deinit { py_release(code.library) }
}

/// `_native.metal_obstacle()`: why Metal cannot be used here, or None.
@c public func parpy_metal_obstacle(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    do throws(MetalError) { _ = try Metal.device() } catch {
      return try error.description.python().taken()
    }
    return OwnedObject(retaining: py_none()).taken()
  }
}
