"""Loops in lanes: rests of every length, conditions, and no access outside the arrays."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from harness import DTYPES, FLOATS, assert_same, check, decorated, each, options, survives

import parpy

PARALLEL = [{"N": parpy.threads(64)}]

# --- Rests ------------------------------------------------------------------------------------


def maps(x, y):
    parpy.label("N")
    y[:] = x[:] * x[:] + x[:]


def selects(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] if x[i] > x[0] else x[-1]


def reduces(x, y):
    parpy.label("N")
    y[0] = parpy.operators.max(x[:])
    parpy.label("N")
    y[-1] += parpy.operators.min(x[:])


def shifts(x, y):
    parpy.label("N")
    for i in range(len(x) - 1):
        y[i] = x[i + 1]


def computes(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = parpy.math.sin(x[i]) + parpy.math.exp(-x[i])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [maps, selects, reduces, shifts])
def test_every_rest(function, dtype: str) -> None:
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 10, 200).astype(dtype)
    for n in range(1 if function is not maps else 0, 201):
        check(function, values[:n], np.zeros(n, dtype), schedules=PARALLEL, plain=n < 3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_rest_of_math(dtype: str) -> None:
    values = np.random.default_rng(1).random(200).astype(dtype)
    for n in range(201):
        check(computes, values[:n], np.zeros(n, dtype), schedules=PARALLEL, plain=False, ulps=6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_element_has_the_same_bits_wherever_it_falls(dtype: str) -> None:
    # In a whole vector, in the rest, in a specialised and in a generalised version.
    values = np.random.default_rng(2).random(150).astype(dtype)
    whole = np.zeros(150, dtype)
    function = decorated(computes)
    function(values, whole, opts=options(PARALLEL[0]))
    for n in (1, 3, 17, 64, 65, 149):
        for start in (0, 1, 150 - n):
            for specialize in ("always", "never"):
                part = np.zeros(n, dtype)
                opts = options(PARALLEL[0], specialize=specialize)
                function(values[start : start + n], part, opts=opts)
                assert_same(part, whole[start : start + n], what=f"{n} elements from {start}")


def two_types(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * c[i] + (c[i] > 3)


@pytest.mark.parametrize("x", ["int8", "float32", "float64"])
@pytest.mark.parametrize("c", ["bool", "int8", "uint16", "int64"])
def test_lanes_of_different_widths(x: str, c: str) -> None:
    for n in (1, 15, 16, 17, 63, 64, 65, 130):
        a = np.arange(n).astype(x)
        b = (np.arange(n) % 7).astype(c)
        result = np.result_type(a, b)
        check(two_types, a, b, np.zeros(n, result), schedules=PARALLEL)


# --- Conditions -------------------------------------------------------------------------------


def neighbours(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if i + 1 < len(x):
            y[i] = x[i + 1]
        else:
            y[i] = -1
        if i > 0:
            y[i] += x[i - 1]


def far(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 1000.0:
            y[i] = x[i * 1_000_000_000_000]
            x[i * 1_000_000_000_000] = 5.0
        else:
            y[i] = x[i]


def through_data(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        if 0 <= c[i] < len(x):
            y[i] = x[c[i]]
            if x[c[i]] > 0.5:
                y[c[i]] += 0.0
        elif c[i] < -5:
            y[i] = -2.0


def nested(x, y):
    parpy.label("N")
    for i in range(len(x)):
        s = 0.0
        if x[i] > 0.2:
            if x[i] > 0.5:
                s = x[i] * 2
            else:
                t = x[i] + 1
                s = t * t
                if t > 1.4:
                    s = -s
        else:
            if i % 2:
                s = 7.0
        y[i] = s


def inner_loops(a, y):
    parpy.label("N")
    for i in range(len(y)):
        s = 0.0
        if y[i] > 0.3:
            for k in range(a.shape[0]):
                if a[k, i] > 0.5:
                    s += a[k, i]
                else:
                    s -= 1.0
        y[i] = s


def quotients_and_remainders(a, b, q, r):
    parpy.label("N")
    for i in range(len(a)):
        q[i] = a[i] // b[i]
        r[i] = a[i] % b[i]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_narrow_integers_are_divided_exactly(dtype: str) -> None:
    """Vector registers divide them as float32."""
    limits = np.iinfo(dtype)
    if limits.bits == 8:
        values = np.arange(limits.min, limits.max + 1)
    else:
        near = np.arange(-50, 51)
        values = np.concatenate([near, limits.max + near, limits.min + near, 255 + near])
        values = np.unique(np.clip(values, limits.min, limits.max))
    a, b = (x.ravel().astype(dtype) for x in np.meshgrid(values, values))
    q, r = np.zeros_like(a), np.zeros_like(a)
    decorated(quotients_and_remainders)(a, b, q, r, opts=options({"N": parpy.threads(4)}))
    with np.errstate(all="ignore"):
        assert_same(q, a // b)
        assert_same(r, a % b)


def divisions(x, c, y):
    parpy.label("N")
    for i in range(len(x)):
        if c[i] != 0:
            y[i] = x[i] // c[i] + x[i] % c[i]


SIZES = [1, 2, 15, 16, 17, 64, 100, 257]


@pytest.mark.parametrize("n", SIZES)
def test_conditions(n: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.random(n)
    check(neighbours, x, np.zeros(n), schedules=each("N"))
    check(far, x, np.zeros(n), schedules=each("N"))
    check(nested, x, np.zeros(n), schedules=each("N"), strict=True)
    check(nested, x.astype(np.float32), np.zeros(n), schedules=each("N"), strict=True)
    check(inner_loops, rng.random((5, n)), x, schedules=each("N"))
    c = rng.integers(-(10**15), 10**15, n)
    c[::2] = np.arange(n)[::2]
    check(through_data, x, c, np.zeros(n), schedules=each("N"))
    d = rng.integers(-2, 3, n)
    check(divisions, rng.integers(-100, 100, n), d, np.zeros(n, np.int64), schedules=each("N"))


def mixed_lanes(x, flag, y):
    parpy.label("N")
    for i in range(len(x)):
        a = 1.0
        if flag > 0:
            a = x[i]
        b = x[i] if flag > 1 else 2.0
        c = 3.0 if x[i] > 0.5 else flag
        if flag > 2 and x[i] > 0.2 or x[0] > 0.5:
            b = a
        y[i] = a + b * c


def test_conditions_that_all_lanes_share() -> None:
    for flag in range(4):
        x = np.random.default_rng(flag).random(150)
        check(mixed_lanes, x, flag, np.zeros(150), schedules=each("N"), strict=True)
        check(mixed_lanes, x, flag, np.zeros(150), schedules=PARALLEL, specialize="never")


def overwrites(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = 0.0
        for _k in range(3):
            y[i] = y[i] * 2 + x[i]
        y[i] = y[i] - y[i] * 0.5


def test_stores_in_lanes_are_seen_by_later_loads() -> None:
    check(overwrites, np.arange(133.0), np.ones(133), schedules=each("N"))


def transposed(a, b):
    parpy.label("N")
    for i in range(a.shape[0]):
        parpy.label("M")
        for j in range(a.shape[1]):
            b[j, i] = a[i, j]


def every_other(x, y):
    parpy.label("N")
    for i in range(len(x) // 2):
        y[2 * i] = x[2 * i + 1]
        y[2 * i + 1] = x[len(x) - 1 - 2 * i]


def test_strides_along_the_lanes() -> None:
    for n in (2, 30, 64, 131):
        a = np.arange(float(n * 5)).reshape(n, 5)
        check(transposed, a, np.zeros((5, n)), schedules=each("N", "M"))
        check(every_other, np.arange(float(n)), np.zeros(n), schedules=each("N"))


# --- Reading past the end ---------------------------------------------------------------------


def guarded(data: np.ndarray, at_end: bool) -> np.ndarray:
    """A copy of `data` next to a page that may not be touched, before or behind it."""
    page = mmap.PAGESIZE
    pages = -(-data.nbytes // page)
    memory = mmap.mmap(-1, (pages + 2) * page)
    buffer = np.frombuffer(memory, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    for place in (0, (pages + 1) * page):
        address = ctypes.c_void_p(buffer.ctypes.data + place)
        assert libc.mprotect(address, ctypes.c_size_t(page), 0) == 0
    start = (pages + 1) * page - data.nbytes if at_end else page
    view = buffer[start : start + data.nbytes].view(data.dtype).reshape(data.shape)
    view[...] = data
    return view


def gathers(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[i] = x[c[i]] if c[i] >= 0 else 0.0


@pytest.mark.parametrize("at_end", [False, True])
def test_no_access_outside_the_arrays(at_end: bool) -> None:
    def run() -> None:
        for dtype in (np.int8, np.float32, np.float64):
            for n in (1, 2, 15, 16, 17, 31, 33, 63, 65, 127, 128, 129, 200):
                for schedule in ({}, PARALLEL[0]):
                    x = guarded((np.arange(n) % 100).astype(dtype), at_end)
                    y = guarded(np.zeros(n, dtype), at_end)
                    for function in (maps, selects, reduces, shifts, neighbours):
                        decorated(function)(x, y, opts=options(schedule))
                        decorated(function)(x[::-1], y, opts=options(schedule))
                    if dtype != np.int8:
                        decorated(computes)(x, y, opts=options(schedule))
                        c = guarded(np.arange(n) - n // 2, at_end)
                        decorated(gathers)(x, c, y, opts=options(schedule))
                    a = guarded(np.zeros((3, n), dtype), at_end)
                    b = guarded(np.zeros((n, 3), dtype), at_end)
                    decorated(transposed)(a, b, opts=options(schedule))

    survives(run)
