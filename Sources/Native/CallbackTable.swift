import CPython
import CRuntime
import LoopIR
import Runtime
import Schedule

/// The Python functions that a version's code calls, and the calls that are under way.
///
/// Compiled code runs without the interpreter's lock; a callback takes it with the thread state that the call came with, so
/// Python sees one thread that goes from the caller through compiled code into the callback.
final class CallbackTable {
  private let signatures: [CallbackSignature]
  /// The function of each signature; references that the table owns.
  let functions: [PythonPointer]
  /// Whether each call is printed before it is made.
  private let printsCalls: Bool

  /// What a host part returns whose callback failed: a Python exception is set.
  static let failed: Int64 = -3

  /// A call of compiled code that may call back; the last word of its slot is the address.
  private struct Activity {
    let table: Unmanaged<CallbackTable>
    let frame: CallFrame.Reference
    /// The thread's state while it runs compiled code.
    var thread: OpaquePointer?
  }

  /// The table of a program whose callbacks are positions among `objects`.
  init(
    _ signatures: [CallbackSignature], objects: [HeldCallback], printsCalls: Bool
  ) throws(PythonException) {
    var functions: [PythonPointer] = []
    var failure: PythonException?
    for signature in signatures {
      do throws(PythonException) {
        guard objects.indices.contains(signature.position) else {
          throw raise(py_runtime_error(), "there is no callback '\(signature.name)'")
        }
        let object = objects[signature.position].pointer
        functions.append(try object.attribute("__wrapped__").taken())
      } catch {
        failure = error
        break
      }
    }
    self.signatures = signatures
    self.functions = functions
    self.printsCalls = printsCalls
    if let failure { throw failure }
  }

  deinit { functions.forEach { py_release($0) } }

  // MARK: - Calls

  /// Runs compiled code without the interpreter's lock, except while it calls back by `entry`.
  func run<Result>(_ frame: CallFrame.Reference, _ code: () -> Result) -> Result {
    var activity = Activity(table: .passUnretained(self), frame: frame)
    return withUnsafeMutablePointer(to: &activity) { activity in
      let slot = frame.pointee.slot
      slot[CallFrame.activityWord] = Int64(Int(bitPattern: activity))
      activity.pointee.thread = PyEval_SaveThread()
      let result = code()
      PyEval_RestoreThread(activity.pointee.thread)
      slot[CallFrame.activityWord] = 0
      return result
    }
  }

  /// What compiled code calls: `parpy_runtime.call_back`.
  static let entry: parpy_callback = { slot, index, words in
    guard let slot, let words,
      let activity = UnsafeMutablePointer<Activity>(
        bitPattern: Int(slot[CallFrame.activityWord]))
    else { return RuntimeTable.noCallbacks }
    PyEval_RestoreThread(activity.pointee.thread)
    defer { activity.pointee.thread = PyEval_SaveThread() }
    let (table, frame) = (activity.pointee.table.takeUnretainedValue(), activity.pointee.frame)
    do throws(PythonException) {
      try table.call(Int(index), words, frame)
      return 0
    } catch {
      return CallbackTable.failed
    }
  }

  private func call(
    _ index: Int, _ words: UnsafeMutablePointer<Int64>, _ frame: CallFrame.Reference
  ) throws(PythonException) {
    guard signatures.indices.contains(index) else {
      throw raise(py_runtime_error(), "the code calls back to function \(index), which is none")
    }
    let signature = signatures[index]
    let arguments = try OwnedObject(PyTuple_New(signature.operands.count))
    var rest = words + 1
    for (position, operand) in signature.operands.enumerated() {
      let argument = try Self.argument(operand, rest, frame)
      PyTuple_SetItem(arguments.pointer, position, argument.taken())
      rest += operand.wordCount
    }
    let hooks = try Hooks.current()
    if printsCalls {
      let name = try signature.name.python()
      _ = try hooks.showCallback.call(name.pointer, arguments.pointer)
    }
    let result = PyObject_Call(functions[index], arguments.pointer, nil)
    try Self.endLentBuffers(of: signature, words + 1, frame, arguments.pointer)
    let value = try OwnedObject(result)
    if let type = signature.result {
      words[0] = try CallbackResult(signature.name, type).bits(of: value.pointer)
    }
  }

