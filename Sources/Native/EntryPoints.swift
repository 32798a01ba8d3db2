import CPython
import CRuntime
import CUDARuntime
import Compiler
import Runtime
import Syntax

// What the C side of the module calls. Each returns NULL, or -1, with an exception set where something went wrong.

/// Initializes the module `parpy._native`.
@c public func PyInit__native() -> UnsafeMutablePointer<PyObject>? { py_module_definition() }

/// Runs when the module is made.
@c public func parpy_module_execute(_ module: UnsafeMutablePointer<PyObject>?) -> Int32 {
  if let fault = WorkerPool.environmentFault {
    _ = raise(py_value_error(), fault)
    return -1
  }
  // Reads PARPY_NUM_THREADS, and makes the pool ready for forks.
  RuntimeTable.install(callback: CallbackTable.entry)
  return 0
}

/// `_native.initialize(hooks)`
@c public func parpy_initialize(
  _ module: UnsafeMutablePointer<PyObject>?, _ hooks: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let hooks else { throw raise(py_type_error(), "hooks are missing") }
    try NumPyTypes.install()
    try Hooks.install(hooks)
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// `_native.worker_count()`
@c public func parpy_worker_count(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  PyLong_FromLong(WorkerPool.shared.workerCount)
}

// MARK: - CUDA

/// `_native.cuda_obstacle()`: why CUDA cannot be used here, or None.
@c public func parpy_cuda_obstacle(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    do throws(CUDAError) {
      _ = try CUDADriver.withDevice()
    } catch {
      return try error.description.python().taken()
    }
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// `_native.cuda_synchronize()`: waits for all work on all devices that were used.
@c public func parpy_cuda_synchronize(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    try check(withoutLock { () throws(CUDAError) in try CUDADriver.shared().synchronize() })
    return OwnedObject(retaining: py_none()).taken()
  }
}

// MARK: - States

/// Makes the state of a `_native.Function`.
@c public func parpy_function_make(
  _ function: UnsafeMutablePointer<PyObject>?, _ definition: UnsafeMutablePointer<PyObject>?,
  _ filename: UnsafeMutablePointer<PyObject>?, _ lines: UnsafeMutablePointer<PyObject>?,
  _ firstLine: Int, _ columnOffset: Int, _ annotations: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutableRawPointer? {
  guard let function, let definition, let filename, let lines, let annotations else { return nil }
  do {
    guard py_is_list(lines) || py_is_tuple(lines) else {
      throw raise(py_type_error(), "lines must be a list of strings")
    }
    var texts: [String] = []
    try lines.forEachItem { line throws(PythonException) in
      let text = try String(python: line)
      texts.append(String(text.prefix { !$0.isNewline }))
    }
    let source = SourceFile(
      name: try String(python: filename), firstLine: Int32(clamping: firstLine), lines: texts)
    let state = try FunctionState(
      function: function, definition: definition, source: source,
      columnOffset: min(max(columnOffset, 0), 1 << 20), annotations: annotations)
    return Unmanaged<CallableState>.passRetained(state).toOpaque()
  } catch {
    return nil
  }
}

/// Makes the state of a `_native.CompiledText`.
@c public func parpy_text_make(
  _ name: UnsafeMutablePointer<PyObject>?, _ text: UnsafeMutablePointer<PyObject>?,
  _ opts: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutableRawPointer? {
  guard let name, let text else { return nil }
  do {
    let state = try TextState(
      name: try String(python: name), text: try String(python: text),
      settings: try BuildSettings(opts), graphs: try GraphUse(opts))
    return Unmanaged<CallableState>.passRetained(state).toOpaque()
  } catch {
    return nil
  }
}

/// Ends a state's life with its object's.
@c public func parpy_state_release(_ state: UnsafeMutableRawPointer?) {
  if let state { Unmanaged<CallableState>.fromOpaque(state).release() }
}

/// Breaks cycles through a state.
@c public func parpy_state_clear(_ state: UnsafeMutableRawPointer?) {
  if let state { Unmanaged<CallableState>.fromOpaque(state).takeUnretainedValue().clear() }
}

/// Shows the garbage collector what a state refers to.
@c public func parpy_state_traverse(
  _ state: UnsafeMutableRawPointer?, _ visit: visitproc?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let state, let visit else { return 0 }
  for object in Unmanaged<CallableState>.fromOpaque(state).takeUnretainedValue().referents {
    let result = visit(object, argument)
    if result != 0 { return result }
  }
  return 0
}

/// `repr` of an object.
@c public func parpy_state_representation(
  _ state: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let state else { return try "<parpy object>".python().taken() }
    let object = Unmanaged<CallableState>.fromOpaque(state).takeUnretainedValue()
    return try object.representation.python().taken()
  }
}

// MARK: - Function

/// `Function.__call__`
@c public func parpy_function_call(
  _ object: UnsafeMutablePointer<PyObject>?,
  _ arguments: UnsafePointer<UnsafeMutablePointer<PyObject>?>?, _ count: Int,
  _ keywords: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  guard let state = object.flatMap({ py_state($0) }) else { return cleared() }
  return Unmanaged<FunctionState>.fromOpaque(state)._withUnsafeGuaranteedRef { function in
    do throws(PythonException) {
      return try function.call(arguments, py_vector_count(count), keywords)
    } catch {
      return nil
    }
  }
}

/// `Function.compilations`
@c public func parpy_function_compilations(
  _ object: UnsafeMutablePointer<PyObject>?, _ closure: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let list = try OwnedObject(PyList_New(0))
    for compilation in try function(object).compilations {
      let key = try compilation.key.python()
      let reason = try compilation.reason.python()
      let milliseconds = try OwnedObject(PyFloat_FromDouble(compilation.milliseconds))
      let entry = try Hooks.current().compilation.call(
        key.pointer, reason.pointer, milliseconds.pointer)
      if PyList_Append(list.pointer, entry.pointer) != 0 { throw PythonException() }
    }
    return list.taken()
  }
}

/// `Function.lower(*args, opts=None)`
@c public func parpy_function_lower(
  _ object: UnsafeMutablePointer<PyObject>?,
  _ arguments: UnsafePointer<UnsafeMutablePointer<PyObject>?>?, _ count: Int,
  _ keywords: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let function = try function(object)
    let count = py_vector_count(count)
    let program = try function.printed(arguments, count, keywords).program
    let name = try function.callee.name.python()
    let loopIR = try program.loopIR.python()
    let stages = try program.program.python()
    let code = try program.code.python()
    return try Hooks.current().lowered.call(
      name.pointer, loopIR.pointer, stages.pointer, code.pointer
    ).taken()
  }
}

