import CUDARuntime

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A GPU that runs the Metal Shading Language on memory that it shares with the host.
///
/// Any thread may use it. Launches run in their order; the host may use the memory between `wait` and the next launch.
package protocol MetalDevice: Sendable {
  /// Compiles a text without fast math, which the results of NaN and infinities depend on, and finds its kernels.
  ///
  /// - Parameters:
  ///   - kernels: their names, in the order in which they are launched by position.
  ///   - isStrict: whether multiplications and additions stay apart.
  func load(
    _ text: String, kernels: [String], isStrict: Bool
  ) throws(MetalError) -> any MetalKernels
  /// Memory for at least one byte, aligned to 256; nil where there is not enough.
  func allocate(_ bytes: Int) -> UnsafeMutableRawPointer?
  /// Frees memory, once the kernels launched so far are done with it.
  func free(_ memory: UnsafeMutableRawPointer)
  /// Waits for all launches.
  ///
  /// - Throws: what a kernel did wrong.
  func wait() throws(MetalError)
}

/// Kernels that are ready to be launched.
package protocol MetalKernels: Sendable {
  /// The most threads that a threadgroup of a kernel can have: fewer than 1024 where the kernel needs many registers.
  func greatestThreads(of kernel: Int) -> Int
  /// Launches a kernel; what stands at its buffers, in their order, is copied.
  func launch(_ kernel: Int, _ shape: LaunchShape, _ arguments: [MetalArgument]) throws(MetalError)
}

/// What stands at a buffer of a kernel.
package enum MetalArgument {
  /// An address in memory of the device; nil for an array without elements.
  case memory(UnsafeRawPointer?)
  /// So many bytes of a value.
  case value(UnsafeRawPointer, size: Int)
}

/// The Metal device of the process.
public enum Metal {
  /// The environment variable that names a library which stands for a device; see `CMetal.h`.
  static let variable = "PARPY_METAL_DEVICE"

  /// The device, found at the first call.
  ///
  /// - Throws: that there is none.
  package static func device() throws(MetalError) -> any MetalDevice { try found.get() }

  /// Why there is no device; nil where there is one.
  public static var obstacle: MetalError? {
    do throws(MetalError) {
      _ = try device()
      return nil
    } catch {
      return error
    }
  }

  private static let found: Result<any MetalDevice, MetalError> = {
    guard let name = getenv(variable).map({ String(cString: $0) }), !name.isEmpty else {
      return .failure(
        MetalError(
          .unavailable,
          "This version of ParPy prints code for Metal and does not run it on Apple's GPUs yet.\nhelp: leave opts.backend out, or set it to parpy.CompileBackend.Cpu or Cuda"
        ))
    }
    do throws(MetalError) { return .success(try LoadedDevice(name)) } catch {
      return .failure(error)
    }
  }()
}
