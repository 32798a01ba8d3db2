import MetalRuntime

#if os(macOS)
  import AppleMetal
#endif

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The Metal device of the process: the library that the environment names, else the GPU of a Mac.
enum Metal {
  /// The device, found at the first call.
  ///
  /// - Throws: why there is none that this process can use.
  static func device() throws(MetalError) -> any MetalDevice {
    let device = try found.get()
    if let obstacle = device.obstacle { throw obstacle }
    return device
  }

  private static let found = Result<any MetalDevice, MetalError> { () throws(MetalError) in
    if let name = getenv(LoadedDevice.variable).map({ String(cString: $0) }), !name.isEmpty {
      return try LoadedDevice(name)
    }
    #if os(macOS)
      return try AppleDevice.standard()
    #else
      throw MetalError(
        .unavailable,
        "Metal is Apple's, and this is not a Mac; its code can be printed here.\nhelp: leave opts.backend out, or set it to parpy.CompileBackend.Cpu or Cuda"
      )
    #endif
  }
}
