"""What ParPy's operators do on plain Python and NumPy values.

This is the meaning of an undecorated function, and so the oracle of every test. The rules, for
scalars and arrays alike:

- Python scalars are weak (NEP 50) and give Python scalars, so that what they are mixed with later
  keeps its type; anything of NumPy is strong.
- Strong integers and bools enter a function of real numbers as float64, as in Python's `math`.
- Outside a function's domain the result is the IEEE value: no exception and no warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Value = Any
"""A Python or NumPy scalar, or a NumPy array."""


def is_weak(*values: Value) -> bool:
    """True where all of `values` are Python scalars."""
    return all(type(v) in (bool, int, float, complex) for v in values)


def is_float(dtype: np.dtype[Any]) -> bool:
    """True of NumPy's real floats and of the bfloat16 of `ml_dtypes`."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def apply(ufunc: Callable[..., Value], *values: Value) -> Value:
    """`ufunc` of `values`, silently; of weak values a Python scalar."""
    with np.errstate(all="ignore"):
        result = ufunc(*values)
    return result.item() if is_weak(*values) else result


def apply_real(ufunc: Callable[..., Value], *values: Value) -> Value:
    """`ufunc`, a function of real numbers, of `values`."""
    return apply(ufunc, *map(real, values))


def real(value: Value) -> Value:
    """`value`, integers as floats: weak ones as `float`, strong ones as float64."""
    if is_weak(value):
        return value if isinstance(value, complex) else float(value)
    array = np.asarray(value)
    return array.astype(np.float64)[()] if array.dtype.kind in "biu" else value


def apply_scalar(function: Callable[[float], float], value: Value) -> Value:
    """A function of one Python float, on each element of `value`, whose type is kept."""
    value = real(value)
    if is_weak(value):
        return function(value)
    array = np.asarray(value)
    results = [function(float(x)) for x in array.flat]
    with np.errstate(over="ignore"):
        return np.array(results, dtype=array.dtype).reshape(array.shape)[()]


def reduction(function: Callable[..., Value], value: Value, axis: Value) -> Value:
    """NumPy's reduction over `axis`, silently: overflow and NaN are results, not warnings.

    bfloat16, which NumPy itself would add up in bfloat16, is accumulated in float32.
    """
    with np.errstate(all="ignore"):
        array = np.asarray(value)
        if array.dtype.name != "bfloat16":
            return function(value, axis=axis)
        return np.asarray(function(array.astype(np.float32), axis=axis)).astype(array.dtype)[()]


def choose(wins: Callable[[Value, Value], Value], a: Value, b: Value) -> Value:
    """`b` where `wins(b, a)`, else `a`: Python's two-argument `min` and `max`."""
    if is_weak(a, b):
        return b if wins(b, a) else a
    dtype = np.result_type(a, b)
    with np.errstate(all="ignore"):
        chosen: Value = np.where(wins(b, a), b, a)
    return chosen.astype(dtype)[()]


def to_integer(value: Value, dtype: Any) -> Value:
    """`value` as the integer type `dtype`.

    Integers wrap. Floats are truncated and saturate; NaN gives 0.
    """
    dtype = np.dtype(dtype)
    info = np.iinfo(dtype)
    if type(value) in (bool, int):
        bits = int(value) & (2**info.bits - 1)
        return dtype.type(bits - 2**info.bits if bits > info.max else bits)
    array = np.asarray(value)
    if array.dtype.kind == "c":
        raise TypeError(
            f"{array.dtype} cannot become {dtype}; take a part: z.real, z.imag or abs(z)"
        )
    if not is_float(array.dtype):
        return array.astype(dtype)[()]
    whole: Value = np.trunc(array.astype(np.float64))
    # Both limits are powers of two, so exact in float64.
    above = whole >= float(info.max // 2 + 1) * 2.0
    below = whole < float(info.min)
    outside: Value = above | below | np.isnan(whole)
    inside: Value = np.asarray(np.where(outside, 0.0, whole)).astype(dtype)
    limited: Value = np.where(above, info.max, np.where(below, info.min, inside))
    return limited.astype(dtype)[()]


def _without_parts(found: np.dtype[Any], dtype: Any) -> TypeError:
    name = np.dtype(dtype).name
    return TypeError(f"{found} cannot become {name}; take a part: z.real, z.imag or abs(z)")


def rounded(ufunc: Callable[..., Value], value: Value) -> Value:
    """`ufunc`, a rounding, of `value`, as an integer: weak of one value, int64 of an array.

    Integers keep their value.
    """
    array = np.asarray(value)
    if not is_float(array.dtype):
        return int(array) if array.ndim == 0 else array.astype(np.int64)
    with np.errstate(all="ignore"):
        result = to_integer(ufunc(array), np.int64)
    return int(result) if array.ndim == 0 else result


def to_float(value: Value, dtype: Any) -> Value:
    """`value` as the float or complex type `dtype`, rounded to nearest; infinite beyond its range.

    Raises:
        TypeError: `value` is complex and `dtype` a real float.
    """
    found = np.asarray(value).dtype
    if found.kind == "c" and is_float(np.dtype(dtype)):
        raise _without_parts(found, dtype)
    with np.errstate(all="ignore"):
        return np.asarray(value).astype(dtype)[()]
