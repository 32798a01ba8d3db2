import CCUDA
import struct GPUMapping.Grid

/// Kernels on a device, for as long as the value lives.
public final class CUDAModule: Sendable {
  public let device: CUDADevice
  /// In the order in which they were asked for.
  let kernels: [LoadedKernel]
  /// What a launch needs of each kernel, and no more.
  let launchers: [KernelLauncher]
  /// Nil where there are no kernels.
  private let handle: CUDADevice.Handle?

  /// A module without kernels, for which nothing is compiled or loaded.
  public init(withoutKernelsOn device: CUDADevice) {
    self.device = device
    kernels = []
    launchers = []
    handle = nil
  }

  fileprivate init(_ device: CUDADevice, _ handle: OpaquePointer, _ names: [KernelName])
    throws(CUDAError)
  {
    self.device = device
    self.handle = CUDADevice.Handle(pointer: handle)
    var kernels: [LoadedKernel] = []
    do throws(CUDAError) {
      for name in names { kernels.append(try LoadedKernel(name, handle, device)) }
    } catch {
      _ = device.driver.functions.pointee.unload_module(handle)
      throw error
    }
    self.kernels = kernels
    launchers = kernels.map { KernelLauncher($0) }
  }

  deinit {
    guard let handle else { return }
    // At the end of the process the driver may be gone before the last module: then there is nothing to do.
    try? device.withContext { () throws(CUDAError) in
      device.driver.besideCaptures {
        _ = device.driver.functions.pointee.unload_module(handle.pointer)
      }
    }
  }
}

/// What to load, and how it is to be launched.
public struct KernelName: Sendable, Hashable {
  public var name: String
  /// Whether all blocks run at the same time, so that they may wait for each other; the grid is made to fit.
  public var isCooperative: Bool
  /// The bytes of shared memory beyond what the text declares.
  public var dynamicSharedBytes: Int

  /// Creates the name of a kernel.
  public init(_ name: String, isCooperative: Bool = false, dynamicSharedBytes: Int = 0) {
    self.name = name
    self.isCooperative = isCooperative
    self.dynamicSharedBytes = dynamicSharedBytes
  }
}

extension KernelName: ExpressibleByStringLiteral {
  /// The name of a kernel that needs nothing special.
  public init(stringLiteral name: String) { self.init(name) }
}

/// A kernel that can be launched.
struct LoadedKernel: Sendable {
  let name: String
  let function: CUDADevice.Handle
  let isCooperative: Bool
  let sharedBytes: UInt32

  fileprivate init(_ kernel: KernelName, _ module: OpaquePointer, _ device: CUDADevice)
    throws(CUDAError)
  {
    let driver = device.driver
    let functions = driver.functions.pointee
    var function: OpaquePointer?
    try driver.check(
      functions.module_function(&function, module, kernel.name), "looking for '\(kernel.name)'")
    guard let function else {
      throw CUDAError(.driver, "The CUDA driver gave no kernel '\(kernel.name)'.")
    }
    name = kernel.name
    self.function = CUDADevice.Handle(pointer: function)
    isCooperative = kernel.isCooperative
    sharedBytes = UInt32(clamping: kernel.dynamicSharedBytes)
    if kernel.isCooperative && !device.properties.canLaunchCooperatively {
      throw CUDAError(
        .unavailable,
        "GPU \(device.ordinal) (\(device.properties.name)) cannot synchronise a whole grid.")
    }
    if sharedBytes > 0 {
      try driver.check(
        functions.set_function_attribute(
          function, Int32(parpy_cuda_function_dynamic_shared_bytes), Int32(clamping: sharedBytes)),
        "reserving shared memory for '\(name)'")
    }
    // The text says how many blocks a cluster has, and a plain launch makes such clusters.
    var clusterWidth: Int32 = 0
    try driver.check(
      functions.function_attribute(
        &clusterWidth, Int32(parpy_cuda_function_cluster_width), function),
      "asking for the clusters of '\(name)'")
    if clusterWidth > Grid.greatestPortableCluster {
      try driver.check(
        functions.set_function_attribute(
          function, Int32(parpy_cuda_function_allows_large_clusters), 1),
        "allowing clusters of \(clusterWidth) blocks for '\(name)'")
    }
  }
}

/// A kernel as a launch sees it.
struct KernelLauncher: @unchecked Sendable {
  let function: OpaquePointer
  let sharedBytes: UInt32
  let isCooperative: Bool

  init(_ kernel: LoadedKernel) {
    function = kernel.function.pointer
    sharedBytes = kernel.sharedBytes
    isCooperative = kernel.isCooperative
  }
}

extension CUDADevice {
  /// Loads compiled kernels.
  ///
  /// - Parameters:
  ///   - binary: what `NVRTC.compile` gave.
  ///   - kernels: in the order of `DeviceProgram.kernels`.
  public func load(_ binary: [UInt8], kernels: [KernelName]) throws(CUDAError) -> CUDAModule {
    try withContext { () throws(CUDAError) in
      var module: OpaquePointer?
      try driver.besideCaptures { () throws(CUDAError) in
        // Text has to end in 0; behind a cubin it does no harm.
        try driver.check(
          driver.functions.pointee.load_module(&module, binary + [0], 0, nil, nil),
          "loading the compiled kernels")
      }
      guard let module else { throw CUDAError(.driver, "The CUDA driver gave no module.") }
      return try CUDAModule(self, module, kernels)
    }
  }
}
