"""Functions of ParPy's language that Python lacks; each also works in plain Python."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

import numpy as np

from parpy import _elementwise
from parpy._errors import CompileError
from parpy._options import CompileBackend
from parpy._structure import gpu, label
from parpy.operators import inf
from parpy.types import ElemSize, TypeVariable

__all__ = [
    "convert",
    "gpu",
    "inf",
    "inline",
    "label",
    "maximum",
    "minimum",
    "static_backend_eq",
    "static_fail",
    "static_types_eq",
]

T = TypeVar("T")


def maximum(x: Any, y: Any) -> Any:
    """The larger of `x` and `y`, element by element; NaN where one is NaN.

    Example:
        >>> import parpy
        >>> parpy.builtin.maximum(2.0, 3.0)
        3.0
    """
    return _elementwise.apply(np.maximum, x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of `x` and `y`, element by element; NaN where one is NaN.

    Example:
        >>> import parpy
        >>> parpy.builtin.minimum(2.0, 3.0)
        2.0
    """
    return _elementwise.apply(np.minimum, x, y)


def convert(e: Any, T: Any) -> Any:
    """`e` as the scalar type `T`: one of `parpy.types`, a type of NumPy's, or `float` and its kin.

    Integers wrap; floats become integers by truncation that saturates, NaN giving 0; what is not
    zero becomes True.

    Raises:
        TypeError: `T` is not a scalar type that ParPy has.

    Example:
        >>> import parpy
        >>> print(parpy.builtin.convert(2.9, parpy.types.I32))
        2
    """
    dtype = _dtype(T)
    if dtype.kind in "iu":
        return _elementwise.to_integer(e, dtype)
    return _elementwise.to_float(e, dtype)


def inline(call: T) -> T:
    """The result of `call`, a call of a decorated function, whose body is spliced in.

    In plain Python it is an ordinary call.

    Example:
        >>> import parpy
        >>> parpy.builtin.inline(min(1, 2))
        1
    """
    return call


def static_backend_eq(B: CompileBackend) -> bool:
    """True where the code is compiled for backend `B`; plain Python counts as `Cpu`.

    Example:
        >>> import parpy
        >>> parpy.builtin.static_backend_eq(parpy.CompileBackend.Cuda)
        False
    """
    return B is CompileBackend.Cpu


def static_types_eq(T: Any, U: Any) -> bool:
    """True where `T` and `U` are the same scalar type.

    Example:
        >>> import parpy
        >>> parpy.builtin.static_types_eq(parpy.types.F32, parpy.types.F64)
        False
    """
    return _dtype(T) == _dtype(U)


_NAMES = {elem.value for elem in ElemSize}


def _dtype(T: Any) -> np.dtype[Any]:
    if isinstance(T, TypeVariable):
        if T.type is None:
            raise TypeError(
                "a type variable has a value only while a function that it annotates runs"
            )
        return T.type
    if isinstance(T, ElemSize):
        return np.dtype(T.to_numpy())
    if isinstance(T, (type, np.dtype)) and np.dtype(T).name in _NAMES:
        return np.dtype(T)
    raise TypeError(f"this needs a scalar type such as parpy.types.F32, not {T!r}")


def static_fail(msg: str) -> NoReturn:
    """Ends compilation, or the run in plain Python, with `msg`.

    Raises:
        parpy.CompileError: always.

    Example:
        >>> import parpy
        >>> parpy.builtin.static_fail("only for float32")
        Traceback (most recent call last):
        ...
        parpy._errors.CompileError: only for float32
    """
    raise CompileError(msg)
