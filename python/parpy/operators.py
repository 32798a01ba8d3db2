"""The operators of ParPy's language, which also work on plain Python and NumPy values.

In a decorated function they are compiled; in an undecorated one they are ordinary functions with
the same meaning. Element-wise functions take scalars and arrays of any shape, broadcast, keep the
type of floats (float32 in, float32 out), and give the IEEE value outside their domain.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from parpy import _elementwise
from parpy._structure import gpu, label
from parpy.types import BF16

__all__ = [
    "abs",
    "atan2",
    "bfloat16",
    "complex64",
    "complex128",
    "cos",
    "exp",
    "float16",
    "float32",
    "float64",
    "gpu",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "label",
    "log",
    "max",
    "min",
    "prod",
    "sin",
    "sqrt",
    "sum",
    "tanh",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

inf = float("inf")

_ABSENT: Any = object()


# --- Reductions -----------------------------------------------------------------------------


def sum(x: Any, axis: int | None = None) -> Any:
    """The sum of the elements of `x`, over all dimensions or over `axis`.

    Args:
        x: an array of any shape.
        axis: the dimension that is summed over; None for all of them.

    Returns:
        A scalar, or an array of the other dimensions. Bool and narrow integers add up in int64 or
        uint64; floats keep their type. The sum of nothing is 0.

    Raises:
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).

    Example:
        >>> import numpy as np, parpy
        >>> x = np.array([[1, 2], [3, 4]], dtype=np.float32)
        >>> print(parpy.operators.sum(x), parpy.operators.sum(x, axis=0))
        10.0 [4. 6.]
    """
    return _elementwise.reduction(np.sum, x, axis)


def prod(x: Any, axis: int | None = None) -> Any:
    """The product of the elements of `x`, over all dimensions or over `axis`.

    Args:
        x: an array of any shape.
        axis: the dimension that is multiplied over; None for all of them.

    Returns:
        A scalar, or an array of the other dimensions; types as for `sum`. The product of nothing
        is 1.

    Raises:
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).

    Example:
        >>> import numpy as np, parpy
        >>> print(parpy.operators.prod(np.array([2, 3, 4])))
        24
    """
    return _elementwise.reduction(np.prod, x, axis)


def min(x: Any, y: Any = _ABSENT, /, *, axis: int | None = None) -> Any:
    """The smallest element of one array, or the smaller of two values, element by element.

    Args:
        x: an array of any shape, or the first of two values.
        y: the second value; broadcast with `x`.
        axis: the dimension that is reduced, with one array only; None for all of them.

    Returns:
        Of one array: a scalar, or an array of the other dimensions; NaN where an element is NaN.
        Of two: Python's comparison, `y if y < x else x`, in their common type.

    Raises:
        ValueError: `x` alone is given and empty. Compiled code raises it before anything runs,
            where no condition or range around it depends on data, locals or loop variables;
            elsewhere the result is the greatest of the type.
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).
        TypeError: two values and an axis are given.

    Example:
        >>> import numpy as np, parpy
        >>> print(parpy.operators.min(np.array([3, 1, 2])), parpy.operators.min(4, 3))
        1 3
    """
    if y is _ABSENT:
        return _elementwise.reduction(np.min, x, axis)
    if axis is not None:
        raise TypeError("min of two values is element-wise and takes no axis")
    return _elementwise.choose(operator.lt, x, y)


def max(x: Any, y: Any = _ABSENT, /, *, axis: int | None = None) -> Any:
    """The largest element of one array, or the larger of two values, element by element.

    Args:
        x: an array of any shape, or the first of two values.
        y: the second value; broadcast with `x`.
        axis: the dimension that is reduced, with one array only; None for all of them.

    Returns:
        Of one array: a scalar, or an array of the other dimensions; NaN where an element is NaN.
        Of two: Python's comparison, `y if y > x else x`, in their common type.

    Raises:
        ValueError: `x` alone is given and empty. Compiled code raises it before anything runs,
            where no condition or range around it depends on data, locals or loop variables;
            elsewhere the result is the least of the type.
        IndexError: `x` has no such axis (`numpy.exceptions.AxisError`).
        TypeError: two values and an axis are given.

    Example:
        >>> import numpy as np, parpy
        >>> print(parpy.operators.max(np.array([[1, 5], [7, 2]]), axis=1))
        [5 7]
    """
    if y is _ABSENT:
        return _elementwise.reduction(np.max, x, axis)
    if axis is not None:
        raise TypeError("max of two values is element-wise and takes no axis")
    return _elementwise.choose(operator.gt, x, y)


# --- Element-wise functions -----------------------------------------------------------------


def abs(x: Any) -> Any:
    """The absolute value; of a signed integer's least value it is that value.

    Example:
        >>> import parpy
        >>> parpy.operators.abs(-2)
        2
    """
    return _elementwise.apply(np.abs, x)


def atan2(y: Any, x: Any) -> Any:
    """The angle of the point (`x`, `y`) in radians, from -π to π.

    Example:
        >>> import parpy
        >>> parpy.operators.atan2(0.0, 1.0)
        0.0
    """
    return _elementwise.apply_real(np.arctan2, y, x)


def cos(x: Any) -> Any:
    """The cosine of `x` in radians.

    Example:
        >>> import parpy
        >>> parpy.operators.cos(0.0)
        1.0
    """
    return _elementwise.apply_real(np.cos, x)


def exp(x: Any) -> Any:
    """The number e to the power `x`.

    Example:
        >>> import parpy
        >>> parpy.operators.exp(0.0)
        1.0
    """
    return _elementwise.apply_real(np.exp, x)


def log(x: Any) -> Any:
    """The natural logarithm: -inf of 0, NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.operators.log(1.0)
        0.0
    """
    return _elementwise.apply_real(np.log, x)


def sin(x: Any) -> Any:
    """The sine of `x` in radians.

    Example:
        >>> import parpy
        >>> parpy.operators.sin(0.0)
        0.0
    """
    return _elementwise.apply_real(np.sin, x)


def sqrt(x: Any) -> Any:
    """The square root: NaN of negative numbers.

    Example:
        >>> import parpy
        >>> parpy.operators.sqrt(9.0)
        3.0
    """
    return _elementwise.apply_real(np.sqrt, x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent.

    Example:
        >>> import parpy
        >>> parpy.operators.tanh(0.0)
        0.0
    """
    return _elementwise.apply_real(np.tanh, x)


