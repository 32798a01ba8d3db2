import CPython

// Compiled kernels in the disk cache.

extension Hooks {
  /// The kernels that an earlier process, or this one, has kept under a key; nil where there are none.
  func keptBinary(under key: String) throws(PythonException) -> [UInt8]? {
    let key = try key.python()
    let known = try cachedBinary.call(key.pointer)
    guard py_is_bytes(known.pointer), let bytes = PyBytes_AsString(known.pointer) else {
      return nil
    }
    let count = PyBytes_Size(known.pointer)
    return bytes.withMemoryRebound(to: UInt8.self, capacity: count) {
      Array(UnsafeBufferPointer(start: $0, count: count))
    }
  }

  /// Keeps compiled kernels under a key.
  func keep(_ binary: [UInt8], under key: String) throws(PythonException) {
    let bytes = binary.withUnsafeBytes { raw in
      PyBytes_FromStringAndSize(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
    }
    let key = try key.python()
    let stored = try OwnedObject(bytes)
    _ = try cacheBinary.call(key.pointer, stored.pointer)
  }
}
