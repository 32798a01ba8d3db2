import CPython
import LoopIR

extension ArgumentReader {
  // MARK: - __array_interface__

  /// Reads an argument by its `__array_interface__`; false where it has none.
  func readArrayInterface(
    _ object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> Bool {
    if py_is_class(object) { return false }
    guard let interface = try object.optionalAttribute(InternedNames.shared.arrayInterface) else {
      return false
    }
    guard py_is_dict(interface.pointer) else { throw malformed("__array_interface__", place) }
    if let mask = PyDict_GetItemString(interface.pointer, "mask"), mask != py_none() {
      throw callee.typeMismatch(place, ": an array with a mask is not supported; pass a copy")
    }
    let (element, extents, strides) = try type(of: interface.pointer, place)
    guard let data = PyDict_GetItemString(interface.pointer, "data"), data != py_none() else {
      throw malformed("__array_interface__", place)
    }
    let (address, size, isReadOnly) =
      py_is_tuple(data)
      ? try memory(at: data, place) : try memory(of: data, interface.pointer, place)
    if let size, !Self.fits(extents, strides, itemSize: element.size, in: size) {
      throw callee.wrongValue(place, ": its __array_interface__ reaches beyond its memory")
    }
    try append(address, element, extents, strides, isReadOnly: isReadOnly, place)
    frame.pointee.keep(interface)
    return true
  }

  /// Element type, extents and strides in bytes that an array interface describes.
  private func type(
    of interface: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> (ScalarType, [Int], [Int]?) {
    guard let typeText = PyDict_GetItemString(interface, "typestr"), py_is_string(typeText),
      let shape = PyDict_GetItemString(interface, "shape"), py_is_tuple(shape)
    else { throw malformed("__array_interface__", place) }
    let element = try element(.typeString(String(python: typeText)), place)
    let extents = try integers(shape, place)
    var strides: [Int]?
    if let given = PyDict_GetItemString(interface, "strides"), given != py_none() {
      guard py_is_tuple(given) else { throw malformed("__array_interface__", place) }
      strides = try integers(given, place)
    }
    guard strides == nil || strides?.count == extents.count else {
      throw malformed("__array_interface__", place)
    }
    return (element, extents, strides)
  }

  /// The memory that a pair of an address and whether it is read-only describes; its size is not known.
  private func memory(
    at pair: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> (UnsafeMutableRawPointer?, Int?, isReadOnly: Bool) {
    guard PyTuple_Size(pair) == 2, let addressObject = PyTuple_GetItem(pair, 0),
      let readOnlyObject = PyTuple_GetItem(pair, 1)
    else { throw malformed("__array_interface__", place) }
    let address = PyLong_AsVoidPtr(addressObject)
    if address == nil, PyErr_Occurred() != nil { throw PythonException() }
    let isReadOnly = PyObject_IsTrue(readOnlyObject)
    if isReadOnly < 0 { throw PythonException() }
    return (address, nil, isReadOnly == 1)
  }

  /// The memory of an object with the buffer protocol, from the interface's offset on.
  private func memory(
    of data: PythonPointer, _ interface: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> (UnsafeMutableRawPointer?, Int?, isReadOnly: Bool) {
    var offset = 0
    if let given = PyDict_GetItemString(interface, "offset") { offset = try given.integer() }
    let view = frame.pointee.buffers + frame.pointee.bufferCount
    guard PyObject_GetBuffer(data, view, PyBUF_SIMPLE) == 0 else {
      try forgetException(py_exception())
      throw malformed("__array_interface__", place)
    }
    frame.pointee.bufferCount &+= 1
    guard 0...view.pointee.len ~= offset else { throw malformed("__array_interface__", place) }
    return (
      view.pointee.buf.map { $0 + offset }, view.pointee.len - offset, view.pointee.readonly != 0
    )
  }

  /// Whether the array keeps within so many bytes from its first element on.
  private static func fits(
    _ extents: [Int], _ strides: [Int]?, itemSize: Int, in size: Int
  ) -> Bool {
    var stride = itemSize
    var end = itemSize
    for dimension in extents.indices.reversed() {
      let extent = extents[dimension]
      if extent <= 0 { return extent == 0 }
      let step = strides?[dimension] ?? stride
      let (reach, isTooFar) = step.multipliedReportingOverflow(by: extent - 1)
      let (next, isTooMuch) = end.addingReportingOverflow(reach)
      let (whole, isTooLarge) = stride.multipliedReportingOverflow(by: extent)
      if reach < 0 || isTooFar || isTooMuch || isTooLarge { return extents.contains(0) }
      end = next
      stride = whole
    }
    return end <= size || extents.contains(0)
  }

  // MARK: - parpy.buffer.Buffer

  /// Reads a buffer of ours by the NumPy array or the memory of a device in it, or by its description where code is only
  /// to be shown.
  func readOwnBuffer(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    let array = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.array))
    if array.pointer != py_none() {
      let pointer = array.pointer
      frame.pointee.keep(array)
      if let onDevice = DeviceArray(pointer) { return try readDeviceArray(onDevice, place) }
      if let known = NumPyTypes.shared.pointee.array, py_type(pointer) == known {
        return try readNumPyArray(pointer, place)
      }
      return try readBuffer(pointer, place)
    }
    guard frame.pointee.isDescribing else {
      throw callee.wrongValue(
        place,
        " only describes an array, for parpy.print_compiled; make the buffer by parpy.buffer.from_array(x, "
          + "parpy.CompileBackend.Cpu)")
    }
    let description = try OwnedObject(PyObject_GetAttr(object, InternedNames.shared.description))
    guard py_is_dict(description.pointer) else { throw malformed("description", place) }
    let (element, extents, strides) = try type(of: description.pointer, place)
    if extents.isEmpty { throw malformed("description", place) }
    // Nothing is ever read from there.
    let address = UnsafeMutableRawPointer(bitPattern: 64)
    try append(address, element, extents, strides, isReadOnly: false, place)
    frame.pointee.forgetPlace()
  }

  // MARK: - __cuda_array_interface__

  /// Reads an array on a CUDA device by its `__cuda_array_interface__`; false where it has none.
  func readCUDAArray(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException)
    -> Bool
  {
    if py_is_class(object) { return false }
    guard let interface = try object.optionalAttribute(InternedNames.shared.cudaArrayInterface)
    else {
      return false
    }
    guard py_is_dict(interface.pointer) else { throw malformed("__cuda_array_interface__", place) }
    if let mask = PyDict_GetItemString(interface.pointer, "mask"), mask != py_none() {
      throw callee.typeMismatch(place, ": an array with a mask is not supported; pass a copy")
    }
    let (element, extents, strides) = try type(of: interface.pointer, place)
    guard let data = PyDict_GetItemString(interface.pointer, "data"), py_is_tuple(data) else {
      throw malformed("__cuda_array_interface__", place)
    }
    if extents.isEmpty { throw scalarOnDevice(place) }
    let (address, _, isReadOnly) = try memory(at: data, place)
    try append(address, element, extents, strides, isReadOnly: isReadOnly, place)
    frame.pointee.markOnDevice(place, stream: try stream(of: interface.pointer))
    frame.pointee.keep(interface)
    return true
  }

  /// The stream on which an array's contents are ready, as its `__cuda_array_interface__` says since version 3.
  private func stream(of interface: PythonPointer) throws(PythonException) -> ArrayStream {
    guard let stream = PyDict_GetItemString(interface, "stream"), stream != py_none() else {
      return .standard
    }
    return .handle(UInt(bitPattern: try stream.integer()))
  }

  private func integers(_ tuple: PythonPointer, _ place: ArgumentPlace) throws(PythonException)
    -> [Int]
  {
    guard PyTuple_Size(tuple) <= TypeWord.maximumDimensions else {
      throw callee.wrongValue(place, ArrayLayout.Fault.tooManyDimensions.message)
    }
    var numbers: [Int] = []
    try tuple.forEachItem { item throws(PythonException) in numbers.append(try item.integer()) }
    return numbers
  }

  // MARK: - What both have in common

  /// The element type, or why there is none.
  func element(
    _ format: ElementFormat, _ place: ArgumentPlace
  ) throws(PythonException) -> ScalarType {
    switch format {
    case .element(let type): return type
    case .swapped: throw swapped(place)
    case .unsupported(let name): throw unsupported(name, place)
    }
  }

  /// Adds an array that is described by numbers, or a scalar where it has no dimensions.
  func append(
    _ data: UnsafeMutableRawPointer?, _ element: ScalarType, _ extents: [Int], _ strides: [Int]?,
    isReadOnly: Bool, _ place: ArgumentPlace
  ) throws(PythonException) {
    if extents.isEmpty {
      guard let data else { throw malformed("array", place) }
      return append(scalar: element, isWeak: false, ScalarBits(element, at: data))
    }
    guard data != nil || extents.contains(0) else { throw malformed("array", place) }
    let fault = extents.withUnsafeBufferPointer { extents -> PythonException? in
      (strides ?? []).withUnsafeBufferPointer { given -> PythonException? in
        let layout = ArrayLayout(
          data: data, element: element, dimensions: extents.count, extents: extents.baseAddress,
          strides: strides == nil ? nil : given.baseAddress, isReadOnly: isReadOnly,
          isContiguous: nil)
        do throws(PythonException) {
          try append(layout, place)
          return nil
        } catch {
          return error
        }
      }
    }
    if let fault { throw fault }
  }

  /// Raises that what the argument says of itself makes no sense.
  func malformed(_ what: String, _ place: ArgumentPlace) -> PythonException {
    callee.typeMismatch(place, ": its \(what) is malformed; \(Self.accepted)")
  }
}
