"""Reductions that clusters of blocks join: the text anywhere, results on a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from nvrtc import require_compiles
from test_cuda_text import cuda

import parpy
from parpy import _native

needs_gpu = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

pytestmark = [
    # Options name labels of all programs.
    pytest.mark.filterwarnings("ignore:No statement of"),
    # Without clusters.
    pytest.mark.filterwarnings("ignore:the loop 'columns' runs on the 32 threads of one block"),
]

RANDOM = np.random.default_rng(3)
BLOCK = 32


def clustered(blocks: int, most: int = 8, rows: int = 3, **settings: Any) -> parpy.CompileOptions:
    """Options for reductions over `blocks` blocks of 32 threads."""
    columns = parpy.threads(blocks * BLOCK).tpb(BLOCK)
    opts = cuda(
        {
            "planes": parpy.threads(2),
            "rows": parpy.threads(rows),
            "columns": columns,
            "few": parpy.threads(BLOCK),
        }
    )
    opts.use_cuda_thread_block_clusters = True
    opts.max_thread_blocks_per_cluster = most
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


def reducing(opts: parpy.CompileOptions) -> parpy.CompileOptions:
    """The options with columns that are declared to reduce."""
    opts.parallelize["columns"] = opts.parallelize["columns"].reduce()
    return opts


def printed(function: Callable[..., None], args: list[Any], opts: parpy.CompileOptions) -> str:
    """The text, which must compile."""
    text = parpy.print_compiled(function, args, opts)
    require_compiles(text)
    return text


def check(function: Callable[..., None], *args: Any, opts: parpy.CompileOptions) -> None:
    """Clusters give the bits that several kernels give, and about what plain Python gives."""
    together, apart, plain = ([np.copy(a) for a in args] for _ in range(3))
    for copies in (together, apart, plain):
        copies[:] = [c if c.ndim else c.item() for c in copies]
    function(*plain)
    parpy.jit(function)(*together, opts=opts)
    opts.use_cuda_thread_block_clusters = False
    parpy.jit(function)(*apart, opts=opts)
    for found, other, wanted in zip(together, apart, plain, strict=True):
        np.testing.assert_array_equal(found, other)
        if not isinstance(found, np.ndarray):
            continue
        if found.dtype.kind in "fc":
            eps = float(np.finfo(found.dtype).eps)
            np.testing.assert_allclose(found, wanted, rtol=math.sqrt(eps) / 4, atol=100 * eps)
        else:
            np.testing.assert_array_equal(found, wanted)


# --- The text -------------------------------------------------------------------------------


ROWS = np.zeros((3, 1000), np.float32)
ROW = np.zeros(3, np.float32)


@pytest.mark.parametrize("blocks", [2, 4, 8, 16])
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_one_kernel_joins_what_the_blocks_of_a_cluster_have(blocks: int, specialize: str) -> None:
    text = printed(programs.sum_rows, [ROWS, ROW, 3], clustered(blocks, 16, specialize=specialize))
    assert f"__cluster_dims__({blocks}, 1, 1) __launch_bounds__(32) sum_rows_kernel0(" in text
    assert "sum = cluster_add_float32(sum);" in text
    assert "if (blockIdx.x == 0 && threadIdx.x == 0) y[i] = sum;" in text
    assert "kernel1" not in text
    assert "cudaMallocAsync" not in text
    # More than eight blocks take leave.
    assert ("cudaFuncSetAttribute((const void *)sum_rows_kernel0" in text) == (blocks == 16)


def test_a_nest_of_several_loops_is_one_kernel() -> None:
    text = printed(programs.softmax, [ROWS, ROWS.copy(), 3], clustered(4))
    assert "softmax_kernel0<<<dim3(4, 3, 1), 32, 0, stream>>>(x, y)" in text
    assert "kernel1" not in text
    kernel = text[text.index("softmax_kernel0(") : text.index("#ifndef __CUDACC_RTC__\nextern")]
    assert "cluster_barrier();" in kernel, "the sum reads what others have stored"
    assert "__syncthreads" not in kernel


def without_clusters(function: Any, args: list[Any], opts: parpy.CompileOptions) -> bool:
    text = printed(function, args, opts)
    opts.use_cuda_thread_block_clusters = False
    return text == parpy.print_compiled(function, args, opts)


@pytest.mark.parametrize(("blocks", "most"), [(1, 8), (3, 8), (8, 4), (16, 8), (32, 16), (2, 1)])
def test_other_numbers_of_blocks_are_left_alone(blocks: int, most: int) -> None:
    assert without_clusters(programs.sum_rows, [ROWS, ROW, 3], clustered(blocks, most))


def row_with_temporary(x, y, N):
    parpy.label("rows")
    for i in range(N):
        t = np.zeros(4, np.float32)
        parpy.label("columns")
        t[0] = parpy.operators.sum(x[i, :])
        y[i] = t[0]


def columns_alone(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        x[i, :] += y[i]


@pytest.mark.parametrize("function", [row_with_temporary, columns_alone])
def test_what_gains_nothing_or_belongs_to_a_block_is_left_alone(function: Any) -> None:
    assert without_clusters(function, [ROWS, ROW, 3], clustered(4))


# --- Results --------------------------------------------------------------------------------


def least(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.min(x[i, :])


def greatest(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.max(x[i, :])


def product(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.prod(x[i, :])


OPERATORS = [programs.sum_rows, product, least, greatest]
REAL = ["float16", "float32", "float64", "int8", "uint16", "int32", "uint64"]


@needs_gpu
@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("function", OPERATORS)
def test_operators(function: Any, dtype: str) -> None:
    x = np.ones((5, 120), dtype)
    x[:, [3, 40, 119]] = 2
    if np.dtype(dtype).kind == "f":
        x = (1 + RANDOM.standard_normal((5, 700)) / 100).astype(dtype)
    result = np.dtype(dtype)
    if result.kind in "iu" and function in (programs.sum_rows, product):
        result = np.dtype(result.kind + "8")
    check(function, x, np.zeros(5, result), 5, opts=clustered(4))


@needs_gpu
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_sums(dtype: str) -> None:
    x = (RANDOM.standard_normal((3, 500)) + 1j * RANDOM.standard_normal((3, 500))).astype(dtype)
    check(programs.sum_rows, x, np.zeros(3, dtype), 3, opts=clustered(8))


def all_and_any(x, y, N):
    parpy.label("rows")
    for i in range(N):
        every, some = True, False
        parpy.label("columns")
        for j in range(x.shape[1]):
            every = every and x[i, j]
        parpy.label("columns")
        for j in range(x.shape[1]):
            some = some or x[i, j]
        y[i, 0] = every
        y[i, 1] = some


@needs_gpu
def test_logical_reductions() -> None:
    x = np.zeros((5, 300), bool)
    x[1], x[2, 299], x[3, :299] = True, True, True
    check(all_and_any, x, np.zeros((5, 2), bool), 5, opts=reducing(clustered(4)))


@needs_gpu
@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("blocks", [2, 4, 8, 16])
@pytest.mark.parametrize("width", [0, 1, 31, 33, 255, 257, 1000])
def test_widths_that_do_not_divide(width: int, blocks: int, specialize: str) -> None:
    x = RANDOM.standard_normal((2, width)).astype(np.float32)
    opts = clustered(blocks, 16, specialize=specialize)
    check(programs.sum_rows, x, np.ones(2, np.float32), 2, opts=opts)


@needs_gpu
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_rows_are_shared_by_fewer_clusters(rows: int) -> None:
    x = RANDOM.standard_normal((rows, 400))
    check(programs.sum_rows, x, np.ones(rows), rows, opts=clustered(4, rows=2))


@needs_gpu
def test_loops_of_a_nest_see_what_the_others_store() -> None:
    x = RANDOM.standard_normal((5, 900)).astype(np.float32)
    check(programs.softmax, x, np.zeros_like(x), 5, opts=clustered(4))


def normalised_again(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        k = 0
        while k < 3 and y[i, 0] < 50.0:
            parpy.label("columns")
            s = parpy.operators.sum(x[i, :] * x[i, :])
            y[i, k] = s
            if s > 1.0:
                parpy.label("columns")
                for j in range(M):
                    x[i, j] = x[i, M - 1 - j] / s if j < M // 2 else x[i, j] + y[i, k]
            k = k + 1


def test_loops_and_conditions_may_stand_around() -> None:
    x, y = np.ones((4, 200)), np.zeros((4, 3))
    text = printed(normalised_again, [x, y, 4, 200], clustered(4))
    assert "kernel1" not in text


def spread(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        for k in range(3):
            parpy.label("columns")
            s = parpy.operators.max(x[i, :])
            y[i, k] = s
            parpy.label("columns")
            for j in range(M):
                x[i, j] = x[i, j] / s + y[i, k]


@needs_gpu
def test_loops_around_wait_for_each_iteration() -> None:
    x, y = 1 + RANDOM.random((4, 200)), np.zeros((4, 3))
    check(spread, x, y, 4, 200, opts=clustered(4))


def planes(x, y, z, N):
    parpy.label("planes")
    for k in range(x.shape[0]):
        z[k] = 0
        parpy.label("rows")
        for i in range(N):
            first, last = 0.0, 0.0
            parpy.label("columns")
            for j in range(x.shape[2]):
                first += x[k, i, j]
                last = max(last, x[k, i, j])
            y[k, i] = first + last


@needs_gpu
def test_three_levels_and_two_results() -> None:
    # Without clusters one block adds up a row, in another order.
    x = RANDOM.integers(-9, 9, (3, 4, 250)).astype(float)
    args = [x, np.zeros((3, 4)), np.ones(3), 4]
    opts = reducing(clustered(2))
    assert "__cluster_dims__(2, 1, 1)" in printed(planes, args, opts)
    check(planes, *args, opts=opts)


def gathered(x, index, y, N):
    parpy.label("rows")
    for i in range(N):
        y[i] = 1.0
        parpy.label("columns")
        for j in range(index.shape[0]):
            y[i] += x[i, index[j]]


@needs_gpu
def test_tested_indices_and_elements_that_are_summed_into() -> None:
    x = RANDOM.integers(-9, 9, (3, 100)).astype(float)
    index = RANDOM.integers(0, 100, 300)
    opts = reducing(clustered(4, check_bounds=True))
    check(gathered, x, index, np.zeros(3), 3, opts=opts)
    index[299] = 100
    opts.use_cuda_thread_block_clusters = True
    with pytest.raises(IndexError, match="index 100"):
        parpy.jit(gathered)(x, index, np.zeros(3), 3, opts=opts)


# --- Reductions by themselves ---------------------------------------------------------------


def settled(x, y):
    with parpy.gpu:
        y[0] = 1.0
        while y[0] > 0.1:
            parpy.label("columns")
            s = parpy.operators.sum(x[:] * y[0])
            y[0] = y[0] / (1.5 + s * s)
            y[1] += 1.0


@needs_gpu
def test_the_device_decides_how_often_clusters_run() -> None:
    args = [RANDOM.standard_normal(500), np.zeros(2)]
    opts = clustered(8)
    assert "kernel1" not in printed(settled, args, opts)
    check(settled, *args, opts=opts)


def mixed(x, y, z):
    with parpy.gpu:
        parpy.label("columns")
        s = parpy.operators.sum(x[:])
        parpy.label("few")
        for j in range(50):
            z[j] = s * j
        parpy.label("columns")
        t = parpy.operators.max(x[:])
        y[0] = s + t
        while y[0] > 1.0:
            parpy.label("few")
            for j in range(50):
                z[j] = z[j] + y[0]
            parpy.label("columns")
            y[0] = y[0] / 4.0 + parpy.operators.min(x[:])


@needs_gpu
def test_what_one_block_runs_is_no_part_of_a_cluster() -> None:
    x = RANDOM.random(400)
    check(mixed, x, np.zeros(1), np.zeros(50), opts=clustered(4))


def accumulated(x, y, N):
    s = 1.0
    for k in range(N):
        parpy.label("columns")
        for j in range(x.shape[0]):
            s += x[j] * k
    with parpy.gpu:
        y[0] = s


@needs_gpu
def test_scalars_pass_from_cluster_to_cluster() -> None:
    args = [RANDOM.standard_normal(300), np.zeros(1), 4]
    check(accumulated, *args, opts=reducing(clustered(4)))


def scaled(x, y):
    parpy.label("columns")
    s = parpy.operators.sum(x[:])
    parpy.label("rows")
    for j in range(x.shape[0]):
        y[j] = x[j] / s


@needs_gpu
@pytest.mark.parametrize("use_graphs", [True, False])
def test_a_reduction_feeds_later_kernels(use_graphs: bool) -> None:
    opts = clustered(4, rows=500, use_cuda_graphs=use_graphs)
    x = RANDOM.random(500)
    check(scaled, x, np.zeros(500), opts=opts)


# --- Text and devices -----------------------------------------------------------------------


@needs_gpu
@pytest.mark.parametrize("blocks", [4, 16])
def test_printed_code_runs_as_clusters(blocks: int) -> None:
    x, y = RANDOM.standard_normal((3, 700)), np.zeros(3)
    text = printed(programs.sum_rows, [x, y, 3], clustered(blocks, 16))
    parpy.compile_string("sum_rows", text)(x, y, 3)
    np.testing.assert_allclose(y, x.sum(1), rtol=1e-12)


SMALLER = """
import numpy as np, parpy
def total(x, y):
    parpy.label('columns')
    y[0] = parpy.operators.sum(x[:])
opts = parpy.par({'columns': parpy.threads(128).tpb(32)})
opts.backend = parpy.CompileBackend.Cuda
opts.use_cuda_thread_block_clusters = True
x, y = np.ones(1000), np.zeros(1)
jitted = parpy.jit(total)
jitted(x, y, opts=opts)
assert y[0] == 1000
"""


def test_devices_without_clusters_ignore_the_option(emulated_script: Callable[..., str]) -> None:
    emulated_script(SMALLER, PARPY_EMULATOR_ARCHITECTURE="80")
    with_clusters = "from parpy import _native\nimport emulator\n"
    count = "print(emulator.launches())"
    assert emulated_script(with_clusters + SMALLER + count).split() == ["1"]
    older = emulated_script(with_clusters + SMALLER + count, PARPY_EMULATOR_ARCHITECTURE="80")
    assert older.split() == ["2"]
