"""Slice statements: bounds, steps, broadcasting; all is read before anything is written."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from harness import LAYOUTS, check, check_or_reject, check_views, define, each

import parpy

# --- One dimension ----------------------------------------------------------------------------

# Statements over x and y of length 10.
STATEMENTS = """
y[:] = x[:]
y[:] = x
y[1:] = x[:-1]
y[:-1] = x[1:]
y[::2] = x[:5]
y[1::3] = x[::3][1:]
y[::-1] = x
y[:] = x[::-1]
y[-3:] = x[:3]
y[2:100] = x[2:100]
y[-100:3] = x[-100:3]
y[5:2] = x[5:2]
y[8:2:-2] = x[1:4]
y[:] = 7
y[3:6] = x[3]
y[2:5] *= 2
y[:] += x[:] * 2 - x[::-1]
y[:] = x[len(x)-1::-1]
y[::3] = x[::-3]
y[9:0:-4] = x[0:3]
y[-1:-11:-1] = x
y[-2:-9:-3] = x[4:7]
y[:0] = x[10:]
y[10:] = x[:0]
y[4:5] = x[-1]
y[None:None:None] = x[None:5:-1][0]
y[:] = -x
y[:] = x > 4
y[1:9][1:3] = x[5:7]
y[::2][1:4] = x[::-1][::3][:3]
y[::-1][2:5] = x[:3]
y[1:-1] = (x[2:] + x[:-2]) / 2
y[:] = x[:] * x[2] + y[:]
y[:] = abs(x[:] - 5) ** 2
y[:] = x[:] // 3 + x % 4
y[0:1] = x[9:]
y[:] = (x[:] > 3) * x[:]
y[...] = x[...]
y[:] = 2 ** x[:]
""".strip().splitlines()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement(statement: str) -> None:
    function = define(f"""
        def assigns(x, y):
            parpy.label("N")
            {statement}
    """)
    x = np.arange(10.0)
    check(
        function,
        x,
        np.arange(10.0) * 100,
        schedules=each("N", threads=[64]),
        layouts=["contiguous", "reversed"],
    )
    check(function, x, np.arange(10.0) * 100, specialize="never")


BOUNDS = [None, 0, 1, 3, 9, 10, 14, -1, -4, -10, -13]


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2, -7])
def test_bounds_are_pythons(step: int) -> None:
    function = define(f"""
        def cuts(x, y, a, b):
            y[a:b:{step}] = x[a:b:{step}] * 2 + 1
    """)
    for a, b in itertools.product([b for b in BOUNDS if b is not None], repeat=2):
        check(function, np.arange(10.0), np.zeros(10), a, b)


@pytest.mark.parametrize("bounds", list(itertools.product(BOUNDS, repeat=2))[::4])
def test_literal_bounds_are_pythons(bounds: tuple[int | None, int | None]) -> None:
    a, b = ("" if v is None else str(v) for v in bounds)
    function = define(f"""
        def cuts(x, y):
            y[{a}:{b}] = x[{a}:{b}] + 1
            y[{a}:{b}:-1] *= x[{a}:{b}:-1]
            y[{a}:{b}:3] -= x[{a}:{b}:3]
    """)
    check(function, np.arange(10.0), np.zeros(10))


def blocks(x, y, width):
    for k in range(len(x) // width):
        y[k * width : (k + 1) * width] = x[k * width : (k + 1) * width] * k
        y[k] += parpy.operators.sum(x[k * width : k * width + width])


def windows(x, y):
    for i in range(2, len(x) - 2):
        y[i - 2 : i + 3] += x[i - 2 : i + 3]


def growing(x, y):
    for i in range(len(x)):
        y[: i + 1] += x[: i + 1]
        y[i:] -= x[i:]


def test_bounds_that_depend_on_loops() -> None:
    for specialize in ("always", "never"):
        check(blocks, np.arange(12.0), np.zeros(12), 3, specialize=specialize)
        check(windows, np.arange(12.0), np.zeros(12), specialize=specialize)
        check(growing, np.arange(9.0), np.zeros(9), specialize=specialize)


def never_below(x, y, low):
    for i in range(len(x)):
        if i < low:
            y[0:3] = x[-1:] + y[0:3]
        elif i >= low - 5:
            y[i] += 1
        else:
            y[0:1] = x[-1:] + y[0:1]


def test_what_follows_from_a_condition_that_never_holds_is_not_believed() -> None:
    for low in (3, 0, -1, -4):
        for specialize in ("always", "never"):
            check(never_below, np.arange(11.0), np.zeros(11), low, specialize=specialize)


def bounds_from_data(c, x, y):
    for k in range(len(c) - 1):
        y[k] += parpy.operators.sum(x[c[k] : c[k + 1]])
        y[c[k] : c[k + 1]] += k + 1


def equal_bounds_from_data(c, x, y):
    y[c[0] : c[1]] = x[c[0] : c[1]] * 2


def test_bounds_from_arrays() -> None:
    for c in (np.array([1, 4, 4, 9, 20]), np.array([-5, -2])):
        check(bounds_from_data, c, np.arange(12.0), np.zeros(12))
        check_or_reject(equal_bounds_from_data, c, np.arange(12.0), np.zeros(12))


# --- More dimensions --------------------------------------------------------------------------

# a: (4, 5), b: (4, 5), r: (5,), c: (4, 1), s: (5, 5), t: (2, 3, 4)
MATRICES = """
a[:, :] = b
a[:] = b[:]
a[1, :] = r
a[1] = r[:]
a[-1] = r * 2
a[:, 2] = b[:, 0]
a[:, -1] = c[:, 0]
a[:, :] = r
a[:, :] = c
a[:, :] = r * c
a[:, :] = c + r[:]
a[1:3, ::2] = b[2:, 1:4]
a[::-1, ::-1] = b
a[:, 1:] = b[:, :-1]
a[2][1:3] = r[:2]
a[2:][0][:] = r
a[:, :] += 1
a[:, 0] *= r[:4]
a[0, 0] = b[1][2]
a[0:1, :] = r
a[:, 0:1] = c
a[:, :] = b[0:1, :]
a[:, :] = b[:, 4:5]
a[:, :] = b[1:2, 2:3]
a[:, :] = 3
a[3, :] = b[:, 1][0]
a[..., 1] = c[..., 0]
a[...] = b
s[1:, :] = s[:-1, :]
s[:-1, 1:] = s[1:, :-1]
s[:, :] = s[::-1, :]
s[0, :] = s[:, 0]
s[:, 0] = s[0, :]
s[1:4, 1:4] = s[0:3, 2:5] + s[2:5, 0:3]
t[:, 0, :] = b[:2, :4]
t[1, :, :] = t[0, :, ::-1]
t[:, :, :] = r[:4]
t[:, :, 1] = t[:, :, 2] * 2
t[:, 1] = a[0, :4]
t[0] = t[1]
t[:] = t[::-1]
t[:, :, :] *= t[:, 0:1, :]
r[:4] = t[0:1, 1, :]
r[:] = b[2:3, :]
a[:, :] = t[0:1, 0:1, 0:1] + b[2:3, :]
""".strip().splitlines()


@pytest.mark.parametrize("statement", MATRICES)
def test_matrix_statement(statement: str) -> None:
    function = define(f"""
        def assigns(a, b, r, c, s, t):
            {statement}
    """)
    rng = np.random.default_rng(9)
    shapes = [(4, 5), (4, 5), (5,), (4, 1), (5, 5), (2, 3, 4)]
    arrays = [rng.integers(1, 100, shape).astype(np.float64) for shape in shapes]
    check(function, *arrays, layouts=["contiguous", "transposed"])
    check(function, *arrays, layouts=["reversed"], specialize="never")


def outer_products(x, y, out):
    parpy.label("i")
    parpy.label("j")
    parpy.label("k")
    out[:, :] = x[:, 0, :] * y[0, :, :]


def test_slices_of_fixed_dimensions() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.standard_normal((2, 6, 6, 6))
    try:
        check(outer_products, x, y, np.zeros((6, 6)))
    except parpy.CompileError as error:
        assert "label 'k'" in str(error)  # there are two slice dimensions


def labelled_dimensions(x, y, out):
    parpy.label("i")
    parpy.label("j")
    out[:, :] = x[:, 0, :] * y[0, :, :]


def one_label(x, y, out):
    parpy.label("i")
    out[:, :] = x[:, 0, :] * y[0, :, :]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_name_dimensions_from_the_outermost(layout: str) -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((2, 7, 7, 7))
    out = np.zeros((7, 7))
    check(labelled_dimensions, x, y, out, schedules=each("i", "j"), layouts=[layout])
    check(one_label, x, y, out, schedules=each("i"), layouts=[layout])


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 7), (7,)), ((5, 7), (1, 7)), ((5, 7), (5, 1)), ((5, 7), (1, 1)), ((5, 7), (1,))],
)
def test_broadcasting_follows_the_extents_of_the_call(left, right) -> None:
    # One function for all: which dimension is stretched is found out at each call.
    rng = np.random.default_rng(12)
    check(broadcasts[len(right)], rng.random(left), rng.random(right))
    check(broadcasts[len(right)], rng.random((3, 4)), rng.random((1,) * len(right)))
    check(broadcasts[len(right)], rng.random((1, 1)), rng.random((1,) * len(right)))


def broadcasts_vector(a, r):
    a[:, :] = a * 2 + r


def broadcasts_matrix(a, r):
    a[:, :] = a * 2 + r


broadcasts = {1: broadcasts_vector, 2: broadcasts_matrix}


def stretched_by_one(x, y, z):
    z[:] = x[:] + y[:]


def test_extents_of_one_stretch_only_where_they_are_one() -> None:
    for n, m in [(5, 5), (5, 1), (1, 5), (1, 1), (7, 7), (7, 1), (9, 9)]:
        x, y = np.arange(float(n)), np.arange(float(m)) + 10
        check(stretched_by_one, x, y, np.zeros(max(n, m)))


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
