import LoopIR
import Syntax

/// Lowers a function for one call signature: resolves names, types every expression, turns slices and reductions into
/// loops and attaches labels.
///
///     parpy.label('i')                         @label("i")
///     for i in range(N):                       for i in 0..<8:
///         y[i] = sum(x[i, :])          →         acc = 0.0f32
///                                                @reduce(add acc)
///                                                for k in 0..<16:
///                                                  acc = acc + x[i, k]
///                                                y[i] = acc
///
/// - Throws: the diagnostics about all statements that are wrong.
public func lower(
  _ function: Function, signature: CallSignature, names: any NameResolver
) throws(DiagnosticError) -> LoopFunction {
  let lowerer = Lowerer(function, signature: signature, names: names)
  do {
    try lowerer.run()
  } catch let error as DiagnosticError {
    throw lowerer.calls.resolve(error)
  } catch let open as Lowerer.OpenSchedule {
    throw lowerer.calls.resolve(DiagnosticError(.openSchedule(open)))
  } catch {
    throw DiagnosticError(Diagnostic(.bug, "lowering failed: \(error)", at: function.span))
  }
  return lowerer.ir
}

/// The state of one lowering.
final class Lowerer {
  let signature: CallSignature
  /// The function whose body is now lowered: the entry, or a helper at one of its calls.
  var activation: Activation

  var ir: LoopFunction
  var scope = Scope()
  var facts = Facts(variables: [])
  /// The block that statements are added to.
  var statements: [LoopIR.Statement] = []
  var diagnostics: [Diagnostic] = []
  /// What is wrong with the value of a variable, if anything reads it.
  var misfits: [(variable: VariableID, diagnostic: Diagnostic)] = []
  /// Labels waiting for the statement they name, with their places.
  var pendingLabels: [(name: String, span: Span)] = []
  /// The variables that hold values which the statement now lowered has computed already.
  var settledValues: [LoopIR.Expression: VariableID] = [:]
  /// The variables that hold elements which that statement has read, and how many stores of calls had been noted then.
  var settledElements: [LoopIR.Expression: (variable: VariableID, stores: Int)] = [:]
  /// Of labels that are open, whether they are parallel in the version now lowered, and whether a statement around it has
  /// versions.
  var chosenSchedules: [String: Bool] = [:]
  var isInVersionedNest = false
  /// Labels that the reductions of the statement now lowered bear, and how many reductions took them.
  var reductionLabels: [(name: String, span: Span)] = []
  var reductionsLabelled = 0
  /// Whether elements are read into variables where they stand in the text, because a call may change them.
  var settlesLoads = false
  /// The buffers that calls have stored to so far, in order.
  var storesOfCalls: [BufferID] = []
  /// The block of statements being lowered, and how many there were.
  var currentBlock = 0
  var blockCount = 0
  /// The conditions under which the statement now lowered runs.
  var conditionsAround: [LoopIR.Expression] = []
  /// How many parallel loops are around the statement now lowered.
  var parallelDepth = 0
  /// How many `with parpy.gpu:` blocks are around it.
  var deviceDepth = 0
  /// The calls of helpers met so far, and their numbers: a loop's body is lowered again with the same ones.
  var calls = CallTable()
  var callNumbers: [CallSite: Int32] = [:]
  /// The helpers met so far, and how many of their statements were lowered.
  var bodies: [FunctionID: FunctionBody] = [:]
  var calledStatements = 0
  /// Variables below this index belong to code outside the parallel loop being lowered and are not assigned in it.
  var firstOwnedVariable = 0
  /// The index of the first variable that is no argument's.
  var firstLocal = 0
  /// Names that need a variable of their own because code outside the current loop sees them.
  var namesNeedingVariables: Set<String> = []
  /// Names that the reduction loop about to be lowered assigns afresh in each iteration.
  var privateNames: Set<String> = []
  /// The types that loops were found to carry, so that a second look at an inner loop starts where the first ended.
  var carriedTypes: [CarriedName: ElementType] = [:]

  /// The names carried by each loop around the statement now lowered, outermost first.
  var carriedStack: [[Header]] = []

  /// The carried names that an inner parallel loop makes its own.
  var carriedPrivates: [CarriedName: LostValue] = [:]

  /// A name that a loop, known by the call whose body it is in and the place of its head, carries from one iteration to the next.
  struct CarriedName: Hashable {
    var call: Int32
    var line: Int32
    var column: Int32
    var name: String
  }

  init(_ function: Function, signature: CallSignature, names: any NameResolver) {
    self.signature = signature
    activation = Activation(FunctionBody(function), names)
    ir = LoopFunction(function.name)
  }

  func run() throws {
    guard function.parameters.count == signature.arguments.count else {
      throw DiagnosticError(
        Diagnostic(
          .type,
          "\(function.name) takes \(function.parameters.count) arguments, \(signature.arguments.count) came",
          at: function.span))
    }
    bindParameters()
    bindOpenThreads()
    try bindAnnotations()
    try requireFittingArguments()
    facts = Facts(variables: ir.variables)
    firstLocal = ir.variables.count
    firstOwnedVariable = firstLocal
    let entry = statements
    ir.body = try entry + block { try lower(activation.body.structured.statements) }
    ir.calls = calls
    noteReturns()
    noteMisfits()
    if !diagnostics.isEmpty { throw DiagnosticError(diagnostics) }
  }

