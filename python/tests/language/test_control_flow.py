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


# --- Types where paths meet -------------------------------------------------------------------


def joins_weak(x, y):
    for i in range(len(x)):
        if x[i] > 0:
            a = 1
        else:
            a = 2.5
        y[i] = a / 2


def joins_weak_with_strong(x, y):
    parpy.label("N")
    for i in range(len(x)):
        a = 0.25
        if x[i] > 0:
            a = x[i]
        y[i] = a * a * a


def joins_before_the_loop(x, y):
    s = 0
    for i in range(len(x)):
        s = s + x[i]
        y[i] = s


def joins_outer_and_inner(x, y):
    s = 0
    for i in range(len(x)):
        t = 0
        for j in range(i + 1):
            t += x[j]
            s = s + t
        y[i] = s


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "function", [joins_weak, joins_weak_with_strong, joins_before_the_loop, joins_outer_and_inner]
)
def test_weak_yields_to_strong_where_paths_meet(function, dtype: str) -> None:
    x = np.linspace(-1, 1, 23).astype(dtype)
    # float64 shows what was rounded to float32 on the way.
    check(function, x, np.zeros(23), strict=True)
    check(function, x, np.zeros(23, dtype), strict=True)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint64"])
def test_a_sum_of_narrow_integers_wraps(dtype: str) -> None:
    x = np.full(300, 100, dtype)
    result = np.zeros(300, "uint64" if dtype.startswith("u") else "int64")
    check(joins_before_the_loop, x, result)


def changes_type(x, y):
    a = 1
    y[0] = a / 2
    a = 2.5
    y[1] = a
    a = x[0]
    y[2] = a * 0.1
    a = a > 0
    y[3] = a
    a = True
    y[4] = a + a


def test_a_name_may_change_its_type() -> None:
    check(changes_type, np.array([0.3], np.float32), np.zeros(5))


def rotates_types(y, n):
    a = 1
    b = 2.5
    c = 3
    for i in range(n):
        a, b, c = b, c, a
        y[i] = a + 10 * b + 100 * c


def test_types_that_rotate_through_names() -> None:
    check(rotates_types, np.zeros(7), 7)


def only_one_branch(x, y):
    a = 7
    for i in range(len(x)):
        if x[i] > 0:
            a = i
        y[i] = a
    y[0] = a


def test_a_name_kept_from_earlier_iterations() -> None:
    check(only_one_branch, np.sin(np.arange(30.0)), np.zeros(30, np.int64))


def assigned_in_both(x, y, flag):
    if flag:
        a = x[0]
        b = 2
    else:
        b = 3
        a = x[1]
    y[0] = a * b


def test_a_name_first_assigned_in_both_branches() -> None:
    for flag in (True, False, 0, 5):
        check(assigned_in_both, np.array([2.0, 5.0]), np.zeros(1), flag)
        check(assigned_in_both, np.array([2.0, 5.0]), np.zeros(1), flag, specialize="never")


def assigned_late(x, y):
    previous = 0.0
    for i in range(len(x)):
        if i > 0:
            y[i] = last - previous
        previous = x[i]
        last = x[i] * 2


def defined_later(x, y):
    for i in range(len(x)):
        if i > 0:
            y[i] = last
        last = x[i]


def test_a_name_assigned_after_its_use_in_the_text() -> None:
    check_or_reject(defined_later, np.arange(5.0), np.zeros(5))
    check_or_reject(assigned_late, np.arange(5.0), np.zeros(5))


# --- Assignment -------------------------------------------------------------------------------


def fibonacci(y, n):
    a = 0
    b = 1
    for i in range(n):
        y[i] = a
        a, b = b, a + b


