import CPython
import CUDARuntime

// What `python -m parpy doctor` wants to know of CUDA.

/// `_native.cuda_report()`
@c public func parpy_cuda_report(
  _ module: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (driver, devices) = try check(
      withoutLock { () throws(CUDAError) in
        let driver = try CUDADriver.withDevice()
        return (driver, try driver.deviceProperties())
      })
    let list = try OwnedObject(PyList_New(0))
    for device in devices {
      let entry = try tuple([
        try device.name.python().taken(), try device.architecture.python().taken(),
        PyLong_FromLong(device.memorySize),
      ])
      if PyList_Append(list.pointer, entry.pointer) != 0 { throw PythonException() }
    }
    return try tuple([
      try (driver.path ?? "?").python().taken(), PyLong_FromLong(driver.version), list.taken(),
    ]).taken()
  }
}

/// `_native.nvrtc_report(directories)`
@c public func parpy_nvrtc_report(
  _ module: UnsafeMutablePointer<PyObject>?, _ directories: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let directories, py_is_tuple(directories) else {
      throw raise(py_type_error(), "a tuple of directories is needed")
    }
    var places: [String] = []
    try directories.forEachItem { item throws(PythonException) in
      places.append(try String(python: item))
    }
    let wanted = places
    let nvrtc = try check(
      withoutLock { () throws(CUDAError) in try NVRTC.shared(in: wanted) })
    return try tuple([
      try nvrtc.path.python().taken(), try nvrtc.version.python().taken(),
    ]).taken()
  }
}

/// A tuple that takes over new references; nil among them says that an exception is set.
private func tuple(_ items: [PythonPointer?]) throws(PythonException) -> OwnedObject {
  let tuple = try OwnedObject(PyTuple_New(items.count))
  for (index, item) in items.enumerated() {
    guard let item, PyTuple_SetItem(tuple.pointer, index, item) == 0 else {
      throw PythonException()
    }
  }
  return tuple
}
