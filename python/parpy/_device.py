"""Arrays in the memory of a GPU: what `parpy.buffer.Buffer` does with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from parpy import _native
from parpy._data_type import DataType
from parpy._layout import Layout
from parpy._native import DeviceArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from parpy._buffer import Buffer

__all__ = [
    "allocate",
    "assign",
    "converted",
    "dlpack",
    "download",
    "interface",
    "layout",
    "lies_on_device",
    "overwrite",
    "upload",
    "view",
]

# DLPack's numbers of what lies on CUDA devices: their own memory, and managed memory.
_CUDA_KINDS = (2, 13)


def lies_on_device(t: Any) -> bool:
    """Whether an array of some library says that it lies in the memory of a CUDA device."""
    device = getattr(t, "__dlpack_device__", None)
    if device is not None:
        return int(device()[0]) in _CUDA_KINDS
    return hasattr(t, "__cuda_array_interface__")


# The device of the thread's context, which other libraries may choose.
_CURRENT = -1


def allocate(
    shape: tuple[int, ...], dtype: DataType, *, zeroed: bool = False, device: int = _CURRENT
) -> DeviceArray:
    """A new contiguous array."""
    return _native.device_allocate(shape, dtype.elem.value, zeroed, device)


# --- Views ----------------------------------------------------------------------------------


def layout(array: DeviceArray) -> Layout:
    """Where the elements lie from the first one on."""
    return Layout(0, array.shape, array.strides)


def view(array: DeviceArray, part: Layout) -> DeviceArray:
    """A part of an array, in the same memory."""
    return array.view(part.offset, part.shape, part.strides)


# --- Copies ---------------------------------------------------------------------------------


def upload(source: npt.NDArray[Any], device: int = _CURRENT) -> DeviceArray:
    """A new array with the elements of one of the host."""
    made = allocate(source.shape, DataType(source.dtype), device=device)
    made.copy_in(_bytes(np.ascontiguousarray(source)))
    return made


def download(array: DeviceArray) -> npt.NDArray[Any]:
    """A new array of the host with the elements of one of a GPU."""
    dtype = DataType(array.dtype)
    made = np.empty(array.shape, dtype.to_numpy())
    source = array if array.is_contiguous else converted(array, dtype)
    source.copy_out(_bytes(made))
    return made


def converted(array: DeviceArray, dtype: DataType) -> DeviceArray:
    """A new contiguous array with the elements converted to another type."""
    made = allocate(array.shape, dtype, device=array.device)
    assign(made, array)
    return made


def assign(target: DeviceArray, source: DeviceArray) -> None:
    """Overwrites elements with those of an array of the same shape, converted as `astype` does."""
    if math.prod(target.shape) == 0:
        return
    if target.device != source.device:
        # No kernel sees both, so the elements go through memory of the host.
        source = upload(download(source), target.device)
    is_same_type = target.dtype == source.dtype
    if _overlap(target, source):
        source = converted(source, DataType(source.dtype))
    if is_same_type and target.is_contiguous and source.is_contiguous:
        target.copy_from(source)
    elif source.dtype.startswith("complex") and not target.dtype.startswith("complex"):
        # A kernel cannot drop the imaginary parts with NumPy's warning.
        numbers = download(source).astype(DataType(target.dtype).to_numpy())
        assign(target, upload(numbers, target.device))
    else:
        _assign(target, source, *_collapsed(target, source))


def overwrite(target: DeviceArray, source: DeviceArray | npt.NDArray[Any]) -> None:
    """Overwrites elements with those of an array of the same shape, wherever it lies.

    Raises:
        ValueError: the elements must not be written.
        TypeError: the type of `source` does not convert into the kind of `target`'s.
    """
    if target.is_read_only:
        raise ValueError("the memory of this buffer is read-only")
    given, wanted = DataType(source.dtype), DataType(target.dtype)
    if given != wanted and not np.can_cast(given.to_numpy(), wanted.to_numpy(), "same_kind"):
        raise TypeError(
            f"elements of type {given} do not become {wanted}, which is of another kind; use "
            "with_type(…)"
        )
    if isinstance(source, DeviceArray):
        assign(target, source)
    elif target.is_contiguous:
        target.copy_in(_bytes(np.ascontiguousarray(source, wanted.to_numpy())))
    else:
        assign(target, upload(source, target.device))


def _bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The bytes of a contiguous array, whatever its element type."""
    return array.reshape(-1).view(np.uint8)


