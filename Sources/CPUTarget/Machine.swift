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
  /// The bytes of the last-level cache.
  public var cacheSize: Int

  /// Whether it has instructions that convert between a 16-bit float and float32.
  func converts(_ half: ScalarType) -> Bool {
    guard half == .float16 else { return false }
    return features.split(separator: ",").contains("+f16c") || triple.hasPrefix("aarch64")
      || triple.hasPrefix("arm64")
  }

  /// Whether it multiplies and adds in one instruction, rounding once.
  var hasMultiplyAdd: Bool {
    features.split(separator: ",").contains("+fma") || triple.hasPrefix("aarch64")
      || triple.hasPrefix("arm64")
  }

  /// The bytes of the vector registers that plain loops take.
  ///
  /// Not the 64 of every AVX-512: arrays are seldom aligned to 64 bytes, and then each access of that size touches two
  /// cache lines (a 5-point stencil in cache: 1.3 times slower on Intel's). On AMD's Zen 4 and 5 that costs less than
  /// twice as many instructions (the same stencil: 1.1 times faster in cache, 1.15 out of it).
  public var vectorRegisterSize: Int {
    ["znver4", "znver5"].contains(cpu) && features.split(separator: ",").contains("+avx512f")
      ? 64 : 32
  }

  /// Whether code can store past the caches in a way that the emitter knows how to order with what follows.
  public var canStream: Bool { triple.hasPrefix("x86_64") }

  /// Creates the description of a machine, in LLVM's terms.
  public init(
    triple: String, dataLayout: String, cpu: String, features: String, vectorMath: VectorMath,
    vectorFunctions: Set<String> = [], cacheSize: Int = 1 << 25
  ) {
    self.triple = triple
    self.dataLayout = dataLayout
    self.cpu = cpu
    self.features = features
    self.vectorMath = vectorMath
    self.vectorFunctions = vectorFunctions
    self.cacheSize = cacheSize
  }
}
