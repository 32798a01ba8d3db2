"""Programs that the tests of the CUDA backend print, and run where there is a GPU."""

from __future__ import annotations

import numpy as np

import parpy


def sum_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i] = parpy.operators.sum(x[i, :])


def softmax(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        m = parpy.operators.max(x[i, :])
        parpy.label("columns")
        y[i, :] = parpy.operators.exp(x[i, :] - m)
        parpy.label("columns")
        s = parpy.operators.sum(y[i, :])
        parpy.label("columns")
        y[i, :] /= s


def shift_rows(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        y[i, 0] = x[i, 0] * 2.0
        parpy.label("columns")
        for j in range(1, M):
            y[i, j] = x[i, j] - y[i, 0]


def scaled_rows(x, y, s, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        s[i] = parpy.operators.max(x[i, :])
        parpy.label("columns")
        y[i, :] = y[i, :] + s[i] * x[i, :]


def part_of_rows(x, y, s, a, b, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(a, b):
            y[i, j] = x[i, j] + j
        parpy.label("columns")
        s[i] = parpy.operators.max(y[i, a:b])


def all_but_last(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(x.shape[1] - 3):
            y[i, j] = 2 * x[i, j]


def counted_from(x, y, a, b, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(a, b):
            y[i, j - a] = x[i, j - a] + j


def summed_from(x, y, a, b, N):
    parpy.label("rows")
    for i in range(N):
        y[i] = 0
        parpy.label("columns")
        for j in range(a, b):
            y[i] += x[i, j - a]


def upper_triangle(x, y, N, M):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(i + 1, M):
            y[i, j] = 2.0 * x[i, j]


def updated_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(x.shape[1]):
            x[i, j] = x[i, j] + 1
            y[i, j] = 2 * x[i, j]
            x[i, j] = x[i, j] * y[i, j]


def sum_beside_updates(x, y, s, N):
    parpy.label("rows")
    for i in range(N):
        s[i] = 0
        parpy.label("columns")
        for j in range(x.shape[1]):
            y[i, j] = y[i, j] + 1 if x[i, j] > 3 else x[i, j]
            s[i] += x[i, j]


def rows_times_matrix(a, b, y, N, K):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(y.shape[1]):
            for k in range(K):
                y[i, j] += a[i, k] * b[k, j]


def sum_windows_into_rows(x, y, N, K):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        for j in range(y.shape[1]):
            for k in range(K):
                y[i, j] += x[i, j + k]


def sum_windows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        y[i] = 0.0
        parpy.label("columns")
        for j in range(x.shape[1] - 2):
            for k in range(3):
                y[i] += x[i, j + k]


def shifted_rows(x, y, z, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        y[i, :] = 2 * x[i, :]
        parpy.label("columns")
        z[i, :] = y[i, :] - x[i, :]


def scaled_by_mean_square(x, y, N):
    s = 0.0
    parpy.label("sum")
    for i in range(N):
        s += x[i] * x[i]
    m = s / N
    parpy.label("scale")
    for i in range(N):
        y[i] = x[i] / m


def sum_on_device(x, y, N):
    with parpy.gpu:
        y[0] = 0.0
        parpy.label("N")
        for i in range(N):
            y[0] += x[i]


def total(x, y):
    parpy.label("N")
    y[0] = parpy.operators.sum(x[:])


def histogram(b, h, N):
    parpy.label("N")
    for i in range(N):
        h[b[i]] += 1


def all_and_any(x, y):
    a = True
    b = False
    parpy.label("N")
    for i in range(len(x)):
        a = a and x[i] > -3
        b = b or x[i] > 3
    with parpy.gpu:
        y[0] = a
        y[1] = b


def until_small(x, err, N):
    with parpy.gpu:
        err[0] = 1.0
        while err[0] > 0.01:
            parpy.label("N")
            for i in range(N):
                x[i] = x[i] * 0.5
            parpy.label("N")
            err[0] = parpy.operators.max(x[:])


def last_halves(x):
    parpy.label("N")
    x[:] = x[:] * 0.5


def until_halves_are_small(z, N):
    with parpy.gpu:
        while z[1].real > 0.1:
            parpy.label("N")
            z[:] = z[:] * 0.5
        while abs(z[0]) > 0.01:
            parpy.label("N")
            z[:] = z[:] * 0.5


def until_growth_ends(x, y, N):
    with parpy.gpu:
        growth = 1.0
        count = 0
        while growth > 0.01:
            parpy.label("N")
            x[:] = x[:] * 0.5
            parpy.label("sum")
            growth = parpy.operators.sum(x[:])
            count += 1
        y[0] = count


def as_data_say(x, k, N):
    with parpy.gpu:
        while x[k[0]] > x[k[1]]:
            parpy.label("N")
            for i in range(N):
                x[i] += i
            for _ in range(k[2]):
                parpy.label("N")
                for i in range(N):
                    x[i] -= 0.25
            if x[3] > 4.0:
                parpy.label("N")
                x[:] = x[:] + 0.5
            else:
                parpy.label("N")
                x[:] = x[:] + 0.25


def until_first_is_small(x, N):
    with parpy.gpu:
        for _ in range(10):
            parpy.label("N")
            x[:] = x[:] * 0.5
            if x[0] < 0.3:
                break


def shorter(x, y, n):
    """A slice whose length the device computes."""
    with parpy.gpu:
        k = int(n[0])
        parpy.label("N")
        y[:k] = 2.0 * x[1:]


def shorter_in_place(x, n):
    """It needs a temporary of that length."""
    with parpy.gpu:
        k = int(n[0])
        parpy.label("N")
        x[:k] = 2.0 * x[1:]


def while_chosen(x, k, N):
    with parpy.gpu:
        while x[k[0]] >= 0.0 and x[0] < 50.0:
            parpy.label("N")
            for i in range(N):
                x[i] += 1.0


def until_last(x, seen, N):
    with parpy.gpu:
        while seen[0] < 5.0:
            parpy.label("N")
            for i in range(N):
                x[i] += 1.0
            seen[0] = x[N - 1]


def last_positive(x, y, n):
    with parpy.gpu:
        s = -1.0
        for i in range(n):
            t = np.zeros(n)
            parpy.label("N")
            t[:] = 2.0 * x[:]
            parpy.label("N")
            y[1:] = t[1:]
            if x[i] > 0.0:
                s = x[i]
        y[0] = s


def kept(x, z, d):
    with parpy.gpu:
        s = z[1]
        x[:] = 1.0
        d[0] = s


def chosen(x, y, p):
    with parpy.gpu:
        y[0] = 1.0
        y[1] = x[0] if p < 1 else y[0]


@parpy.jit
def sign_of(x):
    if x < 0:
        return True
    for _ in range(1):
        return x > 5
    return False


def branches(x, y):
    with parpy.gpu:
        y[0] = sign_of(x[0])


def spread(x, y, N, M):
    with parpy.gpu:
        x[0] += 1.0
        for k in range(M):
            parpy.label("N")
            for i in range(N):
                y[k, i] = x[0] + i


def accumulated(x, y, N, M):
    with parpy.gpu:
        for k in range(M):
            x[0] += 1.0
            parpy.label("N")
            for i in range(N):
                parpy.label("columns")
                for c in range(4):
                    y[c, i] += x[0] * k


def extrema_of_negated(x, y):
    with parpy.gpu:
        y[0] = parpy.reduce.max(-x)
        y[1] = parpy.reduce.min(0 - x)
        y[2] = parpy.reduce.max(x * -1)
        y[3] = max(max(x[0], -x[1]), x[2])


def negate(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = -x[i]


def steps(x, y, N, T):
    for _t in range(T):
        parpy.label("N")
        for i in range(1, N - 1):
            y[i] = 0.5 * (x[i - 1] + x[i + 1])
        parpy.label("N")
        for i in range(1, N - 1):
            x[i] = y[i]


def complex_axpy(a, x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = a * x[i] + y[i]


def weak_values(x, y, k, a):
    n = len(x)
    parpy.label("N")
    for i in range(n):
        s = 0.0
        for j in range(i % 7):
            s = s + a * 0.1 + j / n
        y[i] = x[i] * s + 0.1
        k[n - 1 - i] = i * i // 3


def filled(x, y, N):
    t = np.zeros((N, 2, 3, 2))
    c = np.full(N, 2j)
    e = np.ones((0, 3))
    parpy.label("N")
    for i in range(N):
        y[i] = x[i] * c[i].imag + t[i, 1, 2, 1] + len(e)


def shrinking(y, N):
    with parpy.gpu:
        for k in range(N):
            parpy.label("N")
            for j in range(k, N):
                y[j] = y[j] * 0.5 + k


def recurrence(x, y, N):
    parpy.label("blocks")
    for b in range(N):
        first = 64 * b
        parpy.label("columns")
        y[0, first : first + 64] = x[0, first : first + 64]
        for i in range(1, y.shape[0]):
            parpy.label("columns")
            y[i, first : first + 64] = x[i, first : first + 64] - y[i - 1, first : first + 64]


def until_small_everywhere(x, err, N, M):
    with parpy.gpu:
        err[0] = 1.0
        while err[0] > 0.01:
            parpy.label("rows")
            for i in range(N):
                parpy.label("columns")
                x[i, :] = x[i, :] * 0.5
                parpy.label("columns")
                x[i, :] += x[i, 0] * 0.125
            parpy.label("cells")
            err[0] = parpy.operators.max(x[:, :])


def normalized_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        m = parpy.operators.max(x[i, :])
        parpy.label("columns")
        y[i, :] = parpy.math.exp(x[i, :] - m)
        parpy.label("columns")
        s = parpy.operators.sum(y[i, :])
        parpy.label("columns")
        y[i, :] = y[i, :] / s


def offset_rows(x, y, N):
    parpy.label("rows")
    for i in range(N):
        a = x[i, 0] * 2
        parpy.label("columns")
        y[i, :] = a + x[i, :]


def bordered_rows(x, y, N):
    M = x.shape[1]
    parpy.label("rows")
    for i in range(2, N, 2):
        y[i, 0] = 3.0
        b = y[i, 0]
        if b > x[i, 2]:
            b = x[i, 1]
        parpy.label("columns")
        for j in range(1, M):
            y[i, j] = b + x[i, j]
        y[i, 0] += y[i, M - 1] + b


def reversed_rows(x, y, N):
    M = x.shape[1]
    parpy.label("rows")
    for i in range(N):
        t = np.empty(M, np.float64)
        parpy.label("columns")
        for j in range(M):
            t[j] = x[i, j] * 2
        parpy.label("columns")
        for j in range(M):
            y[i, j] = t[M - 1 - j]


def scaled_on_device(x, y, N):
    with parpy.gpu:
        y[0, 0] = 7.0
        parpy.label("rows")
        for i in range(1, N):
            c = y[0, 0] + x[i, 2]
            parpy.label("columns")
            s = parpy.operators.sum(x[i, :])
            y[i, 1] = s + c
            parpy.label("columns")
            y[i, 2:] = s * x[i, 2:]
        y[0, 0] += y[1, 1]


def own_row_of_a_thread(x, y, N):
    M = x.shape[1]
    parpy.label("rows")
    for i in range(1, N):
        t = np.empty(M, np.float64)
        for j in range(M):
            t[j] = x[i, j] * 2
        for j in range(M):
            y[i, j] = t[M - 1 - j]


def own_row_of_a_block(x, y, N):
    M = x.shape[1]
    parpy.label("rows")
    for i in range(N):
        t = np.zeros(M, np.float64)
        parpy.label("columns")
        for j in range(0, M, 2):
            t[j] = x[i, j] * 2
        parpy.label("columns")
        for j in range(M):
            y[i, j] = t[M - 1 - j]


def own_row_on_the_device(x, y, N):
    M = x.shape[1]
    with parpy.gpu:
        for i in range(N):
            t = np.zeros(M, np.float64)
            parpy.label("columns")
            for j in range(M):
                t[j] = x[i, j]
            y[i, 0] = t[M - 1]
