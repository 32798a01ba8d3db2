import CPython
import CUDARuntime
import LoopIR

// What `_native.DeviceArray` does; see Sources/CPython/DeviceArray.c.

/// `_native.device_allocate(shape, dtype, zeroed)`
@c public func parpy_device_allocate(
  _ shape: UnsafeMutablePointer<PyObject>?, _ dtype: UnsafeMutablePointer<PyObject>?,
  _ isZeroed: Int32, _ device: Int32
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let shape, let dtype else { throw PythonException() }
    return try DeviceBuffers.allocate(
      shape: shape, dtype: dtype, isZeroed: isZeroed != 0, device: device < 0 ? nil : Int(device)
    ).taken()
  }
}

/// `_native.device_borrow(array)`
@c public func parpy_device_borrow(
  _ module: UnsafeMutablePointer<PyObject>?, _ object: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let object else { throw PythonException() }
    if let array = try DeviceBuffers.borrow(object) { return array.taken() }
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// `_native.device_address(address, shape, dtype)`
@c public func parpy_device_address(
  _ address: UInt64, _ shape: UnsafeMutablePointer<PyObject>?,
  _ dtype: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    guard let shape, let dtype else { throw PythonException() }
    return try DeviceBuffers.at(address, shape: shape, dtype: dtype).taken()
  }
}

/// Ends the life of an array's hold on its memory.
@c public func parpy_device_release(_ memory: UnsafeMutableRawPointer?) {
  if let memory { Unmanaged<DeviceMemoryOwner>.fromOpaque(memory).release() }
}

// MARK: - Properties

/// `DeviceArray.shape`
@c public func parpy_device_shape(
  _ object: UnsafeMutablePointer<PyObject>?, _ closure: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (array, _) = try deviceArray(object)
    return try tuple(array.extents, array.dimensions).taken()
  }
}

/// `DeviceArray.strides`
@c public func parpy_device_strides(
  _ object: UnsafeMutablePointer<PyObject>?, _ closure: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (array, _) = try deviceArray(object)
    return try tuple(array.strides, array.dimensions).taken()
  }
}

/// `DeviceArray.dtype`
@c public func parpy_device_dtype(
  _ object: UnsafeMutablePointer<PyObject>?, _ closure: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (array, _) = try deviceArray(object)
    return try (array.element?.name ?? "?").python().taken()
  }
}

/// `DeviceArray.device`
@c public func parpy_device_ordinal(
  _ object: UnsafeMutablePointer<PyObject>?, _ closure: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (_, memory) = try deviceArray(object)
    return try OwnedObject(PyLong_FromLong(memory.storage.device.ordinal)).taken()
  }
}

// MARK: - Views

/// `DeviceArray.view(offset, shape, strides)`
@c public func parpy_device_view(
  _ object: UnsafeMutablePointer<PyObject>?, _ offset: Int,
  _ shape: UnsafeMutablePointer<PyObject>?, _ strides: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (array, memory) = try deviceArray(object)
    guard let shape, let strides, let element = array.element else { throw PythonException() }
    let extents = try DeviceBuffers.integers(shape)
    let steps = try DeviceBuffers.integers(strides)
    let isEmpty = extents.contains(0)
    let start = Int(truncatingIfNeeded: array.fields.pointee.address &- memory.storage.address)
    guard extents.count == steps.count, extents.allSatisfy({ $0 >= 0 }),
      isEmpty
        || fits(start.addingReportingOverflow(offset), extents, steps, element.size, memory.storage)
    else { throw raise(py_value_error(), "the view reaches beyond the memory") }
    let address = isEmpty ? 0 : array.fields.pointee.address &+ UInt64(bitPattern: Int64(offset))
    return try DeviceArray.make(
      memory, at: address, element, extents: extents, strides: steps,
      isReadOnly: array.fields.pointee.is_read_only
    ).taken()
  }
}

/// Whether all elements of a view lie in the memory.
private func fits(
  _ start: (partialValue: Int, overflow: Bool), _ extents: [Int], _ strides: [Int],
  _ itemSize: Int, _ storage: DeviceStorage
) -> Bool {
  var (low, high) = (start.partialValue, start.partialValue)
  var overflows = start.overflow
  for (extent, stride) in zip(extents, strides) where extent > 1 {
    let (reach, isTooFar) = stride.multipliedReportingOverflow(by: extent &- 1)
    let (end, isTooMuch) = (reach < 0 ? low : high).addingReportingOverflow(reach)
    overflows = overflows || isTooFar || isTooMuch
    if reach < 0 { low = end } else { high = end }
  }
  return !overflows && low >= 0 && high <= storage.size - itemSize
}

// MARK: - Copies

/// `DeviceArray.copy_in(source)`
@c public func parpy_device_copy_in(
  _ object: UnsafeMutablePointer<PyObject>?, _ source: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  copying(object, source, flags: PyBUF_SIMPLE) { memory, offset, view, stream throws(CUDAError) in
    try memory.storage.copyIn(
      UnsafeRawBufferPointer(start: view.buf, count: view.len), at: offset, on: stream)
  }
}

