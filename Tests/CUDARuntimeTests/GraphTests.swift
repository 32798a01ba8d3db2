import CCUDA
import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

extension GPUTests {
  /// Calls with many launches.
  struct GraphTests {
    private static let host = """
      def f(x: float64[4], n: int64, c: int64):
        local i, s: int64
        temporary t: float64[4]
        for i in 0..<n:
          s = (i if i != 3 else c)
          with temporary t:
            launch 0
            launch 1
      """

    private func start(
      graphs: GraphUse = .whereWorthIt
    ) throws -> (FakeGPU, CUDADriver, HostExecutor) {
      let program = try TestProgram(
        Self.host,
        [
          TestProgram.Kernel(name: "a", buffers: ["x", "t"], liveIns: ["s"]),
          TestProgram.Kernel(name: "b", buffers: ["t", "x"], blocks: ["c", "1", "1"]),
        ])
      let (gpu, driver) = try FakeGPU.start {
        // t[0] = x[0] + s; x[0] = 2·t[0]
        $0.kernels["a"] = (
          3,
          {
            $0.element(1, 0, as: Int64.self).pointee =
              $0.element(0, 0, as: Int64.self).pointee &+ Int64(bitPattern: $0.arguments[2])
          }
        )
        $0.kernels["b"] = (
          2,
          {
            $0.element(1, 0, as: Int64.self).pointee =
              2 &* $0.element(0, 0, as: Int64.self).pointee
          }
        )
      }
      return (gpu, driver, try program.executor(on: driver.device(0), graphs: graphs))
    }

    private func expected(_ n: Int64, _ c: Int64) -> Int64 {
      (0..<n).reduce(1) { 2 &* ($0 &+ ($1 == 3 ? c : $1)) }
    }

    /// Runs the program on an array of the device and gives its first element afterwards.
    private func run(_ executor: HostExecutor, _ n: Int64, _ c: Int64) throws -> Int64 {
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      x.initialize(repeating: 1, count: 4)
      return try run(executor, x, n, c)
    }

    private func run(
      _ executor: HostExecutor, _ x: UnsafeMutablePointer<Int64>, _ n: Int64, _ c: Int64
    ) throws -> Int64 {
      x.pointee = 1
      var call = TestCall(words: [Int64(Int(bitPattern: x)), n, c])
      #expect(try call.run(executor) == 0)
      return x.pointee
    }

