"""Floats of every type, bfloat16 and the parts of complex numbers among them."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    return dtype.name == "bfloat16"


def is_complex(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "c"


def is_floating(value: Any) -> bool:
    """Whether a value is a float or complex number, or an array of them."""
    dtype = np.asarray(value).dtype
    return dtype.kind in "fc" or is_bfloat16(dtype)


def part(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the parts of a complex type; any other type itself."""
    return np.empty(0, dtype).real.dtype if dtype.kind == "c" else dtype


def epsilon(dtype: np.dtype[Any]) -> float:
    """The distance from 1 to the next greater number."""
    return 2.0**-7 if is_bfloat16(dtype) else float(np.finfo(part(dtype)).eps)


def greatest(dtype: np.dtype[Any]) -> float:
    """The greatest finite number."""
    return float(np.finfo(np.float32 if is_bfloat16(dtype) else part(dtype)).max)


def unit(array: np.ndarray) -> np.ndarray:
    """The unit in the last place of each number, as float64; of infinities and NaN that of 1.

    Of a complex number it is that of the greater part, infinite ones left out.
    """
    if array.dtype.kind == "c":
        sizes = [np.where(np.isfinite(p), np.abs(p), 0) for p in (array.real, array.imag)]
        size = np.maximum(*sizes).astype(part(array.dtype))
    else:
        size = np.where(np.isfinite(array), np.abs(array), array.dtype.type(1))
    if is_bfloat16(size.dtype):
        return np.spacing(size.astype(np.float32)).astype(np.float64) * 2.0**16
    return np.spacing(size).astype(np.float64)


def parts(array: np.ndarray) -> np.ndarray:
    """An array as float64; complex numbers as pairs in a last dimension."""
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], -1)
    return array.astype(np.float64)
