"""No warnings of races where iterations have elements of their own, or may have."""

# Wrong programs are what is tested.
# ruff: noqa: B007

from __future__ import annotations

import warnings

import numpy as np
import pytest

import parpy

X = np.arange(100.0)
PARALLEL = {"N": parpy.threads(8)}


def has_even_and_odd_elements(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[2 * i] += x[i]
        y[2 * i + 1] += y[2 * i] + 1


def has_tiles(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[3 * i + j] += x[i]


def has_tiles_by_slices(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[3 * i : 3 * i + 3] += x[i]


def has_tiles_of_a_known_size(x, y, z, n):
    parpy.label("N")
    for i in range(3):
        for j in range(n):
            y[n * i + j] += x[j] + i


def has_columns_one_after_the_other(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[i + n * j] += x[i]


def has_tiles_within_a_ring(x, y, z, n):
    parpy.label("N")
    for i in range(90):
        for j in range(2):
            y[(2 * i + j) % 200] += x[i]


def has_rows(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(50):
            z[i, j] += x[i]
            z[i, j + 50] = z[i, j] + z[i, j + 1]


def has_columns(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(1, 50):
            z[j, i] = z[j - 1, i] + x[i]


def has_slanted_rows(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(50):
            z[j, i + j] += x[i]


def has_slanted_columns(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(50):
            z[i + j, j] += x[i]


def has_diagonals(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(min(i, 5)):
            z[i - j, i + j] += x[i]


def has_short_tiles(x, y, z, n):
    parpy.label("N")
    for i in range(30):
        for j in range(min(i, 8)):
            y[8 * i + j] += x[i]


def has_antidiagonals(x, y, z, n):
    for d in range(2, n):
        parpy.label("N")
        for i in range(1, d):
            z[i, d - i] = z[i - 1, d - i] + z[i, d - i - 1] + x[i]


def fills_both_triangles(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(i, n):
            z[i, j] = x[i] * x[j]
            z[j, i] = z[i, j]


def reads_another_array(x, y, z, n):
    parpy.label("N")
    for i in range(1, n):
        y[i] = x[i - 1] + x[i]


def reads_before_its_range(x, y, z, n):
    parpy.label("N")
    for i in range(1, 90):
        y[i] = y[0] + y[i + 100] + x[i]


def updates_all_others(x, y, z, n):
    parpy.label("N")
    for i in range(1, n, 2):
        y[i] = y[i - 1] + y[i + 1] + x[i]


def updates_even_elements(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        if i % 2 == 0:
            y[i] = y[i + 1] + x[i]


def updates_chosen_elements(x, y, z, n):
    parpy.label("N")
    for i in range(1, n):
        y[i] = y[i - 1] if x[i] < 0 else x[i]


def updates_a_checkerboard(x, y, z, n):
    for color in range(2):
        parpy.label("N")
        for i in range(1, n):
            for j in range(1 + (i + color) % 2, n, 2):
                z[i, j] = z[i - 1, j] + z[i + 1, j] + z[i, j - 1] + z[i, j + 1] + 1


def eliminates(x, y, z, n):
    for k in range(n - 1):
        parpy.label("N")
        for i in range(k + 1, n):
            z[i, k] += z[k, k] + 1
            for j in range(k + 1, n):
                z[i, j] -= z[i, k] + z[k, j]


def tells_by_shift_and_mask(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        z[i >> 3, i & 7] += x[i]
        y[8 * (i >> 3) + (i & 7)] += x[i]


def tells_by_one_sum(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i // 4 * 8 + i % 4] += x[i]


def tells_by_a_flipped_bit(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[i ^ 1] += x[i]


def limits_what_is_small(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[min(i, 89)] += x[i]
        y[max(i, 0) + 100] += x[i]


def marks_elements_alike(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        y[0] = 1.0
        y[i + 1] = 0.0
        y[i + 2] = 0.0
        y[i // 2 + 100] = 3.0


def copies_windows(x, y, z, n):
    parpy.label("N")
    for i in range(90):
        y[i : i + 3] = x[i : i + 3]
        for j in range(3):
            y[i + j + 100] = x[i + j] * 2
        y[i // 2 + 200] = x[i // 2]


def keeps_the_greatest_zero(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            y[i + j] = max(y[i + j], 0.0)


def computes_a_table_alike(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        for j in range(3):
            z[0, j] = 2 * x[j]
        for k in range(3):
            y[i] += z[0, k] * x[i]


def has_scratch_of_its_own(x, y, z, n):
    parpy.label("N")
    for i in range(n):
        t = np.zeros(3)
        for j in range(3):
            t[j] += x[i] * j
        y[i] = t[0] + t[1] + t[2]


NONE = [
    *(has_even_and_odd_elements, has_tiles, has_tiles_by_slices, has_tiles_of_a_known_size),
    *(has_columns_one_after_the_other, has_tiles_within_a_ring, has_rows, has_columns),
    *(has_slanted_rows, has_slanted_columns, has_diagonals, has_antidiagonals, has_short_tiles),
    *(fills_both_triangles, reads_another_array, reads_before_its_range, updates_all_others),
    *(updates_even_elements, updates_chosen_elements, updates_a_checkerboard, eliminates),
    *(tells_by_shift_and_mask, tells_by_one_sum, tells_by_a_flipped_bit, limits_what_is_small),
    *(marks_elements_alike, computes_a_table_alike, copies_windows, keeps_the_greatest_zero),
    has_scratch_of_its_own,
]


def arguments():
    return np.zeros(400), np.zeros((210, 210))


@pytest.mark.parametrize("specialize", ["auto", "never"])
@pytest.mark.parametrize("function", NONE)
def test_no_race_where_iterations_do_not_meet(function, specialize) -> None:
    opts = parpy.par(PARALLEL)
    opts.specialize = specialize
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y, z = arguments()
        parpy.jit(function)(X, y, z, 90, opts=opts)
    expected, matrix = arguments()
    with np.errstate(over="ignore", invalid="ignore"):
        function(X, expected, matrix, 90)
    if function is not eliminates:
        np.testing.assert_allclose(y, expected)
        np.testing.assert_allclose(z, matrix)