  var function: Function { activation.body.function }
  var names: any NameResolver { activation.names }
  var nameUse: NameUse { activation.body.nameUse }

  /// The schedule of a label, where labels count.
  func schedule(of label: String) -> LoopSchedule? {
    activation.ignoresLabels ? nil : signature.schedule[label]
  }

  /// The entry gives nothing back.
  private func noteReturns() {
    let body = activation.body.structured
    if let span = body.valueReturn {
      diagnostics.append(
        Diagnostic(
          .program, "Main function \(function.name) cannot return a value", at: span,
          help: "store the result in an element of an array argument"))
    }
    if let span = body.bareReturn { diagnostics.append(.bareReturn(at: span)) }
  }

  // MARK: Building

  /// The statements that `body` emits; what they establish holds among them alone.
  func block(_ body: () throws -> Void) rethrows -> [LoopIR.Statement] {
    let outer = (statements, settledValues, settledElements, facts)
    statements = []
    defer { (statements, settledValues, settledElements, facts) = outer }
    try body()
    return statements
  }

  func emit(_ kind: LoopIR.Statement.Kind, at span: Span) {
    statements.append(LoopIR.Statement(kind, at: span))
  }

  /// A new local variable.
  func makeVariable(_ name: String, _ type: ScalarType) -> VariableID {
    ir.add(Variable(name, type))
  }

  // MARK: Parameters

  private func bindParameters() {
    var slots: [Int: VariableID] = [:]
    var arrayPosition = 0
    /// Makes the variables and the buffer of an argument, or of an entry of one.
    func bind(_ parameter: Function.Parameter, _ argument: CallSignature.Argument) -> Scope.Binding
    {
      switch argument {
      case .scalar(let type, let isWeak, let bits, let isLarge):
        let number = scalar(parameter, type, bits: bits, isLarge: isLarge, &slots)
        return .scalar(isWeak ? passed(number, named: parameter.name) : .strong(number))
      case .complex(let type, let isWeak, let real, let imaginary):
        let parts = [(real, "real"), (imaginary, "imag")].map { word, part in
          let named = Function.Parameter("\(parameter.name)_\(part)", at: parameter.span)
          return scalar(named, type.part, bits: word, &slots)
        }
        let number = LoopIR.Expression.complex(parts[0], parts[1], at: parameter.span)
        return .scalar(isWeak ? passed(number, named: parameter.name) : .strong(number))
      case .array(let array):
        func size(_ word: CallSignature.Word, _ suffix: String, least: Int64?) -> LoopIR.Expression
        {
          switch word {
          case .constant(let value): return Expression(.integer(value), .int64, at: parameter.span)
          case .parameter(let slot):
            let id =
              slots[slot]
              ?? ir.add(
                Variable(
                  "\(parameter.name)_\(suffix)", .int64, role: .parameter(slot), lowerBound: least,
                  isLarge: array.isLarge))
            slots[slot] = id
            return ir.read(id, at: parameter.span)
          }
        }
        let extents = array.extents.enumerated().map {
          size($1, "extent\($0)", least: signature.leastExtent)
        }
        let strides = array.strides?.enumerated().map { size($1, "stride\($0)", least: nil) }
        let id = ir.add(
          Buffer(
            parameter.name, array.element, extents: extents, strides: strides,
            role: .argument(arrayPosition), isLarge: array.isLarge, mayAlias: array.overlaps))
        arrayPosition += 1
        return .array(
          ArrayView(
            buffer: id,
            dimensions: extents.map { .range(start: .index(0), step: 1, extent: $0) }))
      case .dictionary(let entries):
        return .dictionary(
          DictionaryValue(
            name: parameter.name,
            entries: entries.map { entry in
              let name = CallSignature.Entry.name(entry.key, of: parameter.name)
              let named = Function.Parameter(name, at: parameter.span)
              return DictionaryValue.Entry(key: entry.key, binding: bind(named, entry.argument))
            }))
      }
    }
    for (parameter, argument) in zip(function.parameters, signature.arguments) {
      scope[parameter.name] = bind(parameter, argument)
    }
  }

  /// A scalar argument: a literal, or the variable of a run-time parameter.
  private func scalar(
    _ parameter: Function.Parameter, _ type: ScalarType, bits: CallSignature.Word,
    isLarge: Bool = false, _ slots: inout [Int: VariableID]
  ) -> LoopIR.Expression {
    switch bits {
    case .constant(let bits): return literalExpression(type, bits: bits, at: parameter.span)
    case .parameter(let slot):
      let id =
        slots[slot]
        ?? ir.add(Variable(parameter.name, type, role: .parameter(slot), isLarge: isLarge))
      slots[slot] = id
      return ir.read(id, at: parameter.span)
    }
  }

  /// The literal for a scalar that came as 64 bits.
  func literalExpression(_ type: ScalarType, bits: Int64, at span: Span) -> LoopIR.Expression {
    type.isFloat
      ? .float(Double(bitPattern: UInt64(bitPattern: bits)), type, at: span)
      : Expression(.integer(bits), type, at: span)
  }
}