def swaps_elements(x):
    for i in range(len(x) // 2):
        x[i], x[-1 - i] = x[-1 - i], x[i]


def rotates(x):
    x[0], x[1], x[2] = x[2], x[0], x[1]
    a, b = x[3], x[4]
    x[3], x[4] = b * 2, a * 3
    (c, d) = a + 1, b + 1
    x[5] = c * d


def unpacks_the_shape(a, y):
    n, m = a.shape
    y[0] = n
    y[1] = m
    y[2] = a.shape[0] * a.ndim + a.size
    y[3] = len(a)
    y[4] = len(a[0])
    y[5] = a[1:, :].shape[0]


def assigns_in_order(x):
    i = 0
    i, x[i] = 3, 9.0
    x[i] = i


def test_tuple_assignment() -> None:
    check(fibonacci, np.zeros(20, np.int64), 20)
    check(swaps_elements, np.arange(9.0))
    check(swaps_elements, np.arange(10, dtype=np.int16))
    check(rotates, np.arange(6.0) + 1)
    check(unpacks_the_shape, np.zeros((3, 5)), np.zeros(6, np.int64))
    check(unpacks_the_shape, np.zeros((3, 5)), np.zeros(6, np.int64), specialize="never")
    check(assigns_in_order, np.zeros(5))


def augments(y, x):
    a = 5
    a += 2
    a -= 1
    a *= 3
    a //= 4
    a **= 2
    a %= 7
    a <<= 3
    a |= 5
    a ^= 2
    a &= 14
    a >>= 1
    y[0] = a
    b = 2.0
    b /= 3
    b -= x[0]
    b *= b
    y[1] = b
    y[2] += x[1]
    y[2] -= 3
    y[-1] *= 2
    y[3] /= 8
    y[3] //= 0.3
    y[3] %= 2
    y[3] **= 2


def test_augmented_assignment() -> None:
    check(augments, np.arange(5.0) + 10, np.array([1.5, 2.5]), strict=True, ulps=1)


def annotated(x, y):
    a: float = x[0] * 2
    b: int
    b = 3
    y[0] = a + b


def several_targets(x, y):
    a = b = 2.5
    y[0] = a + b
    c = y[1] = y[2] = b
    y[3] = c + x[0]


def list_targets(x, y):
    [a, b] = x[0], x[1]
    y[0] = a - b


def test_other_forms_of_assignment() -> None:
    check(annotated, np.arange(3.0) + 1, np.zeros(4))
    check(several_targets, np.arange(3.0) + 1, np.zeros(4))
    check(list_targets, np.arange(3.0), np.zeros(4))


def assigns_an_element_to_two(x):
    i = 1
    i = x[i] = 0


def test_several_targets_are_assigned_from_the_left() -> None:
    check(assigns_an_element_to_two, np.ones(3))


# --- Names that stand for loop variables ------------------------------------------------------


def names_of_indices(x, y, n):
    for i in range(n):
        j = n - 1 - i
        k = j
        y[j] = x[k]
        j = i
        y[j] += k * 100
    y[0] += k


def index_kept_after_the_loop(y, n):
    last = -1
    for i in range(n):
        if i % 3 == 0:
            last = i
    y[0] = last
    for i in range(n):
        j = i * 2
    y[1] = j
    y[2] = i


def previous_index(y, n):
    previous = n - 1
    for i in range(n):
        y[i] = previous
        previous = i


def test_names_for_loop_variables() -> None:
    check(names_of_indices, np.arange(8.0), np.zeros(8), 8)
    check(index_kept_after_the_loop, np.zeros(3, np.int64), 11)
    check(previous_index, np.zeros(9, np.int64), 9)


def keeps_a_value_that_is_overwritten(x, y):
    t = x[0]
    x[0] = 5.0
    y[0] = t
    i = 1
    a = i
    i = 2
    y[1] = a + 10 * i
    n = len(x)
    m = n
    n = 0
    y[2] = m + n


def test_a_name_keeps_its_value_when_its_source_changes() -> None:
    check(keeps_a_value_that_is_overwritten, np.arange(4.0) + 1, np.zeros(3))


def many_locals(x, y):
    parpy.label("N")
    for i in range(len(x)):
        a = x[i] + 1.0
        b = a * 2.0
        c = b - a
        if c > 1.0:
            d = c
        else:
            d = -c
        a = d * d
        b = a + c
        y[i] = a - b


def test_scalars_of_an_iteration_are_its_own() -> None:
    x = np.linspace(-2, 2, 203)
    check(many_locals, x, np.zeros(203), schedules=each("N"), strict=True)
    x = x.astype(np.float32)
    check(many_locals, x, np.zeros(203, np.float32), schedules=each("N"), strict=True)


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
