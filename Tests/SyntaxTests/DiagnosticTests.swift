import Syntax
import Testing

/// Messages are laid out as SPEC.md §6 has it.
@Suite struct DiagnosticTests {
  private let file = SourceFile(
    name: "example.py", firstLine: 10,
    lines: [
      "@parpy.jit", "def f(y, größe):", "    y[0] = größe + naïve + 1.0", "    if größe:", "",
      "        y[1] = (1 +", "            2)", "\ty[2] = 3", "é = \u{1F600} + z",
    ])

  private func span(_ line: Int32, _ column: Int32, _ endLine: Int32, _ endColumn: Int32) -> Span {
    Span(line: line, column: column, endLine: endLine, endColumn: endColumn)
  }

  private func rendered(_ spans: [Span], help: String? = nil) -> String {
    Diagnostic(.program, "Wrong.", at: spans, help: help).rendered(with: [file])
  }

  @Test func quotesAndUnderlinesOneLine() {
    #expect(
      rendered([span(12, 4, 12, 8)], help: "do better") == """
        Wrong.

        On line 12 of file example.py:
            y[0] = größe + naïve + 1.0
            ^^^^
        help: do better
        """)
  }

  /// Columns count bytes of UTF-8; `ö`, `ß` and `ï` have two of them, and one caret each.
  @Test func underlinesCharactersNotBytes() {
    #expect(
      rendered([span(12, 11, 12, 18)]) == """
        Wrong.

        On line 12 of file example.py:
            y[0] = größe + naïve + 1.0
                   ^^^^^
        """)
    #expect(
      rendered([span(12, 21, 12, 27)]) == """
        Wrong.

        On line 12 of file example.py:
            y[0] = größe + naïve + 1.0
                           ^^^^^
        """)
    #expect(
      rendered([span(18, 12, 18, 13)]) == """
        Wrong.

        On line 18 of file example.py:
            é = \u{1F600} + z
                    ^
        """)
  }

  /// Lines keep their places among themselves; a blank one has no indentation to keep.
  @Test func quotesSeveralLinesWithoutUnderline() {
    #expect(
      rendered([span(15, 15, 16, 14)]) == """
        Wrong.

        On lines 15-16 of file example.py:
            y[1] = (1 +
                2)
        """)
    #expect(
      rendered([span(13, 4, 16, 14)]) == """
        Wrong.

        On lines 13-16 of file example.py:
            if größe:
        \("    ")
                y[1] = (1 +
                    2)
        """)
  }

  @Test func quotesEveryPlace() {
    #expect(
      rendered([span(12, 4, 12, 8), span(17, 1, 17, 5)]) == """
        Wrong.

        On line 12 of file example.py:
            y[0] = größe + naïve + 1.0
            ^^^^

        On line 17 of file example.py:
            y[2] = 3
            ^^^^
        """)
  }

  @Test func anEmptySpanHasOneCaret() {
    #expect(
      rendered([span(11, 6, 11, 6)]) == """
        Wrong.

        On line 11 of file example.py:
            def f(y, größe):
                  ^
        """)
  }

  /// A long statement is cut, not printed whole.
  @Test func longStretchesAreCut() {
    let long = SourceFile(name: "long.py", firstLine: 1, lines: (1...100).map { "line\($0)" })
    let text = Diagnostic(.program, "Wrong.", at: span(1, 0, 100, 4)).rendered(with: [long])
    #expect(text.hasPrefix("Wrong.\n\nOn lines 1-100 of file long.py:\n    line1\n    line2\n"))
    #expect(!text.contains("line50"))
  }

  @Test func placesWithoutSourceAreNotQuoted() {
    #expect(rendered([], help: "do better") == "Wrong.\n\nhelp: do better")
    #expect(rendered([.none]) == "Wrong.")
    #expect(rendered([.none], help: "do better") == "Wrong.\n\nhelp: do better")
    #expect(rendered([span(99, 0, 99, 3)]) == "Wrong.\n\nOn line 99 of file example.py:")
    let elsewhere = Span(source: 3, line: 12, column: 0, endLine: 12, endColumn: 4)
    #expect(rendered([elsewhere]) == "Wrong.")
  }

  @Test func columnsBeyondTheLineDoNotTrap() {
    #expect(rendered([span(12, 500, 12, 600)]).contains("größe + naïve"))
    #expect(rendered([span(12, 2, 12, 3)]).contains("größe + naïve"))
  }
}
