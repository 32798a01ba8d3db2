import CPython
import CUDARuntime
import CUDATarget
import Compiler
import GPUMapping
import MetalRuntime
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
    if let obstacle = Metal.obstacle {
      throw raise(
        py_runtime_error(), "The backend Metal is not available here: \(obstacle.description)")
    }
  }

  /// Compiles the kernels of a program for Metal.
  static func loadOnMetal(
    _ program: CompiledProgram, _ device: DeviceProgram, _ options: CallOptions,
    in sources: [SourceFile]
  ) throws(PythonException) -> MetalExecutor {
    try loadOnMetal(
      program.code, device, arrays: ArrayUse.uses(in: device),
      recordsFaults: device.recordsFaults, isStrict: options.compile.isStrict, in: sources,
      refused: { error throws(PythonException) in
        var message = "The code that ParPy has generated is refused, a bug: \(error.message)"
        if options.writesOutput { message += try written(program.code, device.host.name) }
        throw raise(Diagnostic(.bug, message, at: []), in: sources)
      })
  }

  /// Compiles a text for Metal and makes its host part ready.
  ///
  /// - Parameters:
  ///   - arrays: what the program does with each array argument.
  ///   - recordsFaults: whether kernels get the address of the error slot.
  ///   - refused: raises that the text is refused.
  static func loadOnMetal(
    _ text: String, _ program: DeviceProgram, arrays: [ArrayUse], recordsFaults: Bool,
    isStrict: Bool, in sources: [SourceFile],
    refused: (MetalError) throws(PythonException) -> Never
  ) throws(PythonException) -> MetalExecutor {
    do {
      return try withoutInterpreter {
        try MetalExecutor(
          program, text: text, kernelNames: program.kernels.map { cudaName($0.name) },
          arrays: arrays, recordsFaults: recordsFaults, isStrict: isStrict)
      }
    } catch let error as MetalError where error.reason == .compilation {
      try refused(error)
    } catch let error as DiagnosticError {
      throw raise(error, in: sources)
    } catch {
      throw raised(error)
    }
  }

  private static func withoutInterpreter<Result>(_ body: () throws -> Result) throws -> Result {
    let thread = PyEval_SaveThread()
    defer { PyEval_RestoreThread(thread) }
    return try body()
  }
}

/// `_native.metal_obstacle()`: why Metal cannot be used here, or None.
@c public func parpy_metal_obstacle(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let obstacle = Metal.obstacle else {
      return OwnedObject(retaining: py_none()).taken()
    }
    return try obstacle.description.python().taken()
  }
}
