import LoopIR
import TestSupport
import Testing

/// Folding never changes the value of an expression.
@Suite struct FoldingTests {
  @Test(arguments: ScalarType.allCases.filter { !$0.isComplex }, 0..<6 as Range<UInt64>)
  func foldedExpressionsHaveTheSameValue(type: ScalarType, seed: UInt64) throws {
    var maker = ExpressionMaker(type: type, seed: seed)
    for _ in 0..<200 {
      let e = maker.expression(depth: 4)
      let folded = e.mapBottomUp(\.folded)
      let wrapper = LoopFunction(
        "f", variables: maker.function.variables,
        buffers: [Buffer("y", type, extents: [], role: .argument(0))],
        body: [Statement(.store(BufferID(0), [], folded))])
      #expect(wrapper.verify() == [], "\(wrapper.printed)")
      for _ in 0..<8 {
        let variables = maker.values()
        let before = try Interpreter.evaluate(e, in: maker.function, variables)
        let after = try Interpreter.evaluate(folded, in: maker.function, variables)
        #expect(isSame(before, after), "\(variables) \(wrapper.printed)")
      }
    }
  }

  private func isSame(_ l: Literal, _ r: Literal) -> Bool {
    guard case .float(let a, _) = l, case .float(let b, _) = r else { return l == r }
    return a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func linearSumsHaveTheSameValue(seed: UInt64) throws {
    var maker = ExpressionMaker(type: .int64, seed: seed)
    for _ in 0..<100 {
      let e = maker.expression(depth: 4)
      let sum = LinearSum(e).expression(of: .int64)
      let variables = maker.values()
      #expect(
        try Interpreter.evaluate(sum, in: maker.function, variables)
          == Interpreter.evaluate(e, in: maker.function, variables))
    }
  }

  @Test func sumsThatDifferInOrderAreEqual() throws {
    var f = LoopFunction("f")
    let ids = ["n", "m"].map { f.add(Variable($0, .int64)) }
    let (n, m) = (f.read(ids[0]), f.read(ids[1]))
    #expect(LinearSum(n + m - .index(1)) == LinearSum(m - .index(1) + n))
    #expect(LinearSum(n * .index(2)) == LinearSum(n + n))
    #expect(LinearSum(n + m) != LinearSum(n - m))
    #expect(LinearSum(n) != LinearSum(n + .index(1)))
    #expect(LinearSum(n) != LinearSum(m))
  }
}

/// Makes expressions of one type over two variables of it and a bool.
private struct ExpressionMaker {
  private var random: SeededGenerator
  private(set) var function = LoopFunction("f")
  private let type: ScalarType

  init(type: ScalarType, seed: UInt64) {
    random = SeededGenerator(state: seed)
    self.type = type
    _ = function.add(Variable("a", type, role: .parameter(0)))
    _ = function.add(Variable("b", type, role: .parameter(1)))
    _ = function.add(Variable("c", .bool, role: .parameter(2)))
  }

  /// Values for the variables.
  mutating func values() -> [VariableID: Literal] {
    [
      VariableID(0): value(type), VariableID(1): value(type), VariableID(2): value(.bool),
    ]
  }

  private mutating func value(_ type: ScalarType) -> Literal {
    let floats: [Double] = [0, -0.0, 1, -1, 2.5, 1e30, .infinity, -.infinity, .nan, 0.1, 3]
    let integers: [Int64] = [0, 1, -1, 2, 3, -3, 7, 100, -100, 127, -128, .min, .max]
    return type.isFloat
      ? .float(floats.randomElement(using: &random) ?? 0, .float64).converted(to: type)
      : .integer(integers.randomElement(using: &random) ?? 0, .int64).converted(to: type)
  }

  mutating func expression(depth: Int) -> Expression { expression(type, depth) }

  private mutating func expression(_ type: ScalarType, _ depth: Int) -> Expression {
    let kind = Int.random(in: 0..<10, using: &random)
    if depth == 0 || kind < 2 {
      let variables = function.variables.indices.filter { function.variables[$0].type == type }
      guard let variable = variables.randomElement(using: &random), kind % 2 == 0 else {
        return value(type).expression()
      }
      return function.read(VariableID(variable))
    }
    if kind == 2 {
      return Expression(
        .select(
          expression(.bool, depth - 1), then: expression(type, depth - 1),
          otherwise: expression(type, depth - 1)), type)
    }
    if kind == 3 {
      let ops: [UnaryOperator] =
        type == .bool
        ? [.not] : type.isFloat ? [.negate, .absolute] : [.negate, .invert, .absolute]
      return Expression(.unary(choose(ops), expression(type, depth - 1)), type)
    }
    if type == .bool {
      if kind < 7 {
        let source = self.type
        return Expression(
          .compare(
            choose(ComparisonOperator.allCases), expression(source, depth - 1),
            expression(source, depth - 1)), .bool)
      }
      return Expression(
        .logical(choose([.and, .or]), expression(.bool, depth - 1), expression(.bool, depth - 1)),
        .bool)
    }
    let sums: [BinaryOperator] = [.add, .subtract, .add, .subtract, .multiply]
    let others: [BinaryOperator] =
      type.isFloat
      ? [.divide, .pythonMin, .pythonMax]
      : [.floorDivide, .modulo, .bitAnd, .bitOr, .bitXor, .shiftLeft, .pythonMin, .maximum]
    let op = choose(kind < 8 ? sums : others)
    return Expression(.binary(op, expression(type, depth - 1), expression(type, depth - 1)), type)
  }

  private mutating func choose<T>(_ values: [T]) -> T {
    values[Int.random(in: values.indices, using: &random)]
  }
}
