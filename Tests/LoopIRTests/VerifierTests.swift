import LoopIR
import Testing

import struct Syntax.Diagnostic

/// One broken function for each rule, and sound ones that come near to breaking it.
@Suite struct VerifierTests {
  /// Expects one fault of `function`.
  private func expect(
    _ fault: String, in function: LoopFunction, at location: SourceLocation = #_sourceLocation
  ) {
    let faults = function.verify()
    #expect(faults.map(\.message) == [fault], sourceLocation: location)
    #expect(faults.allSatisfy { $0.category == .bug }, sourceLocation: location)
  }

  /// Expects one fault of the text's function.
  private func expect(
    _ fault: String, in text: String, at location: SourceLocation = #_sourceLocation
  ) throws {
    expect(fault, in: try LoopFunction(parsing: text), at: location)
  }

  /// Expects one fault of `value`, assigned to a variable of its type.
  private func expect(
    _ fault: String, of value: Expression, at location: SourceLocation = #_sourceLocation
  ) {
    var function = LoopFunction("f")
    let target = function.add(Variable("s", value.type))
    _ = function.add(Buffer("x", .float32, extents: [.index(4)], role: .argument(0)))
    function.body = [Statement(.assign(target, value))]
    expect(fault, in: function, at: location)
  }

  private func expectSound(_ text: String, at location: SourceLocation = #_sourceLocation) throws {
    #expect(try LoopFunction(parsing: text).verify() == [], sourceLocation: location)
  }

  // MARK: Ids

  @Test func rejectsUnknownVariables() {
    expect("there is no variable 7", of: Expression(.variable(VariableID(7)), .int64))
    expect("there is no variable -1", of: Expression(.variable(VariableID(-1)), .int64))
    let assign = Statement(.assign(VariableID(0), .index(1)))
    expect("there is no variable 0", in: LoopFunction("f", body: [assign]))
    let loop = ForLoop(VariableID(3), from: .index(0), to: .index(1), body: [])
    expect("there is no variable 3", in: LoopFunction("f", body: [Statement(.loop(loop))]))
  }

  @Test func rejectsUnknownBuffers() {
    expect("there is no buffer 1", of: Expression(.load(BufferID(1), []), .int64))
    let store = Statement(.store(BufferID(0), [], .index(1)))
    expect("there is no buffer 0", in: LoopFunction("f", body: [store]))
    let allocate = Statement(.allocate(BufferID(0), body: []))
    expect("there is no buffer 0", in: LoopFunction("f", body: [allocate]))
  }

  @Test func rejectsUnknownAccumulators() {
    var function = LoopFunction("f")
    let i = function.add(Variable("i", .int64))
    let reduction = Reduction(.add, VariableID(5))
    let loop = ForLoop(i, from: .index(0), to: .index(1), body: [], reductions: [reduction])
    function.body = [Statement(.loop(loop))]
    expect("there is no variable 5", in: function)
  }

  // MARK: Literals

  @Test func rejectsLiteralsThatTheirTypeDoesNotHold() {
    expect("the literal 256 does not fit uint8", of: Expression(.integer(256), .uint8))
    expect("the literal 2 does not fit bool", of: Expression(.integer(2), .bool))
    expect("the integer literal 1 is float32", of: Expression(.integer(1), .float32))
    expect("the float literal 1.0 is int64", of: Expression(.float(FloatLiteral(1)), .int64))
    expect(
      "the float16 literal 0.1 is not rounded", of: Expression(.float(FloatLiteral(0.1)), .float16))
    expect(
      "the bfloat16 literal 1.01 is not rounded",
      of: Expression(.float(FloatLiteral(1.01)), .bfloat16))
    expect(
      "the float32 literal 0.1 is not rounded", of: Expression(.float(FloatLiteral(0.1)), .float32))
  }

  // MARK: Types of expressions

  @Test func rejectsReadsOfAnotherType() {
    var function = LoopFunction("f")
    let n = function.add(Variable("n", .int64, role: .parameter(0)))
    let s = function.add(Variable("s", .int32))
    function.body = [Statement(.assign(s, Expression(.variable(n), .int32)))]
    expect("'n' of type int32 is not of its variable's type int64", in: function)
    expect(
      "'x[0]' of type float64 is not of its buffer's type float32",
      of: Expression(.load(BufferID(0), [.index(0)]), .float64))
  }

  @Test func rejectsTestsOfWhatIsNoIndex() {
    let checked = Expression(.checked(.index(1)), .int64)
    expect("'-checked(1)' tests what is no index", of: checked.replacing(.unary(.negate, checked)))
    expect("the value 'checked(1)' is tested, but is no index", of: checked)
    let narrow = Expression(.checked(Expression(.integer(1), .int32)), .int64)
    expect(
      "'checked(1i32)' of type int64 has an index of another type",
      of: Expression(.load(BufferID(0), [narrow]), .float32))
  }

