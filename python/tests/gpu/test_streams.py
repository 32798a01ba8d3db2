"""Functions of the host and host code of the user's own run on the stream of the arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from conftest import Run
from device_memory import DeviceArray
from test_cuda_text import cuda
from test_nvcc import LAUNCH, edited, needs_nvcc

import parpy
from parpy.types import F64, I64, pointer

CUDA, HOST = parpy.CompileBackend.Cuda, parpy.Target.Host

HEADER = """
#pragma once

inline int64_t stream_of_call() { return (int64_t)parpy_stream(); }

inline void copy_on_stream(double *to, const double *from, int64_t n) {
  cudaMemcpyAsync(to, from, n * sizeof *to, cudaMemcpyDeviceToDevice, parpy_stream());
}

inline void copy_on_default(double *to, const double *from, int64_t n) {
  cudaMemcpyAsync(to, from, n * sizeof *to, cudaMemcpyDeviceToDevice, nullptr);
}
"""


@parpy.external("stream_of_call", CUDA, HOST, header="streams.h")
def stream_of_call() -> I64:
    return 0


@parpy.external("copy_on_stream", CUDA, HOST, header="streams.h")
def copy_on_stream(to: pointer(F64), source: pointer(F64), n: I64) -> None:
    to[:n] = source[:n]


@parpy.external("copy_on_default", CUDA, HOST, header="streams.h")
def copy_on_default(to: pointer(F64), source: pointer(F64), n: I64) -> None:
    to[:n] = source[:n]


@parpy.jit
def note_stream(x, N):
    s = stream_of_call()
    parpy.label("N")
    for i in range(N):
        x[i] = s


@parpy.jit
def take_turns(x, y, z, N):
    parpy.label("N")
    for i in range(N):
        x[i] += 1.0
    copy_on_stream(y, x, N)
    parpy.label("N")
    for i in range(N):
        y[i] *= 2.0
    copy_on_default(z, y, N)
    parpy.label("N")
    for i in range(N):
        z[i] += 1.0


@pytest.fixture(scope="module")
def opts(tmp_path_factory: pytest.TempPathFactory) -> parpy.CompileOptions:
    """Options that know the header."""
    folder: Path = tmp_path_factory.mktemp("includes")
    (folder / "streams.h").write_text(HEADER)
    opts = cuda({"N": parpy.threads(32)})
    opts.includes = [folder]
    return opts


@pytest.fixture
def streams() -> Iterator[list[int]]:
    """Two streams that do not wait for the default stream."""
    driver = ctypes.CDLL("libcuda.so.1")
    DeviceArray(np.zeros(1))
    handles = [ctypes.c_void_p() for _ in range(2)]
    for handle in handles:
        assert driver.cuStreamCreate(ctypes.byref(handle), 1) == 0
    yield [handle.value or 0 for handle in handles]
    for handle in handles:
        assert driver.cuStreamDestroy_v2(handle) == 0


@needs_nvcc
def test_a_function_of_the_host_knows_the_stream(
    opts: parpy.CompileOptions, streams: list[int]
) -> None:
    # 1 is the legacy default stream, 2 that of the thread.
    for stream in (*streams, 1, 2):
        x = DeviceArray(np.zeros(3, np.int64), stream)
        note_stream(x, 3, opts=opts)
        assert x.numpy().tolist() == [stream] * 3
    x = np.ones(3, np.int64)
    for array in (x, DeviceArray(x)):
        note_stream(array, 3, opts=opts)
        assert np.asarray(array if array is x else array.numpy()).tolist() == [0] * 3


@needs_nvcc
def test_edited_host_code_gets_the_stream(streams: list[int]) -> None:
    note = """
      double s = (double)(int64_t)stream;
      cudaMemcpyAsync(y, &s, 8, cudaMemcpyHostToDevice, stream);
    """
    again = edited(programs.negate, [np.ones(8), np.zeros(8), 8], LAUNCH, LAUNCH + note)
    for first, second in (streams, streams[::-1]):
        x, y = DeviceArray(np.ones(8), first), DeviceArray(np.zeros(8), second)
        again(x, y, 8)
        assert y.numpy().tolist() == [float(first), *[-1.0] * 7]


@needs_nvcc
def test_functions_of_the_host_and_kernels_take_turns(
    opts: parpy.CompileOptions, streams: list[int]
) -> None:
    """On a GPU, what the streams do is only in order where they wait for each other."""
    n = 100_000
    for stream in (*streams, 1, None):
        x, y, z = (DeviceArray(np.full(n, v), stream) for v in (1.0, 0.0, 0.0))
        for k in range(1, 4):
            take_turns(x, y, z, n, opts=opts)
            if stream is not None:
                ctypes.CDLL("libcuda.so.1").cuStreamSynchronize(ctypes.c_void_p(stream))
            assert (z.numpy() == 2.0 * (1 + k) + 1).all()


@needs_nvcc
def test_torch_work_and_functions_of_the_host_take_turns(opts: parpy.CompileOptions) -> None:
    torch: Any = pytest.importorskip("torch")
    x, y, z = (torch.zeros(1000, device="cuda", dtype=torch.float64) for _ in range(3))
    take_turns(x, y, z, 1000, opts=opts)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(100_000_000)
        x += 1
        take_turns(x, y, z, 1000, opts=opts)
        w = 2 * z
    torch.cuda.synchronize()
    assert (w == 14).all()


OTHER_LIBRARIES = """
import ctypes, sys, types
import numpy as np
import parpy
from parpy import buffer

