@_exported import Foundation

// What the Metal framework declares, as Swift sees it with the SDK of macOS 15, as far as the device uses it. Nothing is Sendable: what
// compiles so does where the SDK says more.

// MARK: MTLDevice.h

public protocol MTLDevice: NSObjectProtocol {
  var name: String { get }
  var hasUnifiedMemory: Bool { get }
  var maxBufferLength: Int { get }
  func supportsFamily(_ gpuFamily: MTLGPUFamily) -> Bool
  func makeCommandQueue() -> (any MTLCommandQueue)?
  func makeBuffer(length: Int, options: MTLResourceOptions) -> (any MTLBuffer)?
  func makeBuffer(
    bytesNoCopy pointer: UnsafeMutableRawPointer, length: Int, options: MTLResourceOptions,
    deallocator: ((UnsafeMutableRawPointer, Int) -> Void)?
  ) -> (any MTLBuffer)?
  func makeLibrary(source: String, options: MTLCompileOptions?) throws -> any MTLLibrary
  func makeComputePipelineState(
    descriptor: MTLComputePipelineDescriptor, options: MTLPipelineOption,
    reflection: UnsafeMutablePointer<MTLComputePipelineReflection?>?
  ) throws -> any MTLComputePipelineState
  func makeBinaryArchive(descriptor: MTLBinaryArchiveDescriptor) throws -> any MTLBinaryArchive
}

public func MTLCreateSystemDefaultDevice() -> (any MTLDevice)? { RecordingDevice.system }

public enum MTLGPUFamily: Int {
  case apple7 = 1007
  case mac2 = 2002
}

public struct MTLPipelineOption: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
}

// MARK: MTLTypes.h, MTLResource.h, MTLBuffer.h

public struct MTLSize {
  public var width: Int
  public var height: Int
  public var depth: Int

  public init(width: Int, height: Int, depth: Int) {
    (self.width, self.height, self.depth) = (width, height, depth)
  }
}

public struct MTLResourceOptions: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static var storageModeShared: MTLResourceOptions { [] }
  public static var storageModePrivate: MTLResourceOptions { MTLResourceOptions(rawValue: 32) }
}

public protocol MTLResource: NSObjectProtocol {}

public protocol MTLBuffer: MTLResource {
  var length: Int { get }
  func contents() -> UnsafeMutableRawPointer
}

// MARK: MTLLibrary.h

public enum MTLMathMode: Int {
  case safe, relaxed, fast
}

public enum MTLMathFloatingPointFunctions: Int {
  case fast, precise
}

public final class MTLCompileOptions: NSObject {
  public var mathMode = MTLMathMode.fast
  public var mathFloatingPointFunctions = MTLMathFloatingPointFunctions.fast
}

public protocol MTLFunction: NSObjectProtocol {
  var name: String { get }
}

public protocol MTLLibrary: NSObjectProtocol {
  func makeFunction(name functionName: String) -> (any MTLFunction)?
}

// MARK: MTLComputePipeline.h, MTLBinaryArchive.h

public final class MTLComputePipelineReflection: NSObject {}

public final class MTLComputePipelineDescriptor: NSObject {
  public var label: String?
  public var computeFunction: (any MTLFunction)?
  public var binaryArchives: [any MTLBinaryArchive]?
}

public protocol MTLComputePipelineState: NSObjectProtocol {
  var maxTotalThreadsPerThreadgroup: Int { get }
  var threadExecutionWidth: Int { get }
}

public final class MTLBinaryArchiveDescriptor: NSObject {
  public var url: URL?
}

public protocol MTLBinaryArchive: NSObjectProtocol {
  func addComputePipelineFunctions(descriptor: MTLComputePipelineDescriptor) throws
  func serialize(to url: URL) throws
}

// MARK: MTLCommandQueue.h, MTLCommandBuffer.h, MTLComputeCommandEncoder.h

public protocol MTLCommandQueue: NSObjectProtocol {
  func makeCommandBuffer() -> (any MTLCommandBuffer)?
}

public enum MTLDispatchType: UInt {
  case serial, concurrent
}

public enum MTLCommandBufferStatus: UInt {
  case notEnqueued, enqueued, committed, scheduled, completed, error
}

public protocol MTLCommandBuffer: NSObjectProtocol {
  var status: MTLCommandBufferStatus { get }
  var error: (any Error)? { get }
  func makeComputeCommandEncoder(
    dispatchType: MTLDispatchType
  ) -> (any MTLComputeCommandEncoder)?
  func commit()
  func waitUntilCompleted()
}

/// An error of a command buffer; the framework's is made from an NSError.
public struct MTLCommandBufferError: Error, LocalizedError {
  public enum Code: Int, Sendable {
    case timeout = 2
    case pageFault = 3
    case outOfMemory = 8
  }

  public var code: Code
  public var errorDescription: String?

  public init(_ code: Code, _ description: String) {
    self.code = code
    errorDescription = description
  }
}

public struct MTLBarrierScope: OptionSet, Sendable {
  public let rawValue: UInt
  public init(rawValue: UInt) { self.rawValue = rawValue }
  public static var buffers: MTLBarrierScope { MTLBarrierScope(rawValue: 1) }
}

public protocol MTLComputeCommandEncoder: NSObjectProtocol {
  func setComputePipelineState(_ state: any MTLComputePipelineState)
  func setBuffer(_ buffer: (any MTLBuffer)?, offset: Int, index: Int)
  func setBytes(_ bytes: UnsafeRawPointer, length: Int, index: Int)
  func memoryBarrier(scope: MTLBarrierScope)
  func dispatchThreadgroups(
    _ threadgroupsPerGrid: MTLSize, threadsPerThreadgroup: MTLSize)
  func endEncoding()
}

// MARK: The ObjectiveC module

public func autoreleasepool<Result>(invoking body: () throws -> Result) rethrows -> Result {
  RecordingDevice.poolDepth += 1
  defer { RecordingDevice.poolDepth -= 1 }
  return try body()
}