  @Test func acceptsTestsOfIndices() throws {
    try expectSound("def f(x: int64[4]):\n  x[checked(x[checked(x[0])])] = x[checked(1)]")
  }

  @Test func rejectsOperandsOfDifferentTypes() {
    let mixed = Expression(.binary(.add, .float(1, .float32), .float(2, .float64)), .float32)
    expect("'1.0 + 2.0f64' of type float32 has operands of other types", of: mixed)
    let narrowed = Expression(.binary(.add, .index(1), .index(2)), .int32)
    expect("'1i64 + 2i64' of type int32 has operands of other types", of: narrowed)
    let negated = Expression(.unary(.negate, .index(1)), .int32)
    expect("'-(1i64)' of type int32 has an operand of another type", of: negated)
  }

  @Test func rejectsIntegerOperatorsOnFloats() {
    let (one, integer) = (Expression.one(.float64), Expression.one(.int64))
    for (op, symbol) in [
      (BinaryOperator.bitAnd, "&"), (.bitOr, "|"), (.bitXor, "^"), (.shiftLeft, "<<"),
      (.shiftRight, ">>"),
    ] {
      expect(
        "'1.0 \(symbol) 1.0' of type float64 has a bit operator on floats",
        of: Expression(.binary(op, one, one), .float64))
    }
    expect(
      "'~1.0' of type float64 inverts a float",
      of: Expression(.unary(.invert, one), .float64))
    expect(
      "'1 / 1' of type int64 divides what is no float",
      of: Expression(.binary(.divide, integer, integer), .int64))
  }

  @Test func rejectsArithmeticNegationOfBools() {
    expect(
      "'-(True)' of type bool negates a bool", of: Expression(.unary(.negate, .bool(true)), .bool))
    expect(
      "'not 1' of type int64 is not bool", of: Expression(.unary(.not, .index(1)), .int64))
  }

  @Test func rejectsComparisonsOfDifferentTypes() throws {
    let mixed = Expression(.compare(.less, .one(.int32), .one(.int64)), .bool)
    expect("'1i32 < 1' of type bool compares different types", of: mixed)
    let floats = Expression(.compare(.less, .one(.float32), .one(.int32)), .bool)
    expect("'1.0f32 < 1i32' of type bool compares different types", of: floats)
    let typed = Expression(.compare(.less, .index(1), .index(2)), .int64)
    expect("'1 < 2' of type int64 is not bool", of: typed)
    try expectSound("def f(a: int32, b: uint32):\n  local c: bool\n  c = a < b")
  }

  @Test func rejectsLogicOfWhatIsNoBool() {
    expect(
      "'True and 1' of type bool is not of bools alone",
      of: Expression(.logical(.and, .bool(true), .index(1)), .bool))
  }

  @Test func rejectsSelectionsThatMix() {
    let condition = Expression(.select(.index(1), then: .index(2), otherwise: .index(3)), .int64)
    expect("'2 if 1 else 3' of type int64 has a condition that is no bool", of: condition)
    let branches = Expression(
      .select(.bool(true), then: .index(2), otherwise: .one(.int32)), .int64)
    expect("'2 if True else 1i32' of type int64 has branches of another type", of: branches)
  }

  @Test func rejectsFunctionsOfWhatIsNoFloat() {
    expect(
      "'exp(1)' of type int64 has arguments that are not of one float type",
      of: Expression(.math(.exp, [.index(1)]), .int64))
    expect(
      "'hypot(1.0, 1.0f32)' of type float64 has arguments that are not of one float type",
      of: Expression(.math(.hypot, [.one(.float64), .one(.float32)]), .float64))
    expect(
      "'exp(1.0f64)' of type float32 is not of its arguments' type",
      of: Expression(.math(.exp, [.one(.float64)]), .float32))
    expect(
      "'isnan(1.0)' of type float64 is not bool",
      of: Expression(.math(.isnan, [.one(.float64)]), .float64))
    expect(
      "'exp()' of type float64 passes 0 arguments, not 1", of: Expression(.math(.exp, []), .float64)
    )
  }

  @Test func allowsConversionsOfAnything() throws {
    try expectSound("def f(a: uint64):\n  local c: bool\n  c = bool(float32(int8(a)))")
  }

  // MARK: Elements

  @Test func rejectsAWrongNumberOfIndices() throws {
    try expect(
      "'x' has 2 dimensions, not 1", in: "def f(x: int64[4, 4]):\n  x[0] = 1")
    try expect(
      "'x' has 0 dimensions, not 1", in: "def f(x: int64[]):\n  local s: int64\n  s = x[0]")
  }

