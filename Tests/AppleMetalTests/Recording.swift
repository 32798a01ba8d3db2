import CUDARuntime
import Metal
import MetalRuntime

@testable import AppleMetal

extension LaunchShape {
  /// One thread.
  static var single: LaunchShape { LaunchShape(blocks: 1, threads: 1) }
}

/// A device on a GPU that records, with kernels that do nothing.
func recording(_ kernels: [String]) throws -> (gpu: RecordingDevice, device: AppleDevice) {
  try recording(Dictionary(uniqueKeysWithValues: kernels.map { ($0, { _ in }) }))
}

/// A device on a GPU that records.
func recording(
  _ kernels: [String: (Dispatch) -> Void]
) throws -> (gpu: RecordingDevice, device: AppleDevice) {
  let gpu = RecordingDevice()
  gpu.kernels = kernels
  return (gpu, try AppleDevice(gpu))
}

/// Loads kernels by their names.
func load(
  _ kernels: [String], _ device: AppleDevice, binary: [UInt8]? = nil
) throws(MetalError) -> any MetalKernels {
  try device.load(
    MetalSource(kernels.joined(separator: " "), kernels: kernels, isStrict: false), binary: binary)
}

/// An array of float32 in memory of the host.
final class Floats {
  let elements: UnsafeMutableBufferPointer<Float>
  private let extents: UnsafeMutablePointer<Int64>
  private let memory: UnsafeMutableRawPointer

  convenience init(_ values: [Float]) {
    self.init(count: values.count)
    _ = elements.update(from: values)
  }

  /// Zeros, from the start of a page where they are aligned.
  init(count: Int, isAligned: Bool = false) {
    let alignment = isAligned ? Int(getpagesize()) : 16
    memory = .allocate(byteCount: 4 * count + 1, alignment: alignment)
    elements = UnsafeMutableBufferPointer(
      start: memory.bindMemory(to: Float.self, capacity: count), count: count)
    elements.initialize(repeating: 0)
    extents = .allocate(capacity: 1)
    extents.initialize(to: Int64(count))
  }

  deinit {
    memory.deallocate()
    extents.deallocate()
  }

  var values: [Float] { Array(elements) }

  /// Its elements from an index on, as an argument, and the argument's word.
  func argument(_ position: Int, from start: Int) -> (array: HostArray, word: Int64) {
    let count = elements.count - start
    extents.pointee = Int64(count)
    let low = count == 0 ? 0 : Int(bitPattern: memory) + 4 * start
    return (
      HostArray(position: position, low: low, high: low + 4 * count, rank: 1, extents: extents),
      Int64(low)
    )
  }
}

/// Runs a program whose arguments are arrays and then their length.
func run(_ executor: MetalExecutor, _ arrays: [Floats], from start: Int = 0) throws -> Int64 {
  let arguments = arrays.enumerated().map { $1.argument($0, from: start) }
  let length = (arrays.first?.elements.count ?? 0) - start
  var slot: [Int64] = [0, 0, 0]
  return try withExtendedLifetime(arrays) {
    try executor.run(
      arguments.map(\.word) + [Int64(length)], hostArrays: arguments.map(\.array), slot: &slot)
  }
}
