"""Loops that do not run for the sizes of a call do nothing, as in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


def copied(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = x[i]


def doubled(x, y, N):
    parpy.label("N")
    y[:] = x[:] * 2


def whole_arrays(x, y, N):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i]


def nested(x, y, N):
    parpy.label("N")
    for i in range(N):
        parpy.label("M")
        for j in range(4):
            y[i] += x[i] * j


def on_a_condition(x, y, N):
    if N > 0:
        parpy.label("N")
        y[:] = x[:]


def in_rounds(x, y, N):
    for _ in range(N):
        with parpy.gpu:
            y[0] += x[0]


def by_temporary(x, y, N):
    t = np.zeros(N)
    parpy.label("N")
    t[:] = x[:]
    for _ in range(N):
        parpy.label("N")
        y[:] += t[:]


PROGRAMS = [copied, doubled, whole_arrays, nested, on_a_condition, in_rounds, by_temporary]


def options(program: Callable[..., None], specialize: str = "auto") -> parpy.CompileOptions:
    schedule = {"N": parpy.threads(64)}
    if program is nested:
        schedule["M"] = parpy.threads(32).reduce()
    if program is in_rounds:
        schedule = {}
    opts = cuda(schedule)
    opts.specialize = specialize  # type: ignore[assignment]
    return opts


def arguments(count: int) -> list[Any]:
    return [np.arange(1.0, count + 1), np.zeros(count), count]


@pytest.mark.parametrize("specialize", ["auto", "always", "never"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_happens(program: Callable[..., None], specialize: str) -> None:
    """Where nothing was left to run, the function was refused: it had no parallelism."""
    compiled, opts = parpy.jit(program), options(program, specialize)
    for count in (0, 3, 0, 5):
        expected, found = arguments(count), arguments(count)
        program(*expected)
        compiled(*found, opts=opts)
        np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("program", PROGRAMS)
def test_printed_text_runs(program: Callable[..., None]) -> None:
    text = parpy.print_compiled(program, arguments(0), options(program, "always"))
    again = parpy.compile_string(program.__name__, text)
    again(*arguments(0))


def test_a_function_without_parallelism_is_refused_all_the_same() -> None:
    def unlabelled(x, y, N):
        y[:] = x[:]

    with pytest.raises(parpy.CompileError, match="does not contain any parallelism"):
        parpy.jit(unlabelled)(*arguments(0), opts=cuda({}))
