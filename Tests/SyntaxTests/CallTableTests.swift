import Syntax
import Testing

/// Diagnostics about bodies that took the place of calls name sources, and the calls.
@Suite struct CallTableTests {
  private let files = [
    SourceFile(
      name: "main.py", firstLine: 1, lines: ["def main(x):", "    outer(x)", "    outer(x[1:])"]),
    SourceFile(
      name: "helpers.py", firstLine: 5, lines: ["def outer(a):", "    inner(", "        a)"]),
    SourceFile(name: "helpers.py", firstLine: 9, lines: ["def inner(b):", "    b[0] = c"]),
  ]

  private func span(_ source: Int32, _ line: Int32, _ columns: Range<Int32>, to end: Int32? = nil)
    -> Span
  {
    Span(
      source: source, line: line, column: columns.lowerBound, endLine: end ?? line,
      endColumn: columns.upperBound)
  }

  /// The numbers of `outer`'s and `inner`'s bodies, for a call of `outer` on the given line.
  private func numbers(_ table: inout CallTable, callOn line: Int32) -> (outer: Int32, inner: Int32)
  {
    let outer = table.add(
      Diagnostic.Call(from: "main", at: span(0, line, 4..<12)), ofFunctionIn: 1)
    let inner = table.add(
      Diagnostic.Call(from: "outer", at: span(outer, 6, 4..<10, to: 7)), ofFunctionIn: 2)
    return (outer, inner)
  }

  @Test func quotesTheCallsInnermostFirst() {
    var table = CallTable()
    _ = numbers(&table, callOn: 2)
    let source = numbers(&table, callOn: 3).inner
    let diagnostic = Diagnostic(
      .name, "Wrong.", at: [span(source, 10, 11..<12), span(0, 1, 9..<10)], help: "do better")
    let resolved = table.resolve(diagnostic)
    #expect(resolved.spans.map(\.source) == [2, 0])
    #expect(
      resolved.rendered(with: files) == """
        Wrong.

        On line 10 of file helpers.py:
            b[0] = c
                   ^
        called from `outer`, on lines 6-7 of file helpers.py:
            inner(
                a)
        called from `main`, on line 3 of file main.py:
            outer(x[1:])
            ^^^^^^^^

        On line 1 of file main.py:
            def main(x):
                     ^
        help: do better
        """)
  }

  @Test func leavesAloneWhatStandsInTheEntry() {
    var table = CallTable()
    _ = numbers(&table, callOn: 2)
    for source: Int32 in [0, 1, -9] {
      let resolved = table.resolve(Diagnostic(.name, "Wrong.", at: span(source, 2, 4..<9)))
      #expect(resolved.spans.map(\.source) == [source])
      #expect(resolved.calls.isEmpty)
    }
    #expect(table.resolve(Diagnostic(.bug, "Wrong.", at: [])).calls.isEmpty)
  }

  @Test func whatTwoCallsMeetIsToldOnce() {
    var table = CallTable()
    let places = [2, 3].map { numbers(&table, callOn: $0).inner }
    let diagnostics = places.flatMap { source in
      [10, 9].map { table.resolve(Diagnostic(.name, "Wrong.", at: span(source, $0, 4..<8))) }
    }
    let told = diagnostics.withoutRepetitions
    #expect(told.map { $0.spans.first?.line } == [10, 9])
    #expect(told.allSatisfy { $0.calls.last?.span.line == 2 })
  }
}
