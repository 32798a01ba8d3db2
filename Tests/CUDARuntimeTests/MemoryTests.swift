import CCUDA
import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

extension GPUTests {
  /// Temporaries, and what becomes of them when something goes wrong.
  struct MemoryTests {
    private static let host = """
      def f(n: int64, m: int64):
        local i: int64
        temporary t: float64[n, m]
        temporary u: int8[n]
        for i in 0..<2:
          with temporary t:
            launch 0
            with temporary u:
              launch 0
      """

    private func program() throws -> TestProgram {
      try TestProgram(Self.host, [TestProgram.Kernel(buffers: ["t", "u"])])
    }

    private func start(_ configure: @escaping (FakeGPU) -> Void = { _ in }) throws -> (
      FakeGPU, HostExecutor
    ) {
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["k"] = (2, { _ in })
        configure($0)
      }
      return (gpu, try program().executor(on: driver.device(0), graphs: .never))
    }

    @Test func temporariesLiveForTheirBody() throws {
      let (gpu, executor) = try start()
      var sizes: [[Int]] = []
      gpu.kernels["k"] = (2, { [unowned gpu] _ in sizes.append(gpu.allocations.values.sorted()) })
      var call = TestCall(words: [3, 5])
      #expect(try call.run(executor) == 0)
      // Allocations end with a whole word.
      #expect(sizes == [[120], [4, 120], [120], [4, 120]])
      #expect(gpu.allocations.isEmpty)
      #expect(gpu.count(of: "create_pool") == 1)
    }

    @Test func emptyTemporariesTakeNoMemory() throws {
      let (gpu, executor) = try start()
      var call = TestCall(words: [0, 5])
      #expect(try call.run(executor) == 0)
      #expect(gpu.launches.count == 4)
      #expect(gpu.launches.allSatisfy { $0.arguments[0] == 0 })
      #expect(gpu.count(of: "allocate_from_pool") == 0)
    }

    @Test(
      arguments: [
        (-1, 1), (1, -1), (.max, 2), (1 << 32, 1 << 32), (.min, 1), (1 << 40, 1),
      ] as [(Int64, Int64)])
    func impossibleSizesAreOutOfMemory(n: Int64, m: Int64) throws {
      let (gpu, executor) = try start()
      var call = TestCall(words: [n, m])
      #expect(try call.run(executor) == -1)
      #expect(gpu.launches.isEmpty)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func outOfMemoryFreesWhatTheCallHolds() throws {
      // Room for the first temporary alone.
      let (gpu, executor) = try start { $0.memorySize = 8 * 1000 + 10 }
      var call = TestCall(words: [1000, 1])
      #expect(try call.run(executor) == -1)
      #expect(gpu.launches.count == 1)
      #expect(gpu.allocations.isEmpty)
      #expect(gpu.count(of: "trim_pool") == 1)
      // The next call finds the GPU as it was.
      var smaller = TestCall(words: [10, 1])
      #expect(try smaller.run(executor) == 0)
    }

    @Test func refusedLaunchesFreeWhatTheCallHolds() throws {
      let (gpu, executor) = try start()
      gpu.failures["launch"] = [0, 701]
      var call = TestCall(words: [3, 5])
      let error = #expect(throws: CUDAError.self) { try call.run(executor) }
      #expect(error?.reason == .launch)
      #expect(error?.message.contains("'k'") == true)
      #expect(error?.help != nil)
      #expect(gpu.allocations.isEmpty)
      #expect(try call.run(executor) == 0)
    }

    @Test func devicesWithoutPoolsAllocateOutsideStreams() throws {
      let (gpu, executor) = try start { $0.hasPools = 0 }
      var call = TestCall(words: [3, 5])
      #expect(try call.run(executor) == 0)
      #expect(gpu.count(of: "allocate") == 4)
      #expect(gpu.count(of: "free") == 4)
      #expect(gpu.count(of: "create_pool") == 0)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func contextsAreThoseOfTheCaller() throws {
      let (gpu, executor) = try start()
      gpu.setContext(FakeGPU.otherContext)
      var inside: [OpaquePointer?] = []
      gpu.kernels["k"] = (2, { [unowned gpu] _ in inside.append(gpu.currentContext) })
      var call = TestCall(words: [3, 5])
      #expect(try call.run(executor) == 0)
      #expect(inside.allSatisfy { $0 == FakeGPU.deviceContext } && inside.count == 4)
      #expect(gpu.currentContext == FakeGPU.otherContext)
      gpu.failures["launch"] = [719]
      #expect(throws: CUDAError.self) { try call.run(executor) }
      #expect(gpu.currentContext == FakeGPU.otherContext)
      // Where the context is the thread's already, it is left alone.
      gpu.setContext(FakeGPU.deviceContext)
      gpu.forget()
      #expect(try call.run(executor) == 0)
      #expect(gpu.count(of: "set_context") == 0)
    }

    @Test func callsOfManyThreadsHaveTheirOwnRegisters() async throws {
      let program = try TestProgram(
        """
        def f(n: int64):
          local i: int64
          for i in 0..<n:
            launch 0
        """, [TestProgram.Kernel(liveIns: ["n"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      let executor = try program.executor(on: driver.device(0), graphs: .never)
      await withTaskGroup(of: Void.self) { group in
        for n in 1...8 {
          group.addTask {
            for _ in 0..<20 {
              var call = TestCall(words: [Int64(n)])
              #expect((try? call.run(executor)) == 0)
            }
          }
        }
      }
      for n in 1...8 {
        #expect(gpu.launches.filter { $0.arguments[0] == UInt64(n) }.count == 20 * n)
      }
    }
  }
}
