"""Whole programs: the seeds', and what people write loops for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import FLOATS, check, each

import parpy

# --- The seeds ---------------------------------------------------------------------------------


def sum_rows(x, y, N):
    parpy.label("outer")
    for i in range(N):
        y[i] = parpy.operators.sum(x[i, :])


def sum_rows_in_python(x, out, N):
    for i in range(N):
        out[i] = sum(x[i, :])


def sum_values(x, y):
    parpy.label("N")
    y[0] = parpy.operators.sum(x[:])


def sum_values_on_gpu(x, y, N):
    with parpy.gpu:
        y[0] = 0.0
        parpy.label("N")
        for i in range(N):
            y[0] += x[i]


def sum_values_outside(x, y, N):
    y[0] = 0.0
    parpy.label("N")
    for i in range(N):
        y[0] += x[i]


def integers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-9, 10, shape).astype(np.float32)


def test_row_wise_summation() -> None:
    x = integers(100, 1024)
    y = np.full(100, np.nan, np.float32)
    check(sum_rows, x, y, 100, schedules=[*each("outer"), {"outer": parpy.threads(100)}])
    check(sum_rows_in_python, x, y, 100)


def test_summation_of_values() -> None:
    for n in (100, 1, 5000):
        x = integers(n)
        y = np.full(1, np.nan, np.float32)
        reduce = [{"N": parpy.threads(n).reduce()}, {"N": parpy.reduce()}]
        check(sum_values, x, y, schedules=[*each("N"), *reduce])
        check(sum_values_on_gpu, x, y, n, schedules=reduce)
        check(sum_values_outside, x, y, n, schedules=reduce)


# --- Others --------------------------------------------------------------------------------------


def jacobi(a, b, steps):
    for _ in range(steps):
        parpy.label("rows")
        for i in range(1, a.shape[0] - 1):
            parpy.label("columns")
            for j in range(1, a.shape[1] - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        a[1:-1, 1:-1] = b[1:-1, 1:-1]


def jacobi_of_slices(a, b, steps):
    for _ in range(steps):
        parpy.label("rows")
        parpy.label("columns")
        b[1:-1, 1:-1] = 0.2 * (
            a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1]
        )
        a[1:-1, 1:-1] = b[1:-1, 1:-1]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", [jacobi, jacobi_of_slices])
def test_five_point_stencil(function, dtype: str) -> None:
    a = np.random.default_rng(1).random((33, 70)).astype(dtype)
    check(function, a, np.zeros_like(a), 3, schedules=each("rows", "columns"), strict=True)


def mandelbrot(image, limit):
    parpy.label("rows")
    for i in range(image.shape[0]):
        parpy.label("columns")
        for j in range(image.shape[1]):
            c_re = -2.0 + 3.0 * j / image.shape[1]
            c_im = -1.2 + 2.4 * i / image.shape[0]
            z_re = 0.0
            z_im = 0.0
            k = 0
            while k < limit and z_re * z_re + z_im * z_im < 4.0:
                z_re, z_im = z_re * z_re - z_im * z_im + c_re, 2.0 * z_re * z_im + c_im
                k += 1
            image[i, j] = k


def test_mandelbrot() -> None:
    image = np.zeros((20, 40), np.int32)
    check(mandelbrot, image, 30, schedules=each("rows", "columns"), strict=True)


def n_body(position, velocity, mass, dt, steps):
    n = len(mass)
    for _ in range(steps):
        parpy.label("bodies")
        for i in range(n):
            fx = 0.0
            fy = 0.0
            for j in range(n):
                dx = position[j, 0] - position[i, 0]
                dy = position[j, 1] - position[i, 1]
                r2 = dx * dx + dy * dy + 1e-3
                inverse = mass[j] / (r2 * math.sqrt(r2))
                fx += dx * inverse
                fy += dy * inverse
            velocity[i, 0] += fx * dt
            velocity[i, 1] += fy * dt
        parpy.label("bodies")
        position[:, :] += velocity[:, :] * dt


def test_n_body() -> None:
    rng = np.random.default_rng(2)
    position, velocity = rng.random((20, 2)), np.zeros((20, 2))
    args = (position, velocity, rng.random(20), 0.01, 3)
    check(n_body, *args, schedules=each("bodies"), strict=True)


def bubble_sort(x):
    n = len(x)
    swapped = True
    while swapped:
        swapped = False
        for i in range(n - 1):
            if x[i] > x[i + 1]:
                x[i], x[i + 1] = x[i + 1], x[i]
                swapped = True
        n -= 1


def insertion_sort(x):
    for i in range(1, len(x)):
        key = x[i]
        j = i - 1
        while j >= 0 and x[j] > key:
            x[j + 1] = x[j]
            j -= 1
        x[j + 1] = key


@pytest.mark.parametrize("dtype", ["int8", "float32", "uint64"])
@pytest.mark.parametrize("function", [bubble_sort, insertion_sort])
def test_sorting(function, dtype: str) -> None:
    for n in (0, 1, 2, 30):
        x = np.random.default_rng(n).integers(0, 100, n).astype(dtype)
        check(function, x)


def sieve(prime):
    prime[:] = True
    prime[:2] = False
    i = 2
    while i * i < len(prime):
        if prime[i]:
            for k in range(i * i, len(prime), 1):
                if k % i == 0:
                    prime[k] = False
        i += 1


def test_sieve() -> None:
    check(sieve, np.zeros(200, bool))


def prefix_sum(x, y):
    total = 0.0
    for i in range(len(x)):
        total += x[i]
        y[i] = total


def prefix_in_place(x):
    for i in range(1, len(x)):
        x[i] += x[i - 1]


def test_prefix_sums() -> None:
    for n in (0, 1, 2, 100):
        x = np.random.default_rng(n).random(n)
        check(prefix_sum, x, np.zeros(n))
        check(prefix_in_place, x)


def lu(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]


def cholesky(a):
    for j in range(a.shape[0]):
        a[j, j] = math.sqrt(a[j, j] - parpy.operators.sum(a[j, :j] * a[j, :j]))
        for i in range(j + 1, a.shape[0]):
            a[i, j] = (a[i, j] - parpy.operators.sum(a[i, :j] * a[j, :j])) / a[j, j]
        a[j, j + 1 :] = 0.0


def floyd_warshall(d):
    for k in range(d.shape[0]):
        for i in range(d.shape[0]):
            for j in range(d.shape[0]):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])


def durbin(r, y):
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, len(r)):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + parpy.operators.sum(r[k - 1 :: -1] * y[:k])) / beta if k > 0 else 0.0
        y[:k] += alpha * y[k - 1 :: -1]
        y[k] = alpha


def test_dense_algebra() -> None:
    rng = np.random.default_rng(3)
    a = rng.random((9, 9)) + 9 * np.eye(9)
    check(lu, a, strict=True)
    check(cholesky, a @ a.T, rtol=1e-14)
    check(floyd_warshall, rng.random((9, 9)))
    check(durbin, rng.random(8) * 0.1, np.zeros(8), rtol=1e-13)


def sparse_product(pointers, indices, data, x, y):
    parpy.label("rows")
    for i in range(len(y)):
        s = 0.0
        for k in range(pointers[i], pointers[i + 1]):
            s += data[k] * x[indices[k]]
        y[i] = s


@pytest.mark.parametrize("index", ["int32", "int64", "uint32"])
def test_sparse_matrix_times_vector(index: str) -> None:
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 5, 50)
    pointers = np.concatenate([[0], np.cumsum(counts)]).astype(index)
    indices = rng.integers(0, 30, pointers[-1]).astype(index)
    data, x = rng.random(len(indices)), rng.random(30)
    args = (pointers, indices, data, x, np.zeros(50))
    check(sparse_product, *args, schedules=each("rows"), strict=True)


def life(grid, new):
    n, m = grid.shape
    parpy.label("rows")
    for i in range(n):
        for j in range(m):
            s = 0
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    if di != 0 or dj != 0:
                        s += grid[(i + di) % n, (j + dj) % m]
            new[i, j] = 1 if s == 3 or (s == 2 and grid[i, j]) else 0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_game_of_life(dtype: str) -> None:
    grid = np.random.default_rng(5).integers(0, 2, (12, 17)).astype(dtype)
    check(life, grid, np.zeros_like(grid), schedules=each("rows"))


def normal_noise(state, out):
    parpy.label("N")
    for i in range(len(state)):
        s = state[i]
        for k in range(out.shape[1]):
            s = s ^ (s << 13)
            s = s ^ (s >> 7)
            s = s ^ (s << 17)
            out[i, k] = parpy.operators.float64(s >> 11) * (1.0 / 9007199254740992.0)
        state[i] = s


def test_random_numbers_of_unsigned_integers() -> None:
    state = np.arange(1, 71, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    check(normal_noise, state, np.zeros((70, 5)), schedules=each("N"))


def black_scholes(s, k, t, call):
    parpy.label("N")
    for i in range(len(s)):
        d1 = (math.log(s[i] / k[i]) + (0.02 + 0.5 * 0.3 * 0.3) * t[i]) / (0.3 * math.sqrt(t[i]))
        d2 = d1 - 0.3 * math.sqrt(t[i])
        n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
        n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
        call[i] = s[i] * n1 - k[i] * math.exp(-0.02 * t[i]) * n2


def test_black_scholes() -> None:
    rng = np.random.default_rng(6)
    s, k, t = rng.random((3, 150)) + 0.5
    check(black_scholes, s, k, t, np.zeros(150), schedules=each("N"), rtol=1e-14)


def attention(q, k, v, scores, out):
    parpy.label("i")
    for i in range(q.shape[0]):
        for j in range(k.shape[0]):
            scores[i, j] = parpy.operators.sum(q[i, :] * k[j, :]) / math.sqrt(q.shape[1])
        m = parpy.operators.max(scores[i, :])
        scores[i, :] = np.exp(scores[i, :] - m)
        scores[i, :] /= parpy.operators.sum(scores[i, :])
        for d in range(v.shape[1]):
            out[i, d] = parpy.operators.sum(scores[i, :] * v[:, d])


@pytest.mark.parametrize("dtype", FLOATS)
def test_attention(dtype: str) -> None:
    rng = np.random.default_rng(7)
    q, k, v = rng.standard_normal((3, 12, 16)).astype(dtype)
    args = (q, k, v, np.zeros((12, 12), dtype), np.zeros((12, 16), dtype))
    check(attention, *args, schedules=each("i"), rtol=100 * np.finfo(dtype).eps)
