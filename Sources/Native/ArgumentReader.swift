import CPython
import LoopIR

/// Reads a call's arguments into the frame's words.
struct ArgumentReader {
  let callee: Callee
  let frame: CallFrame.Reference

  /// What an argument may be, for messages.
  static let accepted =
    "pass a NumPy array, another array in CPU memory (buffer protocol, __array_interface__ or DLPack), a number, or a "
    + "dictionary from strings to these"

  /// Reads all arguments, in order, and marks those that share memory.
  @inline(__always)
  func readAll() throws(PythonException) {
    let count = callee.count
    let types = NumPyTypes.shared
    var index = 0
    while index < count {
      guard let object = frame.pointee.arguments[index] else {
        throw callee.typeMismatch(ArgumentPlace(index), " is missing")
      }
      if let array = types.pointee.array, py_type(object) == array {
        try readNumPyArray(object, ArgumentPlace(index))
      } else {
        try readOther(object, ArgumentPlace(index))
      }
      index &+= 1
    }
    frame.pointee.markOverlaps()
    frame.pointee.spreadLarge()
  }

  // MARK: - NumPy arrays

  @inline(__always)
  func readNumPyArray(_ object: PythonPointer, _ place: ArgumentPlace)
    throws(PythonException)
  {
    let array = UnsafeMutableRawPointer(object).assumingMemoryBound(to: parpy_ndarray.self)
    guard let descriptor = array.pointee.descriptor else {
      throw callee.typeMismatch(place, " has no dtype")
    }
    let dtype = UnsafeMutableRawPointer(descriptor).assumingMemoryBound(to: parpy_dtype.self)
    let number = dtype.pointee.type_number
    var element = NumPyTypes.element(number: number)
    if element == nil { element = try NumPyTypes.foreignElement(descriptor, number: number) }
    guard let element else { throw unsupported(dtypeName(descriptor), place) }
    let order = UInt8(bitPattern: dtype.pointee.byte_order)
    let foreignOrder = UInt8(ascii: Int16(1).bigEndian == 1 ? "<" : ">")
    if order == foreignOrder { throw swapped(place) }
    let dimensions = Int(array.pointee.dimension_count)
    if dimensions == 0, let data = array.pointee.data {
      return append(scalar: element, isWeak: false, ScalarBits(element, at: data))
    }
    let flags = array.pointee.flags
    let layout = ArrayLayout(
      data: array.pointee.data, element: element, dimensions: dimensions,
      extents: array.pointee.extents, strides: array.pointee.strides,
      isReadOnly: flags & parpy_ndarray_is_writable == 0,
      isContiguous: flags & parpy_ndarray_is_contiguous != 0)
    try append(layout, place)
  }

  private func dtypeName(_ descriptor: PythonPointer) -> String {
    String(describing: descriptor, orElse: "this dtype")
  }

  // MARK: - Everything else

  private func readOther(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    if let buffer = NumPyTypes.shared.pointee.buffer, py_type_object(object) == buffer {
      return try readOwnBuffer(object, place)
    }
    if py_is_exact_float(object) {
      return append(scalar: .float64, isWeak: true, bits(of: object))
    }
    if py_is_exact_int(object) { return try readInteger(object, place) }
    if py_is_bool(object) {
      return append(scalar: .bool, isWeak: true, py_is_true(object) ? 1 : 0)
    }
    if py_is_exact_complex(object) { return append(complex: object) }
    if let tensor = TorchTensors.shared.pointee.tensor, py_type_object(object) == tensor {
      return try readTorch(object, place)
    }
    if let array = CuPyArrays.shared.pointee.array, py_type_object(object) == array {
      return try readCuPy(object, place)
    }
    if py_is_dict(object) { return try readDictionary(object, place) }
    // Before `float`: `numpy.float64` is one.
    if let scalar = NumPyTypes.shared.pointee.scalar, py_is_instance(object, scalar) {
      return try readNumPyScalar(object, place)
    }
    if TorchTensors.look(for: object) { return try readTorch(object, place) }
    if CuPyArrays.look(for: object) { return try readCuPy(object, place) }
    // CuPy's arrays have a buffer protocol that only raises.
    if try readCUDAArray(object, place) { return }
    if PyObject_CheckBuffer(object) != 0 { return try readBuffer(object, place) }
    if py_is_float(object) { return append(scalar: .float64, isWeak: true, bits(of: object)) }
    if py_is_int(object) { return try readInteger(object, place) }
    if py_is_complex(object) { return append(complex: object) }
    if try readArrayInterface(object, place) { return }
    if try readDLPack(object, place) { return }
    throw try unsupported(object, place)
  }

