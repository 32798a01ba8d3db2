"""Python's `math`, for scalars and arrays, in the precision of its arguments.

The functions broadcast, keep the type of floats (float32 in, float32 out) and give the IEEE value
outside their domain, where Python's `math` raises. Strong integers count as float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from parpy import _elementwise
from parpy.operators import abs

__all__ = [
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "e",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "fmod",
    "gamma",
    "hypot",
    "inf",
    "isfinite",
    "isinf",
    "isnan",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "nan",
    "pi",
    "pow",
    "round",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]

pi = math.pi
e = math.e
inf = math.inf
nan = math.nan


def sqrt(x: Any) -> Any:
    """The square root: NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.math.sqrt(4.0)
        2.0
    """
    return _elementwise.apply_real(np.sqrt, x)


def cbrt(x: Any) -> Any:
    """The cube root, of negative numbers too.

    Example:
        >>> import parpy
        >>> parpy.math.cbrt(-8.0)
        -2.0
    """
    return _elementwise.apply_real(np.cbrt, x)


def exp(x: Any) -> Any:
    """The number e to the power `x`.

    Example:
        >>> import parpy
        >>> parpy.math.exp(0.0)
        1.0
    """
    return _elementwise.apply_real(np.exp, x)


def exp2(x: Any) -> Any:
    """2 to the power `x`.

    Example:
        >>> import parpy
        >>> parpy.math.exp2(3.0)
        8.0
    """
    return _elementwise.apply_real(np.exp2, x)


def expm1(x: Any) -> Any:
    """The number e to the power `x`, minus 1; accurate near 0.

    Example:
        >>> import parpy
        >>> parpy.math.expm1(0.0)
        0.0
    """
    return _elementwise.apply_real(np.expm1, x)


def log(x: Any) -> Any:
    """The natural logarithm: -inf of 0, NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.math.log(1.0)
        0.0
    """
    return _elementwise.apply_real(np.log, x)


def log2(x: Any) -> Any:
    """The logarithm to base 2: -inf of 0, NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.math.log2(8.0)
        3.0
    """
    return _elementwise.apply_real(np.log2, x)


def log10(x: Any) -> Any:
    """The logarithm to base 10: -inf of 0, NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.math.log10(100.0)
        2.0
    """
    return _elementwise.apply_real(np.log10, x)


def log1p(x: Any) -> Any:
    """The natural logarithm of 1 + `x`; accurate near 0.

    Example:
        >>> import parpy
        >>> parpy.math.log1p(0.0)
        0.0
    """
    return _elementwise.apply_real(np.log1p, x)


def sin(x: Any) -> Any:
    """The sine of `x` in radians.

    Example:
        >>> import parpy
        >>> parpy.math.sin(0.0)
        0.0
    """
    return _elementwise.apply_real(np.sin, x)


def cos(x: Any) -> Any:
    """The cosine of `x` in radians.

    Example:
        >>> import parpy
        >>> parpy.math.cos(0.0)
        1.0
    """
    return _elementwise.apply_real(np.cos, x)


def tan(x: Any) -> Any:
    """The tangent of `x` in radians.

    Example:
        >>> import parpy
        >>> parpy.math.tan(0.0)
        0.0
    """
    return _elementwise.apply_real(np.tan, x)


def asin(x: Any) -> Any:
    """The arc sine in radians: NaN outside [-1, 1].

    Example:
        >>> import parpy
        >>> parpy.math.asin(0.0)
        0.0
    """
    return _elementwise.apply_real(np.arcsin, x)


def acos(x: Any) -> Any:
    """The arc cosine in radians: NaN outside [-1, 1].

    Example:
        >>> import parpy
        >>> parpy.math.acos(1.0)
        0.0
    """
    return _elementwise.apply_real(np.arccos, x)


def atan(x: Any) -> Any:
    """The arc tangent in radians.

    Example:
        >>> import parpy
        >>> parpy.math.atan(0.0)
        0.0
    """
    return _elementwise.apply_real(np.arctan, x)


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (`x`, `y`) in radians, from -π to π.

    Example:
        >>> import parpy
        >>> parpy.math.atan2(0.0, 1.0)
        0.0
    """
    return _elementwise.apply_real(np.arctan2, y, x)


def sinh(x: Any) -> Any:
    """The hyperbolic sine.

    Example:
        >>> import parpy
        >>> parpy.math.sinh(0.0)
        0.0
    """
    return _elementwise.apply_real(np.sinh, x)


