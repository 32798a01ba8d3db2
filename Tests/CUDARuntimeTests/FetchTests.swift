import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

extension GPUTests {
  /// Elements of the device that the host reads to know how it goes on.
  struct FetchTests {
    private static let host = """
      def f(x: float32[3, 4], i: int64):
        while x[i, i + 1] > 0.0f32:
          launch 0
      """

    /// A program whose kernel counts `x[1, 2]` down, and does `also` with each launch.
    private func start(
      kernel body: String = "  pass\n", argumentCount: Int = 1,
      also: @escaping (FakeGPU.Launch) -> Void = { _ in }
    ) throws -> (FakeGPU, HostExecutor) {
      let program = try TestProgram(
        Self.host, [TestProgram.Kernel(buffers: ["x"], body: body)])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["k"] = (
          argumentCount,
          {
            $0.element(0, 6, as: Float.self).pointee -= 1
            also($0)
          }
        )
      }
      return (gpu, try program.executor(on: driver.device(0)))
    }

    /// Calls `body` with the words of a call whose `x[1, 2]` is `value`.
    private func withCall<Result>(
      _ value: Float, of executor: HostExecutor, _ body: (inout TestCall) throws -> Result
    ) throws -> Result {
      let memory = try executor.module.device.allocate(12 * MemoryLayout<Float>.size)
      let x = try #require(UnsafeMutablePointer<Float>(bitPattern: UInt(memory.address)))
      x.update(repeating: 100, count: 12)
      x[6] = value
      return try withExtendedLifetime(memory) {
        var call = TestCall(words: [Int64(bitPattern: memory.address), 1])
        return try body(&call)
      }
    }

    @Test func theHostGoesOnAsTheElementSays() throws {
      let (gpu, executor) = try start()
      for value: Float in [3, 0, 5, 5, 5, 5] {
        gpu.forget()
        #expect(try withCall(value, of: executor) { try $0.run(executor) } == 0)
        #expect(gpu.launches.count == Int(value))
        #expect(gpu.count(of: "copy_out") == Int(value) + 1)
        // What is read must have run.
        #expect(gpu.count(of: "launch_graph") == 0)
      }
    }

    @Test func aCopyThatFailsEndsTheCall() throws {
      let (gpu, executor) = try start()
      gpu.failures["copy_out"] = [0, 0, 700]
      #expect(throws: CUDAError.self) { try withCall(5, of: executor) { try $0.run(executor) } }
      #expect(gpu.launches.count == 2)
    }

    @Test func aTestThatFailedInAKernelEndsTheLoop() throws {
      let (gpu, executor) = try start(
        kernel: "  require i equals 7\n", argumentCount: 2,
        also: {
          if $0.element(0, 6, as: Float.self).pointee == 3 {
            $0.element(1, 0, as: Int64.self).pointee = 1
            $0.element(1, 1, as: Int64.self).pointee = 8
          }
        })
      let slot = try withCall(5, of: executor) { call throws in
        #expect(try call.run(executor) == -2)
        return call.slot
      }
      #expect(slot == [1, 8, 0])
      #expect(gpu.launches.count == 2)
    }

    @Test func elementsAreRegistersOfTheirTypes() {
      func register(_ bytes: [UInt8], _ type: ScalarType) -> Int64 {
        bytes.withUnsafeBytes { raw in
          raw.baseAddress.map { HostArithmetic.element(at: $0, type) } ?? 0
        }
      }
      let ones = [UInt8](repeating: 0xFF, count: 8)
      for type: ScalarType in [.int8, .int16, .int32, .int64, .uint64] {
        #expect(register(ones, type) == -1)
      }
      #expect(register(ones, .uint8) == 0xFF)
      #expect(register(ones, .uint16) == 0xFFFF)
      #expect(register(ones, .uint32) == 0xFFFF_FFFF)
      #expect(register([1, 0xFF], .bool) == 1)
      #expect(register([0, 0, 0, 0xC0], .float32) == HostArithmetic.bits(-2, .float32))
      #expect(register([0, 0xC0], .float16) == HostArithmetic.bits(-2, .float16))
      #expect(register([0, 0, 0, 0, 0, 0, 0, 0xC0], .float64) == HostArithmetic.bits(-2, .float64))
    }

    @Test func onlyWhatDecidesHowAStatementRunsIsRead() throws {
      func bugs(_ statement: String) throws -> Int {
        let host = "def f(x: int64[4], i: int64):\n  local s: int64\n  " + statement
        return DeviceProgram(host: try LoopFunction(parsing: host)).verify().count
      }
      #expect(try bugs("while x[i] > 0:\n    pass") == 0)
      #expect(try bugs("for s in x[0]..<x[i]:\n    pass") == 0)
      #expect(try bugs("s = x[i]") == 1)
    }
  }
}
