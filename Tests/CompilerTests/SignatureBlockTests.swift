import Compiler
import LoopIR
import Testing

import struct Syntax.Diagnostic
import struct Syntax.DiagnosticError

/// A signature block reads back as what was printed, and damage to it is a diagnostic.
@Suite struct SignatureBlockTests {
  private typealias ArrayType = CallSignature.ArrayType

  /// A block that uses everything a block can hold.
  private static let full = SignatureBlock(
    function: "blur", entry: "blur.v1",
    parameterNames: ["x", "y", "größe", "n", "a", "b", "c", "d", "e"],
    arguments: [
      .array(
        ArrayType(element: .float32, extents: [.parameter(0), .constant(1)], isReadOnly: true)),
      .array(
        ArrayType(
          element: .int8, extents: [.parameter(0), .constant(0)],
          strides: [.parameter(1), .constant(-3)], overlaps: true)),
      .array(ArrayType(element: .bool, extents: [])),
      .scalar(.int64, isWeak: true, bits: .parameter(2)),
      .scalar(.uint64, isWeak: false, bits: .constant(-1)),
      .scalar(.float64, isWeak: true, bits: .constant(Int64(bitPattern: 0.1.bitPattern))),
      .scalar(.float32, isWeak: false, bits: .constant(Int64(bitPattern: 0x7FF8_0000_0000_0001))),
      .dictionary([
        CallSignature.Entry("", .scalar(.int64, isWeak: true, bits: .constant(3))),
        CallSignature.Entry(
          "a: \"]\r\n\u{2028}\0\\",
          .array(ArrayType(element: .float64, extents: [.parameter(0)], strides: [.constant(2)]))),
        CallSignature.Entry("e\u{301}", .array(ArrayType(element: .bool, extents: []))),
        CallSignature.Entry(
          "z", .complex(.complex64, isWeak: true, real: .parameter(3), imaginary: .constant(0))),
        CallSignature.Entry("\u{e9}", .scalar(.bool, isWeak: false, bits: .constant(1))),
      ]),
      .dictionary([]),
    ],
    writes: [false, true, false, false, false, false, false, false, true, false, false, false],
    parameterSources: [0, 4, 6, 13],
    failures: [
      nil,
      SignatureBlock.Failure(
        .index, "index 3 of \"x\"\n\nOn line 4 of C:\\new\\r.py:\n    x[3]\r", line: 4),
      SignatureBlock.Failure(.bug, "", line: 0),
    ],
    faults: [SignatureBlock.Failure(.index, "index {index} of \"x\"\n{size}", line: 7)],
    externals: ["scale", "scale"], libraries: ["m", "/a b/lib\"x\".so"], includes: ["/a \"b\""],
    flags: ["-lm", "-D\nX"], callbacks: ["größe"], hostDigest: "0f",
    weakTypes: WeakTypes(integer: .int16, float: .float32))

  @Test(arguments: ["; ", "// ", "# ", ""])
  func readsBackWhatItPrints(prefix: String) throws {
    let text = "define i64 @f()\n; a comment\n\n" + Self.full.printed(prefix: prefix) + "\n; more\n"
    #expect(try SignatureBlock(parsing: text) == Self.full)
  }

