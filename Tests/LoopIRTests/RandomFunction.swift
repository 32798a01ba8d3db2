import LoopIR

import struct Syntax.Diagnostic
import struct Syntax.Span

/// A small generator of numbers that a seed repeats (SplitMix64, Steele et al., OOPSLA 2014).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Makes sound functions with everything that the IR has, `launch` excepted.
struct RandomFunction {
  private var random: SeededGenerator
  private var function: LoopFunction
  /// Variables that have a value where the next statement goes.
  private var readable: [VariableID] = []
  private var openLoops: Set<VariableID> = []
  private var liveBuffers: [BufferID] = []

  /// The function that `seed` stands for.
  static func make(seed: UInt64) -> LoopFunction {
    var maker = RandomFunction(seed: seed)
    maker.fill()
    return maker.function
  }

  private init(seed: UInt64) {
    random = SeededGenerator(state: seed)
    function = LoopFunction("f\(seed)")
  }

  private mutating func choose<T>(_ values: [T]) -> T {
    values[Int.random(in: values.indices, using: &random)]
  }

  private mutating func chance(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &random) < percent
  }

  private mutating func name() -> String {
    choose([
      "s", "x", "acc", "while", "exp", "a b", "s.1", "", "été", "q`\\\n", "int64", "local", "check",
      "temporary", "by",
    ])
  }

  private mutating func fill() {
    for _ in 0..<Int.random(in: 1...8, using: &random) {
      let isParameter = chance(40)
      let position = chance(80) ? readable.count : Int.random(in: 0...9, using: &random)
      let id = function.add(
        Variable(
          name(), choose(ScalarType.allCases), role: isParameter ? .parameter(position) : .local,
          lowerBound: isParameter && chance(50) ? choose([2, 0, -7, .min, .max]) : nil))
      if isParameter { readable.append(id) }
    }
    var arguments: [BufferID] = []
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let isArgument = chance(70)
      let rank = Int.random(in: 0...3, using: &random)
      let extents = (0..<rank).map { _ in expression(.int64, depth: 1) }
      let strides = chance(30) ? (0..<rank).map { _ in expression(.int64, depth: 1) } : nil
      let position = chance(80) ? arguments.count : Int.random(in: 0...9, using: &random)
      let id = function.add(
        Buffer(
          name(), choose(ScalarType.allCases), extents: extents, strides: strides,
          role: isArgument ? .argument(position) : .temporary, mayAlias: chance(30)))
      if isArgument { arguments.append(id) }
    }
    for _ in 0..<Int.random(in: 0...2, using: &random) {
      function.checks.append(Check(expression(.bool, depth: 2), orElse: failure()))
    }
    liveBuffers = arguments
    function.body = block(depth: 3)
  }

  private mutating func failure() -> Check.Failure {
    if chance(50) { return .respecialize }
    let spans = Array(repeating: Span.none, count: Int.random(in: 0...2, using: &random))
    return .error(
      Diagnostic(
        choose([.program, .type, .name, .index, .value, .bug]), choose(["bad", "\"a\\\nb\"", ""]),
        at: spans, help: chance(50) ? "do better" : nil))
  }

  // MARK: Statements

  private mutating func block(depth: Int) -> [Statement] {
    (0..<Int.random(in: 0...3, using: &random)).map { _ in statement(depth: depth) }
  }

  private mutating func statement(depth: Int) -> Statement {
    let locals = function.variables.indices.map { VariableID($0) }.filter {
      function[$0].role == .local && !openLoops.contains($0)
    }
    let kind = Int.random(in: 0..<(depth > 0 ? 9 : 2), using: &random)
    switch kind {
    case 2, 3:
      let variables = locals.filter { function[$0].type == .int64 }
      guard !variables.isEmpty else { break }
      return Statement(.loop(loop(choose(variables), accumulators: locals, depth: depth)))
    case 4:
      let condition = expression(.bool, depth: 2)
      return Statement(.whileLoop(condition: condition, body: block(depth: depth - 1)))
    case 5:
      let condition = expression(.bool, depth: 2)
      let before = readable
      let then = block(depth: depth - 1)
      let afterThen = readable
      readable = before
      let otherwise = block(depth: depth - 1)
      readable += afterThen
      return Statement(.conditional(condition, then: then, otherwise: otherwise))
    case 6: return Statement(.device(block(depth: depth - 1)))
    case 8:
      return Statement(
        .requireEqual(expression(.int64, depth: 2), expression(.int64, depth: 2)))
    case 7:
      let dead = function.buffers.indices.map { BufferID($0) }.filter {
        function[$0].role == .temporary && !liveBuffers.contains($0)
      }
      guard !dead.isEmpty else { break }
      let buffer = choose(dead)
      liveBuffers.append(buffer)
      defer { liveBuffers.removeAll { $0 == buffer } }
      return Statement(.allocate(buffer, body: block(depth: depth - 1)))
    default: break
    }
    if !locals.isEmpty && (chance(50) || liveBuffers.isEmpty) {
      let target = choose(locals)
      let value = expression(function[target].type, depth: 3)
      readable.append(target)
      return Statement(.assign(target, value))
    }
    guard !liveBuffers.isEmpty else { return Statement(.device([])) }
    let buffer = choose(liveBuffers)
    let indices = function[buffer].extents.map { _ in
      let index = expression(.int64, depth: 1)
      return chance(20) ? index.replacing(.checked(index)) : index
    }
    return Statement(.store(buffer, indices, expression(function[buffer].element, depth: 3)))
  }

  private mutating func loop(
    _ variable: VariableID, accumulators: [VariableID], depth: Int
  ) -> ForLoop {
    var loop = ForLoop(
      variable, from: expression(.int64, depth: 2), to: expression(.int64, depth: 2), body: [])
    loop.step = choose([1, 1, 2, -1, .min, .max])
    loop.labels = choose([[], ["N"], ["outer", "a \"b\""]])
    loop.isIndependent = chance(30)
    if chance(30) {
      let accumulator = choose(accumulators)
      let op = choose(
        [BinaryOperator.add, .subtract]
          + (function[accumulator].type.isComplex ? [] : [.pythonMin, .bitXor]))
      loop.reductions = [Reduction(op, accumulator)]
    }
    if chance(30) { loop.mapping.workers = expression(.int64, depth: 1) }
    loop.mapping.lanes = choose([1, 1, 8])
    openLoops.insert(variable)
    readable.append(variable)
    loop.body = block(depth: depth - 1)
    openLoops.remove(variable)
    return loop
  }

  // MARK: Expressions

  private mutating func expression(_ type: ScalarType, depth: Int) -> Expression {
    if depth == 0 || chance(20) { return leaf(type) }
    let depth = depth - 1
    if type.isComplex && chance(60) {
      return .complex(
        expression(type.part, depth: depth), expression(type.part, depth: depth))
    }
    if (type == .float32 || type == .float64) && chance(10) {
      let whole: ScalarType = type == .float32 ? .complex64 : .complex128
      let part = choose(ComplexPart.allCases)
      return Expression(.part(part, expression(whole, depth: depth)), type)
    }
    let kind = Int.random(in: 0..<7, using: &random)
    switch type.isComplex ? kind % 2 : kind {
    case 0:
      let source = choose(
        ScalarType.allCases.filter { type.isComplex || type == .bool || !$0.isComplex })
      return Expression(.convert(expression(source, depth: depth)), type)
    case 1:
      return Expression(
        .select(
          expression(.bool, depth: depth), then: expression(type, depth: depth),
          otherwise: expression(type, depth: depth)), type)
    case 2:
      let operators: [UnaryOperator] =
        type == .bool
        ? [.not, .invert, .absolute]
        : type.isFloat ? [.negate, .absolute] : [.negate, .invert, .absolute]
      return Expression(.unary(choose(operators), expression(type, depth: depth)), type)
    case 3, 4:
      return type == .bool ? truth(depth) : type.isFloat ? math(type, depth) : binary(type, depth)
    default: return binary(type, depth)
    }
  }

  private mutating func binary(_ type: ScalarType, _ depth: Int) -> Expression {
    let bitOperators: Set<BinaryOperator> = [.bitAnd, .bitOr, .bitXor, .shiftLeft, .shiftRight]
    let operators = BinaryOperator.allCases.filter {
      type.isFloat ? !bitOperators.contains($0) : $0 != .divide
    }
    let op = choose(operators)
    return Expression(
      .binary(op, expression(type, depth: depth), expression(type, depth: depth)), type)
  }

  private mutating func math(_ type: ScalarType, _ depth: Int) -> Expression {
    let function = choose(MathFunction.allCases.filter { !$0.isPredicate })
    let arguments = (0..<function.arity).map { _ in expression(type, depth: depth) }
    return Expression(.math(function, arguments), type)
  }

  private mutating func truth(_ depth: Int) -> Expression {
    switch Int.random(in: 0..<3, using: &random) {
    case 0:
      let function = choose(MathFunction.allCases.filter(\.isPredicate))
      let type = choose([ScalarType.float32, .float64])
      return Expression(.math(function, [expression(type, depth: depth)]), .bool)
    case 1:
      let pairs: [(ScalarType, ScalarType)] = [
        (.int32, .uint32), (.uint64, .int64), (.int8, .uint8),
      ]
      let equal = choose(ScalarType.allCases.filter { !$0.isComplex })
      let (l, r) = chance(50) ? choose(pairs) : (equal, equal)
      let op = choose(ComparisonOperator.allCases)
      return Expression(
        .compare(op, expression(l, depth: depth), expression(r, depth: depth)), .bool)
    default:
      return Expression(
        .logical(
          choose([.and, .or]), expression(.bool, depth: depth), expression(.bool, depth: depth)),
        .bool)
    }
  }

  private mutating func leaf(_ type: ScalarType) -> Expression {
    let variables = readable.filter { function[$0].type == type }
    if !variables.isEmpty && chance(50) { return function.read(choose(variables)) }
    let buffers = liveBuffers.filter { function[$0].element == type }
    if !buffers.isEmpty && chance(50) {
      let buffer = choose(buffers)
      let indices = function[buffer].extents.indices.map { Expression.index($0 - 1) }
      return Expression(.load(buffer, indices), type)
    }
    if type.isComplex { return .complex(leaf(type.part), leaf(type.part)) }
    if type.isFloat {
      return .float(
        choose([0, 1, -1, 0.1, 1e-5, -2.5e30, 1e16, .infinity, -.infinity, 3, 123456.789]), type)
    }
    let extremes = [
      Expression.extreme(of: type, greatest: true), .extreme(of: type, greatest: false),
    ]
    return choose(extremes + [.zero(type), .one(type)])
  }
}
