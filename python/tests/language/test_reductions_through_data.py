"""Declared reductions into elements that data choose, as in histograms.

Data are small integers, so that results are exact in whatever order they are combined.
"""

from __future__ import annotations

from types import FunctionType

import numpy as np
import pytest
from harness import check, define, each, options

import parpy

REDUCE = each(reduce="N", threads=[64])


def histogram(b, w, h):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] += w[i]


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_histogram(dtype: str) -> None:
    rng = np.random.default_rng(9)
    b = rng.integers(0, 10, 10_000)
    w = rng.integers(0, 5, 10_000).astype(dtype)
    check(histogram, b, w, np.ones(10, dtype), schedules=[{}, *REDUCE])


def takes_from_bins(b, w, h):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] -= w[i]


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "float32", "complex64"])
def test_differences(dtype: str) -> None:
    """The negated value of a float16 was one that not every CUDA compiler takes."""
    rng = np.random.default_rng(9)
    b, w = rng.integers(0, 10, 200), rng.integers(0, 5, 200).astype(dtype)
    check(takes_from_bins, b, w, np.full(10, 90, dtype), schedules=[{}, *REDUCE])


def histogram_and_total(b, w, h):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] += w[i]
        h[3] -= 2 * w[i]
        h[0] += 1


def odd_bins_and_one(b, w, h):
    parpy.label("N")
    for i in range(len(b)):
        if b[i] % 2 == 1:
            h[b[i]] += w[i]
        else:
            h[-1] += w[i]


def own_bin_and_one(b, w, h):
    parpy.label("N")
    for i in range(len(h)):
        h[i] += w[i]
        h[len(h) - 1] += w[i]


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float64", "complex128"])
@pytest.mark.parametrize("function", [histogram_and_total, odd_bins_and_one, own_bin_and_one])
def test_an_element_that_others_may_be(function: FunctionType, dtype: str) -> None:
    rng = np.random.default_rng(9)
    for n in (10, 33, 5_000):
        b = rng.integers(0, 10, n)
        w = rng.integers(0, 5, n).astype(dtype)
        check(function, b, w, np.ones(10, dtype), schedules=[{}, *REDUCE])


def test_an_element_that_others_may_be_is_updated_by_one_operator() -> None:
    function = define(
        """
        def f(b, h):
            parpy.label("N")
            for i in range(len(b)):
                h[b[i]] += 1
                h[3] *= 2
        """
    )
    with pytest.raises(parpy.CompileError, match="cannot be reduced: it is also read or written"):
        parpy.jit(function)(np.zeros(9, int), np.ones(9), opts=options(REDUCE[0]))


def max_through_data(b, w, h):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] = max(h[b[i]], w[i])


def test_greatest_through_data() -> None:
    rng = np.random.default_rng(10)
    b = rng.integers(0, 10, 10_000)
    w = rng.integers(0, 1000, 10_000).astype(np.float64)
    check(max_through_data, b, w, np.full(10, 500.0), schedules=[{}, *REDUCE])


def column_sums(x, y, t):
    total = 0.0
    parpy.label("N")
    for i in range(x.shape[0]):
        y[1:, :] += x[i, :, :]
        total += x[i, 0, 0]
    t[0] = total


@pytest.mark.parametrize("shape", [(1, 3, 2), (4, 100, 7), (300, 5, 3), (1000, 1, 1), (64, 40, 40)])
def test_updates_of_whole_slices(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(11)
    x = rng.integers(0, 9, shape).astype(np.float64)
    y = np.ones((shape[1] + 1, shape[2]))
    check(column_sums, x, y, np.zeros(1), schedules=[{}, *REDUCE])
    check(column_sums, x, y, np.zeros(1), schedules=[{}, *REDUCE], specialize="never")


def updates_rows_and_sums(a, u, v, x):
    parpy.label("N")
    for c in range((a.shape[0] + 7) // 8):
        parpy.label("M")
        for j in range(a.shape[1]):
            s = 0.0
            for i in range(8 * c, min(8 * c + 8, a.shape[0])):
                a[i, j] += u[i] * v[j]
                s += a[i, j]
            x[j] += s


def updates_tiles_and_sums(a, u, v, x):
    parpy.label("N")
    for t in range(a.shape[0] * 4):
        for k in range(2):
            a[t // 4, 2 * (t % 4) + k] = u[t // 4] + 1
        a[t // 4, t % 4 + 8] += v[t % 4]
        x[t % 4] += a[t // 4, t % 4 + 8]


@pytest.mark.parametrize("function", [updates_rows_and_sums, updates_tiles_and_sums])
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_elements_of_each_iteration_beside_shared_ones(function, specialize: str) -> None:
    """They are updated as ever, and the loop is parallel: it ran on one worker, with a warning."""
    rng = np.random.default_rng(12)
    a, u, v, x = (rng.integers(0, 9, n).astype(np.float64) for n in ((83, 12), 83, 12, 12))
    schedules = [{}, *REDUCE, {"N": parpy.threads(6).reduce(), "M": parpy.threads(4)}]
    check(function, a, u, v, x, schedules=schedules, specialize=specialize)


def reads_what_it_updates(b, h):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] += h[0]


def test_updates_that_are_read_run_on_one_worker() -> None:
    b = np.array([1, 2, 1, 0, 3] * 10)
    h = np.ones(4)
    with pytest.warns(RuntimeWarning, match="runs on one worker"):
        parpy.jit(reads_what_it_updates)(b, h, opts=options(REDUCE[0]))
    expected = np.ones(4)
    reads_what_it_updates(b, expected)
    assert np.array_equal(h, expected)
