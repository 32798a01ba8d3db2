"""Sums that threads keep in registers, against plain Python; skipped where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

RANDOM = np.random.default_rng(3)
# So few elements are as many as any tile asks for: of 8 x 8, 8 x 4 and 4 x 4.
LARGE, MIDDLE, SMALL = 1 << 21, 1 << 20, 1 << 19


def product(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            for k in range(n):
                s += A[i, k] * B[k, j]
            C[i, j] = s


def whole_product(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0
            for k in range(n):
                s += A[i, k] * B[k, j]
            C[i, j] = s


def product_of_slices(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            C[i, j] = np.sum(A[i, :] * B[:, j])


def product_in_place(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            C[i, j] = 0
            for k in range(n):
                C[i, j] += A[i, k] * B[k, j]


def added_product(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            for k in range(n):
                C[i, j] += A[i, k] * B[k, j]


def general_product(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        first = A[i, 0] * 2
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = first
            for k in range(n):
                s += A[i, k] * B[k, j]
            if j > i:
                C[i, j] = 3 * s + 2 * C[i, j]


def moments(C, A, B, n):
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            t = 1.0
            for k in range(n):
                d = A[i, k] - B[k, j]
                s += d
                t += d * d
            C[i, j] = s * t


def products_of_rows(C, A, B, n):
    """Nothing that is loaded is the same for several columns."""
    parpy.label("rows")
    for i in range(C.shape[0]):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 1.0
            for k in range(n):
                s = s * 0.5 + B[k, j]
            C[i, j] = s + A[i, 0]


def inner_product(C, A, B, n):
    """Some rows and columns lie before the first, and some behind the last."""
    parpy.label("rows")
    for i in range(2, C.shape[0] - 1):
        parpy.label("columns")
        for j in range(3, C.shape[1] - 2):
            s = 0.0
            for k in range(n):
                s += A[i, k] * B[k, j]
            C[i, j] = s


def products_of_pairs(C, A, B, n):
    """Two products one after the other, in a block for the GPU."""
    with parpy.gpu:
        parpy.label("rows")
        for i in range(C.shape[0]):
            parpy.label("columns")
            for j in range(C.shape[1]):
                s = 0.0
                for k in range(n):
                    s += A[i, k] * B[k, j]
                C[i, j] = s
        parpy.label("rows")
        for i in range(C.shape[0]):
            parpy.label("columns")
            for j in range(C.shape[1]):
                for k in range(n):
                    C[i, j] -= A[i, k] + B[k, j]


def numbers(dtype: str, *shape: int) -> np.ndarray:
    """Small whole numbers: plain Python and NumPy give the same."""
    return RANDOM.integers(0, 9, shape).astype(dtype)


def width(elements: int, rows: int) -> int:
    """The columns with which there are so many elements, and a few more."""
    return -(-elements // rows)


def check(
    function: Callable[..., None],
    expected: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    C: np.ndarray,
    A: np.ndarray,
    B: np.ndarray,
    *,
    specialize: str = "always",
    threads: int | None = None,
    is_tiled: bool = True,
) -> None:
    """Compares with `expected` of whole arrays, and that with plain Python for a few elements.

    Args:
        function: takes the result, two factors and how many products a sum has.
        expected: gives the same for whole arrays, for which the function takes minutes.
        specialize: as in the options.
        threads: those of a row; as many as columns where it is None.
        is_tiled: whether threads are to have several elements.
    """
    n = A.shape[1]
    for rows, columns in ((5, 9), (1, 1)):
        small = [x.copy() for x in (C[:rows, :columns], A[:rows], B[:, :columns])]
        wanted = expected(*small)
        function(*small, n)
        np.testing.assert_array_equal(small[0], wanted)
    opts = cuda(
        {
            "rows": parpy.threads(C.shape[0]),
            "columns": parpy.threads(threads or C.shape[1]),
        }
    )
    opts.specialize = specialize
    wanted = expected(C, A, B)
    compiled = parpy.jit(function)
    assert ("_in_tile" in parpy.print_compiled(compiled, [C, A, B, n], opts=opts)) == is_tiled
    compiled(C, A, B, n, opts=opts)
    np.testing.assert_array_equal(C, wanted)


def dot(C: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return A @ B


def check_product(
    dtype: str, elements: int, rows: int, more: int = 0, n: int = 9, specialize: str = "always"
) -> None:
    columns = width(elements, rows) + more
    function = whole_product if dtype.startswith("int") else product
    A, B = numbers(dtype, rows, n), numbers(dtype, n, columns)
    check(function, dot, numbers(dtype, rows, columns), A, B, specialize=specialize)


@pytest.mark.parametrize("rows", [16, 17, 31, 72])
@pytest.mark.parametrize("more", [0, 1, 127])
def test_rows_and_columns_of_any_number(rows: int, more: int) -> None:
    check_product("float32", SMALL, rows, more)


@pytest.mark.parametrize(
    ("dtype", "elements"),
    [
        ("float32", LARGE),
        ("float32", MIDDLE),
        ("float64", MIDDLE),
        ("int32", MIDDLE),
        ("int64", SMALL),
    ],
)
def test_tiles_of_any_size(dtype: str, elements: int) -> None:
    check_product(dtype, elements, 67, 5)


@pytest.mark.parametrize(
    ("dtype", "elements", "rows"),
    [("float32", LARGE, 71), ("float64", MIDDLE, 64), ("int64", MIDDLE, 71)],
)
def test_extents_that_vary(dtype: str, elements: int, rows: int) -> None:
    check_product(dtype, elements, rows, 3, specialize="never")


@pytest.mark.parametrize("shape", [(1, 40), (5, 300), (64, 256), (3, 1)])
@pytest.mark.parametrize("n", [1, 9])
def test_few_elements_of_extents_that_vary(shape: tuple[int, int], n: int) -> None:
    """The call decides that threads have one element each."""
    A, B = numbers("float32", shape[0], n), numbers("float32", n, shape[1])
    opts = cuda({"rows": parpy.threads(64), "columns": parpy.threads(2048)})
    opts.specialize = "never"
    C = np.ones(shape, "float32")
    parpy.jit(product)(C, A, B, n, opts=opts)
    np.testing.assert_array_equal(C, A @ B)


@pytest.mark.parametrize("function", [product, added_product])
@pytest.mark.parametrize("shape", [(0, 1 << 21), (1 << 10, 0), (64, 1 << 15)])
def test_sums_of_nothing(function: Callable[..., None], shape: tuple[int, int]) -> None:
    opts = cuda({"rows": parpy.threads(64), "columns": parpy.threads(1 << 15)})
    opts.specialize = "never"
    C = np.ones(shape, "float32")
    A, B = numbers("float32", shape[0], 9), numbers("float32", 9, shape[1])
    parpy.jit(function)(C, A, B, 0, opts=opts)
    np.testing.assert_array_equal(C, 0 if function is product else 1)


VERSIONS = [("always", "float32", SMALL), ("never", "float64", MIDDLE)]


@pytest.mark.parametrize(("specialize", "dtype", "elements"), VERSIONS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (product_of_slices, dot),
        (product_in_place, dot),
        (added_product, lambda C, A, B: C + A @ B),
        (
            general_product,
            lambda C, A, B: np.where(
                np.arange(C.shape[1]) > np.arange(C.shape[0])[:, None],
                3 * (2 * A[:, :1] + A @ B) + 2 * C,
                C,
            ),
        ),
        (products_of_pairs, lambda C, A, B: A @ B - A.sum(1)[:, None] - B.sum(0)),
    ],
)
def test_forms_of_a_product(
    function: Any, expected: Any, specialize: str, dtype: str, elements: int
) -> None:
    columns = width(elements, 66)
    C, A, B = (numbers(dtype, *s) for s in ((66, columns), (66, 9), (9, columns)))
    check(function, expected, C, A, B, specialize=specialize)


def test_several_sums() -> None:
    def expected(C: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        d = A.T[:, :, None] - B[:, None, :]
        return d.sum(0) * (1 + (d * d).sum(0))

    columns = width(MIDDLE, 50)
    C, A, B = (numbers("float32", *s) for s in ((50, columns), (50, 9), (9, columns)))
    check(moments, expected, C, A, B)


def test_rows_alone() -> None:
    def expected(C: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        s = np.ones(B.shape[1], B.dtype)
        for row in B:
            s = s * B.dtype.type(0.5) + row
        return s + A[:, :1]

    C, A, B = (numbers("float32", *s) for s in ((1025, 512), (1025, 8), (8, 512)))
    check(products_of_rows, expected, C, A, B)


def test_a_row_on_the_threads_of_a_block() -> None:
    C, A, B = (numbers("float32", *s) for s in ((2050, 1026), (2050, 8), (8, 1026)))
    check(product, dot, C, A, B, threads=512)


def test_part_of_the_rows_and_columns() -> None:
    def expected(C: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        result = C.copy()
        result[2:-1, 3:-2] = (A @ B)[2:-1, 3:-2]
        return result

    columns = width(SMALL, 30)
    C, A, B = (numbers("float32", *s) for s in ((37, columns), (37, 9), (9, columns)))
    check(inner_product, expected, C, A, B)


@pytest.mark.parametrize(("specialize", "dtype", "elements"), VERSIONS)
def test_elements_that_lie_apart(specialize: str, dtype: str, elements: int) -> None:
    """Transposed matrices, and every second column."""
    columns = width(elements, 65)
    C = numbers(dtype, 65, 2 * columns)[:, ::2]
    A, B = numbers(dtype, 9, 65).T, numbers(dtype, columns, 9).T
    check(product, dot, C, A, B, specialize=specialize)
    check(product, dot, numbers(dtype, columns, 65).T, A, B, specialize=specialize)


def test_sums_have_the_bits_of_a_thread_for_each() -> None:
    """The terms are added in the same order: so many products that each order gives another sum."""
    A = RANDOM.standard_normal((1024, 40)).astype("float32")
    B = RANDOM.standard_normal((40, 700)).astype("float32")
    tiled, single = np.zeros((1024, 700), "float32"), np.zeros((1024, 700), "float32")
    opts = cuda({"rows": parpy.threads(1024), "columns": parpy.threads(700)})
    compiled = parpy.jit(product)
    compiled(tiled, A, B, 40, opts=opts)
    for first in range(0, 1024, 256):
        part = slice(first, first + 256)
        compiled(single[part], A[part], B, 40, opts=opts)
    np.testing.assert_array_equal(tiled, single)


def test_arrays_that_overlap() -> None:
    """The result is beside the factor, in the same memory: what a thread stores, no other reads."""
    memory = numbers("float32", 64, 20 + width(SMALL, 64))
    A, C = memory[:, :9], memory[:, 20:]
    B = numbers("float32", 9, C.shape[1])
    opts = cuda({"rows": parpy.threads(64), "columns": parpy.threads(C.shape[1])})
    compiled = parpy.jit(product)
    assert "_in_tile" not in parpy.print_compiled(compiled, [C, A, B, 9], opts=opts)
    wanted = A @ B
    compiled(C, A, B, 9, opts=opts)
    np.testing.assert_array_equal(C, wanted)
