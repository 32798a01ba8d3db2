import LoopIR
import TestSupport
import Testing

/// What the prover must prove, and that it proves no falsehood.
@Suite struct FactsTests {
  /// Loops and parameters as a function's text, and the claims `l <= r` as stores of comparisons in the innermost body.
  private func proved(_ text: String) throws -> [Bool] {
    let function = try LoopFunction(parsing: text)
    var results: [Bool] = []
    func visit(_ statements: [Statement], _ facts: Facts) {
      for statement in statements {
        switch statement.kind {
        case .loop(let loop): visit(loop.body, facts.entering(loop))
        case .conditional(let condition, let then, let otherwise):
          visit(then, facts.assuming(condition))
          visit(otherwise, facts.assuming(condition, holds: false))
        case .store(_, _, let value):
          guard case .compare(.lessEqual, let l, let r) = value.kind else { continue }
          results.append(facts.prove(l, atMost: r))
        case .assign, .call, .whileLoop, .device, .allocate, .requireEqual, .launch, .barrier:
          continue
        }
      }
    }
    visit(function.body, Facts(variables: function.variables))
    return results
  }

  /// Each claim follows from the loops around it.
  @Test(arguments: [
    ("for i in 0..<n:", "0 <= i"), ("for i in 0..<n:", "i + 1 <= n"), ("for i in 0..<n:", "i <= n"),
    ("for i in 0..<n:", "1 <= n"), ("for i in 1..<n - 1:", "3 <= n"),
    ("for i in 1..<n - 1:", "i + 2 <= n"), ("for i in 1..<n:", "0 <= i - 1"),
    ("for i in n - 1..<-1 by -1:", "0 <= i"), ("for i in n - 1..<-1 by -1:", "i + 1 <= n"),
    ("for i in 0..<n by 3:", "i + 1 <= n"), ("for i in 0..<n:", "0 <= n - 1 - i"),
    ("for i in 0..<n:", "2 * i <= 2 * n - 2"), ("for i in 0..<n:", "0 <= i // 2"),
    ("for i in 0..<n:", "0 <= k % 8"),
    ("for i in 0..<n:", "k % 8 <= 7"), ("for i in 0..<8:", "4 * i + k % 4 <= 31"),
    ("for i in 0..<n:", "python_min(k, n) <= n"), ("for i in 0..<n:", "0 <= python_max(k, 0)"),
    ("for i in 0..<python_min(n, 8):", "i <= 7"), ("for i in 0..<python_min(n, 8):", "i + 1 <= n"),
    ("for i in 0..<n:", "0 <= int64(u)"), ("for i in 2..<n:", "0 <= n - 2"),
    ("for i in python_max(k, 0)..<n:", "0 <= i"), ("for i in 0..<n:", "0 <= (i if k > 2 else 3)"),
    ("for i in 0..<n // 2:", "2 * i + 2 <= n"), ("for i in 0..<n:", "k - k <= 0"),
    ("for i in 0..<(n + 3) // 4:", "4 * i <= n + 3"),
  ])
  func provesWhatFollows(loop: String, claim: String) throws {
    let text = """
      def f(y: bool[1], n: int64 >= 2, k: int64, u: uint8):
        local i: int64
        \(loop)
          y[0] = \(claim)
      """
    #expect(try proved(text) == [true], "\(claim)")
  }

  @Test func usesConditionsAndOuterLoops() throws {
    let text = """
      def f(y: bool[1], n: int64 >= 2, k: int64):
        local i, j: int64
        for i in 0..<n:
          for j in i + 1..<n:
            y[0] = 1 <= j
            y[0] = i + 2 <= n
            y[0] = j - i - 1 <= n
          for j in 0..<i:
            y[0] = j + 2 <= n
          if i > 0:
            y[0] = 0 <= i - 1
          else:
            y[0] = i <= 0
          if not i >= 3 and k < 5:
            y[0] = i <= 2
            y[0] = k <= 4
          if i == k:
            y[0] = 0 <= k
            y[0] = k + 1 <= n
          if i < 1 or k < 1:
            pass
          else:
            y[0] = 1 <= i
            y[0] = 1 <= k
      """
    #expect(try proved(text) == Array(repeating: true, count: 12))
  }

