"""Loops over many blocks that access 128 bits at once, against NumPy; skipped without a GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

RANDOM = np.random.default_rng(3)
# With fewer iterations a thread has one.
MANY = 1 << 20
ROWS = 33


def scaled(x, y, N):
    parpy.label("elements")
    for i in range(N):
        y[i] = 2 * x[i] + y[i]


def smoothed(x, y, N):
    parpy.label("elements")
    for i in range(1, N - 1):
        y[i] = x[i - 1] + 2 * x[i] + x[i + 1]


def neighbours(x, y, N):
    parpy.label("elements")
    for i in range(2, N):
        y[i - 1] = x[i - 2] + 3 * x[i]


def far_neighbours(x, y, N):
    parpy.label("elements")
    for i in range(4, N - 4):
        y[i] = x[i - 4] - x[i - 1] + 2 * x[i + 3] + 3 * x[i + 4]


def shifted(x, y, N):
    parpy.label("elements")
    for i in range(2, N - 1):
        y[i] = x[i + 1]


def positions(x, y, N):
    parpy.label("elements")
    for i in range(3, N):
        y[i] = x[i] + i % 7


def cross(x, y, N, M):
    parpy.label("rows")
    for i in range(1, N - 1):
        parpy.label("elements")
        for j in range(1, M - 1):
            y[i, j] = x[i, j] + x[i - 1, j] + x[i + 1, j] + 2 * x[i, j - 1] + 3 * x[i, j + 1]


def sum_of_rows(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        parpy.label("elements")
        for j in range(M):
            y[i, j] += x[i, j]


WIDE = [scaled, smoothed, neighbours, far_neighbours, positions]


def numbers(*shape: int, dtype: str = "float32") -> np.ndarray:
    """Small whole numbers: every order of a sum gives the same."""
    return RANDOM.integers(0, 9, shape).astype(dtype)


def options(*labels: str, specialize: str = "auto") -> parpy.CompileOptions:
    opts = cuda(
        {label: parpy.threads(2 * MANY if label == "elements" else ROWS) for label in labels}
    )
    opts.specialize = specialize
    return opts


def expected(function: Callable[..., None], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What one of the programs over elements makes of `y`."""
    n = len(x)
    result = y.copy()
    if function is scaled:
        result[:] = 2 * x + y
    elif function is smoothed:
        result[1:-1] = x[:-2] + 2 * x[1:-1] + x[2:]
    elif function is neighbours:
        result[1:-1] = x[:-2] + 3 * x[2:]
    elif function is far_neighbours:
        result[4:-4] = x[: n - 8] - x[3 : n - 5] + 2 * x[7 : n - 1] + 3 * x[8:]
    elif function is shifted:
        result[2:-1] = x[3:]
    else:
        result[3:] = x[3:] + np.arange(3, n) % 7
    return result


def check(
    function: Callable[..., None], x: np.ndarray, y: np.ndarray, specialize: str = "auto"
) -> None:
    wanted = expected(function, x, y)
    parpy.jit(function)(x, y, len(x), opts=options("elements", specialize=specialize))
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("function", [*WIDE, shifted])
@pytest.mark.parametrize("more", [5, 8, 4103])
def test_ranges(function: Callable[..., None], more: int, specialize: str) -> None:
    """Ranges that begin and end anywhere, the last tile whole or cut short."""
    check(function, numbers(MANY + more), numbers(MANY + more), specialize)


@pytest.mark.parametrize("function", [scaled, smoothed])
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (1, 1), (3, 1)])
def test_arrays_that_begin_anywhere(function: Callable[..., None], first: int, second: int) -> None:
    """The arrays are views: aligned together, apart, or not at all."""
    n = MANY + 9
    check(function, numbers(n + 3)[first:][:n], numbers(n + 3)[second:][:n])


@pytest.mark.parametrize("dtype", ["int32", "uint32", "float64", "int16"])
def test_element_types(dtype: str) -> None:
    check(scaled, numbers(MANY + 7, dtype=dtype), numbers(MANY + 7, dtype=dtype))


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("columns", [40_000, 40_001, 40_002])
def test_rows(columns: int, specialize: str) -> None:
    """Rows that begin at multiples of 16 bytes, and others."""
    x, y = numbers(ROWS, columns), numbers(ROWS, columns)
    wanted = y.copy()
    inside = x[1:-1, 1:-1]
    wanted[1:-1, 1:-1] = inside + x[:-2, 1:-1] + x[2:, 1:-1] + 2 * x[1:-1, :-2] + 3 * x[1:-1, 2:]
    parpy.jit(cross)(x, y, ROWS, columns, opts=options("rows", "elements", specialize=specialize))
    np.testing.assert_array_equal(y, wanted)
    wanted += x
    parpy.jit(sum_of_rows)(
        x, y, ROWS, columns, opts=options("rows", "elements", specialize=specialize)
    )
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize(("height", "width"), [(2052, 4096), (2053, 4100), (2054, 4099)])
def test_tiles_of_rows(height: int, width: int) -> None:
    """Threads have three rows each, the last tile fewer; rows that begin anywhere are not wide."""
    x, y = numbers(height, width), numbers(height, width)
    wanted = y.copy()
    inside = x[1:-1, 1:-1]
    wanted[1:-1, 1:-1] = inside + x[:-2, 1:-1] + x[2:, 1:-1] + 2 * x[1:-1, :-2] + 3 * x[1:-1, 2:]
    opts = cuda({"rows": parpy.threads(height), "elements": parpy.threads(width)})
    opts.specialize = "always"
    text = parpy.print_compiled(parpy.jit(cross), [x, y, height, width], opts)
    assert ("load_row_float32" in text) == (width % 4 == 0)
    parpy.jit(cross)(x, y, height, width, opts=opts)
    np.testing.assert_array_equal(y, wanted)


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize("function", WIDE)
def test_text_is_wide(function: Callable[..., None], specialize: str) -> None:
    x, y = numbers(MANY + 10), numbers(MANY + 10)
    text = parpy.print_compiled(
        parpy.jit(function), [x, y, len(x)], options("elements", specialize=specialize)
    )
    assert "store_row_float32(&y" in text
    assert "load_row_float32(" in text


def test_what_is_not_side_by_side_stays_as_it_is() -> None:
    """Where `y` is aligned, no four elements of `x` that are read together are."""
    x, y = numbers(MANY + 10), numbers(MANY + 10)
    text = parpy.print_compiled(parpy.jit(shifted), [x, y, len(x)], options("elements"))
    assert "load_row" not in text
