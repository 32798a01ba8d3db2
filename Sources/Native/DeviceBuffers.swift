import CPython
import CUDARuntime
import LoopIR
import Syntax

extension ArgumentReader {
  /// Reads the elements of a buffer of ours that lie on a CUDA device.
  @inline(__always)
  func readDeviceArray(_ array: DeviceArray, _ place: ArgumentPlace) throws(PythonException) {
    guard let element = array.element, let memory = array.fields.pointee.memory else {
      throw malformed("DeviceArray", place)
    }
    let owner = Unmanaged<DeviceMemoryOwner>.fromOpaque(memory)
    if array.dimensions == 0 {
      return append(
        scalar: element, isWeak: false,
        try scalar(array, element, owner.takeUnretainedValue(), place))
    }
    let isContiguous = array.fields.pointee.is_contiguous
    let layout = ArrayLayout(
      data: UnsafeRawPointer(bitPattern: UInt(array.fields.pointee.address)), element: element,
      dimensions: array.dimensions, extents: UnsafePointer(array.extents),
      strides: isContiguous ? nil : UnsafePointer(array.strides),
      isReadOnly: array.fields.pointee.is_read_only, isContiguous: isContiguous)
    try append(layout, place)
    owner._withUnsafeGuaranteedRef { owner in
      frame.pointee.markOnDevice(place, stream: owner.stream, storage: owner.storage)
    }
  }

  /// The only element of an array without dimensions, which is passed by value.
  private func scalar(
    _ array: DeviceArray, _ element: ScalarType, _ owner: DeviceMemoryOwner, _ place: ArgumentPlace
  ) throws(PythonException) -> ScalarBits {
    var value: (UInt64, UInt64) = (0, 0)
    let stream = owner.currentStream
    let outcome = withUnsafeMutableBytes(of: &value) { bytes in
      withoutLock { () throws(CUDAError) in
        try owner.storage.copyOut(
          UnsafeMutableRawBufferPointer(rebasing: bytes[..<element.size]),
          from: array.offset(in: owner), on: stream)
      }
    }
    try check(outcome)
    return withUnsafeBytes(of: &value) { bytes in
      bytes.baseAddress.map { ScalarBits(element, at: $0) } ?? ScalarBits(real: 0, imaginary: 0)
    }
  }
}

/// What `body` gives without the interpreter's lock.
func withoutLock<Result, Failure>(
  _ body: () throws(Failure) -> Result
) -> Swift.Result<Result, Failure> {
  let thread = PyEval_SaveThread()
  defer { PyEval_RestoreThread(thread) }
  do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
}

/// The value of an outcome; raises what the CUDA runtime reports.
@discardableResult
func check<Value>(_ outcome: Result<Value, CUDAError>) throws(PythonException) -> Value {
  switch outcome {
  case .success(let value): return value
  case .failure(let error): throw raise(error)
  }
}

// MARK: - Making arrays

enum DeviceBuffers {
  /// Reads the argument of `parpy.buffer.from_array` as calls read theirs.
  nonisolated(unsafe) private static var reader: Callee?

  private static func argumentReader() throws(PythonException) -> Callee {
    if let reader { return reader }
    let made = try Callee(name: "from_array", parameters: [.init("t")], sources: [])
    reader = made
    return made
  }

  /// New memory on a device; nil stands for the current one.
  static func allocate(
    shape: PythonPointer, dtype: PythonPointer, isZeroed: Bool, device: Int?
  ) throws(PythonException) -> OwnedObject {
    let (element, extents) = try type(shape, dtype)
    let bytes = try byteCount(extents, element)
    try FunctionState.requireCUDA()
    let ordinal = device ?? DeviceOfCall.current
    let storage = try check(
      withoutLock { () throws(CUDAError) in
        let storage = try CUDADriver.shared().device(ordinal).allocate(bytes)
        if isZeroed { try storage.clear(on: .legacy) }
        return storage
      })
    return try DeviceArray.make(
      DeviceMemoryOwner(storage, stream: .any), at: storage.address, element, extents: extents,
      strides: nil, isReadOnly: false)
  }

