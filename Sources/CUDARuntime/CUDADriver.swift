import CCUDA

/// The CUDA driver of this process.
///
/// Any thread may use it. A child of `fork` may not: CUDA has no state there that could be used.
public final class CUDADriver: Sendable {
  /// Functions of the driver at an address that never moves.
  struct Table: @unchecked Sendable {
    let functions: UnsafePointer<parpy_cuda_driver>
  }

  private let table: Table
  /// The newest CUDA that the driver can run, as 1000 · major + 10 · minor.
  public let version: Int
  /// The library's file; nil where the functions come from elsewhere.
  public let path: String?

  /// The devices in use so far, by position.
  let devices = Locked<[Int: CUDADevice]>([:])

  /// The functions of the driver.
  var functions: UnsafePointer<parpy_cuda_driver> { table.functions }

  /// The oldest driver that has every function used here.
  private static let oldestVersion = 12000

  /// The driver of the process, opened at the first call.
  ///
  /// - Throws: what is missing, where it was looked for and what to install, at each call anew.
  public static func shared() throws(CUDAError) -> CUDADriver { try opened.get() }

  /// The driver of the process, where it has a device.
  ///
  /// - Throws: what is missing, as `shared` does.
  public static func withDevice() throws(CUDAError) -> CUDADriver {
    let driver = try shared()
    if try driver.deviceCount() > 0 { return driver }
    throw driver.error(Int32(parpy_cuda_no_device), "counting the devices")
  }

  private static let opened: Result<CUDADriver, CUDAError> = {
    do throws(CUDAError) { return .success(try CUDADriver()) } catch { return .failure(error) }
  }()

  private convenience init() throws(CUDAError) {
    let names = ["libcuda.so.1", "libcuda.so"]
    var failures: [String] = []
    guard let library = DynamicLibrary(firstOf: names, failures: &failures) else {
      throw CUDAError(
        .unavailable,
        "The CUDA driver was not found: the system's loader has neither \(names.joined(separator: " nor ")).",
        help: "install the driver of the NVIDIA GPU, version 525 or later (`nvidia-smi` shows it)")
    }
    try self.init(library.driver(), path: library.path(ofFunction: "cuInit"))
  }

  /// Starts the driver behind the functions of a table.
  init(_ functions: parpy_cuda_driver, path: String? = nil) throws(CUDAError) {
    self.path = path
    let address = UnsafeMutablePointer<parpy_cuda_driver>.allocate(capacity: 1)
    address.initialize(to: functions)
    table = Table(functions: UnsafePointer(address))
    var version: Int32 = 0
    let result = functions.driver_version(&version)
    self.version = Int(version)
    try check(result, "asking for the driver's version")
    guard version >= Self.oldestVersion else {
      throw CUDAError(
        .unavailable,
        "The CUDA driver is too old: it runs CUDA \(version / 1000).\(version % 1000 / 10), and 12.0 is needed.",
        help: "install the driver of the NVIDIA GPU, version 525 or later (`nvidia-smi` shows it)")
    }
    try check(functions.initialize(0), "starting CUDA")
  }

  /// How many devices the process may use.
  public func deviceCount() throws(CUDAError) -> Int {
    var count: Int32 = 0
    try check(functions.pointee.device_count(&count), "counting the devices")
    return Int(count)
  }

  /// The position of the device whose context is the calling thread's, which other libraries may have chosen; without a
  /// context, the first.
  public func currentDevice() -> Int {
    var current: parpy_cuda_device = 0
    guard functions.pointee.current_device(&current) == parpy_cuda_success,
      let count = try? deviceCount()
    else { return 0 }
    return (0..<count).first { (try? number(of: $0)) == current } ?? 0
  }

  /// The device on which an address lies; nil for memory of the host, or of nobody.
  public func device(ofAddress address: UInt64) -> Int? {
    let (kind, ordinal) = attributes(of: address)
    return kind == parpy_cuda_memory_on_device ? Int(ordinal) : nil
  }

  /// Whether an address is one of CUDA's: on a device, or in memory of the host that is page-locked.
  func isKnown(_ address: UInt64) -> Bool { attributes(of: address).kind != 0 }

