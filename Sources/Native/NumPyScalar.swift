import CPython
import LoopIR

/// Reading of NumPy's scalars, such as `numpy.float32(1)`.
enum NumPyScalar {
  /// The type and the bits of a NumPy scalar, as `CallSignature.Argument.scalar` has them; nil for types that ParPy has
  /// not.
  static func read(
    _ object: PythonPointer
  ) throws(PythonException) -> (ScalarType, Int64)? {
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
    return (type, ArrayLayout.scalarBits(type, at: data))
  }
}
