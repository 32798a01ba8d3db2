"""Assignments, the types that meet where paths join, and names that stand for loop variables."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, SIM108, SIM102, F821, F841

from __future__ import annotations

import numpy as np
import pytest
from harness import check, check_or_reject, each

import parpy

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
