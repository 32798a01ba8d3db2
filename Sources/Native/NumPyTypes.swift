import CPython
import LoopIR

/// NumPy's classes, and whether its arrays may be read without the buffer protocol.
///
/// NumPy's C API lets extensions read the fields of an array directly, so their places are fixed for NumPy 1 and 2.
/// Reading them takes 2 ns where the buffer protocol takes 110 ns. A look at one array when the module is loaded
/// confirms the places; where it does not, the buffer protocol is used.
struct NumPyTypes {
  /// `numpy.ndarray`, where its fields are where we expect them.
  var array: OpaquePointer?
  /// `numpy.ndarray`, wherever its fields are.
  var arrayClass: PythonPointer?
  /// `numpy.generic`, the base of all NumPy scalars.
  var scalar: PythonPointer?
  /// The number of the dtype bfloat16, once an array of it was seen.
  var bfloat16Number: Int32 = -1
  /// `parpy.buffer.Buffer`, which has a NumPy array within.
  var buffer: PythonPointer?

  private nonisolated(unsafe) static var place: UnsafeMutablePointer<NumPyTypes>?

  /// The classes of the process.
  static var shared: UnsafeMutablePointer<NumPyTypes> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<NumPyTypes> {
    let made = UnsafeMutablePointer.kept(NumPyTypes())
    place = made
    return made
  }

  /// Looks the classes up and checks the layout of arrays.
  static func install() throws(PythonException) {
    let numpy = try OwnedObject(PyImport_ImportModule("numpy"))
    let scalar = try numpy.attribute("generic").taken()
    let array = try numpy.attribute("ndarray").taken()
    let isAsExpected = try isLayoutAsExpected(numpy.pointer)
    shared.pointee = NumPyTypes(
      array: isAsExpected ? OpaquePointer(array) : nil, arrayClass: array,
      scalar: scalar, buffer: nil)
  }

  /// Whether an array of known looks reads as it should.
  private static func isLayoutAsExpected(
    _ numpy: PythonPointer
  ) throws(PythonException) -> Bool {
    let make = try numpy.attribute("ones")
    let shape = try OwnedObject(PyTuple_New(2))
    guard PyTuple_SetItem(shape.pointer, 0, PyLong_FromLong(3)) == 0,
      PyTuple_SetItem(shape.pointer, 1, PyLong_FromLong(5)) == 0
    else { throw PythonException() }
    let dtype = try OwnedObject(PyUnicode_FromString("float64"))
    let object = try make.pointer.call(shape.pointer, dtype.pointer)
    guard let size = try? object.attribute("itemsize").pointer.integer(), size == 8 else {
      return false
    }
    let basicSize = try OwnedObject(
      PyObject_GetAttrString(py_type_object(object.pointer), "__basicsize__"))
    guard try basicSize.pointer.integer() >= MemoryLayout<parpy_ndarray>.size else { return false }
    let fields = UnsafeMutableRawPointer(object.pointer).assumingMemoryBound(to: parpy_ndarray.self)
    let array = fields.pointee
    guard array.dimension_count == 2, let extents = array.extents, let strides = array.strides,
      extents[0] == 3, extents[1] == 5, strides[0] == 40, strides[1] == 8,
      let data = array.data, let descriptor = array.descriptor
    else { return false }
    let dtypeFields = UnsafeMutableRawPointer(descriptor).assumingMemoryBound(to: parpy_dtype.self)
    let wanted =
      parpy_ndarray_is_contiguous | parpy_ndarray_is_aligned
      | parpy_ndarray_is_writable
    return array.flags & wanted == wanted && dtypeFields.pointee.type_number == 12
      && UnsafeRawPointer(data).loadUnaligned(as: Double.self) == 1
  }

  /// The class that makes the elements of an array mean more than their memory says, by name: a masked array, or a
  /// matrix, which has other operators. Nil for other objects.
  static func misleadingClass(of object: PythonPointer) throws(PythonException) -> String? {
    guard let array = shared.pointee.arrayClass, py_is_instance(object, array),
      py_type_object(object) != array
    else { return nil }
    let order = try OwnedObject(PyObject_GetAttrString(py_type_object(object), "__mro__"))
    var found: String?
    try order.pointer.forEachItem { type throws(PythonException) in
      let name = try type.attribute("__name__")
      let text = try String(python: name.pointer)
      if text == "MaskedArray" || text == "matrix" { found = text }
    }
    return found
  }

  /// The element type with that number of NumPy's, or nil.
  static func element(number: Int32) -> ScalarType? {
    switch number {
    case 0: .bool
    case 1: .int8
    case 2: .uint8
    case 3: .int16
    case 4: .uint16
    case 5: .int32
    case 6: .uint32
    case 7: MemoryLayout<CLong>.size == 8 ? .int64 : .int32
    case 8: MemoryLayout<CLong>.size == 8 ? .uint64 : .uint32
    case 9: .int64
    case 10: .uint64
    case 11: .float32
    case 12: .float64
    case 14: .complex64
    case 15: .complex128
    case 23: .float16
    case shared.pointee.bfloat16Number: .bfloat16
    default: nil
    }
  }

  /// The type of a dtype that is not NumPy's own, or nil: only bfloat16 is known, which has the number that it got when
  /// `ml_dtypes` was imported.
  static func foreignElement(
    _ descriptor: PythonPointer, number: Int32
  ) throws(PythonException) -> ScalarType? {
    guard number >= 256 else { return nil }
    let name = try descriptor.attribute("name")
    guard py_is_string(name.pointer), try String(python: name.pointer) == "bfloat16",
      try descriptor.attribute("itemsize").pointer.integer() == 2
    else { return nil }
    shared.pointee.bfloat16Number = number
    return .bfloat16
  }
}
