import KernelText
import LoopIR

/// The Metal Shading Language, from version 3.1 on (Apple, Metal Shading Language Specification).
struct MetalDialect: KernelDialect {
  func name(of type: ScalarType) -> String {
    switch type {
    case .bool: "bool"
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64: "\(type)_t"
    case .float16: "half"
    case .bfloat16: "bfloat"
    case .float32: "float"
    // `obstaclesOnMetal` lets none through.
    case .float64: "double"
    case .complex64, .complex128: "float2"
    }
  }

  func header(for type: ScalarType) -> String? { nil }

  let longSuffix = "l"

  func literal(_ value: Double, _ type: ScalarType) -> String {
    let float = Float(value)
    let text =
      float.isFinite ? "\(float)f" : "as_type<float>(0x\(String(float.bitPattern, radix: 16))u)"
    return type.isHalf ? "\(name(of: type))(\(text))" : text
  }

  func widened(_ text: String, _ type: ScalarType) -> String { "float(\(text))" }

  func narrowed(_ text: String, from: ScalarType, _ type: ScalarType) -> String {
    "\(name(of: type))(\(text))"
  }

  func math(_ function: MathFunction, _ type: ScalarType) -> String {
    "metal::\(function == .roundEven ? "rint" : function.rawValue)"
  }

  func helper(for function: MathFunction) -> HelperFunction? {
    MetalLibrary.definition(of: function) == nil ? nil : .library(function)
  }

  func absolute(_ type: ScalarType) -> String { "metal::fabs" }
  func power(_ type: ScalarType) -> String { "metal::pow" }

  func roundedProduct(_ type: ScalarType) -> String? { nil }
  let roundedToFloat32: String? = nil

  // MARK: Threads and memory

  let thread = "thread_index.x"
  let blockSize = "block_size.x"
  func block(_ axis: String) -> String { "block_index.\(axis)" }
  func gridSize(_ axis: String) -> String { "grid_size.\(axis)" }
  let barrier = "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);"
  let deviceSpace = "device "
  let shared = "threadgroup"
  let declaresSharedFirst = true

  func head(of kernel: KernelHead) -> String {
    var parameters = kernel.arrays.map { array in
      "device \(array.isConst ? "const " : "")\(name(of: array.element)) *\(array.name)"
    }
    parameters += kernel.values.map { "constant \($0.type) &\($0.name)" }
    if kernel.hasSlot { parameters.append("device uint64_t *slot") }
    parameters = parameters.enumerated().map { "\($1) [[buffer(\($0))]]" }
    parameters += [
      "uint3 thread_index [[thread_position_in_threadgroup]]",
      "uint3 block_size [[threads_per_threadgroup]]",
      "uint3 block_index [[threadgroup_position_in_grid]]",
      "uint3 grid_size [[threadgroups_per_grid]]",
    ]
    return
      "[[max_total_threads_per_threadgroup(\(kernel.maximumThreads))]] kernel void \(kernel.name)(\n    "
      + parameters.joined(separator: ",\n    ") + ")"
  }

  // MARK: Helpers

  let deviceFunction = "inline"
  let plainFunction = "inline"

  func extremum(isMinimum: Bool) -> String { isMinimum ? "metal::fmin" : "metal::fmax" }
  func hiding(_ word: String, _ type: ScalarType) -> String? { nil }
  func extremumGuard(_ type: ScalarType) -> String? { nil }

  func reductionArguments(of type: ScalarType) -> [String] {
    ["partial_\(type)", thread, blockSize]
  }

  func reductionMemory(of type: ScalarType) -> String? {
    "\(name(of: type)) partial_\(type)[32]"
  }

  func definition(of helper: HelperFunction) -> String {
    switch helper {
    case .blockReduce(let op, let type): blockReduction(helper.name, op, type)
    case .atomic(let op, let type):
      atomicUpdate(helper.name, op, type, in: "device")
        + atomicUpdate(helper.name, op, type, in: "threadgroup")
    case .library(let function): MetalLibrary.definition(of: function) ?? ""
    case .roundedProduct(let type): product(helper.name, type)
    case .inRange: Self.rangeTest
    case .recordFault: Self.faultRecorder
    // Defined in all dialects alike; or of wide loops and of clusters, which are for CUDA.
    case .wrapping, .floorDivide, .modulo, .power, .shift, .extremum, .truncate, .hidden,
      .loadRow, .storeRow, .isAligned, .clusterReduce, .clusterBarrier:
      ""
    }
  }

  let reservedNames: Set<String> = [
    "kernel", "device", "constant", "thread", "threadgroup", "vertex", "fragment", "half", "bfloat",
    "uint", "uchar", "ushort", "ulong", "metal", "sampler", "texture", "thread_index", "block_size",
    "block_index", "grid_size", "as_type", "mem_flags", "threadgroup_barrier", "simd_shuffle_xor",
  ]
}
