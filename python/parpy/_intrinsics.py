"""Which Python objects the compiler knows, and under what name."""

from __future__ import annotations

import builtins
import cmath
import math
from typing import Any

import numpy as np

from parpy import _structure, builtin, operators, reduce
from parpy import math as parpy_math
from parpy._options import CompileBackend
from parpy.types import ElemSize

__all__ = ["DTYPES", "INTRINSICS"]

# Intrinsics that bear the same name in Python's `math`, in NumPy and in ParPy's modules.
_COMMON = (
    *("sqrt", "cbrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("hypot", "copysign", "isnan", "isinf", "isfinite", "fabs"),
)

# Those of `cmath` that ParPy has.
_COMPLEX = ("exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "phase")

# Those that NumPy does not have, or has with another meaning for integers (`fmod`, `power`).
_NOT_NUMPY = ("erf", "erfc", "gamma", "lgamma", "pow", "fmod", "floor", "ceil", "trunc")

_NUMPY_NAMES = {
    "absolute": "abs",
    "negative": "neg",
    "real": "real",
    "imag": "imag",
    "angle": "angle",
    "conjugate": "conjugate",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "floor": "np_floor",
    "ceil": "np_ceil",
    "trunc": "np_trunc",
    "fix": "np_trunc",
    "rint": "np_rint",
    "round": "np_round",
    "around": "np_round",
    "minimum": "minimum",
    "maximum": "maximum",
    "sum": "reduce_sum",
    "prod": "reduce_prod",
    "min": "reduce_min",
    "max": "reduce_max",
    "amin": "reduce_min",
    "amax": "reduce_max",
}


def _intrinsics() -> dict[Any, str]:
    table: dict[Any, str] = {
        # Python
        builtins.abs: "abs",
        builtins.min: "min_or_reduce",
        builtins.max: "max_or_reduce",
        builtins.sum: "py_sum",
        builtins.int: "to_int",
        builtins.float: "to_float",
        builtins.bool: "to_bool",
        builtins.complex: "to_complex",
        builtins.round: "round",
        builtins.range: "range",
        builtins.len: "len",
        math.asin: "asin",
        math.acos: "acos",
        math.atan: "atan",
        math.atan2: "atan2",
        math.prod: "py_prod",
        # ParPy
        operators.abs: "abs",
        operators.min: "min_or_reduce",
        operators.max: "max_or_reduce",
        operators.sum: "reduce_sum",
        operators.prod: "reduce_prod",
        operators.atan2: "atan2",
        reduce.min: "reduce_min",
        reduce.max: "reduce_max",
        builtin.minimum: "minimum",
        builtin.maximum: "maximum",
        parpy_math.asin: "asin",
        parpy_math.acos: "acos",
        parpy_math.atan: "atan",
        parpy_math.atan2: "atan2",
        parpy_math.round: "round",
        builtin.inline: "inline",
        builtin.convert: "convert",
        builtin.static_backend_eq: "static_backend_eq",
        builtin.static_types_eq: "static_types_eq",
        builtin.static_fail: "static_fail",
        CompileBackend.Cpu: "backend_cpu",
        CompileBackend.Cuda: "backend_cuda",
        CompileBackend.Metal: "backend_metal",
        np.empty: "np_empty",
        np.zeros: "np_zeros",
        np.ones: "np_ones",
        np.full: "np_full",
        np.empty_like: "np_empty_like",
        np.zeros_like: "np_zeros_like",
        np.ones_like: "np_ones_like",
        _structure.label: "label",
        _structure.gpu: "gpu",
    }
    for name in _COMMON:
        for module in (math, np, parpy_math, operators):
            if hasattr(module, name):
                table[getattr(module, name)] = name
    for name in _COMPLEX:
        table[getattr(cmath, name)] = f"cmath_{name}"
    for name in ("isnan", "isinf", "isfinite"):
        table[getattr(cmath, name)] = name
    for name in _NOT_NUMPY:
        for module in (math, parpy_math):
            table[getattr(module, name)] = name
    for numpy_name, name in _NUMPY_NAMES.items():
        table[getattr(np, numpy_name)] = name
    return table


def _dtypes() -> dict[Any, str]:
    known = {elem.value for elem in ElemSize}
    table: dict[Any, str] = {elem: elem.value for elem in ElemSize}
    for scalar in set(np.sctypeDict.values()):
        name = np.dtype(scalar).name
        if name in known:
            table[scalar] = name
    for name in known:
        # bfloat16 is known to NumPy once `ml_dtypes` is imported; the core goes by its name.
        if name != "bfloat16":
            table[np.dtype(name)] = name
        if hasattr(operators, name):
            table[getattr(operators, name)] = name
    return table


INTRINSICS = _intrinsics()
"""From Python function, ufunc or other object to the intrinsic's name."""

DTYPES = _dtypes()
"""From whatever names a scalar type to NumPy's name of it, such as "float32"."""
