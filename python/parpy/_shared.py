"""Memory that Metal's GPU shares with the host, as NumPy arrays; see `parpy.buffer.Buffer`."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from parpy import _native
from parpy._layout import Layout

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["allocate", "contains", "holds", "upload"]


class _Memory:
    """Bytes of such memory, for as long as an array over them lives."""

    def __init__(self, size: int, zeroed: bool) -> None:
        address, self._owner = _native.metal_allocate(min(size, sys.maxsize), zeroed)
        self.__array_interface__ = {
            "shape": (size,),
            "typestr": "|u1",
            "data": (address, False),
            "version": 3,
        }


def allocate(
    shape: tuple[int, ...], dtype: np.dtype[Any], *, zeroed: bool = False
) -> npt.NDArray[Any]:
    """A new C-contiguous array."""
    memory = np.asarray(_Memory(math.prod(shape) * dtype.itemsize, zeroed))
    return memory.view(dtype).reshape(shape)


def upload(source: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A new array with the elements of another."""
    made = allocate(source.shape, source.dtype)
    np.copyto(made, source)
    return made


def holds(array: npt.NDArray[Any]) -> bool:
    """Whether all elements lie in such memory; not so where there are none."""
    if array.size == 0:
        return False
    address = array.__array_interface__["data"][0]
    low, high = Layout(0, array.shape, array.strides).reach(array.itemsize)
    return contains(address + low, high - low)


def contains(address: int, size: int) -> bool:
    """Whether so many bytes, at least one, lie in one such memory."""
    return _native.metal_holds(address, min(size, sys.maxsize))
