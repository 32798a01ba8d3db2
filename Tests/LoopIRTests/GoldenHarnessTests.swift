import Foundation
import LoopIR
import Passes
import TestSupport
import Testing

import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// The golden harness fails where it should; each test has a folder of its own.
@Suite final class GoldenHarnessTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

  /// Turns every literal 1 into 2; refuses the function `bad` and breaks the function `broken`.
  private let pass = Pass<LoopFunction>("one-to-two") { ir, _ throws(DiagnosticError) in
    if ir.name == "bad" { throw DiagnosticError(Diagnostic(.program, "bad name", at: .none)) }
    if ir.name == "broken" {
      return LoopFunction("broken", body: [Statement(.launch(KernelID(0)))])
    }
    return ir.mapExpressions { $0 == .index(1) ? .index(2) : $0 }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func write(_ text: String) throws -> URL {
    let pass = folder.appending(path: "one-to-two")
    try FileManager.default.createDirectory(at: pass, withIntermediateDirectories: true)
    let file = pass.appending(path: "cases.ir")
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file
  }

  private func run(updates: Bool = false) throws {
    try runGoldens(pass: pass, in: folder, updates: updates)
  }

  private static let cases = """
    // a comment
    def f(y: int64[1]):
      y[0] = 1
    // expect:
    def f( y: int64[1] ):
        y[0] = 2
    // ---
    // leaves alone: three
    def f(y: int64[4]):
      y[0] = 3
    // expect:
    def f(y: int64[4]):
      y[0] = 3
    // ---
    def bad():
      pass
    // expect error: bad name

    """

  @Test func acceptsWhatHolds() throws {
    _ = try write(Self.cases)
    try run()
  }

  @Test func reportsWhatDiffers() throws {
    _ = try write(Self.cases.replacing("y[0] = 2", with: "y[0] = 4"))
    let failure = try #require(throws: GoldenFailure.self) { try self.run() }
    #expect(failure.description.contains("cases.ir:1: 'one-to-two' gives"))
    #expect(!failure.description.contains("cases.ir:8"))
  }

  @Test func reportsAnErrorThatIsMissing() throws {
    _ = try write(Self.cases.replacing("def bad", with: "def good"))
    #expect(throws: GoldenFailure.self) { try self.run() }
  }

  @Test func reportsABrokenResult() throws {
    _ = try write(
      """
      def broken():
        pass
      // expect error: internal error after pass 'one-to-two': kernel 0 is launched outside a program
      """)
    #expect(throws: GoldenFailure.self) { try self.run() }
  }

  @Test func reportsMalformedInput() throws {
    _ = try write("def f(:\n// expect:\ndef f():\n  pass\n")
    #expect(throws: GoldenFailure.self) { try self.run() }
  }

  @Test func reportsAMissingExpectation() throws {
    _ = try write("def f():\n  pass\n")
    #expect(throws: GoldenFailure.self) { try self.run() }
  }

  @Test func reportsThatThereIsNoCase() throws {
    #expect(throws: GoldenFailure.self) { try self.run() }
    _ = try write("\n")
    #expect(throws: GoldenFailure.self) { try self.run() }
  }

  @Test func rewritesExpectations() throws {
    let file = try write(Self.cases.replacing("y[0] = 2", with: "y[0] = 4"))
    try run(updates: true)
    try run()
    let text = try String(contentsOf: file, encoding: .utf8)
    let printed = "def f(y: int64[1]):\n  y[0]"
    #expect(text == Self.cases.replacing("def f( y: int64[1] ):\n    y[0]", with: printed))
  }
}