/// `Function.print_compiled(args, opts)`
@c public func parpy_function_print_compiled(
  _ object: UnsafeMutablePointer<PyObject>?, _ arguments: UnsafeMutablePointer<PyObject>?,
  _ options: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let arguments else { throw PythonException() }
    return try function(object).printed(arguments, options).text.python().taken()
  }
}

/// `Function.clear()`
@c public func parpy_function_forget(
  _ object: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    withExtendedLifetime(try function(object).specializations.removeAll()) {}
    return OwnedObject(retaining: py_none()).taken()
  }
}

// MARK: - CompiledText

/// `CompiledText.__call__`
@c public func parpy_text_call(
  _ object: UnsafeMutablePointer<PyObject>?,
  _ arguments: UnsafePointer<UnsafeMutablePointer<PyObject>?>?, _ count: Int,
  _ keywords: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  guard let state = object.flatMap({ py_state($0) }) else { return cleared() }
  return newReference { () throws(PythonException) in
    let text = Unmanaged<TextState>.fromOpaque(state).takeUnretainedValue()
    return try text.call(arguments, py_vector_count(count), keywords)
  }
}

// MARK: - Helpers

/// The result of `body`, or NULL with its exception set.
func newReference(
  _ body: () throws(PythonException) -> PythonPointer
) -> PythonPointer? {
  do throws(PythonException) {
    return try body()
  } catch {
    return nil
  }
}

/// The state of a `_native.Function`.
private func function(_ object: PythonPointer?) throws(PythonException) -> FunctionState {
  guard let state = object.flatMap({ py_state($0) }) else {
    _ = cleared()
    throw PythonException()
  }
  return Unmanaged<FunctionState>.fromOpaque(state).takeUnretainedValue()
}

/// Raises that the object has no state.
private func cleared() -> PythonPointer? {
  _ = raise(py_runtime_error(), "the function was cleared by the garbage collector")
  return nil
}
