import LoopIR
import TestSupport
import Testing

/// What integers may be, as far as it is known, and that nothing narrower is claimed.
@Suite struct ValueRangesTests {
  /// The stored values of a program, each with its range over the integers; nil where it may leave its type.
  private func ranges(_ text: String) throws -> [ValueRange?] {
    let function = try LoopFunction(parsing: text)
    let ranges = ValueRanges(variables: function.variables, body: function.body)
    var found: [ValueRange?] = []
    function.body.forEachStatement { statement in
      if case .store(_, _, let value) = statement.kind {
        found.append(ranges.exactRange(of: value))
      }
    }
    return found
  }

  private static let known: [(String, Int64, Int64)] = [
    ("i", 0, 99), ("i + 1", 1, 100), ("4 * i - 1", -1, 395), ("-i", -99, 0), ("i - j", -10, 94),
    ("j", 5, 10), ("i * j", 0, 990), ("i // 7", 0, 14), ("(j - 50) // 7", -7, -6), ("i % 7", 0, 6),
    ("(i - 50) % 7", 0, 6), ("j % 100", 0, 10), ("python_min(i, 3)", 0, 3),
    ("python_max(i, n)", 2, 1 << 30 - 1), ("n - 1", 1, 1 << 30 - 2),
    ("k + k", -1 << 31, 1 << 31 - 2), ("i if k > 0 else -1", -1, 99), ("c[i] % 4", 0, 3),
    ("abs(i - 60)", 0, 60), ("int64(u)", 0, 255), ("i & 7", 0, 7), ("m", 0, 198), ("m + 1", 1, 199),
    ("m * m", 0, 39204), ("i // k", -99, 99), ("(i + 1) // (j - 7)", -100, 100),
    ("i % k", -(1 << 30) + 1, 1 << 30 - 2), ("c[i] % (j - 7)", -1, 2),
  ]

  @Test(arguments: known)
  func knows(value: String, least: Int64, greatest: Int64) throws {
    #expect(try ranges(program(storing: value)) == [ValueRange(least, greatest)], "\(value)")
  }

  @Test(arguments: [
    "c[i] + 1", "4 * c[i]", "large + 1", "-large", "k * k * k", "abs(c[i])", "c[i] // k",
    "twice + large", "total + 1", "c[i]",
  ])
  func isNotSure(value: String) throws { #expect(try ranges(program(storing: value)) == [nil]) }

  private func program(storing value: String) -> String {
    """
    def f(y: int64[1], c: int64[100], n: int64 >= 2, k: int64, large: int64 large, u: uint8):
      local i, j, m, twice, total: int64
      twice = k
      twice = n
      for i in 0..<100:
        @reduce(add total)
        for j in 10..<4 by -1:
          total = 5
          m = 2 * i
          y[0] = \(value)
    """
  }

  @Test func takesVariablesOfSeveralLoopsTogether() throws {
    let text = """
      def f(y: int64[1]):
        local i: int64
        for i in 0..<4:
          y[0] = 1
        for i in 90..<96:
          y[0] = i
      """
    #expect(try ranges(text).last == ValueRange(0, 95))
  }

  @Test func countersStayNear() throws {
    let text = """
      def f(y: int64[1], n: int64):
        local k, b, s: int64
        k = 5
        while k < n:
          k = k + 2
          b = b - 1
          s = s + 5000
          y[0] = k
          y[0] = k + 1
          y[0] = 4 * k
          y[0] = b - 1
          y[0] = s + 1
      """
    let far: Int64 = 1 << 62
    #expect(
      try ranges(text) == [
        ValueRange(0, far + 5), ValueRange(1, far + 6), nil, ValueRange(-far - 1, -1), nil,
      ])
  }

  @Test func assignmentsAreTakenTogether() throws {
    let text = """
      def f(y: int64[1], n: int64 >= 2, c: int64[1]):
        local i, p, q, r, s: int64
        for i in 0..<100:
          p = i - 1
          if p < 0:
            p = p + 100
          y[0] = p
          q = i + n
          if c[0] > 7 and not n <= q:
            q = 300
          y[0] = q - n
          r = c[0]
          if 0 <= r and r < 10:
            y[0] = r
            r = 2 * r
            s = r
          y[0] = s
          y[0] = r
      """
    let least: Int64 = 2
    #expect(
      try ranges(text) == [
        ValueRange(-1, 99), ValueRange(-(1 << 30) + 1, (1 << 30) + 98 - least),
        ValueRange(.min, .max), ValueRange(.min, .max), ValueRange(.min, .max),
      ])
  }

  @Test func narrowTypesWrapSooner() throws {
    let text = """
      def f(y: int32[1], n: int64, a: int32):
        local i: int64
        for i in 0..<70000:
          y[0] = int32(i) * int32(i)
          y[0] = int32(i) + 1
          y[0] = a + 1
      """
    #expect(try ranges(text) == [nil, ValueRange(1, 70000), nil])
  }

  @Test(arguments: [
    ("x: float64[n, m], n: int64 >= 2, m: int64 >= 2", true),
    ("x: float64[n, m] large, n: int64 >= 2 large, m: int64 >= 2 large", false),
    ("x: float64[65536, 32768]", true), ("x: float64[65536, 32769]", false),
    ("x: float64[3, 5] strides [1073741821, -1]", true),
    ("x: float64[4, 5] strides [1073741823, -1]", false), ("x: float64[0, 5]", true),
  ])
  func knowsWhereOffsetsAreShort(declaration: String, isShort: Bool) throws {
    let function = try LoopFunction(parsing: "def f(\(declaration)):\n  x[0, 0] = 1.0\n")
    #expect(function.buffers[0].hasShortOffsets == isShort, "\(declaration)")
  }
}