    @Test func repeatedCallsRunAsAGraph() throws {
      let (gpu, _, executor) = try start()
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      for _ in 0..<5 { #expect(try run(executor, x, 20, 5) == expected(20, 5)) }
      // One call to see what the next ones repeat, and then one graph for all.
      #expect(gpu.count(of: "launch") == 40)
      #expect(gpu.count(of: "instantiate_graph") == 1)
      #expect(gpu.count(of: "add_kernel_node") == 40)
      #expect(gpu.count(of: "launch_graph") == 4)
      #expect(gpu.allocations.isEmpty)
      // The grid of every `b` and the scalar of one `a`: more than half, so that plain launches are as good.
      gpu.forget()
      #expect(try run(executor, x, 20, 6) == expected(20, 6))
      #expect(gpu.count(of: "launch_graph") == 0)
      #expect(gpu.launches.last?.blocks == [6, 1, 1])
      #expect(gpu.count(of: "destroy_graph_exec") == 1)
    }

    @Test func fewChangesKeepTheGraph() throws {
      let program = try TestProgram(
        """
        def f(c: int64):
          local i, s: int64
          for i in 0..<30:
            s = (i if i != 3 else c)
            launch 0
        """, [TestProgram.Kernel(liveIns: ["s"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      for c in [7, 7, 7, 8, 8, 9] as [Int64] {
        gpu.forget()
        var call = TestCall(words: [c])
        #expect(try call.run(executor) == 0)
        #expect(gpu.launches.map { Int64($0.arguments[0]) } == (0..<30).map { $0 == 3 ? c : $0 })
      }
      #expect(gpu.count(of: "update_kernel_node") == 1)
      #expect(gpu.count(of: "instantiate_graph") == 0)
      // Where the driver changes no node, another graph is made.
      gpu.failures["update_kernel_node"] = [801]
      gpu.forget()
      var call = TestCall(words: [10])
      #expect(try call.run(executor) == 0)
      #expect(gpu.launches.map(\.arguments[0])[3] == 10)
      #expect(gpu.launches.count == 30)
      #expect(gpu.count(of: "instantiate_graph") == 1)
    }

    @Test func callsWithTheArgumentsOfTheOneBeforeLaunchItsGraphs() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i, j: int64
          for i in 0..<n:
            for j in 0..<100:
              launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"])])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (
          2,
          {
            $0.element(0, 0, as: Int64.self).pointee =
              3 &* $0.element(0, 0, as: Int64.self).pointee &+ Int64(bitPattern: $0.arguments[1])
          }
        )
      }
      let executor = try program.executor(on: driver.device(0))
      let (x, y) = (
        UnsafeMutablePointer<Int64>.allocate(capacity: 4),
        UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      )
      defer {
        x.deallocate()
        y.deallocate()
      }
      func wanted(_ n: Int64, _ c: Int64) -> Int64 {
        (0..<100 * n).reduce(1) { value, _ in 3 &* value &+ c }
      }
      // Stretches of 300 launches: two that are alike, and one of 100.
      for (array, n, c) in [
        (x, 7, 5), (x, 7, 5), (x, 7, 5), (x, 7, 5), (x, 7, 6), (x, 7, 6), (y, 7, 6), (y, 7, 6),
        (y, 7, 6), (x, 7, 6), (x, 2, 6), (x, 2, 6), (x, 2, 6), (x, 7, 6), (x, 7, 5), (x, 7, 5),
      ] as [(UnsafeMutablePointer<Int64>, Int64, Int64)] {
        #expect(try run(executor, array, n, c) == wanted(n, c))
      }
      gpu.forget()
      #expect(try run(executor, x, 7, 5) == wanted(7, 5))
      #expect(gpu.count(of: "launch_graph") == 3)
      #expect(gpu.count(of: "launch") == 0)
    }

    @Test func callsOfOneLaunchAreLaunchedAsTheyCome() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["a"] = (2, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      for _ in 0..<4 { _ = try run(executor, 5, 5) }
      #expect(gpu.count(of: "launch") == 4)
      #expect(gpu.count(of: "launch_graph") == 0)
    }

    @Test func whatWasRecordedInVainIsLaunched() throws {
      let (gpu, _, executor) = try start()
      #expect(try run(executor, 20, 5) == expected(20, 5))
      #expect(try run(executor, 3, 5) == expected(3, 5))
      #expect(gpu.count(of: "launch_graph") == 0)
    }

    @Test func callsThatNeverRepeatGiveUpOnGraphs() throws {
      let (gpu, _, executor) = try start()
      for n in 20..<40 as Range<Int64> { #expect(try run(executor, n, 5) == expected(n, 5)) }
      #expect(gpu.count(of: "instantiate_graph") == 0)
      gpu.forget()
      #expect(try run(executor, 20, 5) == expected(20, 5))
      #expect(gpu.count(of: "launch") == 40)
    }

    @Test(arguments: ["create_graph", "add_kernel_node", "instantiate_graph"])
    func withoutGraphsKernelsRunAllTheSame(function: String) throws {
      let (gpu, _, executor) = try start()
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      _ = try run(executor, x, 20, 5)
      gpu.failures[function] = [801]
      #expect(try run(executor, x, 20, 5) == expected(20, 5))
      #expect(gpu.failures[function] == [])
      #expect(gpu.count(of: "launch_graph") == 0)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func manyLaunchesOfOneIterationAreNotKept() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i, j: int64
          for i in 0..<2:
            for j in 0..<n:
              launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["j"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["a"] = (2, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      // The inner loop's iterations end stretches, too, and no launch is like the one before.
      let n = Int64(LaunchRecorder.greatestCount)
      for _ in 0..<2 { _ = try run(executor, n, 5) }
      #expect(gpu.launches.count == 4 * Int(n))
      #expect(gpu.launches.map { Int64($0.arguments[1]) }.prefix(Int(n)) == Array(0..<n)[...])
    }

    @Test func iterationsOfOneCallRunAsGraphs() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i, j: int64
          for i in 0..<n:
            for j in 0..<30:
              launch 0
            launch 1
        """,
        [
          TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"]),
          TestProgram.Kernel(name: "b", buffers: ["x"], liveIns: ["c"]),
        ])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (2, { $0.element(0, 0, as: Int64.self).pointee &+= 1 })
        $0.kernels["b"] = (2, { $0.element(0, 0, as: Int64.self).pointee &*= 3 })
      }
      let executor = try program.executor(on: driver.device(0))
      let wanted = (0..<100).reduce(Int64(1)) { x, _ in 3 &* (x &+ 30) }
      #expect(try run(executor, 100, 5) == wanted)
      // Each nine iterations have 279 launches. Those from the start of the call are no repetition, nor are the first ones
      // between two iterations; the last iteration of all stands alone.
      #expect(gpu.launches.count == 3100)
      #expect(gpu.count(of: "instantiate_graph") == 1)
      #expect(gpu.count(of: "launch_graph") == 9)
      #expect(gpu.count(of: "launch") == 3100 - 9 * 279)
    }

    /// One kernel is given the iteration, the other a scalar of the call.
    private static let ofIterationAndScalar = [
      TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["i"]),
      TestProgram.Kernel(name: "b", buffers: ["x"], liveIns: ["c"]),
    ]

    /// A GPU whose kernels do `x[0] = 3·x[0] + s` with their scalar, and what runs a program on it.
    private static func multiplyingAndAdding(
      _ program: TestProgram
    ) throws -> (FakeGPU, HostExecutor) {
      let (gpu, driver) = try FakeGPU.start {
        for name in ["a", "b"] {
          $0.kernels[name] = (
            2,
            {
              $0.element(0, 0, as: Int64.self).pointee =
                3 &* $0.element(0, 0, as: Int64.self).pointee &+ Int64(bitPattern: $0.arguments[1])
            }
          )
        }
      }
      return (gpu, try program.executor(on: driver.device(0)))
    }

    /// No stretch of a call is like another one, and all are those of the call before; what a graph was changed to in between counts.
    @Test func stretchesRepeatThoseOfTheCallBefore() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i: int64
          for i in 0..<n:
            launch 0
          for i in 0..<n:
            launch 1
        """,
        Self.ofIterationAndScalar)
      let (gpu, executor) = try Self.multiplyingAndAdding(program)
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      func wanted(_ n: Int64, _ c: Int64) -> Int64 {
        let first = (0..<n).reduce(1) { 3 &* $0 &+ $1 }
        return (0..<n).reduce(first) { value, _ in 3 &* value &+ c }
      }
      let n = 1000 as Int64
      for c in [5, 5, 5] as [Int64] {
        gpu.forget()
        #expect(try run(executor, x, n, c) == wanted(n, c))
      }
      #expect(gpu.count(of: "launch") == 0)
      #expect(gpu.count(of: "launch_graph") == 8)
      // Calls of other lengths and arguments, and as many launches as are kept, and more.
      for (n, c) in [
        (1000, 6), (1000, 6), (999, 6), (1000, 6), (1000, 5), (700, 5), (700, 5), (700, 5),
        (700, 7),
        (3000, 5), (3000, 5), (3000, 5), (3000, 5), (3000, 6), (1000, 5), (300, 5), (300, 5),
        (300, 6),
      ] as [(Int64, Int64)] {
        #expect(try run(executor, x, n, c) == wanted(n, c))
      }
    }

    /// In the first call the stretches share a graph, in the second each gets its own.
    @Test func stretchesOfWhichHalfDiffersGetGraphsOfTheirOwn() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i: int64
          for i in 0..<n:
            launch 0
            launch 1
        """,
        Self.ofIterationAndScalar)
      let (gpu, executor) = try Self.multiplyingAndAdding(program)
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      func check(_ c: Int64) throws {
        gpu.forget()
        let wanted = (0..<1000).reduce(1) { 3 &* (3 &* $0 &+ $1) &+ c }
        #expect(try run(executor, x, 1000, c) == wanted)
      }
      // Eight stretches of 256 launches: that from the start of the call, six between iterations, and the last one.
      try check(5)
      #expect(gpu.count(of: "instantiate_graph") == 1)
      #expect(gpu.count(of: "update_kernel_node") == 4 * 128)
      try check(5)
      #expect(gpu.count(of: "update_kernel_node") == 0)
      try check(5)
      #expect(gpu.count(of: "instantiate_graph") == 0)
      #expect(gpu.count(of: "launch_graph") == 8)
      #expect(gpu.count(of: "update_kernel_node") + gpu.count(of: "launch") == 0)
      // Another scalar changes half of each.
      try check(6)
      #expect(gpu.count(of: "instantiate_graph") == 0)
      #expect(gpu.count(of: "launch") == 0)
      for c in [6, 6, 5, 6] as [Int64] { try check(c) }
    }

    /// The graphs of the call before would have to be changed in every node, the one of the latest stretch in half of them.
    @Test func argumentsThatTakeTurnsKeepTheGraphOfALoop() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i: int64
          for i in 0..<n:
            launch 0
            launch 1
        """,
        Self.ofIterationAndScalar)
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (2, { _ in })
        $0.kernels["b"] = (2, { _ in })
      }
      let executor = try program.executor(on: driver.device(0))
      let arrays = (0..<2).map { _ in UnsafeMutablePointer<Int64>.allocate(capacity: 4) }
      defer { arrays.forEach { $0.deallocate() } }
      for round in 0..<6 {
        gpu.forget()
        let array = arrays[round % 2]
        _ = try run(executor, array, 1000, 5)
        #expect(gpu.launches.count == 2000)
        #expect(
          gpu.launches.allSatisfy { $0.arguments[0] == UInt64(UInt(bitPattern: array)) })
        #expect(gpu.count(of: "launch_graph") >= 5)
      }
    }

