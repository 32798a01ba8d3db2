"""Loops inside vector loops that lanes leave at different times, and vector loops with steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import NUMBERS, assert_same, check, decorated, each, options, survives

import parpy

FEW = [1, 8, 17]
SIZES = [*range(0, 12), 15, 16, 17, 31, 32, 33, 63, 64, 65, 70]


def halves(x, y):
    parpy.label("N")
    for i in range(len(x)):
        v = x[i]
        n = 0
        while v > 1:
            v = v // 2
            n += 1
        y[i] = n


def collatz(x, y):
    parpy.label("N")
    for i in range(len(x)):
        v = int(x[i])
        n = 0
        while v > 1 and n < 50:
            v = v // 2 if v % 2 == 0 else 3 * v + 1
            n += 1
        y[i] = n + v


def escapes(x, y):
    parpy.label("N")
    for i in range(len(x)):
        z = x[i] * 0
        y[i] = 30
        for k in range(30):
            z = z * z + x[i] / 8
            if z > 4:
                y[i] = k
                break


def skips(x, a, y):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i]
        for k in range(a.shape[0]):
            if a[k, i] < 3:
                continue
            if a[k, i] > 8:
                break
            s += a[k, i]
        y[i] = s


def ranges(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i] * 0
        for k in range(c[i]):
            s += x[i]
            if k > 2:
                s += k * 2
        y[i] = s


def ranges_from_data(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i]
        for k in range(c[i], c[i] * 2, 3):
            s += k
        for k in range(c[i], 0, -1):
            s += k * 2
        y[i] = s


def triangles(x, a, y):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i]
        for k in range(i + 1, a.shape[0]):
            s += a[k, i]
        for k in range(i):
            s -= a[k, i]
        for k in range(i, -1, -1):
            s += a[i, i] * k
        for k in range(max(0, i - 2), min(a.shape[0], i + 3)):
            s += a[k, i]
        y[i] = s


def nested(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        t = 0
        for k in range(c[i]):
            j = k
            while j < 5:
                j += 1 + c[i] % 3
                t += 1
                for m in range(k, j):
                    if m > 3:
                        break
                    t += m
        y[i] = t


def sides(x, y):
    parpy.label("N")
    for i in range(len(x)):
        v = x[i]
        w = x[i]
        if v > 4:
            while v > 4:
                w = v
                v = v - 2
        else:
            n = 0
            while n < v:
                w = n + v
                n += 1
            v = w
        y[i] = v + w


def kept_between(x, y):
    parpy.label("N")
    for i in range(len(x)):
        v = x[i]
        n = 0
        for k in range(3):
            while v > 5 - k:
                v = v - 1
                n += k
        y[i] = n


def uniform_condition(x, flag, y):
    parpy.label("N")
    for i in range(len(x)):
        s = x[i]
        for k in range(6):
            if flag > 2 and k > flag:
                break
            s += k
        y[i] = s


def values(n: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 11, n).astype(dtype)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("function", [halves, collatz, escapes, sides, kept_between])
def test_lanes_leave_at_different_times(function: Any, dtype: str) -> None:
    result = np.float64 if function is escapes and np.dtype(dtype).kind != "f" else dtype
    for n in SIZES:
        check(function, values(n, dtype), np.zeros(n, result), schedules=each("N"), strict=True)
    n = 67
    for specialize in ("always", "never"):
        check(
            function,
            values(n, dtype),
            np.zeros(n, result),
            schedules=each("N"),
            strict=True,
            specialize=specialize,
        )


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "float32", "float64"])
def test_ranges_that_differ_between_lanes(dtype: str) -> None:
    for n in SIZES:
        x = values(n, dtype)
        c = np.random.default_rng(n + 1).integers(-3, 9, n)
        a = np.random.default_rng(n + 2).integers(0, 11, (n, n)).astype(dtype)
        y = np.zeros(n, np.result_type(dtype, np.int64))
        for specialize in ("always", "never") if n in FEW else ("never",):
            settings: dict[str, Any] = {"strict": True, "specialize": specialize}
            check(skips, x, a, y.astype(dtype), schedules=each("N"), **settings)
            check(ranges, x, c, y, schedules=each("N"), **settings)
            check(ranges_from_data, x, c, y, schedules=each("N"), **settings)
            check(triangles, x, a, y, schedules=each("N"), **settings)
            check(nested, x, c, y, schedules=each("N"), **settings)
            check(uniform_condition, x, n % 5, y, schedules=each("N"), **settings)


# --- Steps ------------------------------------------------------------------------------------


def downwards(x, y):
    parpy.label("N")
    for i in range(len(x) - 1, -1, -1):
        y[i] = x[i] + i


def downwards_reversed(x, y):
    parpy.label("N")
    for i in range(len(x) - 1, -1, -1):
        y[len(x) - 1 - i] = x[i] * 2


def every_third(x, y):
    parpy.label("N")
    for i in range(1, len(x), 3):
        s = x[i]
        for k in range(6):
            s = s * 3 + k
            s = s - x[i] // 2
        y[i] = s


def every_second_down(x, y):
    parpy.label("N")
    for i in range(len(x) - 2, 0, -2):
        v = x[i]
        n = 0
        while v > 0:
            v = v // 2
            n += 1 + i % 3
        y[i] = n


def totals(x, y):
    parpy.label("N")
    for i in range(len(x) - 1, -1, -1):
        y[0] += x[i]


@pytest.mark.parametrize("dtype", ["int8", "uint32", "int64", "float32", "float64"])
def test_steps(dtype: str) -> None:
    for n in SIZES:
        x = values(n, dtype)
        for specialize in ("always", "never") if n in FEW else ("never",):
            for function in (downwards, downwards_reversed, every_third, every_second_down):
                y = np.zeros(n, dtype)
                check(function, x, y, schedules=each("N"), strict=True, specialize=specialize)
            y = np.zeros(1, dtype)
            check(totals, x, y, schedules=each(reduce="N"), specialize=specialize)


# --- Reductions -------------------------------------------------------------------------------


def counts(x, y):
    parpy.label("N")
    for i in range(len(x)):
        v = x[i]
        while v > 1:
            v = v / 2
            y[0] += v


def test_the_same_bits_for_any_number_of_workers() -> None:
    x = np.random.default_rng(5).random(20_011) * 100
    expected = np.zeros(1)
    counts(x[:999], expected)
    results = []
    for threads in (1, 2, 64):
        for specialize in ("always", "never"):
            opts = options({"N": parpy.threads(threads).reduce()}, specialize=specialize)
            y = np.zeros(1)
            decorated(counts)(x, y, opts=opts)
            results.append(y)
            y = np.zeros(1)
            decorated(counts)(x[:999].copy(), y, opts=opts)
            assert_same(y, expected, rtol=1e-12)
    for y in results[2:]:
        assert_same(y, results[2])


# --- Bounds -----------------------------------------------------------------------------------


def walks(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        j = c[i]
        n = 0
        while x[j] > 0 and n < 100:
            j = x[j]
            n += 1
        y[i] = n


def waits(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        n = 0
        while x[c[i]] == 0:
            n += 1
            if n > 3:
                break
        while x[c[i] + n] == 0:
            n = n
        y[i] = n


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_bounds_are_checked_in_lanes(specialize: str) -> None:
    def run() -> None:
        x = np.array([0, 0, 1, 2, 3, 4, 5, 6])
        for n in (1, 5, 16, 33):
            c = np.arange(n) % 8
            check(
                walks,
                x,
                c,
                np.zeros(n, np.int64),
                schedules=each("N"),
                check_bounds=True,
                specialize=specialize,
            )
            bad = c.copy()
            bad[n // 2] = 8
            opts = options({"N": parpy.threads(4)}, check_bounds=True, specialize=specialize)
            for function in (walks, waits):
                with pytest.raises(IndexError, match="index 8 of 'x'"):
                    decorated(function)(
                        x if function is walks else x * 0 + 1, bad, np.zeros(n, np.int64), opts=opts
                    )

    survives(run)
