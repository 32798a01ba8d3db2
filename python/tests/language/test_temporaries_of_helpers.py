"""Temporary arrays of functions that others call."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, F821, F841, SIM108

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from call_programs import fill_up
from harness import check, define, survives

import parpy

# --- Helpers ------------------------------------------------------------------------------------


@parpy.jit
def median_of_three(a, b, c):
    t = np.empty(3, np.float64)
    t[0], t[1], t[2] = a, b, c
    for i in range(2):
        for j in range(2):
            if t[j] > t[j + 1]:
                t[j], t[j + 1] = t[j + 1], t[j]
    return t[1]


@parpy.jit
def scratch(n, early):
    if early:
        return 0.0
    t = np.zeros(n)
    for i in range(n):
        if i > 4:
            return t[i - 1]
        t[i] = i * 2
    u = np.ones(n)
    return t[n - 1] + u[0]


@parpy.jit
def two_of_one_name(v):
    t = np.zeros(v.shape[0])
    t[:] = v[:]
    return np.sum(t) + median_of_three(t[0], t[1], t[2])


def with_helpers(x, y):
    t = np.zeros(x.shape[0])
    y[0] = fill_up(t, 5)
    y[1] = fill_up(t[::2], 1) + fill_up(t[-2:], t[0])
    y[2] = median_of_three(x[0], x[1], x[2]) + median_of_three(3, 1, 2)
    y[3] = scratch(3, False) + scratch(9, x[0] > 1) + scratch(x.shape[0], x[1] > 2)
    y[4] = two_of_one_name(x) + two_of_one_name(t)
    y[5] = np.sum(t)
    for i in range(3):
        u = np.full(i + 1, x[i])
        y[6] += fill_up(u, i) + u[-1]


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_temporaries_and_helpers(specialize: Any) -> None:
    for values in ([1.0, 5.0, 2.0, 7.0], [3.0, 2.0, 1.0, 0.0, 4.0, 5.0, 6.0]):
        check(with_helpers, np.array(values), np.zeros(7), specialize=specialize)


@parpy.jit
def with_scratch(v):
    t = np.zeros(1900)
    for i in range(1900):
        t[i] = i + v
    return t[3] + t[1899]


def test_many_temporaries_fit_the_stack() -> None:
    lines = "".join(f"    y[{i}] = with_scratch(x[{i}])\n" for i in range(700))
    program = define(f"def program(x, y):\n{lines}", with_scratch=with_scratch)
    x, y = np.arange(700.0), np.zeros(700)
    survives(lambda: parpy.jit(program)(x, y))
    parpy.jit(program)(x, y)
    assert (y == 2 * x + 1902).all()


def counts(c):
    c[0] += 1
    return c[0]


count = parpy.jit(counts)


def evaluates_in_order(c, y):
    t = np.full(c[0] + count(c), c[0] + count(c))
    y[0] = np.sum(t) + len(t)
    t = np.full((count(c), count(c)), count(c) - c[0])
    y[1] = np.sum(t) + t.shape[0] * 10 + t.shape[1]


def test_shape_and_value_are_evaluated_once_and_in_order() -> None:
    check(evaluates_in_order, np.array([2]), np.zeros(2))
    check(evaluates_in_order, np.array([2]), np.zeros(2), specialize="never")
