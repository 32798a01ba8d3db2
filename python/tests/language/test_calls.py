"""Calls between decorated functions: arguments, results, names, labels, errors, threads."""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: B007, SIM103, SIM110, F821, F841, RET503, RET505

from __future__ import annotations

import gc
import inspect
import re
import threading
import types
import weakref
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from harness import (
    Wrong,
    assert_alive,
    check,
    check_views,
    define,
    each,
    options,
    reject,
    survives,
)

import parpy

CE = parpy.CompileError
TME = parpy.TypeMismatchError
wrong = Wrong()

# --- Scalars in, scalars out --------------------------------------------------------------------


@parpy.jit
def square(v):
    return v * v


@parpy.jit
def clamp(v, low, high):
    if v < low:
        return low
    if v > high:
        return high
    return v


@parpy.jit
def sum_and_difference(a, b):
    return a + b, a - b


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


# --- Arrays by reference ------------------------------------------------------------------------


@parpy.jit
def double(v):
    for i in range(v.shape[0]):
        v[i] *= 2


@parpy.jit
def fill(block, value):
    block[:, :] = value


@parpy.jit
def total(v):
    return parpy.operators.sum(v)


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


# --- The order of evaluation --------------------------------------------------------------------


@parpy.jit
def bump(c):
    c[0] += 1
    return c[0]


@parpy.jit
def take(v, i):
    v[i] = 100
    return i


def operands_from_left_to_right(c, y):
    y[0] = c[0] * 10 + bump(c)
    y[1] = bump(c) * 10 + c[0]
    y[2] = c[0] + bump(c) * c[0] + bump(c) * c[0]
    y[3] = bump(c) - bump(c)
    y[4] = sum_and_difference(c[0], bump(c))[1]
    y[5], y[6] = c[0], bump(c)
    y[7], y[8] = bump(c), c[0]
    y[9] = c[0] if bump(c) > 3 else c[0] + 1
    y[10] = c[0] < bump(c) < bump(c) - c[0] + 1
    y[11] = (c[0] > 100 and bump(c)) + c[0]
    y[12] = (c[0] > 0 or bump(c)) + c[0]
    y[13] = min(c[0], bump(c), c[0])
    y[14] = parpy.operators.sum(y[:3] * c[0]) + bump(c) + parpy.operators.sum(y[:3] * c[0])
    y[15] += bump(c) * y[14]
    y[16] = -c[0] + clamp(high=bump(c), low=bump(c), v=c[0])


def the_value_before_the_target(c, y):
    y[bump(c)] = c[0]
    y[bump(c)] = bump(c)
    y[c[0]] = bump(c)
    y[bump(c) :] = c[0]
    y[bump(c)], y[bump(c)] = c[0], c[0]


def updates_evaluate_the_target_once(c, y):
    y[bump(c)] += c[0]
    y[bump(c)] *= bump(c)
    y[3] = 5
    y[c[0]] += bump(c)
    y[bump(c) : bump(c)] += 1
    y[take(y, 9)] += 1


def arrays_beside_calls(c, y):
    y[4:8] = c[:4] - (bump(c) + c[:4])
    y[8:12] = c[:4] + bump(c)
    y[12:16] = bump(c) + c[:4] * 2
    y[1:4] = y[:3] * 2 + square(3)
    y[: bump(c)] = c[0]
    y[:4] += bump(c)
    y[2:5] -= square(y[3]) + y[1:4]
    y[20:23] = parpy.operators.sum(c[:4] * 3) + bump(c)


def conditions_with_effects(c, y):
    k = 0
    while bump(c) < 9 and k < 5:
        k += 1
        y[k] = c[0]
    if bump(c) > 10 and bump(c) > 11 and bump(c) > 100:
        y[10] = 1
    elif bump(c) > 12:
        y[11] = c[0]
    for i in range(bump(c), bump(c) + 2):
        y[i] = bump(c)


