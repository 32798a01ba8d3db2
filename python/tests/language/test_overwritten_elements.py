"""Values that are read before their elements are overwritten, and used afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import parpy

SCHEDULES: list[dict[str, parpy.LoopPar]] = [{}, {"N": parpy.threads(8)}]


def moved_in_part(x, y, p):
    parpy.label("N")
    for i in range(len(x)):
        t = x[i]
        x[i] = 0
        if p[i] > 0:
            y[i] = t


def moved_in_a_branch(x, y, p):
    parpy.label("N")
    for i in range(len(x)):
        if p[i] > 0:
            t = x[i]
            x[i] = 3
            if y[i] > 0:
                y[i] = t


def taken_or_kept(x, y, p):
    parpy.label("N")
    for i in range(len(x)):
        t = y[i]
        if p[i] > 0:
            t = x[i]
            x[i] = 0
        y[i] = t


def swapped_in_part(x, y, p):
    parpy.label("N")
    for i in range(len(x)):
        t = x[i]
        x[i] = y[i]
        if p[i] > 0:
            continue
        y[i] = t


def chosen(x, y, p):
    parpy.label("N")
    for i in range(len(x)):
        t = x[i] if p[i] > 0 else p[i]
        x[i] = y[i]
        if y[i] > 0:
            y[i] = t


def moved_backwards(x, y, p):
    parpy.label("N")
    for i in range(len(x) - 1, -1, -1):
        t = x[i]
        x[i] = 0
        if p[i] > 0:
            y[i] = t


def rows_swapped(a, p):
    q = p[0]
    parpy.label("N")
    for j in range(a.shape[1]):
        a[1, j], a[q, j] = a[q, j], a[1, j]


MOVES = [
    moved_in_part,
    moved_in_a_branch,
    taken_or_kept,
    swapped_in_part,
    chosen,
    moved_backwards,
]
TYPES = [np.float64, np.float32, np.float16, np.int64, np.int32, np.int16, np.uint8]


def check(function: Callable[..., Any], opts: parpy.CompileOptions, *arrays: Any) -> None:
    wanted = [a.copy() for a in arrays]
    function(*wanted)
    parpy.jit(function)(*arrays, opts=opts)
    for actual, right in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(actual, right)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["sequential", "parallel"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("move", MOVES)
def test_moves(move: Callable[..., Any], dtype: Any, schedule: dict[str, parpy.LoopPar]) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 11, 64, 131):
        check(move, parpy.par(schedule), *rng.integers(0, 4, (3, n)).astype(dtype))


@pytest.mark.parametrize("move", [moved_in_part, taken_or_kept, swapped_in_part, moved_backwards])
def test_moves_of_complex_numbers(move: Callable[..., Any]) -> None:
    rng = np.random.default_rng(2)
    for schedule in SCHEDULES:
        for n in (11, 64):
            x, y = (rng.integers(0, 4, n) + 1j for _ in range(2))
            check(move, parpy.par(schedule), x, y, rng.integers(0, 2, n))


@pytest.mark.parametrize("checks", [True, False])
def test_rows_take_turns(checks: bool) -> None:
    opts = parpy.par(SCHEDULES[1])
    opts.check_bounds = checks
    for n in (3, 11, 64):
        check(rows_swapped, opts, np.arange(4.0 * n).reshape(4, n), np.array([3]))
