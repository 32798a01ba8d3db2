"""What complex numbers do not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import Wrong, reject

import parpy

# --- Errors ------------------------------------------------------------------------------------

wrong = Wrong()
Z = np.ones(3, complex)
X = np.ones(3)


@wrong(parpy.TypeMismatchError, Z, X)
def stores_a_complex_in_a_real_array(z, x):
    x[0] = z[0]  # error: a value of type complex128 cannot be stored in an array of float64


@wrong(parpy.TypeMismatchError, Z)
def orders(z):
    if z[0] < z[1]:  # error: operator < is not defined for complex128 and complex128
        z[0] = 1


@wrong(parpy.TypeMismatchError, Z)
def divides_whole(z):
    z[0] = z[0] // 2  # error: operator // is not defined for complex128 and int64


@wrong(parpy.TypeMismatchError, Z)
def takes_a_remainder(z):
    z[0] = z[0] % 2j  # error: operator % is not defined for complex128 and complex128


@wrong(parpy.TypeMismatchError, Z)
def joins_bits(z):
    z[0] = z[0] & 1  # error: operator & is not defined for complex128 and int64


@wrong(parpy.TypeMismatchError, Z)
def inverts(z):
    z[0] = ~z[0]  # error: operator ~ is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_the_least(z):
    z[0] = parpy.operators.min(z[:])  # error: parpy.operators.min is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_the_greater(z):
    z[0] = max(z[0], 1)  # error: max is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_a_cube_root(z):
    z[0] = np.cbrt(z[0])  # error: np.cbrt is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_an_angle(z):
    z[0] = np.hypot(z[0], 1.0)  # error: np.hypot is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, X)
def converts(z, x):
    x[0] = np.float64(z[0])  # error: conversion to float64 is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, X)
def makes_an_integer(z, x):
    x[0] = int(z[0])  # error: int is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, 1j)
def indexes(z, i):
    z[i] = 0  # error: an index must be an integer, not complex128


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Any) -> None:
    reject(case)