  // MARK: - Arguments

  /// An operand as Python sees it: a Python number, or a buffer over the memory of an array.
  private static func argument(
    _ operand: CallbackSignature.Operand, _ words: UnsafeMutablePointer<Int64>,
    _ frame: CallFrame.Reference
  ) throws(PythonException) -> OwnedObject {
    switch operand {
    case .scalar(.bool): return try OwnedObject(PyBool_FromLong(words[0] == 0 ? 0 : 1))
    case .scalar(let type) where type.isFloat:
      return try OwnedObject(
        PyFloat_FromDouble(Double(bitPattern: UInt64(bitPattern: words[0]))))
    case .scalar(let type) where type.isUnsignedInteger:
      return try OwnedObject(PyLong_FromUnsignedLongLong(UInt64(bitPattern: words[0])))
    case .scalar: return try OwnedObject(PyLong_FromLongLong(words[0]))
    case .array(let element, let dimensions, let isTemporary, let holdsParts):
      let shown = holdsParts ? dimensions - 1 : dimensions
      let address = try OwnedObject(PyLong_FromLongLong(words[0]))
      let extents = try tuple(words + 1, shown, times: 1)
      let strides = try tuple(words + 1 + dimensions, shown, times: Int64(element.size))
      let complex: ScalarType = element == .float32 ? .complex64 : .complex128
      let name = try (holdsParts ? complex : element).name.python()
      // The memory of arguments lives as long as anybody holds the buffer.
      let isLent = isTemporary || isCopy(words[0], frame)
      let owner = isLent ? OwnedObject(retaining: py_none()) : try frame.pointee.argumentTuple()
      return try Hooks.current().callbackBuffer.call(
        address.pointer, extents.pointer, strides.pointer, name.pointer, owner.pointer)
    }
  }

  /// Whether an array of the call lies on a device, and Python gets a copy of it, at an address that is in no other array.
  private static func isCopy(_ address: Int64, _ frame: CallFrame.Reference) -> Bool {
    frame.pointee.deviceArrayCount > 0
      && !frame.pointee.hostArrays.contains { ($0.low..<$0.high).contains(Int(address)) }
  }

  private static func tuple(
    _ words: UnsafeMutablePointer<Int64>, _ count: Int, times factor: Int64
  ) throws(PythonException) -> OwnedObject {
    let tuple = try OwnedObject(PyTuple_New(count))
    for index in 0..<count {
      let size = try OwnedObject(PyLong_FromLongLong(words[index] &* factor))
      PyTuple_SetItem(tuple.pointer, index, size.taken())
    }
    return tuple
  }

  /// Takes the memory of temporaries and copies, which is about to go, from the buffers that stood for them.
  private static func endLentBuffers(
    of signature: CallbackSignature, _ words: UnsafeMutablePointer<Int64>,
    _ frame: CallFrame.Reference, _ arguments: PythonPointer
  ) throws(PythonException) {
    var rest = words
    for (position, operand) in signature.operands.enumerated() {
      let address = rest[0]
      rest += operand.wordCount
      guard case .array(_, _, let isTemporary, _) = operand,
        isTemporary || isCopy(address, frame),
        let buffer = PyTuple_GetItem(arguments, position)
      else { continue }
      // An exception of the callback's must not be in the way.
      var (type, value, traceback): (PythonPointer?, PythonPointer?, PythonPointer?) =
        (nil, nil, nil)
      PyErr_Fetch(&type, &value, &traceback)
      if PyObject_SetAttr(buffer, InternedNames.shared.array, py_none()) != 0 { PyErr_Clear() }
      PyErr_Restore(type, value, traceback)
    }
  }
}

/// A Python object that a compilation refers to.
///
/// The last reference may go where the interpreter's lock is not held.
final class HeldCallback: @unchecked Sendable {
  let pointer: PythonPointer

  /// Takes over a reference.
  init(_ object: consuming OwnedObject) { pointer = object.taken() }

  deinit {
    let state = PyGILState_Ensure()
    py_release(pointer)
    PyGILState_Release(state)
  }
}
