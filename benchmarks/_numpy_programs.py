"""NumPy's versions of the timed programs: no temporaries of the matrix's size."""

import numpy as np


def sum_rows(x, y):
    np.sum(x, axis=1, out=y)


def softmax_rows(x, y):
    np.subtract(x, np.max(x, axis=1, keepdims=True), out=y)
    np.exp(y, out=y)
    np.divide(y, np.sum(y, axis=1, keepdims=True), out=y)


def stencil(x, y):
    inner = y[1:-1, 1:-1]
    np.add(x[1:-1, 1:-1], x[:-2, 1:-1], out=inner)
    np.add(inner, x[2:, 1:-1], out=inner)
    np.add(inner, x[1:-1, :-2], out=inner)
    np.add(inner, x[1:-1, 2:], out=inner)
    np.multiply(inner, 0.2, out=inner)
