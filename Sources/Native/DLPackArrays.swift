import CPython
import LoopIR

extension ArgumentReader {
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
    let stated = DLPackDevice(rawValue: Int32(clamping: try kind.integer()))
    try requireReachable(stated, place)
    TorchTensors.look(for: object)
    if TorchTensors.includes(object) { try requirePlain(tensor: object, place) }
    try read(
      capsule: try capsule(export.pointer, object, place), isOnDevice: !stated.isReadable, place)
    return true
  }

  /// What `__dlpack__` gives: of DLPack 1 where the exporter knows it, since only that says what is read-only.
  private func capsule(
    _ export: PythonPointer, _ object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> OwnedObject {
    let none = try OwnedObject(PyTuple_New(0))
    let keywords = try OwnedObject(PyDict_New())
    let version = try OwnedObject(PyTuple_New(2))
    guard PyTuple_SetItem(version.pointer, 0, PyLong_FromLong(1)) == 0,
      PyTuple_SetItem(version.pointer, 1, PyLong_FromLong(0)) == 0,
      PyDict_SetItemString(keywords.pointer, "max_version", version.pointer) == 0
    else { throw PythonException() }
    if let capsule = PyObject_Call(export, none.pointer, keywords.pointer) {
      return try OwnedObject(capsule)
    }
    if PyErr_ExceptionMatches(py_type_error()) != 0 {
      PyErr_Clear()
      if let capsule = PyObject_Call(export, none.pointer, nil) { return try OwnedObject(capsule) }
    }
    throw try refused(object, place)
  }

  /// Raises what an exporter said when it was asked for its memory.
  private func refused(
    _ object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) -> PythonException {
    guard PyErr_ExceptionMatches(py_exception()) != 0 else { throw PythonException() }
    let reason = takenExceptionText()
    return callee.typeMismatch(
      place,
      ": this \(object.className) is not supported, since it does not export its memory: \(reason)")
  }

  /// Throws where a Torch tensor is more than its memory.
  private func requirePlain(
    tensor object: PythonPointer, _ place: ArgumentPlace
  ) throws(PythonException) {
    let needsGradient = try OwnedObject(PyObject_GetAttr(object, InternedName.requiresGradient))
    if py_is_true(needsGradient.pointer) {
      throw callee.typeMismatch(
        place, ": a Tensor that requires gradients is not supported; pass x.detach()")
    }
    // Its elements mean the negatives of what is in memory.
    let isNegated = try OwnedObject(PyObject_GetAttr(object, InternedName.isNegated))
    let negated = try OwnedObject(PyObject_CallNoArgs(isNegated.pointer))
    if py_is_true(negated.pointer) {
      throw callee.typeMismatch(
        place, ": a Tensor with the negative bit set is not supported; pass x.resolve_neg()")
    }
    let isConjugated = try OwnedObject(PyObject_GetAttr(object, InternedName.isConjugated))
    let conjugated = try OwnedObject(PyObject_CallNoArgs(isConjugated.pointer))
    if py_is_true(conjugated.pointer) {
      throw callee.typeMismatch(
        place, ": a Tensor with the conjugate bit set is not supported; pass x.resolve_conj()")
    }
  }

  /// Reads a Torch tensor without going through Torch's Python code.
  func readTorch(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    try requirePlain(tensor: object, place)
    guard let export = TorchTensors.shared.pointee.export else { throw malformed("Tensor", place) }
    let arguments = try OwnedObject(PyTuple_New(1))
    py_retain(object)
    PyTuple_SetItem(arguments.pointer, 0, object)
    guard let capsule = PyObject_Call(export, arguments.pointer, nil) else {
      throw try refused(object, place)
    }
    try read(capsule: OwnedObject(capsule), place)
  }

  /// - Parameter isOnDevice: whether the exporter said that its memory is a CUDA device's.
  private func read(
    capsule: consuming OwnedObject, isOnDevice: Bool = false, _ place: ArgumentPlace
  ) throws(PythonException) {
    let tensor: parpy_dlpack_tensor
    var isReadOnly = false
    if PyCapsule_IsValid(capsule.pointer, "dltensor_versioned") != 0 {
      guard let memory = PyCapsule_GetPointer(capsule.pointer, "dltensor_versioned") else {
        throw PythonException()
      }
      let versioned = memory.assumingMemoryBound(to: parpy_dlpack_versioned.self).pointee
      // What follows the version differs between major versions.
      guard versioned.major == 1 else { throw malformed("DLPack capsule", place) }
      tensor = versioned.tensor
      isReadOnly = versioned.flags & 1 != 0
    } else {
      guard PyCapsule_IsValid(capsule.pointer, "dltensor") != 0,
        let memory = PyCapsule_GetPointer(capsule.pointer, "dltensor")
      else { throw malformed("DLPack capsule", place) }
      tensor = memory.assumingMemoryBound(to: parpy_dlpack_tensor.self).pointee
    }
    let device = DLPackDevice(rawValue: tensor.device.type)
    try requireReachable(device, place)
    let element = try element(
      .dlpack(code: tensor.element.code, bits: tensor.element.bits, lanes: tensor.element.lanes),
      place)
    let dimensions = Int(tensor.dimension_count)
    guard 0...TypeWord.maximumDimensions ~= dimensions else {
      throw callee.wrongValue(place, ArrayLayout.Fault.tooManyDimensions.message)
    }
    guard dimensions == 0 || tensor.extents != nil else {
      throw malformed("DLPack capsule", place)
    }
    let address = tensor.data.map { $0 + Int(truncatingIfNeeded: tensor.byte_offset) }
    if dimensions == 0 {
      guard let address, device.isReadable, !isOnDevice else {
        throw malformed("DLPack capsule", place)
      }
      append(scalar: element, isWeak: false, ScalarBits(element, at: address))
    } else {
      try append(tensor, at: address, element, isReadOnly: isReadOnly, place)
      if isOnDevice || !device.isReadable { frame.pointee.markOnDevice(place) }
    }
    frame.pointee.keep(capsule)
  }

  private func append(
    _ tensor: parpy_dlpack_tensor, at address: UnsafeMutableRawPointer?, _ element: ScalarType,
    isReadOnly: Bool, _ place: ArgumentPlace
  ) throws(PythonException) {
    let dimensions = Int(tensor.dimension_count)
    let (extents, strides) = (frame.pointee.extents, frame.pointee.strides)
    var isEmpty = false
    for dimension in 0..<dimensions {
      extents[dimension] = Int(tensor.extents[dimension])
      isEmpty = isEmpty || extents[dimension] == 0
      guard let given = tensor.strides else { continue }
      let (stride, overflow) = Int(given[dimension]).multipliedReportingOverflow(by: element.size)
      if overflow, extents[dimension] > 1 {
        throw callee.wrongValue(place, ArrayLayout.Fault.tooLarge.message)
      }
      strides[dimension] = stride
    }
    guard address != nil || isEmpty else { throw malformed("DLPack capsule", place) }
    let layout = ArrayLayout(
      data: address, element: element, dimensions: dimensions, extents: extents,
      strides: tensor.strides == nil ? nil : UnsafePointer(strides), isReadOnly: isReadOnly,
      isContiguous: nil)
    try append(layout, place)
  }

  /// Throws where neither the CPU nor CUDA reaches memory on that device.
  private func requireReachable(_ device: DLPackDevice, _ place: ArgumentPlace)
    throws(PythonException)
  {
    if !device.isReadable && !device.isCUDA { throw elsewhere(device.name, place) }
  }

  /// Raises that the argument is not in CPU memory.
  func elsewhere(_ device: String, _ place: ArgumentPlace) -> PythonException {
    callee.typeMismatch(
      place,
      " lives on \(device), which is not supported by the CPU backend; copy it to CPU memory first, as with x.cpu() "
        + "of Torch, x.get() of CuPy or x.copy_to_host() of Numba")
  }
}

/// The kind of a device, by DLPack's number.
private struct DLPackDevice {
  let rawValue: Int32

  /// Whether the CPU can read and write its memory: its own, and what is pinned for CUDA or ROCm.
  var isReadable: Bool { [1, 3, 11].contains(rawValue) }

  /// Whether code on a CUDA device can read and write its memory: its own, and what is managed by CUDA.
  var isCUDA: Bool { rawValue == 2 || rawValue == 13 }

  /// The device with its article.
  var name: String {
    switch rawValue {
    case 2, 13: "a CUDA device"
    case 8: "a Metal device"
    case 10: "a ROCm device"
    default: "another device (number \(rawValue) of DLPack)"
    }
  }
}