  /// The kind of memory at an address, which is 0 where CUDA does not know it, and its device.
  ///
  /// Asked for one attribute alone, the driver calls an address that it does not know an error, which tools that watch it report.
  private func attributes(of address: UInt64) -> (kind: UInt32, ordinal: Int32) {
    var kind: UInt32 = 0
    var ordinal: Int32 = 0
    let result = withUnsafeMutablePointer(to: &kind) { kind in
      withUnsafeMutablePointer(to: &ordinal) { ordinal in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2) { names in
          withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 2) { values in
            names[0] = Int32(parpy_cuda_pointer_memory_type)
            names[1] = Int32(parpy_cuda_pointer_device)
            values[0] = UnsafeMutableRawPointer(kind)
            values[1] = UnsafeMutableRawPointer(ordinal)
            return functions.pointee.pointer_attributes(
              2, names.baseAddress, values.baseAddress, address)
          }
        }
      }
    }
    return result == parpy_cuda_success ? (kind, ordinal) : (0, 0)
  }
}

// MARK: - Results

extension CUDADriver {
  /// Throws what a result means, unless it is success.
  ///
  /// - Parameter task: what was being done, as in "while starting CUDA".
  @inline(__always)
  func check(_ result: parpy_cuda_result, _ task: @autoclosure () -> String) throws(CUDAError) {
    if result != parpy_cuda_success { throw error(result, task()) }
  }

  /// What a result means.
  func error(_ result: parpy_cuda_result, _ task: String) -> CUDAError {
    let text = "\(text(of: result)) while \(task)"
    switch CUDAError.Reason(result) {
    case .outOfMemory: return CUDAError(.outOfMemory, "The GPU is out of memory: \(text).")
    case .launch: return refusedLaunch(text)
    case .contextLost:
      return CUDAError(
        .contextLost,
        "A kernel failed on the GPU: \(text). The process cannot use the GPU any more, nor can other libraries in it.",
        help: "`compute-sanitizer python …` finds the access; `check_bounds=True` tests indices")
    case .unavailable, .compilation, .driver: break
    }
    switch Int(result) {
    case parpy_cuda_capture_unsupported...parpy_cuda_capture_wrong_thread:
      return CUDAError(
        .driver, "CUDA cannot do that while a stream is captured as a CUDA graph: \(text).",
        help: "wait for the GPU, and copy to it and from it, before or after the capture")
    case parpy_cuda_no_device:
      return CUDAError(
        .unavailable, "CUDA found no GPU: \(text).",
        help: "`nvidia-smi` lists the GPUs; an empty CUDA_VISIBLE_DEVICES hides them")
    case parpy_cuda_not_initialized:
      return CUDAError(
        .driver, "CUDA is not usable in this process: \(text).",
        help:
          "a child of `fork` cannot use CUDA: start processes with multiprocessing's 'spawn'")
    case parpy_cuda_no_binary_for_gpu, parpy_cuda_unsupported_ptx_version:
      return CUDAError(
        .unavailable, "The CUDA driver cannot load the compiled kernels: \(text).",
        help: "install a driver as new as NVRTC, or an older `nvidia-cuda-nvrtc`")
    default: return CUDAError(.driver, "CUDA failed: \(text).")
    }
  }

  /// What the result of a launch means: of more threads than a kernel may have the driver says that a value is invalid.
  func launchError(_ result: parpy_cuda_result, _ task: String) -> CUDAError {
    Int(result) == parpy_cuda_invalid_value
      ? refusedLaunch("\(text(of: result)) while \(task)") : error(result, task)
  }

  private func refusedLaunch(_ text: String) -> CUDAError {
    CUDAError(
      .launch, "The GPU refused to run a kernel: \(text).",
      help: "fewer threads a block (`.tpb(…)`) need fewer registers and less shared memory")
  }

  /// The name of a result and its meaning in the driver's words.
  private func text(of result: parpy_cuda_result) -> String {
    var name: UnsafePointer<CChar>?
    var text: UnsafePointer<CChar>?
    guard functions.pointee.error_name(result, &name) == 0, let name else {
      return "error \(result)"
    }
    guard functions.pointee.error_text(result, &text) == 0, let text else {
      return String(cString: name)
    }
    return "\(String(cString: name)) (\(String(cString: text)))"
  }
}

extension CUDAError.Reason {
  /// What kind of error a result of the driver is.
  fileprivate init(_ result: parpy_cuda_result) {
    switch Int(result) {
    case parpy_cuda_out_of_memory: self = .outOfMemory
    case parpy_cuda_launch_out_of_resources, parpy_cuda_cooperative_launch_too_large:
      self = .launch
    case parpy_cuda_illegal_address, parpy_cuda_launch_timeout, parpy_cuda_assert,
      parpy_cuda_hardware_stack_error, parpy_cuda_illegal_instruction,
      parpy_cuda_misaligned_address, parpy_cuda_invalid_address_space, parpy_cuda_invalid_pc,
      parpy_cuda_launch_failed:
      self = .contextLost
    default: self = .driver
    }
  }
}
