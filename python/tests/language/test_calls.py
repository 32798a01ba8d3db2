"""Calls between decorated functions: arguments and results."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007

from __future__ import annotations

import re
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from call_programs import clamp, double, square, sum_and_difference, total
from harness import (
    assert_alive,
    check,
    check_views,
    define,
    each,
    survives,
)

import parpy

CE = parpy.CompileError

# --- Scalars in, scalars out --------------------------------------------------------------------


@parpy.jit
def next_power(v):
    p = 1
    while 1:
        if p > v:
            return p
        p *= 2


@parpy.jit
def add_everywhere(x, v):
    x += v


@parpy.jit
def first_negative(x):
    for i in range(x.shape[0]):
        if x[i] < 0:
            return i
    return -1


@parpy.jit
def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n //= 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


@parpy.jit
def changes_its_parameters(n, v):
    n = n + 1
    for v in range(n):
        n -= 1
    v = v * 2
    n += v
    return n


def uses_scalars(x, y):
    for i in range(x.shape[0]):
        s, d = sum_and_difference(x[i], 1)
        y[i] = clamp(square(x[i]), 1, 20) + clamp(low=-1, v=s - d, high=x[0])
    y[-1] = first_negative(x)
    y[-2] = collatz(27) + collatz(n=6)
    a = 4
    y[-3] = changes_its_parameters(a, 2.5) + a
    y[-4] = square(square(square(2)))
    y[-5] = next_power(x[0])
    add_everywhere(y[:3], 1)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_scalars(dtype: str, specialize: Any) -> None:
    x = np.array([3, 1, -2, 5, -6]).astype(dtype)
    check(uses_scalars, x, np.zeros(10), specialize=specialize)
    check(uses_scalars, abs(x), np.zeros(10), specialize=specialize)


def calls_in_every_place(x, y, n):
    k = 0
    while square(k) < n and first_negative(x[k:]) != 0:
        k += 1
    if square(k) > 4 or collatz(k + 1) > 3:
        y[0] = 1
    y[1] = square(3) if k < square(2) else collatz(7)
    y[clamp(k, 2, 3)] = x[clamp(-k, -2, 1)]
    y[square(2) : square(3)] = x[clamp(k, 0, 1)]
    y[square(2) : square(3) : 2] += x[square(1) : square(2)][0]
    y[9] = parpy.operators.sum(x[:] * square(k)) + np.max(x[: clamp(k, 1, 9)])
    for i in range(square(1), square(3), 2):
        y[10] += i
    y[11] = square(2) < square(k + 1) < square(4)
    y[12] = -square(2) + (not square(0)) + abs(square(-3)) + min(square(2), square(k))
    a, y[13] = square(4), square(5) and square(6)
    y[14] = a or square(7)
    y[15] -= square(k)


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_calls_stand_wherever_expressions_do(specialize: Any) -> None:
    for values in ([4.0, 2.0, 1.0, -3.0, 7.0], [-1.0, 2.0, 2.0, 2.0, 2.0], [1.0] * 5):
        for n in (0, 5, 17):
            check(calls_in_every_place, np.array(values), np.zeros(16), n, specialize=specialize)


# --- The types of results -----------------------------------------------------------------------


@parpy.jit
def weak_or_strong(x, c):
    if c > 0:
        return x[0]
    return 2


@parpy.jit
def int_or_float(c):
    if c > 1:
        return 1
    elif c > 0:
        return 0.5
    return True


@parpy.jit
def mixed_pair(x, z, c):
    if c:
        return x[0], 1
    return 0, z[0]


@parpy.jit
def truth(x):
    return x[0] > 1


@parpy.jit
def half(v):
    h = v / 2
    return h


def types_of_results(x, z, c, y):
    y[0] = weak_or_strong(x, c) / 3
    y[1] = int_or_float(c) / 3
    a, b = mixed_pair(x, z, c > 0)
    y[2] = a / 3
    y[3] = b / 3
    y[4] = weak_or_strong(x, c) * z[0] / 3
    y[5] = truth(x) + 1
    y[6] = half(x[0]) / 3 + half(z[0]) / 3
    y[7] = half(1) / 3


def test_results_of_several_types() -> None:
    for c in (0, 1, 2):
        for x, z in (("float32", "float64"), ("float64", "float32"), ("float32", "float32")):
            check(types_of_results, np.array([7], x), np.array([5], z), c, np.zeros(8), rtol=1e-6)


def two_types_at_two_sites(x, z, y, w):
    for i in range(x.shape[0]):
        y[i] = half(x[i]) / 3
        w[i] = half(z[i]) / 3
        y[i] += half(x[i])


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_call_sites_do_not_mix_their_types(specialize: Any) -> None:
    x = np.arange(1, 20, dtype=np.float32)
    z = np.arange(1, 20, dtype=np.float64)
    for a, b in ((x, z), (z, x), (x, x), (x.astype(np.int8), z)):
        y = np.zeros(19, np.float32 if a.dtype == np.float32 else np.float64)
        w = np.zeros(19, np.float32 if b.dtype == np.float32 else np.float64)
        check(two_types_at_two_sites, a, b, y, w, specialize=specialize)


@parpy.jit
def accumulates(x):
    s = 0
    for i in range(x.shape[0]):
        s += x[i]
        if s > 100:
            return 100
    return s


def one_helper_of_three_types(a, b, c, y):
    for k in range(2):
        y[0] += accumulates(a)
        y[1] += accumulates(b) / 3
        y[2] += accumulates(c) / 3


def test_one_helper_with_arrays_of_three_types() -> None:
    a = np.arange(5)
    check(one_helper_of_three_types, a, a.astype("f4") / 2, a * 0.3, np.zeros(3), rtol=1e-6)
    check(one_helper_of_three_types, a * 90, a.astype("f4"), a * 70.5, np.zeros(3), rtol=1e-6)


def test_many_call_sites() -> None:
    lines = "".join(f"    y[{i}] = clamp(x[{i}] + square({i}), {i}, 40)\n" for i in range(100))
    program = define(f"def program(x, y):\n{lines}", clamp=clamp, square=square)
    check(program, np.arange(100.0)[::-1].copy(), np.zeros(100))


# --- A result that is a tuple -------------------------------------------------------------------


@parpy.jit
def ordered(a, b):
    if a <= b:
        return a, b
    return b, a


@parpy.jit
def ordered_three(a, b, c):
    a, b = ordered(a, b)
    b, c = ordered(b, c)
    a, b = ordered(a, b)
    return a, b, c


@parpy.jit
def passed_on(a, b):
    return ordered(a, b)


@parpy.jit
def passed_on_in_branches(a, b):
    if a > 5:
        return passed_on(a, b)
    return a, 0


def sorts(x, y):
    y[0], y[1], y[2] = ordered_three(x[0], x[1], x[2])
    x[0], x[1] = ordered(x[0], x[1])
    y[3] = ordered(x[2], 3)[1]
    y[4] = ordered(x[2], 3)[-2]


def passes_tuples_on(x, y):
    y[0], y[1] = passed_on(x[0], x[1])
    y[2], y[3] = passed_on_in_branches(x[0], x[1])


@pytest.mark.parametrize("program", [sorts, passes_tuples_on])
def test_tuples(program: FunctionType) -> None:
    for values in ([1.0, 2.0, 3.0], [9.0, 8.0, 7.0], [2.0, 9.0, 1.0]):
        check(program, np.array(values), np.zeros(5))
        check(program, np.array(values), np.zeros(5), specialize="never")


# --- Results that a loop gives ------------------------------------------------------------------


@parpy.jit
def first_above(s, q):
    for c in range(q):
        if c > s:
            return s
    return s - 1


@parpy.jit
def first_two_above(s, q):
    k = 0
    for c in range(q):
        if c > s:
            return k, c > 1
        k += c
    return k - 1, False


def searches_again_and_again(v, w, q):
    for _ in range(2):
        parpy.label("N")
        for i in range(v.shape[0]):
            v[i] = first_above(v[i], q)
            w[i], flag = first_two_above(w[i], q)
            if flag:
                w[i] += 1


def sums_what_it_finds(v, w, q):
    parpy.label("N")
    for i in range(v.shape[0]):
        a, flag = first_two_above(v[i], q)
        w[0] += first_above(v[i], q)
        w[1] += a + flag


@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_results_of_loops_are_not_carried(specialize: Any) -> None:
    """They had no value before the loop: blocks handed it on, and `.reduce()` was refused."""
    v, w = np.arange(200) % 4, np.arange(200) % 5
    blocks = [{"N": parpy.threads(64).tpb(32)}]
    check(searches_again_and_again, v, w, 3, schedules=blocks, specialize=specialize)
    check(sums_what_it_finds, v, w, 3, schedules=each(reduce="N"), specialize=specialize)


# --- Arrays by reference ------------------------------------------------------------------------


@parpy.jit
def fill(block, value):
    block[:, :] = value


@parpy.jit
def shape_of(v):
    return v.shape[0], len(v), v.ndim


@parpy.jit
def add_into(target, source):
    target[:] = target[:] + source[:]


@parpy.jit
def reverse(v):
    v[:] = v[::-1]


@parpy.jit
def end(v):
    return v[-1]


@parpy.jit
def inner_part(v):
    double(v[1:-1])
    return end(v[:-1]) + end(v[::-2])


def passes_parts(a, x, n):
    double(x)
    double(x[2:])
    double(x[::2])
    double(x[::-1])
    double(x[-3:1:-2])
    double(a[1])
    double(a[-1][1:])
    double(a[:, n])
    double(a[n, ::-2])
    double(a[1:, 1:][:, 0])
    fill(a[1:3, ::3], 0.5)
    fill(a[::-2, n : n + 2], n)
    add_into(x[:3], a[0, :3])
    reverse(x[1:])
    reverse(a[:, 1])
    x[0] = total(a[1, :]) + total(a[:, 2]) + total(a[::2, ::-1])
    k, m, d = shape_of(a[::2, 1:])
    x[1] = k * 100 + m * 10 + d
    k, m, d = shape_of(x[9:3])
    x[2] = k * 100 + m * 10 + d
    x[3] = inner_part(x[3:]) + inner_part(a[2])


@pytest.mark.parametrize("layout", ["contiguous", "strided", "reversed", "transposed", "window"])
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_parts_of_arrays(layout: str, specialize: Any) -> None:
    a = np.arange(35.0).reshape(5, 7)
    for n in (0, 3):
        check(passes_parts, a, np.arange(1.0, 11.0), n, layouts=(layout,), specialize=specialize)


@parpy.jit
def shifts(target, source):
    target[:] = source[:]


@parpy.jit
def prefix_sums(target, source):
    for i in range(1, target.shape[0]):
        target[i] = target[i - 1] + source[i]


def one_array_twice(x):
    shifts(x[1:], x[:-1])
    shifts(x, x)
    shifts(x[::-1], x)
    prefix_sums(x, x)
    shifts(x[2:5], x[4:7])
    add_into(x[1:], x[:-1])
    add_into(x, x[::-1])
    shifts(x[-2::-2], x[: x.shape[0] // 2])


def one_block_twice(a):
    shifts(a[1], a[0])
    shifts(a[:, 1], a[1, :])
    add_into(a[2], a[2])
    shifts(a[1:, 0], a[:-1, 0])
    fill(a[:2, 2:], end(a[2]))


@pytest.mark.parametrize("n", [4, 9, 64])
def test_arguments_that_share_elements(n: int) -> None:
    n += n % 2
    check(one_array_twice, np.arange(1.0, 1.0 + max(n, 8)), layouts=("contiguous", "strided"))
    check(one_array_twice, np.arange(1.0, 1.0 + max(n, 8)), specialize="never")
    check(
        one_block_twice, np.arange(float(n * n)).reshape(n, n), layouts=("contiguous", "reversed")
    )


def two_arguments(x, z):
    shifts(x, z)
    add_into(z, x)
    prefix_sums(x, z)


def test_arguments_of_the_entry_that_overlap() -> None:
    def views() -> list[np.ndarray]:
        memory = np.arange(1.0, 40.0)
        return [memory[3:20], memory[1:18]]

    check_views(two_arguments, views)
    check_views(two_arguments, lambda: [views()[0]] * 2)


# --- Deep and wide ------------------------------------------------------------------------------


def chain(length: int) -> FunctionType:
    helper = parpy.jit(define("def h(v):\n    return v + 1\n"))
    for _ in range(length):
        helper = parpy.jit(define("def h(v):\n    return inner(v) + 1\n", inner=helper))
    return define("def program(x):\n    x[0] = h(x[0])\n", h=helper)


def test_a_long_chain_of_calls() -> None:
    survives(lambda: check(chain(40), np.zeros(1)))
    check(chain(40), np.zeros(1))
    with pytest.raises(CE, match="too large"):
        parpy.jit(chain(80))(np.zeros(1))
    assert_alive()


def test_calls_that_multiply() -> None:
    helper = parpy.jit(define("def h(v):\n    w = v + 1\n    return w * 2\n"))
    for _ in range(22):
        helper = parpy.jit(define("def h(v):\n    return inner(v) + inner(v)\n", inner=helper))
    program = define("def program(x):\n    x[0] = h(x[0])\n", h=helper)
    with pytest.raises(CE, match="too large"):
        parpy.jit(program)(np.zeros(1))
    assert_alive()


# --- Text ---------------------------------------------------------------------------------------


def test_print_compiled_takes_helpers_along() -> None:
    text = parpy.print_compiled(uses_scalars, (np.ones(5), np.zeros(10)))
    fn = parpy.compile_string("uses_scalars", text)
    y, z = np.zeros(10), np.zeros(10)
    fn(np.ones(5), y)
    parpy.jit(uses_scalars)(np.ones(5), z)
    assert y.tolist() == z.tolist()
    assert not re.search(r"call .*@(square|clamp|collatz)\b", text)