  /// A parameter's least value holds on entry, nothing else does.
  @Test func provesNoMoreThanIsKnown() throws {
    let text = """
      def f(y: bool[1], n: int64 >= 2, k: int64):
        local i, s: int64
        s = k
        y[0] = 2 <= n
        y[0] = 3 <= n
        y[0] = n <= 1000
        y[0] = 0 <= k
        for i in 0..<n:
          y[0] = i <= n - 2
          y[0] = 1 <= i
          if s > 0:
            s = s - 5
            y[0] = 0 <= s
          if k > 0 or i > 0:
            y[0] = 0 <= k
      """
    #expect(
      try proved(text) == [true, false, false, false, false, false, false, false])
  }

  /// Random claims over random nests: all that is proved holds in every iteration, by enumeration.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func provesNoFalsehood(seed: UInt64) throws {
    var nest = RandomNest(seed: seed)
    let claims = (0..<40).map { _ in nest.claim() }
    let provedClaims = claims.filter { nest.facts.prove($0.0, atMost: $0.1) }
    try nest.forEachIteration { variables in
      for (l, r) in provedClaims {
        let left = try Interpreter.evaluate(l, in: nest.function, variables)
        let right = try Interpreter.evaluate(r, in: nest.function, variables)
        let holds = Literal.compare(.lessEqual, left, right)
        #expect(holds == true, "seed \(seed): \(l.kind) <= \(r.kind) at \(variables)")
      }
    }
  }

  /// The random claims are no test if next to none is proved.
  @Test func provesManyOfTheRandomClaims() {
    var proved = 0
    for seed in 0..<60 as Range<UInt64> {
      var nest = RandomNest(seed: seed)
      for _ in 0..<40 {
        let (l, r) = nest.claim()
        if nest.facts.prove(l, atMost: r) { proved += 1 }
      }
    }
    #expect(proved > 150)
  }
}

/// Two or three nested loops with a condition, over two parameters.
private struct RandomNest {
  private(set) var function = LoopFunction("f")
  private(set) var facts: Facts
  private var loops: [ForLoop] = []
  private var condition: Expression
  private var random: SeededGenerator
  private var scope: [Expression]

  init(seed: UInt64) {
    random = SeededGenerator(state: seed &* 7919)
    let n = function.add(Variable("n", .int64, role: .parameter(0), lowerBound: 2))
    let k = function.add(Variable("k", .int64, role: .parameter(1)))
    scope = [function.read(n), function.read(k)]
    facts = Facts(variables: function.variables)
    condition = .bool(true)
    for depth in 0..<Int.random(in: 1...3, using: &random) {
      let variable = function.add(Variable("i\(depth)", .int64))
      let step = [1, 1, 1, 2, 3, -1, -2].randomElement(using: &random) ?? 1
      let (a, b) = (expression(depth: 1), expression(depth: 1))
      loops.append(ForLoop(variable, from: a, to: b, step: step, body: []))
      facts = facts.entering(loops[depth])
      scope.append(function.read(variable))
    }
    let op = ComparisonOperator.allCases.randomElement(using: &random) ?? .less
    condition = Expression(.compare(op, expression(depth: 1), expression(depth: 1)), .bool)
    facts = facts.assuming(condition)
  }

  /// Two expressions, for the claim that the first is at most the second.
  mutating func claim() -> (Expression, Expression) {
    (expression(depth: 2), expression(depth: 2))
  }

  private mutating func expression(depth: Int) -> Expression {
    let literal = Expression.index(Int.random(in: -4...6, using: &random))
    let divisor = Expression.index(Int.random(in: 1...4, using: &random))
    let leaf = scope.randomElement(using: &random) ?? literal
    if depth == 0 { return Bool.random(using: &random) ? leaf : literal }
    let (l, r) = (expression(depth: depth - 1), expression(depth: depth - 1))
    switch Int.random(in: 0..<12, using: &random) {
    case 0, 1: return l + literal
    case 2: return l - r
    case 3: return l + r
    case 4: return l * literal
    case 5: return Expression(.binary(.floorDivide, l, divisor), .int64)
    case 6: return Expression(.binary(.modulo, l, divisor), .int64)
    case 7: return Expression(.binary(.pythonMin, l, r), .int64)
    case 8: return Expression(.binary(.maximum, l, r), .int64)
    case 9:
      let test = Expression(.compare(.less, l, literal), .bool)
      return Expression(.select(test, then: l, otherwise: r), .int64)
    case 10: return Expression(.unary(.negate, l), .int64)
    default: return leaf
    }
  }

  /// Calls `visit` with the variables in each iteration in which the condition holds, for small parameters.
  func forEachIteration(_ visit: ([VariableID: Literal]) throws -> Void) throws {
    for n in 2...5 as ClosedRange<Int64> {
      for k in -3...4 as ClosedRange<Int64> {
        let parameters: [VariableID: Literal] = [
          VariableID(0): .integer(n, .int64), VariableID(1): .integer(k, .int64),
        ]
        try iterate(loops[...], parameters, visit)
      }
    }
  }

  private func iterate(
    _ rest: ArraySlice<ForLoop>, _ variables: [VariableID: Literal],
    _ visit: ([VariableID: Literal]) throws -> Void
  ) throws {
    guard let loop = rest.first else {
      if try Interpreter.evaluate(condition, in: function, variables).isTrue {
        try visit(variables)
      }
      return
    }
    guard
      case .integer(let lower, _) = try Interpreter.evaluate(loop.lower, in: function, variables),
      case .integer(let upper, _) = try Interpreter.evaluate(loop.upper, in: function, variables)
    else { return }
    for i in stride(from: lower, to: upper, by: loop.step) {
      var inner = variables
      inner[loop.variable] = .integer(i, .int64)
      try iterate(rest.dropFirst(), inner, visit)
    }
  }
}