    @Test func whatTheHostFetchesEndsAStretch() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          local i: int64
          launch 0
          launch 0
          while x[0] < 50.0:
            for i in 0..<3:
              launch 0
          launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"])])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (2, { $0.element(0, 0, as: Double.self).pointee += 1 })
      }
      let executor = try program.executor(on: driver.device(0))
      let memory = try executor.module.device.allocate(4 * MemoryLayout<Double>.size)
      let x = try #require(UnsafeMutablePointer<Double>(bitPattern: UInt(memory.address)))
      for graphs in [15, 17] {
        gpu.forget()
        x.pointee = 0
        var call = TestCall(words: [Int64(Int(bitPattern: x)), 0, 0])
        #expect(try call.run(executor) == 0)
        #expect(x.pointee == 51)
        // In the first call the first iteration repeats nothing; in the second all do but the single last launch.
        #expect(gpu.count(of: "launch_graph") == graphs)
        #expect(gpu.count(of: "launch") == 51 - 3 * 15 - (graphs == 17 ? 5 : 0))
      }
      withExtendedLifetime(memory) {}
    }

    // MARK: Where all calls are to be graphs

    @Test func everyCallIsAGraphWhereThatIsAskedFor() throws {
      let (gpu, _, executor) = try start(graphs: .always)
      let x = UnsafeMutablePointer<Int64>.allocate(capacity: 4)
      defer { x.deallocate() }
      // The grid of every `b`, and then other launches: no heuristic gives up.
      let calls: [(n: Int64, c: Int64)] = [
        (20, 5), (20, 5), (20, 6), (3, 6), (4, 6), (1, 6), (20, 7), (19, 7),
      ]
      for call in calls {
        #expect(try run(executor, x, call.n, call.c) == expected(call.n, call.c))
      }
      #expect(gpu.count(of: "launch") == 0)
      #expect(gpu.count(of: "launch_graph") == calls.count)
      // The second and the third call have the launches of the first, and change its nodes.
      #expect(gpu.count(of: "instantiate_graph") == calls.count - 2)
      #expect(gpu.count(of: "update_kernel_node") == 21)
      #expect(gpu.allocations.isEmpty)
      // A call without launches has nothing to replay.
      #expect(try run(executor, x, 0, 7) == 1)
      #expect(gpu.count(of: "launch_graph") == calls.count)
    }

    @Test func oneLaunchAndManyAreGraphsWhereThatIsAskedFor() throws {
      let (gpu, _, executor) = try start(graphs: .always)
      let n = Int64(LaunchRecorder.longCount) / 2
      #expect(try run(executor, n, 5) == expected(n, 5))
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"])])
      #expect(gpu.count(of: "launch_graph") == 1)
      let (second, driver) = try FakeGPU.start { $0.kernels["a"] = (2, { _ in }) }
      let single = try program.executor(on: driver.device(0), graphs: .always)
      for _ in 0..<3 { _ = try run(single, 5, 5) }
      #expect(second.count(of: "launch_graph") == 3)
      #expect(second.count(of: "launch") == 0)
    }

    @Test func callsAtTheSameTimeHaveGraphsOfTheirOwn() throws {
      let program = try TestProgram(
        """
        def f(x: float64[4], n: int64, c: int64):
          launch 0
        """, [TestProgram.Kernel(name: "a", buffers: ["x"], liveIns: ["c"])])
      nonisolated(unsafe) var inner: (() -> Void)?
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (
          2,
          { _ in
            let call = inner
            inner = nil
            call?()
          }
        )
      }
      let executor = try program.executor(on: driver.device(0), graphs: .always)
      for _ in 0..<2 {
        inner = { _ = try? self.run(executor, 5, 8) }
        _ = try run(executor, 5, 5)
      }
      #expect(gpu.launches.count == 4)
      #expect(gpu.count(of: "launch_graph") == 4)
      #expect(gpu.count(of: "launch") == 0)
      // That of the outer calls, and one for each inner call, which is gone with it.
      #expect(gpu.count(of: "instantiate_graph") == 3)
      #expect(gpu.count(of: "destroy_graph_exec") == 2)
    }

    @Test func graphsThatTheDriverRefusesAreLaunchedOneByOne() throws {
      let (gpu, _, executor) = try start(graphs: .always)
      gpu.failures["instantiate_graph"] = [801]
      #expect(try run(executor, 20, 5) == expected(20, 5))
      #expect(gpu.count(of: "launch") == 40)
      #expect(try run(executor, 20, 5) == expected(20, 5))
      #expect(gpu.count(of: "launch_graph") == 1)
    }

    @Test func temporariesThatWaitAreFewBytes() throws {
      let program = try TestProgram(
        """
        def f():
          local i: int64
          temporary t: int8[i + 20000000]
          for i in 0..<30:
            with temporary t:
              launch 0
        """, [TestProgram.Kernel(buffers: ["t"])])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      var greatest = 0
      gpu.kernels["k"] = (1, { [unowned gpu] _ in greatest = max(greatest, gpu.allocations.count) })
      let executor = try program.executor(on: driver.device(0))
      for _ in 0..<3 {
        var call = TestCall(words: [])
        #expect(try call.run(executor) == 0)
      }
      #expect(gpu.launches.count == 90)
      #expect(greatest <= 4)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func temporariesThatWaitAreFreedForOthers() throws {
      let program = try TestProgram(
        """
        def f():
          local i: int64
          temporary t: int8[i + 1]
          for i in 0..<30:
            with temporary t:
              launch 0
        """, [TestProgram.Kernel(buffers: ["t"])])
      let (gpu, driver) = try FakeGPU.start {
        $0.memorySize = 100
        $0.kernels["k"] = (1, { $0.element(0, 0, as: Int8.self).pointee = 1 })
      }
      let executor = try program.executor(on: driver.device(0))
      for _ in 0..<3 {
        var call = TestCall()
        #expect(try call.run(executor) == 0)
      }
      #expect(gpu.launches.count == 90)
      #expect(gpu.allocations.isEmpty)
    }
  }
}
