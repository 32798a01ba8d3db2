"""Truth, comparison and choice: `and`, `or`, chains, conditional expressions, `min` and `max`."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: SIM208, SIM222, SIM223, SIM300

from __future__ import annotations

import math
from types import FunctionType

import numpy as np
import pytest
from harness import DTYPES, FLOATS, check, each

import parpy

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 7.0, math.inf, -math.inf, math.nan]


def grid(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.array(SPECIAL if dtype in FLOATS else [0, 1, 2, 0, 1, 7, 3], dtype)
    return np.repeat(values, len(values)), np.tile(values, len(values))


def joins_comparisons(b, p, x, f, r):
    parpy.label("N")
    for i in range(len(x)):
        r[0, i] = b[i] ^ (x[i] == 2)
        r[1, i] = (x[i] == 1) ^ (x[i] != 4)
        r[2, i] = (x[i] < 3) < p[i]
        r[3, i] = (x[i] == 3) == (b[i] != p[i])
        r[4, i] = b[i] == (f[i] == f[i])
        r[5, i] = b[i] ^ bool(x[i])
        r[6, i] = not b[i] ^ (f[i] != f[i])
        r[7, i] = (b[i] >= p[i]) <= (x[i] == 1) != p[i]
        r[8, i] = (b[i] | (x[i] == 1)) ^ (p[i] & (x[i] > 1))
        if b[i] ^ (x[i] == 4):
            r[9, i] = True


def joins_comparisons_of_slices(b, p, x, f, r):
    parpy.label("N")
    r[0, :] = b[:] ^ (x[:] == 2)
    parpy.label("N")
    r[1, :] = (x[:] < 3) < (p[:] == b[:])
    parpy.label("N")
    r[2, 0] = parpy.operators.max((x[:] == 2) ^ (x[:] != 3))


def sums_up_comparisons(b, p, x, f, r):
    k = False
    n = 0
    parpy.label("N")
    for i in range(len(x)):
        k ^= x[i] == 2
        n += b[i] ^ (x[i] == 2)
    r[0, 0] = k
    r[0, 1] = n > len(x) // 2


COMPARISONS = [joins_comparisons, joins_comparisons_of_slices, sums_up_comparisons]


@pytest.mark.parametrize("function", COMPARISONS, ids=lambda f: f.__name__)
def test_operators_of_comparisons(function: FunctionType) -> None:
    for n in (2, 7, 64, 200):
        k = np.arange(n)
        b, p, f = k % 3 == 0, k % 4 < 2, np.where(k % 5 == 0, math.nan, 1.0).astype(np.float32)
        is_sum = function is sums_up_comparisons
        schedules = each(reduce="N", threads=[32]) if is_sum else each("N")
        check(function, b, p, k % 6, f, np.zeros((10, n + 1), bool)[:, :n], schedules=schedules)


# --- and, or, not -----------------------------------------------------------------------------


def gives_operands(x, y, both, either, mixed):
    parpy.label("N")
    for i in range(len(x)):
        both[i] = x[i] and y[i]
        either[i] = x[i] or y[i]
        mixed[i] = x[i] and y[i] or x[i]


@pytest.mark.parametrize("dtype", DTYPES)
def test_and_and_or_give_an_operand(dtype: str) -> None:
    x, y = grid(dtype)
    results = (np.zeros(len(x), dtype) for _ in range(3))
    check(gives_operands, x, y, *results, schedules=each("N"))


def gives_operands_of_two_types(x, y, z, a, b, c):
    parpy.label("N")
    for i in range(len(x)):
        a[i] = x[i] and y[i]
        b[i] = (x[i] > 0 or y[i]) * 2.0
        c[i] = z[i] or x[i] or 0.25


def test_operands_of_different_types() -> None:
    x, _ = grid("float32")
    y = np.arange(len(x), dtype=np.float64)
    z = np.arange(len(x)) % 3 == 0
    check(
        gives_operands_of_two_types,
        *(x, y, z, np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x))),
        schedules=each("N"),
    )


def combines_tests(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = x[i] > 0 and y[i] > 0
        r[i, 1] = x[i] > 0 or y[i] > 0
        r[i, 2] = not (x[i] > 0) and y[i] == y[i]
        r[i, 3] = not (x[i] > 0 or y[i] <= 1) or x[i] != y[i]
        r[i, 4] = not x[i] and not y[i]
        r[i, 5] = x[i] > 0 and y[i] > 0 and x[i] > y[i]
        r[i, 6] = bool(x[i] and y[i])


@pytest.mark.parametrize("dtype", ["int8", "uint16", "float32", "float64"])
def test_conditions_are_combined(dtype: str) -> None:
    x, y = grid(dtype)
    check(combines_tests, x, y, np.zeros((len(x), 7), bool), schedules=each("N"))


def guards(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        if c[i] >= 0 and c[i] < len(x) and x[c[i]] > 0:
            y[i] = 1
        if c[i] < 0 or c[i] >= len(x) or x[c[i]] > 0:
            y[i] += 2
        y[i] += 4 if c[i] >= len(x) or c[i] < 0 else x[c[i]]


def test_the_right_side_is_looked_at_only_where_needed() -> None:
    x = np.sin(np.arange(100.0))
    c = np.random.default_rng(2).integers(-(2**40), 2**40, 100)
    c[::3] = np.arange(34)
    check(guards, x, c, np.zeros(100), schedules=each("N"))


def divides_where_possible(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i] = y[i] != 0 and x[i] // y[i] > 1
        if not (y[i] == 0 or x[i] % y[i]):
            r[i] = True


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float64"])
def test_guarded_division(dtype: str) -> None:
    x, y = grid(dtype)
    x, y = np.nan_to_num(x), np.nan_to_num(y)
    check(divides_where_possible, x, y, np.zeros(len(x), bool), schedules=each("N"))


def literals(y, t, f):
    y[0] = 3 and 5
    y[1] = 0 and 5
    y[2] = 0 or 2.5
    y[3] = 3 or 2.5
    y[4] = not 3
    y[5] = (not 0) + (not 0)
    y[6] = t and 7
    y[7] = f or 8
    y[8] = t + t
    y[9] = -t
    y[10] = t * 2.5
    y[11] = t - f
    y[12] = t and f or 3
    y[13] = 1 if t and not f else 2
    y[14] = t & f
    y[15] = t | 4
    y[16] = t == 1
    y[17] = t / 2
    y[18] = (t < 2) + (f <= 0)


def test_python_bools_are_integers() -> None:
    for specialize in ("always", "never"):
        check(literals, np.zeros(19), True, False, specialize=specialize)


# --- Comparisons ------------------------------------------------------------------------------


def chains(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = 0 < x[i] < 2
        r[i, 1] = 0 <= x[i] <= y[i] < 7
        r[i, 2] = x[i] == y[i] == 1
        r[i, 3] = x[i] < y[i] > x[i]
        r[i, 4] = -1 < x[i] != y[i]
        r[i, 5] = not 0 < x[i] < 2
        r[i, 6] = 0 < i < x[i] + 3 < 20


@pytest.mark.parametrize("dtype", ["int8", "uint32", "float32", "float64"])
def test_chained_comparison(dtype: str) -> None:
    x, y = grid(dtype)
    check(chains, x, y, np.zeros((len(x), 7), bool), schedules=each("N"))


def chain_guards(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        if 0 <= c[i] < len(x) and 0.0 < x[c[i]]:
            y[i] = x[c[i]]


def test_a_chain_guards_what_follows() -> None:
    x = np.sin(np.arange(130.0))
    c = np.random.default_rng(3).integers(-(10**12), 10**12, 130)
    c[::2] = np.arange(65)
    check(chain_guards, x, c, np.zeros(130), schedules=each("N"))


def compares_bools(a, b, r):
    for i in range(len(a)):
        r[i, 0] = a[i] < b[i]
        r[i, 1] = a[i] == True  # noqa: E712
        r[i, 2] = (a[i] > 0) == b[i]
        r[i, 3] = a[i] != b[i]
        r[i, 4] = a[i] >= b[i]


def test_comparison_of_bools() -> None:
    a = np.array([False, False, True, True])
    b = np.array([False, True, False, True])
    check(compares_bools, a, b, np.zeros((4, 5), bool))


# --- Conditional expressions ------------------------------------------------------------------


def chooses(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = x[i] if x[i] > 0 else -x[i]
        r[i, 1] = 1 if x[i] > 0 else 0 if x[i] == 0 else -1
        r[i, 2] = (x[i] if x[i] > y[i] else y[i]) * 0.1
        r[i, 3] = x[i] if i % 2 else 0.5
        r[i, 4] = 2 if x[i] else y[i]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conditional_expression(dtype: str) -> None:
    x, y = grid(dtype)
    check(chooses, x, y, np.zeros((len(x), 5)), schedules=each("N"))
    check(chooses, x, y, np.zeros((len(x), 5), dtype), schedules=each("N"))


def chooses_elements(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i + 1] if i + 1 < len(x) else x[0]
        y[i] += x[i - 1] if i > 0 else 0.0


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 200])
def test_only_the_chosen_element_is_read(n: int) -> None:
    check(chooses_elements, np.arange(n) + 1.0, np.zeros(n), schedules=each("N"))


def known_choice(y, n):
    y[0] = 1 if n > 2 else y[5000]
    y[1] = y[77] if n <= 2 else 3


def test_a_choice_known_when_compiling_leaves_the_other_side_alone() -> None:
    check(known_choice, np.zeros(2), 3, specialize="always")


# --- min and max ------------------------------------------------------------------------------


def least_and_greatest(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = min(x[i], y[i])
        r[i, 1] = max(x[i], y[i])
        r[i, 2] = min(x[i], y[i], 0.5)
        r[i, 3] = max(x[i], 0.5, y[i], 1.5)
        r[i, 4] = parpy.operators.min(x[i], y[i])
        r[i, 5] = parpy.operators.max(y[i], x[i])


@pytest.mark.parametrize("dtype", FLOATS)
def test_min_and_max_are_pythons(dtype: str) -> None:
    # Python keeps the first where neither is less: with NaN, and with zeros of both signs.
    x, y = grid(dtype)
    check(least_and_greatest, x, y, np.zeros((len(x), 6), dtype), schedules=each("N"))


def least_of_integers(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = min(x[i], y[i], 5)
        r[i, 1] = max(x[i], y[i], 1)
        r[i, 2] = max(min(x[i], 5), 2)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_min_and_max_of_integers(dtype: str) -> None:
    x, y = grid(dtype)
    check(least_of_integers, x, y, np.zeros((len(x), 3), dtype), schedules=each("N"))


def propagating(x, y, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = np.minimum(x[i], y[i])
        r[i, 1] = np.maximum(x[i], y[i])
        r[i, 2] = parpy.builtin.minimum(x[i], y[i])
        r[i, 3] = parpy.builtin.maximum(x[i], 0.5)


@pytest.mark.parametrize("dtype", FLOATS)
def test_minimum_and_maximum_propagate_nan(dtype: str) -> None:
    x, y = grid(dtype)
    x, y = x + 0.0, y + 0.0  # which zero wins is open
    check(propagating, x, y, np.zeros((len(x), 4), dtype), schedules=each("N"))


def of_slices(x, y, r, s):
    r[:] = parpy.operators.min(x[:], y[:])
    s[:] = parpy.operators.max(x, 0.5)
    s[:] += np.maximum(x[:], y[:])


@pytest.mark.parametrize("dtype", FLOATS)
def test_elementwise_min_and_max_of_slices(dtype: str) -> None:
    x, y = grid(dtype)
    x, y = x + 0.0, y + 0.0
    check(of_slices, x, y, np.zeros_like(x), np.zeros_like(x))
