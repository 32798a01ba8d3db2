import GPUMapping
import LoopIR
import TestSupport
import Testing

@testable import CUDARuntime

struct ArithmeticTests {
  /// Every operator on every type, nested, with values at the ends of the types: as `Interpreter` has it, which folds like the
  /// compiler.
  @Test(arguments: 0..<40) func randomExpressionsAgreeWithTheFolder(seed: UInt64) throws {
    var maker = RandomExpressions(seed: seed)
    for _ in 0..<50 {
      let type = maker.choose(realTypes)
      let e = maker.expression(type, depth: 4)
      var host = LoopFunction("f", variables: maker.variables)
      let result = host.add(Variable("result", type))
      host.body = [Statement(.assign(result, e))]
      let expected = try Interpreter.evaluate(e, in: host, maker.values)
      let got = HostArithmetic.literal(
        try finalValue(of: "result", in: DeviceProgram(host: host), maker.words), type)
      #expect(isSame(got, expected), "\(host.printed)\n\(maker.values)")
    }
  }

  private func isSame(_ l: Literal, _ r: Literal) -> Bool {
    switch (l, r) {
    case (.integer(let x, let t), .integer(let y, let u)): x == y && t == u
    case (.float(let x, let t), .float(let y, let u)):
      t == u && (x == y || (x.isNaN && y.isNaN))
    default: false
    }
  }

  @Test func floatsDivideAsInPython() {
    func floorDivide(_ a: Double, _ b: Double, _ type: ScalarType = .float64) -> Double {
      apply(.floorDivide, a, b, type)
    }
    #expect(floorDivide(1.0, 0.1) == 9)
    #expect(floorDivide(-7.0, 2.0) == -4)
    #expect(floorDivide(7.0, -2.0, .float32) == -4)
    #expect(floorDivide(1.0, 0.0) == .infinity)
    #expect(floorDivide(0.0, 0.0).isNaN)
    #expect(floorDivide(-0.0, 1.0).sign == .minus)
    #expect(apply(.modulo, -7.0, 3.0, .float64) == 2)
    #expect(apply(.modulo, 7.0, -3.0, .float16) == -2)
    #expect(apply(.modulo, 1.0, 0.0, .float64).isNaN)
    #expect(apply(.modulo, -6.0, 3.0, .float64).sign == .plus)
  }

  private func apply(_ op: BinaryOperator, _ a: Double, _ b: Double, _ type: ScalarType) -> Double {
    let (l, r) = (HostArithmetic.bits(a, type), HostArithmetic.bits(b, type))
    return HostArithmetic.number(HostArithmetic.binary(op, type, l, r), type)
  }

  @Test func integerPowersWrap() {
    #expect(
      HostArithmetic.binary(.power, .int64, 3, 40) == Int64(bitPattern: 12_157_665_459_056_928_801))
    #expect(HostArithmetic.binary(.power, .int8, 2, 7) == -128)
    #expect(HostArithmetic.binary(.power, .int64, 2, -1) == 0)
    #expect(HostArithmetic.binary(.power, .uint64, 3, -1) == power(3, .max))
    #expect(HostArithmetic.binary(.power, .int64, 0, 0) == 1)
  }

  /// `base ** exponent` mod 2⁶⁴ by the exponent's bits, most significant first.
  private func power(_ base: UInt64, _ exponent: UInt64) -> Int64 {
    var result: UInt64 = 1
    for bit in (0..<64).reversed() {
      result = result &* result
      if exponent >> UInt64(bit) & 1 == 1 { result = result &* base }
    }
    return Int64(bitPattern: result)
  }

  @Test func parametersComeAsTheirTypes() {
    func word(_ value: Double) -> Int64 { Int64(bitPattern: value.bitPattern) }
    #expect(HostArithmetic.parameter(word(0.1), .float32) == Int64(Float(0.1).bitPattern))
    #expect(HostArithmetic.parameter(word(1.5), .float16) == 0x3E00)
    #expect(HostArithmetic.parameter(word(1.5), .bfloat16) == 0x3FC0)
    #expect(HostArithmetic.parameter(word(0.1), .float64) == word(0.1))
    #expect(HostArithmetic.parameter(-1, .uint8) == 255)
    #expect(HostArithmetic.parameter(200, .int8) == -56)
    #expect(HostArithmetic.parameter(1, .bool) == 1)
  }
}