  /// Memory at an address, which somebody else keeps.
  static func at(
    _ address: UInt64, shape: PythonPointer, dtype: PythonPointer
  ) throws(PythonException) -> OwnedObject {
    let (element, extents) = try type(shape, dtype)
    let bytes = try byteCount(extents, element)
    try FunctionState.requireCUDA()
    let device = try device(at: bytes > 0 ? address : 0)
    guard let device else {
      throw raise(
        py_value_error(), "0x\(String(address, radix: 16)) is no address in memory of a CUDA device"
      )
    }
    let storage = device.borrow(bytes > 0 ? address : 0, bytes)
    return try DeviceArray.make(
      DeviceMemoryOwner(storage, stream: .any), at: storage.address, element, extents: extents,
      strides: nil, isReadOnly: false)
  }

  /// The memory of an array of any library that lies on a CUDA device; nil for other objects.
  static func borrow(_ object: PythonPointer) throws(PythonException) -> OwnedObject? {
    let callee = try argumentReader()
    let frame = CallFrame.allocate(arguments: 1, labels: 0, names: 0)
    defer {
      frame.pointee.reset()
      CallFrame.deallocate(frame)
    }
    frame.pointee.ordered[0] = object
    try ArgumentReader(callee: callee, frame: frame).readAll()
    let word = TypeWord(bits: frame.pointee.types[0])
    guard frame.pointee.arrayCount == 1, frame.pointee.typeCount == 1, let element = word.element,
      let address = frame.pointee.deviceAddresses.first
    else { return nil }
    let count = word.dimensions
    let extents = (0..<count).map { Int(frame.pointee.values[$0]) }
    let strides =
      word.contains(.strided)
      ? (0..<count).map { Int(frame.pointee.values[count + $0]) &* element.size } : nil
    let place = frame.pointee.arrays[0]
    guard let device = try device(at: UInt64(UInt(bitPattern: place.low))) else {
      throw raise(py_value_error(), "the array does not lie in memory of a CUDA device")
    }
    let storage = device.borrow(
      UInt64(UInt(bitPattern: place.low)), place.high &- place.low)
    // What was read stays valid as long as its owner and what that gave out, such as capsules.
    let owner = try OwnedObject(PyTuple_New(frame.pointee.ownedCount + 1))
    for index in 0...frame.pointee.ownedCount {
      let kept = index == 0 ? object : frame.pointee.owned[index - 1]
      py_retain(kept)
      guard PyTuple_SetItem(owner.pointer, index, kept) == 0 else { throw PythonException() }
    }
    return try DeviceArray.make(
      DeviceMemoryOwner(storage, stream: frame.pointee.stream, owner: owner),
      at: UInt64(bitPattern: address), element, extents: extents, strides: strides,
      isReadOnly: word.contains(.readOnly))
  }

  /// The device of an address, the first for 0; nil where it is none's.
  private static func device(at address: UInt64) throws(PythonException) -> CUDADevice? {
    try check(
      withoutLock { () throws(CUDAError) in
        let driver = try CUDADriver.shared()
        let first = try driver.device(0)
        if address == 0 { return first }
        return try driver.device(ofAddress: address).map { ordinal throws(CUDAError) in
          try driver.device(ordinal)
        }
      })
  }

  private static func type(
    _ shape: PythonPointer, _ dtype: PythonPointer
  ) throws(PythonException) -> (ScalarType, [Int]) {
    let name = try String(python: dtype)
    guard let element = ScalarType(name: name) else {
      throw raise(py_type_error(), "elements of type \(name) are not supported")
    }
    let extents = try integers(shape)
    guard extents.allSatisfy({ $0 >= 0 }) else {
      throw raise(py_value_error(), "a shape has no negative extents")
    }
    return (element, extents)
  }

  /// The integers of a tuple, one for each dimension.
  static func integers(_ tuple: PythonPointer) throws(PythonException) -> [Int] {
    guard PyTuple_Size(tuple) <= TypeWord.maximumDimensions else {
      throw raise(
        py_value_error(),
        "arrays of more than \(TypeWord.maximumDimensions) dimensions are not supported")
    }
    var numbers: [Int] = []
    try tuple.forEachItem { item throws(PythonException) in numbers.append(try item.integer()) }
    return numbers
  }

  /// The number of bytes of so many elements.
  private static func byteCount(
    _ extents: [Int], _ element: ScalarType
  ) throws(PythonException) -> Int {
    if extents.contains(0) { return 0 }
    var bytes = element.size
    for extent in extents {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      if overflow {
        throw raise(
          CUDAError(
            .outOfMemory, "The GPU is out of memory: no GPU has memory for so many elements."))
      }
      bytes = product
    }
    return bytes
  }
}
