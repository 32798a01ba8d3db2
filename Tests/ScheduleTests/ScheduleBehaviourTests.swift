import LoopIR
import Passes
import Schedule
import TestSupport
import Testing
import Transforms

/// A scheduled function does what the sequential one does; the interpreter runs workers and lanes in an adverse order.
@Suite struct ScheduleBehaviourTests {
  private static let schedule: [String: LoopSchedule] = [
    "P": LoopSchedule(threads: .constant(8)), "Q": LoopSchedule(threads: .constant(4)),
    "R": LoopSchedule(threads: .constant(8), isReduction: true),
    "S": LoopSchedule(threads: nil, isReduction: true),
  ]

  private func scheduled(_ function: LoopFunction) throws -> LoopFunction {
    var runner = PassRunner()
    return try runner.run(
      [
        foldConstants, checkBounds, removeUnused,
        applySchedule(Self.schedule, maximumUnrollCount: 32),
        recognizeReductions(Self.schedule), splitReductions, chooseVectorLoops(registerSize: 32),
        collapseLoops, removeUnused,
      ], on: function, in: PassContext())
  }

  /// Statements over `y: float64[n]`, `x: float64[n]`, `a: float64[n, 3]` and `h: int64[4]`.
  @Test(arguments: [
    """
    parpy.label('P')
    for i in range(n):
      t = x[i] * 2
      if t > 4:
        t = t - 1
      y[i] = t
    """,
    """
    parpy.label('P')
    y[:] = x[:] + y[:]
    parpy.label('P')
    y[1:] = y[:-1]
    """,
    """
    s = 1.0
    parpy.label('R')
    for i in range(n):
      s += x[i]
    y[0] = s
    """,
    """
    s = 3.0
    m = -5.0
    parpy.label('R')
    for i in range(n - 1, -1, -1):
      s = s - x[i]
      m = max(m, x[i])
    y[0] = s * m
    """,
    """
    parpy.label('R')
    for i in range(n):
      if x[i] > 2:
        y[1] += x[i]
    """,
    """
    parpy.label('R')
    y[0] = sum(x[:] * x[:]) + max(x[1:])
    """,
    """
    parpy.label('P')
    for i in range(n):
      s = 0.0
      parpy.label('R')
      for j in range(3):
        s += a[i, j]
      y[i] = s
    """,
    """
    s = 0.0
    parpy.label('R')
    for i in range(n):
      for j in range(3):
        s += a[i, j] * x[i]
    y[0] = s
    """,
    """
    parpy.label('P')
    parpy.label('Q')
    a[:, :] = a[:, ::-1] + x[0]
    """,
    """
    s = 0.0
    t = 0.0
    parpy.label('S')
    for i in range(n):
      t = x[i]
      s += t
    y[0] = s
    y[1] = t
    """,
    """
    c = 0
    for k in range(3):
      parpy.label('R')
      for i in range(n):
        if x[i] > k:
          c += 1
    y[0] = c
    """,
    """
    ok = True
    parpy.label('R')
    for i in range(n):
      ok = ok and x[i] < 7
    y[0] = ok
    """,
    """
    parpy.label('R')
    for i in range(n):
      y[0] += x[i]
      y[1] -= x[i]
    """,
  ])
  func schedulesKeepTheMeaning(body: String) throws {
    let lines = body.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
    let text =
      "def f(y: float64[n], x: float64[n], a: float64[n, 3], h: int64[4], n: weak int64):\n"
    let function = try PythonText(text + lines).lowered(schedule: Self.schedule)
    let parallel = try scheduled(function)
    for n in [2, 3, 64, 257, 4097] {
      func arrays() -> [Storage] {
        [
          Storage(.float64, (0..<n).map { Double($0 % 5) }),
          Storage(.float64, (0..<n).map { Double($0 * 7 % 11 - 2) }),
          Storage(.float64, (0..<3 * n).map { Double($0 % 4) }), Storage(.int64, [0, 0, 0, 0]),
        ]
      }
      let parameters = [Literal.integer(Int64(n), .int64)]
      let (expected, found) = (arrays(), arrays())
      try Interpreter.run(function, arrays: expected, parameters: parameters)
      do {
        try Interpreter.run(parallel, arrays: found, parameters: parameters)
        #expect(
          found.map(\.numbers) == expected.map(\.numbers), "n = \(n)\n\(parallel.printed)")
      } catch {
        Issue.record("\(error)\n\(parallel.printed)")
      }
    }
  }

  /// The chunks depend on the extent alone, whatever the number of workers is.
  @Test func chunksDoNotDependOnTheWorkers() throws {
    func chunks(_ workers: String) throws -> [Statement] {
      let text = """
        def f(y: float32[1], x: float32[n], n: int64 >= 2):
          local i: int64
          local s: float32
          s = 0.0
          @reduce(add s) @workers(\(workers))
          for i in 0..<n:
            s = s + x[i]
          y[0] = s
        """
      var runner = PassRunner()
      let function = try runner.run(
        [splitReductions], on: try LoopFunction(parsing: text), in: PassContext())
      return function.body.flatMapStatements { statement in
        guard case .loop(var loop) = statement.kind else { return [statement] }
        loop.mapping.workers = nil
        return [Statement(.loop(loop))]
      }
    }
    #expect(try chunks("2") == chunks("64"))
  }

  /// At most 256 chunks, none empty, together all iterations once.
  @Test(arguments: [0, 1, 4095, 4096, 4097, 8192, 1_048_576, 1_048_577, 5_000_000])
  func chunksCoverTheRange(count: Int) throws {
    let text = """
      def f(y: int64[3], n: int64):
        local i, s: int64
        s = 0
        @reduce(add s) @workers(8)
        for i in 0..<n:
          s = s + 1
        y[0] = s
      """
    var runner = PassRunner()
    let function = try runner.run(
      [splitReductions], on: try LoopFunction(parsing: text), in: PassContext())
    // Instead of running the iterations, each chunk notes its bounds.
    var probe = function
    probe.body = function.body.flatMapStatements { statement in
      guard case .loop(let loop) = statement.kind, !loop.reductions.isEmpty else {
        return [statement]
      }
      let total = loop.reductions[0].accumulator
      return [Statement(.assign(total, loop.upper - loop.lower))]
    }
    let y = Storage(.int64, [0, 0, 0])
    try Interpreter.run(probe, arrays: [y], parameters: [.integer(Int64(count), .int64)])
    #expect(y.numbers[0] == Double(count))
  }

  @Test func racesAreWarnedOf() throws {
    let context = PassContext()
    var runner = PassRunner()
    let text = """
      def f(y: float32[4], x: float32[8]):
        local i: int64
        @label("P") @workers(8)
        for i in 0..<8:
          y[1] = y[1] + x[i]
        @label("P") @workers(8)
        for i in 0..<4:
          y[i] = y[i] + x[i]
        for i in 0..<8:
          y[1] = y[1] + x[i]
      """
    _ = try runner.run(
      [recognizeReductions(Self.schedule)], on: try LoopFunction(parsing: text), in: context)
    #expect(context.warnings.map { $0.spans.first?.line } == [5])
    #expect(context.warnings[0].message.contains("'P'"))
    #expect(context.warnings[0].help?.contains(".reduce()") == true)
  }

  /// `h[b[i]] += w[i]` under `.reduce()` must not lose an update: not in lanes, not shared as it stands.
  @Test func updatesThroughDataAreNoPlainParallelStores() throws {
    let text = """
      def f(h: float32[4], b: int64[64], w: float32[64]):
        local i: int64
        @label("R")
        for i in 0..<64:
          h[b[i]] = h[b[i]] + w[i]
      """
    guard let result = try? scheduled(try LoopFunction(parsing: text)) else { return }
    var racing = 0
    result.body.forEachStatement { statement in
      guard case .loop(let loop) = statement.kind, loop.mapping != .sequential else { return }
      loop.body.forEachStatement { inner in
        if case .store(BufferID(0), let indices, _) = inner.kind,
          indices.contains(where: {
            $0.contains { if case .load = $0.kind { true } else { false } }
          })
        {
          racing += 1
        }
      }
    }
    #expect(racing == 0, "\(result.printed)")
  }
}

@Suite struct ProgramTests {
  @Test func verifyFindsWhatIsBroken() throws {
    let function = try LoopFunction(
      parsing: """
        def f(y: float32[8], n: int64):
          local i: int64
          local s: float32
          @workers(8)
          for i in 0..<n:
            s = 1.0
            y[i] = s
        """)
    let sound = outlineKernels(function)
    #expect(sound.verify() == [])

    var missing = sound
    missing.kernels = []
    #expect(missing.verify().map(\.message) == ["launch of kernel 0, which does not exist"])

    var sequential = sound
    sequential.kernels[0].loop.mapping.workers = nil
    #expect(sequential.verify().map(\.message) == ["kernel f_kernel0 is not parallel"])

    var shared = sound
    shared.kernels[0].liveIns.append(VariableID(2))
    #expect(shared.verify().map(\.message) == ["kernel f_kernel0 assigns its live-in s"])
  }
}
