"""Loops like products of matrices, of which several iterations run at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import assert_same, check, decorated, each, options

import parpy


def product(a, b, c):
    parpy.label("rows")
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            parpy.label("columns")
            c[i, :] += a[i, k] * b[k, :]


def scaled(a, b, c):
    parpy.label("rows")
    for i in range(a.shape[0]):
        c[i, :] *= 2
        last = 0
        for k in range(1, a.shape[1]):
            factor = a[i, k] + a[i, k - 1]
            last = factor
            parpy.label("columns")
            for j in range(b.shape[1]):
                c[i, j] += factor * b[k, j]
        c[i, 0] += last


def blocks(a, b, c):
    for first in range(0, a.shape[1], 5):
        parpy.label("rows")
        for i in range(a.shape[0]):
            for k in range(first, min(first + 5, a.shape[1])):
                c[i, :] = c[i, :] - a[i, k] * b[k, :]


def tensor(a, b, c):
    t = np.zeros((a.shape[0], 3, b.shape[1]), np.int64)
    parpy.label("rows")
    for i in range(a.shape[0]):
        for k in range(b.shape[0]):
            for q in range(3):
                t[i, q, :] += a[i, k] * (q + 1) * b[k, :]
        for q in range(3):
            c[i, :] += t[i, q, :]


def triangle(a, b, c):
    parpy.label("rows")
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            parpy.label("columns")
            for j in range(min(i + 1, c.shape[1])):
                c[i, j] += a[i, k] * b[k, j]


def conditional(a, b, c):
    parpy.label("rows")
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            parpy.label("columns")
            for j in range(c.shape[1]):
                if a[i, k] > 2:
                    c[i, j] += b[k, j]
                elif j < 3:
                    c[i, j] -= 1


def several(a, b, c):
    d = np.zeros((c.shape[0], c.shape[1]), np.int64)
    parpy.label("rows")
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            parpy.label("columns")
            for j in range(c.shape[1]):
                t = a[i, k] * b[k, j]
                c[i, j] += t
                d[i, j] = d[i, j] + t * t
        c[i, :] += d[i, :]


def above(a, b, c):
    for i in range(c.shape[0]):
        for k in range(i + 1, c.shape[0]):
            parpy.label("rows")
            c[i, :] += a[0, 0] * c[k, :]


def below(a, b, c):
    for i in range(c.shape[0]):
        for k in range(i):
            parpy.label("rows")
            c[i, :] -= a[0, 0] * c[k, :]


def recurrence(a, b, c):
    for k in range(1, c.shape[0]):
        parpy.label("rows")
        c[k, :] += c[k - 1, :] * a[0, 0]


def shifted(a, b, c):
    for k in range(c.shape[0] - 1):
        parpy.label("rows")
        for j in range(c.shape[1]):
            c[k + 1, j] += c[k, j]


def one_row(a, b, c):
    for k in range(a.shape[1]):
        for q in range(c.shape[0]):
            parpy.label("rows")
            c[0, :] += a[q % a.shape[0], k] * b[k, :]


def own_factor(a, b, c):
    for k in range(b.shape[0]):
        factor = c[0, 0]
        parpy.label("rows")
        c[0, :] += factor * b[k, :]


def carried(a, b, c):
    s = a[0, 0]
    for k in range(b.shape[0]):
        parpy.label("rows")
        c[0, :] += s * b[k, :]
        s = s + 1


FUNCTIONS = [
    product,
    scaled,
    blocks,
    tensor,
    triangle,
    conditional,
    several,
    above,
    below,
    recurrence,
    shifted,
    one_row,
    own_factor,
    carried,
]
SHAPES = [(1, 1, 1), (2, 3, 4), (3, 4, 5), (16, 5, 9), (17, 8, 33), (20, 7, 16), (33, 18, 7)]


def arguments(n: int, m: int, l: int, dtype: str) -> list[np.ndarray]:  # noqa: E741
    rng = np.random.default_rng(n * m * l)
    shapes = [(n, m), (m, l), (n, l)]
    return [rng.integers(0, 4, shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_integers(function: Any) -> None:
    for shape in SHAPES:
        for specialize in ("always", "never"):
            check(
                function,
                *arguments(*shape, "int64"),
                schedules=each("rows", "columns"),
                specialize=specialize,
            )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int32"])
def test_types(dtype: str) -> None:
    for function in (product, blocks, triangle, one_row):
        for shape in SHAPES:
            args = arguments(*shape, dtype)
            if args[0].dtype.kind == "f":
                args = [(x * 0.3 + 0.1).astype(dtype) for x in args]
            check(function, *args, schedules=each("rows", "columns"), strict=True)


def test_rounding_does_not_depend_on_extents_or_workers() -> None:
    a, b, c = (x + 0.1 for x in arguments(37, 23, 41, "float64"))
    results = []
    for threads in (1, 2, 64):
        for specialize in ("always", "never"):
            y = c.copy()
            schedule = {"rows": parpy.threads(threads), "columns": parpy.threads(64)}
            decorated(product)(a, b, y, opts=options(schedule, specialize=specialize))
            results.append(y)
    for y in results:
        assert_same(y, results[0])
    for i in range(37):
        y = c[i : i + 1].copy()
        decorated(product)(a[i : i + 1], b, y, opts=options({"columns": parpy.threads(4)}))
        assert_same(y, results[0][i : i + 1])


def test_arguments_that_overlap() -> None:
    def shared(x: np.ndarray) -> list[np.ndarray]:
        return [x[:12], x[3:15], x[6:18]]

    for function in (product, conditional):
        x = np.random.default_rng(0).integers(0, 3, (18, 12))
        expected = x.copy()
        function(*shared(expected))
        opts = options({"columns": parpy.threads(4)})
        decorated(function)(*shared(x), opts=opts)
        assert_same(x, expected)


def test_indices_are_checked() -> None:
    def lookup(a, c, w):
        for k in range(a.shape[0]):
            parpy.label("N")
            for j in range(c.shape[0]):
                c[j] += a[k, w[j]]

    a = np.arange(35).reshape(7, 5)
    for bad in (False, True):
        w = np.arange(20) % 5
        w[11] += 5 if bad else 0
        opts = options({"N": parpy.threads(4)}, check_bounds=True)
        if bad:
            with pytest.raises(IndexError, match="of 'a'"):
                decorated(lookup)(a, np.zeros(20, np.int64), w, opts=opts)
        else:
            check(lookup, a, np.zeros(20, np.int64), w, schedules=each("N"), check_bounds=True)
            check(lookup, a, np.zeros(20, np.int64), w, schedules=each("N"))


def carries_from_a_deeper_loop(a, b, c):
    t = 0
    for k in range(a.shape[0]):
        u = t
        for q in range(c.shape[0]):
            t = a[k] * q
            parpy.label("J")
            for j in range(c.shape[1]):
                c[q, j] += u * b[k, j] + t


def carries_between_two_loops(a, b, c):
    parpy.label("Q")
    for q in range(c.shape[0]):
        t = 0
        for k in range(a.shape[0]):
            u = t + a[k]
            parpy.label("J")
            for j in range(c.shape[1]):
                c[q, j] += u * b[k, j]
            t = u


def carries_past_slices(a, b, c):
    t = 0
    for k in range(a.shape[0]):
        u = t
        for q in range(c.shape[0]):
            t = a[k]
            c[q, :] += u * b[k, :]


@pytest.mark.parametrize("shape", [(5, 9, 40), (3, 16, 100), (4, 7, 33)])
@pytest.mark.parametrize(
    "function", [carries_from_a_deeper_loop, carries_between_two_loops, carries_past_slices]
)
def test_scalars_that_another_depth_assigns(function, shape: tuple[int, int, int]) -> None:
    """They were those of no iteration at all where iterations were jammed."""
    n, m, k = shape
    rng = np.random.default_rng(2)
    a, b = rng.integers(-5, 5, m), rng.integers(-5, 5, (m, k))
    check(function, a, b, np.zeros((n, k), np.int64), schedules=[{}, *each("J"), *each("Q", "J")])
