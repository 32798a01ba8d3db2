"""The class of arrays that ParPy owns or borrows."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parpy._data_type import DataType
from parpy._options import CompileBackend

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Buffer", "allocate", "borrow"]


class Buffer:
    """An array in the memory of a backend.

    Buffers are made by the functions of `parpy.buffer` and passed to decorated functions like
    NumPy arrays. On the CPU backend a buffer owns page-aligned memory, or borrows that of the array
    it was made of; NumPy and Torch see the same memory without a copy.

    Attributes:
        shape: the extent of each dimension.
        dtype: the type of the elements.

    Example:
        >>> import numpy as np, parpy
        >>> @parpy.jit
        ... def double(x):
        ...     x[:] *= 2.0
        >>> b = parpy.buffer.from_array(np.arange(3.0), parpy.CompileBackend.Cpu)
        >>> double(b)
        >>> b.numpy()
        array([0., 2., 4.])
    """

    # The Swift core reads `_array`, and where that is None, `_description`.
    __slots__ = ("__weakref__", "_array", "_description")

    _array: npt.NDArray[Any] | None
    _description: dict[str, Any] | None

    def __init__(
        self, array: npt.NDArray[Any] | None, description: dict[str, Any] | None = None
    ) -> None:
        self._array = array
        self._description = description

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension."""
        return self._interface()["shape"]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DataType:
        """The type of the elements."""
        if self._array is not None:
            return DataType(self._array.dtype)
        return DataType(self._interface()["typestr"])

    def backend(self) -> CompileBackend | None:
        """The backend in whose memory the elements lie; None for a mere description."""
        return None if self._array is None else CompileBackend.Cpu

    def size(self) -> int:
        """The number of elements.

        Example:
            >>> import parpy
            >>> parpy.buffer.zeros((2, 3), parpy.types.F32).size()
            6
        """
        return math.prod(self.shape)

    def sync(self) -> None:
        """Waits until the elements are what calls so far made them; on the CPU they always are."""

    # --- Other libraries -----------------------------------------------------------------------

    def numpy(self) -> npt.NDArray[Any]:
        """The elements as a NumPy array, in the same memory.

        Raises:
            ValueError: the buffer only describes an array.

        Example:
            >>> import parpy
            >>> b = parpy.buffer.zeros(2, parpy.types.I32)
            >>> b.numpy()[0] = 7
            >>> int(b[0])
            7
        """
        if self._array is None:
            raise ValueError("this buffer only describes an array; it has no elements")
        return self._array

    def torch(self) -> Any:
        """The elements as a Torch tensor, in the same memory wherever Torch can use it.

        Torch has no negative strides and no read-only memory; such elements are copied.

        Raises:
            ModuleNotFoundError: Torch is not installed.
            ValueError: the buffer only describes an array.
        """
        array = self.numpy()
        if any(s < 0 for s in array.strides) or not array.flags.writeable:
            array = array.copy()
        import torch

        return torch.from_numpy(array)

    def torch_ref(self) -> Any:
        """The elements as a Torch tensor in the same memory; never a copy.

        Raises:
            ModuleNotFoundError: Torch is not installed.
            ValueError: Torch cannot use the memory, or there is none.
        """
        array = self.numpy()
        if any(s < 0 for s in array.strides) or not array.flags.writeable:
            raise ValueError(
                "Torch has neither negative strides nor read-only memory; use torch(), which copies"
            )
        return self.torch()

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The elements as a DLPack capsule."""
        given = {
            "stream": stream,
            "max_version": max_version,
            "dl_device": dl_device,
            "copy": copy,
        }
        keywords: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return self.numpy().__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's number of the device, which is the CPU."""
        kind, number = self.numpy().__dlpack_device__()
        return int(kind), number

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The elements as NumPy's protocol describes them."""
        return self.numpy().__array_interface__

    # --- Views and copies ----------------------------------------------------------------------

    def reshape(self, *dims: int | Sequence[int]) -> Buffer:
        """The same memory with other extents; one of them may be -1.

        Raises:
            ValueError: the number of elements differs, or they do not lie so that they could be
                named anew without a copy.

        Example:
            >>> import parpy
            >>> parpy.buffer.zeros(6, parpy.types.F32).reshape(2, -1).shape
            (2, 3)
        """
        array = self.numpy()
        extents = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        reshaped = array.reshape(extents)  # type: ignore[arg-type]
        if reshaped.size and not np.may_share_memory(reshaped, array):
            raise ValueError(
                f"the elements of this buffer cannot be named by {tuple(reshaped.shape)} without a "
                "copy; use copy().reshape(…)"
            )
        return Buffer(reshaped)

    def with_type(self, T: Any) -> Buffer:
        """A new buffer with the elements converted to the type `T`, as NumPy's `astype` does.

        Example:
            >>> import parpy
            >>> parpy.buffer.zeros(2, parpy.types.F64).with_type(parpy.types.I8).numpy()
            array([0, 0], dtype=int8)
        """
        array = self.numpy()
        made = allocate(array.shape, DataType(T).to_numpy())
        np.copyto(made, array, casting="unsafe")
        return Buffer(made)

    def copy(self) -> Buffer:
        """A new buffer with the same elements, one behind the other.

        Example:
            >>> import parpy
            >>> b = parpy.buffer.zeros(2, parpy.types.F64)
            >>> c = b.copy()
            >>> c.numpy()[:] = 1
            >>> float(b[0])
            0.0
        """
        return self.with_type(self.dtype)

    def copy_from(self, t: Any) -> None:
        """Overwrites the elements with those of `t`, an array or buffer of the same shape.

        Raises:
            ValueError: the shapes differ, or the memory is read-only.
            TypeError: `t` is no array, or its type does not convert into this one's kind.

        Example:
            >>> import numpy as np, parpy
            >>> b = parpy.buffer.empty(3, parpy.types.F32)
            >>> b.copy_from(np.arange(3))
            >>> b.numpy()
            array([0., 1., 2.], dtype=float32)
        """
        array, source = self.numpy(), borrow(t)
        if source.shape != array.shape:
            raise ValueError(
                f"an array of shape {source.shape} does not fit a buffer of shape {array.shape}"
            )
        np.copyto(array, source, casting="same_kind")

    # --- Elements ------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """An element as a NumPy scalar, or a part as a buffer; slices share the memory."""
        part = self.numpy()[index]
        return Buffer(part) if isinstance(part, np.ndarray) else part

    def __len__(self) -> int:
        """The extent of the first dimension."""
        if not self.shape:
            raise TypeError("len() of a buffer without dimensions")
        return self.shape[0]

    def __float__(self) -> float:
        """The only element as a float."""
        return float(self._only())

    def __int__(self) -> int:
        """The only element as an integer, rounded towards zero."""
        return int(self._only())

    def __bool__(self) -> bool:
        """Whether the only element is not zero."""
        return bool(self._only())

    def __index__(self) -> int:
        """The only element, which must be an integer."""
        return operator.index(self._only())

    def _only(self) -> Any:
        array = self.numpy()
        if array.size != 1:
            raise TypeError(
                f"only a buffer of one element is a number, and this one has shape {array.shape}"
            )
        return array.reshape(())[()]

    def _interface(self) -> dict[str, Any]:
        if self._array is not None:
            return self._array.__array_interface__
        return self._description or {"shape": (), "typestr": "|b1"}

    def __repr__(self) -> str:
        backend = self.backend()
        where = "no memory" if backend is None else repr(backend)
        return f"<parpy.buffer.Buffer of shape {self.shape}, {self.dtype}, {where}>"


