"""Names that do not exist, or not yet, or no more."""

# Wrong programs are what is tested.
# ruff: noqa: B007, F821, F841

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import Case, Wrong, reject

import parpy

X = np.arange(12.0).reshape(3, 4)
Y = np.zeros(3)
wrong = Wrong()


@wrong(NameError, X, Y, 3, at="out", helps=True, schedule={"outer": parpy.threads(3)})
def sum_rows(x, y, N):
    parpy.label("outer")
    for i in range(N):
        out[i] = parpy.operators.sum(x[i, :])  # error: name 'out' is not defined


@wrong(NameError, X, Y, at="nowhere")
def reads_an_unknown_name(x, y):
    y[0] = x[0, 0] + nowhere  # error: name 'nowhere' is not defined


@wrong(NameError, X, Y, at="nowhere", helps=True)
def reads_an_unknown_array(x, y):
    y[0] = nowhere[0]  # error: name 'nowhere' is not defined


@wrong(NameError, X, Y)
def calls_an_unknown_function(x, y):
    y[0] = nowhere(x[0, 0])  # error: nowhere


@wrong(NameError, X, Y)
def loops_over_an_unknown_number(x, y):
    for i in range(M):  # error: name 'M' is not defined
        y[i] = 1


@wrong(NameError, X, Y)
def unknown_attribute_of_a_module(x, y):
    y[0] = math.sqroot(x[0, 0])  # error: math.sqroot


@wrong(NameError, X, Y)
def unknown_constant_of_a_module(x, y):
    y[0] = math.py  # error: math.py


@wrong(NameError, X, Y, at="t")
def reads_before_assigning(x, y):
    y[0] = t  # error: local variable 't' is read before it is assigned
    t = 1


@wrong(NameError, X, Y, at="t")
def reads_what_a_branch_assigns_later(x, y):
    if x[0, 0] > 100:
        y[0] = t  # error: local variable 't' is read before it is assigned
    t = 1.0
    y[1] = t


@wrong(NameError, X, Y)
def augments_what_was_never_assigned(x, y):
    for i in range(3):
        s += x[i, 0]  # error: 's'
    y[0] = s


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    reject(case)


def test_the_seeds_slip_is_told_with_the_parameters() -> None:
    error = reject(Case(sum_rows, (X, Y, 3), NameError, "out", {}, {}, True))
    last = str(error).splitlines()[-1]
    assert last.startswith("help: ")
    for parameter in ("x", "y", "N"):
        assert f"'{parameter}'" in last
    assert "parameter" in last


def test_a_wrong_program_may_be_mended() -> None:
    global out
    y = np.zeros(3)
    function = parpy.jit(sum_rows)
    with pytest.raises(NameError):
        function(X, y, 3)
    out = np.zeros(3)
    try:
        # An array of the enclosing scope is not a number: refused too, in its own words.
        with pytest.raises(parpy.CompileError, match="'out'"):
            function(X, y, 3)
    finally:
        del out
    with pytest.raises(NameError):
        function(X, y, 3)


def only_sometimes(x, y, flag):
    if flag:
        t = x[0, 0]
    y[0] = t


def never_in_an_empty_loop(x, y, n):
    for i in range(n):
        t = i
    y[0] = t
    y[1] = i


def test_names_that_may_not_be_assigned_do_no_harm() -> None:
    # Python raises UnboundLocalError where the assignment did not run; a kernel may refuse, or
    # give any value, but where it did run the value is right.
    for flag in (True, 1):
        y = np.zeros(3)
        try:
            parpy.jit(only_sometimes)(X + 5, y, flag)
        except (NameError, parpy.CompileError):
            continue
        assert y[0] == 5
    y = np.zeros(3)
    parpy.jit(never_in_an_empty_loop)(X, y, 3)
    assert y[:2].tolist() == [2, 2]
    for n in (0, -3):
        try:
            parpy.jit(never_in_an_empty_loop)(X, y, n)
        except (NameError, parpy.CompileError):
            continue


def reads_a_list(y):
    y[0] = LIST[0]


def calls_a_class(y):
    y[0] = dict(3)


def reads_none(y):
    y[0] = NOTHING


def reads_a_huge_integer(y):
    y[0] = HUGE


def reads_a_string(y):
    y[0] = TEXT


def reads_an_instance(y):
    y[0] = INSTANCE.value


class Thing:
    value = 5


LIST = [1, 2]
NOTHING = None
HUGE = 2**80
TEXT = "text"
INSTANCE = Thing()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (reads_a_list, "LIST"),
        (calls_a_class, "dict"),
        (reads_none, "NOTHING"),
        (reads_a_huge_integer, "HUGE"),
        (reads_a_string, "TEXT"),
        (reads_an_instance, "INSTANCE"),
    ],
)
def test_things_that_mean_nothing_to_the_compiler(function, name: str) -> None:
    with pytest.raises(parpy.CompileError, match=name) as caught:
        parpy.jit(function)(np.zeros(1))
    assert caught.value.lineno == function.__code__.co_firstlineno + 1
