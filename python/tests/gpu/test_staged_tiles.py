"""Products whose blocks load together, against NumPy; skipped where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_cuda_text import cuda
from test_register_tiles import (
    LARGE,
    MIDDLE,
    SMALL,
    dot,
    inner_product,
    numbers,
    product,
    whole_product,
    width,
)

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

# Of 16 iterations at a time, and some more.
DEPTH = 67


def distances(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        first = A[i, 0] * 2
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = first
            t = C[i, j]
            for k in range(n):
                d = A[i, k] - B[k, j]
                s += d * d
                t = max(t, d)
            if j > i:
                C[i, j] = s + t


def product_of_rows(C, A, B, n):
    """Of rows of both factors: what neighbouring columns load does not lie side by side."""
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            for k in range(n):
                s += A[i, k] * B[j, k]
            C[i, j] = s


def narrow_sums(C, A, B, n):
    """A tile of these sums has 256 columns, of which 16 elements each would be 32 KiB."""
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = parpy.operators.float32(0)
            for k in range(n):
                s += parpy.operators.float32(A[i, k] - B[k, j])
            C[i, j] = s


def two_products(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            for k in range(n):
                s += A[i, k] * B[k, j]
            for k in range(1, n):
                s -= A[i, k - 1] * B[k, j]
            C[i, j] = s


def product_of_neighbours(C, A, B, n):
    """What lies behind the end is not loaded: there may be no memory."""
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            for k in range(n):
                s += A[i, k] * B[k, j]
                if k + 1 < n:
                    s += A[i, k + 1] * B[k + 1, j]
            C[i, j] = s


def products_of_batches(C, A, B, n):
    parpy.label("batches")
    for b in range(2):
        parpy.label("rows")
        for i in range(C.shape[0]):
            parpy.label("columns")
            for j in range(C.shape[1] // 2):
                s = 0.0
                for k in range(n):
                    s += A[i, k] * B[k, 2 * j + b]
                C[i, 2 * j + b] = s


def run(
    function: Callable[..., None],
    arguments: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    is_staged: bool = True,
    columns: parpy.LoopPar | None = None,
    **settings: Any,
) -> np.ndarray:
    """The result of a function, which stages what it loads or does not."""
    C, A, B = (x.copy(order="K") for x in arguments)
    schedule = {
        "rows": parpy.threads(C.shape[0]),
        "columns": columns or parpy.threads(C.shape[1]),
    }
    if function is products_of_batches:
        schedule["batches"] = parpy.threads(2)
    opts = cuda(schedule)
    for name, value in settings.items():
        setattr(opts, name, value)
    compiled = parpy.jit(function)
    arguments = (C, A, B, A.shape[1])
    text = parpy.print_compiled(compiled, arguments, opts=opts)
    assert ("__shared__" in text) == is_staged
    compiled(*arguments, opts=opts)
    return C


def factors(
    dtype: str, elements: int, rows: int, more: int = 0, depth: int = DEPTH
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    columns = width(elements, rows) + more
    C, A = numbers(dtype, rows, columns), numbers(dtype, rows, depth)
    return C, A, numbers(dtype, depth, columns)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    ("dtype", "elements", "rows", "more", "depth"),
    [
        ("float32", SMALL, 33, 0, 64),
        ("float64", SMALL, 31, 127, 80),
        ("int64", SMALL, 72, 128, DEPTH),
    ],
)
def test_products(
    dtype: str, elements: int, rows: int, more: int, depth: int, specialize: str
) -> None:
    function = whole_product if dtype.startswith("int") else product
    arguments = factors(dtype, elements, rows, more, depth)
    result = run(function, arguments, specialize=specialize)
    np.testing.assert_array_equal(result, dot(*arguments))


@pytest.mark.parametrize(
    ("dtype", "elements", "rows"), [("float32", LARGE, 67), ("float64", MIDDLE, 40)]
)
def test_tiles_of_any_size(dtype: str, elements: int, rows: int) -> None:
    arguments = factors(dtype, elements, rows, 5)
    np.testing.assert_array_equal(run(product, arguments), dot(*arguments))


@pytest.mark.parametrize("depth", [1, 16, 17])
def test_few_iterations_of_a_number_that_varies(depth: int) -> None:
    arguments = factors("float32", SMALL, 20, 3, depth)
    result = run(product, arguments, specialize="never")
    np.testing.assert_array_equal(result, dot(*arguments))


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_conditions_and_several_sums(specialize: str) -> None:
    C, A, B = factors("float32", SMALL, 50)
    d = A[:, :, None] - B[None]
    s, t = 2 * A[:, :1] + (d * d).sum(1), np.maximum(C, d.max(1))
    wanted = np.where(np.arange(C.shape[1]) > np.arange(C.shape[0])[:, None], s + t, C)
    np.testing.assert_array_equal(run(distances, (C, A, B), specialize=specialize), wanted)


def test_two_loops() -> None:
    C, A, B = factors("float64", SMALL, 40)
    wanted = A @ B - A[:, :-1] @ B[1:]
    np.testing.assert_array_equal(run(two_products, (C, A, B)), wanted)


def test_what_a_condition_guards_is_not_staged() -> None:
    C, A, B = factors("float64", SMALL, 40)
    wanted = A @ B + A[:, 1:] @ B[1:]
    np.testing.assert_array_equal(run(product_of_neighbours, (C, A, B)), wanted)


@pytest.mark.parametrize(("rows", "threads"), [(37, 2048), (720, 256)])
def test_part_of_the_rows_and_columns(rows: int, threads: int) -> None:
    C, A, B = factors("float32", 2 * SMALL, rows, 9)
    wanted = C.copy()
    wanted[2:-1, 3:-2] = dot(C, A, B)[2:-1, 3:-2]
    result = run(inner_product, (C, A, B), columns=parpy.threads(threads))
    np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize(("rows", "threads"), [(40, 4096), (720, 256)])
def test_batches(rows: int, threads: int) -> None:
    C, A, B = factors("float32", 2 * SMALL, rows, more=40)
    C, B = C[:, : C.shape[1] // 2 * 2].copy(), B[:, : C.shape[1] // 2 * 2].copy()
    result = run(products_of_batches, (C, A, B), columns=parpy.threads(threads))
    np.testing.assert_array_equal(result, A @ B)


def test_elements_that_lie_apart() -> None:
    """Transposed matrices, and every second column."""
    C, A, B = factors("float32", SMALL, 35)
    for given in ((C, A.T.copy().T, B), (C, A, B.T.copy().T), (C, A[:, ::-1], B[:, ::-1])):
        np.testing.assert_array_equal(run(product, given), given[1] @ given[2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_both_factors(dtype: str) -> None:
    C, A, B = factors(dtype, SMALL, 20, 3)
    for given in (B.T.copy(), B.T, B.T.copy()[:, ::-1]):
        np.testing.assert_array_equal(run(product_of_rows, (C, A, given)), A @ given.T)


@pytest.mark.parametrize("threads", [1025, 2048])
def test_fewer_threads_than_columns(threads: int) -> None:
    arguments = factors("float32", SMALL, 33)
    result = run(product, arguments, columns=parpy.threads(threads))
    np.testing.assert_array_equal(result, dot(*arguments))


@pytest.mark.parametrize(("tpb", "is_staged"), [(96, False), (128, True), (256, True)])
def test_threads_of_a_block(tpb: int, is_staged: bool) -> None:
    """A block must have room for a tile: the schedule may not let it."""
    arguments = factors("float64", SMALL, 48)
    columns = parpy.threads(arguments[0].shape[1]).tpb(tpb)
    result = run(product, arguments, columns=columns, is_staged=is_staged)
    np.testing.assert_array_equal(result, dot(*arguments))


@pytest.mark.parametrize(("threads", "is_staged"), [(64, False), (128, True), (700, True)])
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_a_row_on_the_threads_of_a_block(threads: int, specialize: str, *, is_staged: bool) -> None:
    """Blocks have tiles of some columns each, or a block would have those of all."""
    arguments = factors("float32", SMALL, 700)
    columns = parpy.threads(threads)
    result = run(product, arguments, columns=columns, is_staged=is_staged, specialize=specialize)
    np.testing.assert_array_equal(result, dot(*arguments))


def test_elements_that_take_too_much_memory_are_not_staged() -> None:
    C, A, B = factors("float64", LARGE, 64, depth=64)
    result = run(narrow_sums, (C.astype("float32"), A, B), is_staged=False)
    np.testing.assert_array_equal(result, A.sum(1)[:, None] - B.sum(0))


def test_indices_that_are_tested() -> None:
    arguments = factors("float64", SMALL, 48)
    for check_bounds in (False, True):
        result = run(product, arguments, check_bounds=check_bounds)
        np.testing.assert_array_equal(result, dot(*arguments))


def test_sums_have_the_bits_of_a_thread_for_each() -> None:
    """The terms are added in the same order: so many products that each order gives another sum."""
    C, A, B = factors("float32", SMALL, 64)
    A, B = (np.sin(x).astype("float32") for x in (A, B))
    staged = run(product, (C, A, B))
    single = run(product, (C, A, B), columns=parpy.threads(C.shape[1]).tpb(64), is_staged=False)
    np.testing.assert_array_equal(staged, single)
