import CPython
import CUDARuntime
import LoopIR

/// `DeviceArray.dlpack(versioned)`: a capsule that holds the memory for as long as its consumer wants it.
@c public func parpy_device_export(
  _ object: UnsafeMutablePointer<PyObject>?, _ isVersioned: Int32
) -> UnsafeMutablePointer<PyObject>? {
  do throws(PythonException) {
    let (array, memory) = try deviceArray(object)
    guard let element = array.element else { throw PythonException() }
    let export = DLPackExport(array, element, memory)
    return isVersioned != 0
      ? export.versionedCapsule(isReadOnly: array.fields.pointee.is_read_only) : export.capsule()
  } catch {
    return nil
  }
}

/// What an exported tensor needs for as long as its consumer has it; any thread may free it.
private final class DLPackExport {
  private let memory: DeviceMemoryOwner
  private let shape: UnsafeMutablePointer<Int64>
  private var tensor: parpy_dlpack_tensor

  init(_ array: DeviceArray, _ element: ScalarType, _ memory: DeviceMemoryOwner) {
    self.memory = memory
    let count = array.dimensions
    shape = .allocate(capacity: 2 * count + 1)
    for dimension in 0..<count {
      (shape + dimension).initialize(to: Int64(array.extents[dimension]))
      (shape + count + dimension).initialize(
        to: Int64(array.strides[dimension] / max(1, array.itemSize)))
    }
    tensor = parpy_dlpack_tensor()
    tensor.data = UnsafeMutableRawPointer(bitPattern: UInt(array.fields.pointee.address))
    tensor.device.type = DLPackDevice.cuda.rawValue
    tensor.device.identifier = Int32(truncatingIfNeeded: memory.storage.device.ordinal)
    tensor.dimension_count = Int32(truncatingIfNeeded: count)
    tensor.element.code = ElementFormat.dlpackCode(of: element)
    tensor.element.bits = UInt8(truncatingIfNeeded: element.size * 8)
    tensor.element.lanes = 1
    tensor.extents = shape
    tensor.strides = shape + count
  }

  deinit { shape.deallocate() }

  /// A capsule of DLPack before version 1.
  func capsule() -> PythonPointer? {
    let managed = UnsafeMutablePointer<parpy_dlpack_managed>.allocate(capacity: 1)
    managed.initialize(
      to: parpy_dlpack_managed(
        tensor: tensor, context: Unmanaged.passRetained(self).toOpaque(),
        deleter: { managed in
          guard let managed else { return }
          DLPackExport.release(managed.pointee.context)
          managed.deallocate()
        }))
    let capsule = PyCapsule_New(managed, py_dlpack_name) { capsule in
      // A consumer renames what it takes over.
      guard PyCapsule_IsValid(capsule, py_dlpack_name) != 0,
        let memory = PyCapsule_GetPointer(capsule, py_dlpack_name)
      else { return }
      let managed = memory.assumingMemoryBound(to: parpy_dlpack_managed.self)
      managed.pointee.deleter?(managed)
    }
    if capsule == nil { managed.pointee.deleter?(managed) }
    return capsule
  }

  /// A capsule of DLPack 1, which says whether the elements may be written.
  func versionedCapsule(isReadOnly: Bool) -> PythonPointer? {
    let managed = UnsafeMutablePointer<parpy_dlpack_managed_versioned>.allocate(capacity: 1)
    managed.initialize(
      to: parpy_dlpack_managed_versioned(
        major: 1, minor: 0, context: Unmanaged.passRetained(self).toOpaque(),
        deleter: { managed in
          guard let managed else { return }
          DLPackExport.release(managed.pointee.context)
          managed.deallocate()
        }, flags: isReadOnly ? 1 : 0, tensor: tensor))
    let capsule = PyCapsule_New(managed, py_dlpack_versioned_name) { capsule in
      guard PyCapsule_IsValid(capsule, py_dlpack_versioned_name) != 0,
        let memory = PyCapsule_GetPointer(capsule, py_dlpack_versioned_name)
      else { return }
      let managed = memory.assumingMemoryBound(to: parpy_dlpack_managed_versioned.self)
      managed.pointee.deleter?(managed)
    }
    if capsule == nil { managed.pointee.deleter?(managed) }
    return capsule
  }

  /// Lets go of the memory; a consumer may do so from a thread without the GIL.
  private static func release(_ context: UnsafeMutableRawPointer?) {
    guard let context, Py_IsInitialized() != 0 else { return }
    let state = PyGILState_Ensure()
    defer { PyGILState_Release(state) }
    Unmanaged<DLPackExport>.fromOpaque(context).release()
  }
}
