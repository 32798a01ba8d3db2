"""The scalar types of ParPy's language."""

from __future__ import annotations

import enum
from typing import Any, NoReturn

import numpy as np

__all__ = [
    "F16",
    "F32",
    "F64",
    "I8",
    "I16",
    "I32",
    "I64",
    "U8",
    "U16",
    "U32",
    "U64",
    "Bool",
    "ElemSize",
    "buffer",
    "pointer",
    "shape_var",
    "symbol",
    "type_var",
]


class ElemSize(enum.Enum):
    """The type of one scalar or of one array element; the value is NumPy's name of it.

    Example:
        >>> from parpy.types import F32, ElemSize
        >>> F32.size(), F32.to_numpy()
        (4, dtype('float32'))
        >>> ElemSize.F32 is F32
        True
    """

    Bool = "bool"
    I8 = "int8"
    I16 = "int16"
    I32 = "int32"
    I64 = "int64"
    U8 = "uint8"
    U16 = "uint16"
    U32 = "uint32"
    U64 = "uint64"
    F16 = "float16"
    F32 = "float32"
    F64 = "float64"

    def __repr__(self) -> str:
        """The name under which the type is imported."""
        return f"parpy.types.{self.name}"

    def size(self) -> int:
        """The size of one element in bytes."""
        return self.to_numpy().itemsize

    def to_numpy(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return np.dtype(self.value)

    def to_torch(self) -> Any:
        """The Torch dtype.

        Raises:
            ModuleNotFoundError: Torch is not installed.
            ValueError: the installed Torch has no such dtype.
        """
        import torch

        dtype = getattr(torch, self.value, None)
        if dtype is None:
            raise ValueError(f"this version of Torch has no dtype for {self!r}")
        return dtype

    def to_ctype(self) -> Any:
        """The `ctypes` type.

        Raises:
            ValueError: C has no such type; so it is for `F16`.
        """
        import ctypes

        if self is ElemSize.F16:
            raise ValueError(
                f"ctypes has no half-precision type; pass the bits of a {self!r} as ctypes.c_uint16"
            )
        name = self.value.replace("float32", "float").replace("float64", "double")
        return getattr(ctypes, f"c_{name}")


Bool = ElemSize.Bool
I8 = ElemSize.I8
I16 = ElemSize.I16
I32 = ElemSize.I32
I64 = ElemSize.I64
U8 = ElemSize.U8
U16 = ElemSize.U16
U32 = ElemSize.U32
U64 = ElemSize.U64
F16 = ElemSize.F16
F32 = ElemSize.F32
F64 = ElemSize.F64


def _later(name: str) -> NoReturn:
    raise NotImplementedError(
        f"parpy.types.{name} is not in this version of ParPy yet; leave the parameter without an "
        "annotation: types and shapes are taken from the arguments of each call"
    )


def buffer(elem: ElemSize, shape: object) -> NoReturn:
    """Annotates an array parameter of element type `elem` and of `shape`.

    Raises:
        NotImplementedError: always, in this version.
    """
    _later("buffer")


def pointer(elem: ElemSize) -> NoReturn:
    """Annotates a pointer parameter of an external function.

    Raises:
        NotImplementedError: always, in this version.
    """
    _later("pointer")


def symbol() -> NoReturn:
    """A variable that stands for one extent.

    Raises:
        NotImplementedError: always, in this version.
    """
    _later("symbol")


def shape_var() -> NoReturn:
    """A variable that stands for one extent; the same as `symbol`.

    Raises:
        NotImplementedError: always, in this version.
    """
    _later("shape_var")


def type_var() -> NoReturn:
    """A variable that stands for one element type.

    Raises:
        NotImplementedError: always, in this version.
    """
    _later("type_var")