  @Test func isReadable() {
    let block = SignatureBlock(
      function: "sum_rows", entry: "sum_rows", parameterNames: ["x", "y", "N"],
      arguments: [
        .array(ArrayType(element: .float32, extents: [.constant(8192), .parameter(0)])),
        .array(ArrayType(element: .float32, extents: [.constant(8192)])),
        .scalar(.int64, isWeak: true, bits: .constant(8192)),
      ], writes: [false, true, false], parameterSources: [1],
      failures: [nil, SignatureBlock.Failure(.index, "index \"9\"", line: 12)])
    #expect(
      block.printed(prefix: "; ") == """
        ; ParPy signature 1 of sum_rows
        ; entry sum_rows
        ; argument x: float32[8192, p0]
        ; argument y: float32[8192] written
        ; argument N: weak int64 = 8192
        ; parameter p0 is word 1
        ; failure: other values
        ; failure: index at 12 "index \\"9\\""
        ; end of signature

        """)
  }

  @Test func everyScalarReadsBack() throws {
    let floats: [Double] = [
      0, -0.0, .leastNonzeroMagnitude, 1e300, .infinity, -.infinity, .nan, 1 / 3,
    ]
    let integers: [Int64] = [0, -1, .min, .max]
    var block = SignatureBlock(
      function: "f", entry: "f", parameterNames: [], arguments: [], writes: [])
    for type in ScalarType.allCases {
      let bits = type.part.isFloat ? floats.map { Int64(bitPattern: $0.bitPattern) } : integers
      for (index, bits) in bits.enumerated() {
        block.parameterNames.append("\(type)\(index)")
        let isWeak = index % 2 == 0
        block.arguments.append(
          type.isComplex
            ? .complex(type, isWeak: isWeak, real: .constant(bits), imaginary: .constant(~bits))
            : .scalar(type, isWeak: isWeak, bits: .constant(bits)))
        block.writes.append(false)
      }
    }
    #expect(try SignatureBlock(parsing: block.printed(prefix: "; ")) == block)
  }

  @Test func theLastBlockCounts() throws {
    var other = Self.full
    other.entry = "other"
    let text = other.printed(prefix: "; ") + "\n" + Self.full.printed(prefix: "; ")
    #expect(try SignatureBlock(parsing: text) == Self.full)
  }

  @Test func lineEndsOfOtherSystemsAndSpaceDoNotMatter() throws {
    let text = Self.full.printed(prefix: "  ; ").split(separator: "\n").joined(separator: "  \r\n")
    #expect(try SignatureBlock(parsing: text + "\r\n") == Self.full)
  }

  @Test(arguments: [
    "", "; ParPy signature", "; ParPy signature 1 of f",
    "; ParPy signature 2 of f\n; end of signature",
    "; ParPy signature 1 of f\n; end of signature",
    "; ParPy signature 1 of f\n; entry f g\n; end of signature",
    block("argument x float32[3]"), block("argument x: float31[3]"), block("argument x: float32[3"),
    block("argument x: float32[3,4]"), block("argument x: float32[-1]"),
    block("argument x: float32[p0]"), block("argument x: float32[p99999999999999999999]"),
    block("argument x: float32[3] strides[1, 2]"), block("argument x: float32[3] frozen"),
    block("argument x: int64 = 3.5"), block("argument x: weak float32[3]"),
    block("argument x: int64 = 99999999999999999999"), block("argument x: int64"),
    block("argument : int64 = 3"), block("argument x: int64 = 3\n; argument x: int64 = 3"),
    block("argument d[\"x\"]: int64 = 3"), block("argument d: dictionary of 2"),
    block("argument d: dictionary\n; argument d[x]: int64 = 3"),
    block("argument d: dictionary\n; argument e[\"x\"]: int64 = 3"),
    block("argument d: dictionary\n; argument d[\"x\"]: dictionary"),
    block("argument d: dictionary\n; argument d[\"\\ud800;\"]: int64 = 3"),
    block("argument d: dictionary\n; argument d[\"x\"] int64 = 3"),
    block("argument d: dictionary\n; argument d[\"b\"]: int64 = 3\n; argument d[\"a\"]: int64 = 3"),
    block("argument d: dictionary\n; argument d[\"b\"]: int64 = 3\n; argument d[\"b\"]: int64 = 3"),
    block("parameter p0 is word 0"), block("parameter p1 is word 0"),
    block("argument x: int64 = p0\n; parameter p0 is word 1"),
    block("argument x: int64 = p0\n; parameter p0 is word -1"),
    block("failure: index at 3"), block("failure: index at 3 \"open"),
    block("failure: index at 3 \"open\\"), block("failure: nothing at 3 \"\""),
    block("weak integers are uint8"), block("weak integers are int"),
    block("weak floats are int32"),
    block("what is this"),
  ])
  func damageIsADiagnostic(text: String) {
    #expect(throws: DiagnosticError.self) { try SignatureBlock(parsing: text) }
  }

  @Test func everyCutIsADiagnosticOrABlock() {
    let text = SignatureBlockTests.full.printed(prefix: "; ")
    for count in 0..<text.count {
      _ = try? SignatureBlock(parsing: String(text.prefix(count)))
      _ = try? SignatureBlock(parsing: String(text.prefix(count)) + "\n; end of signature\n")
      _ = try? SignatureBlock(parsing: "; ParPy signature 1 of f\n; " + String(text.suffix(count)))
    }
  }

  @Test func theDiagnosticQuotesTheLine() throws {
    let error = #expect(throws: DiagnosticError.self) {
      try SignatureBlock(parsing: Self.block("argument x: float31[3]"))
    }
    let diagnostic = try #require(error?.diagnostics.first)
    #expect(diagnostic.category == .program)
    #expect(diagnostic.message.contains("argument x: float31[3]"))
  }

  /// A block that is whole but for the given line.
  private static func block(_ line: String) -> String {
    "; ParPy signature 1 of f\n; entry f\n; \(line)\n; end of signature\n"
  }
}
