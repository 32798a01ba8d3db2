import CForking
import CUDARuntime
import Metal
import MetalRuntime
import Testing

@testable import AppleMetal

/// The device alone.
struct AppleDeviceTests {
  @Test func refusesWhatHasNoUnifiedMemory() {
    let gpu = RecordingDevice(name: "Old GPU")
    gpu.hasUnifiedMemory = false
    #expect(throws: MetalError.self) { try AppleDevice(gpu) }
    gpu.hasUnifiedMemory = true
    gpu.families = []
    let error = #expect(throws: MetalError.self) { try AppleDevice(gpu) }
    #expect(error?.reason == .unavailable)
    #expect(error?.message.contains("'Old GPU' is older than Apple silicon") == true)
    gpu.families = [.mac2]
    #expect(throws: Never.self) { try AppleDevice(gpu) }
  }

  @Test func isTheGPUOfTheSystem() throws {
    #expect(#expect(throws: MetalError.self) { try AppleDevice.standard() }?.reason == .unavailable)
    RecordingDevice.system = RecordingDevice(name: "GPU of the system")
    defer { RecordingDevice.system = nil }
    let key = try AppleDevice.standard().cacheKey(MetalSource("", kernels: [], isStrict: true))
    #expect(key?.contains("GPU of the system") == true)
  }

  @Test(.disabled(if: parpy_has_thread_sanitizer(), "it allows no threads after a fork"))
  func isNotTheGPUOfAChild() throws {
    let (_, device) = try recording([])
    #expect(device.obstacle == nil)
    let child = parpy_fork()
    if child == 0 { _exit(device.obstacle == nil ? 1 : 0) }
    var status: Int32 = 0
    #expect(waitpid(child, &status, 0) == child)
    #expect(status == 0)
  }

  // MARK: Compiling

  @Test func compilesWithoutFastMath() throws {
    let (gpu, device) = try recording(["k"])
    _ = try device.load(
      MetalSource("kernel void k() {}", kernels: ["k"], isStrict: false), binary: nil)
    #expect(gpu.options.first??.mathMode == .safe)
    #expect(gpu.options.first??.mathFloatingPointFunctions == .precise)
    #expect(gpu.texts == ["kernel void k() {}"])
  }

  @Test func compilesStrictTextWithoutContraction() throws {
    let (gpu, device) = try recording(["k"])
    _ = try device.load(MetalSource("text", kernels: ["k"], isStrict: true), binary: nil)
    #expect(gpu.texts == ["#pragma STDC FP_CONTRACT OFF\n#line 1\ntext"])
  }

  @Test func saysWhyATextIsRefused() throws {
    let (gpu, device) = try recording(["k"])
    gpu.refusal = MTLCommandBufferError(.timeout, "program_source:3: error: no such thing")
    let error = #expect(throws: MetalError.self) { try load(["k"], device) }
    #expect(error?.reason == .compilation)
    #expect(error?.message.contains("program_source:3: error: no such thing") == true)
    #expect(throws: Never.self) { try load(["k"], device) }
  }

  @Test func saysWhichKernelIsMissing() throws {
    let (_, device) = try recording(["k"])
    let error = #expect(throws: MetalError.self) { try load(["k", "other"], device) }
    #expect(error?.message.contains("'other'") == true)
  }

  @Test func refusesAnotherWidthOfSIMDGroups() throws {
    let (gpu, device) = try recording(["k"])
    gpu.threadExecutionWidth = 64
    let error = #expect(throws: MetalError.self) { try load(["k"], device) }
    #expect(error?.reason == .unavailable)
    #expect(error?.message.contains("64 threads") == true)
  }

  @Test func compilesATextOnceAProcess() throws {
    let (gpu, device) = try recording(["a", "b"])
    _ = try load(["a"], device)
    _ = gpu.takeEvents()
    _ = try load(["a"], device)
    #expect(gpu.takeEvents() == [])
    _ = try load(["b"], device)
    #expect(gpu.takeEvents() == [.compile, .archive("b"), .pipeline("b")])
  }

  @Test func takesPipelinesFromAnArchive() throws {
    let first = try recording(["a"])
    let binary = try load(["a"], first.device).binary
    #expect(first.gpu.takeEvents() == [.compile, .archive("a"), .pipeline("a")])
    let second = try recording(["a"])
    #expect(try load(["a"], second.device, binary: binary).binary == nil)
    #expect(second.gpu.takeEvents() == [.compile, .pipeline("a")])
  }

  @Test(arguments: [[], [1, 2, 3], Array("archive of another GPU\na".utf8)])
  func compilesAnewWhereAnArchiveIsOfNoUse(_ binary: [UInt8]) throws {
    let (gpu, device) = try recording(["a"])
    let made = try load(["a"], device, binary: binary).binary
    #expect(made.map { String(decoding: $0, as: UTF8.self) } == "archive of Recording GPU\na")
    #expect(gpu.takeEvents() == [.compile, .archive("a"), .pipeline("a")])
  }

  @Test func tellsTextsApart() throws {
    let (_, device) = try recording([])
    let keys = [("x", true), ("x", false), ("y", false)].map { text, isStrict in
      device.cacheKey(MetalSource(text, kernels: [], isStrict: isStrict))
    }
    #expect(Set(keys).count == 3)
  }

