"""Nests of which several levels bear labels of reductions, and what stands between their levels.

Data are small integers, so that results are exact in whatever order they are combined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import check, define

import parpy

Program = Callable[..., None]


def schedules(labels: str, threads: tuple[int, ...] = (8, 64)) -> list[dict[str, Any]]:
    """Every subset of the labels as reductions, with each number of threads."""
    subsets = [
        [label for k, label in enumerate(labels) if chosen >> k & 1]
        for chosen in range(1 << len(labels))
    ]
    return [
        {label: parpy.threads(n).reduce() for label in subset}
        for subset in subsets
        for n in threads
    ]


# --- Histograms beside scalars ----------------------------------------------------------------


def counts_bins_and_all(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        parpy.label("j")
        for j in range(x.shape[1]):
            h[x[i, j]] += 1
            out[0] += 1


def counts_nearest(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        least = 1000
        parpy.label("j")
        for j in range(x.shape[1]):
            least = min(least, x[i, j])
        h[least] += 1
        out[0] += least


def counts_sums_of_rows(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        parpy.label("j")
        s = parpy.operators.sum(x[i, :])
        h[s % 8] += s
        out[0] = max(out[0], s)


def adds_up_columns(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        s = 0
        parpy.label("j")
        for j in range(x.shape[1]):
            h[j % len(h)] += x[i, j]
            s += x[i, j]
        out[0] += s


@pytest.mark.parametrize("bins", [8, 3000])
@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (40, 8), (7, 300), (200, 90)])
@pytest.mark.parametrize(
    "function", [counts_bins_and_all, counts_nearest, counts_sums_of_rows, adds_up_columns]
)
def test_updates_of_an_array_beside_scalars(
    function: Program, shape: tuple[int, int], bins: int
) -> None:
    """On the CPU the inner loop's scalar was lost where copies of the array cost too much.

    On CUDA the updates of the array were not atomic.
    """
    x = np.random.default_rng(0).integers(0, 8, shape)
    arguments = (x, np.zeros(bins, np.int64), np.zeros(1, np.int64))
    check(function, *arguments, schedules=schedules("ij"))


# --- Three levels -----------------------------------------------------------------------------


def counts_triples(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        parpy.label("j")
        for j in range(x.shape[1]):
            parpy.label("k")
            for k in range(4):
                out[0] += k
                h[(x[i, j] + k) % 5] += 1


def sums_up_by_levels(x, h, out):
    parpy.label("i")
    for i in range(x.shape[0]):
        a = 0
        parpy.label("j")
        for j in range(x.shape[1]):
            b = 1
            parpy.label("k")
            for k in range(3):
                b += k * x[i, j]
            a = max(a, b)
        h[i % 8] += a
        out[0] += a


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (20, 33)])
@pytest.mark.parametrize("function", [counts_triples, sums_up_by_levels])
def test_three_levels_that_reduce(function: Program, shape: tuple[int, int]) -> None:
    """On CUDA blocks of the second level stored sums of their own in one place."""
    x = np.random.default_rng(1).integers(0, 8, shape)
    arguments = (x, np.zeros(8, np.int64), np.zeros(1, np.int64))
    check(function, *arguments, schedules=schedules("ijk"))


STORES_AND = """
def stores_and_reads(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        parpy.label("y")
        for i in range(7):
            parpy.label("x")
            for j in range(7):
                c[p, i, j] = x[p] * (i + 2 * j)
        {}
"""
READS_THE_TRANSPOSE = """
        parpy.label("y")
        for i in range(7):
            parpy.label("x")
            for j in range(7):
                r[p, i, j] = c[p, j, i]
"""
# What follows the stores of all blocks.
READS = [
    "r[p, 0, 0] += c[p, 3, 2]",
    "r[p, 0, 0] = parpy.operators.sum(c[p, :, :])",
    READS_THE_TRANSPOSE.strip(),
]


def steps_through_time(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for _ in range(3):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(7):
                    c[p, i, j] = r[p, (i + 1) % 7, j] + x[p]
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(7):
                    r[p, i, j] = c[p, i, (j + 1) % 7]


def runs_where_a_condition_holds(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        if x[p] > 2:
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(7):
                    c[p, i, j] = x[p] + i + j
        r[p, 1, 1] = c[p, 6, 6]


@pytest.mark.parametrize("threads", [(64, 8, 32), (4, 7, 2048), (256, 256, 64)])
@pytest.mark.parametrize(
    "function",
    [
        *(define(STORES_AND.format(reads)) for reads in READS),
        *(steps_through_time, runs_where_a_condition_holds),
    ],
)
def test_three_levels_with_more_than_the_next_level_inside(
    function: Program, threads: tuple[int, int, int]
) -> None:
    """On CUDA blocks of the second level read what others had yet to write."""
    x = np.arange(5) % 4
    schedule = {label: parpy.threads(n) for label, n in zip("byx", threads, strict=True)}
    arguments = (x, np.zeros((5, 7, 7), np.int64), np.ones((5, 7, 7), np.int64))
    check(function, *arguments, schedules=[schedule, {"b": schedule["b"], "x": schedule["x"]}])
