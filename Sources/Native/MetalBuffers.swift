import CPython
import MetalRuntime

/// `_native.metal_allocate(bytes, zeroed)`: the address of new memory that Metal's GPU shares, and a capsule that keeps it.
@c public func parpy_metal_allocate(
  _ bytes: Int, _ isZeroed: Int32
) -> UnsafeMutablePointer<PyObject>? {
  newReference { () throws(PythonException) in
    try FunctionState.requireMetal()
    let memory: SharedMemory
    do throws(MetalError) {
      memory = try SharedMemory(max(1, bytes), isZeroed: isZeroed != 0, on: Metal.device())
    } catch {
      throw raise(error)
    }
    let start = memory.start
    let held = Unmanaged.passRetained(memory)
    let capsule = PyCapsule_New(held.toOpaque(), nil) { capsule in
      guard let held = PyCapsule_GetPointer(capsule, nil) else { return }
      Unmanaged<SharedMemory>.fromOpaque(held).release()
    }
    guard let capsule else {
      held.release()
      throw PythonException()
    }
    let owner = try OwnedObject(capsule)
    let pair = try OwnedObject(PyTuple_New(2))
    guard PyTuple_SetItem(pair.pointer, 0, PyLong_FromVoidPtr(start)) == 0,
      PyTuple_SetItem(pair.pointer, 1, owner.taken()) == 0
    else { throw PythonException() }
    return pair.taken()
  }
}

/// `_native.metal_holds(address, bytes)`: whether so many bytes, at least one, lie in memory of `metal_allocate`.
@c public func parpy_metal_holds(_ address: UInt64, _ bytes: Int) -> Int32 {
  guard let low = Int(exactly: address) else { return 0 }
  let (high, overflows) = low.addingReportingOverflow(bytes)
  return !overflows && low < high && SharedMemory.holds(low..<high) ? 1 : 0
}
