import LoopIR

/// What the CPU emitter needs to know of the machine it writes for.
public struct Machine: Sendable, Hashable {
  /// The vector versions of math functions that can be called.
  public enum VectorMath: String, Sendable, Hashable {
    case none
    case libmvecSSE = "libmvec-sse"
    case libmvecAVX2 = "libmvec-avx2"
    case libmvecAVX512 = "libmvec-avx512"
  }

  public var triple: String
  public var dataLayout: String
  public var cpu: String
  public var features: String
  public var vectorMath: VectorMath
  /// The functions that have a vector version, by their names for double.
  public var vectorFunctions: Set<String>

  /// Whether it has instructions that convert between a 16-bit float and float32.
  func converts(_ half: ScalarType) -> Bool {
    guard half == .float16 else { return false }
    return features.split(separator: ",").contains("+f16c") || triple.hasPrefix("aarch64")
      || triple.hasPrefix("arm64")
  }

  /// Creates the description of a machine, in LLVM's terms.
  public init(
    triple: String, dataLayout: String, cpu: String, features: String, vectorMath: VectorMath,
    vectorFunctions: Set<String> = []
  ) {
    self.triple = triple
    self.dataLayout = dataLayout
    self.cpu = cpu
    self.features = features
    self.vectorMath = vectorMath
    self.vectorFunctions = vectorFunctions
  }
}
