import CCUDA
import GPUMapping
import LoopIR
import TestSupport
import Testing

import struct Syntax.DiagnosticError

@testable import CUDARuntime

extension GPUTests {
  /// Loops, conditions, checks and launches of the host part.
  struct HostPartTests {
    /// Runs a program whose kernel `k` gets the variable `i`, and gives the values it was launched with.
    private func launches(
      of host: String, liveIns: [String] = ["i"], words: [Int64] = [], status: Int64 = 0
    ) throws -> [[UInt64]] {
      let program = try TestProgram(host, [TestProgram.Kernel(liveIns: liveIns)])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (liveIns.count, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      var call = TestCall(words: words)
      #expect(try call.run(executor) == status)
      return gpu.launches.map(\.arguments)
    }

    private func values(of host: String, words: [Int64] = []) throws -> [Int64] {
      try launches(of: host, words: words).map { Int64(bitPattern: $0[0]) }
    }

    @Test(arguments: [
      (0, 5, 1), (5, 0, 1), (0, 10, 3), (10, 0, -3), (-4, 4, 2), (3, 3, -1), (1, 0, -1),
    ])
    func loopsTakeTheStepsOfRange(lower: Int64, upper: Int64, step: Int64) throws {
      let host = """
        def f(l: int64, u: int64):
          local i: int64
          for i in l..<u by \(step):
            launch 0
        """
      #expect(
        try values(of: host, words: [lower, upper])
          == Array(stride(from: lower, to: upper, by: Int(step))))
    }

    @Test func loopsEndAtTheEndsOfTheirType() throws {
      let up = """
        def f(l: int64, u: int64):
          local i: int64
          for i in l..<u by 3:
            launch 0
        """
      #expect(try values(of: up, words: [.max - 4, .max]) == [.max - 4, .max - 1])
      let down = """
        def f(l: int64, u: int64):
          local i: int64
          for i in l..<u by -3:
            launch 0
        """
      #expect(try values(of: down, words: [.min + 4, .min]) == [.min + 4, .min + 1])
      let whole = """
        def f(l: int64, u: int64):
          local i: int64
          for i in l..<u by 6148914691236517205:
            launch 0
        """
      #expect(
        try values(of: whole, words: [.min, .max]) == [
          .min, .min + 6_148_914_691_236_517_205, .min &+ 2 &* 6_148_914_691_236_517_205,
        ])
    }

    @Test func elementsAreReadAndWrittenWhereMemoryIsShared() throws {
      var program = try TestProgram(
        """
        def f(x: int16[3], n: int64):
          local s: int16
          s = x[2]
          x[n] = x[1]
          s = s + x[0]
        """
      ).program
      #expect(throws: DiagnosticError.self) { try HostFlattener.flatten(program) }
      program.sharesMemory = true
      var elements: [Int16] = [1, -7, 300]
      let sum = try elements.withUnsafeMutableBytes { memory in
        try finalValue(of: "s", in: program, [Int64(Int(bitPattern: memory.baseAddress)), 0])
      }
      #expect(sum == 293)
      #expect(elements == [-7, -7, 300])
    }

    @Test func loopsEndWhereTheirConditionDoes() throws {
      let host = """
        def f(n: int64):
          local i, s: int64
          s = 0
          for i in 0..<n while s < 10:
            s = s + i
            launch 0
        """
      #expect(try values(of: host, words: [100]) == [0, 1, 2, 3, 4])
    }

    @Test func boundsAreThoseOnEntry() throws {
      let host = """
        def f(n: int64):
          local i, m: int64
          m = n
          for i in m..<m + 3:
            m = m + 10
            launch 0
        """
      #expect(try values(of: host, words: [4]) == [4, 5, 6])
    }

