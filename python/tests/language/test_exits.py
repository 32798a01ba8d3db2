"""`break`, `continue` and `return`, in every place that a program may leave early."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, B020, SIM102, SIM108, SIM110, SIM114, F821, F841, RET503, RET505, RET507, RET508

from __future__ import annotations

import itertools
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from harness import Wrong, check, define

import parpy

CE = parpy.CompileError
wrong = Wrong()

# --- One loop -----------------------------------------------------------------------------------


def stops_at_a_negative(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] < 0:
            break
        y[i] = x[i]
        k += 1
    y[-1] = k


def skips_negatives(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] < 0:
            continue
        y[i] = x[i]
        k += 1
    y[-1] = k


def leaves_in_else(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] >= 0:
            y[i] = x[i]
            k += 1
        else:
            break
        y[i] += 1
        k += 10
    y[-1] = k


def leaves_in_elif(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] > 4:
            y[i] = 4
        elif x[i] < 0:
            continue
        elif x[i] == 3:
            break
        else:
            k += 1
        y[i] += x[i]
        k += 10
    y[-1] = k


def leaves_in_both_branches(x, y):
    k = 0
    for i in range(x.shape[0]):
        k += 1
        if x[i] < 0:
            y[i] = 1
            break
        else:
            y[i] = 2
            continue
        y[i] = 100
    y[-1] = k


def leaves_at_once(x, y):
    for i in range(x.shape[0]):
        y[i] = 1
        break
        y[i] = 2
    for j in range(x.shape[0]):
        continue
        y[j] = 3
    y[-1] = i


def leaves_from_inner_conditions(x, y):
    k = 0
    for i in range(x.shape[0]):
        if x[i] > 0:
            k += 1
            if x[i] > 3:
                k += 10
                if x[i] > 6:
                    k += 100
                    break
                y[i] = 5
                if x[i] > 5:
                    continue
            y[i] += 7
        y[i] += k
    y[-1] = k


def leaves_from_device_blocks(x, y):
    k = 0
    for i in range(x.shape[0]):
        with parpy.gpu:
            if x[i] < 0:
                continue
            if x[i] > 7:
                with parpy.gpu:
                    break
            y[i] = x[i]
        y[i] += 1
        k += 1
    y[-1] = k


ONE_LOOP = [
    stops_at_a_negative,
    skips_negatives,
    leaves_in_else,
    leaves_in_elif,
    leaves_in_both_branches,
    leaves_at_once,
    leaves_from_inner_conditions,
    leaves_from_device_blocks,
]
INPUTS = [
    np.arange(1.0, 10.0),
    np.array([3.0, 1.0, -1.0, 5.0]),
    np.array([-1.0, -2.0]),
    np.array([1.0, 2.0, 7.0, 4.0, 5.0, 6.0, -3.0]),
]


@pytest.mark.parametrize("program", ONE_LOOP, ids=lambda f: f.__name__)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_exits_of_one_loop(program: FunctionType, specialize: Any) -> None:
    for x in INPUTS:
        check(program, x, np.zeros(12), specialize=specialize, layouts=("contiguous", "reversed"))


def counts_while(x, y):
    i = 0
    while i < x.shape[0]:
        i += 1
        if x[i - 1] < 0:
            continue
        if x[i - 1] > 6:
            break
        y[i - 1] = i
    y[-1] = i


def goes_on_for_ever(x, y):
    i = 0
    while True:
        if i == x.shape[0]:
            break
        y[i] = x[i]
        i += 1
    y[-1] = i


def goes_on_after_the_body(x, y):
    i = 0
    while True:
        y[i] = x[i] + 1
        i += 1
        if not (i < x.shape[0] and x[i] > 0):
            break
    y[-1] = i


def sums_in_its_test(x, y):
    i = 0
    while np.sum(y) < 20:
        y[i] = x[i]
        i += 1
        if i >= x.shape[0]:
            break
        if x[i] < 0:
            continue
        y[i] += 1
    y[-1] = i


def ends_by_a_number(x, y):
    i = 0
    while 1:
        i += 1
        if i > 3:
            break
    y[-1] = i


@pytest.mark.parametrize(
    "program",
    [counts_while, goes_on_for_ever, goes_on_after_the_body, sums_in_its_test, ends_by_a_number],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_exits_of_while(program: FunctionType, specialize: Any) -> None:
    for x in INPUTS:
        check(program, x, np.zeros(12), specialize=specialize)


# --- The variable after the loop ----------------------------------------------------------------

HEADS = ["range(n)", "range(2, n)", "range(n, 0, -1)", "range(0, n, 3)", "range(n, -4, -2)"]


@pytest.mark.parametrize("head", HEADS)
def test_the_variable_after_a_break(head: str) -> None:
    program = define(f"""
        def last(n, stop, y):
            i = -7
            for i in {head}:
                y[i + 8] = i
                if i == stop:
                    break
            y[-1] = i
    """)
    for n, stop in itertools.product((-6, 0, 1, 5), (-2, 0, 3, 99)):
        check(program, n, stop, np.zeros(24, np.int64))
    check(program, 5, 3, np.zeros(24, np.int64), specialize="never")


def unbound_before(n, y):
    for i in range(n):
        if i * i > 17:
            break
    y[0] = i


def shared_variable(n, y):
    for i in range(n):
        if i > 2:
            break
    for j in range(i, n):
        if j > 4:
            break
        for i in range(j):
            y[i] += 1
            if i > 1:
                break
        y[10] += i
    y[11] = i * 100 + j


def assigned_variable(n, y):
    for i in range(n):
        y[i] = i
        i = i * 10
        if i > 30:
            break
        i += 1
    y[10] = i


def kept_from_the_outer_loop(n, y):
    for i in range(n):
        for j in range(n):
            if i + j > 5:
                break
            if j == 3:
                continue
            y[i] += j
        y[10] += j
    y[11] = j


def of_another_type_before(n, y):
    i = 0.5
    for i in range(n):
        if i == 3:
            break
    y[0] = i


def read_by_the_head(n, y):
    i = 2
    for i in range(i, i + n):
        if i == 5:
            break
        y[i] = i
    y[0] = i


@pytest.mark.parametrize(
    "program",
    [
        unbound_before,
        shared_variable,
        assigned_variable,
        kept_from_the_outer_loop,
        of_another_type_before,
        read_by_the_head,
    ],
    ids=lambda f: f.__name__,
)
def test_loop_variables_live_on(program: FunctionType) -> None:
    for n in (1, 4, 7):
        check(program, n, np.zeros(12))
        check(program, n, np.zeros(12), specialize="never")


def without_exits(n, y):
    i = 0.25
    for i in range(n):
        y[1] += i
    y[0] = i


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_a_loop_that_never_runs_leaves_its_variable(specialize: Any) -> None:
    for n in (0, -3, 4):
        check(of_another_type_before, n, np.zeros(12), specialize=specialize)
        check(read_by_the_head, n, np.zeros(12), specialize=specialize)
        check(without_exits, n, np.zeros(12), specialize=specialize)


# --- Names first bound inside -------------------------------------------------------------------


def found_in_a_loop(x, y):
    for i in range(x.shape[0]):
        if x[i] > 4:
            found = x[i]
            place = i
            break
    y[0] = found
    y[1] = place


def bound_before_continue(x, y):
    for i in range(x.shape[0]):
        last = x[i]
        if last < 0:
            continue
        kept = last
        y[i] = kept
    y[-1] = last
    y[-2] = kept


def bound_after_continue(x, y):
    for i in range(x.shape[0]):
        if i == 0:
            half = x[i]
            continue
        y[i] = half
        half = x[i] / 2
    y[-1] = half


def bound_at_different_types(x, y):
    best = -1
    for i in range(x.shape[0]):
        if x[i] < 0:
            best = 0
            continue
        if x[i] > 6:
            best = x[i]
            break
        best = best + x[i] / 4
    y[0] = best


@pytest.mark.parametrize(
    "program",
    [found_in_a_loop, bound_before_continue, bound_after_continue, bound_at_different_types],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_names_bound_in_loops_with_exits(program: FunctionType, dtype: Any) -> None:
    x = np.array([3.0, 1.5, -1.0, 5.25, 2.0, 8.0, 9.0], dtype)
    check(program, x, np.zeros(12, dtype))
    check(program, x, np.zeros(12, dtype), specialize="never")


def swaps_until_done(x, y):
    a, b = x[0], x[1]
    for i in range(50):
        a, b = b, a + b
        if b > 100:
            break
        if a > 10:
            continue
        y[0] += a
    y[1], y[2], y[3] = a, b, i


def test_tuples_and_exits() -> None:
    check(swaps_until_done, np.array([1.0, 1.0]), np.zeros(4))
    check(swaps_until_done, np.array([1, 2], np.int32), np.zeros(4))


# --- Indices that are never reached -------------------------------------------------------------


def stops_at_the_end(n, x, y):
    for i in range(1000):
        if i == n:
            break
        y[i] = x[i]


def stops_by_a_sentinel(n, x, y):
    for i in range(1000):
        if x[i] == 0:
            break
        y[i] = x[i]


def skips_what_does_not_exist(n, x, y):
    for i in range(1000):
        if i >= n:
            continue
        y[i] = x[i]


def stops_by_an_inner_loop(n, x, y):
    for i in range(1000):
        for j in range(3):
            if i + j == n:
                break
            y[i + j] = x[i + j]
        if i + j == n:
            break


@pytest.mark.parametrize(
    "program",
    [stops_at_the_end, stops_by_a_sentinel, skips_what_does_not_exist, stops_by_an_inner_loop],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_an_exit_before_the_end_is_no_index_error(program: FunctionType, specialize: Any) -> None:
    x = np.array([4.0, 3.0, 2.0, 5.0, 0.0])
    check(program, 5, x, np.zeros(5), specialize=specialize)
    if program is not stops_by_a_sentinel:
        check(program, 4, x, np.zeros(7), specialize=specialize)
