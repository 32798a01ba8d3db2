"""Numba's versions of the timed programs, as its documentation advises.

Parallel over rows, explicit loops, literals in the array's type (a float64 literal would widen a
float32 program), and `fastmath`, without which Numba does not vectorise a sum. They are decorated
where they are timed, because decorating is timed too.
"""

import numpy as np
from numba import prange

PARALLEL = {"parallel": True, "fastmath": True}


def add(x, y, z):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            z[i, j] = x[i, j] + y[i, j]


def double_ragged(x, lengths, z):
    for i in prange(x.shape[0]):
        for j in range(lengths[i]):
            z[i, j] = x[i, j] + x[i, j]


def sum_rows(x, y):
    for i in prange(x.shape[0]):
        s = x.dtype.type(0)
        for j in range(x.shape[1]):
            s += x[i, j]
        y[i] = s


def softmax_rows(x, y):
    for i in prange(x.shape[0]):
        m = x[i, 0]
        for j in range(1, x.shape[1]):
            m = max(m, x[i, j])
        s = x.dtype.type(0)
        for j in range(x.shape[1]):
            e = np.exp(x[i, j] - m)
            y[i, j] = e
            s += e
        for j in range(x.shape[1]):
            y[i, j] /= s


def stencil(x, y):
    c = x.dtype.type(0.2)
    for i in prange(1, x.shape[0] - 1):
        for j in range(1, x.shape[1] - 1):
            y[i, j] = c * (x[i, j] + x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1])
