"""Calls between decorated functions: labels in the functions that are called."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest
from call_programs import clamp
from harness import (
    check,
    each,
    options,
)

import parpy

CE = parpy.CompileError

# --- Labels -------------------------------------------------------------------------------------


@parpy.jit
def labelled(v, s):
    parpy.label("H")
    for i in range(v.shape[0]):
        v[i] = v[i] * s + i


@parpy.jit
def labelled_sum(v):
    s = 0.0
    parpy.label("R")
    for i in range(v.shape[0]):
        if v[i] < 0:
            continue
        s += v[i]
    return s


def called_from_host_code(a, y):
    labelled(a[0], 2)
    for k in range(3):
        labelled(a[:, k], k)
        y[k] = labelled_sum(a[k])
    if y[0] > 0:
        labelled(y, 3)


def called_from_a_parallel_loop(a, y):
    parpy.label("N")
    for k in range(a.shape[0]):
        labelled(a[k], k)
        y[k] = labelled_sum(a[k])


def inlined_in_a_loop(a, y):
    parpy.label("N")
    for k in range(a.shape[0]):
        parpy.builtin.inline(labelled(a[k], k))
        y[k] = parpy.builtin.inline(labelled_sum(a[k]))


@pytest.mark.parametrize(
    "program", [called_from_host_code, called_from_a_parallel_loop], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_labels_in_helpers(program: FunctionType, specialize: Any) -> None:
    a = np.random.default_rng(3).integers(-3, 9, (33, 40)).astype(float)
    names = ["H"] if program is called_from_host_code else ["N", "H"]
    check(
        program,
        a,
        np.zeros(33),
        schedules=each(*names, reduce="R", threads=[1, 8, 64]),
        specialize=specialize,
        warns=True,
    )


def test_inlined_labels_take_part() -> None:
    a = np.random.default_rng(3).integers(-3, 9, (33, 40)).astype(float)
    check(inlined_in_a_loop, a, np.zeros(33), schedules=each("N", "H", reduce="R"))


@parpy.jit
def plain_loop(v, s):
    for i in range(v.shape[0]):
        v[i] += s


@parpy.jit
def slice_statement(v, s):
    v[:] = v[:] * s


def labels_before_inlined_calls(a, v):
    parpy.label("L")
    parpy.builtin.inline(plain_loop(v, 2))
    parpy.label("M")
    parpy.builtin.inline(slice_statement(v, 3))


def test_a_label_names_the_inlined_statement() -> None:
    a = np.zeros((2, 2))
    check(labels_before_inlined_calls, a, np.arange(50.0), schedules=each("L", "M"))
    with pytest.warns(RuntimeWarning, match="label"):
        parpy.jit(labels_before_inlined_calls)(
            a, np.zeros(3), opts=options({"LL": parpy.threads(3)})
        )


@parpy.jit
def searches(v, value):
    parpy.label("S")
    for i in range(v.shape[0]):
        if v[i] == value:
            return i
    return -1


def uses_search(v, y):
    y[0] = searches(v, 3.0)
    y[1] = searches(v, 99.0)


def test_a_return_from_a_labelled_loop() -> None:
    v = np.arange(10.0)
    check(uses_search, v, np.zeros(2))
    with pytest.raises(CE, match="break and return cannot leave a parallel loop") as caught:
        parpy.jit(uses_search)(v, np.zeros(2), opts=options({"S": parpy.threads(4)}))
    assert "return i" in str(caught.value)
    assert 'parpy.label("S")' in str(caught.value)


def searches_rows(a, y):
    parpy.label("N")
    for i in range(a.shape[0]):
        y[i] = searches(a[i], 3.0)
        if y[i] < 0:
            continue
        y[i] += clamp(y[i], 1, 3)


def test_a_return_inside_a_parallel_loop_of_the_caller() -> None:
    a = np.random.default_rng(4).integers(0, 5, (70, 9)).astype(float)
    both = {"N": parpy.threads(8), "S": parpy.threads(8)}
    check(searches_rows, a, np.zeros(70), schedules=[*each("N"), both], warns=True)


@parpy.jit
def first_above(v, limit):
    for i in range(v.shape[0]):
        if v[i] > limit:
            found = v[i]
            place = i
            break
    return found * 10 + place


def reduces_what_is_found(a, y):
    s = 0.0
    parpy.label("N")
    for i in range(a.shape[0]):
        s += first_above(a[i], 3)
    y[0] = s


def reduces_calls(a, y):
    s = 0.0
    parpy.label("N")
    for i in range(a.shape[0]):
        v = searches(a[i], 3.0)
        if v < 0:
            continue
        s += clamp(v, 1, 5)
    y[0] = s


def test_calls_in_a_declared_reduction() -> None:
    a = np.random.default_rng(5).integers(0, 5, (701, 9)).astype(float)
    check(reduces_calls, a, np.zeros(1), schedules=each(reduce="N", threads=[1, 8, 64]))
    a[:, 8] = 4
    check(reduces_what_is_found, a, np.zeros(1), schedules=each(reduce="N", threads=[1, 8, 64]))
