"""The ParPy programs that are timed, written as in the tutorials.

They are decorated where they are timed, `parpy.jit(sum_rows)`, because decorating is timed too.
"""

import parpy


def add(x, y, z):
    parpy.label("rows")
    z[:, :] = x[:, :] + y[:, :]


def double_ragged(x, lengths, z, N):
    parpy.label("rows")
    for i in range(N):
        for j in range(lengths[i]):
            z[i, j] = x[i, j] + x[i, j]


def sum_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        y[i] = parpy.operators.sum(x[i, :])


def softmax_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        m = parpy.operators.max(x[i, :])
        y[i, :] = parpy.operators.exp(x[i, :] - m)
        s = parpy.operators.sum(y[i, :])
        y[i, :] /= s


def stencil(x, y, N):
    parpy.label("rows")
    for i in range(1, N - 1):
        y[i, 1:-1] = 0.2 * (x[i, 1:-1] + x[i - 1, 1:-1] + x[i + 1, 1:-1] + x[i, :-2] + x[i, 2:])
