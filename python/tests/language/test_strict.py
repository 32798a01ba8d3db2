"""`strict=True`: without a declared reduction, every bit is as in plain Python and NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import FLOATS, check, each
from on_cuda import math_ulps

import parpy


def contracts(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        z[i, 0] = x[i] * y[i] + x[i]
        z[i, 1] = x[i] - x[i] * y[i]
        z[i, 2] = x[i] * y[i] - y[i] * x[len(x) - 1 - i]
        z[i, 3] = (x[i] * x[i] + y[i] * y[i]) * 0.1 + x[i] / 3


def accumulates(x, y, z):
    s = x[0]
    for i in range(len(x)):
        s += x[i] * y[i]
        z[i, 0] = s
        z[0, 1] += x[i] / y[i]
        z[1, 1] = z[1, 1] * x[i] + y[i]


def horner(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i]
        for k in range(4):
            s = s * x[i] + y[k]
        z[i, 0] = s
    z[:, 1] = x[:] * y[:] + 2.5 * y[:] - x[:] ** 2


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", [contracts, accumulates, horner])
def test_no_contraction_and_no_other_order(function: Any, dtype: str) -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 333)).astype(dtype)
    with np.errstate(all="ignore"):
        check(function, x, y, np.zeros((333, 4), dtype), schedules=each("N"), strict=True)


def library(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i, 0] = math.exp(x[i])
        y[i, 1] = math.sin(x[i])
        y[i, 2] = math.log(x[i] * x[i] + 1e-3)
        y[i, 3] = math.tanh(x[i])


def test_functions_of_float64_are_those_of_the_c_library() -> None:
    x = np.random.default_rng(6).normal(size=500)
    check(library, x, np.zeros((500, 4)), schedules=each("N"), strict=True, ulps=math_ulps())
