import CPython
import LoopIR
import Lowering

/// What the Python face gave to `initialize`: see docs/native-interface.md.
struct Hooks {
  let intrinsics: PythonPointer
  let dtypes: PythonPointer
  let compileAndLoad: PythonPointer
  let target: PythonPointer
  let defaultBackend: PythonPointer
  let reportBackends: PythonPointer
  let reportRefusal: PythonPointer
  let compileError: PythonPointer
  let typeMismatchError: PythonPointer
  let internalCompilerError: PythonPointer
  let deviceMemoryError: PythonPointer
  let buffer: PythonPointer
  let compilation: PythonPointer
  let lowered: PythonPointer
  let warn: PythonPointer
  let shapeVariable: PythonPointer
  let typeVariable: PythonPointer
  let plainCall: PythonPointer
  let cudaDirectories: PythonPointer
  let includedContents: PythonPointer
  let compileWithNVCC: PythonPointer
  let cachedBinary: PythonPointer
  let cacheBinary: PythonPointer
  let written: PythonPointer
  let external: PythonPointer
  let callback: PythonPointer
  let callbackBuffer: PythonPointer
  let showCallback: PythonPointer
  /// Whether calls without options test data-dependent indices.
  let checksBounds: Bool

  /// The hooks of the process; nil before `initialize`. Read and written with the GIL held.
  nonisolated(unsafe) private(set) static var shared: Hooks?

  /// The hooks, or an exception that says that there are none.
  static func current() throws(PythonException) -> Hooks {
    guard let shared else {
      throw raise(py_runtime_error(), "parpy._native is not initialized; import parpy first")
    }
    return shared
  }

  /// Keeps references to everything in `object` for the rest of the process.
  static func install(_ object: PythonPointer) throws(PythonException) {
    let checksBounds = try object.attribute("check_bounds")
    let hooks = Hooks(
      intrinsics: try object.attribute("intrinsics").taken(),
      dtypes: try object.attribute("dtypes").taken(),
      compileAndLoad: try object.attribute("compile_and_load").taken(),
      target: try object.attribute("target").taken(),
      defaultBackend: try object.attribute("default_backend").taken(),
      reportBackends: try object.attribute("report_backends").taken(),
      reportRefusal: try object.attribute("report_refusal").taken(),
      compileError: try object.attribute("CompileError").taken(),
      typeMismatchError: try object.attribute("TypeMismatchError").taken(),
      internalCompilerError: try object.attribute("InternalCompilerError").taken(),
      deviceMemoryError: try object.attribute("DeviceMemoryError").taken(),
      buffer: try object.attribute("Buffer").taken(),
      compilation: try object.attribute("Compilation").taken(),
      lowered: try object.attribute("Lowered").taken(),
      warn: try object.attribute("warn").taken(),
      shapeVariable: try object.attribute("ShapeVariable").taken(),
      typeVariable: try object.attribute("TypeVariable").taken(),
      plainCall: try object.attribute("plain_call").taken(),
      cudaDirectories: try object.attribute("cuda_directories").taken(),
      includedContents: try object.attribute("included_contents").taken(),
      compileWithNVCC: try object.attribute("compile_with_nvcc").taken(),
      cachedBinary: try object.attribute("cached_binary").taken(),
      cacheBinary: try object.attribute("cache_binary").taken(),
      written: try object.attribute("written").taken(),
      external: try object.attribute("External").taken(),
      callback: try object.attribute("Callback").taken(),
      callbackBuffer: try object.attribute("callback_buffer").taken(),
      showCallback: try object.attribute("show_callback").taken(),
      checksBounds: PyObject_IsTrue(checksBounds.pointer) == 1)
    guard py_is_dict(hooks.intrinsics), py_is_dict(hooks.dtypes) else {
      throw raise(py_type_error(), "hooks.intrinsics and hooks.dtypes must be dictionaries")
    }
    shared = hooks
    NumPyTypes.shared.pointee.buffer = hooks.buffer
  }

  /// The name that a table has for the object; nil for what is not in it or cannot be hashed.
  func name(of object: PythonPointer, in table: PythonPointer) throws(PythonException) -> String? {
    guard let name = PyDict_GetItemWithError(table, object) else {
      // An object of the user's may raise whatever it likes when hashed or compared.
      if PyErr_Occurred() != nil { try forgetException(py_exception()) }
      return nil
    }
    return py_is_string(name) ? try String(python: name) : nil
  }
}
