import CPython
import LoopIR

extension ArgumentReader {
  // MARK: - __array_interface__

  /// Reads an argument by its `__array_interface__`; false where it has none.
  func readArrayInterface(
    _ object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> Bool {
    if py_is_class(object) { return false }
    guard let interface = try object.optionalAttribute(InternedName.arrayInterface) else {
      return false
    }
    guard py_is_dict(interface.pointer),
      let typeText = PyDict_GetItemString(interface.pointer, "typestr"), py_is_string(typeText),
      let shape = PyDict_GetItemString(interface.pointer, "shape"), py_is_tuple(shape),
      let data = PyDict_GetItemString(interface.pointer, "data"), py_is_tuple(data),
      PyTuple_Size(data) == 2, let addressObject = PyTuple_GetItem(data, 0),
      let readOnlyObject = PyTuple_GetItem(data, 1)
    else { throw malformed("__array_interface__", place) }
    let element = try element(.typeString(String(python: typeText)), place)
    let address = PyLong_AsVoidPtr(addressObject)
    if address == nil, PyErr_Occurred() != nil { throw PythonException() }
    let isReadOnly = PyObject_IsTrue(readOnlyObject)
    if isReadOnly < 0 { throw PythonException() }

    let extents = try integers(shape, place)
    var strides: [Int]?
    if let given = PyDict_GetItemString(interface.pointer, "strides"), given != py_none() {
      guard py_is_tuple(given) else { throw malformed("__array_interface__", place) }
      strides = try integers(given, place)
    }
    guard strides == nil || strides?.count == extents.count else {
      throw malformed("__array_interface__", place)
    }
    try append(address, element, extents, strides, isReadOnly: isReadOnly == 1, place)
    frame.pointee.keep(interface)
    return true
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

  // MARK: - DLPack

  /// Reads an argument in CPU memory by `__dlpack__`; false where it has none.
  ///
  /// The capsule is not consumed: it gives the tensor back when the frame drops it.
  func readDLPack(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) -> Bool {
    if py_is_class(object) { return false }
    guard let export = try object.optionalAttribute(InternedName.dlpack),
      let deviceOf = try object.optionalAttribute(InternedName.dlpackDevice)
    else { return false }
    let device = try deviceOf.pointer.call()
    guard py_is_tuple(device.pointer), let kind = PyTuple_GetItem(device.pointer, 0) else {
      throw malformed("__dlpack_device__", place)
    }
    // kDLCPU
    guard try kind.integer() == 1 else {
      throw callee.typeMismatch(
        place,
        ": this \(object.className) lies in the memory of another device, and this version of ParPy runs on the CPU; "
          + "move it to the CPU")
    }
    let capsule = try export.pointer.call()
    guard let memory = PyCapsule_GetPointer(capsule.pointer, "dltensor") else {
      throw PythonException()
    }
    let tensor = memory.assumingMemoryBound(to: parpy_dlpack_tensor.self).pointee
    let element = try element(
      .dlpack(code: tensor.element.code, bits: tensor.element.bits, lanes: tensor.element.lanes),
      place)
    let dimensions = Int(tensor.dimension_count)
    guard 0...TypeWord.maximumDimensions ~= dimensions, dimensions == 0 || tensor.extents != nil
    else { throw callee.wrongValue(place, ArrayLayout.Fault.tooManyDimensions.message) }
    let extents = (0..<dimensions).map { Int(tensor.extents[$0]) }
    let strides = tensor.strides.map { strides in
      (0..<dimensions).map { Int(strides[$0]).multipliedReportingOverflow(by: element.size).0 }
    }
    let address = tensor.data.map { $0 + Int(truncatingIfNeeded: tensor.byte_offset) }
    try append(address, element, extents, strides, isReadOnly: false, place)
    frame.pointee.keep(capsule)
    return true
  }

  // MARK: - What both have in common

  private func element(
    _ format: ElementFormat, _ place: ArgumentPlace
  ) throws(PythonException) -> ScalarType {
    switch format {
    case .element(let type): return type
    case .swapped: throw swapped(place)
    case .unsupported(let name): throw unsupported(name, place)
    }
  }

  private func append(
    _ data: UnsafeMutableRawPointer?, _ element: ScalarType, _ extents: [Int], _ strides: [Int]?,
    isReadOnly: Bool, _ place: ArgumentPlace
  ) throws(PythonException) {
    if extents.isEmpty {
      guard let data else { throw malformed("array", place) }
      return append(scalar: element, isWeak: false, ArrayLayout.scalarBits(element, at: data))
    }
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

  private func malformed(_ what: String, _ place: ArgumentPlace) -> PythonException {
    callee.typeMismatch(place, ": its \(what) is malformed; \(Self.accepted)")
  }
}
