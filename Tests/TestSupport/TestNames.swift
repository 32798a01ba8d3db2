import LoopIR
import Lowering
import Syntax

/// The names that tests use: parpy's and Python's functions, the dtypes, and the given globals.
public struct TestNames: NameResolver {
  private static let functions: [String: Intrinsic] = [
    "sum": .reduceSum, "prod": .reduceProd, "min": .minOrReduce, "max": .maxOrReduce,
    "minimum": .minimum, "maximum": .maximum, "int": .toInt, "float": .toFloat, "bool": .toBool,
    "np.floor": .numpyFloor, "np.round": .numpyRound, "parpy.label": .label, "parpy.gpu": .gpu,
  ]

  private var globals: [String: ResolvedName]

  /// Creates a resolver that also knows `globals`.
  public init(_ globals: [String: ResolvedName] = [:]) { self.globals = globals }

  public func resolve(_ path: [String]) -> ResolvedName {
    let name = path.joined(separator: ".")
    if let global = globals[name] { return global }
    if let intrinsic = Self.functions[name] { return .intrinsic(intrinsic) }
    if let type = ScalarType(name: name), type != .bool { return .scalarType(type) }
    if path.count == 1, let intrinsic = Intrinsic(rawValue: name) { return .intrinsic(intrinsic) }
    return .missing(known: path.count == 1 ? [] : [path[0]])
  }
}

extension PythonText {
  /// The loop IR of the function.
  ///
  /// - Throws: the diagnostics, or those of the verifier.
  public func lowered(
    schedule: [String: LoopSchedule] = [:], options: CompileOptions = CompileOptions(),
    globals: [String: ResolvedName] = [:]
  ) throws -> LoopFunction {
    var signature = signature
    signature.schedule = schedule
    signature.options = options
    let ir = try lower(function, signature: signature, names: TestNames(globals))
    let faults = ir.verify()
    if !faults.isEmpty { throw DiagnosticError(faults) }
    return ir
  }
}
