"""Statements and reductions of complex numbers: held to what NumPy and plain Python do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from complex_numbers import values
from harness import COMPLEXES, LAYOUTS, assert_same, check, check_views, each, options
from on_cuda import math_ulps

import parpy

# --- Statements --------------------------------------------------------------------------------


def carries(z, y):
    a = 1 + 0j
    b = z[0]
    for i in range(len(z)):
        a, b = b, a * 0.5 + z[i]
        if abs(a) > 1.5:
            a = a / abs(a)
        elif a.real < 0:
            a = complex(a.imag, a.real)
        c = a if i % 2 == 0 else 3.0
        y[i] = a + c * b


def joins(z, y):
    for i in range(len(z)):
        w = 0
        if z[i].real > 0:
            w = z[i]
        t = w or 2j
        u = w and t
        y[i] = w + t * u
        while abs(w) < 2 and w != 0:
            w = w * w + z[i] + 1
        y[i] += w


@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize("function", [carries, joins])
def test_variables_are_carried_and_joined(function: Any, dtype: str) -> None:
    z = values(dtype)
    # What abs() is off by is carried on and grows.
    ulps = 16 * math_ulps()
    check(function, z, np.zeros_like(z), strict=True, layouts=LAYOUTS, ulps=ulps)


def test_parts_are_exchanged() -> None:
    def exchanges(z):
        a = z[0]
        for i in range(len(z)):
            a = complex(a.imag, a.real)
            z[i] = complex(z[i].imag, z[i].real) + a
        z[1] = complex(z[0].imag, z[1].real)
        z[int(z[2].real * 0)] = z[3] * 1j
        z[4], z[5] = z[5].conjugate(), z[4]

    check(exchanges, values("complex128"))


def slices(z, w, x):
    parpy.label("N")
    z[1:] = z[:-1] * 2j + w[1:]
    parpy.label("N")
    w[:] *= z[::-1]
    parpy.label("N")
    w[:] /= x[:] + 2
    parpy.label("N")
    z[:] = z[::-1]
    z[::2] = 1
    z[1::3] -= 0.5j


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_slices_read_before_they_write(dtype: str) -> None:
    x = values("float32")
    args = values(dtype), values(dtype, seed=3), np.abs(x)
    bound = 1e-6 if dtype == "complex64" else 1e-15
    check(slices, *args, schedules=each("N"), rtol=bound, layouts=LAYOUTS)


def test_arrays_that_overlap() -> None:
    def adds(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i] = complex(x[i].imag, x[i].real) + y[i] * 1j

    memory = values("complex128", 80)
    one = [{"N": parpy.threads(1)}]
    check_views(adds, lambda: (lambda m: (m, m))(memory.copy()), schedules=one)
    check_views(adds, lambda: (lambda m: (m[:-3], m[3:]))(memory.copy()), schedules=one)

    # Where one array's imaginary parts are the other's real parts.
    def shifted() -> tuple[np.ndarray, np.ndarray]:
        memory = np.arange(41.0)
        return memory[:-1].view(complex), memory[1:].view(complex)

    check_views(adds, shifted, schedules=one)


def test_real_views_of_complex_memory() -> None:
    def writes(z, x):
        for i in range(len(z)):
            x[i] = z[i].imag + 1
            z[i] += x[i]

    def shared() -> tuple[np.ndarray, np.ndarray]:
        z = values("complex128")
        return z, z.real

    check_views(writes, shared)


def test_no_elements_and_one() -> None:
    for n in (0, 1, 3, 8):
        z = values("complex64", n)
        x = values("float32", n)
        check(slices, z, z.copy(), np.abs(x), schedules=each("N"), rtol=1e-6)
        y = np.zeros(1, np.complex64)
        check(sums, z, z.copy(), y.copy(), y.copy(), schedules=each(reduce="N"), rtol=1e-5)


@parpy.jit
def mandel(c, limit):
    z = 0j
    n = 0
    while n < limit and abs(z) <= 2:
        z = z * z + c
        n += 1
    return z, n


@parpy.jit
def normalise(row, by):
    row[:] /= by


def test_helpers_take_and_give_complex_numbers() -> None:
    def calls(z, counts):
        parpy.label("N")
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                w, n = mandel(z[i, j] * 0.5, 20)
                z[i, j] = w
                counts[i, j] = n
            normalise(z[i], 2 - 1j)

    z = values("complex128", 60).reshape(6, 10)
    check(calls, z, np.zeros((6, 10), np.int64), schedules=each("N"), strict=True)


def test_temporaries() -> None:
    def uses(z, y):
        n = len(z)
        t = np.zeros(n, np.complex64)
        u = np.empty((n, 3), dtype=complex)
        v = np.zeros_like(z)
        w = np.full(n, 2j)
        parpy.label("N")
        for i in range(n):
            local = np.zeros(4, z.dtype)
            for k in range(4):
                local[k] = z[i] * k
            t[i] = local[1] + local[3]
            u[i, :] = t[i] * 1j
            v[i] += u[i, 2]
        y[:] = t[:] + v[:] * w[:]

    for dtype in COMPLEXES:
        z = values(dtype)
        check(uses, z, np.zeros(len(z), complex), schedules=each("N"), rtol=1e-6)


def test_dictionaries() -> None:
    def uses(d, y):
        for i in range(len(y)):
            y[i] = d["x"][i] * d["a"] + d["b"]

    x = values("complex64")
    for a, b in ((1j, 2.0), (2 + 1j, 3.0), (2 + 2j, np.complex64(1j)), (2 + 3j, np.complex64(2))):
        y, wanted = np.zeros(len(x), complex), np.zeros(len(x), complex)
        d = {"x": x, "a": a, "b": b}
        parpy.jit(uses)(d, y, opts=options(strict=True))
        uses(d, wanted)
        assert_same(y, wanted)


# --- Reductions --------------------------------------------------------------------------------


def sums(x, y, total, dot):
    parpy.label("N")
    total[0] = parpy.operators.sum(x[:])
    parpy.label("N")
    for i in range(len(x)):
        dot[0] += x[i].conjugate() * y[i]


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_sums(dtype: str) -> None:
    for n in (5, 1000):
        args = values(dtype, n), values(dtype, n, 3), np.ones(1, dtype), np.ones(1, dtype)
        check(sums, *args, schedules=each(reduce="N"), rtol=2e-5 if dtype == "complex64" else 1e-12)


def test_sums_over_axes() -> None:
    def reduces(z, rows, columns, y):
        parpy.label("N")
        rows[:] = np.sum(z[:, :], axis=1)
        columns[:] = parpy.operators.sum(z[:, :] * 2j, axis=0)
        y[0] = z.sum()
        y[1] = parpy.operators.prod(z[:3, 0])
        y[2] = np.prod(z[2, :3])
        y[3] = sum(z[0, :]) + parpy.reduce.sum(z[1, :])

    for dtype in COMPLEXES:
        z = values(dtype, 60).reshape(6, 10)
        zeros = [np.zeros(6, dtype), np.zeros(10, dtype), np.zeros(4, dtype)]
        check(reduces, z, *zeros, schedules=each("N"), rtol=1e-5)


def test_variables_accumulate_under_reduce() -> None:
    def accumulates(z, y):
        s = 1j
        t = 0.0
        u = y[1]
        parpy.label("N")
        for i in range(len(z)):
            s += z[i] * z[i]
            if z[i].real > 0:
                t = t + z[i]
            u -= z[i]
        y[0] = s + t
        y[1] = u

    for dtype in COMPLEXES:
        z = values(dtype, 3000)
        check(accumulates, z, np.ones(2, dtype), schedules=each(reduce="N"), rtol=1e-3)


def test_elements_accumulate_where_data_says() -> None:
    def histogram(h, b, w):
        parpy.label("N")
        for i in range(len(b)):
            h[b[i]] += w[i] * 2

    for dtype in COMPLEXES:
        b = np.random.default_rng(3).integers(0, 7, 3000)
        args = np.ones(7, dtype), b, values(dtype, 3000)
        check(histogram, *args, schedules=each(reduce="N"), rtol=1e-3)


def product_of_all(z, y):
    p = 1.0
    parpy.label("N")
    for i in range(len(z)):
        p *= z[i]
    y[0] = p
    parpy.label("M")
    for i in range(len(z)):
        y[1] = y[1] * z[i]
    parpy.label("M")
    y[2] = parpy.operators.prod(z[:])


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_products_run_in_order(dtype: str) -> None:
    z = values(dtype, 3000)
    z = (z / np.abs(z)).astype(dtype)
    check(product_of_all, z, np.ones(3, dtype), schedules=[{"M": parpy.threads(1)}], rtol=1e-3)
    for label in "NM":
        schedule = {label: parpy.threads(64).reduce()}
        args = z, np.ones(3, dtype)
        check(product_of_all, *args, schedules=[schedule], rtol=1e-3, warns=True)
        with pytest.warns(RuntimeWarning, match="only sums of complex values are reduced"):
            parpy.jit(product_of_all)(*args, opts=options(schedule))


def test_sums_are_the_same_with_any_number_of_workers_and_parameters() -> None:
    results = set()
    for n in (64, 2, 1):
        function = parpy.jit(sums)
        for m in (4999, 5000):
            x, y = values("complex128", 5000)[:m], values("complex128", 5000, 3)[:m]
            one, two = np.zeros(1, complex), np.zeros(1, complex)
            function(x, y, one, two, opts=options({"N": parpy.threads(n).reduce()}))
        results.add((one.tobytes(), two.tobytes()))
    if len(results) > 1:
        # One worker adds in order.
        assert len(results) == 2


def axpy(a, x, y):
    parpy.label("N")
    y[:] = a * x[:] + y[:]


def multiplies(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        z[i] = x[i] * y[len(x) - 1 - i]


def dots(x, y, z):
    parpy.label("N")
    z[0] = parpy.operators.sum(x[:] * y[:])


def test_loops_run_in_lanes() -> None:
    x, y, z = (values("complex128", 1000, seed) for seed in (1, 2, 3))
    opts = options({"N": parpy.threads(64)})
    for function, args in ((axpy, (2j, x, y)), (multiplies, (x, y, z)), (dots, (x, y, z))):
        code = parpy.jit(function).lower(*args, opts=opts).code
        assert "load <8 x double>" in code or "load <16 x double>" in code
        assert "gather" not in code
        assert "scatter" not in code
        assert function is dots or "store <8 x double>" in code
        check(function, *args, schedules=each("N"), rtol=1e-12, layouts=LAYOUTS)
