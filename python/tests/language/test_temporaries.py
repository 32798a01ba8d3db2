"""Temporary arrays: `np.empty`, `np.zeros`, `np.ones`, `np.full` and their `_like` forms."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, F821, F841, SIM108

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import DTYPES, FLOATS, Wrong, assert_alive, check, define, each, options, survives

import parpy

CE = parpy.CompileError
TME = parpy.TypeMismatchError
wrong = Wrong()

# --- Types --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["np.{0}", "parpy.types.{1}", "x.dtype", "a[0].dtype"])
def test_dtypes(dtype: str, form: str) -> None:
    short = {"bool": "Bool"}.get(dtype) or dtype[0].upper() + dtype.lstrip("abcdefilnotu")
    text = form.format("bool_" if dtype == "bool" else dtype, short)
    if text.startswith("parpy"):
        # Python itself takes no ParPy type for a dtype; ParPy compiles it like NumPy's.
        program = define(f"""
            def program(x, a, y):
                t = np.zeros(3, {text})
                t[0] = x[0]
                y[:] = t[:]
        """)
        x, y = np.array([1, 0, 1]).astype(dtype), np.ones(3, dtype)
        parpy.jit(program)(x, np.zeros((2, 2)), y)
        assert y.tolist() == [1, 0, 0]
        return
    program = define(f"""
        def program(x, a, y, e, o, f, z):
            t = np.zeros((3, 2), {text})
            t[:, 1] = x[:]
            y[:] = t[:, 1]
            z[:] = t[:, 0]
            u = np.ones(3, dtype={text})
            o[:] = u[:]
            u = np.empty(3, {text})
            u[:] = x[::-1]
            e[:] = u[:]
            v = np.full(3, x[0], {text})
            f[:] = v[:]
            u[0] = v[2]
            w = np.zeros_like(x)
            z[1] = w[1]
            w = np.ones_like(x)
            z[2] = w[1]
    """)
    x = np.array([1, 0, 1]).astype(dtype)
    out = [np.zeros(3, dtype) for _ in range(5)]
    check(program, x, np.zeros((2, 2), dtype), *out)
    check(program, x, np.zeros((2, 2), dtype), *out, specialize="never")


def python_types(y):
    a = np.zeros(3, float)
    b = np.ones(3, int)
    c = np.ones(3, bool)
    d = np.zeros(3)
    a[:] = y[:] / 3
    b[1] = 7
    c[2] = False
    d[:] = b[:] // 2 + c[:]
    y[:] = a[:] + b[:] / 2 + d[:]


def test_python_types() -> None:
    check(python_types, np.array([1.0, 2.0, 4.0]))


def the_type_of_the_fill(x, y, k):
    a = np.full(3, 7)
    y[0] = a[0] // 2 + a[a[0] - 6]
    b = np.full(3, 7.5)
    y[1] = b[0] // 2
    c = np.full(2, True)
    y[2] = c[0] + c[1]
    d = np.full(2, x[0])
    d[0] /= 3
    y[3] = d[0]
    e = np.full((2, 2), k)
    y[4] = e[0, 1] / 4
    f = np.full(2, k, x.dtype)
    y[5] = f[1] / 3
    g = np.full(2, k > 2)
    y[6] = g[0] + g[1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float64"])
def test_full_without_a_type_takes_that_of_its_value(dtype: str) -> None:
    x = np.array([2.0, 3.0], dtype)
    for k in (3, 2.5):
        check(the_type_of_the_fill, x, np.zeros(7), k)
        check(the_type_of_the_fill, x, np.zeros(7), k, specialize="never")


def parts(z, y):
    sizes = np.zeros(len(z), z.real.dtype)
    others = np.empty(len(z), dtype=z[1:].imag.dtype)
    for i in range(len(z)):
        sizes[i] = abs(z[i]) / 3
        others[i] = 1 / 3
        y[i] = sizes[i] + others[i]


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
def test_a_part_of_numbers_has_a_type(dtype: str) -> None:
    """y would show digits that float32 does not have."""
    check(parts, np.arange(1, 6).astype(dtype), np.zeros(5, np.float64), strict=True, rtol=1e-15)


def float16_is_no_surprise(x, y):
    t = np.zeros_like(x)
    for i in range(x.shape[0]):
        t[i] = x[i] / 3
        y[i] = t[i] + t[i] * t[i]


@pytest.mark.parametrize("dtype", FLOATS)
def test_elements_round_to_their_type(dtype: str) -> None:
    check(float16_is_no_surprise, np.arange(30, dtype=dtype), np.zeros(30), rtol=1e-7)


# --- Shapes -------------------------------------------------------------------------------------


def shapes_of_arrays(a, n, y):
    t = np.zeros(a.shape)
    t[:, :] = a[:, :] * 2
    u = np.empty((a.shape[1], a.shape[0]))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            u[j, i] = t[i, j]
    v = np.ones(a.shape[0] * 2 + n)
    w = np.full((n, 1, n + 1), 2.0)
    s = np.zeros_like(a[:, 0])
    s[:] = u[0, :]
    r = np.empty_like(u[1:, ::2])
    r[:, :] = u[1:, ::2]
    q = np.zeros(len(a))
    q[0] = n
    y[0] = np.sum(t) + np.sum(u[:, 1]) + np.sum(v) + np.sum(w) + np.sum(s) + np.sum(r)
    y[1] = t.shape[0] * 1000 + u.shape[0] * 100 + v.shape[0] * 10 + w.ndim
    y[2] = len(t) + r.shape[1] + r.shape[0] * 10 + q[0] + len(q)


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_shapes(specialize: Any) -> None:
    for shape in ((2, 3), (5, 4), (3, 64)):
        a = np.arange(float(np.prod(shape))).reshape(shape)
        layouts = ("contiguous", "transposed", "reversed")
        check(shapes_of_arrays, a, 2, np.zeros(3), specialize=specialize, layouts=layouts)


def extents_of_data(c, y):
    t = np.zeros(c[0])
    t[:] = 1
    n = c[1]
    u = np.zeros((n, c[0] + n))
    for i in range(n):
        u[i, i] = i
        n += 1
    y[0] = np.sum(t) + np.sum(u) + n


def test_extents_read_from_arrays() -> None:
    for values in ([3, 4], [0, 2], [500, 30]):
        for dtype in ("int64", "int32", "uint8"):
            check(extents_of_data, np.array(values).clip(0, 200).astype(dtype), np.zeros(1))


def of_no_elements(n, y):
    t = np.zeros(n)
    u = np.ones((n, 3))
    v = np.empty((4, n))
    t[:] = 5
    for i in range(n):
        t[i] = i
    y[0] = np.sum(t) + np.sum(u) + v.shape[1] + len(t) * 10


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_temporaries_without_elements(specialize: Any) -> None:
    check(of_no_elements, 0, np.zeros(1), specialize=specialize)
    check(of_no_elements, 3, np.zeros(1), specialize=specialize)


def of_an_extent(n, y):
    t = np.zeros(2 * n + 1)
    y[0] = len(t)


def where_it_is_asked_for(n, mode, y):
    if mode > 0:
        t = np.zeros(n)
        y[0] = len(t)


@pytest.mark.parametrize("specialize", ["auto", "never", "always"])
def test_a_negative_extent_is_an_error(specialize: Any) -> None:
    opts = options(specialize=specialize)
    function, asked = parpy.jit(of_an_extent), parpy.jit(where_it_is_asked_for)
    y = np.full(1, 7.0)
    for n in (2, 3, -1, 4, 5, -2):
        if n > 0:
            function(n, y, opts=opts)
            assert y[0] == 2 * n + 1
        else:
            with pytest.raises(ValueError, match="negative dimensions are not allowed"):
                function(n, y, opts=opts)
            with pytest.raises(ValueError, match="negative dimensions are not allowed"):
                asked(n, 1, y, opts=opts)
        before = y[0]
        asked(n, 0, y, opts=opts)
        assert y[0] == before


def where_data_ask_for_it(n, x, y):
    if x[0] > 0:
        t = np.zeros(n)
        y[0] = len(t)


@pytest.mark.parametrize("specialize", ["auto", "never", "always"])
def test_a_negative_extent_of_what_is_not_made_is_no_error(specialize: Any) -> None:
    for n in (2, 3, -1, 4, -2):
        check(where_data_ask_for_it, n, np.zeros(1), np.ones(1), specialize=specialize)


def three_extents(n, m, k, y):
    t = np.empty((n, m, k))
    if y[0] > 0:
        t[0, 0, 0] = 1
        t[n - 1, m - 1, k - 1] = 2
    y[1] = 5


HUGE = [
    (2**30, 2**30, 2**30),
    (2**31, 2**31, 2),
    (2**61, 1, 1),
    (2**62, 1, 1),
    (2**62, 4, 1),
    (2**63 - 1, 1, 1),
    (2**32, 2**32, 1),
    (2**45, 1, 1),
]


def run_huge(extents: tuple[int, int, int], specialize: Any) -> None:
    with pytest.raises(MemoryError):
        parpy.jit(three_extents)(*extents, np.ones(2), opts=options(specialize=specialize))


@pytest.mark.parametrize("specialize", ["auto", "never"])
@pytest.mark.parametrize("extents", HUGE, ids=str)
def test_more_than_there_is(extents: tuple[int, int, int], specialize: Any) -> None:
    survives(lambda: run_huge(extents, specialize))
    y = np.zeros(2)
    if 0 in extents:
        parpy.jit(three_extents)(*extents, y)
    assert_alive()


def large(x, y):
    t = np.zeros((x.shape[0], 3))
    t[:, 1] = x[:]
    u = np.empty_like(t)
    u[:, :] = t[:, ::-1] + 1
    y[:] = u[:, 1]


def test_large_ones() -> None:
    check(large, np.arange(100_000.0), np.zeros(100_000))
    check(large, np.arange(100_000.0), np.zeros(100_000), specialize="never")


# --- Blocks -------------------------------------------------------------------------------------


def made_in_loops(x, y):
    for i in range(x.shape[0]):
        t = np.zeros(4)
        for j in range(4):
            if j == i:
                continue
            t[j] += x[i] * j
        if x[i] < 0:
            continue
        u = np.full(i + 1, x[i], float)
        if x[i] > 5:
            break
        u[i] += t[3] + t[0]
        y[i] = np.sum(u)
    k = 0
    while k < 3:
        t = np.ones(k + 1)
        k += 1
        y[-k] = np.sum(t)


def made_in_branches(x, y):
    if x[0] > 1:
        t = np.zeros(3)
        t[0] = 1
        y[0] = np.sum(t)
    else:
        t = np.ones(5)
        y[0] = np.sum(t)
    if x[1] > 1:
        if x[2] > 1:
            t = np.ones((2, 2))
            y[1] = np.sum(t)
        with parpy.gpu:
            t = np.full(2, x[2])
            y[2] = np.sum(t)


def used_from_inner_blocks(x, y):
    t = np.zeros(x.shape[0])
    n = 0
    for i in range(x.shape[0]):
        if x[i] > 0:
            t[n] = x[i]
            n += 1
    for i in range(n):
        y[i] = t[n - 1 - i]


def made_again(x, y):
    t = np.zeros(3)
    t[1] = 5
    y[0] = np.sum(t)
    t = np.ones(7)
    y[1] = np.sum(t)
    t = np.zeros((2, 2), np.int32)
    t[1, 1] = 4
    y[2] = np.sum(t)
    t = np.full(4, t[1, 1] + 1)
    y[3] = np.sum(t)
    t = np.zeros_like(t)
    y[4] = np.sum(t) + t.shape[0]
    t = np.full(t.shape[0] + 1, 2)
    y[5] = np.sum(t)


def a_scalar_before(x, y):
    t = x[0]
    t = np.full(3, t)
    y[0] = np.sum(t)
    n = 4
    n = np.ones(n)
    y[1] = np.sum(n)


BLOCKS = [made_in_loops, made_in_branches, used_from_inner_blocks, made_again, a_scalar_before]


@pytest.mark.parametrize("program", BLOCKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("specialize", ["auto", "never"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_blocks(program: Any, specialize: Any, dtype: str) -> None:
    for values in ([1, 2, 3, -1, 2], [3, 0, 5, 1, 9], [4, 2, 1, 7, 0]):
        check(program, np.array(values, dtype), np.zeros(9), specialize=specialize)


def zeros_are_fresh_each_time(y):
    for k in range(4):
        t = np.zeros(600)
        t[k] += 1
        t[7] += k
        y[k] = np.sum(t)
    for k in range(4):
        t = np.zeros(3)
        t[1] += 1
        y[k] += np.sum(t)


def test_zeros_are_zero_in_each_iteration() -> None:
    check(zeros_are_fresh_each_time, np.zeros(4))


# --- Slices, reductions, aliases ----------------------------------------------------------------


def statements_on_temporaries(x, y):
    t = np.empty(x.shape[0])
    t[:] = x[:] * 2
    t[1:] = t[:-1]
    t[::2] += x[::2]
    u = np.zeros((3, x.shape[0]))
    u[:, :] = t[:]
    u[1, :] *= 2
    u[:, 0] = u[0, :3]
    y[:] = np.sum(u, axis=0) + t[::-1]
    y[0] = np.max(u) - np.min(u[1:])
    y[1] = u[-1, -1] + u[1][2] + u.sum() + len(u)
    t *= 2
    u -= t
    if y[1] > 0:
        t += u[1] * x
    y += t


def swapped(x, y):
    t = np.empty_like(x)
    t[:] = x[:]
    x[:] = y[:]
    y[:] = t[:]


@pytest.mark.parametrize("program", [statements_on_temporaries, swapped])
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_statements(program: Any, specialize: Any) -> None:
    for n in (4, 17, 300):
        x = np.arange(float(n))
        check(program, x, np.ones(n), specialize=specialize, layouts=("contiguous", "reversed"))


# --- Labels and parallel loops ------------------------------------------------------------------


def labelled(x, y):
    n = x.shape[0]
    parpy.label("Z")
    t = np.zeros(n)
    parpy.label("O")
    parpy.label("P")
    u = np.ones((n, 3))
    parpy.label("N")
    for i in range(n):
        t[i] += x[i] * 2
        u[i, 1] = t[i]
    parpy.label("M")
    for i in range(n):
        y[i] = t[n - 1 - i] + u[i, 1] + u[i, 2]


def private(x, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        t = np.zeros(4)
        for j in range(6):
            if j == 4:
                break
            t[j] = x[i] + j
        if x[i] > 20:
            continue
        u = np.full((2, 2), x[i])
        u[1, 0] = t[3]
        v = np.empty(3, np.int32)
        v[:] = i
        y[i] = np.sum(t) * np.sum(u) + v[2]


def private_of_run_time_extent(x, n, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        t = np.zeros(n + i % 3)
        t[0] = x[i]
        t[n - 1] += 1
        y[i] = np.sum(t) + len(t)


def private_in_a_reduction(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(x.shape[0]):
        t = np.ones(3)
        t[i % 3] = x[i]
        if x[i] > 50:
            continue
        s += t[0] + t[2]
    y[0] = s


def in_rows(a, y):
    parpy.label("N")
    for i in range(a.shape[0]):
        t = np.zeros_like(a[i])
        parpy.label("M")
        for j in range(a.shape[1]):
            t[j] = a[i, j] * 2
        parpy.label("M")
        for j in range(a.shape[1]):
            a[i, j] = t[a.shape[1] - 1 - j]


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_labels_of_temporaries(specialize: Any) -> None:
    for n in (3, 100, 5000):
        x = np.arange(float(n))
        schedules = each("Z", "O", "P", "N", "M", threads=[1, 64])
        check(labelled, x, np.zeros(n), schedules=schedules, specialize=specialize)


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_temporaries_of_an_iteration(specialize: Any) -> None:
    for n in (3, 1000):
        x = np.arange(float(n)) % 70
        schedules = each("N", threads=[1, 8, 64])
        check(private, x, np.zeros(n), schedules=schedules, specialize=specialize)
        run_time = {"schedules": schedules, "specialize": specialize}
        check(private_of_run_time_extent, x, 5, np.zeros(n), **run_time)
        check(private_of_run_time_extent, x, 3000, np.zeros(n), **run_time)
        reductions = each(reduce="N", threads=[1, 8, 64])
        check(private_in_a_reduction, x, np.zeros(1), schedules=reductions, specialize=specialize)
        a = np.arange(float(n * 9)).reshape(n, 9)
        check(in_rows, a, np.zeros(1), schedules=each("N", "M"), specialize=specialize)
