"""Versions for constants and versions with parameters: the same results, bit for bit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from harness import LAYOUTS, assert_same, check, each, lay_out, options

import parpy

VERSIONS = ("auto", "always", "never")


def mixture(x, y, n, f):
    parpy.label("N")
    for i in range(n):
        y[i] = x[i] * f + parpy.math.sin(x[i])
    parpy.label("M")
    y[0] = parpy.operators.sum(x[:n]) + n
    s = 0.0
    parpy.label("R")
    for i in range(len(x)):
        s += x[i] * f
    y[-1] += s


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_versions_give_the_same_bits(dtype: str) -> None:
    functions = {version: parpy.jit(mixture) for version in VERSIONS}
    rng = np.random.default_rng(0)
    for n in (5, 6, 1, 64, 0, 65, 200, 3000, 5, 2):
        x = rng.standard_normal(n + 1).astype(dtype)
        for schedule in ({}, *each("N", "M", reduce="R", threads=[8])):
            results = []
            for version, function in functions.items():
                y = np.zeros(n + 1, dtype)
                function(x, y, n, 0.3 + n, opts=options(schedule, specialize=version))
                results.append(y)
            assert_same(results[0], results[1], what=f"auto and always, {n}, {schedule}")
            assert_same(results[2], results[1], what=f"never and always, {n}, {schedule}")


def nests(x, y):
    parpy.label("N")
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = parpy.math.exp(x[i, j]) + x[i, j] * y[i, j]
    parpy.label("R")
    s = parpy.operators.sum(x * 1.1)
    parpy.label("N")
    y[:, :] += s + parpy.operators.sum(parpy.math.sin(x), axis=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_versions_of_nests_give_the_same_bits(dtype: str) -> None:
    functions = {version: parpy.jit(nests) for version in VERSIONS}
    rng = np.random.default_rng(0)
    for n, m in itertools.product((0, 1, 2, 37, 64), repeat=2):
        x = rng.standard_normal((n, m)).astype(dtype)
        for schedule in ({}, *each("N", "R", threads=[8])):
            results = []
            for version, function in functions.items():
                results.append(np.ones((n, m), dtype))
                function(x, results[-1], opts=options(schedule, specialize=version))
            assert_same(results[0], results[1], what=f"auto and always, {n}, {m}, {schedule}")
            assert_same(results[2], results[1], what=f"never and always, {n}, {m}, {schedule}")


def products_of_scalars(x, y, a, b):
    t = a
    u = a * 1.7
    y[0] = a * a - b
    y[1] = t * t - x[0]
    y[2] = u * u - x[1]
    t = b / 3
    y[3] = x[1] - t * t
    y[4] = t * t * x[0] - b
    if x[0] > 0:
        t = a
    y[5] = t * t - b
    parpy.label("N")
    for i in range(6, len(y)):
        y[i] = a * b + x[i]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_of_scalars_round_alike_as_constants(dtype: str) -> None:
    settings = {} if dtype == "float64" else {"force_float_size": parpy.types.F32}
    functions = {version: parpy.jit(products_of_scalars) for version in VERSIONS}
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, (a, b) = rng.standard_normal(30).astype(dtype), map(float, rng.standard_normal(2))
        results = []
        for version, function in functions.items():
            results.append(np.zeros(30, dtype))
            function(x, results[-1], a, b, opts=options({}, specialize=version, **settings))
        assert_same(results[0], results[1], what=f"auto and always, {a}, {b}")
        assert_same(results[2], results[1], what=f"never and always, {a}, {b}")


def chooses_a_product(x, y, a, c):
    for i in range(len(x)):
        y[i] += x[i] * y[i] if c else x[i]
        y[i] = x[i] - (y[i] if c else a * x[i])


def chooses_among_products(x, y, a, c):
    for i in range(len(x)):
        y[i] = (x[i] * y[i] if c else x[i]) + (y[i] * a if c > 1 else a * a)
        y[i] += -(x[i] * y[i]) if c else (x[i] * a if c > 0 else a)


def chooses_by_extent(x, y, a, c):
    for i in range(len(x)):
        y[i] += x[i] * y[i] if len(x) > 7 else x[i]


def products_in_logic(x, y, a, c):
    for i in range(len(x)):
        y[i] += c and x[i] * y[i]
        y[i] += c or x[i] * a


def products_in_extrema(x, y, a, c):
    for i in range(len(x)):
        y[i] += min(x[i] * y[i], a)
        y[i] += max(c, x[i] * y[i])


def products_under_conditions(x, y, a, c):
    for i in range(len(x)):
        if c:
            y[i] += x[i] * y[i]
            t = x[i] * a
        else:
            y[i] -= x[i] * a
            t = x[i]
        y[i] += t


def sums_of_choices(x, y, a, c):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * y[i] if c else x[i]
    y[0] = s


@parpy.jit
def chosen(p, q, c):
    if c:
        return p * q
    return p


@parpy.jit
def chosen_at_once(p, q, c):
    return p * q if c else p


def products_of_helpers(x, y, a, c):
    for i in range(len(x)):
        y[i] += chosen(x[i], y[i], c)
        y[i] += chosen_at_once(x[i], a, c)


def factors_that_are_chosen(x, y, a, c):
    t = a * 1.1 if c else a
    u = a if c else 2.0
    s = 0.0
    if c:
        s = a
    for i in range(len(x)):
        y[i] += t * u
        y[i] += s * a - t * t


def choices_of_elements(x, y, a, c):
    for i in range(len(x)):
        y[i] += a * (x[i] if c else 2.7)
        y[i] += a * (2.7 if c else x[i])
        t = x[i]
        if c:
            t = a
        y[i] += t * 1.3


CHOICES = (
    chooses_a_product,
    chooses_among_products,
    chooses_by_extent,
    products_in_logic,
    products_in_extrema,
    products_under_conditions,
    sums_of_choices,
    products_of_helpers,
    factors_that_are_chosen,
)


def assert_rounds_alike(function, dtype: str) -> None:
    for seed, c in itertools.product(range(3), (0, 1, 2, True, 3.3)):
        rng = np.random.default_rng(seed)
        x, start = (rng.standard_normal(16).astype(dtype) for _ in range(2))
        a, results = float(rng.standard_normal()), []
        for version in ("always", "never"):
            results.append(start.copy())
            opts = options({}, specialize=version)
            parpy.jit(function)(x, results[-1], a, c, opts=opts)
        assert_same(results[1], results[0], what=f"never and always, {c=}, {seed=}")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("function", CHOICES, ids=lambda f: f.__name__)
def test_sums_round_alike_whatever_is_known_of_conditions(function, dtype: str) -> None:
    if dtype.startswith("complex") and function is products_in_extrema:
        pytest.skip("complex numbers have no order")
    assert_rounds_alike(function, dtype)


def test_products_of_what_may_be_a_constant_round_alike() -> None:
    """Of a narrower type they are another product: a constant that is chosen is a Python number."""
    assert_rounds_alike(choices_of_elements, "float64")


def matrices(a, b, c):
    parpy.label("i")
    c[:, :] = a[:, :] + b[:, :] * 2
    c[0, :] = parpy.operators.sum(a, axis=0)


def test_extents_that_were_equal_may_differ_later() -> None:
    shapes = [(3, 3), (3, 4), (4, 3), (5, 5), (2, 7), (1, 7), (7, 1), (1, 1), (3, 3)]
    for n, m in shapes:
        a, b = np.random.default_rng(n).integers(0, 9, (2, n, m)).astype(np.float64)
        check(matrices, a, b, np.zeros((n, m)), schedules=each("i", threads=[8]))


def independent_extents(x, y, z):
    for i in range(len(y)):
        z[i] = x[i] + y[i]
    x[-1] = len(x)


def test_arrays_of_equal_lengths_may_differ_later() -> None:
    for n, m, k in [(4, 4, 4), (5, 5, 5), (6, 5, 5), (7, 5, 9), (5, 5, 5), (3, 2, 2)]:
        check(independent_extents, np.arange(float(n)), np.arange(float(m)), np.zeros(k))


def scalars(y, a, b, c):
    y[0] = a + b * c
    y[a] = b
    for i in range(a, b):
        y[i] = i


def test_scalars_that_were_equal_may_differ_later() -> None:
    for a, b, c in [(1, 1, 1), (1, 2, 1), (2, 2, 2), (3, 5, 7), (-1, 4, 0), (0, 0, 0)]:
        check(scalars, np.zeros(9), a, b, c)
        check(scalars, np.zeros(9), a, b, float(c))


def layouts(a, b):
    b[:, :] = a[:, :] * 2


def test_layouts_may_vary() -> None:
    function = parpy.jit(layouts)
    for n, (p, q) in itertools.product((3, 5, 1), itertools.product(LAYOUTS, repeat=2)):
        a = np.arange(float(n * (n + 1))).reshape(n, n + 1)
        x, y = lay_out(a, p), lay_out(np.zeros_like(a), q)
        function(x.array, y.array)
        np.testing.assert_array_equal(y.array, 2 * a)
        assert not x.neighbours_changed()
        assert not y.neighbours_changed()


def types(x, y):
    for i in range(len(x)):
        y[i] = x[i] * 2


def test_types_may_vary() -> None:
    for dtype in ("float64", "int8", "float32", "float64", "bool", "uint64"):
        x = np.arange(3).astype(dtype)
        check(types, x, np.zeros(3))
    for n in (3, np.int8(3), 3.0, np.float32(0.1), True, np.uint64(5), np.array(0.5)):
        check(scalar_types, n, np.arange(3, dtype=np.float32), np.zeros(3))


def scalar_types(s, x, y):
    for i in range(len(x)):
        y[i] = x[i] * s


def test_more_versions_than_are_kept() -> None:
    function = parpy.jit(types)
    kinds = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    for _ in range(2):
        for dtype, n, step in itertools.product(kinds, (0, 1, 3), (1, 2)):
            x = np.ones(n * step, dtype)[::step]
            y = np.zeros(n)
            function(x, y)
            assert y.tolist() == [2.0] * n


def test_what_is_compiled_is_told() -> None:
    function = parpy.jit(types)
    for n in (3, 3, 4, 5, 600):
        function(np.zeros(n), np.zeros(n))
    # The first for its size, the second for any size.
    assert len(function.compilations) == 2
    for key, reason, milliseconds in function.compilations:
        assert key and reason
        assert milliseconds > 0
    assert "extent 0 of x was 3 and is now 4" in function.compilations[1][1]


def adds_twice(x, n):
    for i in range(len(x)):
        x[i] += n
        x[i] += n


def test_large_numbers_have_versions_of_their_own() -> None:
    """Two for each: code for small numbers may count in 32 bits."""
    function = parpy.jit(adds_twice)
    numbers = [3, 1 << 30, 5, (1 << 30) - 1, -(1 << 30), 1 << 62, -(1 << 30) - 1, -(1 << 63), 7]
    for n in numbers:
        x, expected = np.arange(4), np.arange(4)
        with np.errstate(over="ignore"):
            adds_twice(expected, n)
        function(x, n)
        assert x.tolist() == expected.tolist()
    assert len(function.compilations) == 4
    reason = function.compilations[1][1]
    assert reason == "n was a Python int and is now a Python int where one has more than 31 bits"


def adds_three(x, a, b, c):
    for i in range(len(x)):
        x[i] += a
        x[i] += b
        x[i] += c


def test_one_large_number_counts_for_all() -> None:
    function = parpy.jit(adds_three)
    for numbers in itertools.product((1, 2, 1 << 40, 1 << 41), repeat=3):
        x = np.zeros(4, np.int64)
        function(x, *numbers)
        assert x.tolist() == [sum(numbers)] * 4
    assert len(function.compilations) <= 8


def first_element(x, y):
    y[0] = x[0, 0] + x[len(x) - 1, 0]


def test_large_arrays_have_versions_of_their_own() -> None:
    """By the reach of the elements, or by an extent."""
    memory = np.arange(4.0)
    function = parpy.jit(first_element)
    y = np.zeros(1)
    for shape in [(3, 2), (4, 2), (1 << 30, 2), (1 << 31, 2), (1 << 40, 2)]:
        x = np.lib.stride_tricks.as_strided(memory, shape, (0, 8), writeable=False)
        function(x, y)
    assert len(function.compilations) == 4
    assert "where one has 2³⁰ elements or more" in function.compilations[2][1]


def test_after_clear_all_is_compiled_anew() -> None:
    function = parpy.jit(types)
    function(np.zeros(3), np.zeros(3))
    function.clear()
    y = np.zeros(3)
    function(np.ones(3), y)
    assert y.tolist() == [2.0] * 3


def step_of(x, y, step):
    for i in range(0, len(x), step):
        y[i] = x[i]
    y[::step] += 1


def test_a_value_that_must_be_known_stays_a_constant() -> None:
    for step in (1, 2, 3, -1, 2):
        for n in (5, 6, 9):
            check(step_of, np.arange(float(n)), np.zeros(n), step)


def power_of(x, y, n):
    for i in range(len(x)):
        y[i] = x[i] ** n


def test_powers_by_an_argument() -> None:
    for n in (2, 3, 5, 0, 1, 17, 2):
        check(power_of, np.array([1.5, -2.0, 3.0]), np.zeros(3), n, ulps=4)
        check(power_of, np.array([1, -2, 3]), np.zeros(3, np.int64), n)
    for n in (0.5, 2.0, -1.0, -2):
        check(power_of, np.array([1.5, 2.0, 3.0]), np.zeros(3), n, ulps=4)
