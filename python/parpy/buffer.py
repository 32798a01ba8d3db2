"""Arrays that stay in the memory of a backend.

A `Buffer` is passed to decorated functions like a NumPy array. The CPU backend uses NumPy arrays in
place, so there a buffer is a convenience. To the CUDA backend NumPy arrays are copied at each call,
and copied back; a buffer is not. What is made there lies on the
current GPU: the first that `CUDA_VISIBLE_DEVICES` shows, unless another library has chosen one for
the thread, as `torch.cuda.set_device` does. On Metal a buffer lies in memory that the GPU shares,
and NumPy arrays over it are not copied either. Programs that use buffers run on every backend
alike.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from parpy import _device, _native, _shared
from parpy._buffer import Buffer, allocate, borrow, borrow_anywhere
from parpy._data_type import DataType
from parpy._jit import _settled, sync
from parpy._native import DeviceArray
from parpy._options import CompileBackend

__all__ = [
    "Buffer",
    "DataType",
    "empty",
    "empty_like",
    "from_array",
    "from_raw",
    "sync",
    "zeros",
    "zeros_like",
]


def empty(
    shape: int | Sequence[int], dtype: Any, backend: CompileBackend = CompileBackend.Auto
) -> Buffer:
    """A buffer whose elements are whatever was in the memory.

    Args:
        shape: the extent of each dimension; an integer stands for one dimension.
        dtype: the type of the elements, as `DataType` takes it.
        backend: where the memory is to lie.

    Raises:
        TypeError: ParPy has no such element type, or an extent is no integer.
        ValueError: an extent is negative.
        RuntimeError: the backend cannot be used here.
        MemoryError: there is not enough memory; of a GPU it is a RuntimeError, too.

    Example:
        >>> import parpy
        >>> parpy.buffer.empty((2, 3), parpy.types.F32)
        <parpy.buffer.Buffer of shape (2, 3), float32, parpy.CompileBackend.Cpu>
    """
    return _made(shape, dtype, _settled(backend))


def zeros(
    shape: int | Sequence[int], dtype: Any, backend: CompileBackend = CompileBackend.Auto
) -> Buffer:
    """A buffer of zeros; arguments and errors are those of `empty`.

    Example:
        >>> import parpy
        >>> parpy.buffer.zeros(3, 'int8').numpy()
        array([0, 0, 0], dtype=int8)
    """
    return _made(shape, dtype, _settled(backend), zeroed=True)


def empty_like(b: Buffer) -> Buffer:
    """A new buffer like `b`, on the same GPU, its elements whatever was in the memory.

    Example:
        >>> import parpy
        >>> parpy.buffer.empty_like(parpy.buffer.zeros((2, 3), 'f4')).shape
        (2, 3)
    """
    return _made_like(b)


def zeros_like(b: Buffer) -> Buffer:
    """A new buffer of zeros like `b`, on the same GPU.

    Example:
        >>> import parpy
        >>> parpy.buffer.zeros_like(parpy.buffer.empty(2, 'f4')).numpy()
        array([0., 0.], dtype=float32)
    """
    return _made_like(b, zeroed=True)


def from_array(t: Any, backend: CompileBackend | None) -> Buffer:
    """A buffer with the elements of an array of NumPy, Torch or another library.

    Where the array lies in the backend's memory already, the buffer borrows it, and keeps the array
    alive; calls then run on the stream that the array's library works on. Arrays in CPU memory are
    copied to a GPU.

    Args:
        t: an array in CPU memory or on a CUDA device, or a buffer.
        backend: where the elements are to lie; None describes the array for code generation alone:
            `print_compiled` takes the result, and calls do not.

    Raises:
        TypeError: `t` is no array, in memory that the backend does not reach, or of a type that
            ParPy does not have.
        ValueError: a zero-dimensional array is to be described, which has a value to pass.
        RuntimeError: the backend cannot be used here.

    Example:
        >>> import numpy as np, parpy
        >>> x = np.arange(3.0)
        >>> b = parpy.buffer.from_array(x, parpy.CompileBackend.Cpu)
        >>> x[0] = 5
        >>> float(b[0])
        5.0
        >>> def fill(x):
        ...     x[:] = 1.0
        >>> shape = parpy.buffer.from_array(x, None)
        >>> 'float64[3]' in parpy.print_compiled(fill, [shape])
        True
    """
    if backend is None:
        return _description(t)
    settled = _settled(backend)
    if settled is CompileBackend.Cpu:
        return Buffer(borrow(t))
    if settled is CompileBackend.Metal:
        source = borrow(t)
        return Buffer(source if _shared.holds(source) else _shared.upload(source), is_shared=True)
    array = borrow_anywhere(t)
    return Buffer(array if isinstance(array, DeviceArray) else _device.upload(array))


def _description(t: Any) -> Buffer:
    """A buffer without memory of the shape, strides and type of an array."""
    if isinstance(t, Buffer) and t.backend() is None:
        return t
    array = borrow_anywhere(t)
    if not array.shape:
        raise ValueError(
            "a zero-dimensional array is passed by value; pass it, or a number, itself"
        )
    return Buffer(
        None,
        {
            "shape": array.shape,
            "typestr": DataType(array.dtype).to_numpy().str,
            "strides": array.strides,
        },
    )


def from_raw(
    ptr: int,
    shape: int | Sequence[int],
    dtype: Any,
    backend: CompileBackend = CompileBackend.Auto,
) -> Buffer:
    """A buffer over memory that someone else owns, and keeps for as long as the buffer is used.

    Args:
        ptr: the address of the first element; the others follow in C's order.
        shape: the extent of each dimension; an integer stands for one dimension.
        dtype: the type of the elements, as `DataType` takes it.
        backend: where the memory lies.

    Raises:
        TypeError: `ptr` or an extent is no integer, or ParPy has no such element type.
        ValueError: the address is null, not a multiple of the element size or not in memory of the
            backend, or an extent is negative.
        RuntimeError: the backend cannot be used here.

    Example:
        >>> import numpy as np, parpy
        >>> x = np.arange(3.0)
        >>> parpy.buffer.from_raw(x.ctypes.data, 3, parpy.types.F64).numpy()
        array([0., 1., 2.])
    """
    settled = _settled(backend)
    address, extents, kind = operator.index(ptr), _extents(shape), DataType(dtype)
    if 0 in extents:
        return _made(extents, kind, settled)
    if not 0 < address < 1 << 64 or address % kind.size():
        raise ValueError(
            f"{address:#x} is no address of {kind} elements: it must be a positive multiple of "
            f"{kind.size()}"
        )
    if settled is CompileBackend.Cuda:
        return Buffer(_native.device_address(address, extents, kind.elem.value))
    is_shared = settled is CompileBackend.Metal
    if is_shared and not _shared.contains(address, math.prod(extents) * kind.size()):
        raise ValueError(f"{address:#x} is no address of so many elements in memory of a buffer")
    holder = _Memory(
        {
            "shape": extents,
            "typestr": kind.to_numpy().str,
            "data": (address, False),
            "strides": None,
            "version": 3,
        }
    )
    return Buffer(np.asarray(holder), is_shared=is_shared)


def _made(
    shape: int | Sequence[int], dtype: Any, backend: CompileBackend, *, zeroed: bool = False
) -> Buffer:
    extents, kind = _extents(shape), DataType(dtype)
    if backend is CompileBackend.Cuda:
        return Buffer(_device.allocate(extents, kind, zeroed=zeroed))
    if backend is CompileBackend.Metal:
        return Buffer(_shared.allocate(extents, kind.to_numpy(), zeroed=zeroed), is_shared=True)
    return Buffer(allocate(extents, kind.to_numpy(), zeroed=zeroed))


def _made_like(b: Buffer, *, zeroed: bool = False) -> Buffer:
    """A buffer of the shape, type and backend of another, and on the same GPU."""
    if not isinstance(b, Buffer):
        raise TypeError(f"a parpy.buffer.Buffer is needed, not {type(b).__name__}")
    if (array := b._on_device()) is not None:
        return Buffer(_device.allocate(b.shape, b.dtype, zeroed=zeroed, device=array.device))
    return (zeros if zeroed else empty)(b.shape, b.dtype, b.backend() or CompileBackend.Auto)


class _Memory:
    """Someone else's memory."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


def _extents(shape: int | Sequence[int]) -> tuple[int, ...]:
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    extents = tuple(operator.index(n) for n in given)
    if any(n < 0 for n in extents):
        raise ValueError(f"a shape has no negative extents: {extents}")
    return extents
