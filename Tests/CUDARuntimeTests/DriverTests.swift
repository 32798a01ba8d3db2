import CCUDA
import TestSupport
import Testing

@testable import CUDARuntime

extension GPUTests {
  /// The driver, its devices and what its results mean.
  struct DriverTests {
    @Test func oldDriversAreRefused() throws {
      let error = #expect(throws: CUDAError.self) {
        try FakeGPU.start { $0.version = 11080 }
      }
      #expect(error?.reason == .unavailable)
      #expect(error?.message.contains("11.8") == true)
      #expect(error?.help?.contains("525") == true)
    }

    @Test func missingDevicesAreNamed() throws {
      let (_, driver) = try FakeGPU.start { $0.devices = 2 }
      #expect(try driver.deviceCount() == 2)
      for ordinal in [2, -1, 1 << 40] {
        let error = #expect(throws: CUDAError.self) { try driver.device(ordinal) }
        #expect(error?.reason == .unavailable)
        #expect(error?.message.contains("2") == true)
      }
      let none = #expect(throws: CUDAError.self) {
        try FakeGPU.start { $0.failures["initialize"] = [100] }
      }
      #expect(none?.reason == .unavailable)
      #expect(none?.help?.contains("nvidia-smi") == true)
    }

    @Test func devicesAreOpenedOnce() throws {
      let (gpu, driver) = try FakeGPU.start()
      let device = try driver.device(0)
      #expect(try driver.device(0) === device)
      #expect(gpu.count(of: "retain_context") == 1)
      #expect(device.properties.architecture == "sm_90")
      #expect(device.properties.name == "Fake")
      #expect(device.properties.memorySize == 1 << 30)
    }

    @Test func addressesTellTheirDevice() throws {
      let (gpu, driver) = try FakeGPU.start()
      let device = try driver.device(0)
      let address = try #require(try device.memory.allocate(64, on: .legacy))
      #expect(driver.device(ofAddress: address + 8) == 0)
      #expect(driver.device(ofAddress: 0x10) == nil)
      device.memory.free(address, on: .legacy)
      #expect(gpu.allocations.isEmpty)
    }

    @Test(
      arguments: [
        (2, .outOfMemory, "CUDA_ERROR_2"), (701, .launch, "meaning 701"),
        (700, .contextLost, "cannot use the GPU any more"), (719, .contextLost, "CUDA_ERROR_719"),
        (3, .driver, "not usable in this process"), (209, .unavailable, "cannot load"),
        (999, .driver, "CUDA_ERROR_999"),
      ] as [(Int32, CUDAError.Reason, String)])
    func resultsAreExplained(result: Int32, reason: CUDAError.Reason, part: String) throws {
      let (gpu, driver) = try FakeGPU.start()
      let device = try driver.device(0)
      gpu.failures["synchronize_stream"] = [result]
      let error = #expect(throws: CUDAError.self) { try device.synchronize() }
      #expect(error?.reason == reason)
      #expect(error?.message.contains(part) == true)
      #expect(error?.message.contains("waiting for the GPU") == true)
      try device.synchronize()
    }

    @Test func modulesAreUnloaded() throws {
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let device = try driver.device(0)
      do { _ = try device.load([1], kernels: ["k"]) }
      #expect(gpu.count(of: "unload_module") == 1)
      let error = #expect(throws: CUDAError.self) { try device.load([1], kernels: ["k", "none"]) }
      #expect(error?.message.contains("'none'") == true)
      #expect(gpu.count(of: "unload_module") == 2)
    }

    @Test func blocksThatKnowEachOtherAreLaunchedTogether() throws {
      let program = try TestProgram(
        "def f(n: int64):\n  launch 0\n",
        [TestProgram.Kernel(blocks: ["n", "3", "1"], threads: "256")])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let device = try driver.device(0)
      func launch(_ kernel: KernelName, _ n: Int64) throws -> [UInt32]? {
        let executor = try HostExecutor(program.program, device.load([1], kernels: [kernel]))
        var call = TestCall(words: [n])
        #expect(try call.run(executor) == 0)
        return gpu.launches.last?.blocks
      }
      // 132 multiprocessors run two blocks each.
      #expect(try launch(KernelName("k", isCooperative: true), 1000) == [88, 3, 1])
      #expect(try launch(KernelName("k", isCooperative: true), 7) == [7, 3, 1])
      #expect(gpu.count(of: "launch_configured") == 2)
    }

    @Test func captureIsAskedForBeforeAnythingIsQueued() throws {
      let program = try TestProgram(
        "def f(x: float32[2]):\n  launch 0\n", [TestProgram.Kernel(buffers: ["x"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      let executor = try program.executor(on: driver.device(0), graphs: .never)
      let x = HostMemory([1, 2])
      let array = x.array(0, extents: [2])
      gpu.isCapturing = true
      gpu.forget()
      var call = TestCall(words: [array.word], hostArrays: [array.array])
      let error = #expect(throws: CUDAError.self) { try call.run(executor) }
      #expect(error?.message.contains("the array 'x' lies in memory of the host") == true)
      #expect(gpu.launches.isEmpty)
      #expect(gpu.count(of: "synchronize_stream") == 0)
      #expect(gpu.captureMode == 0)
    }

    @Test func largeClustersAreAllowed() throws {
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let device = try driver.device(0)
      gpu.clusterWidth = 8
      _ = try device.load([1], kernels: ["k"])
      #expect(gpu.count(of: "set_function_attribute") == 0)
      gpu.clusterWidth = 16
      _ = try device.load([1], kernels: [KernelName("k", dynamicSharedBytes: 99)])
      #expect(gpu.count(of: "set_function_attribute") == 2)
    }

    /// Not a test of speed: prints what a launch costs beside the driver's own work.
    @Test func printsTheTimeOfALaunch() throws {
      let program = try TestProgram(
        """
        def f(x: float32[n], y: float32[n], n: int64 >= 2, a: float32):
          local i: int64
          check n < 1000000 else respecialize
          for i in 0..<1000:
            launch 0
        """,
        [TestProgram.Kernel(buffers: ["x", "y"], liveIns: ["n", "a"], blocks: ["n", "1", "1"])])
      var table = FakeGPU.table
      table.launch = { _, _, _, _, _, _, _, _, _, _, _ in 0 }
      _ = try FakeGPU.start { $0.kernels["k"] = (4, { _ in }) }
      let executor = try program.executor(on: CUDADriver(table).device(0), graphs: .never)
      var call = TestCall(words: [1, 2, 100, 0])
      _ = try call.run(executor)
      let clock = ContinuousClock()
      let loop = try clock.measure { _ = try call.run(executor) }
      print("\(loop / 1000) a launch in a loop of 1000")
    }
  }
}