def allocate(
    shape: tuple[int, ...], dtype: np.dtype[Any], *, zeroed: bool = False
) -> npt.NDArray[Any]:
    """A C-contiguous array that begins at a page of memory."""
    import mmap

    page = mmap.PAGESIZE
    size = math.prod(shape) * dtype.itemsize
    memory = (np.zeros if zeroed else np.empty)(size + page, np.uint8)
    start = -memory.__array_interface__["data"][0] % page
    return memory[start : start + size].view(dtype).reshape(shape)


def borrow(t: Any) -> npt.NDArray[Any]:
    """The memory of an array of any library as a NumPy array, without a copy.

    Raises:
        TypeError: `t` is no array in CPU memory.
    """
    if isinstance(t, Buffer):
        return t.numpy()
    array = _borrowed(t)
    DataType(array.dtype)
    return array


def _borrowed(t: Any) -> npt.NDArray[Any]:
    if isinstance(t, (np.ma.MaskedArray, np.matrix)):
        raise TypeError(f"a {type(t).__name__} is not supported; pass a NumPy array")
    if isinstance(t, np.ndarray):
        return t if type(t) is np.ndarray else t.view(np.ndarray)
    if isinstance(t, np.generic):
        return np.asarray(t)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(t, torch.Tensor):
        if t.device.type != "cpu":
            raise TypeError(f"this Tensor lives on {t.device}; pass x.cpu()")
        DataType(t.dtype)
        return t.numpy()  # type: ignore[no-any-return]
    if hasattr(t, "__array_interface__"):
        return np.asarray(t)
    try:
        return np.asarray(memoryview(t))
    except TypeError:
        pass
    if hasattr(t, "__dlpack__") and hasattr(t, "__dlpack_device__"):
        if int(t.__dlpack_device__()[0]) != 1:
            raise TypeError(f"this {type(t).__name__} lives on another device; copy it to the CPU")
        return np.from_dlpack(t)
    if hasattr(t, "__cuda_array_interface__"):
        raise TypeError(f"this {type(t).__name__} lives on a CUDA device; copy it to the CPU")
    raise TypeError(
        f"{type(t).__name__} is not supported; pass a NumPy array, or another array in CPU memory "
        "(buffer protocol, __array_interface__ or DLPack)"
    )
