"""Temporary arrays that are refused."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, F821, F841, SIM108

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from call_programs import fill_up
from harness import INTEGERS, Wrong, define, reject

import parpy

CE = parpy.CompileError
TME = parpy.TypeMismatchError
wrong = Wrong()


# --- Wrong programs -----------------------------------------------------------------------------

X = np.arange(6.0)
Y = np.zeros(6)


@wrong(CE, X, Y)
def used_after_its_block(x, y):
    if x[1] > 0:
        t = np.zeros(3)
        t[0] = 1
    y[0] = t[0]  # error: the temporary array 't' ends with the block that makes it


@wrong(CE, X, Y)
def used_after_its_loop(x, y):
    for i in range(3):
        t = np.zeros(3)
    y[0] = np.sum(t)  # error: the temporary array 't' ends with the block that makes it


@wrong(CE, X, Y)
def made_in_both_branches(x, y):
    if x[1] > 0:
        t = np.zeros(3)
    else:
        t = np.ones(3)
    y[:3] = t[:]  # error: the temporary array 't' ends with the block that makes it


@wrong(CE, X, Y)
def made_again_in_a_block(x, y):
    t = np.zeros(3)
    if x[1] > 0:
        t = np.ones(4)  # error: 't' is an array and cannot be assigned
    y[0] = 1


@wrong(CE, X, Y)
def named_like_an_argument(x, y):
    x = np.zeros(3)  # error: 'x' is an array and cannot be assigned
    y[0] = x[0]


@wrong(CE, X, Y)
def overwritten(x, y):
    t = np.zeros(3)
    t = 5.0  # error: 't' is an array and cannot be assigned
    y[0] = t


@wrong(CE, X, Y)
def in_an_expression(x, y):
    y[:3] = np.ones(3) * 2  # error: np.ones in an expression is not supported


@wrong(CE, X, Y)
def as_an_argument(x, y):
    y[0] = fill_up(np.ones(3), 2)  # error: np.ones in an expression is not supported


@wrong(TME, X, Y)
def of_a_float_extent(x, y):
    t = np.zeros(x[0])  # error: an extent must be an integer, not float64
    y[0] = 1


@wrong(TME, X, Y)
def of_a_bad_type(x, y):
    t = np.zeros(3, x)  # error: this is no dtype
    y[0] = 1


@wrong(ValueError, X, Y)
def of_a_negative_extent(x, y):
    t = np.zeros((3, -1))  # error: negative dimensions are not allowed
    y[0] = 1


@wrong(TME, X, Y)
def without_a_shape(x, y):
    t = np.zeros()  # error: np.zeros takes a shape and a dtype
    y[0] = 1


@wrong(TME, X, Y)
def like_a_number(x, y):
    t = np.zeros_like(3)  # error: np.zeros_like needs an array
    y[0] = 1


@wrong(TME, X, Y)
def full_without_a_value(x, y):
    t = np.full(3)  # error: np.full takes a shape
    y[0] = 1


@wrong(CE, X, Y)
def into_an_element(x, y):
    y[0] = np.zeros(3)  # error: np.zeros as the value of anything but a name is not supported


@wrong(CE, X, Y)
def labels_an_empty_one(x, y):
    parpy.label("N")  # error: label 'N' names nothing that can run in parallel
    t = np.empty(3)
    y[0] = 1


@wrong(CE, X, Y)
def too_many_labels(x, y):
    parpy.label("N")
    parpy.label("M")  # error: label 'M' names nothing that can run in parallel
    t = np.zeros(3)
    y[0] = 1


@wrong(TME, X, Y)
def with_another_keyword(x, y):
    t = np.zeros(3, order="F")  # error: np.zeros takes a shape and a dtype
    y[0] = 1


@wrong(IndexError, X, Y)
def with_an_index_too_large(x, y):
    t = np.zeros(3)
    t[3] = 1  # error: index 3 of 't' is out of bounds
    y[0] = 1


@wrong(CE, X, Y)
def returned(x, y):
    t = np.zeros(3)
    return t  # error: Main function returned cannot return a value


@pytest.mark.parametrize("case", wrong.cases)
def test_wrong_temporaries(case: Any) -> None:
    reject(case)


@parpy.jit
def gives_its_temporary(n):
    t = np.zeros(n)
    return t


@parpy.jit
def gives_its_temporary_and_a_number(n):
    t = np.zeros(n)
    return n, t


def uses_a_returned_temporary(x, y):
    y[0] = gives_its_temporary(3)


def uses_a_returned_tuple(x, y):
    n, t = gives_its_temporary_and_a_number(3)
    y[0] = n


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (uses_a_returned_temporary, "gives_its_temporary"),
        (uses_a_returned_tuple, "gives_its_temporary_and_a_number"),
    ],
)
def test_a_helper_returns_no_array(function: Any, name: str) -> None:
    with pytest.raises(CE) as caught:
        parpy.jit(function)(X, Y.copy())
    assert not isinstance(caught.value, parpy.InternalCompilerError)
    assert str(caught.value).startswith(f"{name} cannot return an array")
    assert "    return " in str(caught.value)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_stores_follow_the_rule_for_elements(dtype: str) -> None:
    program = define(f"""
        def program(x, y):
            t = np.zeros(3, np.{dtype})
            t[0] = x[0]
            y[0] = t[0]
    """)
    with pytest.raises(TME, match=f"float64 cannot be stored in an array of {dtype}"):
        parpy.jit(program)(np.ones(1), np.ones(1))
