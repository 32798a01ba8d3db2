"""Arrays that stay in the memory of a backend.

A `Buffer` is passed to decorated functions like a NumPy array. The CPU backend uses NumPy arrays in
place, so there a buffer is a convenience; programs that use buffers run on every backend alike.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from parpy._buffer import Buffer, allocate, borrow
from parpy._data_type import DataType
from parpy._jit import _require_cpu
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


def sync(backend: CompileBackend) -> None:
    """Waits until everything started on `backend` is done; the same as `parpy.sync`.

    Example:
        >>> import parpy
        >>> parpy.buffer.sync(parpy.CompileBackend.Cpu)
    """
    _require_cpu(backend, "buffer.sync")


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
        NotImplementedError: this version of ParPy does not have the backend.

    Example:
        >>> import parpy
        >>> parpy.buffer.empty((2, 3), parpy.types.F32)
        <parpy.buffer.Buffer of shape (2, 3), float32, parpy.CompileBackend.Cpu>
    """
    _require_cpu(backend, "buffer.empty")
    return Buffer(allocate(_extents(shape), DataType(dtype).to_numpy()))


def zeros(
    shape: int | Sequence[int], dtype: Any, backend: CompileBackend = CompileBackend.Auto
) -> Buffer:
    """A buffer of zeros; arguments and errors are those of `empty`.

    Example:
        >>> import parpy
        >>> parpy.buffer.zeros(3, 'int8').numpy()
        array([0, 0, 0], dtype=int8)
    """
    _require_cpu(backend, "buffer.zeros")
    return Buffer(allocate(_extents(shape), DataType(dtype).to_numpy(), zeroed=True))


def empty_like(b: Buffer) -> Buffer:
    """A new buffer of the shape, type and backend of `b`, its elements whatever was in the memory.

    Example:
        >>> import parpy
        >>> parpy.buffer.empty_like(parpy.buffer.zeros((2, 3), 'f4')).shape
        (2, 3)
    """
    return empty(b.shape, b.dtype, _backend(b))


def zeros_like(b: Buffer) -> Buffer:
    """A new buffer of zeros of the shape, type and backend of `b`.

    Example:
        >>> import parpy
        >>> parpy.buffer.zeros_like(parpy.buffer.empty(2, 'f4')).numpy()
        array([0., 0.], dtype=float32)
    """
    return zeros(b.shape, b.dtype, _backend(b))


def from_array(t: Any, backend: CompileBackend | None) -> Buffer:
    """A buffer with the elements of an array of NumPy, Torch or another library.

    On the CPU backend the buffer borrows the array's memory, and keeps the array alive.

    Args:
        t: an array in CPU memory, or a buffer.
        backend: where the elements are to lie; None describes the array for code generation alone:
            `print_compiled` takes the result, and calls do not.

    Raises:
        TypeError: `t` is no array, not in CPU memory, or of a type that ParPy does not have.
        ValueError: a zero-dimensional array is to be described, which has a value to pass.
        NotImplementedError: this version of ParPy does not have the backend.

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
    if backend is not None:
        _require_cpu(backend, "buffer.from_array")
        return Buffer(borrow(t))
    if isinstance(t, Buffer) and t.backend() is None:
        return t
    array = borrow(t)
    if array.ndim == 0:
        raise ValueError(
            "a zero-dimensional array is passed by value; pass it, or a number, itself"
        )
    interface = array.__array_interface__
    return Buffer(None, {k: interface[k] for k in ("shape", "typestr", "strides")})


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
        ValueError: the address is null or not a multiple of the element size, or an extent is
            negative.
        NotImplementedError: this version of ParPy does not have the backend.

    Example:
        >>> import numpy as np, parpy
        >>> x = np.arange(3.0)
        >>> parpy.buffer.from_raw(x.ctypes.data, 3, parpy.types.F64).numpy()
        array([0., 1., 2.])
    """
    _require_cpu(backend, "buffer.from_raw")
    address, extents, element = operator.index(ptr), _extents(shape), DataType(dtype).to_numpy()
    if 0 in extents:
        return Buffer(np.empty(extents, element))
    if address <= 0 or address % element.itemsize:
        raise ValueError(
            f"{address:#x} is no address of {element} elements: it must be a positive multiple of "
            f"{element.itemsize}"
        )
    holder = _Memory(
        {
            "shape": extents,
            "typestr": element.str,
            "data": (address, False),
            "strides": None,
            "version": 3,
        }
    )
    return Buffer(np.asarray(holder))


class _Memory:
    """Someone else's memory."""

    def __init__(self, interface: dict[str, Any]) -> None:
        self.__array_interface__ = interface


def _backend(b: Buffer) -> CompileBackend:
    if not isinstance(b, Buffer):
        raise TypeError(f"a parpy.buffer.Buffer is needed, not {type(b).__name__}")
    return b.backend() or CompileBackend.Auto


def _extents(shape: int | Sequence[int]) -> tuple[int, ...]:
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    extents = tuple(operator.index(n) for n in given)
    if any(n < 0 for n in extents):
        raise ValueError(f"a shape has no negative extents: {extents}")
    return extents
