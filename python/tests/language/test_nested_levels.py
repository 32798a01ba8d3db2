"""Nests of several parallel levels whose inner loops stand in sequential loops and conditions.

On a GPU every part of such a nest that all iterations must be through with is a kernel, and the
host runs the sequential loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import check

import parpy

Program = Callable[..., None]

# Threads of the batch, the rows and the columns: columns of more threads than a block has span
# blocks where two levels are parallel.
THREADS = [(64, 8, 32), (4, 7, 2048), (3, 256, 64)]


def schedules(threads: tuple[int, int, int], labels: str = "") -> list[dict[str, Any]]:
    """All three levels, the outer and the inner one, and the inner two.

    Those of `labels` are declared reductions.
    """
    levels = {
        label: parpy.threads(n).reduce() if label in labels else parpy.threads(n)
        for label, n in zip("byx", threads, strict=True)
    }
    return [{label: levels[label] for label in chosen} for chosen in ("byx", "bx", "yx")]


def arguments() -> tuple[Any, Any, Any]:
    x = np.arange(5) % 4
    return x, np.zeros((5, 7, 9), np.int64), np.ones((5, 7, 9), np.int64)


# --- Sequential loops -------------------------------------------------------------------------


def steps_of_two_loops(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for t in range(4, 0, -1):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[p, i, j] = r[p, (i + t) % 7, j] + x[p]
            for u in range(t):
                parpy.label("y")
                for i in range(7):
                    parpy.label("x")
                    for j in range(9):
                        r[p, i, j] += c[p, i, (j + u) % 9]


def scales_by_what_a_step_computes(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for t in range(3):
            twice = 2 * t + x[p]
            first = r[p, t, 0]
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] = (r[p, i, j] + first) * twice % 100


def carries_scalars(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        last = x[p]
        count = 0
        for t in range(3):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[p, i, j] += last + count
            if last > 1:
                count += c[p, 2, 3] % 5
            last = c[p, 1, t] % 7
        r[p, 0, 0] = last + 100 * count


def makes_an_array_a_step(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for t in range(3):
            rows = np.zeros((7, 9), np.int64)
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(1, 9):
                    rows[i, j] += r[p, i, j - 1] + t
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] = rows[6 - i, j] + x[p]


def never_steps(x, c, r):
    n = len(x) - 5
    parpy.label("b")
    for p in range(x.shape[0]):
        s = x[p]
        for _ in range(n):
            s += 1
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[p, i, j] = s
        r[p, 0, 0] = s


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    "function",
    [
        *(steps_of_two_loops, scales_by_what_a_step_computes, carries_scalars),
        *(makes_an_array_a_step, never_steps),
    ],
)
def test_sequential_loops(function: Program, threads: tuple[int, int, int]) -> None:
    check(function, *arguments(), schedules=schedules(threads))


# --- Conditions -------------------------------------------------------------------------------


def takes_one_of_two_branches(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        s = 1
        if r[p, 0, 0] + x[p] > 2:
            s = 3
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] = x[p] + i * j
            s += r[p, 6, 8]
        else:
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[p, i, j] = x[p] - i * j
        r[p, 1, 1] = c[p, 6, 6] + s


def nests_conditions(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        if x[p] > 0:
            m = c[p, 0, 0] + 100 // x[p]
            for t in range(3):
                if c[p, 0, t] < 50:
                    parpy.label("y")
                    for i in range(7):
                        parpy.label("x")
                        for j in range(9):
                            c[p, i, j] += m + t
                elif x[p] == 2:
                    parpy.label("y")
                    for i in range(7):
                        parpy.label("x")
                        for j in range(9):
                            r[p, i, j] = c[p, 6 - i, j]
        r[p, 0, 0] += c[p, 1, 1]


def asks_what_all_iterations_know(x, c, r):
    n = len(x)
    parpy.label("b")
    for p in range(n):
        for t in range(4):
            if t % 2 == 0:
                parpy.label("y")
                for i in range(7):
                    parpy.label("x")
                    for j in range(9):
                        c[p, i, j] = r[p, 6 - i, 8 - j] + t
            elif n > 3:
                parpy.label("y")
                for i in range(7):
                    parpy.label("x")
                    for j in range(9):
                        r[p, i, j] = c[p, i, (j + x[p]) % 9]


def assigns_again_after_branches(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        if x[p] > 2:
            u = c[p, 0, 1]
            r[p, 0, 0] = u
        elif x[p] > 1:
            u = r[p, 0, 3]
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[p, i, j] = u + i * j
        u = r[p, 0, 3] + 1
        r[p, 0, 2] = u


def assigns_in_one_branch_for_another(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        if x[p] > 1:
            u = r[p, 0, 3]
        parpy.label("y")
        for i in range(7):
            parpy.label("x")
            for j in range(9):
                c[p, i, j] += i + j
        if x[p] > 1:
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] = u * c[p, j % 7, i]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    "function",
    [
        *(takes_one_of_two_branches, nests_conditions, asks_what_all_iterations_know),
        *(assigns_again_after_branches, assigns_in_one_branch_for_another),
    ],
)
def test_conditions(function: Program, threads: tuple[int, int, int]) -> None:
    check(function, *arguments(), schedules=schedules(threads))


# --- Reductions -------------------------------------------------------------------------------


def sums_in_steps(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        s = x[p]
        for t in range(3):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    s += r[p, i, j] * (t + i)
            c[p, t, 0] = s


def sums_where_a_condition_holds(x, c, r):
    s = 5
    most = -7
    parpy.label("b")
    for p in range(x.shape[0]):
        if x[p] != 1:
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    s += r[p, i, j] + x[p]
            most = max(most, x[p] * 3)
    c[0, 0, 0] += s
    c[1, 0, 0] = most


def finds_any_and_all(x, c, r):
    any_large = x[0] > 2
    all_small = x[0] < 9
    parpy.label("b")
    for p in range(x.shape[0]):
        s = 0
        parpy.label("y")
        for i in range(7):
            parpy.label("x")
            for j in range(9):
                s += r[p, i, j] + x[p]
        any_large = any_large or s > 200
        all_small = all_small and s < 200
    c[0, 0, 0] = any_large
    c[0, 0, 1] = all_small


def counts_in_steps(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for t in range(3):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    c[0, (i + x[p]) % 4, t] += r[p, i, j]
                    c[1, 0, 0] += 1


def keeps_a_sum_for_later(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        s = x[p]
        parpy.label("y")
        for i in range(7):
            s += r[p, i, 0]
        t = s
        parpy.label("y")
        for i in range(7):
            s += 3 * r[p, i, 1]
        parpy.label("y")
        for i in range(7):
            parpy.label("x")
            for j in range(9):
                c[p, i, j] = s + 10 * t + j


# Which loops have to be reductions; others may be.
SUMS = {
    sums_in_steps: ["yx", "byx"],
    finds_any_and_all: ["byx"],
    sums_where_a_condition_holds: ["byx"],
    counts_in_steps: ["byx"],
    keeps_a_sum_for_later: ["yx", "byx"],
}


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize(
    ("function", "labels"), [(f, labels) for f, found in SUMS.items() for labels in found]
)
def test_reductions(function: Program, labels: str, threads: tuple[int, int, int]) -> None:
    check(function, *arguments(), schedules=schedules(threads, labels))


# --- What a grid cannot run -------------------------------------------------------------------


def repeats_while(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        while r[p, 0, 0] < 10:
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] += x[p] + 1


def repeats_as_data_say(x, c, r):
    parpy.label("b")
    for p in range(x.shape[0]):
        for _ in range(x[p]):
            parpy.label("y")
            for i in range(7):
                parpy.label("x")
                for j in range(9):
                    r[p, i, j] += x[p] + 1


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("function", [repeats_while, repeats_as_data_say])
def test_loops_that_only_an_iteration_knows(
    function: Program, threads: tuple[int, int, int]
) -> None:
    check(function, *arguments(), schedules=schedules(threads))