@pytest.mark.parametrize(
    "program",
    [
        operands_from_left_to_right,
        the_value_before_the_target,
        updates_evaluate_the_target_once,
        arrays_beside_calls,
        conditions_with_effects,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_order_of_evaluation(program: FunctionType, specialize: Any) -> None:
    check(program, np.arange(6), np.zeros(30, np.int64), specialize=specialize)
    check(program, np.arange(6), np.zeros(30), specialize=specialize)


def changes_what_was_added(c, y):
    y[:4] = 2 * c[:4] + bump(c)


def changes_what_was_negated(c, y):
    y[0] = parpy.operators.sum(-c[:4] * bump(c))


def changes_what_fills_the_target(c, y):
    y[bump(c) : 5] = c[:3] + 1


@pytest.mark.parametrize(
    "program", [changes_what_was_added, changes_what_was_negated, changes_what_fills_the_target]
)
def test_a_call_that_changes_what_was_computed_is_refused(program: FunctionType) -> None:
    with pytest.raises(CE, match="a call that changes 'c' after the statement has computed"):
        parpy.jit(program)(np.arange(6), np.zeros(6, np.int64))
    with pytest.raises(CE, match="a call that changes 'c' after the statement has computed"):
        memory = np.zeros(6, np.int64)
        parpy.jit(program)(memory, memory)
    assert_alive()


# --- Names --------------------------------------------------------------------------------------


def test_helpers_of_other_modules_see_their_own_globals() -> None:
    deep = define("def deep(v):\n    return v + K\n", K=1000)
    helper = define("def helper(v):\n    return deep(v) * K\n", K=3, deep=parpy.jit(deep))
    program = define(
        "def program(x, y):\n    y[0] = helper(x[0]) + K\n    y[1] = deep(x[1])\n",
        K=0.5,
        helper=parpy.jit(helper),
        deep=parpy.jit(define("def deep(v):\n    return -v\n")),
    )
    check(program, np.array([1.0, 2.0]), np.zeros(2))
    fn = parpy.jit(program)
    for scope, value in ((deep, 7), (helper, -2), (program, 8), (deep, 2.5), (deep, 1000)):
        scope.__globals__["K"] = value
        x, y, z = np.array([1.0, 2.0]), np.zeros(2), np.zeros(2)
        fn(x, y)
        fn(x, z, opts=parpy.seq())
        assert y.tolist() == z.tolist()


def test_a_module_of_helpers() -> None:
    helpers = types.ModuleType("helpers")
    helpers.scale = parpy.jit(define("def scale(v):\n    return v * FACTOR\n", FACTOR=2.0))
    program = parpy.jit(
        define("def program(y):\n    y[0] = helpers.scale(y[0])\n", helpers=helpers)
    )
    y = np.ones(1)
    program(y)
    assert y[0] == 2
    helpers.scale = parpy.jit(define("def scale(v):\n    return v + 5\n"))
    program(y)
    assert y[0] == 7
    helpers.scale.__wrapped__.__globals__["scale"] = None
    program(y)
    assert y[0] == 12
    del helpers.scale
    with pytest.raises((NameError, CE), match="scale"):
        program(y)
    assert y[0] == 12


def test_a_constant_of_a_helpers_module_attribute() -> None:
    constants = types.ModuleType("constants")
    constants.K = 3
    helper = parpy.jit(define("def helper(v):\n    return v * constants.K\n", constants=constants))
    program = parpy.jit(define("def program(y):\n    y[0] = helper(1.0)\n", helper=helper))
    y = np.zeros(1)
    for value in (3, 4, 2.5, np.float32(0.1), True, 3):
        constants.K = value
        program(y)
        assert y[0] == value


def test_a_helper_that_is_redefined() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(y[0])\n"))
    scope = program.__wrapped__.__globals__
    y = np.full(1, 10.0)
    with pytest.raises((NameError, CE), match="helper"):
        program(y)
    for text, expected in (("v + 1", 11), ("v * 2", 22), ("v - 3", 19), ("v + 1", 20)):
        scope["helper"] = parpy.jit(define(f"def helper(v):\n    return {text}\n"))
        program(y)
        assert y[0] == expected
    scope["helper"] = parpy.jit(define("def helper(v, w):\n    return v\n"))
    with pytest.raises(TME):
        program(y)
    scope["helper"] = lambda v: v
    with pytest.raises(CE, match="Call to unknown function helper"):
        program(y)
    scope["helper"] = parpy.jit(define("def helper(v):\n    return v * 3\n"))
    program(y)
    assert y[0] == 60


def test_a_helper_of_a_helper_that_is_redefined_with_other_labels() -> None:
    outer = define("def outer(v, s):\n    inner(v, s)\n")
    program = parpy.jit(define("def program(v, s):\n    outer(v, s)\n", outer=parpy.jit(outer)))
    v = np.zeros(100)
    for label, value in (("A", 1), ("B", 2), ("C", 3), ("A", 4), ("Z", 5)):
        loop = f"parpy.label('{label}')\n    v[:] = s * {value}\n"
        outer.__globals__["inner"] = parpy.jit(define(f"def inner(v, s):\n    {loop}"))
        for opts in (options({label: parpy.threads(7)}), options()):
            program(v, 2.0, opts=opts)
            assert (v == 2 * value).all()
        with pytest.warns(RuntimeWarning, match="label"):
            program(v, 3.0, opts=options({"Q": parpy.threads(7)}))
        assert (v == 3 * value).all()


def later_defined_caller(x, y):
    y[0] = later_defined(x[0])


@parpy.jit
def later_defined(v):
    return v + 0.25


def test_a_helper_after_its_caller() -> None:
    check(later_defined_caller, np.ones(1), np.zeros(1))


def make_nested(k: float) -> tuple[FunctionType, Any]:
    @parpy.jit
    def scaled(v):
        return v * k

    @parpy.jit
    def shifted(v):
        return scaled(v) + k

    def entry(x, y):
        y[0] = shifted(x[0])
        y[1] = scaled(x[1])
        y[2] = k

    def change(value: float) -> None:
        nonlocal k
        k = value

    return entry, change


def test_helpers_in_closures() -> None:
    one, change = make_nested(3.0)
    two, _ = make_nested(5.0)
    for program in (one, two, one):
        check(program, np.array([1.0, 2.0]), np.zeros(3))
    change(7)
    x, y = np.array([1.0, 2.0]), np.zeros(3)
    parpy.jit(one)(x, y)
    assert y.tolist() == [14, 14, 7]


def test_a_helper_without_a_value_yet() -> None:
    def make() -> Any:
        def entry(y):
            y[0] = helper(y[0])

        fn = parpy.jit(entry)
        with pytest.raises((NameError, CE), match="helper"):
            fn(np.zeros(1))

        @parpy.jit
        def helper(v):
            return v + 1

        return fn

    y = np.zeros(1)
    make()(y)
    assert y[0] == 1


class Holder:
    """A class with a helper."""

    twice = parpy.jit(define("def twice(v):\n    return 2 * v\n"))


def helper_of_a_class(x):
    x[0] = Holder.twice(x[0])


def test_a_helper_in_a_class() -> None:
    check(helper_of_a_class, np.ones(1))


def test_the_same_function_under_two_names() -> None:
    program = define("def program(x):\n    x[0] = one(x[0]) + two(x[1])\n", one=square, two=square)
    check(program, np.array([2.0, 3.0]))


# --- Labels -------------------------------------------------------------------------------------


@parpy.jit
def labelled(v, s):
    parpy.label("H")
    for i in range(v.shape[0]):
        v[i] = v[i] * s + i


@parpy.jit
def labelled_sum(v):
    s = 0.0
    parpy.label("R")
    for i in range(v.shape[0]):
        if v[i] < 0:
            continue
        s += v[i]
    return s


def called_from_host_code(a, y):
    labelled(a[0], 2)
    for k in range(3):
        labelled(a[:, k], k)
        y[k] = labelled_sum(a[k])
    if y[0] > 0:
        labelled(y, 3)


def called_from_a_parallel_loop(a, y):
    parpy.label("N")
    for k in range(a.shape[0]):
        labelled(a[k], k)
        y[k] = labelled_sum(a[k])


def inlined_in_a_loop(a, y):
    parpy.label("N")
    for k in range(a.shape[0]):
        parpy.builtin.inline(labelled(a[k], k))
        y[k] = parpy.builtin.inline(labelled_sum(a[k]))


@pytest.mark.parametrize(
    "program", [called_from_host_code, called_from_a_parallel_loop], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("specialize", ["auto", "never"])
def test_labels_in_helpers(program: FunctionType, specialize: Any) -> None:
    a = np.random.default_rng(3).integers(-3, 9, (33, 40)).astype(float)
    names = ["H"] if program is called_from_host_code else ["N", "H"]
    check(
        program,
        a,
        np.zeros(33),
        schedules=each(*names, reduce="R", threads=[1, 8, 64]),
        specialize=specialize,
        warns=True,
    )


def test_inlined_labels_take_part() -> None:
    a = np.random.default_rng(3).integers(-3, 9, (33, 40)).astype(float)
    check(inlined_in_a_loop, a, np.zeros(33), schedules=each("N", "H", reduce="R"))


@parpy.jit
def plain_loop(v, s):
    for i in range(v.shape[0]):
        v[i] += s


@parpy.jit
def slice_statement(v, s):
    v[:] = v[:] * s


def labels_before_inlined_calls(a, v):
    parpy.label("L")
    parpy.builtin.inline(plain_loop(v, 2))
    parpy.label("M")
    parpy.builtin.inline(slice_statement(v, 3))


def test_a_label_names_the_inlined_statement() -> None:
    a = np.zeros((2, 2))
    check(labels_before_inlined_calls, a, np.arange(50.0), schedules=each("L", "M"))
    with pytest.warns(RuntimeWarning, match="label"):
        parpy.jit(labels_before_inlined_calls)(
            a, np.zeros(3), opts=options({"LL": parpy.threads(3)})
        )


@parpy.jit
def searches(v, value):
    parpy.label("S")
    for i in range(v.shape[0]):
        if v[i] == value:
            return i
    return -1


def uses_search(v, y):
    y[0] = searches(v, 3.0)
    y[1] = searches(v, 99.0)


def test_a_return_from_a_labelled_loop() -> None:
    v = np.arange(10.0)
    check(uses_search, v, np.zeros(2))
    with pytest.raises(CE, match="break and return cannot leave a parallel loop") as caught:
        parpy.jit(uses_search)(v, np.zeros(2), opts=options({"S": parpy.threads(4)}))
    assert "return i" in str(caught.value)
    assert 'parpy.label("S")' in str(caught.value)


def searches_rows(a, y):
    parpy.label("N")
    for i in range(a.shape[0]):
        y[i] = searches(a[i], 3.0)
        if y[i] < 0:
            continue
        y[i] += clamp(y[i], 1, 3)


def test_a_return_inside_a_parallel_loop_of_the_caller() -> None:
    a = np.random.default_rng(4).integers(0, 5, (70, 9)).astype(float)
    both = {"N": parpy.threads(8), "S": parpy.threads(8)}
    check(searches_rows, a, np.zeros(70), schedules=[*each("N"), both], warns=True)


@parpy.jit
def first_above(v, limit):
    for i in range(v.shape[0]):
        if v[i] > limit:
            found = v[i]
            place = i
            break
    return found * 10 + place


def reduces_what_is_found(a, y):
    s = 0.0
    parpy.label("N")
    for i in range(a.shape[0]):
        s += first_above(a[i], 3)
    y[0] = s


def reduces_calls(a, y):
    s = 0.0
    parpy.label("N")
    for i in range(a.shape[0]):
        v = searches(a[i], 3.0)
        if v < 0:
            continue
        s += clamp(v, 1, 5)
    y[0] = s


def test_calls_in_a_declared_reduction() -> None:
    a = np.random.default_rng(5).integers(0, 5, (701, 9)).astype(float)
    check(reduces_calls, a, np.zeros(1), schedules=each(reduce="N", threads=[1, 8, 64]))
    a[:, 8] = 4
    check(reduces_what_is_found, a, np.zeros(1), schedules=each(reduce="N", threads=[1, 8, 64]))


# --- Wrong calls --------------------------------------------------------------------------------

X = np.arange(6.0)
Y = np.zeros(6)


@parpy.jit
def returns_nothing(v):
    v[0] = 1


@parpy.jit
def returns_sometimes(v):
    if v > 0:
        return v


@parpy.jit
def returns_ones_and_twos(v):
    if v > 0:
        return v, v
    return v


@parpy.jit
def returns_an_array(v):
    return v


@parpy.jit
def unknown_inside(v):
    w = v + 1
    return w + nowhere


@parpy.jit
def runs_into_itself(v):
    if v <= 0:
        return 0
    return runs_into_itself(v - 1) + 1


@parpy.jit
def ping(v):
    return pong(v)


@parpy.jit
def pong(v):
    return ping(v)


def undecorated(v):
    return v


@wrong(TME, X, Y, at="square(x[0], 2)")
def too_many(x, y):
    y[0] = square(x[0], 2)  # error: square takes 1 argument (v), 2 were given


@wrong(TME, X, Y, at="clamp(x[0], 2)")
def too_few(x, y):
    y[0] = clamp(x[0], 2)  # error: clamp takes 3 arguments (v, low, high), 2 were given


@wrong(TME, X, Y)
def unknown_keyword(x, y):
    y[0] = clamp(x[0], 2, hihg=3)  # error: clamp has no parameter 'hihg'


@wrong(TME, X, Y)
def given_twice(x, y):
    y[0] = clamp(x[0], 2, v=3)  # error: clamp was given 'v' twice


@wrong(CE, X, Y)
def recursion(x, y):
    y[0] = runs_into_itself(3)


@wrong(CE, X, Y, at="undecorated", helps=True)
def calls_undecorated(x, y):
    y[0] = undecorated(x[0])  # error: Call to unknown function undecorated


@wrong(TME, X, Y, at="returns_nothing(x)")
def uses_no_result(x, y):
    y[0] = returns_nothing(x)  # error: returns_nothing returns no value


@wrong(CE, X, Y)
def passes_an_expression(x, y):
    double(x[:] + y[:])  # error: an array expression cannot be an argument


@wrong(CE, X, Y, at="square", helps=True)
def uses_a_function_as_value(x, y):
    y[0] = square + 1  # error: 'square' as a value is not supported


@wrong(CE, X, Y)
def labels_a_call(x, y):
    parpy.label("N")  # error: label 'N' stands before a call
    double(x)


@wrong(CE, X, Y)
def inlines_nothing(x, y):
    parpy.builtin.inline(x[0])  # error: parpy.builtin.inline takes a call of a decorated function


@wrong(CE, X, Y)
def inlines_a_builtin(x, y):
    y[0] = parpy.builtin.inline(abs(x[0]))  # error: parpy.builtin.inline takes a call of a


@pytest.mark.parametrize("case", [c for c in wrong.cases if c.id != "recursion"])
def test_wrong_calls(case: Any) -> None:
    reject(case)


def refused(function: FunctionType, *args: Any, error: Any = CE) -> BaseException:
    with pytest.raises(error) as caught:
        parpy.jit(function)(*args)
    assert not isinstance(caught.value, parpy.InternalCompilerError)
    assert_alive()
    return caught.value


def assert_points_into(error: BaseException, helper: Any, fragment: str) -> None:
    lines, first = inspect.getsourcelines(helper.__wrapped__)
    place = next(first + i for i, line in enumerate(lines) if fragment in line)
    assert error.filename == helper.__wrapped__.__code__.co_filename
    assert error.lineno == place
    assert f"On line {place} of file {error.filename}:" in str(error)
    assert fragment in str(error)


def uses_sometimes(x):
    x[0] = returns_sometimes(x[1])


def uses_ones_and_twos(x):
    x[0] = returns_ones_and_twos(x[1])


def uses_an_array(x):
    x[0] = returns_an_array(x)


def uses_unknown_inside(x):
    x[0] = unknown_inside(x[0])


def uses_itself(x):
    x[0] = runs_into_itself(x[0])


def uses_ping(x):
    x[0] = ping(x[0])


@pytest.mark.parametrize(
    ("program", "helper", "fragment", "error"),
    [
        (uses_sometimes, returns_sometimes, "return v", CE),
        (uses_ones_and_twos, returns_ones_and_twos, "return v", CE),
        (uses_an_array, returns_an_array, "return v", CE),
        (uses_unknown_inside, unknown_inside, "return w + nowhere", NameError),
        (uses_itself, runs_into_itself, "return runs_into_itself(v - 1) + 1", CE),
        (uses_ping, pong, "return ping(v)", CE),
    ],
)
def test_errors_in_helpers_point_into_them(
    program: FunctionType, helper: Any, fragment: str, error: Any
) -> None:
    found = refused(program, np.ones(3), error=error)
    if program is uses_ones_and_twos:
        fragment = "    return v\n"
        lines, first = inspect.getsourcelines(helper.__wrapped__)
        assert found.lineno == first + len(lines) - 1
        return
    assert_points_into(found, helper, fragment)


def test_errors_in_helpers_of_other_files() -> None:
    helper = parpy.jit(
        define(
            """
            # A comment, so that lines differ.


            def helper(v):
                a = 1
                return v[0] + missing_name
            """
        )
    )
    program = define("def program(x):\n    x[0] = helper(x)\n", helper=helper)
    assert_points_into(refused(program, np.ones(3), error=NameError), helper, "missing_name")
    helper = parpy.jit(define("def helper(v):\n\n    v[5] = 1\n    return v[2]\n"))
    program = define("def program(x):\n    x[0] = helper(x)\n", helper=helper)
    for specialize in ("auto", "never"):
        fn = parpy.jit(program)
        with pytest.raises(IndexError) as caught:
            fn(np.zeros(3), opts=options(specialize=specialize))
        assert_points_into(caught.value, helper, "v[5] = 1")
        fn(np.zeros(6), opts=options(specialize=specialize))


def test_a_recursive_entry() -> None:
    def entry(x):
        if x[0] > 0:
            entry_jitted(x)

    entry_jitted = parpy.jit(entry)
    with pytest.raises(CE, match="recursive"):
        entry_jitted(np.zeros(1))


def test_a_helper_that_writes_a_read_only_argument() -> None:
    def entry(x):
        double(x)

    x = np.ones(3)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="argument 'x' is read-only but the function writes it"):
        parpy.jit(entry)(x)

    def reads(x, y):
        y[0] = total(x)

    y = np.zeros(1)
    parpy.jit(reads)(x, y)
    assert y[0] == 3


def test_several_errors_are_one_error() -> None:
    helper = parpy.jit(define("def helper(v):\n    a = missing_one\n    return v + missing_two\n"))
    program = define("def program(x):\n    x[0] = helper(x[0])\n    x[1] = 1\n", helper=helper)
    error = refused(program, np.ones(3), error=NameError)
    assert "missing_one" in str(error)


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


# --- Plain Python -------------------------------------------------------------------------------

witnessed: list[type] = []


@parpy.jit
def witness(v):
    witnessed.append(type(v))
    return v


def calls_witness(x):
    x[0] = witness(x[0])


def test_helpers_run_in_plain_python_too() -> None:
    fn = parpy.jit(calls_witness)
    witnessed.clear()
    fn(np.zeros(1), opts=parpy.seq())
    assert witnessed == [np.float64]
    with pytest.raises(CE):
        witness(1.0)
    with pytest.raises(CE):
        fn(np.zeros(1))
    assert len(witnessed) == 1


def plain_that_fails(x):
    x[0] = total(x) + x[99]


def test_plain_python_is_over_after_an_exception() -> None:
    fn = parpy.jit(plain_that_fails)
    for _ in range(3):
        with pytest.raises(IndexError):
            fn(np.zeros(3), opts=parpy.seq())
    with pytest.raises(CE, match="Main function"):
        total(np.zeros(3))


inside, leave = threading.Event(), threading.Event()


def waits_in_python(x):
    inside.set()
    leave.wait()
    x[0] = total(x)


def test_plain_python_in_one_thread_alone() -> None:
    x = np.ones(2)
    fn = parpy.jit(waits_in_python)
    thread = threading.Thread(target=lambda: fn(x, opts=parpy.seq()))
    thread.start()
    inside.wait()
    try:
        with pytest.raises(CE, match="Main function"):
            total(np.zeros(3))
    finally:
        leave.set()
        thread.join()
    assert x[0] == 2


# --- Life ---------------------------------------------------------------------------------------


def test_decorated_closures_are_freed() -> None:
    class Token:
        pass

    def make() -> tuple[Any, list[weakref.ref[Any]]]:
        token = Token()
        scale = 3.0

        @parpy.jit
        def inner(v):
            return v * scale

        @parpy.jit
        def outer(x):
            x[0] = inner(x[0])

        def keeps() -> Any:
            return token, inner, outer

        keeps()
        return outer, [weakref.ref(o) for o in (token, inner, outer, outer.__wrapped__)]

    for call in (False, True):
        outer, refs = make()
        if call:
            x = np.ones(1)
            outer(x)
            outer(x, opts=options(specialize="never"))
            outer(x, opts=parpy.seq())
            assert x[0] == 27
        del outer
        gc.collect()
        assert [r() for r in refs] == [None] * len(refs)


def test_mutually_referring_closures_are_freed() -> None:
    def make(wrong: bool) -> list[weakref.ref[Any]]:
        @parpy.jit
        def first(x):
            x[0] = second(x[0]) if not wrong_now else third(x[0])

        @parpy.jit
        def second(v):
            if False:
                first(v)
            return v + 1

        wrong_now = wrong

        if wrong:

            @parpy.jit
            def third(v):
                return first(v)

        else:
            third = None
        x = np.zeros(1)
        try:
            first(x)
            assert x[0] == 1
        except CE:
            assert wrong
        refs = [weakref.ref(f) for f in (first, second)]
        return refs

    for wrong_program in (False, True):
        refs = make(wrong_program)
        gc.collect()
        assert [r() for r in refs] == [None, None]


def test_replaced_helpers_are_freed_with_their_caller() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(y[0])\n"))
    scope = program.__wrapped__.__globals__
    refs = []
    for k in range(20):
        helper = parpy.jit(define(f"def helper(v):\n    return v + {k}\n"))
        refs.append(weakref.ref(helper))
        scope["helper"] = helper
        program(np.zeros(1))
    del program, scope, helper
    gc.collect()
    assert [r() for r in refs] == [None] * 20


# --- Threads ------------------------------------------------------------------------------------


def test_first_calls_from_many_threads() -> None:
    for _ in range(3):
        inner = parpy.jit(define("def inner(v):\n    if v < 0:\n        return -v\n    return v\n"))
        helper = define(
            """
            def helper(v, s):
                parpy.label("H")
                for i in range(v.shape[0]):
                    if v[i] == 3:
                        continue
                    v[i] = inner(v[i]) * s
            """,
            inner=inner,
        )
        program = parpy.jit(
            define("def program(v, s):\n    helper(v, s)\n", helper=parpy.jit(helper))
        )
        start = threading.Barrier(8)
        failures: list[BaseException] = []

        def work(
            k: int, program: Any = program, start: Any = start, failures: Any = failures
        ) -> None:
            try:
                start.wait()
                for repeat in range(4):
                    dtype = [np.float32, np.float64, np.int64, np.int32][(k + repeat) % 4]
                    v = np.arange(-50, 50).astype(dtype)
                    w = v.copy()
                    opts = options({"H": parpy.threads(8)} if k % 2 else {})
                    program(v, 2, opts=opts)
                    program(w, 2, opts=parpy.seq())
                    assert (v == w).all()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures


def test_a_helper_changes_while_threads_call() -> None:
    program = parpy.jit(define("def program(y):\n    y[0] = helper(0.0)\n"))
    scope = program.__wrapped__.__globals__
    helpers = [
        parpy.jit(
            define(
                f"def helper(v):\n    parpy.label('L{k}')\n    for i in range({k + 1}):\n"
                f"        v += 1\n    return v + {k}\n"
            )
        )
        for k in range(4)
    ]
    allowed = {2.0 * k + 1 for k in range(4)}
    scope["helper"] = helpers[0]
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        y = np.zeros(1)
        try:
            while not stop.is_set():
                program(y)
                assert y[0] in allowed
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for k in range(200):
        scope["helper"] = helpers[k % 4]
        program(np.zeros(1))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures


# --- Indices that call --------------------------------------------------------------------------


@parpy.jit
def counted(c):
    c[0] += 1
    return c[0]


@parpy.jit
def identity(v):
    return v


def indexes_by_calls(c, x, z, y):
    y[0] = identity(x[counted(c)])
    y[1] = z[counted(c)].sum()
    y[2] = identity(v=z[counted(c), 1])


def test_an_index_that_calls_is_evaluated_once() -> None:
    check(indexes_by_calls, np.array([-1]), np.arange(4), np.arange(8).reshape(4, 2), np.zeros(3))


# --- Elements around calls ----------------------------------------------------------------------


def reads_between_calls(c, y):
    y[0] = c[0] + counted(c) * 10 + c[0] * 100 + counted(c) * 1000 + c[0] * 10000


def test_elements_between_calls_are_read_where_they_stand() -> None:
    check(reads_between_calls, np.array([0]), np.zeros(1))


def test_a_second_call_that_changes_what_was_computed_is_refused() -> None:
    @parpy.jit
    def program(c, y):
        y[:] = counted(c) + (c[:] * 2 + counted(c))

    with pytest.raises(
        CE, match="a call that changes 'c' after the statement has computed with it"
    ):
        program(np.array([0]), np.zeros(1))


@parpy.jit
def weight(c, i):
    return c[i % 5] * 3 - 1


def adds_up_calls(c, s, n):
    parpy.label("i")
    for i in range(n):
        s[0] += weight(c, i)
        s[1] = max(s[1], weight(c, i) + i)


def counts_by_calls(b, h, c, n):
    parpy.label("i")
    for i in range(n):
        h[b[i]] = h[b[i]] + weight(c, i)


@pytest.mark.parametrize("n", [0, 1, 7, 100_000])
def test_reductions_of_what_calls_return(n: int) -> None:
    c = np.array([1, 2, 0, 4, -3])
    schedules = each("i", reduce="i", threads=(2, 64, 100_000))
    check(adds_up_calls, c, np.array([5, -9]), n, schedules=schedules)
    b = np.arange(n) * 7 % 11
    check(counts_by_calls, b, np.arange(11), c, n, schedules=schedules)


def test_parallel_reductions_of_calls_are_no_race() -> None:
    for program, args in (
        (adds_up_calls, (np.zeros(5, int), np.zeros(2, int), 9000)),
        (counts_by_calls, (np.zeros(9000, int), np.zeros(11, int), np.zeros(5, int), 9000)),
    ):
        stages = parpy.jit(program).lower(*args, opts=options({"i": parpy.threads(64).reduce()}))
        assert "@reduce(add" in stages.program or "@update(add" in stages.program


# --- Text ---------------------------------------------------------------------------------------


def test_print_compiled_takes_helpers_along() -> None:
    text = parpy.print_compiled(uses_scalars, (np.ones(5), np.zeros(10)))
    fn = parpy.compile_string("uses_scalars", text)
    y, z = np.zeros(10), np.zeros(10)
    fn(np.ones(5), y)
    parpy.jit(uses_scalars)(np.ones(5), z)
    assert y.tolist() == z.tolist()
    assert not re.search(r"call .*@(square|clamp|collatz)\b", text)
