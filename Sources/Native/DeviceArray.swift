import CPython
import CUDARuntime
import LoopIR

/// The memory of one or more `_native.DeviceArray`s, and what keeps it alive.
///
/// Only a thread that holds the GIL touches one.
final class DeviceMemoryOwner {
  let storage: DeviceStorage
  /// The stream of the library that shares the memory, or `.any`.
  var stream: ArrayStream
  /// The Python object whose memory it is; nil where it is ours.
  private let owner: PythonPointer?

  /// Keeps memory, and the object that owns it.
  init(_ storage: DeviceStorage, stream: ArrayStream, owner: consuming OwnedObject? = nil) {
    self.storage = storage
    self.stream = stream
    self.owner = owner?.taken()
  }

  deinit {
    if let owner { py_release(owner) }
  }

  /// The stream on which the memory is used where nothing else says on which; to find it out may run Python code.
  var currentStream: CUDAStream { CUDAStream(handle: stream.current) }
}

/// A `_native.DeviceArray`, borrowed.
struct DeviceArray {
  typealias Fields = UnsafeMutablePointer<parpy_device_array>

  let fields: Fields

  /// The array that an object is; nil for other objects.
  @inline(__always)
  init?(_ object: PythonPointer) {
    guard py_is_device_array(object) else { return nil }
    fields = UnsafeMutableRawPointer(object).assumingMemoryBound(to: parpy_device_array.self)
  }

  private init(fields: Fields) { self.fields = fields }

  /// A new array of so many dimensions over memory; nil with an exception set.
  static func make(
    _ memory: DeviceMemoryOwner, at address: UInt64, _ element: ScalarType, extents: [Int],
    strides: [Int]?, isReadOnly: Bool
  ) throws(PythonException) -> OwnedObject {
    guard let fields = py_device_array() else { throw PythonException() }
    let object = try OwnedObject(
      UnsafeMutableRawPointer(fields).assumingMemoryBound(to: PyObject.self))
    fields.pointee.memory = Unmanaged.passRetained(memory).toOpaque()
    fields.pointee.address = address
    fields.pointee.element = Int32(element.rawValue)
    fields.pointee.item_size = Int32(element.size)
    fields.pointee.is_read_only = isReadOnly
    let array = DeviceArray(fields: fields)
    array.setGeometry(extents, strides ?? contiguousStrides(extents, itemSize: element.size))
    return object
  }

  /// The strides in bytes of elements that lie one behind the other in C's order.
  static func contiguousStrides(_ extents: [Int], itemSize: Int) -> [Int] {
    var strides = [Int](repeating: itemSize, count: extents.count)
    var stride = itemSize
    for dimension in extents.indices.reversed() {
      strides[dimension] = stride
      stride = stride &* max(1, extents[dimension])
    }
    return strides
  }

  private func setGeometry(_ extents: [Int], _ strides: [Int]) {
    fields.pointee.dimension_count = Int32(truncatingIfNeeded: extents.count)
    let (targetExtents, targetStrides) = (self.extents, self.strides)
    var expected = itemSize
    var isContiguous = true
    for dimension in extents.indices.reversed() {
      targetExtents[dimension] = extents[dimension]
      targetStrides[dimension] = strides[dimension]
      if extents[dimension] != 1 {
        if strides[dimension] != expected { isContiguous = false }
        expected = expected &* extents[dimension]
      }
    }
    fields.pointee.is_contiguous = isContiguous || extents.contains(0)
  }

  // MARK: What it is

  var memory: DeviceMemoryOwner? {
    fields.pointee.memory.map {
      Unmanaged<DeviceMemoryOwner>.fromOpaque($0).takeUnretainedValue()
    }
  }

  var element: ScalarType? {
    ScalarType(rawValue: UInt8(truncatingIfNeeded: fields.pointee.element))
  }

  var itemSize: Int { Int(fields.pointee.item_size) }
  var dimensions: Int { Int(fields.pointee.dimension_count) }

  /// The extents, in memory that lives as long as the array.
  var extents: UnsafeMutablePointer<Int> { py_device_extents(fields) }

  /// The strides in bytes, in memory that lives as long as the array.
  var strides: UnsafeMutablePointer<Int> { py_device_strides(fields) }

  /// The number of bytes of the elements.
  var byteCount: Int { (0..<dimensions).reduce(itemSize) { $0 &* extents[$1] } }

  /// Where the element whose indices are all 0 lies in the memory.
  func offset(in memory: DeviceMemoryOwner) -> Int {
    byteCount == 0
      ? 0 : Int(truncatingIfNeeded: fields.pointee.address &- memory.storage.address)
  }
}
