import CPython
import CUDARuntime

/// Which device a call runs on, where a process may use several: the one on which its arrays lie; where all lie in memory of
/// the host, the current one, which other libraries may choose.
///
/// The device is part of the key of calls for CUDA then, so that each device has versions of its own. Where there is one device
/// nothing is looked for. Read and written with the GIL held.
enum DeviceOfCall {
  private nonisolated(unsafe) static var place: UnsafeMutablePointer<CUDADriver?>?

  /// The driver, once CUDA was used and has several devices.
  private static var driver: UnsafeMutablePointer<CUDADriver?> {
    @inline(__always) get {
      if let place { return place }
      return make()
    }
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<CUDADriver?> {
    let made = UnsafeMutablePointer<CUDADriver?>.kept(nil)
    place = made
    return made
  }

  /// Notes that CUDA is used.
  static func begin(_ used: CUDADriver) throws(CUDAError) {
    if driver.pointee == nil, try used.deviceCount() > 1 { driver.pointee = used }
  }

  static var isOpen: Bool {
    @inline(__always) get { driver.pointee != nil }
  }

  /// The position of a device in the word of a key that holds a token.
  static func keyBits(_ ordinal: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: ordinal & 0xfff) << 48
  }

  /// The device of a call without arrays on any; the first where there is one.
  static var current: Int { driver.pointee?.currentDevice() ?? 0 }

  /// The device of the call in a frame.
  static func ordinal(
    of frame: CallFrame.Reference, _ callee: Callee
  ) throws(PythonException) -> Int {
    guard let driver = driver.pointee else { return 0 }
    var found: (ordinal: Int, array: Int)?
    for index in 0..<frame.pointee.arrayCount {
      guard let ordinal = frame.pointee.device(ofArray: index, driver) else { continue }
      guard let first = found else {
        found = (ordinal, index)
        continue
      }
      guard first.ordinal == ordinal else {
        throw differ(frame, callee, first: first, second: (ordinal, index))
      }
    }
    return found?.ordinal ?? driver.currentDevice()
  }

  private static func differ(
    _ frame: CallFrame.Reference, _ callee: Callee, first: (ordinal: Int, array: Int),
    second: (ordinal: Int, array: Int)
  ) -> PythonException {
    let leaves = KeyLayout(types: frame.pointee.types, of: callee, labels: 0).leaves
      .filter { $0.word.isArray }
    guard leaves.indices.contains(first.array), leaves.indices.contains(second.array) else {
      return raise(py_value_error(), "the arrays of a call lie on different CUDA devices")
    }
    let (leaf, other) = (leaves[second.array], leaves[first.array])
    let name = callee.name(of: other.parameter, key: other.key)
    return raise(
      callee.diagnostic(
        .value, leaf.parameter, key: leaf.key,
        " lies on CUDA device \(second.ordinal) but argument '\(name)' on device \(first.ordinal); "
          + "all arrays of a call must lie on one: copy one of them"),
      in: callee.sources)
  }
}

extension CallFrame {
  /// The device on which an array of the call lies; nil for memory of the host.
  fileprivate func device(ofArray index: Int, _ driver: CUDADriver) -> Int? {
    guard arrays[index].isOnDevice else { return nil }
    if let storage = arrays[index].storage {
      return storage._withUnsafeGuaranteedRef { $0.device.ordinal }
    }
    return driver.device(ofAddress: UInt64(bitPattern: block[index]))
  }
}
