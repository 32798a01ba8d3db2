"""Slices whose lengths are only known as the code runs; where they differ, an error."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest
from harness import (
    Wrong,
    assert_alive,
    assert_placed,
    check,
    decorated,
    each,
    expect,
    options,
    reject,
)

import parpy


def copies_by_data(y, x, c):
    y[: c[0]] = x[: c[1]]


def in_a_parallel_loop(y, x):
    parpy.label("N")
    for i in range(len(y)):
        k = i * i - i * 3 + 3
        if i < 4 and i * 4 == i + k:
            y[i, :i] = x[:k]


def in_every_iteration(y, x, c):
    parpy.label("N")
    for i in range(len(c)):
        k = c[i]
        y[i, :k] += x[3 : 3 + k] * x[-k - 1 : -1]
        y[i, 0] += np.sum(x[:k] * y[i, 8 - k :])


def three_lengths(y, x, c):
    y[: c[0]] = x[: c[1]] + x[-c[2] :]


def under_a_condition(y, x, c):
    parpy.label("N")
    for i in range(len(y)):
        y[i] = np.sum(x[: c[0]] * x[1 : c[1]]) if i > 2 else 3.0


def rows_and_columns(y, x, c):
    y[: c[0], : c[1]] = x[: c[1], : c[0]] * 2 + x[0, : c[1]]


@parpy.jit
def _scale(t, s, n):
    t[:n] = s[: n + len(t) - 8]


def in_a_helper(y, x, c):
    parpy.label("N")
    for i in range(len(y)):
        _scale(y[i], x, c[i])


# Each with arguments under which the lengths agree, and some under which they do not.
X = np.arange(1.0, 9.0)
PROGRAMS: list[tuple[FunctionType, list[Any], list[Any]]] = [
    (copies_by_data, [np.zeros(8), X, np.array([3, 3])], [np.zeros(8), X, np.array([3, 2])]),
    (copies_by_data, [np.zeros(8), X, np.array([-2, 6])], [np.zeros(8), X, np.array([8, 7])]),
    (copies_by_data, [np.zeros(8), X, np.array([99, 8])], [np.zeros(8), X, np.array([0, 2])]),
    (in_a_parallel_loop, [np.zeros((8, 8)), X], []),
    (
        in_every_iteration,
        [np.ones((4, 8)), X, np.array([1, 2, 4, 3])],
        [np.ones((4, 8)), X, np.array([1, 2, 7, 3])],
    ),
    (three_lengths, [np.zeros(8), X, np.array([3, 3, 3])], [np.zeros(8), X, np.array([3, 3, 2])]),
    (three_lengths, [np.zeros(8), X, np.array([8, 8, 8])], [np.zeros(8), X, np.array([2, 3, 3])]),
    (under_a_condition, [np.zeros(8), X, np.array([3, 4])], [np.zeros(8), X, np.array([3, 6])]),
    # The faulty product is never computed.
    (under_a_condition, [np.zeros(2), X, np.array([3, 9])], []),
    (
        rows_and_columns,
        [np.zeros((8, 8)), np.outer(X, X), np.array([3, 3])],
        [np.zeros((8, 8)), np.outer(X, X), np.array([3, 4])],
    ),
    (
        in_a_helper,
        [np.zeros((3, 8)), X, np.array([1, 0, 7])],
        [np.zeros((3, 9)), X, np.array([1, 0, 7])],
    ),
]


@pytest.mark.parametrize("index", range(len(PROGRAMS)))
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_agree(index: int, specialize: str) -> None:
    function, args, _ = PROGRAMS[index]
    check(function, *args, schedules=each("N"), ulps=4, specialize=specialize)
    check(function, *args, specialize=specialize, check_bounds=True, ulps=4)


@pytest.mark.parametrize("threads", [0, 1, 64])
@pytest.mark.parametrize("index", [i for i, (_, _, wrong) in enumerate(PROGRAMS) if wrong])
def test_differ(index: int, threads: int) -> None:
    function, _, args = PROGRAMS[index]
    with pytest.raises(ValueError):
        expect(function, *args)
    schedule = {"N": parpy.threads(threads)} if threads else {}
    for specialize in ("auto", "never"):
        with pytest.raises(parpy.TypeMismatchError, match="do not broadcast together"):
            decorated(function)(
                *[np.copy(a) for a in args], opts=options(schedule, specialize=specialize)
            )
    assert_alive()


wrong = Wrong()


@wrong(parpy.TypeMismatchError, np.zeros(8), X, np.array([3, 5]), at="y[: c[0]]")
def names_both_lengths(y, x, c):
    y[: c[0]] = x[: c[1]]  # error: shapes (5,) and (3,) do not broadcast together


@wrong(parpy.TypeMismatchError, np.zeros(8), X, np.array([3, 1]), at="y[: c[0]]", helps=True)
def stretches_a_length_met_at_run_time(y, x, c):
    y[: c[0]] = x[: c[1]]  # error: shapes (1,) and (3,) do not broadcast together


@wrong(parpy.TypeMismatchError, np.zeros(8), X, np.array([3, 2]), at="x[: c[0]] * x[: c[1]]")
def names_the_operation(y, x, c):
    y[0] = np.sum(x[: c[0]] * x[: c[1]])  # error: shapes (3,) and (2,) do not broadcast together


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Any) -> None:
    reject(case)


def sums_up_to_the_fault(y, x, c):
    for i in range(len(c)):
        y[i] = 1.0
        y[i] += np.sum(x[: c[i]] * x[1:4])


def test_what_came_before_stands() -> None:
    """As in NumPy: the statement is not carried out, nor what follows; what came before is."""
    y, c = np.zeros(5), np.array([3, 3, 2, 3, 3])
    expected = y.copy()
    with pytest.raises(ValueError):
        sums_up_to_the_fault(expected, X, c)
    with pytest.raises(parpy.TypeMismatchError) as caught:
        decorated(sums_up_to_the_fault)(y, X, c)
    np.testing.assert_array_equal(y, expected)
    assert_placed(
        caught.value, sums_up_to_the_fault, sums_up_to_the_fault.__code__.co_firstlineno + 3
    )


def test_printed_code_keeps_the_test() -> None:
    text = parpy.print_compiled(
        copies_by_data,
        [np.zeros(8), X, np.array([3, 2])],
        opts=parpy.CompileOptions(backend=parpy.CompileBackend.Cpu),
    )
    edited = parpy.compile_string("copies_by_data", text)
    y = np.zeros(8)
    edited(y, X, np.array([3, 3]))
    assert y.tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    with pytest.raises(
        parpy.TypeMismatchError, match=r"shapes \(2,\) and \(3,\) do not broadcast together"
    ):
        edited(y, X, np.array([3, 2]))
