import CPython
import CUDARuntime
import CUDATarget
import GPUMapping
import LoopIR
import Syntax

/// CUDA C++ whose host part is compiled too, by `nvcc`.
struct NativeCode {
  let text: String
  let program: DeviceProgram
  /// What the code does with each array argument.
  let arrays: [ArrayUse]
  let recordsFaults: Bool
  let isStrict: Bool
  let build: BuildSettings
  var writesOutput = false

  /// Compiles the code and loads it for a device.
  func load(on ordinal: Int) throws(PythonException) -> HostExecutor {
    do {
      let device = try CUDADriver.shared().device(ordinal)
      let host = try compiled(for: device.properties.architecture)
      return try HostExecutor(
        program, host, on: device, arrays: arrays, recordsFaults: recordsFaults)
    } catch {
      throw raised(error)
    }
  }

  private func compiled(for architecture: String) throws(PythonException) -> NativeHost {
    let whole = text + emitCUDAEntry(program, recordsFaults: recordsFaults)
    let code = try whole.python()
    let entry = try cudaEntryName.python()
    let target = try architecture.python()
    let includes = try build.includes.pythonTuple()
    let libraries = try build.libraries.pythonTuple()
    let flags = try build.flags.pythonTuple()
    let address = try Hooks.current().compileWithNVCC.call(
      code.pointer, entry.pointer, target.pointer, py_bool(isStrict), includes.pointer,
      libraries.pointer, flags.pointer, py_bool(writesOutput))
    guard let start = PyLong_AsVoidPtr(address.pointer) else {
      if PyErr_Occurred() != nil { throw PythonException() }
      throw raise(py_runtime_error(), "the compiled code has no address")
    }
    return NativeHost(entry: start)
  }
}
