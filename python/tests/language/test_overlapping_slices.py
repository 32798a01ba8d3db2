"""Slices that read what they write: everything is read before anything is written."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check, check_views, define, each

import parpy

# --- Overlaps ---------------------------------------------------------------------------------

# Statements over x, where what is read overlaps what is written.
SELF = """
x[1:] = x[:-1]
x[:-1] = x[1:]
x[:] = x[::-1]
x[::-1] = x
x[2:] = x[:-2] + x[1:-1]
x[:-2] = x[1:-1] - x[2:]
x[1:-1] = (x[:-2] + x[1:-1] + x[2:]) / 3
x[: len(x) // 2] = x[1::2]
x[:] = x[:] / x[0]
x[:] = x[:] - x[-1] * 2
x[:] /= x[1]
x[:] *= x[-2]
x[:] = x[0]
x[1:] = x[1]
x[:] = x[0] + x[1] * 2
x[:] = x[:] + parpy.operators.sum(x[:])
x[:] -= parpy.operators.max(x[:])
x[1:] += x[:-1]
x[:-1] -= x[1:]
x[:5] = x[5:10]
x[5:10] = x[:5]
x[:6] = x[4:10]
x[4:10] = x[:6]
x[:] = x[:] * 2
x[:] = x[::-1] + x
x[1::2] = x[::2][: len(x) // 2]
x[:] = x[:] * 2 + x[len(x) // 2]
""".strip().splitlines()


@pytest.mark.parametrize("n", [10, 65, 200])
@pytest.mark.parametrize("statement", SELF)
def test_everything_is_read_before_anything_is_written(statement: str, n: int) -> None:
    function = define(f"""
        def overlaps(x):
            parpy.label("N")
            {statement}
    """)
    x = np.random.default_rng(13).integers(1, 50, n).astype(np.float64)
    threads = [64] if n != 10 else [1, 64]
    for specialize in ("auto", "never") if n == 10 else ("auto",):
        check(function, x, schedules=each("N", threads=threads), specialize=specialize)


def spreads(x):
    x[::2] = x[: (len(x) + 1) // 2]


@pytest.mark.parametrize("n", [2, 10, 11, 200])
def test_overlap_that_numpy_gets_wrong(n: int) -> None:
    # NumPy 2.4 copies forward where both views start at one element, and reads what it wrote.
    x = np.arange(float(n))
    expected = x.copy()
    expected[::2] = x[: (n + 1) // 2].copy()
    parpy.jit(spreads)(x)
    np.testing.assert_array_equal(x, expected)


SELF_MATRIX = """
a[:, :] = a[:, ::-1]
a[1:, :] = a[:-1, :]
a[:, 1:] = a[:, :-1]
a[:, :] = a[::-1, ::-1]
a[1:, 1:] = a[:-1, :-1]
a[:, :] = a[0, :]
a[:, :] = a[:, 0:1]
a[:, :] = a / a[0, 0]
a[:, :] = a - a[2, 1]
a[0, :] = a[:, 0]
a[:, 2] = a[2, :]
a[:, :] += a[1, :]
a[2, :] /= a[2, 2]
a[:, :] = a - parpy.operators.sum(a[:, :], axis=0)
a[:, :] /= parpy.operators.sum(a[:, :])
a[0, :] = parpy.operators.max(a, axis=0)
a[:, 0] = parpy.operators.sum(a, axis=1)
""".strip().splitlines()


@pytest.mark.parametrize("statement", SELF_MATRIX)
def test_overlap_in_two_dimensions(statement: str) -> None:
    function = define(f"def overlaps(a):\n    {statement}")
    a = np.random.default_rng(14).integers(1, 50, (6, 6)).astype(np.float64)
    rtol = 1e-15 if "sum" in statement else 0
    check(function, a, layouts=["contiguous", "transposed"], rtol=rtol)
    check(function, a, specialize="never", rtol=rtol)


def eliminates(a):
    n = a.shape[0]
    for k in range(n):
        a[k, k + 1 :] = a[k, k + 1 :] / a[k, k]
        for i in range(k + 1, n):
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]


def normalises_rows(a):
    for i in range(a.shape[0]):
        a[i, :] /= a[i, i]


def transposes(a):
    for i in range(a.shape[0]):
        a[i, :] = a[:, i]


def test_rows_read_and_written_in_loops() -> None:
    a = np.random.default_rng(15).integers(1, 50, (7, 7)).astype(np.float64) + np.eye(7) * 100
    for specialize in ("always", "never"):
        check(eliminates, a, strict=True, specialize=specialize)
        check(normalises_rows, a, specialize=specialize)
        check(transposes, a, specialize=specialize)


def large_shift(x):
    parpy.label("N")
    x[1:] = x[:-1]


def test_overlap_larger_than_any_stack() -> None:
    check(large_shift, np.arange(3_000_000.0), schedules=each("N", threads=[64]))


def shift_in_loop(a, n):
    parpy.label("rows")
    for i in range(n):
        a[i, 1:] = a[i, :-1]
        a[i, :] = a[i, ::-1] * 2


def test_temporaries_inside_parallel_loops() -> None:
    a = np.random.default_rng(16).random((50, 300))
    check(shift_in_loop, a, 50, schedules=each("rows"))
    check(shift_in_loop, a, 50, schedules=each("rows"), specialize="never")


def updates_rows_from_each_place_on(x, n):
    parpy.label("N")
    for b in range(x.shape[0]):
        for t in range(n):
            x[b, t:] += 1
            x[b, : t + 1] = x[b, : t + 1] * 2
            x[b, t:] = x[b, : x.shape[1] - t]


def moves_parts_to_places_from_data(x, c):
    parpy.label("N")
    for b in range(x.shape[0]):
        x[b, c[b] : c[b] + 4] = x[b, 3:7]
        x[b, c[b] :] = x[b, : x.shape[1] - c[b]]


def moves_all_by_an_element(x, c):
    with parpy.gpu:
        k = c[0]
        parpy.label("N")
        x[0, k:] = x[0, : x.shape[1] - k]


@pytest.mark.parametrize("specialize", ["auto", "always", "never"])
@pytest.mark.parametrize("width", [8, 300, 2100])
def test_lengths_that_kernels_compute(width: int, specialize: str) -> None:
    """A GPU's temporary for them is as long as a row: it was refused."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((3, width)).astype(np.float32)
    schedules = each("N", threads=[32])
    for n in (0, 1, 3):
        check(updates_rows_from_each_place_on, x, n, schedules=schedules, specialize=specialize)
    check(updates_rows_from_each_place_on, x[:, :1], 1, schedules=schedules, specialize=specialize)
    for function in (moves_parts_to_places_from_data, moves_all_by_an_element):
        check(function, x, np.array([1, 2, 0]), schedules=schedules, specialize=specialize)


# --- Arguments that share memory --------------------------------------------------------------


def copies(x, y):
    parpy.label("N")
    y[:] = x[:]


def adds(x, y, z):
    z[:] = x[:] + y[:] * 2


def doubles_twice(x, y):
    x[:] = 2 * x[:]
    y[:] = y[:] + x[:]


def walks(x, y):
    for i in range(len(x)):
        y[i] = x[i] + 1


def sums_up(x, y):
    for i in range(len(x)):
        y[0] += x[i]


def scalar_of_the_other(x, y):
    y[:] = y[:] / x[0]


def reduces_into(x, y):
    y[0] = parpy.operators.sum(x[:])
    y[1] = parpy.operators.max(x[:])


def base() -> np.ndarray:
    return np.arange(1.0, 101.0)


TWO_VIEWS = {
    "same": lambda b: (b, b),
    "shifted up": lambda b: (b[:-1], b[1:]),
    "shifted down": lambda b: (b[1:], b[:-1]),
    "far": lambda b: (b[:-8], b[8:]),
    "reversed": lambda b: (b, b[::-1]),
    "interleaved": lambda b: (b[::2], b[1::2]),
    "strided": lambda b: (b[::2], b[:50]),
    "halves": lambda b: (b[:50], b[50:]),
    "backwards": lambda b: (b[:50][::-1], b[25:75]),
}


@pytest.mark.parametrize("views", TWO_VIEWS)
@pytest.mark.parametrize(
    "function", [copies, doubles_twice, walks, sums_up, scalar_of_the_other, reduces_into]
)
def test_two_views_of_one_array(function, views: str) -> None:
    schedules = each("N", threads=[64]) if function is copies else []
    check_views(function, lambda: TWO_VIEWS[views](base()), schedules=schedules)


@pytest.mark.parametrize("views", ["same", "shifted up", "shifted down", "reversed"])
def test_three_arguments_of_which_two_overlap(views: str) -> None:
    def make(order):
        x, y = TWO_VIEWS[views](base())
        z = np.arange(float(len(x)))
        return [(x, z, y), (x, y, z), (z, x, y), (x, y, x)][order]

    for order in range(4):
        check_views(adds, lambda order=order: make(order))


def test_a_matrix_and_its_transpose() -> None:
    def make():
        a = np.arange(49.0).reshape(7, 7)
        return a, a.T

    check_views(matrix_copies, make)
    check_views(matrix_copies, lambda: make()[::-1])


def matrix_copies(a, b):
    b[:, :] = a[:, :]


def test_rows_and_columns_of_one_matrix() -> None:
    def make():
        a = np.arange(49.0).reshape(7, 7)
        return a[3], a[:, 3]

    check_views(copies, make)
    check_views(walks, make)


def test_arrays_side_by_side_do_not_overlap() -> None:
    def make():
        b = base()
        return b[:50], b[50:]

    check_views(walks, make)
    function = parpy.jit(walks)
    function(*make())
    x, y = base()[:50], base()[:50]
    function(x, y)
    np.testing.assert_array_equal(y, x + 1)


def test_overlap_is_found_at_each_call() -> None:
    function = parpy.jit(large_copy)
    for _ in range(2):
        b = base()
        function(b[:-1], b[1:])
        assert b.tolist() == [1.0, *range(1, 100)]
        x, y = base(), np.zeros(100)
        function(x, y)
        np.testing.assert_array_equal(x, y)


def large_copy(x, y):
    y[:] = x[:]
