"""Calls between decorated functions: which function a name stands for."""

from __future__ import annotations

import types
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from call_programs import square
from harness import (
    check,
    define,
    options,
)

import parpy

CE = parpy.CompileError
TME = parpy.TypeMismatchError

# --- Names --------------------------------------------------------------------------------------


def test_helpers_of_other_modules_see_their_own_globals() -> None:
    deep = define("def deep(v):\n    return v + K\n", K=1000)
    helper = define("def helper(v):\n    return deep(v) * K\n", K=3, deep=parpy.jit(deep))
    program = define(
        "def program(x, y):\n    y[0] = helper(x[0]) + K\n    y[1] = deep(x[1])\n",
        K=0.5,
        helper=parpy.jit(helper),
        deep=parpy.jit(define("def deep(v):\n    return -v\n")),
    )
    check(program, np.array([1.0, 2.0]), np.zeros(2))
    fn = parpy.jit(program)
    for scope, value in ((deep, 7), (helper, -2), (program, 8), (deep, 2.5), (deep, 1000)):
        scope.__globals__["K"] = value
        x, y, z = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)
        fn(x, y)
        fn(x, z, opts=parpy.seq())
        assert y.tolist() == z.tolist()


def test_a_module_of_helpers() -> None:
    helpers = types.ModuleType("helpers")
    helpers.scale = parpy.jit(define("def scale(v):\n    return v * FACTOR\n", FACTOR=2.0))
    program = parpy.jit(
        define("def program(y):\n    y[0] = helpers.scale(y[0])\n", helpers=helpers)
    )
    y = np.ones(1)
    program(y)
    assert y[0] == 2
    helpers.scale = parpy.jit(define("def scale(v):\n    return v + 5\n"))
    program(y)
    assert y[0] == 7
    helpers.scale.__wrapped__.__globals__["scale"] = None
    program(y)
    assert y[0] == 12
    del helpers.scale
    with pytest.raises((NameError, CE), match="scale"):
        program(y)
    assert y[0] == 12


def test_a_constant_of_a_helpers_module_attribute() -> None:
    constants = types.ModuleType("constants")
    constants.K = 3
    helper = parpy.jit(define("def helper(v):\n    return v * constants.K\n", constants=constants))
    program = parpy.jit(define("def program(y):\n    y[0] = helper(1.0)\n", helper=helper))
    y = np.zeros(1)
    for value in (3, 4, 2.5, np.float32(0.1), True, 3):
        constants.K = value
        program(y)
        assert y[0] == value


def test_a_helper_that_is_redefined() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(y[0])\n"))
    scope = program.__wrapped__.__globals__
    y = np.full(1, 10.0)
    with pytest.raises((NameError, CE), match="helper"):
        program(y)
    for text, expected in (("v + 1", 11), ("v * 2", 22), ("v - 3", 19), ("v + 1", 20)):
        scope["helper"] = parpy.jit(define(f"def helper(v):\n    return {text}\n"))
        program(y)
        assert y[0] == expected
    scope["helper"] = parpy.jit(define("def helper(v, w):\n    return v\n"))
    with pytest.raises(TME):
        program(y)
    scope["helper"] = lambda v: v
    with pytest.raises(CE, match="Call to unknown function helper"):
        program(y)
    scope["helper"] = parpy.jit(define("def helper(v):\n    return v * 3\n"))
    program(y)
    assert y[0] == 60


def test_a_helper_of_a_helper_that_is_redefined_with_other_labels() -> None:
    outer = define("def outer(v, s):\n    inner(v, s)\n")
    program = parpy.jit(define("def program(v, s):\n    outer(v, s)\n", outer=parpy.jit(outer)))
    v = np.zeros(100)
    for label, value in (("A", 1), ("B", 2), ("C", 3), ("A", 4), ("Z", 5)):
        loop = f"parpy.label('{label}')\n    v[:] = s * {value}\n"
        outer.__globals__["inner"] = parpy.jit(define(f"def inner(v, s):\n    {loop}"))
        for opts in (options({label: parpy.threads(7)}), options()):
            program(v, 2.0, opts=opts)
            assert (v == 2 * value).all()
        with pytest.warns(RuntimeWarning, match="label"):
            program(v, 3.0, opts=options({"Q": parpy.threads(7)}))
        assert (v == 3 * value).all()


def later_defined_caller(x, y):
    y[0] = later_defined(x[0])


@parpy.jit
def later_defined(v):
    return v + 0.25


def test_a_helper_after_its_caller() -> None:
    check(later_defined_caller, np.ones(1), np.zeros(1))


def make_nested(k: float) -> tuple[FunctionType, Any]:
    @parpy.jit
    def scaled(v):
        return v * k

    @parpy.jit
    def shifted(v):
        return scaled(v) + k

    def entry(x, y):
        y[0] = shifted(x[0])
        y[1] = scaled(x[1])
        y[2] = k

    def change(value: float) -> None:
        nonlocal k
        k = value

    return entry, change


def test_helpers_in_closures() -> None:
    one, change = make_nested(3.0)
    two, _ = make_nested(5.0)
    for program in (one, two, one):
        check(program, np.array([1.0, 2.0]), np.zeros(3))
    change(7)
    x, y = np.array([1.0, 2.0]), np.zeros(3)
    parpy.jit(one)(x, y)
    assert y.tolist() == [14, 14, 7]


def test_a_helper_without_a_value_yet() -> None:
    def make() -> Any:
        def entry(y):
            y[0] = helper(y[0])

        fn = parpy.jit(entry)
        with pytest.raises((NameError, CE), match="helper"):
            fn(np.zeros(1))

        @parpy.jit
        def helper(v):
            return v + 1

        return fn

    y = np.zeros(1)
    make()(y)
    assert y[0] == 1


class Holder:
    """A class with a helper."""

    twice = parpy.jit(define("def twice(v):\n    return 2 * v\n"))


def helper_of_a_class(x):
    x[0] = Holder.twice(x[0])


def test_a_helper_in_a_class() -> None:
    check(helper_of_a_class, np.ones(1))


def test_the_same_function_under_two_names() -> None:
    program = define("def program(x):\n    x[0] = one(x[0]) + two(x[1])\n", one=square, two=square)
    check(program, np.array([2.0, 3.0]))
