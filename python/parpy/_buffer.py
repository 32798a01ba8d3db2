"""The class of arrays that ParPy owns or borrows."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from parpy import _device, _native, _shared
from parpy._data_type import DataType
from parpy._layout import Layout
from parpy._native import DeviceArray
from parpy._options import CompileBackend

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Buffer", "allocate", "borrow"]


class Buffer:
    """An array in the memory of a backend.

    Buffers are made by the functions of `parpy.buffer` and passed to decorated functions like
    NumPy arrays. On the CPU backend a buffer owns page-aligned memory, or borrows that of the array
    it was made of; NumPy and Torch see the same memory without a copy.

    On the CUDA backend the elements lie in memory of a GPU, of ParPy's own or borrowed from an
    array of Torch, CuPy or JAX. These libraries see the same memory without a copy; NumPy gets
    copies. Calls and copies that use one buffer run in order, whatever their streams, and a buffer
    may be let go while a GPU uses it.

    On the Metal backend the elements lie in memory that the GPU shares with the host: calls use it
    where it is, and NumPy sees the same memory without a copy.

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
    __slots__ = ("__weakref__", "_array", "_description", "_is_shared")

    _array: npt.NDArray[Any] | DeviceArray | None
    _description: dict[str, Any] | None
    # Whether a NumPy array lies in memory that Metal's GPU reaches.
    _is_shared: bool

    def __init__(
        self,
        array: npt.NDArray[Any] | DeviceArray | None,
        description: dict[str, Any] | None = None,
        *,
        is_shared: bool = False,
    ) -> None:
        self._array = array
        self._description = description
        self._is_shared = is_shared

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each dimension."""
        if self._array is not None:
            return self._array.shape
        return self._described()["shape"]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DataType:
        """The type of the elements."""
        if self._array is not None:
            return DataType(self._array.dtype)
        return DataType(self._described()["typestr"])

    def backend(self) -> CompileBackend | None:
        """The backend in whose memory the elements lie; None for a mere description."""
        if self._array is None:
            return None
        if self._on_device():
            return CompileBackend.Cuda
        return CompileBackend.Metal if self._is_shared else CompileBackend.Cpu

    def size(self) -> int:
        """The number of elements.

        Example:
            >>> import parpy
            >>> parpy.buffer.zeros((2, 3), parpy.types.F32).size()
            6
        """
        return math.prod(self.shape)

    def sync(self) -> None:
        """Waits until the elements are what calls so far made them; but on CUDA they always are.

        Raises:
            RuntimeError: a kernel has failed.
        """
        if (array := self._on_device()) is not None:
            array.synchronize()

    # --- Other libraries -----------------------------------------------------------------------

    def numpy(self) -> npt.NDArray[Any]:
        """The elements as a NumPy array: copied on CUDA, else in the same memory.

        Raises:
            ValueError: the buffer only describes an array.

        Example:
            >>> import parpy
            >>> b = parpy.buffer.zeros(2, parpy.types.I32)
            >>> b.numpy()[0] = 7
            >>> int(b[0])
            7
        """
        if (array := self._on_device()) is not None:
            return _device.download(array)
        return self._elements()

    def torch(self) -> Any:
        """The elements as a Torch tensor, in the same memory wherever Torch can use it.

        Torch has no negative strides and no read-only memory; such elements are copied. Calls that
        use the memory run on Torch's current stream from then on.

        Raises:
            ModuleNotFoundError: Torch is not installed.
            ValueError: the buffer only describes an array.
        """
        return (self if self._suits_torch() else self.copy()).torch_ref()

    def torch_ref(self) -> Any:
        """The elements as a Torch tensor in the same memory; never a copy.

        Raises:
            ModuleNotFoundError: Torch is not installed.
            ValueError: Torch cannot use the memory, or there is none.
        """
        if not self._suits_torch():
            raise ValueError(
                "Torch has neither negative strides nor read-only memory; use torch(), which copies"
            )
        import torch

        array = self._on_device()
        if array is None:
            return torch.from_numpy(self._elements())
        tensor = torch.from_dlpack(self)
        array.follow(tensor)
        return tensor

    def _suits_torch(self) -> bool:
        array = self._on_device() or self._elements()
        is_read_only = (
            array.is_read_only if isinstance(array, DeviceArray) else not array.flags.writeable
        )
        return not is_read_only and all(s >= 0 for s in array.strides)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The elements as a DLPack capsule, in order with work that comes on `stream`."""
        if (array := self._on_device()) is not None:
            return _device.dlpack(self, array, stream, max_version, dl_device, copy)
        given = {
            "stream": stream,
            "max_version": max_version,
            "dl_device": dl_device,
            "copy": copy,
        }
        keywords: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return self._elements().__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's numbers of the device: (1, 0) is the CPU, (2, n) a GPU."""
        if (array := self._on_device()) is not None:
            return 2, array.device
        kind, number = self._elements().__dlpack_device__()
        return int(kind), number

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The elements as NumPy's protocol describes them; not there on a GPU."""
        if self._on_device() is not None:
            raise AttributeError("the elements of this buffer lie on a GPU; numpy() copies them")
        return self._elements().__array_interface__

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The elements as Numba's protocol describes them; not there on the CPU."""
        if (array := self._on_device()) is None:
            raise AttributeError("the elements of this buffer do not lie on a GPU")
        return _device.interface(array)

    def __array__(
        self, dtype: npt.DTypeLike | None = None, *, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """The elements for `np.asarray`, copied from a GPU."""
        if copy is False and self._on_device() is not None:
            raise ValueError("the elements of this buffer lie on a GPU, and must be copied")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

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
        array = self._on_device() or self._elements()
        given = dims[0] if len(dims) == 1 and isinstance(dims[0], Sequence) else dims
        extents = tuple(operator.index(n) for n in given)  # type: ignore[arg-type]
        part = Layout(0, self.shape, array.strides).reshaped(extents)
        if part is None:
            raise ValueError(
                f"the elements of this buffer cannot be named by {extents} without a copy; use "
                "copy().reshape(…)"
            )
        if isinstance(array, DeviceArray):
            return Buffer(_device.view(array, part))
        return Buffer(array.reshape(part.shape), is_shared=self._is_shared)

    def with_type(self, T: Any) -> Buffer:
        """A new buffer with the elements converted to the type `T`, as NumPy's `astype` does.

        Example:
            >>> import parpy
            >>> parpy.buffer.zeros(2, parpy.types.F64).with_type(parpy.types.I8).numpy()
            array([0, 0], dtype=int8)
        """
        if (on_device := self._on_device()) is not None:
            return Buffer(_device.converted(on_device, DataType(T)))
        array = self._elements()
        make = _shared.allocate if self._is_shared else allocate
        made = make(array.shape, DataType(T).to_numpy())
        np.copyto(made, array, casting="unsafe")
        return Buffer(made, is_shared=self._is_shared)

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
        target, source = self._array, borrow_anywhere(t)
        if source.shape != self.shape:
            raise ValueError(
                f"an array of shape {source.shape} does not fit a buffer of shape {self.shape}"
            )
        if isinstance(target, DeviceArray):
            _device.overwrite(target, source)
        else:
            elements = _device.download(source) if isinstance(source, DeviceArray) else source
            np.copyto(self._elements(), elements, casting="same_kind")

    # --- Elements ------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        """An element as a NumPy scalar, or a part as a buffer; slices share the memory.

        On a GPU an index has integers, slices, `...` and None, and an element is waited for.
        """
        if (array := self._on_device()) is not None:
            chosen = Buffer(_device.view(array, _device.layout(array)[index]))
            parts = index if isinstance(index, tuple) else (index,)
            is_element = not chosen.shape and not any(part is ... for part in parts)
            return chosen._only() if is_element else chosen
        part = self._elements()[index]
        if not isinstance(part, np.ndarray):
            return part
        is_view = self._is_shared and (part.size == 0 or _shared.holds(part))
        return Buffer(part, is_shared=is_view)

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
        if self._array is not None and self.size() != 1:
            raise TypeError(
                f"only a buffer of one element is a number, and this one has shape {self.shape}"
            )
        return self.numpy().reshape(())[()]

    def _on_device(self) -> DeviceArray | None:
        """The elements that lie on a GPU; None where they do not."""
        return self._array if isinstance(self._array, DeviceArray) else None

    def _elements(self) -> npt.NDArray[Any]:
        """The elements in memory of the host."""
        if self._array is None or isinstance(self._array, DeviceArray):
            raise ValueError("this buffer only describes an array; it has no elements")
        return self._array

    def _described(self) -> dict[str, Any]:
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


def borrow_anywhere(t: Any) -> npt.NDArray[Any] | DeviceArray:
    """The memory of an array of any library, without a copy, wherever it lies.

    Raises:
        TypeError: `t` is no array in memory of the CPU or of a CUDA device.
    """
    if isinstance(t, Buffer) and (array := t._on_device()) is not None:
        return array
    if not isinstance(t, Buffer) and _device.lies_on_device(t):
        found = _native.device_borrow(t)
        if found is not None:
            return found
    return borrow(t)


def borrow(t: Any) -> npt.NDArray[Any]:
    """The memory of an array of any library as a NumPy array, without a copy.

    Raises:
        TypeError: `t` is no array in CPU memory.
    """
    if isinstance(t, Buffer):
        return t._elements() if t._on_device() is None else t.numpy()
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
