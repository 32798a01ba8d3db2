import CPython
import LoopIR

extension ArgumentReader {
  /// Reads an argument in CPU memory by `__dlpack__`; false where it has none.
  ///
  /// The capsule is not consumed: it gives the tensor back when the frame drops it.
  func readDLPack(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) -> Bool {
    if py_is_class(object) { return false }
    guard let export = try object.optionalAttribute(InternedNames.shared.dlpack),
      let deviceOf = try object.optionalAttribute(InternedNames.shared.dlpackDevice)
    else { return false }
    let device = try deviceOf.pointer.call()
    guard py_is_tuple(device.pointer), let kind = PyTuple_GetItem(device.pointer, 0) else {
      throw malformed("__dlpack_device__", place)
    }
    let stated = DLPackDevice(rawValue: Int32(clamping: try kind.integer()))
    try requireReachable(stated, place)
    if TorchTensors.look(for: object) {
      try requirePlain(tensor: object, isComplex: true, place)
    }
    try read(
      capsule: try capsule(export.pointer, object, place), isOnDevice: !stated.isReadable,
      isTorch: TorchTensors.includes(object), place)
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
    tensor object: PythonPointer, isComplex: Bool, _ place: ArgumentPlace
  ) throws(PythonException) {
    let needsGradient = try OwnedObject(
      PyObject_GetAttr(object, InternedNames.shared.requiresGradient))
    if py_is_true(needsGradient.pointer) {
      throw callee.typeMismatch(
        place, ": a Tensor that requires gradients is not supported; pass x.detach()")
    }
    // Its elements mean the negatives of what is in memory.
    if try holds(TorchTensors.shared.pointee.isNegated, of: object) {
      throw callee.typeMismatch(
        place, ": a Tensor with the negative bit set is not supported; pass x.resolve_neg()")
    }
    if isComplex, try holds(TorchTensors.shared.pointee.isConjugated, of: object) {
      throw callee.typeMismatch(
        place, ": a Tensor with the conjugate bit set is not supported; pass x.resolve_conj()")
    }
  }

  /// What a function of one object says of it.
  private func holds(
    _ predicate: PythonPointer?, of object: PythonPointer
  ) throws(PythonException) -> Bool {
    guard let predicate else { return false }
    let result = try OwnedObject(py_call_one(predicate, object))
    return py_is_true(result.pointer)
  }

  /// Reads a Torch tensor without going through Torch's Python code.
  func readTorch(_ object: PythonPointer, _ place: ArgumentPlace) throws(PythonException) {
    if let describe = TorchTensors.shared.pointee.exchange?.pointee.tensor_from_object {
      // The caller holds the tensor, and so its memory, until the call is over.
      var tensor = parpy_dlpack_tensor()
      guard describe(object, &tensor) == 0 else {
        var (type, value, traceback): (PythonPointer?, PythonPointer?, PythonPointer?) = (
          nil, nil, nil
        )
        PyErr_Fetch(&type, &value, &traceback)
        do {
          // What the tensor is says more than what Torch said.
          try requirePlain(tensor: object, isComplex: true, place)
        } catch {
          for object in [type, value, traceback] { object.map { py_release($0) } }
          throw error
        }
        PyErr_Restore(type, value, traceback)
        throw try refused(object, place)
      }
      let isComplex = tensor.element.code == ElementFormat.dlpackComplex
      try requirePlain(tensor: object, isComplex: isComplex, place)
      try read(tensor, isReadOnly: false, isOnDevice: false, isTorch: true, place)
    } else {
      guard let export = TorchTensors.shared.pointee.export else {
        throw malformed("Tensor", place)
      }
      try requirePlain(tensor: object, isComplex: true, place)
      guard let capsule = py_call_one(export, object) else { throw try refused(object, place) }
      try read(capsule: OwnedObject(capsule), isTorch: true, place)
    }
  }

  /// - Parameter isOnDevice: whether the exporter said that its memory is a CUDA device's.
  private func read(
    capsule: consuming OwnedObject, isOnDevice: Bool = false, isTorch: Bool, _ place: ArgumentPlace
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
    try read(tensor, isReadOnly: isReadOnly, isOnDevice: isOnDevice, isTorch: isTorch, place)
    frame.pointee.keep(capsule)
  }

  private func read(
    _ tensor: parpy_dlpack_tensor, isReadOnly: Bool, isOnDevice: Bool, isTorch: Bool,
    _ place: ArgumentPlace
  ) throws(PythonException) {
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
    let isOnDevice = isOnDevice || !device.isReadable
    if dimensions == 0 && isOnDevice { throw scalarOnDevice(place) }
    let address = tensor.data.map { $0 + Int(truncatingIfNeeded: tensor.byte_offset) }
    if dimensions == 0 {
      guard let address else { throw malformed("DLPack capsule", place) }
      return append(scalar: element, isWeak: false, ScalarBits(element, at: address))
    }
    try append(tensor, at: address, element, isReadOnly: isReadOnly, place)
    if isOnDevice {
      frame.pointee.markOnDevice(
        place, stream: isTorch ? .torch(device: tensor.device.identifier) : .standard)
    }
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

  /// Raises that a number on a device cannot be passed by value.
  func scalarOnDevice(_ place: ArgumentPlace) -> PythonException {
    callee.typeMismatch(
      place,
      ": a zero-dimensional array on a CUDA device is not supported; pass float(x) or x[None]")
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
struct DLPackDevice {
  let rawValue: Int32

  static let cuda = DLPackDevice(rawValue: 2)

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
