"""Nests of parallel loops with few outer iterations, which are cut into blocks."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import check, define, each, options

import parpy

BOTH = {"A": parpy.threads(8), "B": parpy.threads(512)}


def rows(y, x, a):
    parpy.label("A")
    for i in range(y.shape[0]):
        s = a[i] * 2
        parpy.label("B")
        for j in range(y.shape[1]):
            y[i, j] = x[i, j] * s + np.exp(x[i, j]) + j


SHAPES = [
    (0, 5),
    (3, 0),
    (1, 5000),
    (2, 2047),
    (2, 2048),
    (3, 10_001),
    (7, 4096),
    (63, 3000),
    (64, 9),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows(shape: tuple[int, int], dtype: Any) -> None:
    x = np.linspace(0, 1, shape[0] * shape[1]).astype(dtype).reshape(shape)
    args = (np.zeros(shape, dtype), x, np.arange(float(shape[0])).astype(dtype))
    for specialize in ("always", "never"):
        check(rows, *args, schedules=[BOTH], plain=False, ulps=4, specialize=specialize)
    strided = ["strided", "transposed"]
    check(rows, *args, schedules=[BOTH], plain=False, ulps=4, layouts=strided)


def cube(y, x):
    parpy.label("A")
    for i in range(y.shape[0]):
        parpy.label("B")
        for j in range(y.shape[1]):
            parpy.label("C")
            for k in range(y.shape[2]):
                y[i, j, k] += x[k] * i + j


@pytest.mark.parametrize(
    "shape", [(2, 3, 20_000), (70, 2, 3000), (2, 70, 30), (1, 1, 9), (3, 0, 7)]
)
def test_three_loops(shape: tuple[int, int, int]) -> None:
    y, x = np.arange(float(np.prod(shape))).reshape(shape), np.arange(float(shape[2]))
    schedules = each("A", "B", "C", threads=[64])
    for specialize in ("always", "never"):
        check(cube, y, x, schedules=schedules, plain=False, specialize=specialize)
    for pair in itertools.combinations("ABC", 2):
        check(cube, y, x, schedules=[dict.fromkeys(pair, parpy.threads(9))], plain=False)


STEPS = ["range(3)", "range(2, -1, -1)", "range(1, 6, 2)", "range(5, 0, -3)", "range(4, 4)"]
INNER = ["range(1, 5000)", "range(4999, -1, -1)", "range(0, 5000, 2)", "range(4998, 3, -3)"]


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(STEPS, INNER)))
def test_ranges(outer: str, inner: str) -> None:
    function = define(f"""
        def steps(y):
            parpy.label("A")
            for i in {outer}:
                parpy.label("B")
                for j in {inner}:
                    y[i, j] += i * 7 + j
    """)
    check(function, np.zeros((6, 5000)), schedules=[BOTH], plain=False)


def matrix_product(c, a, b):
    parpy.label("A")
    for i in range(c.shape[0]):
        parpy.label("B")
        for j in range(c.shape[1]):
            c[i, j] = np.sum(a[i, :] * b[:, j])


def reads_its_row(y):
    parpy.label("A")
    for i in range(y.shape[0]):
        first = y[i, 0]
        parpy.label("B")
        for j in range(y.shape[1]):
            y[i, j] = y[i, j] + first


def triangle(y):
    parpy.label("A")
    for i in range(y.shape[0]):
        parpy.label("B")
        for j in range(i, y.shape[1]):
            y[i, j] = i + j


def triangle_of_nests(y):
    parpy.label("A")
    for i in range(y.shape[0]):
        parpy.label("B")
        for j in range(3):
            parpy.label("C")
            for k in range(i * 2000, y.shape[2]):
                y[i, j, k] = i + j + k


def slices(y, x):
    parpy.label("A")
    parpy.label("B")
    y[1:, ::2] = x[:-1, ::-2] * 2


def conditions(y, x):
    parpy.label("A")
    for i in range(y.shape[0]):
        positive = i > 0
        parpy.label("B")
        for j in range(y.shape[1]):
            if positive and x[j] > 3:
                y[i, j] = x[j]
            else:
                y[i, j] -= 1


GRID = np.arange(30_000.0).reshape(3, 10_000)
LINE = np.arange(10_000.0)
PROGRAMS: list[tuple[Callable[..., None], tuple[np.ndarray, ...]]] = [
    (matrix_product, (np.zeros((2, 90)), np.ones((2, 7)), np.arange(630.0).reshape(7, 90))),
    (triangle, (np.zeros((3, 10_000)),)),
    (triangle_of_nests, (np.zeros((3, 3, 9000)),)),
    (slices, (GRID.copy(), GRID)),
    (conditions, (GRID.copy(), LINE % 7)),
]


@pytest.mark.parametrize("index", range(len(PROGRAMS)))
def test_programs(index: int) -> None:
    function, args = PROGRAMS[index]
    every = {**BOTH, "C": parpy.threads(64)}
    schedule = {k: v for k, v in every.items() if k != "C" or function is triangle_of_nests}
    for specialize in ("always", "never"):
        check(function, *args, schedules=[schedule], plain=False, specialize=specialize)


def test_a_row_that_is_read_before_it_changes() -> None:
    """Element 0 must be read once, before any block changes it."""
    y = np.ones((2, 100_000))
    y[:, 0] = 0.0
    check(reads_its_row, y, schedules=[BOTH], plain=False)


def test_aliases_of_the_row() -> None:
    def reads_another_name(y, x):
        parpy.label("A")
        for i in range(y.shape[0]):
            first = x[i, 0]
            parpy.label("B")
            for j in range(y.shape[1]):
                y[i, j] = y[i, j] + first

    y = np.ones((2, 100_000))
    made = parpy.jit(reads_another_name)
    made(y, y, opts=options(BOTH))
    assert (y[:, 0] == 2).all()


def test_faults_in_blocks() -> None:
    def far(y, c):
        parpy.label("A")
        for i in range(y.shape[0]):
            parpy.label("B")
            for j in range(y.shape[1]):
                y[i, c[j]] = i

    c = np.arange(50_000)
    c[49_999] = 50_000
    with pytest.raises(IndexError, match="index 50000 of 'y'"):
        parpy.jit(far)(np.zeros((2, 50_000)), c, opts=options(BOTH, check_bounds=True))


def test_the_number_of_workers_changes_nothing() -> None:
    program = (
        "import numpy as np, parpy\n"
        "import sys; sys.path.insert(0, 'python/tests/language')\n"
        "from test_collapsed_loops import rows, BOTH\n"
        "x = np.random.default_rng(1).random((3, 30_001))\n"
        "y = np.zeros_like(x)\n"
        "parpy.jit(rows)(y, x, x[:, 0].copy(), opts=parpy.par(BOTH))\n"
        "import hashlib; print(hashlib.sha256(y.tobytes()).hexdigest())\n"
    )
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    program = program.replace("'python/tests/language'", repr(os.path.dirname(__file__)))
    program = f"import sys; sys.path.insert(0, {here!r})\n" + program
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PARPY_NUM_THREADS": str(n)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in (1, 2, 5)
    }
    assert len(found) == 1
