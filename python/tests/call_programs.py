"""Functions that the tests of calls call."""

from __future__ import annotations

import parpy


@parpy.jit
def square(v):
    return v * v


@parpy.jit
def clamp(v, low, high):
    if v < low:
        return low
    if v > high:
        return high
    return v


@parpy.jit
def sum_and_difference(a, b):
    return a + b, a - b


@parpy.jit
def double(v):
    for i in range(v.shape[0]):
        v[i] *= 2


@parpy.jit
def total(v):
    return parpy.operators.sum(v)


@parpy.jit
def fill_up(t, value):
    for i in range(t.shape[0]):
        if i == 3:
            return i
        t[i] = value + i
    return -1
