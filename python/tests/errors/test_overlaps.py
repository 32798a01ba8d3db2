"""Warnings of races between iterations that store to, or read, elements of one another."""

# Wrong programs are what is tested.
# ruff: noqa: B007

from __future__ import annotations

import warnings

import numpy as np
import pytest
from harness import marked_lines

import parpy

X = np.arange(100.0)
PARALLEL = {"N": parpy.threads(8)}
REDUCE = {"N": parpy.threads(8).reduce()}


# --- Updates of the same elements -------------------------------------------------------------


def spreads_over_three(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[i + j] += x[i]  # here: race


def spreads_backwards(x, y, z, n):
    parpy.label("N")
    for i in range(3, n):
        for j in range(3):
            y[i - j] += x[i]  # here: race


def spreads_over_all_before(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(i):
            y[i - j] += x[i]  # here: race


def spreads_over_a_slice(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i : i + 3] += x[i]  # here: race


def spreads_over_an_array(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(z.shape[0]):
            y[i + j] += z[j, 0]  # here: race


def tiles_that_overlap(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[2 * i + j] += x[i]  # here: race


def tiles_that_overlap_by_their_bounds(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(4 * i, 4 * i + 5):
            y[j] += x[i]  # here: race


def rows_that_overlap_far_away(x, y, z, n):
    parpy.label("N")
    for i in range(100):
        for j in range(3):
            y[i + 50 * j] += x[i]  # here: race


def updates_an_element_and_the_next(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] += x[i]
        y[i + 1] += x[i]  # here: race


def updates_an_element_and_the_next_by_locals(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        left = i
        right = left + 1
        y[left] += x[i]
        y[right] += x[i]  # here: race


def updates_in_steps_of_two(x, y, z, n):
    parpy.label("N")
    for i in range(0, n, 2):
        for j in range(3):
            y[i + j] += x[i]  # here: race


def spreads_over_columns(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for k in range(20):
            for j in range(3):
                z[k, i + j] += x[i]  # here: race


def spreads_over_diagonals(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            z[i + j, i + j] += x[i]  # here: race


def keeps_the_last_in_one(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[min(i, 5)] += x[i]  # here: race


def keeps_four_bins(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i & 3] += 1  # here: race


def counts_by_distance(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[abs(i - 50)] += 1  # here: race


def counts_by_shift(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i >> 1] += x[i]  # here: race


def counts_by_rounding(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[int(i / 2)] += x[i]  # here: race


def counts_by_row_and_mask(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(5):
            z[i & 7, j] += x[i]  # here: race


UPDATES = [
    *(spreads_over_three, spreads_backwards, spreads_over_all_before, spreads_over_a_slice),
    *(spreads_over_an_array, tiles_that_overlap, tiles_that_overlap_by_their_bounds),
    *(rows_that_overlap_far_away, updates_an_element_and_the_next),
    *(updates_an_element_and_the_next_by_locals, updates_in_steps_of_two, spreads_over_columns),
    *(spreads_over_diagonals, keeps_the_last_in_one, keeps_four_bins, counts_by_distance),
    *(counts_by_shift, counts_by_rounding, counts_by_row_and_mask),
]


# --- Stores to the same elements --------------------------------------------------------------


def stores_by_a_quotient(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i // 2] = x[i]  # here: race


def stores_by_a_remainder(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i % 7] = x[i]  # here: race


def stores_the_first_twice(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[max(i - 1, 0)] = x[i]  # here: race


def stores_to_one(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[0] = x[i]  # here: race


def stores_to_one_row(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(5):
            y[j] = x[i] * j  # here: race


def stores_to_an_element_and_the_next(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] = x[i]
        y[i + 1] = 2 * x[i]  # here: race


def stores_over_a_slice(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i : i + 3] = x[i]  # here: race


def stores_to_an_element_and_adds_to_the_next(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] = x[i]
        y[i + 1] += x[i]  # here: race


def halves_a_window(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[i + j] = 0.5 * y[i + j] + x[i]  # here: race


def stores_forwards_and_backwards(x, y, z, n):
    parpy.label("N")
    for i in range(100):
        y[i] = x[i]
        y[99 - i] = -x[i]  # here: race


STORES = [
    *(stores_by_a_quotient, stores_by_a_remainder, stores_the_first_twice, stores_to_one),
    *(stores_to_one_row, stores_to_an_element_and_the_next, stores_over_a_slice),
    *(stores_to_an_element_and_adds_to_the_next, halves_a_window, stores_forwards_and_backwards),
]


# --- Reads of what others store ---------------------------------------------------------------


def adds_the_one_before(x, y, z, n):
    parpy.label("N")
    for i in range(1, n):
        y[i] = y[i - 1] + x[i]  # here: race


def adds_the_one_before_around_the_end(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] = y[i - 1] + x[i]  # here: race


def adds_the_next(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] += y[i + 1]  # here: race


def adds_the_next_by_a_local(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        t = y[i + 1] * 2
        y[i] = t + x[i]  # here: race


def smooths_in_place(x, y, z, n):
    parpy.label("N")
    for i in range(1, n):
        for j in range(1, 50):
            z[i, j] = z[i - 1, j] + z[i + 1, j] + z[i, j - 1]  # here: race


def smooths_rows_in_place(x, y, z, n):
    parpy.label("N")
    for i in range(1, n):
        z[i, 1:-1] = z[i - 1, :-2] + z[i, 2:]  # here: race


def smooths_up_to_the_edges(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] = y[max(i - 1, 0)] + y[min(i + 1, n - 1)]  # here: race


def convolves_in_place(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        s = 0.0
        for j in range(3):
            s += y[i + j] * x[j]
        y[i] = s  # here: race


def reverses_in_place(x, y, z, n):
    parpy.label("N")
    for i in range(100):
        y[i] = y[99 - i] + x[i]  # here: race


def scales_by_the_first(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i] = x[i] * y[0]  # here: race


def decides_by_the_next(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        z[i, 0] = 0.0
        if y[i + 1] > 3:
            z[i, 0] = x[i]
        y[i] = x[i]  # here: race


READS = [
    *(adds_the_one_before, adds_the_one_before_around_the_end, adds_the_next),
    *(adds_the_next_by_a_local, smooths_in_place, smooths_rows_in_place, smooths_up_to_the_edges),
    *(convolves_in_place, reverses_in_place, scales_by_the_first, decides_by_the_next),
]


def arguments():
    return X, np.zeros(400), np.zeros((210, 210))


def caught(function, schedule=PARALLEL, specialize="auto"):
    opts = parpy.par(schedule)
    opts.specialize = specialize
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        parpy.jit(function)(*arguments(), 90, opts=opts)
    return found


@pytest.mark.parametrize(
    ("function", "start", "end"),
    [
        *((f, "iterations of the parallel loop 'N' may update the same", "race") for f in UPDATES),
        *((f, "iterations of the parallel loop 'N' may store to the same", "") for f in STORES),
        *((f, "iterations of the parallel loop 'N' may read elements of", "") for f in READS),
    ],
)
def test_a_race_is_warned_about_once_at_its_line(function, start, end) -> None:
    (warning,) = caught(function)
    assert warning.filename == __file__
    assert warning.lineno == marked_lines(function)["race"]
    message = str(warning.message)
    if function is stores_to_one:
        start = "all iterations of the parallel loop 'N' store to one element of 'y'"
    assert message.startswith(start)
    assert "this is a race" in message
    assert "help: " in message
    assert (".reduce()" in message) == (function in UPDATES)


@pytest.mark.parametrize(
    "function",
    [
        *(spreads_over_three, spreads_backwards, spreads_over_a_slice, tiles_that_overlap),
        *(spreads_over_an_array, updates_an_element_and_the_next, updates_in_steps_of_two),
        *(spreads_over_columns, stores_by_a_quotient, stores_the_first_twice, stores_to_one),
        *(stores_to_one_row, stores_over_a_slice, halves_a_window, adds_the_one_before),
        *(adds_the_one_before_around_the_end, adds_the_next, smooths_in_place),
        *(smooths_up_to_the_edges, convolves_in_place),
    ],
)
def test_a_race_is_found_where_lengths_are_not_known(function) -> None:
    (warning,) = caught(function, specialize="never")
    assert warning.lineno == marked_lines(function)["race"]


@pytest.mark.parametrize("function", UPDATES)
def test_a_declared_reduction_of_the_elements_is_right(function) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, y, z = arguments()
        parpy.jit(function)(x, y, z, 90, opts=parpy.par(REDUCE))
    _, expected, matrix = arguments()
    function(X, expected, matrix, 90)
    np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(z, matrix)


@pytest.mark.parametrize("schedule", [{}, {"N": parpy.threads(1)}])
@pytest.mark.parametrize("function", [adds_the_one_before, spreads_over_three, stores_to_one])
def test_no_race_without_threads(function, schedule) -> None:
    assert not caught(function, schedule)
