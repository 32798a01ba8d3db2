import GPUMapping
import KernelText
import LoopIR

/// Writes a device program as one CUDA C++ translation unit.
///
/// Its kernels are `extern "C"`, so that they are found by name; the function `NAME(arrays…, parameters…, stream)` is the host
/// part, which `nvcc` compiles and NVRTC does not see. It returns 0, the 1-based position of the check that failed, -1 where
/// memory ran out, -2 where a test failed, see the error slot, -3 where a launch or a copy failed, or -4 where a call of Python
/// ended it.
public func emitCUDA(_ program: DeviceProgram) -> String {
  let module = ModuleEmitter(program, CUDADialect())
  let kernels = program.kernels.map { module.emit($0).text }
  let launcher = CUDALauncherEmitter(module).emit()
  return module.text(kernels, launcher)
}

extension ModuleEmitter {
  /// How functions of the host that stand in the user's headers find their stream; NVRTC sees no program that calls them.
  private static let streamOfCall = """

    // The stream on which a function of the host is called.
    static thread_local cudaStream_t parpy_current_stream = nullptr;
    static inline cudaStream_t parpy_stream() { return parpy_current_stream; }

    """

  func text(_ kernels: [String], _ launcher: String) -> String {
    // The user's headers may use the types that stand above.
    """
    \(headerLines)#ifdef __CUDACC_RTC__
    typedef signed char int8_t;
    typedef short int16_t;
    typedef int int32_t;
    typedef long long int64_t;
    typedef unsigned char uint8_t;
    typedef unsigned short uint16_t;
    typedef unsigned int uint32_t;
    typedef unsigned long long uint64_t;
    #else
    #include <cstdint>
    #endif
    \(program.hostExternals.isEmpty ? "" : Self.streamOfCall)\(includeLines)

    """ + definitions + kernels.joined(separator: "\n")
      + "\n\(HostSection.start)\n" + launcher + "#endif\n"
  }
}
