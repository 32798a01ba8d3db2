import CCUDA

/// What the driver says of a GPU, without opening it.
public struct DeviceProperties: Sendable, Hashable {
  public var name: String
  /// What NVRTC calls its instruction set, such as `sm_90`.
  public var architecture: String
  /// The memory in bytes.
  public var memorySize: Int
  var multiprocessorCount: Int
  var canLaunchCooperatively: Bool
  var hasPools: Bool
  /// Whether blocks can run as clusters: from compute capability 9.0 on.
  public var hasClusters: Bool

  init(_ driver: CUDADriver, _ device: parpy_cuda_device, ordinal: Int) throws(CUDAError) {
    let functions = driver.functions.pointee
    func attribute(_ name: Int) throws(CUDAError) -> Int {
      var value: Int32 = 0
      try driver.check(
        functions.device_attribute(&value, Int32(name), device),
        "asking for the properties of GPU \(ordinal)")
      return Int(value)
    }
    var characters = [CChar](repeating: 0, count: 256)
    try driver.check(
      functions.device_name(&characters, 256, device), "asking for the name of GPU \(ordinal)")
    var bytes = 0
    try driver.check(
      functions.device_memory(&bytes, device), "asking for the memory of GPU \(ordinal)")
    name = String(
      decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    memorySize = bytes
    architecture =
      "sm_\(try attribute(parpy_cuda_compute_major))\(try attribute(parpy_cuda_compute_minor))"
    multiprocessorCount = max(1, try attribute(parpy_cuda_multiprocessor_count))
    canLaunchCooperatively = try attribute(parpy_cuda_cooperative_launch) != 0
    hasPools = try attribute(parpy_cuda_memory_pools) != 0
    hasClusters = try attribute(parpy_cuda_cluster_launch) != 0
  }
}

extension CUDADriver {
  /// The driver's number of a device.
  ///
  /// - Throws: that there is none.
  func number(of ordinal: Int) throws(CUDAError) -> parpy_cuda_device {
    let count = try deviceCount()
    guard ordinal >= 0, ordinal < count else {
      throw CUDAError(
        .unavailable, "There is no GPU \(ordinal): CUDA found \(count).",
        help: "`nvidia-smi` lists the GPUs; CUDA_VISIBLE_DEVICES chooses among them")
    }
    var device: parpy_cuda_device = 0
    try check(functions.pointee.device(&device, Int32(ordinal)), "opening GPU \(ordinal)")
    return device
  }

  /// The GPUs that the process may use, in order.
  public func deviceProperties() throws(CUDAError) -> [DeviceProperties] {
    var found: [DeviceProperties] = []
    for ordinal in 0..<(try deviceCount()) {
      found.append(try DeviceProperties(self, number(of: ordinal), ordinal: ordinal))
    }
    return found
  }
}
