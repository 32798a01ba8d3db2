import KernelText
import LoopIR

/// CUDA C++ as NVRTC and `nvcc` compile it.
struct CUDADialect: KernelDialect {
  func name(of type: ScalarType) -> String { type.cuda }

  func header(for type: ScalarType) -> String? {
    switch type {
    case .float16: "cuda_fp16.h"
    case .bfloat16: "cuda_bf16.h"
    case .bool, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float32,
      .float64, .complex64, .complex128:
      nil
    }
  }

  let longSuffix = "ll"

  /// The literal by its bits.
  func literal(_ value: Double, _ type: ScalarType) -> String {
    switch type {
    case .float16: "__ushort_as_half(\(type.bits16(of: value)))"
    case .bfloat16: "__ushort_as_bfloat16(\(type.bits16(of: value)))"
    case .float32: "__int_as_float(0x\(String(Float(value).bitPattern, radix: 16)))"
    default: "__longlong_as_double(0x\(String(value.bitPattern, radix: 16))ll)"
    }
  }

  func widened(_ text: String, _ type: ScalarType) -> String {
    "\(type == .float16 ? "__half2float" : "__bfloat162float")(\(text))"
  }

  func narrowed(_ text: String, from: ScalarType, _ type: ScalarType) -> String {
    if from == .float64 {
      // As `ml_dtypes` does, which rounds twice.
      return type == .float16 ? "__double2half(\(text))" : "__float2bfloat16_rn((float)(\(text)))"
    }
    return "\(type == .float16 ? "__float2half_rn" : "__float2bfloat16_rn")(\(text))"
  }

  func math(_ function: MathFunction, _ type: ScalarType) -> String {
    let suffix = type == .float32 && !function.isPredicate ? "f" : ""
    return switch function {
    case .gamma: "tgamma\(suffix)"
    case .roundEven: "rint\(suffix)"
    default: "\(function.rawValue)\(suffix)"
    }
  }

  func helper(for function: MathFunction) -> HelperFunction? { nil }

  func absolute(_ type: ScalarType) -> String { type == .float32 ? "fabsf" : "fabs" }

  func power(_ type: ScalarType) -> String { type == .float32 ? "powf" : "pow" }

  let roundedToFloat32: String? = "__double2float_rn"

  func roundedProduct(_ type: ScalarType) -> String? {
    type == .float32 ? "__fmul_rn" : "__dmul_rn"
  }

  let thread = "threadIdx.x"
  let blockSize = "blockDim.x"
  func block(_ axis: String) -> String { "blockIdx.\(axis)" }
  func gridSize(_ axis: String) -> String { "gridDim.\(axis)" }
  let barrier = "__syncthreads();"
  let deviceSpace = ""
  let shared = "__shared__"
  let declaresSharedFirst = false

  func head(of kernel: KernelHead) -> String {
    var parameters = kernel.arrays.map { array in
      "\(array.isConst ? "const " : "")\(array.element.cuda) *\(array.isRestricted ? "__restrict__ " : "")\(array.name)"
    }
    parameters += kernel.values.map { "\($0.isAssigned ? "" : "const ")\($0.type) \($0.name)" }
    if kernel.hasSlot { parameters.append("unsigned long long *slot") }
    let cluster =
      kernel.clusterSize > 1 ? "__cluster_dims__(\(kernel.clusterSize), 1, 1) " : ""
    return
      "extern \"C\" __global__ void \(cluster)__launch_bounds__(\(kernel.maximumThreads)) \(kernel.name)(\n    "
      + parameters.joined(separator: ", ") + ")"
  }

  let deviceFunction = "__device__ inline"
  let plainFunction = "__host__ __device__ inline"

  func extremum(isMinimum: Bool) -> String { isMinimum ? "fminf" : "fmaxf" }

  func hiding(_ word: String, _ type: ScalarType) -> String? {
    "asm(\"\" : \"+\(type.size == 8 ? "l" : "r")\"(\(word)));"
  }

  func extremumGuard(_ type: ScalarType) -> String? {
    // From compute capability 9.0 on, ptxas joins two minima or maxima in one instruction of three operands, and that of
    // CUDA 13.0 then loses a negation of an operand. It sees none where an operand comes from another instruction.
    type.size > 4
      ? nil
      : """
      #if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
      uint32_t first = (uint32_t)a, second = (uint32_t)b;
      asm("lop3.b32 %0, %0, 0, 0, 0xf0;" : "+r"(first));
      asm("lop3.b32 %0, %0, 0, 0, 0xf0;" : "+r"(second));
      a = (\(type.cuda))first;
      b = (\(type.cuda))second;
      #endif
      """
  }

  func definition(of helper: HelperFunction) -> String {
    switch helper {
    case .blockReduce(let op, let type): blockReduction(helper, op, type)
    case .clusterReduce(let op, let type): clusterReduction(helper, op, type)
    case .clusterBarrier: Self.clusterBarrier
    case .atomic(let op, let type): atomicUpdate(helper.name, op, type)
    case .inRange: Self.rangeTest
    case .recordFault: Self.faultRecorder
    case .loadRow(let type): rowLoad(helper.name, of: type)
    case .storeRow(let type): rowStore(helper.name, of: type)
    case .isAligned: Self.alignmentTest
    // Defined in all dialects alike; or in CUDA's library.
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .library,
      .roundedProduct, .hidden:
      ""
    }
  }

  func reductionArguments(of type: ScalarType) -> [String] { [] }
  func reductionMemory(of type: ScalarType) -> String? { nil }

  let reservedNames: Set<String> = [
    "threadIdx", "blockIdx", "blockDim", "gridDim", "warpSize", "stream", "slot", "python", "main",
  ]
}

extension ScalarType {
  /// The type's name in CUDA C++.
  var cuda: String {
    switch self {
    case .bool: "bool"
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: "\(self)_t"
    case .float16: "__half"
    case .bfloat16: "__nv_bfloat16"
    case .float32: "float"
    case .float64: "double"
    // Two numbers in memory; no value has such a type after `split-complex`.
    case .complex64: "float2"
    case .complex128: "double2"
    }
  }
}
