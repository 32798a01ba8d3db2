"""Warnings of names whose values parallel iterations do not hand on to each other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import parpy

X = np.array([-1.0, 2.0, -3.0, 4.0])


def running_sum(x, o):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
        o[i] = s


def before(x, o):
    last = 1.5
    parpy.label("N")
    for i in range(len(x)):
        o[i] = last
        last = x[i]


def in_a_branch(x, o):
    t = 0.0
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 0.0:
            t = x[i]
        o[i] = t


inner = parpy.jit(running_sum)


def in_a_helper(x, o):
    for _k in range(2):
        inner(x, o)


def warnings_of(function: Callable[..., None], loop: parpy.LoopPar) -> tuple[list[str], Any]:
    out = np.zeros(len(X))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        parpy.jit(function)(X, out, opts=parpy.par({"N": loop}))
    return [str(w.message) for w in told], out


CARRYING = [
    (running_sum, "s", "    s += x[i]\n    ^\n"),
    (before, "last", "    o[i] = last\n           ^^^^\n"),
    (in_a_branch, "t", "    o[i] = t\n           ^\n"),
    (in_a_helper, "s", "    s += x[i]\n    ^\n"),
]


@pytest.mark.parametrize(("function", "name", "place"), CARRYING)
def test_of_parallel_loops(function: Callable[..., None], name: str, place: str) -> None:
    told, _ = warnings_of(function, parpy.threads(4))
    assert len(told) == 1
    assert told[0].startswith(f"iterations of the parallel loop 'N' do not hand '{name}' on: each")
    assert place in told[0]
    assert f"help: assign '{name}' in the iteration before it is read" in told[0]
    assert "parpy.threads(n).reduce()" in told[0]


@pytest.mark.parametrize("function", [running_sum, before, in_a_branch])
def test_sequential_loops_hand_them_on(function: Callable[..., None]) -> None:
    wanted = np.zeros(len(X))
    function(X, wanted)
    out = np.zeros(len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parpy.jit(function)(X, out, opts=parpy.par({}))
    np.testing.assert_array_equal(out, wanted)


def assigned_first(x, o):
    t = 0.0
    parpy.label("N")
    for i in range(len(x)):
        t = 0.0
        for k in range(3):
            t += x[i] * k
        o[i] = t


def assigned_by_a_loop(x, o):
    t = 0.0
    parpy.label("N")
    for i in range(len(x)):
        for k in range(3):
            t = x[i] * k
        o[i] = t


def assigned_in_both_branches(x, o):
    t = 0.0
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 0.0:
            t = x[i]
            x[i] = t + 0.0
        else:
            t = -x[i]
        o[i] = t


@pytest.mark.parametrize(
    "function", [assigned_first, assigned_by_a_loop, assigned_in_both_branches]
)
def test_names_that_each_iteration_has_to_itself(function: Callable[..., None]) -> None:
    told, out = warnings_of(function, parpy.threads(4))
    wanted = np.zeros(len(X))
    function(X, wanted)
    assert told == []
    np.testing.assert_array_equal(out, wanted)


def total(x, o):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
    o[0] = s


def test_accumulators_of_declared_reductions() -> None:
    told, out = warnings_of(total, parpy.threads(4).reduce())
    assert told == []
    assert out[0] == X.sum()