    @Test func conditionsAndWhileLoopsChoose() throws {
      let host = """
        def f(n: int64):
          local i: int64
          i = n
          while i != 1:
            launch 0
            if i % 2 == 0:
              i = i // 2
            elif i > 1000:
              i = 1
            else:
              i = 3 * i + 1
        """
      #expect(try values(of: host, words: [6]) == [6, 3, 10, 5, 16, 8, 4, 2])
    }

    @Test func logicalOperatorsMayReadWhatTheySet() throws {
      let host = """
        def f(a: bool, b: bool):
          local x: bool
          local i: int64
          x = b
          x = a and x
          i = int64(x)
          launch 0
          x = b
          x = a or x
          i = int64(x)
          launch 0
          i = 5
          i = (i + 1 if a else i + 2)
          launch 0
        """
      #expect(try values(of: host, words: [1, 0]) == [0, 1, 6])
      #expect(try values(of: host, words: [0, 1]) == [0, 1, 7])
    }

    @Test func localsBeginAtZeroInEachCall() throws {
      let program = try TestProgram(
        """
        def f(n: int64):
          local i, s: int64
          for i in 0..<n:
            s = s + 1
            launch 0
        """, [TestProgram.Kernel(liveIns: ["s"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      // The verifier wants an assignment on some path only, which the loop is.
      let executor = try program.executor(on: driver.device(0))
      for _ in 0..<2 {
        gpu.forget()
        var call = TestCall(words: [3])
        #expect(try call.run(executor) == 0)
        #expect(gpu.launches.map { $0.arguments[0] } == [1, 2, 3])
      }
    }

    @Test func argumentsHaveTheLayoutOfTheirTypes() throws {
      let host = """
        def f(a: int8, b: uint16, c: float32, d: float16, e: float64, t: bool):
          local i: int32
          i = int32(a) - 1
          launch 0
        """
      func word(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }
      let got = try launches(
        of: host, liveIns: ["a", "b", "c", "d", "e", "t", "i"],
        words: [-2, 65535, word(1.5), word(-2), word(0.1), 1])
      let arguments = try #require(got.first)
      #expect(Int8(truncatingIfNeeded: arguments[0]) == -2)
      #expect(UInt16(truncatingIfNeeded: arguments[1]) == 65535)
      #expect(Float(bitPattern: UInt32(truncatingIfNeeded: arguments[2])) == 1.5)
      #expect(UInt16(truncatingIfNeeded: arguments[3]) == 0xC000)
      #expect(Double(bitPattern: arguments[4]) == 0.1)
      #expect(UInt8(truncatingIfNeeded: arguments[5]) == 1)
      #expect(Int32(truncatingIfNeeded: arguments[6]) == -3)
    }

    @Test func gridsAreWithinWhatDevicesTake() throws {
      let program = try TestProgram(
        """
        def f(x: int64, y: int64, z: int64, t: int64):
          launch 0
        """, [TestProgram.Kernel(blocks: ["x", "y", "z"], threads: "t")])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      for (words, blocks, threads): ([Int64], [UInt32], UInt32) in [
        ([10, 20, 30, 256], [10, 20, 30], 256),
        ([0, -1, 0, 0], [1, 1, 1], 1),
        ([.max, .max, .max, .max], [0x7FFF_FFFF, 65535, 65535], 1024),
        ([.min, 65536, 1, 1025], [1, 65535, 1], 1024),
      ] {
        gpu.forget()
        var call = TestCall(words: words)
        #expect(try call.run(executor) == 0)
        #expect(gpu.launches.map(\.blocks) == [blocks])
        #expect(gpu.launches.map(\.threads) == [threads])
      }
    }

    @Test func streamsAreThoseOfTheCall() throws {
      let program = try TestProgram("def f():\n  launch 0\n", [TestProgram.Kernel()])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      var call = TestCall()
      _ = try call.run(executor, on: CUDAStream(handle: 77))
      #expect(gpu.launches.map(\.stream) == [77])
    }

    // MARK: Checks

    private func status(ofCheck condition: String, _ a: Int64, _ b: Int64) throws -> Int64 {
      let program = try TestProgram(
        """
        def f(a: int64, b: int64):
          check a < 1000000 or a > 1000000 or a == 1000000 else respecialize
          check \(condition) else respecialize
          launch 0
        """, [TestProgram.Kernel()])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      var call = TestCall(words: [a, b])
      let status = try call.run(program.executor(on: driver.device(0)))
      #expect(gpu.launches.count == (status == 0 ? 1 : 0))
      return status
    }

    @Test func checksAreDecidedOverTheIntegers() throws {
      #expect(try status(ofCheck: "a + b < 10", 4, 5) == 0)
      #expect(try status(ofCheck: "a + b < 10", 4, 6) == 2)
      // In 64 bits the sum is negative, the product 0.
      #expect(try status(ofCheck: "a + b < 10", .max, 1) == 2)
      #expect(try status(ofCheck: "a + b > 10", .max, 1) == 0)
      #expect(try status(ofCheck: "a * b == 0", 1 << 32, 1 << 32) == 2)
      #expect(try status(ofCheck: "a * b > 0", 1 << 32, 1 << 32) == 0)
      #expect(try status(ofCheck: "-a > 0", .min, 0) == 0)
      #expect(try status(ofCheck: "a - b < 0", .min, 1) == 0)
      // A product beyond 96 bits, or of what 64 do not hold, decides nothing.
      #expect(try status(ofCheck: "a * b > 0", .max, .max) == 2)
      #expect(try status(ofCheck: "(a + a) * b > 0", .max, 1) == 2)
      #expect(try status(ofCheck: "(a + b) // 2 > 0", .max, 1) == 2)
      #expect(try status(ofCheck: "(a + b) // 2 > 0", .max - 1, 1) == 0)
      #expect(try status(ofCheck: "a < b and b < 9", 1, 8) == 0)
      #expect(try status(ofCheck: "a < b or b < 9", 9, 9) == 2)
    }

    // MARK: Unsound programs

    @Test func unsoundProgramsAreBugsAndNoTraps() throws {
      let (_, driver) = try FakeGPU.start { $0.kernels["k"] = (0, { _ in }) }
      let module = try driver.device(0).load([1], kernels: ["k"])
      let kernel = DeviceKernel(name: "k", body: [], grid: .single, liveIns: [], buffers: [])
      func isRefused(_ body: [Statement], kernels: [DeviceKernel]) -> Bool {
        let host = LoopFunction("f", variables: [Variable("x", .int64)], body: body)
        do {
          _ = try HostExecutor(DeviceProgram(host: host, kernels: kernels), module)
          return false
        } catch { return true }
      }
      let x = VariableID(0)
      #expect(!isRefused([Statement(.launch(KernelID(0)))], kernels: [kernel]))
      #expect(isRefused([Statement(.launch(KernelID(1)))], kernels: [kernel]))
      #expect(isRefused([Statement(.launch(KernelID(-1)))], kernels: [kernel]))
      #expect(isRefused([], kernels: []))
      #expect(isRefused([Statement(.barrier)], kernels: [kernel]))
      #expect(isRefused([Statement(.assign(VariableID(7), .index(1)))], kernels: [kernel]))
      #expect(
        isRefused(
          [Statement(.assign(x, Expression(.load(BufferID(0), [.index(0)]), .int64)))],
          kernels: [kernel]))
      #expect(isRefused([Statement(.assign(x, .bool(true)))], kernels: [kernel]))
      var broken = kernel
      broken.liveIns = [VariableID(3)]
      #expect(isRefused([], kernels: [broken]))
      broken = kernel
      broken.buffers = [BufferID(-1)]
      #expect(isRefused([], kernels: [broken]))
      broken = kernel
      broken.grid.blocks = [.index(1)]
      #expect(isRefused([Statement(.launch(KernelID(0)))], kernels: [broken]))
    }
  }
}
