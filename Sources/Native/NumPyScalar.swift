import CPython
import LoopIR

/// Reading of NumPy's scalars, such as `numpy.float32(1)`.
enum NumPyScalar {
  /// The type and the bits of a NumPy scalar, as `CallSignature.Argument` has them; nil for types that ParPy has not.
  static func read(
    _ object: PythonPointer
  ) throws(PythonException) -> (ScalarType, ScalarBits)? {
    // Such a scalar gives its bytes without a format.
    if object.className.split(separator: ".").last == "bfloat16" {
      let number = try OwnedObject(PyNumber_Float(object))
      let bits = Int64(bitPattern: PyFloat_AsDouble(number.pointer).bitPattern)
      return (.bfloat16, ScalarBits(bits))
    }
    var view = Py_buffer()
    guard PyObject_GetBuffer(object, &view, PyBUF_STRIDES | PyBUF_FORMAT) == 0 else {
      try forgetException(py_exception())
      return nil
    }
    defer { PyBuffer_Release(&view) }
    // Dates give their bytes, as an array.
    guard view.ndim == 0, let data = view.buf,
      case .element(let type) = ElementFormat.buffer(view.format, itemSize: view.itemsize)
    else { return nil }
    return (type, ScalarBits(type, at: data))
  }
}
