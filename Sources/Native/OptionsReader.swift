import CPython
import LoopIR
import Syntax

/// Reads the `opts` of a call.
final class OptionsReader {
  /// The labels of the function as interned Python strings, owned.
  let labels: UnsafeMutableBufferPointer<PythonPointer>

  /// The token of options that ask for the undecorated function.
  static let sequentialToken: Int64 = -1
  /// The token of the default options.
  private static let defaultToken: Int64 = 0
  /// The token of a call without options.
  static let noToken = Int64.min

  /// Makes a reader for a function with the given labels.
  init(labels names: [String]) throws(PythonException) {
    var objects: [PythonPointer] = []
    for name in names { objects.append(try name.python().taken()) }
    labels = .allocate(capacity: objects.count)
    _ = labels.initialize(from: objects)
  }

  deinit {
    for label in labels { py_release(label) }
    labels.deallocate()
  }

  /// The token of the options; equal tokens mean equal options, the schedule left out.
  @inline(__always)
  static func token(_ options: PythonPointer?) throws(PythonException) -> Int64 {
    guard let options, options != py_none() else { return noToken }
    guard let token = PyObject_GetAttr(options, InternedNames.shared.token) else {
      throw wrongOptions(options)
    }
    defer { py_release(token) }
    let value = PyLong_AsLongLong(token)
    if value == -1, PyErr_Occurred() != nil { throw PythonException() }
    return value
  }

  /// A copy of options that no other thread changes; None for None and nil.
  static func snapshot(_ options: PythonPointer?) throws(PythonException) -> OwnedObject {
    guard let options, options != py_none() else { return OwnedObject(retaining: py_none()) }
    _ = try token(options)
    return try options.attribute("_snapshot").pointer.call()
  }

  private static func wrongOptions(_ options: PythonPointer) -> PythonException {
    do throws(PythonException) {
      try forgetException(py_attribute_error())
    } catch {
      return error
    }
    let message =
      "opts: \(options.description) is not supported; pass parpy.par({'label': parpy.threads(n)})"
    return raise(Diagnostic(.type, message, at: []), in: [])
  }

  /// Adds the token, with what `Auto` stands for, and the schedule of every label to the frame.
  @inline(__always)
  func append(
    _ options: PythonPointer?, token: Int64, _ standard: StandardBackend,
    to frame: CallFrame.Reference
  ) throws(PythonException) {
    // Options that are left out are the default ones.
    let key = token == Self.noToken ? Self.defaultToken : token
    frame.pointee.append(type: standard.keyWord(token: key))
    guard let options, options != py_none() else {
      for _ in labels { append(.absent, threads: 1, to: frame) }
      return
    }
    let mapping = try OwnedObject(PyObject_GetAttr(options, InternedNames.shared.parallelize))
    guard py_is_dict(mapping.pointer) else {
      throw raise(
        Diagnostic(
          .type, "opts.parallelize: \(mapping.pointer.description) is not supported; set a dict",
          at: []), in: [])
    }
    var known = 0
    let isOnGPU = standard.isGPU(token: key)
    for label in labels {
      if let schedule = PyDict_GetItemWithError(mapping.pointer, label) {
        known &+= 1
        try appendSchedule(schedule, label, isOnGPU: isOnGPU, to: frame)
      } else if PyErr_Occurred() != nil {
        throw PythonException()
      } else {
        append(.absent, threads: 1, to: frame)
      }
    }
    // Labels that the function does not have are warned of where a version is compiled, so each set of them needs one.
    if PyDict_Size(mapping.pointer) != known {
      frame.pointee.markOptions(try unknownLabels(in: mapping.pointer))
    }
  }

  /// The bits of a token's word that say that the options name labels which the function does not have, and tell them apart.
  @inline(never)
  private func unknownLabels(in mapping: PythonPointer) throws(PythonException) -> UInt64 {
    var hash = 0
    let keys = try OwnedObject(PyDict_Keys(mapping))
    try keys.pointer.forEachItem { key throws(PythonException) in
      for label in labels {
        let isEqual = PyObject_RichCompareBool(key, label, Py_EQ)
        if isEqual < 0 { throw PythonException() }
        if isEqual == 1 { return }
      }
      let own = PyObject_Hash(key)
      if own == -1 { throw PythonException() }
      hash ^= own
    }
    return 1 << 47 | UInt64(truncatingIfNeeded: hash & 0x7fff) << 32
  }

  /// Adds the words of a `LoopPar`: `_packed` is int64 threads, int32 threads per block, int32 flags.
  @inline(__always)
  private func appendSchedule(
    _ schedule: PythonPointer, _ label: PythonPointer, isOnGPU: Bool, to frame: CallFrame.Reference
  ) throws(PythonException) {
    guard let packed = PyObject_GetAttr(schedule, InternedNames.shared.packed) else {
      try forgetException(py_attribute_error())
      throw wrongSchedule(schedule, label)
    }
    defer { py_release(packed) }
    guard py_is_bytes(packed), PyBytes_Size(packed) == 16, let bytes = PyBytes_AsString(packed)
    else { throw wrongSchedule(schedule, label) }
    let raw = UnsafeRawPointer(bytes)
    let threads = Int64(littleEndian: raw.loadUnaligned(as: Int64.self))
    let word = ScheduleWord(
      threads: threads,
      threadsPerBlock: Int32(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: Int32.self)),
      flags: Int32(littleEndian: raw.loadUnaligned(fromByteOffset: 12, as: Int32.self)),
      isOnGPU: isOnGPU)
    append(word, threads: threads, to: frame)
  }

  @inline(__always)
  private func append(_ word: ScheduleWord, threads: Int64, to frame: CallFrame.Reference) {
    frame.pointee.append(type: word.bits)
    frame.pointee.append(value: word.value(threads: threads))
  }

  private func wrongSchedule(_ schedule: PythonPointer, _ label: PythonPointer) -> PythonException {
    let name = String(describing: label, orElse: "?")
    let message =
      "the schedule of label '\(name)': \(schedule.description) is not supported; pass a LoopPar, such as "
      + "parpy.threads(n)"
    return raise(Diagnostic(.type, message, at: []), in: [])
  }
}
