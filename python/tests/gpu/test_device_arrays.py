"""Arrays of Torch and CuPy on a GPU: read in place, and in the order of their streams."""

from __future__ import annotations

from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

OPTIONS = cuda({"N": parpy.threads(1024)})
negate = parpy.jit(programs.negate)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def cupy() -> Any:
    return pytest.importorskip("cupy")


def test_torch_tensors_in_place(torch: Any) -> None:
    x = torch.arange(2000, device="cuda", dtype=torch.float32)
    y = torch.zeros_like(x)
    negate(x, y, 2000, opts=OPTIONS)
    assert torch.equal(y, -x)
    negate(x[::2], y[1::2].flip(0), 1000, opts=OPTIONS)
    wide = torch.zeros(2000, 3, device="cuda")
    negate(x, wide[:, 1], 2000, opts=OPTIONS)
    assert torch.equal(wide[:, 1], -x)
    assert not wide[:, ::2].any()


def test_cupy_arrays_in_place(cupy: Any) -> None:
    for dtype in ("float32", "float64", "int16", "int64", "float16"):
        x = cupy.arange(2000).astype(dtype)
        y = cupy.zeros_like(x)
        negate(x, y, 2000, opts=OPTIONS)
        assert (y == -x).all()
        wide = cupy.zeros((3, 2000), dtype).T
        negate(x[::-1], wide[:, 1], 2000, opts=OPTIONS)
        assert (wide[:, 1] == -x[::-1]).all()
        assert not wide[:, ::2].any()


def test_tensors_that_cannot_be_read(torch: Any) -> None:
    y = torch.zeros(2, device="cuda")
    for x, reason in (
        (torch.zeros(2, device="cuda", requires_grad=True), "requires gradients"),
        (torch.zeros(2, dtype=torch.complex64, device="cuda").conj().imag, "negative bit"),
        (torch.zeros(2, dtype=torch.complex64, device="cuda").conj(), "conjugate bit"),
        (torch.zeros((), device="cuda"), "zero-dimensional array on a CUDA device"),
    ):
        with pytest.raises(TypeError, match=reason):
            negate(x, y, 2, opts=OPTIONS)


def test_torch_work_waits_on_its_stream(torch: Any) -> None:
    """Streams of Torch's do not wait for the default stream."""
    x, y = torch.zeros(1000, device="cuda"), torch.zeros(1000, device="cuda")
    negate(x, y, 1000, opts=OPTIONS)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(100_000_000)
        x += 1
        negate(x, y, 1000, opts=OPTIONS)
        z = y * 2
    torch.cuda.synchronize()
    assert (z == -2).all()


def test_cupy_work_waits_on_its_stream(cupy: Any) -> None:
    x, y = cupy.zeros(1000), cupy.zeros(1000)
    negate(x, y, 1000, opts=OPTIONS)
    spin = cupy.RawKernel(
        """extern "C" __global__ void spin(long long n) {
             const long long start = clock64();
             while (clock64() - start < n) {}
           }""",
        "spin",
    )
    cupy.cuda.runtime.deviceSynchronize()
    with cupy.cuda.Stream(non_blocking=True):
        spin((1,), (1,), (100_000_000,))
        x += 1
        negate(x, y, 1000, opts=OPTIONS)
        z = y * 2
    cupy.cuda.runtime.deviceSynchronize()
    assert (z == -2).all()


def test_arrays_of_both_meet(torch: Any, cupy: Any) -> None:
    """Each library works on a stream of its own; the call waits for both, and they for it."""
    x, y = torch.zeros(1000, device="cuda"), cupy.zeros(1000, "float32")
    negate(x, y, 1000, opts=OPTIONS)
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()), cupy.cuda.Stream(non_blocking=True):
        torch.cuda._sleep(100_000_000)
        x += 1
        negate(x, y, 1000, opts=OPTIONS)
        z = y * 2
        total = float(z.sum())
    assert total == -2000


def test_scalars_and_host_arrays_beside_tensors(torch: Any) -> None:
    x = torch.ones(100, device="cuda")
    y = np.zeros(100, np.float32)
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda._sleep(50_000_000)
        x += 1
        negate(x, y, 100, opts=OPTIONS)
    assert (y == -2).all()
