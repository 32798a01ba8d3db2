"""Declared reductions into an element that the array may not have and no iteration updates."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check, each, options

import parpy

REDUCE = each(reduce="N", threads=[64])


def adds_where_it_may(x, y, k):
    parpy.label("N")
    for i in range(x.shape[0]):
        if k < y.shape[0]:
            y[k] += x[i]


def finds_none(x, y, k):
    parpy.label("N")
    for i in range(x.shape[0]):
        if x[i] > 100:
            y[k] = max(y[k], x[i])


def has_no_inner_iterations(x, y, k):
    parpy.label("N")
    for i in range(x.shape[0]):
        for _ in range(k - k):
            y[k] += x[i]


@pytest.mark.parametrize("check_bounds", [False, True])
@pytest.mark.parametrize("specialize", ["auto", "never"])
@pytest.mark.parametrize("k", [3, 9, 10**9])
@pytest.mark.parametrize("function", [adds_where_it_may, finds_none, has_no_inner_iterations])
def test_an_element_that_no_iteration_updates(
    function, k: int, specialize: str, *, check_bounds: bool
) -> None:
    """It was read and stored all the same: behind the array, where the loop names none of it."""
    x = np.random.default_rng(0).integers(-3, 4, 100)
    for dtype in ("int64", "float64"):
        memory = np.full(16, -0.0 if dtype == "float64" else 7, dtype)
        before = memory[8:].tobytes()
        settings = {"specialize": specialize, "check_bounds": check_bounds}
        for size in (8, 0):
            check(function, x, memory[:size], k, schedules=REDUCE, **settings)
            # In a view, so that what lies behind the array is seen.
            parpy.jit(function)(x, memory[:size], max(k, 9), opts=options(REDUCE[0], **settings))
        assert memory[8:].tobytes() == before
