import CPUTarget
import Compiler
import LoopIR
import Lowering
import Syntax
import TestSupport
import Testing

@Suite struct CompileTests {
  private static let machine = Machine(
    triple: "x86_64-unknown-linux-gnu", dataLayout: "e-m:e-i64:64-n8:16:32:64-S128",
    cpu: "x86-64", features: "", vectorMath: .none)

  private func compiled(
    _ text: String, schedule: [String: LoopSchedule] = [:], options: CompileOptions = .init(),
    dump: DumpRequest = DumpRequest()
  ) throws -> CompiledProgram {
    let program = try PythonText(text)
    var signature = program.signature
    signature.schedule = schedule
    signature.options = options
    return try compile(
      program.function, signature: signature, names: TestNames(), machine: Self.machine, dump: dump)
  }

  @Test func failuresStandInTheOrderOfTheirNumbers() throws {
    let program = try compiled(
      """
      def f(y: float32[n], x: float32[m], z: float32[p]):
        y[:] = z[:]
        for i in range(len(y)):
          y[i] = x[i + 1]
      """)
    #expect(program.failures.first == .some(nil))
    #expect(program.failures.last??.category == .index)
    #expect(program.failures.last??.spans.first?.line == 4)
    for number in 1...program.failures.count + 1 {
      let isReturned = program.code.contains("ret i64 \(number)\n")
      #expect(isReturned == (number <= program.failures.count))
    }
  }

  @Test func writesSaysWhichArgumentsAreStoredTo() throws {
    let program = try compiled(
      """
      def f(x: float32[4], a: float64, y: float32[4], b: weak int64 = 3, z: float32[4]):
        y[0] = x[0]
        if b > 5:
          x[0] = 1.0
        z[:] += a
      """)
    #expect(program.writes == [false, false, true, false, true])
  }

  @Test func theEntryIsDefined() throws {
    let program = try compiled("def f(y: float32[4]):\n  y[0] = 1.0")
    #expect(program.code.contains("define i64 @\(program.entry)("))
  }

  @Test func aParallelLoopBecomesAKernel() throws {
    let text = """
      def f(y: float32[4]):
        parpy.label('N')
        for i in range(4):
          y[i] = 1.0
      """
    let parallel = try compiled(text, schedule: ["N": LoopSchedule(threads: .constant(8))])
    #expect(parallel.program.contains("launch 0"))
    #expect(parallel.code.contains("@f_kernel0.range"))
    let sequential = try compiled(text, schedule: ["N": LoopSchedule(threads: .constant(1))])
    #expect(!sequential.program.contains("launch"))
    #expect(!sequential.code.contains("kernel"))
  }

  @Test func aThreadCountMayBeAParameter() throws {
    let program = try PythonText(
      """
      def f(y: float32[n]):
        parpy.label('N')
        for i in range(len(y)):
          y[i] = 1.0
      """)
    var signature = program.signature
    signature.schedule = ["N": LoopSchedule(threads: .parameter(1))]
    signature.parameterCount = 2
    let compiled = try compile(
      program.function, signature: signature, names: TestNames(), machine: Self.machine)
    // One pointer, the extent, the thread count.
    #expect(compiled.code.contains("getelementptr inbounds i64, ptr %words, i64 2"))
    #expect(compiled.program.contains("@workers(python_min(N_threads, "))
  }

  /// Compilers write out the iterations of loops that they can count: not those with a stride that may wrap.
  @Test(arguments: [("float32", "x[i, k]"), ("float64", "x[i, k]"), ("float32", "x[k, i]")])
  func loopsOfAThreadCountThatVariesCanBeCounted(element: String, value: String) throws {
    let program = try PythonText(
      """
      def f(x: \(element)[512, 512], y: \(element)[512, 512], z: \(element)[512]):
        parpy.label('rows')
        for i in range(512):
          parpy.label('columns')
          for k in range(512):
            y[i, k] = 2 * \(value)
          s = float64(0)
          parpy.label('sums')
          for k in range(512):
            s += \(value)
          z[i] = s
      """)
    var signature = program.signature
    signature.options.backend = .cuda
    signature.parameterCount = 1
    for threads in [CallSignature.Word.constant(64), .parameter(0)] {
      signature.schedule = [
        "rows": LoopSchedule(threads: .constant(512)),
        "columns": LoopSchedule(threads: threads, exceedsBlock: false),
        "sums": LoopSchedule(threads: threads, isReduction: true, exceedsBlock: false),
      ]
      let code = try compile(
        program.function, signature: signature, names: TestNames(), machine: nil
      ).code
      #expect(!code.contains("+= blockDim.x)"), "\(code)")
      #expect(code.contains("+= (int)blockDim.x)") == (threads == .parameter(0)), "\(code)")
    }
  }

  @Test func theFirstPhaseThatFailsReportsEverything() throws {
    let error = try #require(throws: DiagnosticError.self) {
      _ = try compiled(
        """
        def f(y: float32[4]):
          y[9] = 1.0
          for i in range(5):
            y[i] = 2.0
        """)
    }
    #expect(error.diagnostics.map(\.category) == [.index, .index])
    #expect(error.diagnostics.compactMap { $0.spans.first?.line } == [2, 4])
  }

  @Test func stagesAreDumpedOnRequest() throws {
    var stages: [String] = []
    let text = "def f(y: float32[4]):\n  y[0] = 1.0 + 2.0"
    _ = try compiled(
      text,
      dump: DumpRequest(["lower", "outline-kernels", "fold-constants"]) { stage, _, _ in
        stages.append(stage)
      })
    #expect(stages == ["lower", "fold-constants", "outline-kernels"])
    _ = try compiled(text, dump: DumpRequest([]) { stage, _, _ in stages.append(stage) })
    #expect(stages.count == 3)
  }

  @Test func theCodeIsAFunctionOfItsInputs() throws {
    let text = """
      def f(y: float32[n, 3], x: float32[n, 3], h: int64[8]):
        parpy.label('N')
        for i in range(len(y)):
          s = 0.0
          for j in range(3):
            s += exp(x[i, j]) ** 1.5
            h[j] = h[j] // 3 % 5
          y[i, :] = x[i, ::-1] / s + round(s) + max(x[i, :])
      """
    let schedule = ["N": LoopSchedule(threads: .constant(8))]
    let first = try compiled(text, schedule: schedule)
    for _ in 0..<5 {
      let again = try compiled(text, schedule: schedule)
      #expect(again.code == first.code)
      #expect(again.loopIR == first.loopIR)
      #expect(again.program == first.program)
    }
  }
}