  @Test func rejectsIndicesThatAreNotInt64() throws {
    try expect(
      "the index 'n' is int32, not int64", in: "def f(x: int64[4], n: int32):\n  x[n] = 1")
    try expect(
      "the index 'n' is int32, not int64",
      in: "def f(x: int64[4], n: int32):\n  local s: int64\n  s = x[n]")
  }

  // MARK: Assignments

  @Test func rejectsValuesOfAnotherType() throws {
    try expect(
      "the value 'n' is int64, not int32", in: "def f(n: int64):\n  local s: int32\n  s = n")
    try expect(
      "the value 'n' is int64, not float32", in: "def f(x: float32[4], n: int64):\n  x[0] = n")
  }

  @Test func rejectsAssignmentToAParameter() throws {
    try expect("the parameter 'n' is assigned", in: "def f(n: int64):\n  n = 1")
    try expect(
      "the parameter 'n' is assigned", in: "def f(n: int64):\n  for n in 0..<4:\n    pass")
  }

  @Test func rejectsReadsOfWhatNothingHasAssigned() throws {
    let fault = "'s' is read before anything is assigned to it"
    try expect(fault, in: "def f():\n  local s, t: int64\n  t = s")
    try expect(fault, in: "def f():\n  local s: int64\n  s = s + 1")
    try expect(fault, in: "def f(x: int64[4]):\n  local s: int64\n  x[s] = 1")
    try expect(fault, in: "def f():\n  local s, i: int64\n  for i in 0..<s:\n    s = 1")
    try expect(
      fault, in: "def f(c: bool):\n  local s, t: int64\n  if c:\n    s = 1\n  else:\n    t = s")
  }

  @Test func allowsReadsOfWhatSomePathHasAssigned() throws {
    try expectSound(
      "def f(c: bool):\n  local s, t: int64\n  if c:\n    s = 1\n  t = s")
    try expectSound(
      "def f():\n  local s, i: int64\n  for i in 0..<4:\n    if i > 0:\n      s = s + 1\n    s = i")
    try expectSound("def f():\n  local c: bool\n  c = True\n  while c:\n    c = False")
  }

  // MARK: Control flow

  @Test func rejectsConditionsThatAreNotBool() throws {
    try expect("the condition '1' is int64, not bool", in: "def f():\n  if 1:\n    pass")
    try expect("the condition '1' is int64, not bool", in: "def f():\n  while 1:\n    pass")
  }

  @Test func rejectsLoopVariablesThatAreNotInt64() throws {
    try expect(
      "the loop variable 'i' is int32, not int64",
      in: "def f():\n  local i: int32\n  for i in 0..<4:\n    pass")
  }

  @Test func rejectsLoopBoundsThatAreNotInt64() throws {
    try expect(
      "the bound 'n' is int32, not int64",
      in: "def f(n: int32):\n  local i: int64\n  for i in n..<4:\n    pass")
    try expect(
      "the bound 'n' is int32, not int64",
      in: "def f(n: int32):\n  local i: int64\n  for i in 0..<n:\n    pass")
  }

  @Test func rejectsAssignmentToALoopVariableInItsLoop() throws {
    let fault = "the loop variable 'i' is assigned in its loop"
    try expect(
      fault, in: "def f():\n  local i: int64\n  for i in 0..<4:\n    if i > 2:\n      i = 1")
    try expect(
      fault,
      in: "def f():\n  local i: int64\n  for i in 0..<4:\n    for i in 0..<4:\n      pass")
    try expectSound(
      "def f():\n  local i: int64\n  for i in 0..<4:\n    pass\n  for i in 0..<4:\n    pass\n  i = 1"
    )
  }

  @Test func rejectsStepZero() throws {
    try expect(
      "the step of a loop is 0",
      in: "def f():\n  local i: int64\n  for i in 0..<4 by 0:\n    pass")
  }

  @Test func rejectsFewerLanesThanOne() throws {
    try expect(
      "a loop has 0 lanes",
      in: "def f():\n  local i: int64\n  @lanes(0)\n  for i in 0..<4:\n    pass")
  }

  @Test func rejectsWorkerCountsThatAreNotInt64() throws {
    try expect(
      "the worker count 'n' is int32, not int64",
      in: "def f(n: int32):\n  local i: int64\n  @workers(n)\n  for i in 0..<4:\n    pass")
  }

  @Test func rejectsAccumulatorsThatAreNotLocal() throws {
    try expect(
      "the accumulator 'n' is no local variable",
      in: "def f(n: int64):\n  local i: int64\n  @reduce(add n)\n  for i in 0..<4:\n    pass")
  }

  @Test func rejectsReductionsByOtherOperators() throws {
    try expect(
      "shift_left is no operator that reduces",
      in: "def f():\n  local i, s: int64\n  @reduce(shift_left s)\n  for i in 0..<4:\n    pass")
  }

