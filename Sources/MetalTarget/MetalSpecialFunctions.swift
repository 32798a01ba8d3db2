/// The error and gamma functions of float32, which Metal's library lacks.
///
/// The polynomials interpolate at Chebyshev nodes in the intervals given, to 6e-8 of the value.
extension MetalLibrary {
  /// A polynomial in `x` by Horner's rule, the constant coefficient first: `fma(fma(c, x, b), x, a)`.
  private static func polynomial(_ coefficients: [Float], in x: String) -> String {
    let literals = coefficients.map { "\($0)f" }
    return literals.dropLast().reversed().reduce(literals.last ?? "0.0f") {
      "metal::fma(\($0), \(x), \($1))"
    }
  }

  /// Up to 1 by the series of Maclaurin (DLMF 7.6.1), whose signs alternate; beyond that, where little is left to 1, by erfc.
  static let errorFunction = """
    inline float erf_float32(float x) {
      const float a = metal::fabs(x);
      if (a >= 1.0f) return metal::copysign(1.0f - erfc_float32(a), x);
      const float u = x * x;
      return x * \(polynomial(
        [1.1283792, -0.37612638, 0.11283792, -0.026866172, 0.005223978, -0.0008548327,
          0.000120553326, -1.492565e-05, 1.6462114e-06, -1.6365844e-07, 1.4807193e-08], in: "u"));
    }

    """

  /// Up to 0.65 by the series of erf; beyond, `exp(x * x) * erfc(x) / t` is a polynomial in `t = 2 / (2 + x)`, and what `x * x`
  /// loses to rounding is made good.
  static let errorFunctionComplement = """
    inline float erfc_float32(float x) {
      const float a = metal::fabs(x);
      if (a < 0.65f) {
        const float u = x * x;
        return 1.0f - x * \(polynomial(
        [1.1283792, -0.37612638, 0.11283792, -0.026866172, 0.005223978, -0.0008548327,
          0.000120553326, -1.492565e-05], in: "u"));
      }
      if (a > 10.2f) return x < 0.0f ? 2.0f : 0.0f;
      const float t = 2.0f / (2.0f + a), u = t - 0.5f;
      const float square = a * a, lost = metal::fma(a, a, -square);
      const float tail = t * \(polynomial(
        [0.51079136, 0.6871607, 0.5589436, 0.14577268, -0.17203985, -0.103831075, 0.09758379,
          0.05631744, -0.068826176, -0.026355984], in: "u"));
      const float power = metal::exp(-square);
      const float value = tail * metal::fma(-power, lost, power);
      return x < 0.0f ? 2.0f - value : value;
    }

    """

  /// From 2 to 3 a polynomial that is 1 at 2; elsewhere by `gamma(x + 1) = x * gamma(x)`, with a product of two floats whose sum is precise
  /// (T. J. Dekker, A floating-point technique for extending the available precision, 1971).
  static let gammaFunction = """
    inline float gamma_float32(float x) {
      if (x == 0.0f) return 1.0f / x;
      if (x > 35.041f) return x * as_type<float>(0x7f800000u);
      if (x < 0.0f && metal::floor(x) == x) return as_type<float>(0x7fc00000u);
      if (x < -50.0f) return metal::fmod(metal::floor(x), 2.0f) == 0.0f ? 0.0f : -0.0f;
      // Below -20 the product would be too large.
      const float scale = x < -20.0f ? 8.6736174e-19f : 1.0f;
      float high = scale, low = 0.0f, z = x;
      while (z >= 3.0f || z < 2.0f) {
        const bool isAbove = z >= 3.0f;
        if (isAbove) z -= 1.0f;
        const float product = high * z;
        low = metal::fma(low, z, metal::fma(high, z, -product));
        high = product;
        if (!isAbove) z += 1.0f;
      }
      const float u = z - 2.0f;
      const float base = \(polynomial(
        [1, 0.42278433, 0.41184, 0.08158419, 0.07418542, 2.0104795e-05, 0.01039859,
          -0.001619209, 0.000806561], in: "u"));
      if (x >= 2.0f) return metal::fma(base, high, base * low);
      const float quotient = base / high;
      return (quotient - quotient * (low / high)) * scale;
    }

    """

  /// Two polynomials with the zeros at 1 and 2 as factors, the recurrence, and from 8 on the series of Stirling (DLMF 5.11.1).
  /// Below 0 by reflection (DLMF 5.5.3); near its zeros there, the error is a part of 1 and not of the value.
  static let logarithmOfGamma = """
    inline float lgamma_above_float32(float x) {
      if (x >= 8.0f) {
        const float t = 1.0f / x, u = t * t;
        const float series = t * (0.083333336f - u * (0.0027777778f - u * 0.0007936508f));
        return (x - 0.5f) * (metal::log(x) - 1.0f) + (0.41893853f + series);
      }
      if (x < 1.5f) {
        const float u = x - 1.0f;
        return u * \(polynomial(
        [-0.5772157, 0.822467, -0.4006855, 0.2705804, -0.20739654, 0.16958998, -0.14377998,
          0.12451756, -0.11347173, 0.112000704, -0.09511661, 0.041459113], in: "u"));
      }
      float product = 1.0f;
      while (x >= 2.7f) {
        x -= 1.0f;
        product *= x;
      }
      const float u = x - 2.0f;
      const float base = u * \(polynomial(
        [0.42278433, 0.32246703, -0.0673523, 0.020581132, -0.007385699, 0.0028863815,
          -0.0011890685, 0.00052858604, -0.00024722482, 7.612346e-05], in: "u"));
      return product == 1.0f ? base : metal::log(product) + base;
    }

    inline float lgamma_float32(float x) {
      if (x >= 0.7f) return lgamma_above_float32(x);
      if (x > -0.3f) return lgamma_above_float32(1.0f + x) - metal::log(metal::fabs(x));
      const float distance = metal::fabs(x - metal::rint(x));
      if (distance == 0.0f || metal::isinf(x)) return as_type<float>(0x7f800000u);
      const float reflected = metal::log(-x * metal::sin(3.1415927f * distance));
      const float other = x > -0.7f ? lgamma_above_float32(1.0f - x) - metal::log(-x) : lgamma_above_float32(-x);
      return 1.1447299f - reflected - other;
    }

    """
}
