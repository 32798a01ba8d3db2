"""A function of the host that calls cuBLAS, as docs/how-to/functions-in-cuda.md has it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import parpy
from parpy import _native, _nvcc
from parpy.types import F32, I64, pointer

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "functions-in-cuda.md"
CUDA, HOST = parpy.CompileBackend.Cuda, parpy.Target.Host


@parpy.external("multiply", CUDA, HOST, header="blas.h")
def multiply(a: pointer(F32), b: pointer(F32), c: pointer(F32), n: I64) -> None:
    c[:] = a @ b


def powers(x, y, t, n, steps):
    for _ in range(steps):
        multiply(x, y, t, n)
        parpy.label("N")
        y[:, :] = 0.5 * t[:, :]


def obstacle(folder: Path) -> str | None:
    """Why cuBLAS cannot be called here; None where it can."""
    if (reason := _native.cuda_obstacle()) is not None:
        return f"no NVIDIA GPU: {reason}"
    try:
        nvcc = _nvcc.find()
    except parpy.CompileError as error:
        return str(error)
    source = folder / "probe.cu"
    source.write_text("#include <cublas_v2.h>\nint main() { return CUBLAS_STATUS_SUCCESS; }\n")
    command = [nvcc, "-o", str(folder / "probe"), str(source), "-lcublas"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"no cuBLAS: {(done.stdout + done.stderr).strip()}"


def test_matrix_products(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--emulate"):
        pytest.skip("the emulated GPU has no cuBLAS")
    if (reason := obstacle(tmp_path)) is not None:
        pytest.skip(reason)
    header = re.search(r'"blas.h"\).write_text\("""\n(.*?)"""\)', PAGE.read_text(), re.DOTALL)
    assert header, "the page has no blas.h"
    (tmp_path / "blas.h").write_text(header[1])
    opts = parpy.par({"N": parpy.threads(1024)})
    opts.backend = CUDA
    opts.includes, opts.extra_flags = [tmp_path], ["-lcublas"]
    n = 37
    # Neither symmetric nor commuting, so that an order or a transposition that is wrong shows.
    rng = np.random.default_rng(3)
    x, y = (rng.standard_normal((n, n)).astype(np.float32) for _ in range(2))
    expected, t = y.astype(np.float64), np.zeros((n, n), np.float32)
    for _ in range(3):
        expected = 0.5 * (x.astype(np.float64) @ expected)
    parpy.jit(powers)(x, y, t, n, 3, opts=opts)
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    np.testing.assert_array_equal(0.5 * t, y)
