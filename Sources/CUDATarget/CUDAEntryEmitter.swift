import GPUMapping
import LoopIR

/// The name of the function that `emitCUDAEntry` writes.
public let cudaEntryName = "parpy_entry"

/// Writes a function that calls the host part with the words of a call, to stand behind printed text.
///
///     extern "C" int32_t axpy(float *x, int64_t n, cudaStream_t stream)    →
///     extern "C" int32_t parpy_entry(const int64_t *words, unsigned long long *slot, cudaStream_t stream) {
///       return axpy((float *)words[0], words[1], stream);
///     }
///
/// The words are those of `CompiledProgram.entry`, with addresses of the device.
///
/// - Parameter recordsFaults: whether the host part takes the address of the error slot.
public func emitCUDAEntry(_ program: DeviceProgram, recordsFaults: Bool) -> String {
  let launcher = CUDALauncherEmitter(CUDAModuleEmitter(program, CUDADialect()))
  let arrays = launcher.arguments.map { program.host[$0].element.cuda + " *" }
  let parameters = launcher.parameters.map { program.host[$0].type }
  var arguments = arrays.enumerated().map { "(\($1))words[\($0)]" }
  arguments += parameters.enumerated().map { $1.value(ofWord: "words[\(arrays.count + $0)]") }
  if recordsFaults { arguments.append("slot") }
  return """

    #ifndef __CUDACC_RTC__
    extern "C" int32_t \(cudaEntryName)(const int64_t *words, unsigned long long *slot, cudaStream_t stream) {
      return \(cudaName(program.host.name))(\((arguments + ["stream"]).joined(separator: ", ")));
    }
    #endif

    """
}

extension ScalarType {
  /// A parameter of the type in a word of a call, where floats are float64.
  fileprivate func value(ofWord word: String) -> String {
    let double = "*(const double *)&\(word)"
    switch self {
    case .bool: return "(\(word) & 1) != 0"
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64:
      return "(\(cuda))\(word)"
    case .float32, .float64: return "(\(cuda))\(double)"
    case .float16: return "__double2half(\(double))"
    case .bfloat16: return "__double2bfloat16(\(double))"
    case .complex64, .complex128: return "{}"
    }
  }
}
