"""Warnings of races: elements that several iterations of a parallel loop update."""

# Wrong programs are what is tested.
# ruff: noqa: B007

from __future__ import annotations

import warnings

import numpy as np
import pytest
from harness import assert_alive, marked_lines

import parpy

X = np.arange(6.0)
Y = np.zeros(6)
CE = parpy.CompileError
PARALLEL = {"N": parpy.threads(8)}
REDUCE = {"N": parpy.threads(8).reduce()}


def adds_into_an_element(x, y):
    parpy.label("N")
    for i in range(6):
        y[0] += x[i]  # here: race


def adds_into_a_row(x, y):
    parpy.label("M")
    for k in range(1):
        parpy.label("N")
        for i in range(6):
            y[k] = x[i] + y[k]  # here: race


def greatest_into_an_element(x, y):
    parpy.label("N")
    for i in range(6):
        y[0] = max(y[0], x[i])  # here: race


def counts(x, y):
    parpy.label("N")
    for i in range(6):
        y[0] += 1  # here: race


def counts_by_data(x, y):
    parpy.label("N")
    for i in range(6):
        y[int(x[i])] += 1  # here: race


def counts_by_remainder(x, y):
    parpy.label("N")
    for i in range(6):
        y[i % 4] += x[i]  # here: race


def counts_by_quotient(x, y):
    parpy.label("N")
    for i in range(6):
        y[(i + 1) // 2] += x[i]  # here: race


def adds_up_inside(x, y):
    parpy.label("N")
    for i in range(6):
        for j in range(3):
            y[j] += x[i] * j  # here: race


def counts_by_data_through_a_local(x, y):
    parpy.label("N")
    for i in range(6):
        k = int(x[i])
        y[k] += 1  # here: race


def counts_by_a_chain_of_locals(x, y):
    parpy.label("N")
    for i in range(6):
        k = i + 1
        k = k // 2
        m = k + 1
        y[m] += 1  # here: race


def adds_up_by_a_local(x, y):
    parpy.label("N")
    for i in range(6):
        t = y[2]
        t += x[i]
        y[2] = t  # here: race


def halves_an_element(x, y):
    parpy.label("N")
    for i in range(6):
        y[0] = y[0] * 0.5 + x[i]  # here: race


def greatest_by_a_condition(x, y):
    parpy.label("N")
    for i in range(6):
        m = y[0]
        if x[i] > m:
            y[0] = x[i]  # here: race


def counts_by_a_branch(x, y):
    parpy.label("N")
    for i in range(6):
        k = i
        if x[i] > 3:
            k = 0
        y[k] += 1  # here: race


def adds_up_over_a_triangle(x, y):
    parpy.label("N")
    for i in range(6):
        for j in range(i, 6):
            y[j] += x[i]  # here: race


def adds_to_windows(x, y):
    parpy.label("N")
    for i in range(4):
        k = int(x[i]) % 4
        y[k : k + 3] += x[i]  # here: race


def adds_to_windows_by_a_loop(x, y):
    parpy.label("N")
    for i in range(4):
        for k in range(3):
            y[int(x[i]) % 4 + k] += x[i]  # here: race


def adds_to_windows_from_elements_on(x, y):
    parpy.label("N")
    for i in range(4):
        for k in range(int(x[i]) % 4, int(x[i]) % 4 + 3):
            y[k] += x[i]  # here: race


def adds_from_elements_on(x, y):
    parpy.label("N")
    for i in range(6):
        y[int(x[i]) :] += x[i]  # here: race


def adds_up_to_elements(x, y):
    parpy.label("N")
    for i in range(6):
        y[: int(x[i])] += x[i]  # here: race


def adds_to_own_parts(x, y):
    parpy.label("N")
    for i in range(5):
        y[int(x[i]) : int(x[i + 1])] += x[i]


def adds_to_own_parts_by_a_loop(x, y):
    parpy.label("N")
    for i in range(5):
        for k in range(int(x[i]), int(x[i + 1])):
            y[k] += x[i]


def adds_to_own_parts_backwards(x, y):
    parpy.label("N")
    for i in range(5):
        y[int(x[i + 1]) : int(x[i]) : -1] += x[i]


def adds_to_own_elements_by_locals(x, y):
    parpy.label("N")
    for i in range(5):
        k = i + 1
        y[k] += x[i]
        m = 2 * k - i + 8
        y[m] += 1
        if x[i] > 2:
            m = k + 14
        y[m] += 1


def adds_to_rotated_elements(x, y):
    parpy.label("N")
    for i in range(6):
        y[(i + 1) % 6] += x[i]
        left = i - 1 if i > 0 else 5
        y[left + 6] += x[i]
        right = (i + 2) % 6
        y[right + 12] += x[i]


def adds_to_own_tiles(x, y):
    parpy.label("N")
    for i in range(3):
        for j in range(2 * i, 2 * i + 2):
            y[j] += x[j]
            k = j + 0
            y[k] += x[k]


def adds_to_chunks(x, y):
    parpy.label("N")
    for c in range(7):
        for j in range(3 * c, min(3 * c + 3, 20)):
            y[j] += x[j % 6]


def adds_in_one_iteration(x, y):
    parpy.label("N")
    for i in range(6):
        if i == 0:
            y[0] += 1.0


def carries_an_index(x, y):
    parpy.label("N")
    for i in range(2):
        k = 3 * i
        for j in range(3):
            y[k] += x[j]
            k += 1


def adds_to_own_elements(x, y):
    parpy.label("N")
    for i in range(3):
        y[2 * i] += x[i]
        for j in range(2):
            y[2 * i + j] += x[i]


def changes_nothing_twice(x, y):
    parpy.label("N")
    for i in range(6):
        y[int(x[i])] += 0.0
        y[0] = max(y[0], 1.0)


@pytest.mark.parametrize(
    "function",
    [
        *(adds_into_an_element, adds_into_a_row, greatest_into_an_element, counts, counts_by_data),
        *(counts_by_remainder, counts_by_quotient, adds_up_inside, adds_up_over_a_triangle),
        *(counts_by_data_through_a_local, counts_by_a_chain_of_locals),
        *(adds_up_by_a_local, counts_by_a_branch, halves_an_element, greatest_by_a_condition),
        *(adds_to_windows, adds_to_windows_by_a_loop, adds_to_windows_from_elements_on),
        *(adds_from_elements_on, adds_up_to_elements),
    ],
)
def test_a_race_is_warned_about_at_its_line(function) -> None:
    y = np.zeros(6)
    with pytest.warns(RuntimeWarning, match="race") as caught:
        parpy.jit(function)(X, y, opts=parpy.par(PARALLEL))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert caught[0].lineno == marked_lines(function)["race"]
    message = str(caught[0].message)
    assert "'y'" in message
    assert "help: " in message
    assert ".reduce()" in message
    assert f"On line {caught[0].lineno} of file {__file__}" in message


def test_a_race_is_said_to_be_of_one_element_or_of_several() -> None:
    for function, start in (
        (adds_into_an_element, "all iterations of the parallel loop 'N' update one element of 'y'"),
        (adds_up_by_a_local, "all iterations of the parallel loop 'N' update one element of 'y'"),
        (adds_up_inside, "iterations of the parallel loop 'N' may update the same elements of 'y'"),
        (counts_by_data_through_a_local, "iterations of the parallel loop 'N' may update the same"),
    ):
        with pytest.warns(RuntimeWarning) as caught:
            parpy.jit(function)(X, np.zeros(6), opts=parpy.par(PARALLEL))
        assert str(caught[0].message).startswith(start)


def test_no_race_under_reduce_or_without_threads() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for schedule in (REDUCE, {}, {"N": parpy.threads(1)}):
            y = np.zeros(6)
            parpy.jit(adds_into_an_element)(X, y, opts=parpy.par(schedule))
            assert y[0] == 15


def test_no_race_where_order_and_number_do_not_matter() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in (changes_nothing_twice, adds_to_own_elements):
            parpy.jit(function)(X, np.zeros(6), opts=parpy.par(PARALLEL))


@pytest.mark.parametrize(
    "function",
    [
        *(adds_to_own_elements_by_locals, adds_to_rotated_elements, adds_to_own_tiles),
        *(adds_in_one_iteration, carries_an_index, adds_to_chunks),
        *(adds_to_own_parts, adds_to_own_parts_by_a_loop, adds_to_own_parts_backwards),
    ],
)
def test_no_race_where_iterations_have_elements_of_their_own(function) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, expected = np.zeros(20), np.zeros(20)
        parpy.jit(function)(X, y, opts=parpy.par(PARALLEL))
    function(X, expected)
    np.testing.assert_array_equal(y, expected)


def adds_by_quotient_and_remainder(x, y):
    parpy.label("N")
    for t in range(96):
        y[t // 16, t % 16, 0] += x[t % 6]
        row = (t + 3) // 16
        y[row, 1, (t + 3) % 16] += x[t % 6]
        y[t // 16, 2, (t + 5) % 16] += x[t % 6]


def adds_by_two_quotients(x, y):
    parpy.label("N")
    for t in range(96):
        y[t // 12, t // 4 % 3, t % 4] += x[t % 6]


def adds_by_a_divisor_of_the_call(x, y, n):
    parpy.label("N")
    for t in range(6 * n):
        y[t % n, 2, t // n] += x[t % 6]


@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    ("function", "numbers"),
    [
        *((adds_by_quotient_and_remainder, []), (adds_by_two_quotients, [])),
        (adds_by_a_divisor_of_the_call, [8]),
    ],
)
def test_a_quotient_and_its_remainder_tell_iterations_apart(function, numbers, specialize) -> None:
    y, expected = np.zeros((2, 9, 16, 16))
    opts = parpy.par(PARALLEL)
    opts.specialize = specialize
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parpy.jit(function)(X, y, *numbers, opts=opts)
    function(X, expected, *numbers)
    np.testing.assert_array_equal(y, expected)


def adds_by_another_remainder(x, y):
    parpy.label("N")
    for t in range(96):
        y[t // 16, t % 8, 0] += x[t % 6]  # here: race


def adds_by_another_dividend(x, y):
    parpy.label("N")
    for t in range(96):
        y[t // 16, 2 * t % 16, 0] += x[t % 6]  # here: race


def adds_by_a_dividend_that_repeats(x, y):
    parpy.label("N")
    for t in range(96):
        y[t // 2 // 16, t // 2 % 16, 0] += x[t % 6]  # here: race


@pytest.mark.parametrize(
    "function",
    [
        *(adds_by_another_remainder, adds_by_another_dividend),
        adds_by_a_dividend_that_repeats,
    ],
)
def test_other_quotients_and_remainders_do_not(function) -> None:
    with pytest.warns(RuntimeWarning, match="race") as caught:
        parpy.jit(function)(X, np.zeros((9, 16, 16)), opts=parpy.par(PARALLEL))
    assert [warning.lineno for warning in caught] == [marked_lines(function)["race"]]


def test_print_compiled_warns_as_a_call_does() -> None:
    with pytest.warns(RuntimeWarning, match="race") as caught:
        parpy.print_compiled(adds_into_an_element, [X, np.zeros(6)], parpy.par(PARALLEL))
    assert [warning.lineno for warning in caught] == [marked_lines(adds_into_an_element)["race"]]


def test_a_race_that_is_an_error_leaves_nothing_behind() -> None:
    function = parpy.jit(adds_into_an_element)
    y = np.zeros(6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="race"):
            function(X, y, opts=parpy.par(PARALLEL))
    assert not y.any()
    function(X, y, opts=parpy.par(REDUCE))
    assert y[0] == 15
    assert_alive()