  @Test func rejectsLaunchesOutsideAProgram() throws {
    let text = "def f():\n  launch 2"
    try expect("kernel 2 is launched outside a program", in: text)
    #expect(try LoopFunction(parsing: text).verify(allowsLaunch: true) == [])
  }

  @Test func rejectsCallsWithPartsThatAreNone() throws {
    try expect("'x' has 1 dimensions, not 2", in: "def f(x: int8[4]):\n  call \"g\"(&x[0, 0:4])")
    try expect("a part of an array has no dimension", in: "def f(x: int8[4]):\n  call \"g\"(&x[0])")
    try expect(
      "the extent 'n' is int32, not int64",
      in: "def f(x: int8[4], n: int32):\n  call \"g\"(&x[0:n])")
  }

  @Test func rejectsCallsThatAssignAParameter() throws {
    try expect(
      "the parameter 'n' is assigned", in: "def f(n: int32):\n  call \"g\"(n) into n")
  }

  @Test func takesTheResultOfACallAsAssigned() throws {
    let text = "def f(y: int32[1]):\n  local r: int32\n  call \"g\"() into r\n  y[0] = r"
    #expect(try LoopFunction(parsing: text).verify() == [])
  }

  // MARK: Checks and buffers

  @Test func rejectsChecksThatAreNotBool() throws {
    try expect(
      "the check 'n' is int64, not bool",
      in: "def f(n: int64):\n  check n else respecialize\n  pass"
    )
  }

  @Test func rejectsChecksOfMoreThanParameters() throws {
    try expect(
      "the check 's > 1' reads more than literals and parameters",
      in: "def f():\n  local s: int64\n  check s > 1 else respecialize\n  s = 2")
    try expect(
      "the check 'x[0] > 1' reads more than literals and parameters",
      in: "def f(x: int64[4]):\n  check x[0] > 1 else respecialize\n  pass")
  }

  @Test func rejectsExtentsThatAreNotInt64() throws {
    try expect(
      "the extent or stride 'n' is int32, not int64", in: "def f(x: int64[n], n: int32):\n  pass")
    try expect(
      "the extent or stride 'n' is int32, not int64",
      in: "def f(x: int64[4] strides [n], n: int32):\n  pass")
    try expect(
      "the extent or stride 'n' is int32, not int64",
      in: "def f(n: int32):\n  temporary t: int64[n]\n  with temporary t:\n    pass")
  }

  @Test func rejectsExtentsOfArgumentsOverLocals() throws {
    try expect(
      "the extent or stride 's' reads more than literals and parameters",
      in: "def f(x: int64[s]):\n  local s: int64\n  s = 1")
    try expectSound(
      "def f():\n  local s: int64\n  temporary t: int64[s]\n  s = 1\n  with temporary t:\n    pass")
    try expect(
      "'s' is read before anything is assigned to it",
      in: "def f():\n  local s: int64\n  temporary t: int64[s]\n  with temporary t:\n    pass")
  }

  @Test func rejectsAWrongNumberOfStrides() throws {
    try expect(
      "'x' has 2 extents, 1 strides", in: "def f(x: int64[4, 4] strides [1]):\n  pass")
  }

  @Test func rejectsNegativePositions() {
    let n = Variable("n", .int64, role: .parameter(-1))
    expect("the parameter 'n' has position -1", in: LoopFunction("f", variables: [n]))
    let x = Buffer("x", .int64, extents: [], role: .argument(-1))
    expect("the argument 'x' has position -1", in: LoopFunction("f", buffers: [x]))
  }

  @Test func rejectsTemporariesOutsideTheirAllocation() throws {
    let fault = "the temporary 't' is used where it does not exist"
    try expect(fault, in: "def f():\n  temporary t: int64[]\n  t[] = 1")
    try expect(
      fault,
      in:
        "def f():\n  local s: int64\n  temporary t: int64[]\n  with temporary t:\n    t[] = 1\n  s = t[]"
    )
  }

  @Test func rejectsAllocationsOfWhatIsThere() throws {
    try expect(
      "the argument 'x' is allocated", in: "def f(x: int64[]):\n  with temporary x:\n    pass")
    try expect(
      "the temporary 't' is allocated within itself",
      in: "def f():\n  temporary t: int64[]\n  with temporary t:\n    with temporary t:\n      pass"
    )
  }

  // MARK: Robustness

  @Test func printsBrokenFunctions() {
    let value = Expression(
      .load(BufferID(9), [Expression(.variable(VariableID(-3)), .bool)]), .bool)
    let function = LoopFunction(
      "f",
      body: [Statement(.assign(VariableID(8), value)), Statement(.store(BufferID(4), [], value))])
    #expect(!function.verify().isEmpty)
    #expect(function.printed.contains("?variable8 = ?buffer9[?variable-3]"))
  }
}
