import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

/// The real driver and NVRTC, on a machine with a GPU: what a fake driver cannot tell.
@Suite(
  .serialized,
  .enabled(if: (try? CUDADriver.shared().deviceCount()) ?? 0 > 0, "no NVIDIA GPU and driver"))
struct DeviceTests {
  private func executor(
    _ program: TestProgram, _ text: String, _ kernels: [KernelName]? = nil,
    graphs: GraphUse = .whereWorthIt
  ) throws -> HostExecutor {
    let device = try CUDADriver.shared().device(0)
    let compiler = try NVRTC(libraryIn: NVRTCTests.directories)
    let binary = try compiler.compile(
      text, NVRTC.Options(architecture: device.properties.architecture))
    let names = kernels ?? program.program.kernels.map { KernelName($0.name) }
    return try HostExecutor(
      program.program, device.load(binary, kernels: names), graphs: graphs)
  }

  private func word(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }

  /// `y[i] += a·x[i] + b + c` with parameters of several widths, on strided arrays of the host.
  @Test func argumentsArriveAsTheyAre() throws {
    let program = try TestProgram(
      """
      def f(x: float64[n], y: float64[n], n: int64, a: float32, b: int8, c: bool, d: float16):
        local i: int64
        launch 0
      """,
      [
        TestProgram.Kernel(
          buffers: ["x", "y"], liveIns: ["n", "a", "b", "c", "d"],
          body: "  for i in 0..<n:\n    y[i] = y[i] + x[i]\n", blocks: ["n", "1", "1"],
          threads: "32")
      ])
    let executor = try executor(
      program,
      """
      extern "C" __global__ void k(const double *x, double *y, long long n, float a, signed char b, bool c,
                                   unsigned short d) {
        long long i = blockIdx.x;
        if (i < n && threadIdx.x == 0) y[-2 * i] += a * x[i] + b + c + (d == 0x3E00);
      }
      """)
    let x = HostMemory((0..<50).map { Double($0) })
    let y = HostMemory((0..<100).map { Double(1000 * $0) })
    let arrays = [
      x.array(0, extents: [50]), y.array(1, from: 98, extents: [50], strides: [-2]),
    ]
    var call = TestCall(
      words: arrays.map(\.word) + [50, word(0.5), -7, 1, word(1.5)], hostArrays: arrays.map(\.array)
    )
    #expect(try call.run(executor) == 0)
    for i in 0..<50 {
      #expect(y.elements[98 - 2 * i] == Double(1000 * (98 - 2 * i)) + 0.5 * Double(i) - 5)
      #expect(y.elements[99 - 2 * i] == Double(1000 * (99 - 2 * i)))
    }
    // Sparse: one element of each row of 1000.
    let matrix = HostMemory((0..<50_000).map { Double($0) })
    let column = [
      x.array(0, extents: [50]), matrix.array(1, from: 49_005, extents: [50], strides: [-1000]),
    ]
    // The kernel's own stride is 2, so that it sees the first element alone.
    call = TestCall(
      words: column.map(\.word) + [1, word(1), 3, 0, 0], hostArrays: column.map(\.array))
    #expect(try call.run(executor) == 0)
    for i in 0..<50_000 { #expect(matrix.elements[i] == Double(i == 49_005 ? i + 3 : i)) }
    // Large, so that it comes back without our own memory between.
    let large = (HostMemory(Array(repeating: 2, count: 400_000)))
    let again = [large.array(0, extents: [400_000]), large.array(1, from: 399_999, extents: [1])]
    call = TestCall(
      words: again.map(\.word) + [1, word(1), 0, 0, 0], hostArrays: again.map(\.array))
    #expect(try call.run(executor) == 0)
    #expect(large.elements[399_999] == 4)
    #expect(large.elements[0] == 2)
  }

  /// A chain of launches that must run one after the other, with a temporary between them.
  @Test func graphsDoWhatLaunchesDo() throws {
    let program = try TestProgram(
      """
      def f(x: uint64[1], n: int64, c: int64):
        local i, s: int64
        temporary t: uint64[1]
        for i in 0..<n:
          s = (i if i != 3 else c)
          with temporary t:
            launch 0
            launch 1
      """,
      [
        TestProgram.Kernel(
          name: "a", buffers: ["x", "t"], liveIns: ["s"], body: "  t[0] = x[0]\n"),
        TestProgram.Kernel(name: "b", buffers: ["t", "x"], body: "  x[0] = t[0]\n"),
      ])
    let text = """
      typedef unsigned long long u64;
      extern "C" __global__ void a(const u64 *x, u64 *t, u64 s) { *t = *x + s; }
      extern "C" __global__ void b(const u64 *t, u64 *x) { *x = *t * 2862933555777941757ull; }
      """
    func expected(_ n: Int64, _ c: Int64) -> UInt64 {
      (0..<n).reduce(1) { value, i in
        (value &+ UInt64(bitPattern: i == 3 ? c : i)) &* 2_862_933_555_777_941_757
      }
    }
    let device = try CUDADriver.shared().device(0)
    let memory = try device.withContext { () throws(CUDAError) in
      try device.memory.allocate(8, on: .legacy)
    }
    let address = try #require(memory)
    let result = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
    defer { result.deallocate() }
    for graphs: GraphUse in [.never, .whereWorthIt] {
      let executor = try executor(program, text, graphs: graphs)
      let clock = ContinuousClock()
      for (n, c) in [(1000, 5), (1000, 5), (1000, 5), (1000, 6), (1000, 7), (30, 7), (2100, 1)]
        as [(Int64, Int64)]
      {
        try device.withContext { () throws(CUDAError) in
          result.pointee = 1
          _ = device.driver.functions.pointee.copy_in(address, result, 8, nil)
          try device.synchronize()
        }
        var call = TestCall(words: [Int64(bitPattern: address), n, c])
        var queued = Duration.zero
        let done = try clock.measure {
          queued = try clock.measure { _ = try call.run(executor) }
          try device.synchronize()
        }
        try device.withContext { () throws(CUDAError) in
          _ = device.driver.functions.pointee.copy_out(result, address, 8, nil)
          try device.synchronize()
        }
        #expect(UInt64(bitPattern: result.pointee) == expected(n, c))
        print("graphs \(graphs): \(2 * n) launches queued in \(queued), done in \(done)")
      }
    }
  }

  @Test func memoryThatIsNotThereLeavesTheGPUUsable() throws {
    let program = try TestProgram(
      """
      def f(n: int64):
        temporary t: int8[n]
        with temporary t:
          launch 0
      """, [TestProgram.Kernel(buffers: ["t"])])
    let executor = try executor(
      program, "extern \"C\" __global__ void k(char *t) { t[0] = 1; }")
    for (n, status) in [(1 << 20, 0), (1 << 50, -1), (-1, -1), (1 << 30, 0)] as [(Int64, Int64)] {
      var call = TestCall(words: [n])
      #expect(try call.run(executor) == status)
      try executor.module.device.synchronize()
    }
    // Almost all of the memory, again and again: what the pool keeps must not be in the way.
    let most = Int64(executor.module.device.properties.memorySize / 10 * 6)
    for n in [most, most / 2 + 1, most, 1000, most] {
      var call = TestCall(words: [n])
      #expect(try call.run(executor) == 0)
    }
    try executor.module.device.synchronize()
  }

  @Test func refusedLaunchesLeaveTheGPUUsable() throws {
    let program = try TestProgram(
      "def f(t: int64):\n  launch 0\n", [TestProgram.Kernel(threads: "t")])
    let executor = try executor(
      program, "extern \"C\" __global__ void __launch_bounds__(64) k() {}")
    var call = TestCall(words: [1024])
    let error = #expect(throws: CUDAError.self) { try call.run(executor) }
    print(error?.description ?? "")
    #expect(error?.message.contains("'k'") == true)
    call = TestCall(words: [64])
    #expect(try call.run(executor) == 0)
    try executor.module.device.synchronize()
  }

  @Test func faultsComeBack() throws {
    let program = try TestProgram(
      """
      def f(x: float64[n], n: int64):
        launch 0
      """,
      [TestProgram.Kernel(buffers: ["x"], body: "  x[checked(n)] = 1.0\n", threads: "256")])
    let executor = try executor(
      program,
      """
      extern "C" __global__ void k(double *x, unsigned long long *slot) {
        if (atomicCAS(slot, 0ull, 1ull) == 0) { slot[1] = 17; slot[2] = threadIdx.x < 256 ? 4 : 0; }
      }
      """)
    let x = HostMemory([1, 2])
    let array = x.array(0, extents: [2])
    var call = TestCall(words: [array.word, 2], hostArrays: [array.array])
    #expect(try call.run(executor) == -2)
    #expect(call.slot == [1, 17, 4])
  }

  /// Blocks that wait for all others, more of them than run at the same time, and clusters.
  @Test func cooperativeGridsAreMadeToFit() throws {
    let program = try TestProgram(
      """
      def f(x: uint64[3], n: int64):
        launch 0
      """,
      [
        TestProgram.Kernel(
          buffers: ["x"], body: "  x[0] = x[1]\n", blocks: ["n", "1", "1"], threads: "1024")
      ])
    func text(_ qualifier: String) -> String {
      """
      extern "C" __global__ void \(qualifier) k(volatile unsigned long long *x) {
        if (threadIdx.x != 0) return;
        atomicAdd((unsigned long long *)x, 1ull);
        while (x[0] < gridDim.x) {}
        if (blockIdx.x == 0) x[1] = gridDim.x;
      }
      """
    }
    func run(_ kernel: KernelName, _ n: Int64, _ qualifier: String = "") throws -> [UInt64] {
      let executor = try executor(program, text(qualifier), [kernel])
      let x = HostMemory([0, 0, 0])
      let array = x.array(0, extents: [3])
      var call = TestCall(words: [array.word, n], hostArrays: [array.array])
      #expect(try call.run(executor) == 0)
      return x.values.map(\.bitPattern)
    }
    let device = try CUDADriver.shared().device(0)
    let fitting = try run(KernelName("k", isCooperative: true), 1_000_000)
    #expect(fitting[0] == fitting[1])
    #expect(fitting[1] >= UInt64(device.properties.multiprocessorCount))
    if device.properties.architecture.hasPrefix("sm_9") || device.properties.architecture.count > 5
    {
      #expect(try run("k", 8, "__cluster_dims__(4, 1, 1)")[1] == 8)
      #expect(try run("k", 16, "__cluster_dims__(16, 1, 1)")[1] == 16)
    }
  }

  @Test func addressesTellTheirDevice() throws {
    let driver = try CUDADriver.shared()
    let device = try driver.device(0)
    let memory = try device.withContext { () throws(CUDAError) in
      try device.memory.allocate(4096, on: .legacy)
    }
    let address = try #require(memory)
    #expect(driver.device(ofAddress: address + 100) == 0)
    let x = HostMemory([1])
    #expect(driver.device(ofAddress: UInt64(x.address(of: 0))) == nil)
    try device.withContext { () throws(CUDAError) in device.memory.free(address, on: .legacy) }
    print(
      "\(device.properties.name), \(device.properties.architecture), \(device.properties.memorySize >> 20) MiB"
    )
  }
}
