import CUDARuntime
import Foundation
import Metal
import MetalRuntime

/// A kernel that the GPU can run.
struct CompiledKernel {
  let name: String
  let pipeline: any MTLComputePipelineState

  /// The most threads that a threadgroup can have.
  var greatestThreads: Int { pipeline.maxTotalThreadsPerThreadgroup }
}

/// The kernels of a text, compiled.
struct CompiledKernels {
  let kernels: [CompiledKernel]
  /// The archive that was made of them; nil where they came from one.
  let binary: [UInt8]?
}

/// Texts that were compiled in this process, the latest ones.
struct CompiledKernelCache {
  private var kernels: [MetalSource: CompiledKernels] = [:]
  /// From the oldest on.
  private var order: [MetalSource] = []
  private static let greatestCount = 128

  subscript(_ source: MetalSource) -> CompiledKernels? { kernels[source] }

  /// Notes a text, and forgets the oldest where there are too many.
  mutating func insert(_ compiled: CompiledKernels, for source: MetalSource) {
    if kernels.updateValue(compiled, forKey: source) == nil { order.append(source) }
    if order.count > Self.greatestCount { kernels[order.removeFirst()] = nil }
  }
}

/// Kernels of a text on the device that has compiled them.
private struct AppleKernels: MetalKernels, @unchecked Sendable {
  let device: AppleDevice
  let compiled: CompiledKernels

  var binary: [UInt8]? { compiled.binary }

  func greatestThreads(of kernel: Int) -> Int { compiled.kernels[kernel].greatestThreads }

  func launch(
    _ kernel: Int, _ shape: LaunchShape, _ arguments: [MetalArgument]
  ) throws(MetalError) {
    try device.launch(compiled.kernels[kernel], shape, arguments)
  }
}

extension AppleDevice {
  package func cacheKey(_ source: MetalSource) -> String? {
    let system = ProcessInfo.processInfo.operatingSystemVersionString
    return "Metal\n\(device.name)\n\(system)\n\(source.isStrict)\n\(source.text)"
  }

  package func load(
    _ source: MetalSource, binary: [UInt8]?
  ) throws(MetalError) -> any MetalKernels {
    if let known = compiled.withLock({ $0[source] }) {
      return AppleKernels(device: self, compiled: known)
    }
    let made = try pooled { () throws(MetalError) in try compile(source, binary) }
    compiled.withLock { $0.insert(made, for: source) }
    return AppleKernels(device: self, compiled: made)
  }

  private func compile(
    _ source: MetalSource, _ binary: [UInt8]?
  ) throws(MetalError) -> CompiledKernels {
    let library = try library(of: source)
    var functions: [any MTLFunction] = []
    for name in source.kernels {
      guard let function = library.makeFunction(name: name) else {
        throw MetalError(.device, "Metal failed to find the kernel '\(name)' in its text.")
      }
      functions.append(function)
    }
    let known = binary.flatMap { PipelineArchive(device, $0) }
    let archive = known ?? PipelineArchive(device)
    var kernels: [CompiledKernel] = []
    for (name, function) in zip(source.kernels, functions) {
      let descriptor = MTLComputePipelineDescriptor()
      descriptor.computeFunction = function
      descriptor.label = name
      if known == nil { archive?.add(descriptor) }
      descriptor.binaryArchives = archive.map { [$0.archive] }
      kernels.append(CompiledKernel(name: name, pipeline: try pipeline(descriptor, name)))
    }
    return CompiledKernels(kernels: kernels, binary: known == nil ? archive?.bytes : nil)
  }

  /// Compiles a text as IEEE 754 has it: NaN, infinities and signed zeros count, and functions are exact to a few units.
  private func library(of source: MetalSource) throws(MetalError) -> any MTLLibrary {
    let options = MTLCompileOptions()
    options.mathMode = .safe
    options.mathFloatingPointFunctions = .precise
    do {
      return try device.makeLibrary(source: source.textToCompile, options: options)
    } catch {
      throw MetalError(
        .compilation, "Metal could not compile the kernels: \(error.localizedDescription)")
    }
  }

  private func pipeline(
    _ descriptor: MTLComputePipelineDescriptor, _ name: String
  ) throws(MetalError) -> any MTLComputePipelineState {
    let pipeline: any MTLComputePipelineState
    do {
      pipeline = try device.makeComputePipelineState(
        descriptor: descriptor, options: [], reflection: nil)
    } catch {
      throw MetalError(
        .device, "Metal could not make the kernel '\(name)' ready: \(error.localizedDescription)")
    }
    let width = pipeline.threadExecutionWidth
    if width != 32 {
      throw MetalError(
        .unavailable,
        "'\(device.name)' runs \(width) threads of '\(name)' at a time; ParPy's kernels are for GPUs that run 32."
      )
    }
    return pipeline
  }
}

extension MetalSource {
  /// The text; where it is strict, without contraction, by a pragma that leaves the lines of messages as they are.
  fileprivate var textToCompile: String {
    isStrict ? "#pragma STDC FP_CONTRACT OFF\n#line 1\n\(text)" : text
  }
}
