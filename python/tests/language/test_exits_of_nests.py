"""`break`, `continue` and `return` in nests, reductions and parallel loops."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, B020, SIM102, SIM108, SIM110, SIM114, F821, F841, RET503, RET505, RET507, RET508

from __future__ import annotations

import itertools
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from harness import Wrong, check, define, each, reject

import parpy

CE = parpy.CompileError
wrong = Wrong()


# --- Nests --------------------------------------------------------------------------------------


def triple(n, x, y):
    k = 0
    for i in range(n):
        if i == 1:
            continue
        j = 0
        while j < n:
            j += 1
            for m in range(n):
                k += 1
                if x[m] == i:
                    continue
                if x[m] == j:
                    break
                y[m] += i * 100 + j * 10 + m
            else_seen = m
            if x[j - 1] > 2 * i:
                break
            y[else_seen] += 1000
        if k > 40:
            break
        y[i] += j
    y[-1] = k


def test_a_nest_of_three() -> None:
    for values in itertools.permutations([0.0, 1.0, 2.0, 3.0]):
        check(triple, 4, np.array(values), np.zeros(8))


def labelled_around(n, a, y):
    parpy.label("N")
    for i in range(n):
        for j in range(a.shape[1]):
            if a[i, j] < 0:
                break
            if a[i, j] == 3:
                continue
            y[i] += a[i, j]


def labelled_between(n, a, y):
    for i in range(n):
        if a[i, 0] == 5:
            continue
        parpy.label("N")
        for j in range(a.shape[1]):
            if a[i, j] == 3:
                continue
            k = 0
            while True:
                if k >= 3 or a[i, j] < 0:
                    break
                y[j] += a[i, j]
                k += 1
        if a[i, 1] == 7:
            break


@pytest.mark.parametrize("program", [labelled_around, labelled_between], ids=lambda f: f.__name__)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_sequential_loops_with_exits_beside_parallel_ones(
    program: FunctionType, specialize: Any
) -> None:
    rng = np.random.default_rng(5)
    for _ in range(3):
        a = rng.integers(-1, 9, (37, 9)).astype(float)
        out = 37 if program is labelled_around else 9
        check(program, 37, a, np.zeros(out), schedules=each("N"), specialize=specialize)


def continues_in_parallel(n, x, y):
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            continue
        t = x[i] * 2
        if t > 8:
            y[i] = -1
            continue
        for j in range(3):
            if t < j:
                break
            t += 1
        else_part = t
        with parpy.gpu:
            if else_part == 5:
                continue
        y[i] = else_part


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int8"])
def test_continue_in_a_parallel_loop(dtype: str) -> None:
    x = np.random.default_rng(1).integers(-3, 7, 301).astype(dtype)
    check(continues_in_parallel, 301, x, np.zeros(301, dtype), schedules=each("N"))
    check(continues_in_parallel, 301, x, np.zeros(301, dtype), schedules=each("N", threads=[8]))


# --- Reductions ---------------------------------------------------------------------------------


def sums_some(n, x, y):
    s = 0.0
    c = 0
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            continue
        s += x[i]
        if x[i] > 5:
            continue
        c += 1
    y[0] = s
    y[1] = c


def greatest_below(n, x, y):
    m = -1.0
    parpy.label("N")
    for i in range(n):
        for j in range(4):
            if x[i] + j > 7:
                break
        if j == 3:
            continue
        m = max(m, x[i] * j)
    y[0] = m


def sums_rows(n, x, y):
    s = 0.0
    parpy.label("N")
    for i in range(n):
        k = 0
        while True:
            k += 1
            if k > x[i]:
                break
            if k == 2:
                continue
            s += k
    y[0] = s


@pytest.mark.parametrize(
    "program", [sums_some, greatest_below, sums_rows], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_declared_reductions_with_exits_inside(program: FunctionType, specialize: Any) -> None:
    # Small integers: the order of the additions makes no difference.
    x = np.random.default_rng(2).integers(-4, 9, 1001).astype(float)
    schedules = each(reduce="N", threads=[1, 8, 64])
    check(program, 1001, x, np.zeros(2), schedules=schedules, specialize=specialize)


# --- Leaving a parallel loop --------------------------------------------------------------------

PAR = {"N": parpy.threads(8)}
RED = {"N": parpy.threads(8).reduce()}


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=PAR, at="break", helps=True)
def breaks_out(n, x, y):
    parpy.label("N")
    for i in range(n):
        if x[i] < 0:
            break  # error: break and return cannot leave a parallel loop
        y[i] = 1


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=RED, at="break", helps=True)
def breaks_out_of_a_reduction(n, x, y):
    s = 0.0
    parpy.label("N")
    for i in range(n):
        s += x[i]
        if s > 3:
            break  # error: break and return cannot leave a parallel loop
    y[0] = s


@wrong(CE, 5, np.ones(5), np.zeros(5), schedule=PAR, at="break")
def breaks_out_at_the_end(n, x, y):
    for k in range(2):
        parpy.label("N")
        for i in range(n):
            y[i] = 1
            if x[i] > 0:
                continue
            for j in range(n):
                if j > 3:
                    continue
            with parpy.gpu:
                break  # error: break and return cannot leave a parallel loop


@pytest.mark.parametrize("case", wrong.cases)
def test_a_break_out_of_a_parallel_loop_is_refused(case: Any) -> None:
    error = reject(case)
    lines = str(error)
    assert 'parpy.label("N")' in lines


def test_a_break_out_of_a_labelled_loop_may_run_in_sequence() -> None:
    x = np.array([1.0, 2.0, -1.0, 3.0])
    check(breaks_out, 4, x, np.zeros(4))
    check(breaks_out, 4, x, np.zeros(4), schedules=[{"N": parpy.LoopPar()}])


# --- Placement of the words ---------------------------------------------------------------------


def returns_a_number(x):
    if x[0] > 0:
        return 1
    x[0] = 1


def test_the_entry_returns_nothing() -> None:
    with pytest.raises(CE, match="Main function returns_a_number cannot return a value"):
        parpy.jit(returns_a_number)(np.zeros(1))


@pytest.mark.parametrize("word", ["break", "continue"])
def test_exits_outside_loops_are_python_errors(word: str) -> None:
    with pytest.raises(SyntaxError):
        define(f"""
            def outside(x):
                {word}
        """)
