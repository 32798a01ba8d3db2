import GPUMapping
import KernelText
import LoopIR

/// The name of the function that `emitCUDAEntry` writes.
public let cudaEntryName = "parpy_entry"

/// Writes a function that calls the host part with the words of a call, to stand behind printed text.
///
///     extern "C" int32_t axpy(float *x, int64_t n, cudaStream_t stream)    →
///     extern "C" int32_t parpy_entry(
///         const int64_t *words, unsigned long long *slot, const void *python, cudaStream_t stream) {
///       return axpy((float *)words[0], words[1], stream);
///     }
///
/// The words are those of `CompiledProgram.entry`, with addresses of the device; `python` points to what calls Python functions.
///
/// - Parameter recordsFaults: whether the host part takes the address of the error slot.
public func emitCUDAEntry(_ program: DeviceProgram, recordsFaults: Bool) -> String {
  let launcher = CUDALauncherEmitter(ModuleEmitter(program, CUDADialect()))
  let arrays = launcher.arguments.map { program.host[$0].element.cuda + " *" }
  let parameters = launcher.parameters.map { program.host[$0].type }
  var arguments = arrays.enumerated().map { "(\($1))words[\($0)]" }
  arguments += parameters.enumerated().map { parameter($1, "words[\(arrays.count + $0)]") }
  if recordsFaults { arguments.append("slot") }
  if !program.callbacks.isEmpty { arguments.append("*(const Python *)python") }
  return """

    #ifndef __CUDACC_RTC__
    extern "C" int32_t \(cudaEntryName)(
        const int64_t *words, unsigned long long *slot, const void *python, cudaStream_t stream) {
      return \(cppName(program.host.name))(\((arguments + ["stream"]).joined(separator: ", ")));
    }
    #endif

    """
}

/// A parameter in a word of a call.
private func parameter(_ type: ScalarType, _ word: String) -> String {
  type.value(ofInteger: word, orNumber: "*(const double *)&\(word)")
}

extension ScalarType {
  /// A value of the type in a word of a call, which is read as an integer or, for floats, as a float64.
  func value(ofInteger integer: String, orNumber number: String) -> String {
    switch self {
    case .bool: "(\(integer) & 1) != 0"
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: "(\(cuda))\(integer)"
    case .float32, .float64: "(\(cuda))\(number)"
    case .float16: "__double2half(\(number))"
    case .bfloat16: "__float2bfloat16_rn((float)\(number))"
    case .complex64, .complex128: "{}"
    }
  }
}
