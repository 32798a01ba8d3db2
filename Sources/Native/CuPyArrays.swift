import CPython
import LoopIR

/// CuPy's class of arrays and its current stream, once the user has imported CuPy; we never import it.
///
/// The dictionary of `__cuda_array_interface__` takes more than a microsecond to make and to read; the attributes it
/// is made of take a third of that.
struct CuPyArrays {
  /// `cupy.ndarray`.
  var array: PythonPointer?
  /// `cupy.cuda.get_current_stream`.
  var stream: PythonPointer?

  private nonisolated(unsafe) static var place: UnsafeMutablePointer<CuPyArrays>?

  /// What the process has.
  static var shared: UnsafeMutablePointer<CuPyArrays> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<CuPyArrays> {
    let made = UnsafeMutablePointer.kept(CuPyArrays())
    place = made
    return made
  }

  /// Keeps the class where `object` is of it and has all that is read of it; whether it is of the class.
  static func look(for object: PythonPointer) -> Bool {
    if let known = shared.pointee.array { return py_type_object(object) == known }
    do throws(PythonException) {
      guard let cupy = PyImport_GetModule(try "cupy".python().pointer) else {
        PyErr_Clear()
        return false
      }
      let module = try OwnedObject(cupy)
      let array = try module.attribute("ndarray")
      guard py_type_object(object) == array.pointer else { return false }
      let stream = try module.attribute("cuda").attribute("get_current_stream")
      for name in [
        InternedNames.shared.data, InternedNames.shared.shape, InternedNames.shared.strides,
        InternedNames.shared.dtype,
        InternedNames.shared.isContiguous,
      ] { _ = try OwnedObject(PyObject_GetAttr(object, name)) }
      shared.pointee = CuPyArrays(array: array.taken(), stream: stream.taken())
      return true
    } catch {
      // A CuPy of another make: its arrays are read by the protocol.
      PyErr_Clear()
      return false
    }
  }

  /// The stream that CuPy's work goes to; nil where it does not say.
  static var currentStream: UInt? {
    guard let function = shared.pointee.stream, let stream = PyObject_CallNoArgs(function) else {
      PyErr_Clear()
      return nil
    }
    defer { py_release(stream) }
    guard let number = PyObject_GetAttr(stream, InternedNames.shared.address) else {
      PyErr_Clear()
      return nil
    }
    defer { py_release(number) }
    let handle = PyLong_AsSize_t(number)
    if PyErr_Occurred() != nil {
      PyErr_Clear()
      return nil
    }
    return UInt(handle)
  }
}

extension ArgumentReader {
  /// Reads a CuPy array by its attributes.
  func readCuPy(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    let dtype = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.dtype))
    let number = UnsafeMutableRawPointer(dtype.pointer)
      .assumingMemoryBound(to: parpy_dtype.self).pointee.type_number
    // What NumPy has no number for is read with all its names.
    guard let element = NumPyTypes.element(number: number) else {
      if try readCUDAArray(object, place) { return }
      throw malformed("cupy.ndarray", place)
    }
    let memory = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.data))
    let address = try OwnedObject(PyObject_GetAttr(memory.pointer, InternedNames.shared.address))
    let shape = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.shape))
    let dimensions = try numbers(of: shape.pointer, frame.pointee.extents, place)
    if dimensions == 0 { throw scalarOnDevice(place) }
    let isContiguous = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.isContiguous))
    var strides: UnsafePointer<Int>?
    if !py_is_true(isContiguous.pointer) {
      let given = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.strides))
      guard try numbers(of: given.pointer, frame.pointee.strides, place) == dimensions else {
        throw malformed("cupy.ndarray", place)
      }
      strides = UnsafePointer(frame.pointee.strides)
    }
    let layout = ArrayLayout(
      data: UnsafeMutableRawPointer(bitPattern: try address.pointer.integer()), element: element,
      dimensions: dimensions, extents: UnsafePointer(frame.pointee.extents), strides: strides,
      isReadOnly: false, isContiguous: nil)
    try append(layout, place)
    frame.pointee.markOnDevice(place, stream: .cupy)
  }

  /// Writes the integers of a tuple one after the other, and tells how many there are.
  private func numbers(
    of tuple: PythonPointer, _ target: UnsafeMutablePointer<Int>, _ place: ArgumentPlace
  ) throws(PythonException) -> Int {
    guard py_is_tuple(tuple) else { throw malformed("cupy.ndarray", place) }
    let count = PyTuple_Size(tuple)
    guard count <= TypeWord.maximumDimensions else {
      throw callee.wrongValue(place, ArrayLayout.Fault.tooManyDimensions.message)
    }
    for index in 0..<count {
      guard let item = PyTuple_GetItem(tuple, index) else { throw PythonException() }
      target[index] = try item.integer()
    }
    return count
  }
}
