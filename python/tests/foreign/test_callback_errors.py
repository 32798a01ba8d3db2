"""Callbacks that are refused, and exceptions of callbacks."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import numpy as np
import pytest
from callback_log import log, note
from harness import define

import parpy
from parpy.types import buffer, type_var

# --- Refusals -------------------------------------------------------------------------------


def test_callbacks_are_refused_in_parallel_loops_and_device_code() -> None:
    @parpy.jit
    def loop(x):
        parpy.label("i")
        for _ in range(4):
            note(x)  # here

    @parpy.jit
    def block(x):
        with parpy.gpu:
            note(x)

    with pytest.raises(
        parpy.CompileError, match="callback note cannot be called inside a parallel loop"
    ) as caught:
        loop(np.zeros(4), opts=parpy.par({"i": parpy.threads(2)}))
    assert "note(x)  # here" in str(caught.value)
    with pytest.raises(parpy.CompileError, match="inside `with parpy.gpu:`"):
        block(np.zeros(4))
    loop(np.zeros(1))
    assert log == [[0]] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("note()", r"note takes 1 argument \(x\), 0 were given"),
        ("note(x, 1)", "note takes 1 argument"),
        ("note(y=x)", "note has no parameter 'y'"),
        ("note(d)", "'x' of note is a dictionary"),
        ("note(x * 2)", "'x' of note is an array expression"),
        ("y = note(x)", "note returns no value"),
        ("rows(x)", "'x' of rows is an array of 1 dimension, .* with 2 dimensions"),
        ("rows(z)", "'x' of rows is an array of float32, .* array of float64"),
    ],
)
def test_calls_that_do_not_fit(call: str, message: str) -> None:
    N = parpy.types.shape_var()

    @parpy.callback
    def rows(x: buffer(parpy.types.F64, [N, 2])):  # type: ignore[valid-type]
        pass

    function = define(f"def f(x, d, z):\n    {call}\n", note=note, rows=rows)
    with pytest.raises(TypeError, match=message):
        parpy.jit(function)(np.ones(4), {"a": np.ones(3)}, np.ones((2, 2), np.float32))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (print, "decorates a Python function, not builtin_function_or_method"),
        (note, "decorates a Python function, not Callback"),
    ],
)
def test_what_is_no_callback(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        parpy.callback(function)


def test_parameters_and_results_that_no_callback_has() -> None:
    def stars(**names):
        pass

    def wrong() -> str:
        return ""

    with pytest.raises(TypeError, match=r"plain parameters, no \* and \*\*"):
        parpy.callback(stars)
    with pytest.raises(TypeError, match="must return a scalar type of parpy.types, an int"):
        parpy.callback(wrong)
    T = type_var()

    @parpy.callback
    def anything(x: buffer(T), y: "not a type"):  # type: ignore # noqa: F722, UP037
        log.append(y)

    @parpy.jit
    def apply(x):
        anything(x, 2)

    apply(np.ones(1))
    assert log == [2]


def test_read_only_arrays_are_refused() -> None:
    @parpy.jit
    def apply(x):
        note(x)

    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="'x' is read-only but the function writes it"):
        apply(x)


def test_text_with_callbacks_is_refused() -> None:
    def apply(x):
        note(x)

    text = parpy.print_compiled(apply, [np.ones(2)])
    with pytest.raises(parpy.CompileError, match="calls the Python function 'note'"):
        parpy.compile_string("apply", text)


# --- Exceptions -----------------------------------------------------------------------------


@parpy.callback
def fail(x, at):
    if x[0] == at:
        raise KeyError("from the callback")


def test_an_exception_stops_the_function_and_goes_on_with_its_traceback() -> None:
    @parpy.jit
    def apply(x, n, at):
        t = np.zeros(n, np.float64)
        for _ in range(10):
            u = np.zeros(n * 2, np.float64)
            x[0] += 1
            fail(x, at)
            t[0] += u[0]
        x[1] = 7

    x = np.zeros(2)
    for n in (2, 100_000):
        x[:] = 0
        with pytest.raises(KeyError, match="from the callback") as caught:
            apply(x, n, 4)
        assert x.tolist() == [4, 0]
        names = [frame.name for frame in traceback.extract_tb(caught.tb)]
        assert names == [
            "test_an_exception_stops_the_function_and_goes_on_with_its_traceback",
            "fail",
        ]
    apply(x, 2, -1)
    assert x.tolist() == [14, 7]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration, MemoryError])
def test_exceptions_of_every_kind_pass(error: type[BaseException]) -> None:
    @parpy.callback
    def leave():
        raise error

    @parpy.jit
    def apply(x):
        leave()
        x[0] = 1

    x = np.zeros(1)
    with pytest.raises(error):
        apply(x)
    assert x[0] == 0


def test_an_exception_that_is_handled_meanwhile_is_kept_apart() -> None:
    @parpy.callback
    def look():
        log.append(sys.exc_info()[0])
        try:
            raise ValueError
        except ValueError:
            pass

    @parpy.jit
    def apply(x):
        look()
        x[0] = 1

    x = np.zeros(1)
    try:
        raise KeyError("outer")
    except KeyError:
        apply(x)
        assert sys.exc_info()[0] is KeyError
    assert log == [KeyError]
    assert x[0] == 1