# --- Conversions ----------------------------------------------------------------------------


def int8(x: Any) -> Any:
    """`x` as int8: integers wrap; floats are truncated and saturate, and NaN gives 0.

    Example:
        >>> import parpy
        >>> print(parpy.operators.int8(300), parpy.operators.int8(300.0))
        44 127
    """
    return _elementwise.to_integer(x, np.int8)


def int16(x: Any) -> Any:
    """`x` as int16; see `int8`."""
    return _elementwise.to_integer(x, np.int16)


def int32(x: Any) -> Any:
    """`x` as int32; see `int8`."""
    return _elementwise.to_integer(x, np.int32)


def int64(x: Any) -> Any:
    """`x` as int64; see `int8`."""
    return _elementwise.to_integer(x, np.int64)


def uint8(x: Any) -> Any:
    """`x` as uint8; see `int8`."""
    return _elementwise.to_integer(x, np.uint8)


def uint16(x: Any) -> Any:
    """`x` as uint16; see `int8`."""
    return _elementwise.to_integer(x, np.uint16)


def uint32(x: Any) -> Any:
    """`x` as uint32; see `int8`."""
    return _elementwise.to_integer(x, np.uint32)


def uint64(x: Any) -> Any:
    """`x` as uint64; see `int8`."""
    return _elementwise.to_integer(x, np.uint64)


def float16(x: Any) -> Any:
    """`x` as float16, rounded to nearest; infinite beyond 65504."""
    return _elementwise.to_float(x, np.float16)


def float32(x: Any) -> Any:
    """`x` as float32, rounded to nearest.

    Example:
        >>> import parpy
        >>> print(parpy.operators.float32(0.1).dtype)
        float32
    """
    return _elementwise.to_float(x, np.float32)


def float64(x: Any) -> Any:
    """`x` as float64, rounded to nearest."""
    return _elementwise.to_float(x, np.float64)


def bfloat16(x: Any) -> Any:
    """`x` as bfloat16, rounded to nearest by way of float32.

    Raises:
        ModuleNotFoundError: `ml_dtypes`, which gives NumPy the type, is not installed.
    """
    return _elementwise.to_float(x, BF16.to_numpy())


def complex64(x: Any) -> Any:
    """`x` as complex64, each part rounded to nearest.

    Example:
        >>> import parpy
        >>> print(parpy.operators.complex64(0.5))
        (0.5+0j)
    """
    return _elementwise.to_float(x, np.complex64)


def complex128(x: Any) -> Any:
    """`x` as complex128."""
    return _elementwise.to_float(x, np.complex128)