/// Makes typed expressions over variables that have values.
private struct RandomExpressions {
  private var random: SeededRandom
  private(set) var variables: [Variable] = []
  private(set) var values: [VariableID: Literal] = [:]
  private(set) var words: [Int64] = []

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    for type in realTypes {
      for number in 0..<2 {
        let value = literal(type)
        values[VariableID(variables.count)] = value
        variables.append(Variable("\(type)_\(number)", type, role: .parameter(words.count)))
        words.append(word(value))
      }
    }
  }

  /// What a call passes: floats as float64.
  private func word(_ value: Literal) -> Int64 {
    switch value {
    case .integer(let bits, _): bits
    case .float(let number, _): Int64(bitPattern: number.bitPattern)
    }
  }

  mutating func choose<T>(_ values: [T]) -> T {
    values[Int.random(in: values.indices, using: &random)]
  }

  private mutating func literal(_ type: ScalarType) -> Literal {
    if type.isFloat {
      let value = choose([
        0, -0.0, 1, -1, 0.1, 2.5, -7.75, 300, 1e10, -1e30, .infinity, -.infinity, .nan,
        Double.random(in: -100...100, using: &random),
      ])
      return .float(type.rounded(value), type)
    }
    let bits = choose([
      0, 1, -1, 2, 7, -5, 63, 64, 127, 128, -128, 255, .max, .min,
      Int64.random(in: .min ... .max, using: &random),
    ])
    return .integer(type.wrapping(bits), type)
  }

  mutating func expression(_ type: ScalarType, depth: Int) -> Expression {
    if depth == 0 || Int.random(in: 0..<6, using: &random) == 0 {
      if Bool.random(using: &random) { return literal(type).expression() }
      let candidates = variables.indices.filter { variables[$0].type == type }
      return Expression(.variable(VariableID(choose(candidates))), type)
    }
    switch Int.random(in: 0..<6, using: &random) {
    case 0:
      let condition = expression(.bool, depth: depth - 1)
      return Expression(
        .select(
          condition, then: expression(type, depth: depth - 1),
          otherwise: expression(type, depth: depth - 1)), type)
    case 1:
      return Expression(
        .convert(expression(choose(realTypes), depth: depth - 1)), type)
    case 2: return unary(type, depth)
    case 3 where type.isFloat:
      let functions: [MathFunction] = [.sqrt, .floor, .ceil, .trunc, .roundEven, .fmod, .copysign]
      let function = choose(functions)
      let arguments = (0..<function.arity).map { _ in expression(type, depth: depth - 1) }
      return Expression(.math(function, arguments), type)
    case 3 where type == .bool: return truth(depth)
    default: return binary(type, depth)
    }
  }

  private mutating func unary(_ type: ScalarType, _ depth: Int) -> Expression {
    let operand = expression(type, depth: depth - 1)
    if type == .bool { return Expression(.unary(choose([.not, .invert]), operand), type) }
    let operators: [UnaryOperator] =
      type.isFloat ? [.negate, .absolute] : [.negate, .invert, .absolute]
    return Expression(.unary(choose(operators), operand), type)
  }

  private mutating func truth(_ depth: Int) -> Expression {
    if Bool.random(using: &random) {
      let type = choose(realTypes.filter { $0 != .bool })
      var other = type
      if type.isInteger, Bool.random(using: &random) {
        other = choose(realTypes.filter { $0.isInteger && $0.size == type.size })
      }
      return Expression(
        .compare(
          choose(ComparisonOperator.allCases), expression(type, depth: depth - 1),
          expression(other, depth: depth - 1)), .bool)
    }
    return Expression(
      .logical(
        choose([.and, .or]), expression(.bool, depth: depth - 1),
        expression(.bool, depth: depth - 1)), .bool)
  }

  private mutating func binary(_ type: ScalarType, _ depth: Int) -> Expression {
    let operators: [BinaryOperator]
    if type == .bool {
      operators = [.bitAnd, .bitOr, .bitXor, .add, .multiply, .minimum, .pythonMax]
    } else if type.isFloat {
      operators = [.add, .subtract, .multiply, .divide, .pythonMin, .pythonMax, .minimum, .maximum]
    } else {
      operators = [
        .add, .subtract, .multiply, .floorDivide, .modulo, .bitAnd, .bitOr, .bitXor, .shiftLeft,
        .shiftRight, .pythonMin, .pythonMax, .minimum, .maximum,
      ]
    }
    return Expression(
      .binary(
        choose(operators), expression(type, depth: depth - 1), expression(type, depth: depth - 1)),
      type)
  }
}

/// The types that host code computes with: complex numbers are pairs of floats there.
private let realTypes = ScalarType.allCases.filter { !$0.isComplex }
