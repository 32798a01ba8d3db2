import CCUDA
import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

/// An array of float64 in memory of the host, of which some elements are the argument.
final class HostMemory {
  let elements: UnsafeMutableBufferPointer<Double>
  private var words: [UnsafeMutablePointer<Int64>] = []

  init(_ values: [Double]) {
    elements = .allocate(capacity: values.count)
    _ = elements.initialize(from: values)
  }

  deinit {
    elements.deallocate()
    words.forEach { $0.deallocate() }
  }

  var values: [Double] { Array(elements) }

  func address(of index: Int) -> Int { Int(bitPattern: elements.baseAddress) + 8 * index }

  private func keep(_ numbers: [Int]) -> UnsafePointer<Int64> {
    let memory = UnsafeMutablePointer<Int64>.allocate(capacity: numbers.count + 1)
    memory.initialize(from: numbers.map { Int64($0) }, count: numbers.count)
    words.append(memory)
    return UnsafePointer(memory)
  }

  /// The argument whose first element is at `start`; strides in elements.
  func array(
    _ position: Int, from start: Int = 0, extents: [Int], strides: [Int]? = nil
  ) -> (array: HostArray, word: Int64) {
    var (low, high) = (start, start + 1)
    var contiguous = 1
    for (d, extent) in extents.enumerated().reversed() {
      let reach = (extent - 1) * (strides?[d] ?? contiguous)
      contiguous *= extent
      low += min(0, reach)
      high += max(0, reach)
    }
    if extents.contains(0) { (low, high) = (0, 0) }
    let isEmpty = low == high
    return (
      HostArray(
        position: position, low: isEmpty ? 0 : address(of: low),
        high: isEmpty ? 0 : address(of: high), rank: extents.count, extents: keep(extents),
        strides: strides.map(keep)), Int64(address(of: start))
    )
  }
}

extension GPUTests {
  /// Arrays of the host and their copies.
  struct StagingTests {
    /// A program whose one kernel doubles into `y` what `x` has, `n` elements with strides.
    private func executor(
      _ gpu: FakeGPU, _ driver: CUDADriver, writes: Bool = true, reads: Bool = true,
      _ body: @escaping (FakeGPU.Launch) -> Void
    ) throws -> HostExecutor {
      let program = try TestProgram(
        """
        def f(x: float64[n], y: float64[n] alias, n: int64):
          local i: int64
          launch 0
        """,
        [
          TestProgram.Kernel(
            buffers: ["x", "y"], liveIns: ["n"],
            body: """
                for i in 0..<n:
                  if i < 3:
                    y[i] = 2.0 * x[i]

              """)
        ])
      gpu.kernels["k"] = (3, body)
      return try program.executor(on: driver.device(0))
    }

    private func call(_ arrays: [(array: HostArray, word: Int64)], _ parameters: [Int64])
      -> TestCall
    {
      TestCall(words: arrays.map(\.word) + parameters, hostArrays: arrays.map(\.array))
    }

    @Test func arraysAreCopiedInAndBack() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { launch in
        for i in 0..<Int(launch.arguments[2]) {
          launch.element(1, i, as: Double.self).pointee =
            2 * launch.element(0, i, as: Double.self).pointee
        }
      }
      let (x, y) = (HostMemory([1, 2, 3, 4]), HostMemory([0, 0, 0, 0]))
      var call = call([x.array(0, extents: [4]), y.array(1, extents: [4])], [4])
      #expect(try call.run(executor) == 0)
      #expect(y.values == [2, 4, 6, 8])
      #expect(x.values == [1, 2, 3, 4])
      // x in; y in, since the kernel may leave elements as they are, and back.
      #expect(gpu.copiedIn == 64)
      #expect(gpu.copiedOut == 32)
      #expect(gpu.count(of: "synchronize_stream") == 1)
      #expect(gpu.allocations.isEmpty)
      // Page-locked memory is used again.
      #expect(try call.run(executor) == 0)
      #expect(gpu.count(of: "allocate_host") == 1)
    }

