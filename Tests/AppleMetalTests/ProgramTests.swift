import CUDARuntime
import GPUMapping
import Metal
import TestSupport
import Testing

@testable import AppleMetal
@testable import MetalRuntime

/// Programs from their launch plan to what the framework is asked to do.
struct ProgramTests {
  private static let host = """
    def f(x: float32[n], y: float32[n], n: int64):
      local i: int64
      temporary t: float32[n]
      temporary u: float32[n]
      with temporary t:
        with temporary u:
    """

  /// Two kernels that need each other's result, and one beside them.
  private static func program(_ launches: [String]) throws -> DeviceProgram {
    var program = try TestProgram(
      host + "\n" + launches.map { "      \($0)\n" }.joined(),
      [
        TestProgram.Kernel(
          name: "a", buffers: ["x", "t"], liveIns: ["n"], body: "  t[0] = x[0]\n",
          blocks: ["n", "2", "1"], threads: "64"),
        TestProgram.Kernel(name: "b", buffers: ["t", "y"], body: "  y[0] = t[0]\n"),
        TestProgram.Kernel(name: "c", buffers: ["x", "u"], body: "  u[0] = x[0]\n"),
      ]
    ).program
    program.sharesMemory = true
    return program
  }

  /// `y` becomes `x + 1`, by way of a temporary.
  private static var bodies: [String: (Dispatch) -> Void] {
    [
      "a": { launch in
        for i in 0..<Int(launch.elements(2, as: Int64.self)[0]) {
          launch.elements(1)[i] = launch.elements(0)[i] + Float(1)
        }
      },
      "b": { launch in launch.elements(1)[0] = launch.elements(0, as: Float.self)[0] },
      "c": { _ in },
    ]
  }

  private func executor(
    _ launches: [String]
  ) throws -> (gpu: RecordingDevice, device: AppleDevice, executor: MetalExecutor) {
    let (gpu, device) = try recording(Self.bodies)
    let program = try Self.program(launches)
    let kernels = try load(program.kernels.map(\.name), device)
    let executor = try MetalExecutor(
      program, kernels, on: device, arrays: ArrayUse.uses(in: program), recordsFaults: false)
    _ = gpu.takeEvents()
    return (gpu, device, executor)
  }

  private static let a = MetalEvent.dispatch("a", blocks: [3, 2, 1], threads: 64)
  private static let b = MetalEvent.dispatch("b", blocks: [1, 1, 1], threads: 1)
  private static let c = MetalEvent.dispatch("c", blocks: [1, 1, 1], threads: 1)

  // MARK: Order

