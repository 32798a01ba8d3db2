import LoopIR
import Passes
import TestSupport
import Testing
import Transforms

/// Random affine accesses: a check fails only where an access leaves its array, and in rectangular nests no such access is
/// missed.
@Suite struct BoundsBehaviourTests {
  private struct Access {
    var text: String
    var isRectangular: Bool
  }

  private func access(seed: UInt64) -> Access {
    var random = SeededRandom(seed: seed)
    func pick(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "0" }
    let outer = pick(["0..<n", "1..<n", "0..<4", "k..<n", "0..<m by 2", "n - 1..<-1 by -1"])
    let isRectangular = Bool.random(using: &random)
    let inner = pick(
      isRectangular
        ? ["0..<m", "0..<3", "m..<0 by -2", "1..<n by 3", "0..<k"]
        : ["0..<i", "i..<n", "i + 1..<m", "0..<n - i", "i..<-1 by -1"])
    let index = pick(["i", "j", "i + j", "i - j", "2 * i + j", "3", "j - 2 * i", "i + j + k"])
    let offset = pick(["", "", " + 1", " - 1", " + k", " - m"])
    let extent = pick(["n", "m", "5", "n + m"])
    return Access(
      text: """
        def f(y: float32[\(extent)], n: int64 >= 2, m: int64 >= 2, k: int64):
          local i, j: int64
          for i in \(outer):
            for j in \(inner):
              y[\(index)\(offset)] = 1.0
        """, isRectangular: isRectangular)
  }

  /// Whether the function, run as it stands, leaves its array.
  private func leavesArray(_ function: LoopFunction, _ n: Int64, _ m: Int64, _ k: Int64) throws
    -> Bool
  {
    var unchecked = function
    unchecked.checks = []
    let extent = max(n + m, 5)
    let array = Storage(.float32, Array(repeating: 0, count: Int(extent)))
    let parameters = [n, m, k].map { Literal.integer($0, .int64) }
    do {
      try Interpreter.run(unchecked, arrays: [array], parameters: parameters)
      return false
    } catch InterpretationError.outOfBounds {
      return true
    }
  }

  @Test(arguments: 0..<300 as Range<UInt64>)
  func checksHoldExactlyWhereAllAccessesAreInside(seed: UInt64) throws {
    let access = access(seed: seed)
    let input = try LoopFunction(parsing: access.text)
    var runner = PassRunner()
    var checked: LoopFunction?
    do {
      checked = try runner.run([foldConstants, checkBounds], on: input, in: PassContext())
    } catch {
      #expect(error.diagnostics.allSatisfy { $0.category == .index }, "\(error)")
    }
    for (n, m, k) in [(2, 2, 0), (5, 3, 1), (3, 7, -2), (4, 4, 4), (2, 9, 2)] {
      let leaves = try leavesArray(input, Int64(n), Int64(m), Int64(k))
      guard let checked else {
        #expect(leaves, "refused at n=\(n) m=\(m) k=\(k):\n\(access.text)")
        continue
      }
      let values: [VariableID: Literal] = [
        VariableID(0): .integer(Int64(n), .int64), VariableID(1): .integer(Int64(m), .int64),
        VariableID(2): .integer(Int64(k), .int64),
      ]
      let holds = try checked.checks.allSatisfy {
        try Interpreter.evaluate($0.condition, in: checked, values).isTrue
      }
      if !holds { #expect(leaves, "refused at n=\(n) m=\(m) k=\(k):\n\(checked.printed)") }
      if holds && access.isRectangular {
        #expect(!leaves, "missed at n=\(n) m=\(m) k=\(k):\n\(checked.printed)")
      }
    }
  }
}
