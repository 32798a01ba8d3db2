"""Python's `sum` and `math.prod` where they mean something else than a reduction does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import Case, Wrong, check, reject

import parpy

A = np.arange(9.0).reshape(3, 3)
wrong = Wrong()
CE = parpy.CompileError


def one_dimension(a, y):
    y[0] = sum(a[1, :])
    y[1] = math.prod(a[2])
    y[2] = sum(a[:, 1] * a[:, 2])


def test_of_one_dimension_they_are_reductions() -> None:
    check(one_dimension, A, np.zeros(3))


@wrong(CE, A, np.zeros(3), at="sum(a)", helps=True)
def sum_of_rows(a, y):
    y[:] = sum(a)  # error: Python's sum of 2 dimensions is not supported


@wrong(CE, A, np.zeros(3), at="math.prod(a[:, 1:])", helps=True)
def product_of_rows(a, y):
    y[:2] = math.prod(a[:, 1:])  # error: Python's math.prod of 2 dimensions is not supported


@wrong(CE, A, np.zeros(3), at="sum(a[0], 1)", helps=True)
def start(a, y):
    y[0] = sum(a[0], 1)  # error: Python's sum with anything but one argument is not supported


@wrong(CE, A, np.zeros(3), helps=True)
def named_start(a, y):
    y[0] = math.prod(a[0], start=2)  # error: Python's math.prod with anything but one argument


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    reject(case)