  // MARK: Memory

  @Test func usesMemoryAgain() throws {
    let (gpu, device) = try recording([])
    let first = try #require(device.allocate(1000))
    device.free(first)
    #expect(device.allocate(1020) == first)
    #expect(device.allocate(1000) != first)
    #expect(gpu.allocations == [256, 1024, 1024])
  }

  @Test func freesMemoryWhenKernelsHaveEnded() throws {
    let (gpu, device) = try recording(["k"])
    let kernels = try load(["k"], device)
    let memory = try #require(device.allocate(1024))
    try kernels.launch(0, .single, [.memory(memory, isWritten: true)])
    device.free(memory)
    let other = try #require(device.allocate(1024))
    #expect(other != memory)
    try device.wait()
    #expect(device.allocate(1024) == memory)
    #expect(gpu.misuses == [])
  }

  @Test func waitsForMemory() throws {
    let (gpu, device) = try recording(["k"])
    gpu.memorySize = 4096
    let kernels = try load(["k"], device)
    let memory = try #require(device.allocate(2048))
    try kernels.launch(0, .single, [.memory(memory, isWritten: true)])
    device.free(memory)
    _ = gpu.takeEvents()
    #expect(device.allocate(3072) != nil)
    #expect(gpu.takeEvents() == [.commit(1), .wait(1)])
    #expect(device.allocate(2048) == nil)
    #expect(device.allocate(.max) == nil)
  }

  @Test func lendsWholePages() throws {
    let (gpu, device) = try recording([])
    let page = Int(getpagesize())
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 3 * page, alignment: page)
    defer { memory.deallocate() }
    #expect(!device.lend(memory + 16, page))
    #expect(!device.lend(memory, page - 1))
    #expect(device.lend(memory, page + 1))
    #expect(gpu.loans == [2 * page])
    // The same again is the same buffer; what overlaps it otherwise stays the host's.
    #expect(device.lend(memory, page))
    #expect(!device.lend(memory, 3 * page))
    #expect(!device.lend(memory + page, page))
    #expect(gpu.loans == [2 * page])
    device.free(memory)
    #expect(!device.lend(memory + page, page))
    device.free(memory)
    #expect(device.lend(memory + page, page))
    gpu.lends = false
    #expect(!device.lend(memory, page))
    #expect(gpu.misuses == [])
  }

  // MARK: Launches

  @Test func commitsWhatIsEnoughForTheGPUToBegin() throws {
    let (gpu, device) = try recording(["k"])
    let kernels = try load(["k"], device)
    for _ in 0..<65 { try kernels.launch(0, .single, []) }
    try device.wait()
    let events = gpu.takeEvents().filter { if case .dispatch = $0 { false } else { true } }
    #expect(
      events.dropFirst(3) == [.begin(1), .commit(1), .begin(2), .commit(2), .wait(1), .wait(2)])
    try device.wait()
    #expect(gpu.takeEvents() == [])
    #expect(gpu.misuses == [])
  }

  @Test func refusesWhatTheFrameworkEndsTheProcessFor() throws {
    let (gpu, device) = try recording(["k"])
    gpu.greatestThreads["k"] = 512
    let kernels = try load(["k"], device)
    #expect(kernels.greatestThreads(of: 0) == 512)
    var shape = LaunchShape.single
    shape.threads = 1024
    #expect(throws: MetalError.self) { try kernels.launch(0, shape, []) }
    let none = [MetalArgument](repeating: .memory(nil, isWritten: false), count: 32)
    #expect(throws: MetalError.self) { try kernels.launch(0, .single, none) }
    let nowhere = UnsafeRawPointer(bitPattern: 64)
    #expect(throws: MetalError.self) {
      try kernels.launch(0, .single, [.memory(nowhere, isWritten: false)])
    }
    #expect(throws: Never.self) { try kernels.launch(0, .single, Array(none.dropLast())) }
    try device.wait()
    #expect(gpu.misuses == [])
  }

  @Test func tellsTheErrorOfTheGPUOnce() throws {
    let (gpu, device) = try recording(["k"])
    let kernels = try load(["k"], device)
    gpu.failures = [MTLCommandBufferError(.pageFault, "Caused GPU Address Fault Error")]
    try kernels.launch(0, .single, [])
    let error = #expect(throws: MetalError.self) { try device.wait() }
    #expect(error?.reason == .device)
    #expect(error?.message == "Metal failed while running 'k': Caused GPU Address Fault Error")
    #expect(throws: Never.self) { try device.wait() }
    gpu.failures = [MTLCommandBufferError(.outOfMemory, "Insufficient Memory")]
    try kernels.launch(0, .single, [])
    #expect(#expect(throws: MetalError.self) { try device.wait() }?.reason == .outOfMemory)
  }

  @Test func keepsAnErrorForTheOneWhoWaits() throws {
    let (gpu, device) = try recording(["k"])
    gpu.memorySize = 4096
    let kernels = try load(["k"], device)
    gpu.failures = [MTLCommandBufferError(.timeout, "too long")]
    try kernels.launch(0, .single, [])
    // It waits for memory, and is no place for the error.
    #expect(device.allocate(8192) == nil)
    #expect(throws: MetalError.self) { try device.wait() }
  }
}