  @Test func aBarrierOrdersKernelsOfOneCommandBuffer() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 1"])
    let (x, y) = (Floats([1, 2, 3]), Floats([0, 0, 0]))
    #expect(try run(executor, [x, y]) == 0)
    #expect(
      gpu.takeEvents() == [.begin(1), Self.a, .barrier, Self.b, .commit(1), .wait(1)])
    #expect(y.values == [2, 0, 0])
    #expect(gpu.misuses == [])
  }

  @Test func kernelsThatShareNothingWrittenRunSideBySide() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 2", "launch 1", "launch 2"])
    #expect(try run(executor, [Floats([1]), Floats([0])]) == 0)
    let a = MetalEvent.dispatch("a", blocks: [1, 2, 1], threads: 64)
    #expect(
      gpu.takeEvents() == [
        .begin(1), a, Self.c, .barrier, Self.b, Self.c, .commit(1), .wait(1),
      ])
  }

  @Test func aKernelWaitsForThoseThatReadWhatItWrites() throws {
    let (gpu, _, executor) = try executor(["launch 1", "launch 0", "launch 0"])
    #expect(try run(executor, [Floats([1, 1, 1]), Floats([0, 0, 0])]) == 0)
    #expect(
      gpu.takeEvents() == [
        .begin(1), Self.b, .barrier, Self.a, .barrier, Self.a, .commit(1), .wait(1),
      ])
  }

  @Test func theHostWaitsBeforeItReads() throws {
    let (gpu, _, executor) = try executor(
      ["launch 0", "t[0] = t[0] * t[0]", "launch 1", "launch 2"])
    let y = Floats([0, 0, 0])
    #expect(try run(executor, [Floats([4, 0, 0]), y]) == 0)
    #expect(
      gpu.takeEvents() == [
        .begin(1), Self.a, .commit(1), .wait(1), .begin(2), Self.b, Self.c, .commit(2), .wait(2),
      ])
    #expect(y.values == [25, 0, 0])
    #expect(gpu.misuses == [])
  }

  // MARK: Arrays

  @Test func arraysOfWholePagesStayWhereTheyAre() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 1"])
    let count = Int(getpagesize())
    let (x, y) = (Floats(count: count, isAligned: true), Floats(count: count, isAligned: true))
    x.elements[0] = 7
    let before = gpu.allocations.count
    #expect(try run(executor, [x, y]) == 0)
    #expect(y.values[0] == 8)
    #expect(gpu.loans == [4 * count, 4 * count])
    // The temporaries.
    #expect(gpu.allocations.count == before + 2)
    #expect(gpu.misuses == [])
  }

  @Test func otherArraysAreCopied() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 1"])
    let count = Int(getpagesize())
    let (x, y) = (
      Floats(count: count + 1, isAligned: true), Floats(count: count + 1, isAligned: true)
    )
    x.elements[1] = 7
    #expect(try run(executor, [x, y], from: 1) == 0)
    #expect(y.values[1] == 8)
    #expect(gpu.loans == [])
  }

  @Test func anArrayThatIsReadAndWrittenIsOneBuffer() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 1"])
    let x = Floats(count: Int(getpagesize()), isAligned: true)
    #expect(try run(executor, [x, x]) == 0)
    #expect(x.values[0] == 1)
    #expect(gpu.loans.count == 1)
  }

  @Test func arraysWithoutElementsHaveAPlaceholder() throws {
    let (gpu, _, executor) = try executor(["launch 2"])
    #expect(try run(executor, [Floats([]), Floats([])]) == 0)
    #expect(gpu.takeEvents().contains(Self.c))
    #expect(gpu.misuses == [])
  }

  // MARK: Failures

  @Test func anErrorOfTheGPUEndsTheCall() throws {
    let (gpu, _, executor) = try executor(["launch 0", "launch 1"])
    gpu.failures = [MTLCommandBufferError(.pageFault, "Caused GPU Address Fault Error")]
    let y = Floats([0, 0, 0])
    let error = #expect(throws: MetalError.self) { try run(executor, [Floats([1, 2, 3]), y]) }
    #expect(
      error?.message == "Metal failed while running 'a', 'b': Caused GPU Address Fault Error")
    #expect(try run(executor, [Floats([1, 2, 3]), y]) == 0)
    #expect(y.values == [2, 0, 0])
  }

  @Test func anErrorIsToldWhereTheHostWaits() throws {
    let (gpu, _, executor) = try executor(["launch 0", "t[0] = 2.0 * t[0]", "launch 1"])
    gpu.failures = [MTLCommandBufferError(.timeout, "too long")]
    #expect(throws: MetalError.self) { try run(executor, [Floats([1]), Floats([0])]) }
    #expect(gpu.takeEvents().last == .wait(1))
  }

  @Test func memoryThatIsNotThereIsAStatus() throws {
    let (gpu, _, executor) = try executor(["launch 0"])
    gpu.memorySize = 1024
    #expect(try run(executor, [Floats(count: 1000), Floats(count: 1000)]) == -1)
  }

  @Test func aKernelWithFewerThreadsIsRefused() throws {
    let (gpu, device) = try recording(Self.bodies)
    gpu.greatestThreads["a"] = 512
    let program = try Self.program(["launch 0"])
    let kernels = try load(program.kernels.map(\.name), device)
    #expect(throws: (any Error).self) {
      try MetalExecutor(
        program, kernels, on: device, arrays: ArrayUse.uses(in: program), recordsFaults: false)
    }
  }

  @Test func kernelsOfTheUserMayWriteEveryArray() throws {
    let program = try TestProgram(
      Self.host + "\n      launch 0\n", [TestProgram.Kernel(buffers: ["x", "t"], liveIns: ["n"])]
    ).program
    #expect(
      program.kernels[0].parameters(in: program.host, recordsFaults: true) == [
        .memory(isWritten: true), .memory(isWritten: true), .value(size: 8),
        .memory(isWritten: true),
      ])
  }
}