  /// Raises that an object is nothing that an argument may be.
  private func unsupported(
    _ object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> PythonException {
    let message = ": \(object.description) is not supported"
    if try Callee.isOptions(object) {
      return callee.typeMismatch(
        place, message + " as an argument; options are named: opts=parpy.par({…})")
    }
    if place.parameter == 0, place.key == nil,
      ["self", "cls"].contains(callee.parameters.first?.name)
    {
      return callee.typeMismatch(
        place,
        message
          + "; @parpy.jit compiles functions, not methods: make what it uses of the object, arrays and "
          + "numbers, its parameters")
    }
    return callee.typeMismatch(place, message + "; \(Self.accepted)")
  }

  private func append(complex object: PythonPointer) {
    append(
      scalar: .complex128, isWeak: true,
      ScalarBits(
        real: PyComplex_RealAsDouble(object), imaginary: PyComplex_ImagAsDouble(object)))
  }

  private func bits(of float: PythonPointer) -> Int64 {
    Int64(bitPattern: PyFloat_AsDouble(float).bitPattern)
  }

  private func readInteger(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException)
  {
    var overflow: Int32 = 0
    let value = PyLong_AsLongLongAndOverflow(object, &overflow)
    if overflow != 0 {
      throw callee.wrongValue(
        place, ": the integer does not fit in 64 bits; pass a float, or a smaller integer")
    }
    if value == -1, PyErr_Occurred() != nil { throw PythonException() }
    append(scalar: .int64, isWeak: true, value)
  }

  private func readNumPyScalar(_ object: PythonPointer, _ place: ArgumentPlace)
    throws(PythonException)
  {
    guard let (type, bits) = try NumPyScalar.read(object) else {
      throw unsupported(object.className, place)
    }
    append(scalar: type, isWeak: false, bits)
  }

  /// Reads an argument by the buffer protocol.
  func readBuffer(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    if let name = try NumPyTypes.misleadingClass(of: object) {
      throw callee.typeMismatch(place, ": a \(name) is not supported; \(Self.accepted)")
    }
    let view = frame.pointee.buffers + frame.pointee.bufferCount
    // PyBUF_RECORDS_RO: strides and format, read-only allowed.
    guard PyObject_GetBuffer(object, view, PyBUF_STRIDES | PyBUF_FORMAT) == 0 else {
      try forgetException(py_exception())
      throw callee.typeMismatch(
        place, ": this \(object.className) does not let its memory be read; \(Self.accepted)")
    }
    frame.pointee.bufferCount &+= 1
    let element: ScalarType
    switch ElementFormat.buffer(view.pointee.format, itemSize: view.pointee.itemsize) {
    case .element(let type): element = type
    case .swapped: throw swapped(place)
    case .unsupported(let name): throw unsupported(name, place)
    }
    if view.pointee.ndim == 0, let data = view.pointee.buf {
      return append(scalar: element, isWeak: false, ScalarBits(element, at: data))
    }
    let layout = ArrayLayout(
      data: view.pointee.buf, element: element, dimensions: Int(view.pointee.ndim),
      extents: view.pointee.shape, strides: view.pointee.strides,
      isReadOnly: view.pointee.readonly != 0, isContiguous: nil)
    try append(layout, place)
  }

  // MARK: - Dictionaries

  private func readDictionary(
    _ dictionary: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) {
    guard place.key == nil else {
      throw callee.typeMismatch(
        place, ": a dictionary inside a dictionary is not supported; pass its entries one by one")
    }
    let start = frame.pointee.ownedCount
    let shapes = callee.dictionaries
    let number = try shapes.appendValues(of: dictionary, place, to: frame, for: callee)
    frame.pointee.append(type: TypeWord.dictionary(shape: number).bits)
    guard let keys = shapes[number]?.objects else { return }
    for (position, key) in keys.enumerated() {
      let value = frame.pointee.owned[start + position]
      let entry = ArgumentPlace(place.parameter, key: key)
      if let array = NumPyTypes.shared.pointee.array, py_type(value) == array {
        try readNumPyArray(value, entry)
      } else {
        try readOther(value, entry)
      }
    }
  }

  // MARK: - Words and messages

  /// Adds a scalar to the frame.
  @inline(__always)
  func append(scalar type: ScalarType, isWeak: Bool, _ bits: Int64) {
    var word = TypeWord.scalar(type, isWeak: isWeak)
    word.note(value: bits)
    frame.pointee.append(type: word)
    frame.pointee.append(value: bits)
  }

  /// Adds a scalar to the frame.
  @inline(__always)
  func append(scalar type: ScalarType, isWeak: Bool, _ bits: ScalarBits) {
    append(scalar: type, isWeak: isWeak, bits.value)
    if let imaginary = bits.imaginary { frame.pointee.append(value: imaginary) }
  }

  /// Adds an array to the frame.
  @inline(__always)
  func append(_ layout: ArrayLayout, _ place: ArgumentPlace) throws(PythonException) {
    do {
      try layout.append(to: frame)
    } catch {
      throw callee.wrongValue(place, error.message)
    }
  }

  /// Raises that the bytes of the elements are in the wrong order.
  func swapped(_ place: ArgumentPlace) -> PythonException {
    callee.wrongValue(
      place, " has byte-swapped elements; pass x.astype(x.dtype.newbyteorder('=')) or the like")
  }

  /// Raises that arrays of such elements are not supported.
  func unsupported(_ name: String, _ place: ArgumentPlace) -> PythonException {
    callee.typeMismatch(
      place,
      ": elements of type \(name) are not supported; supported are \(ElementFormat.supported)")
  }
}
