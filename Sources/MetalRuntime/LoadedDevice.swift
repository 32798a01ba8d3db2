import CMetal
import CUDARuntime

/// A device that a library gives as a table of functions.
package final class LoadedDevice: MetalDevice, @unchecked Sendable {
  fileprivate let functions: parpy_metal_device

  /// The environment variable that names a library which stands for a device; see `CMetal.h`.
  package static let variable = "PARPY_METAL_DEVICE"

  /// Opens a library, which stays open.
  package init(_ name: String) throws(MetalError) {
    var failures: [String] = []
    guard let library = DynamicLibrary(firstOf: [name], failures: &failures),
      let entry = library.address(ofFunction: PARPY_METAL_ENTRY)
    else {
      let reason = failures.first ?? "it has no function \(PARPY_METAL_ENTRY)"
      throw MetalError(.unavailable, "\(Self.variable) names no Metal device: \(reason)")
    }
    typealias Entry = @convention(c) () -> UnsafePointer<parpy_metal_device>
    functions = unsafeBitCast(entry, to: Entry.self)().pointee
  }

  fileprivate func error(_ reason: MetalError.Reason, _ task: String) -> MetalError {
    let text = functions.error().map { String(cString: $0) } ?? "unknown"
    return MetalError(reason, "\(task): \(text)")
  }

  package var obstacle: MetalError? { nil }

  package func cacheKey(_ source: MetalSource) -> String? { nil }

  package func load(
    _ source: MetalSource, binary: [UInt8]?
  ) throws(MetalError) -> any MetalKernels {
    guard let library = functions.compile(source.text, source.isStrict) else {
      throw error(.compilation, "Metal could not compile the kernels")
    }
    return try LoadedKernels(self, library, source.kernels)
  }

  package func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? { functions.allocate(bytes) }

  /// Lends nothing: beside memory of its own the emulator finds accesses that a kernel should not make.
  package func lend(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> Bool { false }

  package func free(_ memory: UnsafeMutableRawPointer) { functions.release_memory(memory) }

  package func wait() throws(MetalError) {
    if !functions.wait() { throw error(.device, "Metal failed while running kernels") }
  }
}

/// The kernels of a library.
private final class LoadedKernels: MetalKernels, @unchecked Sendable {
  private let device: LoadedDevice
  private let library: OpaquePointer
  private let functions: [OpaquePointer]

  /// Takes a library over.
  init(
    _ device: LoadedDevice, _ library: OpaquePointer, _ kernels: [String]
  ) throws(MetalError) {
    var functions: [OpaquePointer] = []
    for name in kernels {
      guard let function = device.functions.function(library, name) else {
        let error = device.error(.device, "Metal failed to find a kernel")
        device.functions.release(library)
        throw error
      }
      functions.append(function)
    }
    self.device = device
    self.library = library
    self.functions = functions
  }

  deinit { device.functions.release(library) }

  var binary: [UInt8]? { nil }

  func greatestThreads(of kernel: Int) -> Int {
    Int(clamping: device.functions.greatest_threads(functions[kernel]))
  }

  func launch(
    _ kernel: Int, _ shape: LaunchShape, _ arguments: [MetalArgument]
  ) throws(MetalError) {
    let blocks = [shape.blocksX, shape.blocksY, shape.blocksZ]
    let words = arguments.map { argument in
      switch argument {
      case .memory(let address, _): parpy_metal_argument(address: address, size: 0)
      case .value(let place, let size): parpy_metal_argument(address: place, size: size)
      }
    }
    guard
      device.functions.launch(functions[kernel], blocks, shape.threads, words, words.count)
    else { throw device.error(.device, "Metal failed to launch a kernel") }
  }
}