/// `DeviceArray.copy_out(target)`
@c public func parpy_device_copy_out(
  _ object: UnsafeMutablePointer<PyObject>?, _ target: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  copying(object, target, flags: PyBUF_SIMPLE | PyBUF_WRITABLE) {
    memory, offset, view, stream throws(CUDAError) in
    try memory.storage.copyOut(
      UnsafeMutableRawBufferPointer(start: view.buf, count: view.len), from: offset, on: stream)
  }
}

/// `DeviceArray.copy_from(other)`
@c public func parpy_device_copy_from(
  _ object: UnsafeMutablePointer<PyObject>?, _ other: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (array, memory) = try deviceArray(object)
    let (source, origin) = try deviceArray(other)
    guard array.fields.pointee.is_contiguous, source.fields.pointee.is_contiguous,
      array.byteCount == source.byteCount
    else { throw raise(py_value_error(), "only contiguous arrays of one size are copied") }
    // Where the libraries that share the memories work on different streams, these meet here.
    let (to, of) = (memory.currentStream, origin.currentStream)
    let meet = memory.stream != .any && origin.stream != .any && to != of
    let stream = memory.stream == .any ? of : to
    let (start, end) = (source.offset(in: origin), array.offset(in: memory))
    try check(
      withoutLock { () throws(CUDAError) in
        if meet { try origin.storage.device.synchronize(of) }
        try memory.storage.copy(
          from: origin.storage, at: start, to: end, array.byteCount, on: stream)
        if meet { try memory.storage.device.synchronize(stream) }
      })
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// Calls `body`, without the interpreter's lock, with where the array begins in its memory, and with the bytes of an object of
/// the host, which are as many as the array has.
private func copying(
  _ object: PythonPointer?, _ host: PythonPointer?, flags: Int32,
  _ body: (DeviceMemoryOwner, Int, Py_buffer, CUDAStream) throws(CUDAError) -> Void
) -> PythonPointer? {
  newReference { () throws(PythonException) in
    let (array, memory) = try deviceArray(object)
    var view = Py_buffer()
    guard let host, PyObject_GetBuffer(host, &view, flags) == 0 else { throw PythonException() }
    defer { PyBuffer_Release(&view) }
    guard array.fields.pointee.is_contiguous, array.byteCount == view.len else {
      throw raise(py_value_error(), "only contiguous arrays of one size are copied")
    }
    let (bytes, stream, offset) = (view, memory.currentStream, array.offset(in: memory))
    try check(withoutLock { () throws(CUDAError) in try body(memory, offset, bytes, stream) })
    return OwnedObject(retaining: py_none()).taken()
  }
}

// MARK: - The order of streams

/// `DeviceArray.synchronize()`
@c public func parpy_device_synchronize(
  _ object: UnsafeMutablePointer<PyObject>?, _ ignored: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (_, memory) = try deviceArray(object)
    let stream = memory.currentStream
    try check(
      withoutLock { () throws(CUDAError) in try memory.storage.synchronize(on: stream) })
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// `DeviceArray.order(stream)`
@c public func parpy_device_order(
  _ object: UnsafeMutablePointer<PyObject>?, _ stream: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (_, memory) = try deviceArray(object)
    guard let stream else { throw PythonException() }
    let consumer = CUDAStream(handle: UInt(bitPattern: try stream.integer()))
    // Where the memory follows another library, its latest work is on that one's stream.
    let own = memory.stream == .any ? nil : memory.currentStream
    try check(
      withoutLock { () throws(CUDAError) in
        if let own { memory.storage.end(on: own) }
        try memory.storage.begin(on: consumer)
      })
    return OwnedObject(retaining: py_none()).taken()
  }
}

/// `DeviceArray.follow(array)`
@c public func parpy_device_follow(
  _ object: UnsafeMutablePointer<PyObject>?, _ other: UnsafeMutablePointer<PyObject>?
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    let (_, memory) = try deviceArray(object)
    guard let other else { throw PythonException() }
    if TorchTensors.look(for: other) {
      memory.stream = .torch(device: Int32(truncatingIfNeeded: memory.storage.device.ordinal))
    }
    return OwnedObject(retaining: py_none()).taken()
  }
}

// MARK: - Helpers

/// The array that an object is, and its memory.
func deviceArray(
  _ object: PythonPointer?
) throws(PythonException) -> (DeviceArray, DeviceMemoryOwner) {
  guard let object, let array = DeviceArray(object), let memory = array.memory else {
    throw raise(py_type_error(), "a parpy._native.DeviceArray is needed")
  }
  return (array, memory)
}

/// A tuple of integers.
private func tuple(
  _ numbers: UnsafePointer<Int>, _ count: Int
) throws(PythonException) -> OwnedObject {
  let tuple = try OwnedObject(PyTuple_New(count))
  for index in 0..<count {
    guard PyTuple_SetItem(tuple.pointer, index, PyLong_FromLong(numbers[index])) == 0 else {
      throw PythonException()
    }
  }
  return tuple
}
