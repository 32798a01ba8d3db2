"""The scalar types of ParPy's language."""

from __future__ import annotations

import enum
import operator
from collections.abc import Sequence
from typing import Any, final

import numpy as np

__all__ = [
    "BF16",
    "C64",
    "C128",
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
    BF16 = "bfloat16"
    C64 = "complex64"
    C128 = "complex128"

    def __repr__(self) -> str:
        """The name under which the type is imported."""
        return f"parpy.types.{self.name}"

    def size(self) -> int:
        """The size of one element in bytes."""
        return 2 if self is ElemSize.BF16 else self.to_numpy().itemsize

    def to_numpy(self) -> np.dtype[Any]:
        """The NumPy dtype.

        Raises:
            ModuleNotFoundError: the type is `BF16` and `ml_dtypes` is not installed.
        """
        if self is ElemSize.BF16:
            import ml_dtypes

            own: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return own
        dtype: np.dtype[Any] = np.dtype(self.value)
        return dtype

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
            ValueError: C has no such type, or `ctypes` does not: so it is for `F16`, `BF16`,
                `C64` and `C128`.
        """
        import ctypes

        if self in (ElemSize.C64, ElemSize.C128):
            raise ValueError(
                f"ctypes has no complex types; pass the two parts of a {self!r} one by one"
            )
        if self in (ElemSize.F16, ElemSize.BF16):
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
BF16 = ElemSize.BF16
C64 = ElemSize.C64
C128 = ElemSize.C128


@final
class TypeVariable:
    """Stands for one element type: the same one everywhere in a call. Made by `type_var()`."""

    __slots__ = ("__weakref__", "type")

    def __init__(self) -> None:
        self.type: np.dtype[Any] | None = None


@final
class ShapeVariable:
    """Stands for one extent: the same one everywhere in a call. Made by `shape_var()`.

    While a function runs in plain Python through `opts=parpy.seq()`, it counts as that integer.
    """

    __slots__ = ("__weakref__", "extent")

    def __init__(self) -> None:
        self.extent: int | None = None

    def __index__(self) -> int:
        """The extent in the call that runs now.

        Raises:
            RuntimeError: no such call runs.
        """
        if self.extent is None:
            raise RuntimeError(
                "a shape variable has a value only while a function that it annotates runs; in "
                "plain Python call it with opts=parpy.seq()"
            )
        return self.extent

    __int__ = __index__

    def __float__(self) -> float:
        """The extent as a float."""
        return float(self.__index__())

    def __neg__(self) -> int:
        """The negative extent."""
        return -self.__index__()


def _arithmetic() -> None:
    """Gives `ShapeVariable` the operators of `int`, `==` excepted: it is compared by identity."""
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge"):
        left = getattr(operator, name)
        setattr(ShapeVariable, f"__{name}__", lambda a, b, f=left: f(int(a), b))
        setattr(ShapeVariable, f"__r{name}__", lambda a, b, f=left: f(b, int(a)))


_arithmetic()


@final
class BufferType:
    """Annotates an array parameter. Made by `buffer(elem, shape)`.

    Attributes:
        elem: the element type, or a variable that stands for it.
        shape: an extent or a variable for each dimension; None where any shape will do.
    """

    __slots__ = ("elem", "shape")

    def __init__(
        self, elem: ElemSize | TypeVariable, shape: tuple[int | ShapeVariable, ...] | None
    ) -> None:
        self.elem = elem
        self.shape = shape

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"parpy.types.buffer({self.elem!r}, {None if self.shape is None else [*self.shape]})"


@final
class PointerType:
    """Annotates a pointer parameter of an external function. Made by `pointer(elem)`."""

    __slots__ = ("elem",)

    def __init__(self, elem: ElemSize) -> None:
        self.elem = elem

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"parpy.types.pointer({self.elem!r})"


def buffer(
    elem: ElemSize | TypeVariable, shape: Sequence[int | ShapeVariable] | None = None
) -> BufferType:
    """Annotates an array parameter of element type `elem` and of `shape`.

    Args:
        elem: a type, or a variable of `type_var()`.
        shape: for each dimension an extent or a variable of `shape_var()`; None for any shape.

    Raises:
        TypeError: `elem` or an entry of `shape` is something else.

    Example:
        >>> import parpy
        >>> from parpy.types import F32, buffer, shape_var
        >>> N = shape_var()
        >>> @parpy.jit
        ... def scale(x: buffer(F32, [N]), a: F32):
        ...     for i in range(N):
        ...         x[i] *= a
    """
    if not isinstance(elem, (ElemSize, TypeVariable)):
        raise TypeError(f"the element type of a buffer is a parpy.types type, not {elem!r}")
    if shape is None:
        return BufferType(elem, None)
    if isinstance(shape, (int, np.integer, ShapeVariable, str)):
        raise TypeError(f"a shape is a list of extents, such as [N, 3], not {shape!r}")
    extents = tuple(shape)
    for extent in extents:
        if isinstance(extent, bool) or not isinstance(extent, (int, np.integer, ShapeVariable)):
            raise TypeError(f"an extent is an integer or a shape variable, not {extent!r}")
    return BufferType(elem, extents)


def pointer(elem: ElemSize) -> PointerType:
    """Annotates a pointer parameter of an external function.

    Raises:
        TypeError: `elem` is not a scalar type.
    """
    if not isinstance(elem, ElemSize):
        raise TypeError(f"a pointer is to a parpy.types type, not {elem!r}")
    return PointerType(elem)


def symbol() -> ShapeVariable:
    """A variable that stands for one extent; the same as `shape_var`."""
    return ShapeVariable()


def shape_var() -> ShapeVariable:
    """A variable that stands for one extent, the same everywhere in a call.

    A loop over `range(N)` for such a variable `N` bears the label `"N"`.
    """
    return ShapeVariable()


def type_var() -> TypeVariable:
    """A variable that stands for one element type, the same everywhere in a call."""
    return TypeVariable()
