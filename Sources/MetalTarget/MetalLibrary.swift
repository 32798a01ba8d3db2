import LoopIR

/// Functions of float32 that Metal's library lacks.
enum MetalLibrary {
  /// The definition of `NAME_float32`; nil where the library has the function.
  static func definition(of function: MathFunction) -> String? {
    switch function {
    case .expm1: exponentialMinusOne
    case .log1p: logarithmOfOnePlus
    case .hypot: hypotenuse
    case .cbrt: cubeRoot
    case .erf: errorFunction
    case .erfc: errorFunctionComplement
    case .gamma: gammaFunction
    case .lgamma: logarithmOfGamma
    case .sqrt, .exp, .exp2, .log, .log2, .log10, .sin, .cos, .tan, .asin, .acos, .atan, .atan2,
      .sinh, .cosh, .tanh, .floor, .ceil, .trunc, .roundEven, .fmod,
      .copysign, .isnan, .isinf, .isfinite:
      nil
    }
  }

  /// The errors of `exp(x)` and of its logarithm cancel (W. Kahan; N. J. Higham, Accuracy and Stability of Numerical Algorithms, §1.14.1).
  private static let exponentialMinusOne = """
    inline float expm1_float32(float x) {
      const float power = metal::exp(x);
      if (power == 1.0f) return x;
      const float less = power - 1.0f;
      if (less == -1.0f || metal::isinf(power)) return less;
      return less * (x / metal::log(power));
    }

    """

  /// The rounding of `1 + x` cancels (Higham, problem 1.5).
  private static let logarithmOfOnePlus = """
    inline float log1p_float32(float x) {
      const float more = 1.0f + x;
      if (more == 1.0f) return x;
      if (metal::isinf(more)) return metal::log(more);
      return metal::log(more) * (x / (more - 1.0f));
    }

    """

  private static let hypotenuse = """
    inline float hypot_float32(float x, float y) {
      if (metal::isinf(x) || metal::isinf(y)) return as_type<float>(0x7f800000u);
      const float a = metal::fabs(x), b = metal::fabs(y);
      const float greater = a > b ? a : b, lesser = a > b ? b : a;
      if (greater == 0.0f) return a + b;
      const float ratio = lesser / greater;
      return greater * metal::sqrt(1.0f + ratio * ratio);
    }

    """

  /// A power, and one step by Newton.
  private static let cubeRoot = """
    inline float cbrt_float32(float x) {
      if (x == 0.0f || !metal::isfinite(x)) return x;
      const float a = metal::fabs(x);
      const float root = metal::pow(a, 1.0f / 3.0f);
      return metal::copysign(root - (root - a / (root * root)) / 3.0f, x);
    }

    """
}