def _overlap(a: DeviceArray, b: DeviceArray) -> bool:
    """Whether an element of one may lie where one of the other does."""
    (a_low, a_high), (b_low, b_high) = _reach(a), _reach(b)
    return a_low < b_high and b_low < a_high


def _reach(array: DeviceArray) -> tuple[int, int]:
    """The address of the first byte of any element, and that behind the last."""
    low, high = layout(array).reach(DataType(array.dtype).size())
    return array.address + low, array.address + high


def _collapsed(target: DeviceArray, source: DeviceArray) -> tuple[Layout, Layout]:
    """Both arrays with as few dimensions as name their elements, one at least."""
    dimensions: list[tuple[int, int, int]] = []
    for n, t, s in zip(target.shape, target.strides, source.strides, strict=True):
        if n == 1:
            continue
        if dimensions and dimensions[-1][1:] == (n * t, n * s):
            dimensions[-1] = (dimensions[-1][0] * n, t, s)
        else:
            dimensions.append((n, t, s))
    if not dimensions:
        dimensions = [(1, DataType(target.dtype).size(), DataType(source.dtype).size())]
    shape, targets, sources = zip(*dimensions, strict=True)
    return Layout(0, shape, targets), Layout(0, shape, sources)


def _assign(target: DeviceArray, source: DeviceArray, to: Layout, of: Layout) -> None:
    """Copies by a kernel; dimensions that it does not have are loops here."""
    from parpy._buffer import Buffer
    from parpy._device_kernels import MOST_DIMENSIONS, assignment

    if len(to.shape) > MOST_DIMENSIONS:
        for i in range(to.shape[0]):
            _assign(target, source, to[i], of[i])
        return
    kernel = assignment(len(to.shape), DataType(target.dtype).elem)
    kernel(Buffer(view(target, to)), Buffer(view(source, of)))


# --- Other libraries ------------------------------------------------------------------------


def dlpack(
    buffer: Buffer,
    array: DeviceArray,
    stream: int | None,
    max_version: tuple[int, int] | None,
    dl_device: tuple[Any, int] | None,
    copy: bool | None,
) -> Any:
    """A DLPack capsule, whose elements are ready for work that comes on `stream`."""
    if dl_device is not None and (int(dl_device[0]), dl_device[1]) != buffer.__dlpack_device__():
        if int(dl_device[0]) != 1 or copy is False:
            raise BufferError(f"this buffer cannot be exported to the device {dl_device}")
        return buffer.numpy().__dlpack__(max_version=max_version)
    if copy:
        return buffer.copy().__dlpack__(stream=stream, max_version=max_version)
    if stream == 0:
        raise ValueError("the stream 0 is ambiguous in DLPack: 1 is the legacy default stream")
    if stream != -1:
        array.order(1 if stream is None else stream)
    is_versioned = max_version is not None and max_version[0] >= 1
    if array.is_read_only and not is_versioned:
        raise BufferError("a read-only buffer is exported by DLPack 1 alone")
    return array.dlpack(is_versioned)


def interface(array: DeviceArray) -> dict[str, Any]:
    """What `__cuda_array_interface__` is: ready on the legacy default stream."""
    if array.dtype == "bfloat16":
        raise AttributeError("__cuda_array_interface__ has no name for bfloat16")
    array.order(1)
    return {
        "shape": array.shape,
        "typestr": DataType(array.dtype).to_numpy().str,
        "strides": None if array.is_contiguous else array.strides,
        "data": (array.address, array.is_read_only),
        "version": 3,
        "stream": 1,
    }