def cosh(x: Any) -> Any:
    """The hyperbolic cosine.

    Example:
        >>> import parpy
        >>> parpy.math.cosh(0.0)
        1.0
    """
    return _elementwise.apply_real(np.cosh, x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent.

    Example:
        >>> import parpy
        >>> parpy.math.tanh(0.0)
        0.0
    """
    return _elementwise.apply_real(np.tanh, x)


def erf(x: Any) -> Any:
    """The error function.

    Example:
        >>> import parpy
        >>> parpy.math.erf(0.0)
        0.0
    """
    return _elementwise.apply_scalar(math.erf, x)


def erfc(x: Any) -> Any:
    """1 minus the error function; accurate for large `x`.

    Example:
        >>> import parpy
        >>> parpy.math.erfc(0.0)
        1.0
    """
    return _elementwise.apply_scalar(math.erfc, x)


def gamma(x: Any) -> Any:
    """The gamma function: infinite at 0, NaN at negative integers.

    Example:
        >>> import parpy
        >>> parpy.math.gamma(5.0)
        24.0
    """
    return _elementwise.apply_scalar(_gamma, x)


def lgamma(x: Any) -> Any:
    """The natural logarithm of the absolute value of the gamma function.

    Example:
        >>> import parpy
        >>> parpy.math.lgamma(1.0)
        0.0
    """
    return _elementwise.apply_scalar(_lgamma, x)


def floor(x: Any) -> Any:
    """The greatest integer not above `x`.

    Returns:
        An integer: a Python int of one value, int64 of an array. Saturates; NaN gives 0.

    Example:
        >>> import parpy
        >>> parpy.math.floor(-2.5)
        -3
    """
    return _elementwise.rounded(np.floor, x)


def ceil(x: Any) -> Any:
    """The least integer not below `x`.

    Returns:
        An integer: a Python int of one value, int64 of an array. Saturates; NaN gives 0.

    Example:
        >>> import parpy
        >>> parpy.math.ceil(-2.5)
        -2
    """
    return _elementwise.rounded(np.ceil, x)


def round(x: Any) -> Any:
    """The nearest integer, half to even.

    Returns:
        An integer: a Python int of one value, int64 of an array. Saturates; NaN gives 0.

    Example:
        >>> import parpy
        >>> parpy.math.round(2.5)
        2
    """
    return _elementwise.rounded(np.rint, x)


def trunc(x: Any) -> Any:
    """`x` without its fraction.

    Returns:
        An integer: a Python int of one value, int64 of an array. Saturates; NaN gives 0.

    Example:
        >>> import parpy
        >>> parpy.math.trunc(-2.5)
        -2
    """
    return _elementwise.rounded(np.trunc, x)


def fabs(x: Any) -> Any:
    """The absolute value as a float.

    Example:
        >>> import parpy
        >>> parpy.math.fabs(-2)
        2.0
    """
    return _elementwise.apply_real(np.fabs, x)


def pow(x: Any, y: Any) -> Any:
    """`x` to the power `y`, as floats: NaN of a negative number to a fraction.

    Example:
        >>> import parpy
        >>> parpy.math.pow(2.0, 3.0)
        8.0
    """
    # The operator, because `np.power` makes NaN of -inf to a fraction on some processors.
    return _elementwise.apply_real(_power, x, y)


def _power(x: Any, y: Any) -> Any:
    if type(x) is float and type(y) is float:
        return np.float64(x) ** np.float64(y)
    return x**y


def fmod(x: Any, y: Any) -> Any:
    """The remainder of `x / y` with the sign of `x`, as C's `fmod`: NaN where `y` is 0.

    Example:
        >>> import parpy
        >>> parpy.math.fmod(-7.0, 3.0)
        -1.0
    """
    return _elementwise.apply_real(np.fmod, x, y)


def hypot(x: Any, y: Any) -> Any:
    """The length of the vector (`x`, `y`).

    Example:
        >>> import parpy
        >>> parpy.math.hypot(3.0, 4.0)
        5.0
    """
    return _elementwise.apply_real(np.hypot, x, y)


def copysign(x: Any, y: Any) -> Any:
    """The magnitude of `x` with the sign of `y`.

    Example:
        >>> import parpy
        >>> parpy.math.copysign(1.0, -0.0)
        -1.0
    """
    return _elementwise.apply_real(np.copysign, x, y)


def isnan(x: Any) -> Any:
    """True where `x` is NaN.

    Example:
        >>> import parpy
        >>> parpy.math.isnan(1.0)
        False
    """
    return _elementwise.apply_real(np.isnan, x)


def isinf(x: Any) -> Any:
    """True where `x` is infinite.

    Example:
        >>> import parpy
        >>> parpy.math.isinf(1.0)
        False
    """
    return _elementwise.apply_real(np.isinf, x)


def isfinite(x: Any) -> Any:
    """True where `x` is neither infinite nor NaN.

    Example:
        >>> import parpy
        >>> parpy.math.isfinite(1.0)
        True
    """
    return _elementwise.apply_real(np.isfinite, x)


def _gamma(x: float) -> float:
    try:
        return math.gamma(x)
    except OverflowError:
        return math.inf
    except ValueError:  # a pole, or -inf; C's tgamma decides
        return math.copysign(math.inf, x) if x == 0.0 else math.nan


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):
        return math.inf
