"""Statements: loops, conditions, assignments, and the types that meet where paths join."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, SIM108, SIM102, F821, F841

from __future__ import annotations

import numpy as np
import pytest
from harness import check, check_or_reject, define, each

import parpy

# --- for … in range ---------------------------------------------------------------------------


def counts_to(n, y):
    k = 0
    for i in range(n):
        y[k] = i + 1
        k += 1
    y[-1] = k


@pytest.mark.parametrize("n", [-5, 0, 1, 2, 17])
def test_range_of_one_argument(n: int) -> None:
    check(counts_to, n, np.zeros(20, np.int64))
    check(counts_to, n, np.zeros(20, np.int64), specialize="never")


def counts_from(a, b, y):
    k = 0
    for i in range(a, b):
        y[k] = i
        k += 1
    y[-1] = k


@pytest.mark.parametrize("ends", [(0, 5), (3, 9), (-4, 3), (5, 5), (6, 2), (-7, -3)])
def test_range_of_two_arguments(ends: tuple[int, int]) -> None:
    check(counts_from, *ends, np.zeros(20, np.int64))
    check(counts_from, *ends, np.zeros(20, np.int64), specialize="never")


STEPS = [1, 2, 3, 7, 100, -1, -2, -3, -7, -100]
ENDS = [(0, 10), (0, 9), (10, 0), (9, -1), (9, 0), (-5, 6), (6, -6), (3, 3), (0, 1), (1, 0), (2, 9)]


def steps_program(step: int):
    return define(f"""
        def steps(a, b, y):
            k = 0
            i = -77
            parpy.label("N")
            for i in range(a, b, {step}):
                y[k] = i
                k += 1
            y[18] = i
            y[19] = k
    """)


@pytest.mark.parametrize("step", STEPS)
def test_range_of_three_arguments_and_the_variable_after_the_loop(step: int) -> None:
    program = steps_program(step)
    for a, b in ENDS:
        check(program, a, b, np.zeros(20, np.int64))
    check(program, 0, 10, np.zeros(20, np.int64), specialize="never")


def parallel_steps_program(step: int):
    return define(f"""
        def steps(a, b, y):
            parpy.label("N")
            for i in range(a, b, {step}):
                y[i + 20] = i * i + 1
    """)


@pytest.mark.parametrize("step", STEPS)
def test_parallel_range_of_three_arguments(step: int) -> None:
    program = parallel_steps_program(step)
    for a, b in ENDS:
        check(program, a, b, np.zeros(40), schedules=each("N", threads=[64]), plain=False)


def step_from_argument(n, step, y):
    for i in range(0, n, step):
        y[i] = 1


def test_a_step_may_be_an_argument() -> None:
    for step in (1, 2, 3, -1):
        check(step_from_argument, 10, step, np.zeros(10))


def changes_the_loop_variable(y):
    for i in range(5):
        y[i] = i
        i = i * 10
        y[5 + i // 10] = i
    y[10] = i


def test_the_body_may_assign_the_loop_variable() -> None:
    check(changes_the_loop_variable, np.zeros(11, np.int64))


def changes_the_bounds(n, y):
    for i in range(n):
        n = n - 1
        y[i] = n
    y[-1] = n


def test_the_range_is_fixed_when_the_loop_starts() -> None:
    check(changes_the_bounds, 6, np.zeros(8, np.int64))


def reuses_a_loop_variable(y):
    k = 0
    for i in range(3):
        for i in range(10, 12):
            y[k] = i
            k += 1
        y[k] = i
        k += 1
    y[k] = i


def test_nested_loops_may_share_a_variable() -> None:
    check(reuses_a_loop_variable, np.zeros(12, np.int64))


def uses_the_variable_twice(y, n):
    for i in range(n):
        y[i] = i
    for i in range(n, 0, -1):
        y[i - 1] += 2 * i
    for j in range(i, n):
        y[j] += 100


def test_loops_in_a_row_may_share_a_variable() -> None:
    check(uses_the_variable_twice, np.zeros(6, np.int64), 6)


def triangle(a, n):
    parpy.label("rows")
    for i in range(n):
        parpy.label("columns")
        for j in range(i + 1):
            a[i, j] = i * 100 + j
        for j in range(n - 1, i, -1):
            a[i, j] = -(i * 100 + j)


def test_bounds_that_depend_on_outer_loops() -> None:
    for n in (0, 1, 2, 7, 40):
        check(triangle, np.zeros((n, n)), n, schedules=each("rows", "columns"))


def ranges_from_data(c, y):
    for i in range(c[0], c[1]):
        y[i] = 1
    for i in range(c[1], c[0], -2):
        y[i] += 2


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "uint64"])
def test_bounds_may_come_from_arrays(dtype: str) -> None:
    check(ranges_from_data, np.array([2, 7], dtype), np.zeros(10))
    check(ranges_from_data, np.array([7, 2], dtype), np.zeros(10))


def passes(y, n):
    """Does nothing, in every way."""
    for _i in range(n):
        pass
    if n > 2:
        pass
    else:
        y[0] = 1
    "a string"
    while y[1] > 0:
        y[1] -= 1
        pass


def test_statements_without_effect() -> None:
    check(passes, np.array([0.0, 3.0]), 5)
    check(passes, np.array([0.0, 3.0]), 1)


# --- while ------------------------------------------------------------------------------------


def collatz(x, steps):
    parpy.label("N")
    for i in range(len(x)):
        n = x[i]
        k = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            k += 1
        steps[i] = k


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64"])
def test_while_over_a_scalar(dtype: str) -> None:
    x = np.arange(1, 60).astype(dtype)
    check(collatz, x, np.zeros(len(x), np.int64), schedules=each("N"))


def halves_until_small(x, count):
    while parpy.operators.sum(x[:]) > 1.0:
        x[:] = x[:] / 2.0
        count[0] += 1


def test_while_with_a_reduction_in_its_condition() -> None:
    check(halves_until_small, np.full(7, 3.0), np.zeros(1, np.int64))
    check(halves_until_small, np.zeros(7), np.zeros(1, np.int64))
    check(halves_until_small, np.zeros(0), np.zeros(1, np.int64))


def relaxes(x, y, limit, count):
    change = limit + 1.0
    k = 0
    while change > limit and k < 50:
        y[1:-1] = 0.5 * (x[:-2] + x[2:])
        change = parpy.operators.max(np.abs(y[1:-1] - x[1:-1]))
        x[1:-1] = y[1:-1]
        k += 1
    count[0] = k


def test_while_until_convergence() -> None:
    x = np.zeros(12)
    x[-1] = 1.0
    check(relaxes, x, x.copy(), 1e-3, np.zeros(1, np.int64))


def finds_first(x, limit, y):
    i = 0
    while i < len(x) and x[i] < limit:
        i += 1
    y[0] = i


def test_a_while_condition_short_circuits() -> None:
    x = np.array([1.0, 2.0, 3.0, 10.0, 4.0])
    for limit in (0.0, 2.5, 5.0, 100.0):
        check(finds_first, x, limit, np.zeros(1, np.int64))


def changes_type_in_while(y):
    i = 0
    while i < 3:
        i = i + 0.5
    y[0] = i
    n = 10
    total = 0
    while n > 0:
        total = total + n
        n -= 3
    y[1] = total
    y[2] = n


def test_while_may_change_a_variables_type() -> None:
    check(changes_type_in_while, np.zeros(3))


def nested_while(y):
    k = 0
    a = 0
    while a < 4:
        b = a
        while b < 4:
            y[k] = a * 10 + b
            k = k + 1
            b += 1
        a += 1
    y[k] = b


def test_nested_while() -> None:
    check(nested_while, np.zeros(16, np.int64))


def gcds(a, b, c):
    parpy.label("N")
    for i in range(len(a)):
        x = a[i]
        y = b[i]
        while y != 0:
            x, y = y, x % y
        c[i] = x


def test_while_with_a_swap() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 1000, (2, 70))
    check(gcds, a, b, np.zeros(70, np.int64), schedules=each("N"))


# --- if ---------------------------------------------------------------------------------------


def classifies(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if x[i] < -1:
            y[i] = 1
        elif x[i] < 0:
            y[i] = 2
        elif x[i] == 0:
            y[i] = 3
        elif x[i] > 1:
            y[i] = 4
        else:
            y[i] = 5


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
def test_elif_chain(dtype: str) -> None:
    x = np.linspace(-3, 3, 77).round(1).astype(dtype)
    if dtype != "int8":
        x[5] = np.nan
    check(classifies, x, np.zeros(77, np.int32), schedules=each("N"), layouts=["strided"])
    check(classifies, x, np.zeros(77, np.int32), schedules=each("N"))


def reads_truth(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if x[i]:
            y[i] += 1
        if not x[i]:
            y[i] += 2


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32", "float64"])
def test_numbers_are_true_unless_zero(dtype: str) -> None:
    x = np.array([0, 1, 2, 0, 5] * 9, dtype)
    if dtype.startswith("float"):
        x[:3] = np.nan, -0.0, np.inf
    check(reads_truth, x, np.zeros(len(x), np.int64), schedules=each("N"))


def known_conditions(y, n):
    if True:
        y[0] = 1
    else:
        y[0] = "never looked at"
    if 0:
        y[1] = 1
    elif n:
        y[1] = 2
    if n > 3:
        y[2] = 3
    if not n:
        y[3] = 4


def test_conditions_known_when_compiling() -> None:
    for n in (0, 3, 4):
        check(known_conditions, np.zeros(4), n)


def deep(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 0:
            if x[i] > 1:
                if x[i] > 2:
                    y[i] = 3
                else:
                    y[i] = 2
            else:
                y[i] = 1
        else:
            if x[i] < -1:
                y[i] = -2


def test_nested_if() -> None:
    check(deep, np.linspace(-3, 4, 61), np.zeros(61), schedules=each("N"))


# --- Later features: rejected or right --------------------------------------------------------


def breaks(x, y):
    for i in range(len(x)):
        if x[i] > 2:
            break
        y[i] = x[i]


def continues(x, y):
    for i in range(len(x)):
        if x[i] > 2:
            continue
        y[i] = x[i]


def breaks_while(x, y):
    i = 0
    while True:
        if i >= len(x):
            break
        y[i] = x[i]
        i += 1


def temporary(x, y):
    t = np.zeros(len(x))
    for i in range(len(x)):
        t[i] = x[i]
    y[:] = t[:]


def temporary_empty(x, y):
    t = np.empty((3,), dtype=np.float64)
    t[:] = x[:3]
    y[:3] = t[:]


@parpy.jit
def doubled(x):
    x[:] = 2 * x[:]


def calls(x, y):
    doubled(x)
    y[:] = x[:]


def inlines(x, y):
    parpy.builtin.inline(doubled(x))
    y[:] = x[:]


@pytest.mark.parametrize(
    "function", [breaks, continues, breaks_while, temporary, temporary_empty, calls, inlines]
)
def test_features_of_later_versions_are_never_miscompiled(function) -> None:
    check_or_reject(function, np.arange(6.0), np.zeros(6))


def inner_targets(y, n):
    for i in range(n):
        for k in range(i):
            y[1] += k
    y[0] = k
    for i in range(n - 1, -1, -1):
        for j in range(i):
            y[2] += j
    y[3] = j
    for i in range(n):
        for k in range(2 * i, n):
            y[4] += k
    y[5] = k


@pytest.mark.parametrize("n", [2, 3, 7])
def test_targets_of_inner_loops_are_kept_after_the_loop_around(n: int) -> None:
    """They were computed from the outer target, which the outer loop had moved on."""
    for specialize in ("always", "never"):
        check(inner_targets, np.zeros(6), n, specialize=specialize)


def targets_of_inner_loops_in_an_iteration(y, n):
    parpy.label("rows")
    for b in range(y.shape[0]):
        for i in range(n):
            for k in range(i):
                y[b, i] += 1
        for i in range(n - 1, -1, -1):
            for k in range(i + 1, n):
                y[b, i] += 1
            y[b, i] += k


def test_targets_of_inner_loops_are_kept_in_parallel_iterations() -> None:
    check(targets_of_inner_loops_in_an_iteration, np.zeros((3, 5)), 5, schedules=each("rows"))
