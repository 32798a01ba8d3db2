"""Calls between decorated functions: errors."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: F821

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from call_programs import clamp, double, square, total
from harness import (
    Wrong,
    assert_alive,
    define,
    options,
    reject,
)

import parpy

CE = parpy.CompileError
TME = parpy.TypeMismatchError
wrong = Wrong()

# --- Wrong calls --------------------------------------------------------------------------------

X = np.arange(6.0)
Y = np.zeros(6)


@parpy.jit
def returns_nothing(v):
    v[0] = 1


@parpy.jit
def returns_sometimes(v):
    if v > 0:
        return v


@parpy.jit
def returns_ones_and_twos(v):
    if v > 0:
        return v, v
    return v


@parpy.jit
def returns_an_array(v):
    return v


@parpy.jit
def unknown_inside(v):
    w = v + 1
    return w + nowhere


@parpy.jit
def runs_into_itself(v):
    if v <= 0:
        return 0
    return runs_into_itself(v - 1) + 1


@parpy.jit
def ping(v):
    return pong(v)


@parpy.jit
def pong(v):
    return ping(v)


def undecorated(v):
    return v


@wrong(TME, X, Y, at="square(x[0], 2)")
def too_many(x, y):
    y[0] = square(x[0], 2)  # error: square takes 1 argument (v), 2 were given


@wrong(TME, X, Y, at="clamp(x[0], 2)")
def too_few(x, y):
    y[0] = clamp(x[0], 2)  # error: clamp takes 3 arguments (v, low, high), 2 were given


@wrong(TME, X, Y)
def unknown_keyword(x, y):
    y[0] = clamp(x[0], 2, hihg=3)  # error: clamp has no parameter 'hihg'


@wrong(TME, X, Y)
def given_twice(x, y):
    y[0] = clamp(x[0], 2, v=3)  # error: clamp was given 'v' twice


@wrong(CE, X, Y)
def recursion(x, y):
    y[0] = runs_into_itself(3)


@wrong(CE, X, Y, at="undecorated", helps=True)
def calls_undecorated(x, y):
    y[0] = undecorated(x[0])  # error: Call to unknown function undecorated


@wrong(TME, X, Y, at="returns_nothing(x)")
def uses_no_result(x, y):
    y[0] = returns_nothing(x)  # error: returns_nothing returns no value


@wrong(CE, X, Y)
def passes_an_expression(x, y):
    double(x[:] + y[:])  # error: an array expression cannot be an argument


@wrong(CE, X, Y, at="square", helps=True)
def uses_a_function_as_value(x, y):
    y[0] = square + 1  # error: 'square' as a value is not supported


@wrong(CE, X, Y)
def labels_a_call(x, y):
    parpy.label("N")  # error: label 'N' stands before a call
    double(x)


@wrong(CE, X, Y)
def inlines_nothing(x, y):
    parpy.builtin.inline(x[0])  # error: parpy.builtin.inline takes a call of a decorated function


@wrong(CE, X, Y)
def inlines_a_builtin(x, y):
    y[0] = parpy.builtin.inline(abs(x[0]))  # error: parpy.builtin.inline takes a call of a


@pytest.mark.parametrize("case", [c for c in wrong.cases if c.id != "recursion"])
def test_wrong_calls(case: Any) -> None:
    reject(case)


def refused(function: FunctionType, *args: Any, error: Any = CE) -> BaseException:
    with pytest.raises(error) as caught:
        parpy.jit(function)(*args)
    assert not isinstance(caught.value, parpy.InternalCompilerError)
    assert_alive()
    return caught.value


def assert_points_into(error: BaseException, helper: Any, fragment: str) -> None:
    lines, first = inspect.getsourcelines(helper.__wrapped__)
    place = next(first + i for i, line in enumerate(lines) if fragment in line)
    assert error.filename == helper.__wrapped__.__code__.co_filename
    assert error.lineno == place
    assert f"On line {place} of file {error.filename}:" in str(error)
    assert fragment in str(error)


def uses_sometimes(x):
    x[0] = returns_sometimes(x[1])


def uses_ones_and_twos(x):
    x[0] = returns_ones_and_twos(x[1])


def uses_an_array(x):
    x[0] = returns_an_array(x)


def uses_unknown_inside(x):
    x[0] = unknown_inside(x[0])


def uses_itself(x):
    x[0] = runs_into_itself(x[0])


def uses_ping(x):
    x[0] = ping(x[0])


@pytest.mark.parametrize(
    ("program", "helper", "fragment", "error"),
    [
        (uses_sometimes, returns_sometimes, "return v", CE),
        (uses_ones_and_twos, returns_ones_and_twos, "return v", CE),
        (uses_an_array, returns_an_array, "return v", CE),
        (uses_unknown_inside, unknown_inside, "return w + nowhere", NameError),
        (uses_itself, runs_into_itself, "return runs_into_itself(v - 1) + 1", CE),
        (uses_ping, pong, "return ping(v)", CE),
    ],
)
def test_errors_in_helpers_point_into_them(
    program: FunctionType, helper: Any, fragment: str, error: Any
) -> None:
    found = refused(program, np.ones(3), error=error)
    if program is uses_ones_and_twos:
        fragment = "    return v\n"
        lines, first = inspect.getsourcelines(helper.__wrapped__)
        assert found.lineno == first + len(lines) - 1
        return
    assert_points_into(found, helper, fragment)


def test_errors_in_helpers_of_other_files() -> None:
    helper = parpy.jit(
        define(
            """
            # A comment, so that lines differ.


            def helper(v):
                a = 1
                return v[0] + missing_name
            """
        )
    )
    program = define("def program(x):\n    x[0] = helper(x)\n", helper=helper)
    assert_points_into(refused(program, np.ones(3), error=NameError), helper, "missing_name")
    helper = parpy.jit(define("def helper(v):\n\n    v[5] = 1\n    return v[2]\n"))
    program = define("def program(x):\n    x[0] = helper(x)\n", helper=helper)
    for specialize in ("auto", "never"):
        fn = parpy.jit(program)
        with pytest.raises(IndexError) as caught:
            fn(np.zeros(3), opts=options(specialize=specialize))
        assert_points_into(caught.value, helper, "v[5] = 1")
        fn(np.zeros(6), opts=options(specialize=specialize))


def test_a_recursive_entry() -> None:
    def entry(x):
        if x[0] > 0:
            entry_jitted(x)

    entry_jitted = parpy.jit(entry)
    with pytest.raises(CE, match="recursive"):
        entry_jitted(np.zeros(1))


def test_a_helper_that_writes_a_read_only_argument() -> None:
    def entry(x):
        double(x)

    x = np.ones(3)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="argument 'x' is read-only but the function writes it"):
        parpy.jit(entry)(x)

    def reads(x, y):
        y[0] = total(x)

    y = np.zeros(1)
    parpy.jit(reads)(x, y)
    assert y[0] == 3


def test_several_errors_are_one_error() -> None:
    helper = parpy.jit(define("def helper(v):\n    a = missing_one\n    return v + missing_two\n"))
    program = define("def program(x):\n    x[0] = helper(x[0])\n    x[1] = 1\n", helper=helper)
    error = refused(program, np.ones(3), error=NameError)
    assert "missing_one" in str(error)
