"""Calls between decorated functions: the order in which operands are evaluated."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest
from call_programs import clamp, square, sum_and_difference
from harness import (
    assert_alive,
    check,
    each,
    options,
)

import parpy

CE = parpy.CompileError

# --- The order of evaluation --------------------------------------------------------------------


@parpy.jit
def bump(c):
    c[0] += 1
    return c[0]


@parpy.jit
def take(v, i):
    v[i] = 100
    return i


def operands_from_left_to_right(c, y):
    y[0] = c[0] * 10 + bump(c)
    y[1] = bump(c) * 10 + c[0]
    y[2] = c[0] + bump(c) * c[0] + bump(c) * c[0]
    y[3] = bump(c) - bump(c)
    y[4] = sum_and_difference(c[0], bump(c))[1]
    y[5], y[6] = c[0], bump(c)
    y[7], y[8] = bump(c), c[0]
    y[9] = c[0] if bump(c) > 3 else c[0] + 1
    y[10] = c[0] < bump(c) < bump(c) - c[0] + 1
    y[11] = (c[0] > 100 and bump(c)) + c[0]
    y[12] = (c[0] > 0 or bump(c)) + c[0]
    y[13] = min(c[0], bump(c), c[0])
    y[14] = parpy.operators.sum(y[:3] * c[0]) + bump(c) + parpy.operators.sum(y[:3] * c[0])
    y[15] += bump(c) * y[14]
    y[16] = -c[0] + clamp(high=bump(c), low=bump(c), v=c[0])


def the_value_before_the_target(c, y):
    y[bump(c)] = c[0]
    y[bump(c)] = bump(c)
    y[c[0]] = bump(c)
    y[bump(c) :] = c[0]
    y[bump(c)], y[bump(c)] = c[0], c[0]


def updates_evaluate_the_target_once(c, y):
    y[bump(c)] += c[0]
    y[bump(c)] *= bump(c)
    y[3] = 5
    y[c[0]] += bump(c)
    y[bump(c) : bump(c)] += 1
    y[take(y, 9)] += 1


def arrays_beside_calls(c, y):
    y[4:8] = c[:4] - (bump(c) + c[:4])
    y[8:12] = c[:4] + bump(c)
    y[12:16] = bump(c) + c[:4] * 2
    y[1:4] = y[:3] * 2 + square(3)
    y[: bump(c)] = c[0]
    y[:4] += bump(c)
    y[2:5] -= square(y[3]) + y[1:4]
    y[20:23] = parpy.operators.sum(c[:4] * 3) + bump(c)


def conditions_with_effects(c, y):
    k = 0
    while bump(c) < 9 and k < 5:
        k += 1
        y[k] = c[0]
    if bump(c) > 10 and bump(c) > 11 and bump(c) > 100:
        y[10] = 1
    elif bump(c) > 12:
        y[11] = c[0]
    for i in range(bump(c), bump(c) + 2):
        y[i] = bump(c)


@pytest.mark.parametrize(
    "program",
    [
        operands_from_left_to_right,
        the_value_before_the_target,
        updates_evaluate_the_target_once,
        arrays_beside_calls,
        conditions_with_effects,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_order_of_evaluation(program: FunctionType, specialize: Any) -> None:
    check(program, np.arange(6), np.zeros(30, np.int64), specialize=specialize)
    check(program, np.arange(6), np.zeros(30), specialize=specialize)


def changes_what_was_added(c, y):
    y[:4] = 2 * c[:4] + bump(c)


def changes_what_was_negated(c, y):
    y[0] = parpy.operators.sum(-c[:4] * bump(c))


def changes_what_fills_the_target(c, y):
    y[bump(c) : 5] = c[:3] + 1


@pytest.mark.parametrize(
    "program", [changes_what_was_added, changes_what_was_negated, changes_what_fills_the_target]
)
def test_a_call_that_changes_what_was_computed_is_refused(program: FunctionType) -> None:
    with pytest.raises(CE, match="a call that changes 'c' after the statement has computed"):
        parpy.jit(program)(np.arange(6), np.zeros(6, np.int64))
    with pytest.raises(CE, match="a call that changes 'c' after the statement has computed"):
        memory = np.zeros(6, np.int64)
        parpy.jit(program)(memory, memory)
    assert_alive()


# --- Indices that call --------------------------------------------------------------------------


@parpy.jit
def counted(c):
    c[0] += 1
    return c[0]


@parpy.jit
def identity(v):
    return v


def indexes_by_calls(c, x, z, y):
    y[0] = identity(x[counted(c)])
    y[1] = z[counted(c)].sum()
    y[2] = identity(v=z[counted(c), 1])


def test_an_index_that_calls_is_evaluated_once() -> None:
    check(indexes_by_calls, np.array([-1]), np.arange(4), np.arange(8).reshape(4, 2), np.zeros(3))


# --- Elements around calls ----------------------------------------------------------------------


def reads_between_calls(c, y):
    y[0] = c[0] + counted(c) * 10 + c[0] * 100 + counted(c) * 1000 + c[0] * 10000


def test_elements_between_calls_are_read_where_they_stand() -> None:
    check(reads_between_calls, np.array([0]), np.zeros(1))


def test_a_second_call_that_changes_what_was_computed_is_refused() -> None:
    @parpy.jit
    def program(c, y):
        y[:] = counted(c) + (c[:] * 2 + counted(c))

    with pytest.raises(
        CE, match="a call that changes 'c' after the statement has computed with it"
    ):
        program(np.array([0]), np.zeros(1))


@parpy.jit
def weight(c, i):
    return c[i % 5] * 3 - 1


def adds_up_calls(c, s, n):
    parpy.label("i")
    for i in range(n):
        s[0] += weight(c, i)
        s[1] = max(s[1], weight(c, i) + i)


def counts_by_calls(b, h, c, n):
    parpy.label("i")
    for i in range(n):
        h[b[i]] = h[b[i]] + weight(c, i)


@pytest.mark.parametrize("n", [0, 1, 7, 100_000])
def test_reductions_of_what_calls_return(n: int) -> None:
    c = np.array([1, 2, 0, 4, -3])
    schedules = each("i", reduce="i", threads=(2, 64, 100_000))
    check(adds_up_calls, c, np.array([5, -9]), n, schedules=schedules)
    b = np.arange(n) * 7 % 11
    check(counts_by_calls, b, np.arange(11), c, n, schedules=schedules)


def test_parallel_reductions_of_calls_are_no_race() -> None:
    for program, args in (
        (adds_up_calls, (np.zeros(5, int), np.zeros(2, int), 9000)),
        (counts_by_calls, (np.zeros(9000, int), np.zeros(11, int), np.zeros(5, int), 9000)),
    ):
        stages = parpy.jit(program).lower(*args, opts=options({"i": parpy.threads(64).reduce()}))
        assert "@reduce(add" in stages.program or "@update(add" in stages.program