    @Test func largeArraysComeBackWithoutAStop() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { launch in
        launch.element(1, 199_999, as: Double.self).pointee = 7
      }
      let (x, y) = (HostMemory([1]), HostMemory(Array(repeating: 1, count: 200_000)))
      var call = call([x.array(0, extents: [1]), y.array(1, extents: [200_000])], [200_000])
      #expect(try call.run(executor) == 0)
      #expect(y.elements[199_999] == 7)
      #expect(y.elements[0] == 1)
    }

    /// The kernel overwrites all bytes it has; only elements may change on the host.
    @Test(arguments: [
      (start: 0, extents: [3], strides: [2], touched: [0, 2, 4]),
      (start: 5, extents: [3], strides: [-2], touched: [1, 3, 5]),
      (start: 1, extents: [2, 2], strides: [4, 1], touched: [1, 2, 5, 6]),
      (start: 1, extents: [2, 2], strides: [1, 4], touched: [1, 2, 5, 6]),
      (start: 0, extents: [2, 2, 2], strides: [5, 2, 1], touched: [0, 1, 2, 3, 5, 6, 7, 8]),
      (start: 6, extents: [1, 3, 1], strides: [100, -3, 7], touched: [0, 3, 6]),
      (start: 2, extents: [], strides: [], touched: [2]),
    ])
    func onlyElementsComeBack(
      _ layout: (start: Int, extents: [Int], strides: [Int], touched: [Int])
    ) throws {
      let (gpu, driver) = try FakeGPU.start()
      let x = HostMemory([1])
      let y = HostMemory((0..<10).map { Double($0) })
      let array = y.array(
        1, from: layout.start, extents: layout.extents, strides: layout.strides)
      let first = Int(array.word) - array.array.low
      let executor = try executor(gpu, driver) { launch in
        let count = (array.array.high - array.array.low) / 8
        for i in 0..<count {
          launch.element(1, i - first / 8, as: Double.self).pointee += 100
        }
        // As another thread does while the kernel runs.
        y.elements[9] = -1
      }
      var call = call([x.array(0, extents: [1]), array], [1])
      #expect(try call.run(executor) == 0)
      for i in 0..<9 {
        #expect(y.elements[i] == Double(layout.touched.contains(i) ? i + 100 : i))
      }
      #expect(y.elements[9] == -1)
    }

    /// Columns and blocks of a matrix of 200 × 100: their elements alone travel, both ways.
    @Test(arguments: [
      (start: 7, extents: [200], strides: [100]),
      (start: 19_907, extents: [200], strides: [-100]),
      (start: 305, extents: [150, 3], strides: [100, 1]),
      (start: 305, extents: [3, 150], strides: [1, 100]),
      (start: 0, extents: [10, 5, 2], strides: [2000, 300, 50]),
      (start: 18_000, extents: [10, 5, 2], strides: [-2000, 300, 50]),
    ])
    func sparseArraysTravelAlone(_ layout: (start: Int, extents: [Int], strides: [Int])) throws {
      let (gpu, driver) = try FakeGPU.start()
      let (x, y) = (HostMemory([1]), HostMemory((0..<20_000).map { Double($0) }))
      let array = y.array(
        1, from: layout.start, extents: layout.extents, strides: layout.strides)
      var touched: Set<Int> = [layout.start]
      for (extent, stride) in zip(layout.extents, layout.strides) {
        touched = Set(touched.flatMap { start in (0..<extent).map { start + $0 * stride } })
      }
      let executor = try executor(gpu, driver) { launch in
        for i in touched {
          let element = launch.element(1, i - layout.start, as: Double.self)
          #expect(element.pointee == Double(i))
          element.pointee = -1
        }
      }
      var call = call([x.array(0, extents: [1]), array], [1])
      #expect(try call.run(executor) == 0)
      for i in 0..<20_000 { #expect(y.elements[i] == (touched.contains(i) ? -1 : Double(i))) }
      #expect(gpu.copiedIn == 8 * touched.count + 8)
      #expect(gpu.copiedOut == 8 * touched.count)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func overlappingArraysShareOneCopy() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { launch in
        // x[i + 1] = y[i] + 1, in order: each element sees the one before.
        for i in 0..<3 {
          launch.element(1, i, as: Double.self).pointee =
            launch.element(0, i, as: Double.self).pointee + 1
        }
      }
      let memory = HostMemory([5, 0, 0, 0, 9])
      var call = call(
        [memory.array(0, from: 0, extents: [3]), memory.array(1, from: 1, extents: [3])], [3])
      #expect(try call.run(executor) == 0)
      #expect(memory.values == [5, 6, 7, 8, 9])
      #expect(gpu.copiedIn == 32)
      #expect(gpu.count(of: "allocate_from_pool") == 1)
    }

    @Test func copiesAreAlignedAsTheArrays() throws {
      let (gpu, driver) = try FakeGPU.start()
      var offsets: [UInt64] = []
      let executor = try executor(gpu, driver) { offsets.append($0.arguments[0] % 256) }
      let x = HostMemory(Array(repeating: 1, count: 100))
      for start in [0, 1, 7, 33] {
        var call = call([x.array(0, from: start, extents: [4]), x.array(1, extents: [0])], [4])
        #expect(try call.run(executor) == 0)
        #expect(offsets.last == UInt64(x.address(of: start) % 256))
      }
    }

    @Test func emptyArraysAreNotCopied() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { _ in }
      let memory = HostMemory([1])
      var call = call([memory.array(0, extents: [0]), memory.array(1, extents: [3, 0])], [0])
      #expect(try call.run(executor) == 0)
      #expect(gpu.copiedIn == 0)
      #expect(gpu.copiedOut == 0)
      #expect(gpu.launches.count == 1)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func arraysOfTheDeviceAreNotCopied() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { _ in }
      let memory = HostMemory([1, 2])
      var call = TestCall(words: [0x7000, 0x8000, 2])
      #expect(try call.run(executor) == 0)
      #expect(gpu.launches.map { Array($0.arguments.prefix(2)) } == [[0x7000, 0x8000]])
      #expect(gpu.count(of: "synchronize_stream") == 0)
      // One of the host beside one of the device.
      let x = memory.array(0, extents: [2])
      call = TestCall(words: [x.word, 0x8000, 2], hostArrays: [x.array])
      #expect(try call.run(executor) == 0)
      #expect(gpu.launches.last?.arguments[1] == 0x8000)
      #expect(gpu.copiedIn == 16)
      #expect(gpu.copiedOut == 0)
      #expect(gpu.count(of: "synchronize_stream") == 1)
    }

    @Test func memoryThatIsNotThereChangesNothing() throws {
      let (gpu, driver) = try FakeGPU.start { $0.memorySize = 1000 }
      let executor = try executor(gpu, driver) { $0.element(1, 0, as: Double.self).pointee = 7 }
      let (x, y) = (HostMemory([1]), HostMemory(Array(repeating: 3, count: 200)))
      var call = call([x.array(0, extents: [1]), y.array(1, extents: [200])], [200])
      #expect(try call.run(executor) == -1)
      #expect(y.values.allSatisfy { $0 == 3 })
      #expect(gpu.launches.isEmpty)
      #expect(gpu.allocations.isEmpty)
    }

    @Test func kernelsThatFailAreNamed() throws {
      let (gpu, driver) = try FakeGPU.start()
      let executor = try executor(gpu, driver) { $0.element(1, 0, as: Double.self).pointee = 7 }
      gpu.failures["copy_out"] = [700]
      let (x, y) = (HostMemory([1]), HostMemory([3]))
      var call = call([x.array(0, extents: [1]), y.array(1, extents: [1])], [1])
      let error = #expect(throws: CUDAError.self) { try call.run(executor) }
      #expect(error?.reason == .contextLost)
      #expect(error?.message.contains("'f' ('k')") == true)
      #expect(error?.help?.contains("compute-sanitizer python") == true)
      #expect(y.values == [3])
      #expect(gpu.allocations.isEmpty)
    }

    @Test func checksFailBeforeAnythingIsCopied() throws {
      let program = try TestProgram(
        """
        def f(x: float64[n], n: int64):
          local i: int64
          check n < 3 else respecialize
          launch 0
        """, [TestProgram.Kernel(buffers: ["x"], body: "  x[0] = 1.0\n")])
      let (gpu, driver) = try FakeGPU.start { $0.kernels["k"] = (1, { _ in }) }
      let executor = try program.executor(on: driver.device(0))
      let x = HostMemory([1, 2, 3])
      var call = call([x.array(0, extents: [3])], [3])
      #expect(try call.run(executor) == 1)
      #expect(gpu.copiedIn == 0)
      #expect(gpu.count(of: "allocate_from_pool") == 0)
    }

    // MARK: Calls of Python

    @Test func callbacksSeeArraysOfTheHostUpToDate() throws {
      let program = try TestProgram(
        """
        def f(x: float64[n], n: int64):
          local s: float32
          launch 0
          callback 0 "look"(&x[1:n - 1], n, 0.5f32) into s
          launch 0
        """,
        [
          TestProgram.Kernel(
            buffers: ["x"], liveIns: ["n", "s"], body: "  x[0] = x[1] + 1.0\n")
        ])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["k"] = (
          3,
          { launch in
            launch.element(0, 0, as: Double.self).pointee +=
              launch.element(0, 1, as: Double.self).pointee
          }
        )
      }
      let executor = try program.executor(on: driver.device(0))
      for isDone in [true, false] {
        let x = HostMemory([1, 10, 100])
        var call = call([x.array(0, extents: [3])], [3])
        var words: [Int64] = []
        let status = try call.run(executor) { index, given in
          words = [Int64(index)] + (0..<6).map { given[$0] }
          #expect(x.values == [11, 10, 100])
          x.elements[1] = 20
          given[0] = Int64(bitPattern: (2.5).bitPattern)
          return isDone
        }
        let half = Int64(bitPattern: (0.5).bitPattern)
        #expect(words == [0, 0, Int64(x.address(of: 1)), 2, 1, 3, half])
        #expect(status == (isDone ? 0 : -3))
        #expect(x.values == [isDone ? 31 : 11, 20, 100])
        #expect(gpu.allocations.isEmpty)
      }
      #expect(gpu.launches.count == 3)
      #expect(gpu.launches.map { $0.arguments[2] } == [0, UInt64(Float(2.5).bitPattern), 0])
    }

    @Test func callbacksGetCopiesOfMemoryOfTheDevice() throws {
      let program = try TestProgram(
        """
        def f(n: int64):
          temporary t: float64[n]
          with temporary t:
            launch 0
            callback 0 "look"(&t[0:n], &t[n - 1:n:-1])
            launch 0
        """, [TestProgram.Kernel(buffers: ["t"], liveIns: ["n"], body: "  t[0] = t[1] + 1.0\n")])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["k"] = (
          2,
          { launch in
            for i in 0..<3 { launch.element(0, i, as: Double.self).pointee += Double(i) }
          }
        )
      }
      var call = TestCall(words: [3])
      let status = try call.run(program.executor(on: driver.device(0))) { _, words in
        guard let all = UnsafeMutablePointer<Double>(bitPattern: Int(words[1])),
          let last = UnsafeMutablePointer<Double>(bitPattern: Int(words[4]))
        else { return false }
        // Both are of one copy.
        #expect(last == all + 2)
        #expect([words[2], words[3], words[5], words[6]] == [3, 1, 3, -1])
        last[0] = 40
        return true
      }
      #expect(status == 0)
      #expect(gpu.launches.count == 2)
      #expect(gpu.copiedIn == 24)
    }

    // MARK: The error slot

    @Test func lengthsThatDifferEndTheHostPart() throws {
      let program = try TestProgram(
        """
        def f(x: float64[n], n: int64, m: int64):
          launch 0
          require n equals 2
          require n + 1 equals m
          launch 0
        """, [TestProgram.Kernel(buffers: ["x"], body: "  x[0] = 1.0\n")])
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["k"] = (2, { $0.element(0, 0, as: Double.self).pointee += 1 })
      }
      let executor = try program.executor(on: driver.device(0))
      for (m, status, slot) in [(5, -2, [2, 3, 5]), (3, 0, [0, 0, 0])] as [(Int64, Int64, [Int64])]
      {
        let x = HostMemory([0, 0])
        var call = call([x.array(0, extents: [2])], [2, m])
        #expect(try call.run(executor) == status)
        #expect(call.slot == slot)
        #expect(x.values == [status == 0 ? 2 : 1, 0])
      }
      #expect(gpu.launches.count == 3)
    }

    @Test func faultsAreReadFromTheSlot() throws {
      let program = try TestProgram(
        """
        def f(x: float64[n], n: int64):
          local i: int64
          launch 0
          launch 1
        """,
        [
          TestProgram.Kernel(name: "a", buffers: ["x"], body: "  x[checked(n)] = 1.0\n"),
          TestProgram.Kernel(name: "b", liveIns: ["n"]),
        ])
      var slots: [UInt64] = []
      let (gpu, driver) = try FakeGPU.start {
        $0.kernels["a"] = (
          2,
          { launch in
            slots.append(launch.arguments[1])
            for i in 0..<3 { #expect(launch.element(1, i, as: Int64.self).pointee == 0) }
            if launch.element(0, 0, as: Double.self).pointee > 0 {
              launch.element(1, 0, as: Int64.self).pointee = 1
              launch.element(1, 1, as: Int64.self).pointee = 17
              launch.element(1, 2, as: Int64.self).pointee = 4
            }
          }
        )
        $0.kernels["b"] = (2, { slots.append($0.arguments[1]) })
      }
      let executor = try program.executor(on: driver.device(0))
      let x = HostMemory([1, 2, 3, 4])
      var faulty = call([x.array(0, extents: [4])], [4])
      #expect(try faulty.run(executor) == -2)
      #expect(faulty.slot == [1, 17, 4])
      #expect(slots.count == 2 && slots[0] == slots[1] && slots[0] != 0)
      x.elements[0] = 0
      var good = call([x.array(0, extents: [4])], [4])
      #expect(try good.run(executor) == 0)
      #expect(good.slot == [0, 0, 0])
      #expect(gpu.allocations.isEmpty)
    }
  }
}