driver = ctypes.CDLL("libcuda.so.1")
PAR = parpy.par({"N": parpy.threads(32)})
PAR.backend = parpy.CompileBackend.Cuda

@parpy.jit
def negate(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = -x[i]

text = parpy.print_compiled(negate, [np.ones(4), np.ones(4), 4], PAR)
launch = "negate_kernel0<<<1, 32, 0, stream>>>(x, y);"
assert launch in text
note = (
    "double s = (double)(int64_t)stream;"
    "cudaMemcpyAsync(y, &s, 8, cudaMemcpyHostToDevice, stream);"
)
again = parpy.compile_string("negate", text.replace(launch, launch + note), PAR)

class ndarray:
    # What the runtime looks for in CuPy's arrays, and in Torch's.
    def __init__(self, array):
        self.buffer = b = buffer.from_array(array, PAR.backend)
        self.shape, self.dtype = b.shape, b.dtype.to_numpy()
        self.data = types.SimpleNamespace(ptr=b.__cuda_array_interface__["data"][0])
        self.strides, self._c_contiguous, self.requires_grad = None, True, False
    def __dlpack_device__(self):
        return (2, 0)
    def __dlpack__(self, **settings):
        return self.buffer.__dlpack__(**settings)
    is_neg = is_conj = lambda self: False

context = ctypes.c_void_p()
assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
assert driver.cuCtxSetCurrent(context) == 0

def run():
    current = ctypes.c_void_p()
    assert driver.cuStreamCreate(ctypes.byref(current), 1) == 0
    global now
    now = current.value
    x, y = ndarray(np.ones(4)), ndarray(np.zeros(4))
    again(x, y, 4)
    assert y.buffer.numpy().tolist() == [float(current.value), -1, -1, -1]
"""
CUPY = """
cupy = sys.modules["cupy"] = types.ModuleType("cupy")
cupy.ndarray = ndarray
cupy.cuda = types.SimpleNamespace(
    get_current_stream=lambda: types.SimpleNamespace(ptr=now)
)
"""
TORCH = """
def raw_stream(device):
    assert device == 0
    return now

torch = sys.modules["torch"] = types.ModuleType("torch")
torch.Tensor = ndarray
torch._C = types.SimpleNamespace(
    _to_dlpack=lambda tensor: tensor.buffer.__dlpack__(), _cuda_getCurrentRawStream=raw_stream
)
"""


@pytest.mark.parametrize("library", [CUPY, TORCH], ids=["cupy", "torch"])
def test_the_stream_of_another_library(emulated_script: Run, library: str) -> None:
    """A Torch without DLPack's exchange of C functions is asked for its stream, too."""
    emulated_script(OTHER_LIBRARIES + library + "for _ in range(3): run()\n")
