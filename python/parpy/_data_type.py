"""The type of a buffer's elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from parpy.types import ElemSize

__all__ = ["DataType"]


class DataType:
    """The type of a buffer's elements; equal to the `ElemSize` that it stands for.

    Args:
        dtype: an `ElemSize`, a `DataType`, anything that NumPy takes as a dtype, or a Torch dtype.

    Raises:
        TypeError: ParPy has no such type.

    Attributes:
        elem: the `ElemSize`.

    Example:
        >>> import numpy as np
        >>> from parpy.buffer import DataType
        >>> from parpy.types import F32
        >>> DataType(np.float32), DataType(F32).size(), DataType('f4') == F32
        (parpy.buffer.DataType('float32'), 4, True)
    """

    __slots__ = ("elem",)

    elem: ElemSize

    def __init__(self, dtype: Any) -> None:
        if isinstance(dtype, DataType):
            self.elem = dtype.elem
            return
        if isinstance(dtype, ElemSize):
            self.elem = dtype
            return
        self.elem = _element(dtype)

    def size(self) -> int:
        """The size of one element in bytes."""
        return self.elem.size()

    def to_numpy(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return self.elem.to_numpy()

    def to_torch(self) -> Any:
        """The Torch dtype; see `ElemSize.to_torch`."""
        return self.elem.to_torch()

    def to_ctype(self) -> Any:
        """The `ctypes` type; see `ElemSize.to_ctype`."""
        return self.elem.to_ctype()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DataType):
            return self.elem is other.elem
        return self.elem is other if isinstance(other, ElemSize) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.elem)

    def __str__(self) -> str:
        """NumPy's name of the type."""
        return self.elem.value

    def __repr__(self) -> str:
        return f"parpy.buffer.DataType({self.elem.value!r})"

    def __reduce__(self) -> tuple[type[DataType], tuple[ElemSize]]:
        return DataType, (self.elem,)


def _element(dtype: Any) -> ElemSize:
    # A Torch dtype prints as `torch.float32`; no other library's does.
    text = str(dtype)
    if text.startswith("torch."):
        name = text.removeprefix("torch.")
    else:
        if text == "bfloat16":
            return ElemSize.BF16
        try:
            found = np.dtype(dtype)
        except TypeError:
            raise TypeError(f"{dtype!r} is no element type; {_supported()}") from None
        if not found.isnative:
            raise TypeError(f"elements of type {found} are byte-swapped; {_supported()}")
        name = found.name
    try:
        return ElemSize(name)
    except ValueError:
        raise TypeError(f"elements of type {name} are not supported; {_supported()}") from None


def _supported() -> str:
    return "supported are " + ", ".join(e.value for e in ElemSize)
