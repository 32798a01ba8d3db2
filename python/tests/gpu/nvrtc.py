"""NVRTC by ctypes: whether CUDA C++ compiles, on machines with or without a GPU."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path

import pytest

from parpy import _cuda


def library_path() -> str:
    """The file of NVIDIA's NVRTC, of the newest version; without one the test is skipped."""
    for directory in _cuda.library_directories():
        for path in sorted(Path(directory).glob("libnvrtc.so*"), reverse=True):
            return str(path)
    pytest.skip("NVRTC is not installed; pip install nvidia-cuda-nvrtc nvidia-cuda-runtime")


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(library_path())


def require_compiles(
    text: str, architecture: str = "sm_90", includes: Sequence[str | Path] = ()
) -> None:
    """Fails with the compiler's log unless the kernels in `text` compile.

    Args:
        text: CUDA C++.
        architecture: what it is compiled for.
        includes: directories with headers of the user's.
    """
    library = _library()
    program = ctypes.c_void_p()
    assert not library.nvrtcCreateProgram(
        ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None
    )
    arguments = [f"--gpu-architecture={architecture}"]
    arguments += [f"-I{directory}" for directory in (*includes, *_cuda.header_directories())]
    options = (ctypes.c_char_p * len(arguments))(*(a.encode() for a in arguments))
    result = library.nvrtcCompileProgram(program, len(arguments), options)
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(max(size.value, 1))
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    assert result == 0, f"{log.value.decode()}\n{text}"
