import LoopIR
import TestSupport
import Testing

@Suite struct LabelTests {
  @Test func labelsNameLoopsAndSliceDimensions() throws {
    try expectLowering(
      of: """
        def f(y: float32[4, 5]):
          parpy.label('a')
          for i in range(4):
            parpy.label('b')
            for j in range(5):
              y[i, j] = 1.0
          parpy.label('a')
          parpy.label('b')
          y[:, :] = 2.0
          parpy.label('a')
          y[:, :] = 3.0
        """,
      to: """
        def f(y: float32[4, 5]):
          local i, j, k0, k1, k0.1, k1.1: int64
          @label("a")
          for i in 0..<4:
            @label("b")
            for j in 0..<5:
              y[i, j] = 1.0
          @label("a") @independent
          for k0 in 0..<4:
            @label("b") @independent
            for k1 in 0..<5:
              y[k0, k1] = 2.0
          @label("a") @independent
          for k0.1 in 0..<4:
            @independent
            for k1.1 in 0..<5:
              y[k0.1, k1.1] = 3.0
        """)
  }

  /// Both loops of a statement that needs a temporary bear the label.
  @Test func aLabelStaysWhereATemporaryIsNeeded() throws {
    let ir = try PythonText(
      """
      def f(y: float32[8]):
        parpy.label('N')
        y[1:] = y[:-1]
      """
    ).lowered()
    var labels: [[String]] = []
    ir.body.forEachStatement { statement in
      if case .loop(let loop) = statement.kind { labels.append(loop.labels) }
    }
    #expect(labels == [["N"], ["N"]])
  }

  @Test func labelsThatNameNothingParallelAreErrors() throws {
    try expectDiagnostics(
      of: """
        def f(y: float32[4]):
          parpy.label('a')  # error: label 'a' stands before a while loop, which cannot run in parallel
          while y[0] < 1:
            y[0] += 1
          parpy.label('b')  # error: label 'b' stands before a if statement, which cannot run in parallel
          if y[0] > 1:
            y[0] = 0
          parpy.label('c')  # error: label 'c' names nothing that can run in parallel: the statement has too few slice dimensions and reductions
          y[0] = 1.0
          parpy.label('d')
          parpy.label('e')  # error: label 'e' names nothing that can run in parallel: the statement has too few slice dimensions and reductions
          y[:] = 1.0
          parpy.label(3)  # error: parpy.label takes one string literal
          for i in range(4):
            parpy.label('g')  # error: label 'g' stands before no statement
          parpy.label('h')  # error: label 'h' stands before no statement
        """.replacing("before a if", with: "before an if"))
  }
}
