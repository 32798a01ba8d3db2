import CPython
import LoopIR

/// Reads what a callback returned as the type that its annotation says.
struct CallbackResult {
  private let name: String
  private let type: ScalarType

  /// A reader of results of type `type`.
  init(_ name: String, _ type: ScalarType) {
    self.name = name
    self.type = type
  }

  /// The result as a word: the bits of a float64, or an integer.
  func bits(of object: PythonPointer) throws(PythonException) -> Int64 {
    if type == .bool { return try truth(object) }
    if type.isFloat {
      let value = PyFloat_AsDouble(object)
      if value == -1, PyErr_Occurred() != nil { throw try wrong(object) }
      return Int64(bitPattern: value.bitPattern)
    }
    guard let number = PyNumber_Index(object) else { throw try wrong(object) }
    defer { py_release(number) }
    if type == .uint64 {
      let value = PyLong_AsUnsignedLongLong(number)
      if value == .max, PyErr_Occurred() != nil { throw try outOfRange(number) }
      return Int64(bitPattern: value)
    }
    let value = PyLong_AsLongLong(number)
    if value == -1, PyErr_Occurred() != nil { throw try outOfRange(number) }
    guard type.integerRange?.contains(value) == true else { throw try outOfRange(number) }
    return value
  }

  private func truth(_ object: PythonPointer) throws(PythonException) -> Int64 {
    var isTruth = py_is_bool(object)
    if let scalar = NumPyTypes.shared.pointee.scalar, !isTruth {
      isTruth = py_is_instance(object, scalar)
    }
    guard isTruth else { throw try wrong(object) }
    let value = PyObject_IsTrue(object)
    if value < 0 { throw PythonException() }
    return Int64(value)
  }

  /// The error for a result of another type, in place of Python's own `TypeError`.
  private func wrong(_ object: PythonPointer) throws(PythonException) -> PythonException {
    if PyErr_Occurred() != nil { try forgetException(py_type_error()) }
    return raise(
      py_type_error(),
      "callback '\(name)' returned \(object.description), and its annotation says \(type)")
  }

  private func outOfRange(_ number: PythonPointer) throws(PythonException) -> PythonException {
    if PyErr_Occurred() != nil { try forgetException(py_exception()) }
    let text = String(describing: number, orElse: "a number")
    return raise(
      py_value_error(), "callback '\(name)' returned \(text), which \(type) does not hold")
  }
}
