import LoopIR
import Lowering
import TestSupport
import Testing

/// Labels whose number of threads is a parameter that may be 1.
@Suite struct OpenScheduleTests {
  private func lowered(_ text: String, open labels: String...) throws -> String {
    let program = try PythonText(text)
    var signature = program.signature
    signature.leastThreads = 1
    for (slot, label) in labels.enumerated() {
      signature.schedule[label] = LoopSchedule(threads: .parameter(slot))
    }
    signature.parameterCount = labels.count
    let ir = try lower(
      program.function, signature: signature.withSchedulesOfOneThread, names: TestNames([:]))
    #expect(ir.verify() == [])
    return ir.printed
  }

  @Test func aNestHasAVersionForEachWay() throws {
    let ir = try lowered(
      """
      def f(y: float32[4, 5]):
        for t in range(3):
          parpy.label('a')
          for i in range(4):
            parpy.label('b')
            for j in range(5):
              y[i, j] += 1.0
      """, open: "a", "b")
    let heads = ir.split(separator: "\n").map(String.init).filter {
      ["if ", "elif ", "else", "@label", "for "].contains(where: $0.drop { $0 == " " }.hasPrefix)
    }
    #expect(
      heads == [
        "  for t in 0..<3:",
        "    if 1 < a_threads:",
        "      if 1 < b_threads:",
        "        @label(\"a\")", "        for i in 0..<4:",
        "          @label(\"b\")", "          for j in 0..<5:",
        "      else:",
        "        @label(\"a\")", "        for i.1 in 0..<4:",
        "          @label(\"b (1 thread)\")", "          for j.1 in 0..<5:",
        "    elif 1 < b_threads:",
        "      @label(\"a (1 thread)\")", "      for i.2 in 0..<4:",
        "        @label(\"b\")", "        for j.2 in 0..<5:",
        "    else:",
        "      @label(\"a (1 thread)\")", "      for i.3 in 0..<4:",
        "        @label(\"b (1 thread)\")", "        for j.3 in 0..<5:",
      ])
  }

  @Test func leavesAloneWhatIsKnownAndWhatBearsNoLabel() throws {
    let ir = try lowered(
      """
      def f(y: float32[4]):
        parpy.label('c')
        for i in range(4):
          y[i] += 1.0
        for i in range(4):
          y[i] += 1.0
      """, open: "a")
    #expect(!ir.contains("if "))
  }

  @Test func aNestWithTooManyLabelsIsRefused() throws {
    let text = """
      def f(y: float32[2, 2, 2, 2]):
        parpy.label('a')
        parpy.label('b')
        parpy.label('c')
        parpy.label('d')
        y[:, :, :, :] = 1.0
      """
    #expect(throws: (any Error).self) { try lowered(text, open: "a", "b", "c", "d") }
    #expect(try lowered(text, open: "a", "b", "c").contains("if "))
  }
}
