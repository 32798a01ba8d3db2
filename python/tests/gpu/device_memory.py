"""Arrays in memory of a CUDA device, by the driver alone: the tests' own, real GPU or emulated."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np


class DeviceArray:
    """A copy of an array in memory of the first device, which other libraries read by protocol.

    Args:
        array: what to copy; C-contiguous.
        stream: the handle of the stream on which the array is said to be ready.
    """

    def __init__(self, array: np.ndarray, stream: int | None = None) -> None:
        self._stream = stream
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._check(self._driver.cuInit(0))
        context = ctypes.c_void_p()
        self._check(self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
        self._check(self._driver.cuCtxSetCurrent(context))
        self._like = np.ascontiguousarray(array)
        self._size = ctypes.c_size_t(max(self._like.nbytes, 1))
        self._address = ctypes.c_uint64()
        self._check(self._driver.cuMemAlloc_v2(ctypes.byref(self._address), self._size))
        source = self._like.ctypes.data_as(ctypes.c_void_p)
        self._check(self._driver.cuMemcpyHtoDAsync_v2(self._address, source, self._size, None))
        self._check(self._driver.cuStreamSynchronize(None))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self._like.shape,
            "typestr": self._like.dtype.str,
            "data": (self._address.value, False),
            "version": 3,
            "stream": self._stream,
        }

    def numpy(self) -> np.ndarray:
        """What the array holds now."""
        result = np.empty_like(self._like)
        target = result.ctypes.data_as(ctypes.c_void_p)
        self._check(self._driver.cuStreamSynchronize(None))
        self._check(self._driver.cuMemcpyDtoHAsync_v2(target, self._address, self._size, None))
        self._check(self._driver.cuStreamSynchronize(None))
        return result

    def __del__(self) -> None:
        self._driver.cuMemFree_v2(self._address)

    @staticmethod
    def _check(result: int) -> None:
        assert result == 0, f"the CUDA driver gave {result}"
