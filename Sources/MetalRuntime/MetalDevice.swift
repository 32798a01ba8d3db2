import CUDARuntime

/// A GPU that runs the Metal Shading Language on memory that it shares with the host.
///
/// Any thread may use it. Launches run in their order; the host may use the memory between `wait` and the next launch.
package protocol MetalDevice: Sendable {
  /// Why this process cannot use the device; nil where it can.
  var obstacle: MetalError? { get }
  /// What tells the compiled kernels of a text from those of others, also in another process; nil where the device gives none.
  func cacheKey(_ source: MetalSource) -> String?
  /// Compiles a text without fast math, which the results of NaN and infinities depend on, and finds its kernels.
  ///
  /// - Parameter binary: the `MetalKernels.binary` of kernels that were loaded under the same key; nil where there is none.
  func load(_ source: MetalSource, binary: [UInt8]?) throws(MetalError) -> any MetalKernels
  /// Memory for at least one byte, aligned to 256; nil where there is not enough.
  func allocate(_ bytes: Int) -> UnsafeMutableRawPointer?
  /// Lets kernels use memory of the host where it is, until it is freed as often as it was lent; false where they cannot.
  ///
  /// - Requires: the memory stays what it is until then.
  func lend(_ memory: UnsafeMutableRawPointer, _ bytes: Int) -> Bool
  /// Frees memory, once the kernels launched so far are done with it.
  func free(_ memory: UnsafeMutableRawPointer)
  /// Waits for all launches.
  ///
  /// - Throws: what a kernel did wrong.
  func wait() throws(MetalError)
}

/// Kernels in the Metal Shading Language.
package struct MetalSource: Sendable, Hashable {
  package var text: String
  /// Their names, in the order in which they are launched by position.
  package var kernels: [String]
  /// Whether multiplications and additions stay apart.
  package var isStrict: Bool

  /// Describes a text.
  package init(_ text: String, kernels: [String], isStrict: Bool) {
    self.text = text
    self.kernels = kernels
    self.isStrict = isStrict
  }
}

/// Kernels that are ready to be launched.
package protocol MetalKernels: Sendable {
  /// What makes them ready sooner when it is given to `MetalDevice.load`; nil where that has been given, or nothing is gained.
  var binary: [UInt8]? { get }
  /// The most threads that a threadgroup of a kernel can have: fewer than 1024 where the kernel needs many registers.
  func greatestThreads(of kernel: Int) -> Int
  /// Launches a kernel; what stands at its buffers, in their order, is copied.
  func launch(_ kernel: Int, _ shape: LaunchShape, _ arguments: [MetalArgument]) throws(MetalError)
}

/// What stands at a buffer of a kernel.
package enum MetalArgument {
  /// An address in memory of the device, nil for an array without elements, and whether the kernel may write there.
  case memory(UnsafeRawPointer?, isWritten: Bool)
  /// So many bytes of a value.
  case value(UnsafeRawPointer, size: Int)
}
