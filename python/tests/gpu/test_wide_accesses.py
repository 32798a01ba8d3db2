"""Threads that access 128 bits at once, against plain Python; skipped where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable
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

RANDOM = np.random.default_rng(2)
THREADS = 32
# Shorter than eight a thread, whole rounds of the block, and cut short in a row and between rows.
WIDTHS = (255, 256, 384, 400, 401, 402, 403)


def numbers(dtype: str, *shape: int) -> np.ndarray:
    """Small whole numbers: every order of a sum gives the same."""
    return RANDOM.integers(0, 9, shape).astype(dtype)


def check(
    function: Callable[..., None], *args: Any, specialize: str = "auto", reduces: bool = False
) -> None:
    columns = parpy.threads(THREADS)
    columns = columns.reduce() if reduces else columns
    opts = cuda({"rows": parpy.threads(3), "columns": columns})
    opts.specialize = specialize
    expected = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    function(*expected)
    parpy.jit(function)(*args, opts=opts)
    for found, wanted in zip(args, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint32", "int64", "uint64"])
def test_rows(dtype: str, width: int, specialize: str) -> None:
    x, y = numbers(dtype, 3, width), numbers(dtype, 3, width)
    check(programs.scaled_rows, x, y, np.zeros(3, dtype), 3, specialize=specialize)


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4])
def test_rows_that_begin_anywhere(first: int) -> None:
    """The arrays are views: their rows are aligned together, apart, or not at all."""
    x, y = numbers("float32", 3, 512), numbers("float32", 3, 512)
    check(programs.scaled_rows, x[:, first:400], y[:, : 400 - first], np.zeros(3, "float32"), 3)
    check(programs.scaled_rows, x[:, first:400], y[:, first:400], np.zeros(3, "float32"), 3)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elements_of_rows_may_lie_apart(dtype: str, specialize: str) -> None:
    """Of a transposed matrix the rows are side by side, and some of them begin at 16 bytes."""
    x, y = numbers(dtype, 512, 8), np.zeros((512, 8), dtype)
    check(programs.scaled_rows, x.T, y.T, np.ones(8, dtype), 8, specialize=specialize)
    wide, apart = numbers(dtype, 8, 1024), np.zeros((8, 1024), dtype)
    both = (wide[:, ::2], apart[:, ::2])
    check(programs.scaled_rows, *both, np.ones(8, dtype), 8, specialize=specialize)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("start", [0, 1, 4, 7])
def test_ranges_that_begin_anywhere(start: int, specialize: str) -> None:
    x, y = numbers("float32", 3, 512), np.zeros((3, 512), "float32")
    check(programs.part_of_rows, x, y, np.zeros(3, "float32"), start, 500, 3, specialize=specialize)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("width", [383, 384, 385, 386])
def test_ranges_that_end_before_the_row_does(width: int, specialize: str) -> None:
    """How many elements a row has is a difference, and the start is 0."""
    x, y = numbers("float32", 3, width), np.zeros((3, width), "float32")
    check(programs.all_but_last, x, y, 3, specialize=specialize)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("start", [-5, -300, -1000, 3])
def test_ranges_that_begin_below_0(start: int, specialize: str) -> None:
    """Positions of threads have no sign, and what is counted has 64 bits in one version."""
    x, y = numbers("float32", 3, 512), np.zeros((3, 512), "float32")
    check(programs.counted_from, x, y, start, start + 500, 3, specialize=specialize)
    sums = np.zeros(3, "float32")
    check(programs.summed_from, x, sums, start, start + 500, 3, specialize=specialize, reduces=True)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_ranges_that_begin_beside_another_variable(specialize: str) -> None:
    """How many elements a row has is a difference, of which the start is a sum."""
    x, y = numbers("float32", 8, 304), np.zeros((8, 304), "float32")
    check(programs.upper_triangle, x, y, 8, 302, specialize=specialize)


def test_rows_of_one_array() -> None:
    """An element is read before and after it is written; and the arrays may be the same."""
    x = numbers("float32", 3, 512)
    check(programs.updated_rows, x, np.zeros((3, 512), "float32"), 3)
    y = numbers("float32", 3, 512)
    both = y.copy()
    programs.updated_rows(both, both, 3)
    opts = cuda({"rows": parpy.threads(3), "columns": parpy.threads(THREADS)})
    parpy.jit(programs.updated_rows)(y, y, 3, opts=opts)
    np.testing.assert_array_equal(y, both)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_elements_that_are_read_in_some_iterations(specialize: str) -> None:
    """What is written in each iteration is read where a condition holds."""
    x, y = numbers("float32", 3, 512), numbers("float32", 3, 512)
    sums = np.zeros(3, "float32")
    check(programs.sum_beside_updates, x, y, sums, 3, specialize=specialize, reduces=True)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("width", [512, 513, 514])
def test_rows_of_an_inner_loop(width: int, specialize: str) -> None:
    """Rows of an odd number of elements begin at 16 bytes in some inner iterations alone."""
    a, b = numbers("float32", 3, 5), numbers("float32", 5, width)
    y = numbers("float32", 3, width)
    check(programs.rows_times_matrix, a, b, y, 3, 5, specialize=specialize)
    check(programs.rows_times_matrix, a, b[:, 1:], y[:, 1:], 3, 5, specialize=specialize)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_windows_of_an_inner_loop(specialize: str) -> None:
    """The iteration of the inner loop says where the elements of a thread begin."""
    x, y = numbers("float32", 3, 516), numbers("float32", 3, 512)
    check(programs.sum_windows_into_rows, x, y, 3, 5, specialize=specialize)
    check(programs.sum_windows, x, np.zeros(3, "float32"), 3, specialize=specialize, reduces=True)


def test_threads_wait_where_rows_are_shared_otherwise() -> None:
    """One loop is aligned, the next is not: a thread reads what another has written."""
    x, y = numbers("float32", 3, 513), np.zeros((3, 513), "float32")
    check(programs.shifted_rows, x[:, :512], y[:, 1:], np.zeros((3, 512), "float32"), 3)


@pytest.mark.parametrize("program", [programs.sum_rows, programs.sum_windows])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_do_not_depend_on_what_a_version_knows(
    dtype: str, program: Callable[..., None]
) -> None:
    """The threads have the same elements in the same order, wherever the rows lie."""
    x = RANDOM.standard_normal((3, 512)).astype(dtype)
    sums = []
    for specialize in ("always", "never"):
        for first in (0, 1, 3):
            view = np.zeros((3, 520), dtype)[:, first : first + 512]
            view[...] = x
            columns = parpy.threads(THREADS).reduce()
            opts = cuda({"rows": parpy.threads(3), "columns": columns})
            opts.specialize = specialize
            y = np.zeros(3, dtype)
            parpy.jit(program)(view, y, 3, opts=opts)
            sums.append(y)
    assert all(np.array_equal(s, sums[0]) for s in sums)
