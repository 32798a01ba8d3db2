"""The types of the generated expressions, as NumPy itself computes them.

A type is the name of a dtype, or `wb`, `wi`, `wf`, `wc` for a Python bool, int, float or complex
(weak). The type of an operation is found by doing it on ones, so that the rules of NEP 50 are
NumPy's own.
"""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable
from typing import Any

import ml_dtypes  # noqa: F401 (NumPy then knows bfloat16)
import numpy as np

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = (*SIGNED, *UNSIGNED)
NARROW = ("int8", "int16", "uint8", "uint16", "uint32", "uint64")
WEAK = ("wb", "wi", "wf", "wc")
RARE = ("complex64", "complex128", "complex128", "bfloat16", "bfloat16")

OPERATORS: dict[str, Any] = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv},
    **{"//": operator.floordiv, "%": operator.mod, "**": operator.pow},
    **{"&": operator.and_, "|": operator.or_, "^": operator.xor},
    **{"<<": operator.lshift, ">>": operator.rshift},
}


def sample(kind: str) -> Any:
    weak = {"wb": True, "wi": 1, "wf": 1.0, "wc": 1 + 0j}
    return weak[kind] if kind in WEAK else np.dtype(kind).type(1)


def kind_of(value: Any) -> str:
    if isinstance(value, np.generic | np.ndarray):
        return str(value.dtype.name)
    return {bool: "wb", int: "wi", float: "wf", complex: "wc"}[type(value)]


@functools.cache
def result(op: str, left: str, right: str) -> str | None:
    """The type of `left op right`; None where NumPy refuses it."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return kind_of(OPERATORS[op](sample(left), sample(right)))
    except TypeError:
        return None


@functools.cache
def reduced(op: str, kind: str) -> str:
    """The type of `np.<op>` of an array."""
    return kind_of(getattr(np, op)(np.ones(1, kind)))


def is_int(kind: str) -> bool:
    return kind == "wi" or kind in INTEGERS


def is_bool(kind: str) -> bool:
    return kind in ("wb", "bool")


def is_float(kind: str) -> bool:
    return kind in ("wf", "bfloat16") or kind.startswith("float")


def is_complex(kind: str) -> bool:
    return kind == "wc" or kind.startswith("complex")


def part(kind: str) -> str:
    """The type of a part of a complex number, or of its magnitude."""
    return {"wc": "wf", "complex64": "float32", "complex128": "float64"}[kind]


def alike(kind: str) -> Callable[[str], bool]:
    """Whether another type is an integer, a float or complex as `kind` is."""
    return is_complex if is_complex(kind) else is_float if is_float(kind) else is_int


def storable(kind: str, into: str) -> bool:
    """Whether an array of type `into` takes such a value without a conversion."""
    if into == "bool":
        return is_bool(kind)
    if is_complex(into):
        return True
    if is_complex(kind):
        return False
    if is_float(into):
        return True
    if is_float(kind):
        return False
    return kind in ("wb", "wi", "bool") or np.can_cast(kind, into, "safe")
