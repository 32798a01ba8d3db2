import LoopIR
import Syntax

/// Tells what a name of the enclosing scopes stands for.
public protocol NameResolver {
  /// What the dotted path, such as `["parpy", "operators", "sum"]`, stands for at this call.
  func resolve(_ path: [String]) -> ResolvedName

  /// The decorated function that `ResolvedName.function` names; nil where there is none.
  func function(_ id: FunctionID) -> DecoratedFunction?

  /// The name of the file that a source of the compilation is in; nil where it has none.
  func fileName(ofSource source: Int32) -> String?
}

extension NameResolver {
  /// Nil: the text of the source has no file.
  public func fileName(ofSource _: Int32) -> String? { nil }
  /// Nil: without decorated functions there is none to be found.
  public func function(_: FunctionID) -> DecoratedFunction? { nil }
}

/// Names a decorated function of a compilation.
public struct FunctionID: Sendable, Hashable {
  public let index: Int

  /// Creates the name of the function at `index` of the resolver's table.
  public init(_ index: Int) { self.index = index }
}

/// A decorated function, with the meaning of its own free names.
public struct DecoratedFunction {
  public var function: Syntax.Function
  public var names: any NameResolver

  /// Creates a function whose spans lie in a source of the compilation.
  public init(_ function: Syntax.Function, names: any NameResolver) {
    self.function = function
    self.names = names
  }
}

/// What a name that is neither parameter nor local stands for.
public enum ResolvedName: Sendable, Hashable {
  case intrinsic(Intrinsic)
  /// A dtype, which converts when called.
  case scalarType(ScalarType)
  /// A Python number; weak.
  case integer(Int64)
  case float(Double)
  case bool(Bool)
  /// A NumPy scalar; strong. `bits` as in `CallSignature.Argument.scalar`.
  case typedScalar(ScalarType, bits: Int64)
  /// A complex number; weak where it is Python's.
  case complex(ScalarType, isWeak: Bool, real: Double, imaginary: Double)
  /// A decorated function.
  case function(name: String, FunctionID)
  /// A function that is not compiled: its declarations, one for each backend.
  case foreign(name: String, [ForeignFunction])
  /// A shape variable of annotations.
  case shapeVariable(UInt64)
  /// A type variable of annotations.
  case typeVariable(UInt64)
  /// No such name; `known` are the names in scope, for a suggestion.
  case missing(known: [String])
  /// Something that means nothing to the compiler, described for a message: "a module", "a list".
  case unsupported(String)
}

/// A function or value that the compiler knows; the raw value is its name in the Python table of intrinsics.
public enum Intrinsic: String, Sendable, Hashable, CaseIterable {
  case abs, neg, sqrt, cbrt, exp, exp2, expm1, log, log2, log10, log1p
  case sin, cos, tan, asin, acos, atan, atan2, sinh, cosh, tanh
  case erf, erfc, gamma, lgamma
  /// Python's, which give an integer.
  case floor, ceil, trunc, round
  /// NumPy's, which keep the type.
  case numpyFloor = "np_floor"
  case numpyCeil = "np_ceil"
  case numpyTrunc = "np_trunc"
  case numpyRound = "np_round"
  /// NumPy's `rint`, which gives a float.
  case numpyRint = "np_rint"
  case fabs, pow, fmod, hypot, copysign, isnan, isinf, isfinite
  case pythonMin = "py_min"
  case pythonMax = "py_max"
  case minimum, maximum
  /// Python's `sum` and `math.prod`, which go over the first dimension alone.
  case pythonSum = "py_sum"
  case pythonProd = "py_prod"
  case reduceSum = "reduce_sum"
  case reduceProd = "reduce_prod"
  case reduceMin = "reduce_min"
  case reduceMax = "reduce_max"
  case minOrReduce = "min_or_reduce"
  case maxOrReduce = "max_or_reduce"
  case toInt = "to_int"
  case toFloat = "to_float"
  case toBool = "to_bool"
  case toComplex = "to_complex"
  case real, imag, conjugate
  /// NumPy's `angle`.
  case angle
  /// The functions of `cmath`, which give a Python complex of any number.
  case complexExp = "cmath_exp"
  case complexLog = "cmath_log"
  case complexLog10 = "cmath_log10"
  case complexSqrt = "cmath_sqrt"
  case complexSin = "cmath_sin"
  case complexCos = "cmath_cos"
  case complexTan = "cmath_tan"
  case complexSinh = "cmath_sinh"
  case complexCosh = "cmath_cosh"
  case complexTanh = "cmath_tanh"
  case complexPhase = "cmath_phase"
  case label, gpu, range, len, inline, convert
  case staticBackendEqual = "static_backend_eq"
  case staticTypesEqual = "static_types_eq"
  case staticFail = "static_fail"
  case backendCpu = "backend_cpu"
  case backendCuda = "backend_cuda"
  case backendMetal = "backend_metal"
  case empty = "np_empty"
  case zeros = "np_zeros"
  case ones = "np_ones"
  case full = "np_full"
  case emptyLike = "np_empty_like"
  case zerosLike = "np_zeros_like"
  case onesLike = "np_ones_like"
}