struct ArrayUseTests {
  private func uses(_ body: String, _ host: String = "launch 0") throws -> [ArrayUse] {
    let program = try TestProgram(
      """
      def f(x: float32[n, m], y: float32[n, m], n: int64, m: int64):
        local i, j, k: int64
        temporary t: float32[n]
        \(host)
      """, [TestProgram.Kernel(buffers: ["x", "y"], body: body)])
    return ArrayUse.uses(in: program.program)
  }

  private static let whole = """
      for i in 0..<n:
        for j in 0..<m:
          y[i, j] = x[i, j]

    """

  @Test func wholeArraysAreKnownToBeOverwritten() throws {
    let known = try uses(Self.whole)
    #expect(known[0] == ArrayUse(elementSize: 4, isRead: true))
    #expect(known[1] == ArrayUse(elementSize: 4, isWritten: true, isOverwritten: true))
    #expect(known.map(\.needsContents) == [true, false])
    let transposed = try uses(
      """
        for j in 0..<m:
          for i in 0..<n:
            for k in 0..<4:
              y[i, j] = 1.0

      """)
    #expect(transposed[1].isOverwritten)
    #expect(!transposed[0].needsContents)
    #expect(try uses(Self.whole, "with temporary t:\n    launch 0")[1].isOverwritten)
  }

  @Test(arguments: [
    "  for i in 0..<n:\n    for j in 1..<m:\n      y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m - 1:\n      y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m by 2:\n      y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m while i < 3:\n      y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m:\n      if i < j:\n        y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m:\n      y[i, checked(j)] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m:\n      y[i, i] = 1.0\n",
    "  for i in 0..<n:\n    for j in 0..<m:\n      for k in 0..<n:\n        y[i, j] = 1.0\n",
    "  for i in 0..<n:\n    y[i, 0] = 1.0\n",
  ])
  func anythingElseNeedsTheContents(body: String) throws {
    #expect(try uses(body)[1].needsContents)
  }

  @Test(arguments: [
    "if n > 3:\n    launch 0", "for k in 0..<n:\n    launch 0", "require n equals m\n  launch 0",
    "callback 0 \"look\"()\n  launch 0",
  ])
  func launchesThatMayNotHappenNeedTheContents(host: String) throws {
    #expect(try uses(Self.whole, host)[1].needsContents)
  }

  @Test func whatIsReadToo() throws {
    let body = Self.whole + "  x[0, 0] = y[0, 0]\n"
    #expect(try uses(body).map(\.needsContents) == [true, true])
  }
}
