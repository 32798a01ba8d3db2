"""The types of the generated expressions, as NumPy itself computes them.

A type is the name of a dtype, or `wb`, `wi`, `wf` for a Python bool, int or float (weak). The type
of an operation is found by doing it on ones, so that the rules of NEP 50 are NumPy's own.
"""

from __future__ import annotations

import functools
import operator
import warnings
from typing import Any

import numpy as np

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = (*SIGNED, *UNSIGNED)
NARROW = ("int8", "int16", "uint8", "uint16", "uint32", "uint64")
WEAK = ("wb", "wi", "wf")

OPERATORS: dict[str, Any] = {
    **{"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv},
    **{"//": operator.floordiv, "%": operator.mod, "**": operator.pow},
    **{"&": operator.and_, "|": operator.or_, "^": operator.xor},
    **{"<<": operator.lshift, ">>": operator.rshift},
}


def sample(kind: str) -> Any:
    return {"wb": True, "wi": 1, "wf": 1.0}[kind] if kind in WEAK else np.dtype(kind).type(1)


def kind_of(value: Any) -> str:
    if isinstance(value, np.generic | np.ndarray):
        return str(value.dtype.name)
    return {bool: "wb", int: "wi", float: "wf"}[type(value)]


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
    return kind == "wf" or kind.startswith("float")


def storable(kind: str, into: str) -> bool:
    """Whether an array of type `into` takes such a value without a conversion."""
    if into == "bool":
        return is_bool(kind)
    if is_float(into):
        return True
    if is_float(kind):
        return False
    return kind in ("wb", "wi", "bool") or np.can_cast(kind, into, "safe")
