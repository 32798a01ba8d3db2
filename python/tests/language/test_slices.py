"""Slice statements: bounds, steps, more dimensions, broadcasting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from harness import LAYOUTS, check, check_or_reject, define, each

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
