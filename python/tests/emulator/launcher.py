"""Compiles and launches CUDA C++ on the emulator past ParPy: for tests of the emulator itself."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from emulator.build import DRIVER, NVRTC, build


class LaunchFailed(Exception):
    """A kernel that the emulator ended; the message says where and why."""


class Kernels:
    """The kernels of one text.

    Args:
        text: CUDA C++.
    """

    def __init__(self, text: str) -> None:
        self._driver = ctypes.CDLL(str(build() / DRIVER))
        self._check(self._driver.cuInit(0))
        context = ctypes.c_void_p()
        self._check(self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
        self._check(self._driver.cuCtxSetCurrent(context))
        self._module = ctypes.c_void_p()
        image = compiled(text)
        self._check(
            self._driver.cuModuleLoadDataEx(ctypes.byref(self._module), image, 0, None, None)
        )

    def launch(self, name: str, blocks: int, threads: int, *args: Any) -> None:
        """Runs a kernel on copies of the arrays, which come back afterwards.

        Args:
            name: of the kernel.
            blocks: of the grid.
            threads: of a block.
            args: arrays, NumPy scalars, and `ctypes.c_void_p` for addresses that are passed on.
        """
        function = ctypes.c_void_p()
        self._check(
            self._driver.cuModuleGetFunction(ctypes.byref(function), self._module, name.encode())
        )
        copies: list[tuple[np.ndarray, ctypes.c_uint64]] = []
        words: list[Any] = []
        for a in args:
            if isinstance(a, np.ndarray):
                address = ctypes.c_uint64()
                size = ctypes.c_size_t(a.nbytes)
                self._check(self._driver.cuMemAlloc_v2(ctypes.byref(address), size))
                source = a.ctypes.data_as(ctypes.c_void_p)
                self._check(self._driver.cuMemcpyHtoDAsync_v2(address, source, size, None))
                copies.append((a, address))
                words.append(address)
            elif isinstance(a, np.generic):
                words.append(ctypes.create_string_buffer(a.tobytes(), 8))
            else:
                words.append(a)
        table = (ctypes.c_void_p * len(words))(*(ctypes.addressof(w) for w in words))
        result = self._driver.cuLaunchKernel(
            function, blocks, 1, 1, threads, 1, 1, 0, None, table, None
        )
        message = self._message(result)
        for a, address in copies:
            target = a.ctypes.data_as(ctypes.c_void_p)
            self._driver.cuMemcpyDtoHAsync_v2(target, address, ctypes.c_size_t(a.nbytes), None)
            self._driver.cuMemFree_v2(address)
        if result != 0:
            raise LaunchFailed(message)

    def _message(self, result: int) -> str:
        text = ctypes.c_char_p()
        self._driver.cuGetErrorString(result, ctypes.byref(text))
        return (text.value or b"").decode()

    def _check(self, result: int) -> None:
        if result != 0:
            raise RuntimeError(self._message(result))


def compiled(text: str, options: Sequence[str] = ()) -> bytes:
    """What the emulated NVRTC makes of CUDA C++.

    Raises:
        RuntimeError: it refuses the text; the message is its log.
    """
    nvrtc = ctypes.CDLL(str(build() / NVRTC))
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None)
    words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    result = nvrtc.nvrtcCompileProgram(program, len(options), words)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    if result != 0:
        raise RuntimeError(log.value.decode())
    nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
    binary = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetCUBIN(program, binary)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary.raw
