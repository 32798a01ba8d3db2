"""Scalars that parallel loops compute, and that code between the loops goes on with, once each."""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pytest
from harness import check, each

import parpy


def scales(x, o):
    parpy.label("N")
    r = parpy.operators.sum(x[:])
    r *= 2.0
    parpy.label("N")
    for i in range(len(o)):
        o[i] = r
    parpy.label("N")
    for i in range(len(o)):
        o[i] += r * i


def scales_and_shifts(x, o):
    parpy.label("N")
    r = parpy.operators.sum(x[:])
    r *= 2.0
    r += 1.0
    parpy.label("N")
    for i in range(len(o)):
        o[i] = r


def accumulates_twice(x, o):
    s = 0.0
    m = 1.0
    for t in range(3):
        parpy.label("N")
        r = parpy.operators.sum(x[t:])
        s += r
        m += s * r
    parpy.label("N")
    for i in range(len(o)):
        o[i] = s + i * m


def swaps(x, o):
    parpy.label("N")
    a = parpy.operators.sum(x[:])
    parpy.label("N")
    b = parpy.operators.max(x[:])
    a, b = b, a
    parpy.label("N")
    for i in range(len(o)):
        o[i] = a
    parpy.label("N")
    for i in range(len(o)):
        o[i] += 3.0 * b * i


def rotates(x, o):
    parpy.label("N")
    a = parpy.operators.sum(x[:])
    parpy.label("N")
    b = parpy.operators.max(x[:])
    t = b
    b = a
    a = t
    t += a
    parpy.label("N")
    for i in range(len(o)):
        o[i] = a + 3.0 * b + 7.0 * t


def iterates(x, o):
    last = 0.0
    change = 0.0
    for _ in range(4):
        parpy.label("N")
        norm = parpy.operators.sum(x[:])
        old = last
        last = norm
        change += abs(last - old)
        parpy.label("N")
        for i in range(len(x)):
            x[i] = x[i] * 0.5 + 1.0
    parpy.label("N")
    for i in range(len(o)):
        o[i] = last + 100.0 * change


def branches(x, o):
    parpy.label("N")
    r = parpy.operators.sum(x[:])
    for t in range(4):
        if t % 2 == 0:
            r += 1.0
        else:
            r *= 2.0
        for _ in range(2):
            r -= 0.5
    parpy.label("N")
    for i in range(len(o)):
        o[i] += r


PROGRAMS = [scales, scales_and_shifts, accumulates_twice, swaps, rotates, iterates, branches]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("n", [1, 5, 3000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates_run_once(program: FunctionType, n: int, dtype: str) -> None:
    """On a GPU they ran again in every kernel behind them."""
    x, o = np.arange(1, 6, dtype=dtype), np.zeros(n, dtype)
    schedules = each("N", threads=[4, 2048])
    check(program, x, o, schedules=schedules)
    check(program, x, o, schedules=schedules, specialize="never")
