import Foundation
import LoopIR
import Passes
import Syntax

/// `Tests/Goldens`, found from where this file stands.
public let goldensFolder = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Goldens")

/// Why golden files do not hold.
public struct GoldenFailure: Error, CustomStringConvertible {
  public let description: String
}

/// Runs a pass on every case of its golden files, `Goldens/<pass>/*.ir`, the verifier on before and after it.
///
///     // leaves alone: a division by literal zero
///     def f(y: int64[4], n: int64):
///       y[0] = n + 1 // 0
///     // expect:
///     def f(y: int64[4], n: int64):
///       y[0] = n + 1 // 0
///     // ---
///     def g…
///
/// Instead of `// expect:` and an IR, a case may end in `// expect error: message` for each diagnostic that the pass throws.
/// The variable `PARPY_UPDATE_GOLDENS=1` has the files rewritten to what the pass does.
///
/// - Throws: `GoldenFailure` with every case that differs, and where there is no case at all.
public func runGoldens(
  pass: Pass<LoopFunction>, in folder: URL = goldensFolder,
  updates: Bool = ProcessInfo.processInfo.environment["PARPY_UPDATE_GOLDENS"] == "1"
) throws {
  try runGoldens(pass: pass, in: folder, updates: updates) { text throws(DiagnosticError) in
    try LoopFunction(parsing: text)
  }
}

/// Runs a pass on every case of its golden files, for an IR that `parse` reads.
public func runGoldens<IR: IntermediateRepresentation>(
  pass: Pass<IR>, in folder: URL = goldensFolder,
  updates: Bool = ProcessInfo.processInfo.environment["PARPY_UPDATE_GOLDENS"] == "1",
  parse: (String) throws(DiagnosticError) -> IR
) throws {
  let folder = folder.appending(path: pass.name)
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  let files = names.filter { $0.hasSuffix(".ir") }.sorted().map { folder.appending(path: $0) }
  var failures: [String] = []
  var caseCount = 0
  for file in files {
    let cases = try GoldenCase.cases(in: String(contentsOf: file, encoding: .utf8))
    caseCount += cases.count
    let outcomes = cases.map { $0.outcome(of: pass, parse: parse) }
    if updates {
      let text = zip(cases, outcomes).map { $0.text(expecting: $1) }.joined(separator: "// ---\n")
      try text.write(to: file, atomically: true, encoding: .utf8)
      continue
    }
    for (goldenCase, outcome) in zip(cases, outcomes) {
      let expected = goldenCase.normalizedExpectation(parse: parse)
      if outcome.text == expected && !outcome.isFault { continue }
      failures.append(
        """
        \(file.path):\(goldenCase.line): '\(pass.name)' gives
        \(outcome.text)instead of
        \(expected)
        """)
    }
  }
  if caseCount == 0 { failures.append("no golden case in \(folder.path)") }
  if !failures.isEmpty { throw GoldenFailure(description: failures.joined(separator: "\n")) }
}

/// One input with what a pass should make of it.
private struct GoldenCase {
  private static let expectLine = "// expect:"
  private static let errorPrefix = "// expect error: "

  /// What a pass made of the input, in the form of a golden file.
  struct Outcome {
    var text: String
    /// True where the input is unsound or the pass broke it.
    var isFault = false
  }

  /// The line of the file on which the case begins.
  var line: Int
  /// The lines up to the expectation, comments included.
  var input: [String]
  /// The expected IR, or the lines with errors.
  var expectation: [String]

  /// The cases of a file; text without any expectation is a case that fails.
  static func cases(in text: String) -> [GoldenCase] {
    var cases: [GoldenCase] = []
    var current = GoldenCase(line: 1, input: [], expectation: [])
    var expects = false
    for (i, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      if line == "// ---" {
        cases.append(current)
        current = GoldenCase(line: i + 2, input: [], expectation: [])
        expects = false
      } else if line == expectLine {
        expects = true
      } else if expects || line.hasPrefix(errorPrefix) {
        current.expectation.append(String(line))
      } else {
        current.input.append(String(line))
      }
    }
    cases.append(current)
    return cases.filter { !isBlank($0.input) || !isBlank($0.expectation) }
  }

  private static func isBlank(_ lines: [String]) -> Bool { lines.allSatisfy(\.isEmpty) }

  /// The IR among the lines; comments become blank, so that line numbers hold.
  private static func code(_ lines: [String]) -> String {
    lines.map { $0.hasPrefix("// ") ? "" : $0 }.joined(separator: "\n")
  }

  func outcome<IR: IntermediateRepresentation>(
    of pass: Pass<IR>, parse: (String) throws(DiagnosticError) -> IR
  ) -> Outcome {
    var runner = PassRunner()
    do throws(DiagnosticError) {
      let input = try parse(Self.code(input))
      try runner.inspect(input, after: "golden input")
      let output = try runner.run([pass], on: input, in: PassContext())
      return Outcome(text: Self.expectLine + "\n" + output.printed)
    } catch {
      let lines = error.diagnostics.map { Self.errorPrefix + $0.message + "\n" }
      let isFault = error.diagnostics.contains { $0.message.hasPrefix("internal error") }
      return Outcome(text: lines.joined(), isFault: isFault)
    }
  }

  /// The expectation as `outcome` would give it; hand-written IR need not be laid out as the printer does.
  func normalizedExpectation<IR: IntermediateRepresentation>(
    parse: (String) throws(DiagnosticError) -> IR
  ) -> String {
    let errors = expectation.filter { $0.hasPrefix(Self.errorPrefix) }
    if !errors.isEmpty { return errors.map { $0 + "\n" }.joined() }
    do throws(DiagnosticError) {
      return Self.expectLine + "\n" + (try parse(Self.code(expectation)).printed)
    } catch {
      let messages = error.diagnostics.map(\.message).joined(separator: "\n")
      return "an expectation that is malformed: \(messages)\n"
    }
  }

  /// The case with another expectation.
  func text(expecting outcome: Outcome) -> String {
    let lines = input.reversed().drop(while: \.isEmpty).reversed()
    return lines.map { $0 + "\n" }.joined() + outcome.text
  }
}
