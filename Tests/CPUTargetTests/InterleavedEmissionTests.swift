import CPUTarget
import LoopIR
import TestSupport
import Testing

/// Numbers of pairs that lie side by side are read and written by wide accesses.
@Suite struct InterleavedEmissionTests {
  static func kernel(_ body: String, parameters: String = "") throws -> [String] {
    let lines = body.split(separator: "\n").map { "      \($0)\n" }.joined()
    return try Emission(
      """
      def f(y: float64[n, 2], x: float64[n, 2], n: int64 >= 2\(parameters)):
        local i: int64
        local a, b: float64
        @independent @lanes(4)
        for i in 0..<n:
      \(lines)
      """
    ).lines
  }

  static func count(_ lines: [String], _ part: String) -> Int {
    lines.count { $0.contains(part) }
  }

  @Test func bothPartsAreReadAndWrittenAtOnce() throws {
    let lines = try Self.kernel("y[i, 0] = x[i, 1]\ny[i, 1] = x[i, 0] + y[i, 1]")
    #expect(Self.count(lines, " = load <8 x double>") == 3)
    #expect(Self.count(lines, "<i32 0, i32 2, i32 4, i32 6>") == 2)
    #expect(Self.count(lines, "<i32 1, i32 3, i32 5, i32 7>") == 4)
    #expect(Self.count(lines, " store <8 x double>") == 1)
    #expect(Self.count(lines, "<i32 0, i32 4, i32 1, i32 5, i32 2, i32 6, i32 3, i32 7>") == 2)
    // What is left over runs under a mask of both parts.
    #expect(Self.count(lines, "call <8 x double> @llvm.masked.load") == 3)
    #expect(Self.count(lines, "call void @llvm.masked.store.v8f64") == 1)
    #expect(Self.count(lines, "<i32 0, i32 0, i32 1, i32 1, i32 2, i32 2, i32 3, i32 3>") == 4)
    #expect(Self.count(lines, "gather") + Self.count(lines, "scatter") == 0)
  }

  @Test func reversedPairsKeepTheirOrder() throws {
    let lines = try Self.kernel("y[n - 1 - i, 0] = x[n - 1 - i, 0]\ny[n - 1 - i, 1] = 1.0")
    #expect(Self.count(lines, "<i32 6, i32 4, i32 2, i32 0>") == 2)
    #expect(Self.count(lines, "<i32 3, i32 7, i32 2, i32 6, i32 1, i32 5, i32 0, i32 4>") == 2)
    #expect(Self.count(lines, "<i32 3, i32 3, i32 2, i32 2, i32 1, i32 1, i32 0, i32 0>") == 2)
    #expect(Self.count(lines, "i64 -6") == 4)
  }

  @Test(arguments: [
    // The second value needs what the first store wrote.
    "y[i, 0] = x[i, 0]\ny[i, 1] = y[i, 0]",
    "y[i, 0] = x[i, 0]\ny[i, 1] = y[n - 1 - i, 0]",
    // These are stores of two pairs, of one part, and in the other order.
    "y[i, 0] = x[i, 0]\ny[n - 1 - i, 1] = 1.0",
    "y[i, 0] = x[i, 0]\na = 1.0\ny[i, 1] = a",
    "y[i, 1] = x[i, 0]\ny[i, 0] = 1.0",
  ])
  func storesStayApart(body: String) throws {
    let lines = try Self.kernel(body)
    #expect(Self.count(lines, " store <8 x double>") == 0)
    #expect(Self.count(lines, "call void @llvm.masked.scatter") == 4)
  }

  @Test func whatMayOverlapStaysApart() throws {
    let lines = try Self.kernel(
      "z[i, 0] = x[i, 0]\nz[i, 1] = w[i]",
      parameters: ", z: float64[n, 2] alias, w: float64[n] alias")
    #expect(Self.count(lines, " store <8 x double>") == 0)
  }

  @Test func testedPairsStayApart() throws {
    let lines = try Self.kernel("y[checked(i + 1), 0] = 1.0\ny[checked(i + 1), 1] = 2.0")
    #expect(Self.count(lines, " store <8 x double>") == 0)
  }
}
