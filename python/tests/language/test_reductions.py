"""`sum`, `prod`, `min` and `max` of array expressions, wherever they may stand.

Most data are small integers, so that float results are exact in whatever order they are added.
"""

# ruff: noqa: C419

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import DTYPES, FLOATS, INTEGERS, LAYOUTS, check, define, each

import parpy

OPS = ("sum", "prod", "min", "max")


def data(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Small integers, of which many are ±1, so that products stay small."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    low = 1 if dtype.startswith("u") else -1
    values = np.where(rng.random(shape) < 0.03, rng.integers(low, 4, shape), 1)
    return values.astype(dtype)


def result_type(op: str, dtype: str) -> str:
    if op in ("min", "max") or dtype in FLOATS:
        return dtype
    return "uint64" if dtype.startswith("u") else "int64"


# --- All types, all sizes ---------------------------------------------------------------------


def reduces(op: str):
    return define(f"""
        def reduces(x, y):
            parpy.label("N")
            y[0] = parpy.operators.{op}(x[:])
    """)


@pytest.mark.parametrize(
    ("op", "dtype"),
    [
        *(("sum", dtype) for dtype in DTYPES),
        *(("max", dtype) for dtype in DTYPES),
        *((op, dtype) for op in ("prod", "min") for dtype in ("bool", "int16", "uint64", *FLOATS)),
    ],
)
def test_of_every_type_in_every_size(op: str, dtype: str) -> None:
    function = reduces(op)
    schedules = each("N", threads=[64])
    for n in (2, 3, 1, 7, 15, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200, 255, 256, 257, 1000):
        x = data(dtype, n, seed=n)
        check(function, x, np.zeros(1, result_type(op, dtype)), schedules=schedules)
    for layout in ("strided", "reversed") if op == "sum" else ():
        y = np.zeros(1, result_type(op, dtype))
        check(function, data(dtype, 133), y, schedules=schedules, layouts=[layout])


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint32", "float32", "float64"])
@pytest.mark.parametrize("op", ["sum", "min", "max"])
def test_of_large_arrays(op: str, dtype: str) -> None:
    x = np.random.default_rng(1).integers(0, 100, 300_007).astype(dtype)
    if dtype == "float32":
        x = (x % 16).astype(dtype)  # sums stay below 2**24
    y = np.zeros(1, result_type(op, dtype))
    check(reduces(op), x, y, schedules=each("N", threads=[2, 3, 64]))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "bool"])
def test_sums_of_narrow_integers_are_wide(dtype: str) -> None:
    x = np.full(1000, True if dtype == "bool" else np.iinfo(dtype).max, dtype)
    check(reduces("sum"), x, np.zeros(1, result_type("sum", dtype)))
    x = np.full(5, 2, dtype) if dtype != "bool" else x
    check(reduces("prod"), x, np.zeros(1, result_type("prod", dtype)))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_wide_sums_wrap(dtype: str) -> None:
    x = np.full(77, np.iinfo(dtype).max, dtype)
    check(reduces("sum"), x, np.zeros(1, dtype))
    check(reduces("prod"), x, np.zeros(1, dtype))


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("op", ["min", "max"])
def test_extremes_of_extreme_values(op: str, dtype: str) -> None:
    info = np.finfo(dtype) if dtype in FLOATS else np.iinfo(dtype)
    for fill in (info.min, info.max):
        x = np.full(70, fill, dtype)
        check(reduces(op), x, np.zeros(1, dtype))
    if dtype in FLOATS:
        for fill in (-math.inf, math.inf):
            check(reduces(op), np.full(70, fill, dtype), np.zeros(1, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("place", [0, 15, 69])
def test_nan_propagates(op: str, dtype: str, place: int) -> None:
    x = np.arange(70).astype(dtype)
    x[place] = math.nan
    check(reduces(op), x, np.zeros(1, dtype), schedules=each("N", threads=[64]))


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_of_both_signs_sum_to_nan(dtype: str) -> None:
    x = np.zeros(100, dtype)
    x[3], x[90] = math.inf, -math.inf
    check(reduces("sum"), x, np.zeros(1, dtype))
    x[90] = 0
    check(reduces("sum"), x, np.zeros(1, dtype))


@pytest.mark.parametrize("n", [10, 1000, 100_000])
@pytest.mark.parametrize("dtype", FLOATS)
def test_sums_of_reals_are_near(dtype: str, n: int) -> None:
    x = np.random.default_rng(2).random(n).astype(dtype)
    y = np.zeros(1, dtype)
    # Added pairwise at least as well as in lanes: n · eps is generous.
    rtol = max(8.0, n / 64) * np.finfo(dtype).eps
    check(reduces("sum"), x, y, schedules=each("N", threads=[2, 64]), rtol=rtol)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_same_bits_for_any_number_of_threads(dtype: str) -> None:
    x = np.random.default_rng(3).standard_normal(200_003).astype(dtype)
    function = parpy.jit(reduces("sum"))
    results = set()
    for n in (1, 2, 3, 5, 64, 10**9):
        for specialize in ("always", "never"):
            y = np.zeros(1, dtype)
            opts = parpy.par({"N": parpy.threads(n)})
            opts.specialize = specialize
            function(x, y, opts=opts)
            if n > 1:  # threads(1) is sequential
                results.add(y[0].tobytes())
    assert len(results) == 1


# --- Dimensions and axes ----------------------------------------------------------------------

EXPRESSIONS = """
r[0] = parpy.operators.sum(a[:, :])
r[0] = parpy.operators.sum(a)
r[0] = parpy.operators.sum(a[1, :])
r[0] = parpy.operators.sum(a[:, -1])
r[0] = parpy.operators.sum(a[1:, ::2])
r[0] = parpy.operators.sum(a[::-1, 1:3])
r[0] = parpy.operators.sum(t[:, :, :])
r[0] = parpy.operators.sum(t[1, :, 1:])
r[:6] = parpy.operators.sum(a, axis=0)
r[:6] = parpy.operators.sum(a[:, :], axis=-2)
r[:5] = parpy.operators.sum(a[:, :], axis=1)
r[:5] = parpy.operators.sum(a, axis=-1)
r[:5] = parpy.operators.sum(a, 1)
r[:5] = parpy.operators.max(a[:, ::-1], axis=1)
r[:6] = parpy.operators.min(a, axis=0)
r[:6] = parpy.operators.prod(a[:3, :], axis=0)
m[:, :] = parpy.operators.sum(t, axis=0)
m[:2, :4] = parpy.operators.sum(t[:, :2, :], axis=1)
m[:2, :3] = parpy.operators.max(t, axis=2)
m[:2, :3] = parpy.operators.max(t, axis=-1)
r[:5] = a[:, 0] + parpy.operators.sum(a, axis=1) * 2
r[:6] = a[1, :] - parpy.operators.max(a[:, :], axis=0)
a[:, :] = a - parpy.operators.max(a, axis=0)
r[0] = parpy.operators.sum(a * 2 + 1)
r[0] = parpy.operators.sum(a[:, :] * r[:6])
r[0] = parpy.operators.sum(a[:, 0:1] * r[:6])
r[0] = parpy.operators.max(abs(a[:, :] - r[:6]))
r[0] = parpy.operators.sum(a > 1)
r[0] = parpy.operators.sum((a > 0) & (a < 3))
r[0] = parpy.operators.sum(parpy.operators.max(a, axis=1))
r[0] = parpy.operators.max(parpy.operators.sum(a, axis=0) * 2)
r[0] = parpy.operators.sum(a[:, :]) / a.size
r[0] = parpy.operators.sum(a[0, :]) * parpy.operators.sum(a[:, 1]) - parpy.operators.max(a)
r[k[1]] = parpy.operators.sum(a[k[1], :])
r[0] = parpy.operators.sum(a[0, :]) if parpy.operators.max(a) > 2 else parpy.operators.min(a)
r[1] = 3 * -parpy.operators.sum(-a[1, :]) ** 2
r[0] = a.sum() + a[0].max() + r.min()
r[:6] = a.sum(axis=0)
r[0] = np.sum(a) + np.max(a[1]) - np.min(a[:, 0]) * np.prod(a[0, :2])
r[:5] = np.sum(a, axis=1)
r[0] = parpy.reduce.sum(a[:, :]) - parpy.reduce.min(a) * parpy.reduce.prod(k[:])
r[0] = parpy.reduce.max(a)
r[0] = sum(a[1, :]) + max(a[2, :]) - min(a[:, 0])
r[0] = parpy.operators.sum(a[1:1, :])
r[0] = parpy.operators.prod(a[:, 6:])
r[:5] = parpy.operators.sum(a[:, 0:0], axis=1)
""".strip().splitlines()


@pytest.mark.parametrize("statement", EXPRESSIONS)
def test_expression(statement: str) -> None:
    function = define(f"""
        def reduces(a, t, r, m, k):
            parpy.label("N")
            {statement}
    """)
    rng = np.random.default_rng(4)
    arguments = (
        rng.integers(1, 5, (5, 6)).astype(np.float64),
        rng.integers(1, 5, (2, 3, 4)).astype(np.float64),
        rng.integers(1, 5, 9).astype(np.float64),
        np.zeros((3, 4)),
        np.array([2, 1, 0]),
    )
    check(function, *arguments, layouts=["contiguous", "transposed"])
    check(function, *arguments, schedules=each("N", threads=[64]), plain=False)
    check(function, *arguments, layouts=["reversed"], specialize="never")


def rows(a, r):
    parpy.label("rows")
    for i in range(a.shape[0]):
        parpy.label("columns")
        r[i] = parpy.operators.sum(a[i, :])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
def test_a_label_before_a_reduction_names_its_loop(dtype: str, layout: str) -> None:
    a = data(dtype, 23, 70)
    r = np.zeros(23, result_type("sum", dtype))
    check(rows, a, r, schedules=each("rows", "columns"), layouts=[layout])


def columns_then_reduction(a, r):
    parpy.label("i")
    parpy.label("j")
    r[:] = parpy.operators.sum(a[:, :], axis=1)


def test_labels_of_a_slice_come_before_the_reductions() -> None:
    a = data("float64", 33, 45)
    check(columns_then_reduction, a, np.zeros(33), schedules=each("i", "j"))


def flattened(t, r):
    parpy.label("all")
    r[0] = parpy.operators.sum(t[:, :, :])


def test_one_label_names_all_reduced_dimensions() -> None:
    for shape in [(2, 3, 4), (1, 1, 500), (50, 1, 3), (7, 11, 13)]:
        check(flattened, data("float64", *shape), np.zeros(1), schedules=each("all"))


def only_where_there_are_elements(x, r, is_wanted):
    parpy.label("N")
    r[0] = parpy.operators.sum(x[:]) if len(x) > 0 else -1.0
    parpy.label("N")
    r[1] = len(x) > 0 and parpy.operators.max(x[:])
    parpy.label("N")
    r[2] = not is_wanted or parpy.operators.min(x[:]) < 0 < parpy.operators.sum(x[:])
    parpy.label("N")
    r[3:] = x.sum() if is_wanted and len(x) > 3 else 0.0


@pytest.mark.parametrize("specialize", ["auto", "always", "never"])
def test_a_label_before_a_reduction_that_is_not_evaluated(specialize: Any) -> None:
    for n in (0, 1, 5, 0, 100):
        for is_wanted in (True, False):
            x, r = data("float64", n), np.zeros(6)
            args = (x, r, is_wanted) if n else (x, r, False)
            check(only_where_there_are_elements, *args, schedules=each("N"), specialize=specialize)


# --- Where a reduction may stand --------------------------------------------------------------


def in_conditions(x, y):
    if parpy.operators.sum(x[:]) > 10 and parpy.operators.min(x[:]) >= 0:
        y[0] = 1
    elif parpy.operators.max(x[:]) == 3:
        y[0] = 2
    while parpy.operators.sum(y[:]) < 20 or parpy.operators.max(y[:]) < 5:
        y[:] = y[:] + 1


def test_in_conditions() -> None:
    for x in ([1.0, 2.0, 3.0], [5.0, 6.0], [-1.0, 20.0], [-3.0, 3.0]):
        check(in_conditions, np.array(x), np.zeros(4))


def as_bounds(x, y):
    for i in range(parpy.operators.sum(x[:])):
        y[i] += 1
    y[parpy.operators.min(x[:])] = 70
    y[parpy.operators.max(x[:]) :] = 7


def test_as_bounds_of_loops_and_slices() -> None:
    check(as_bounds, np.array([1, 3, 2]), np.zeros(9))


def assigned_to_names(x, y):
    s = parpy.operators.sum(x[:])
    m = parpy.operators.max(x[:])
    x[:] = 0
    y[0] = s
    y[1] = m
    t = parpy.operators.sum(x[:]) + s
    y[2] = t


def test_results_are_values() -> None:
    check(assigned_to_names, np.arange(5.0), np.zeros(3))


def guarded(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[i] = parpy.operators.sum(x[i, :]) if c[i] else -1.0
        if c[i] and parpy.operators.max(x[i, :]) > 2:
            y[i] = 100


def test_in_conditional_expressions() -> None:
    x = np.random.default_rng(5).integers(0, 4, (20, 9)).astype(np.float64)
    c = np.arange(20) % 3 == 0
    check(guarded, x, c, np.zeros(20), schedules=each("N"))


def several(x, y, r):
    parpy.label("N")
    for i in range(x.shape[0]):
        r[i] = parpy.operators.sum(x[i, :] * y[i, :]) ** 2 / (
            parpy.operators.sum(x[i, :] * x[i, :]) + parpy.operators.sum(y[i, :] ** 2)
        )


def test_several_in_one_statement() -> None:
    x, y = np.random.default_rng(6).integers(1, 5, (2, 30, 17)).astype(np.float64)
    check(several, x, y, np.zeros(30), schedules=each("N"))


def softmax(x, y):
    parpy.label("rows")
    for i in range(x.shape[0]):
        m = parpy.operators.max(x[i, :])
        y[i, :] = parpy.operators.exp(x[i, :] - m)
        y[i, :] /= parpy.operators.sum(y[i, :])


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 100), (7, 257)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax(dtype: str, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(7).standard_normal(shape).astype(dtype)
    rtol = 16 * np.finfo(dtype).eps
    check(softmax, x, np.zeros_like(x), schedules=each("rows"), rtol=rtol, layouts=LAYOUTS)


def matrix_product(a, b, c):
    parpy.label("i")
    for i in range(a.shape[0]):
        parpy.label("j")
        for j in range(b.shape[1]):
            parpy.label("k")
            c[i, j] = parpy.operators.sum(a[i, :] * b[:, j])


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_matrix_product(dtype: str) -> None:
    a, b = data(dtype, 9, 17), data(dtype, 17, 11, seed=1)
    c = np.zeros((9, 11), "int64" if dtype == "int32" else dtype)
    check(matrix_product, a, b, c, schedules=each("i", "j", "k"))


# --- Nothing to reduce ------------------------------------------------------------------------


def of_nothing(x, y):
    y[0] = parpy.operators.sum(x[:]) + 10 * parpy.operators.prod(x[:])
    y[1] = parpy.operators.sum(x[2:2])
    y[2] = parpy.operators.prod(x[5:1] * 3)


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_sums_and_products(dtype: str) -> None:
    y = np.zeros(3, result_type("sum", dtype))
    check(of_nothing, np.zeros(0, dtype), y)


@pytest.mark.parametrize("op", ["min", "max"])
def test_extremes_of_nothing_are_an_error(op: str) -> None:
    function = parpy.jit(reduces(op))
    y = np.full(1, 7.0)
    for specialize in ("always", "never"):
        opts = parpy.CompileOptions(specialize=specialize)
        with pytest.raises(ValueError, match=f"{op} of an empty slice has no value"):
            function(np.zeros(0), y, opts=opts)
    assert y[0] == 7.0
    function(np.array([3.0]), y)
    assert y[0] == 3.0
    with pytest.raises(ValueError, match="empty"):
        function(np.zeros(0), y)


def extremes_of_a_part(x, y, n):
    y[0] = parpy.operators.max(x[:n]) - parpy.operators.min(x[n:])


def test_what_is_empty_does_not_depend_on_earlier_calls() -> None:
    function = parpy.jit(extremes_of_a_part)
    for n in (3, 2, 1):
        check(extremes_of_a_part, np.arange(4.0), np.zeros(1), n)
        function(np.arange(4.0), np.zeros(1), n)
    for n in (0, 4, 0):
        y = np.full(1, 7.0)
        with pytest.raises(ValueError, match="of an empty slice has no value"):
            function(np.arange(4.0), y, n)
        assert y[0] == 7.0


def extreme_of_what_there_is(x, y, n):
    if n > 0:
        y[0] = parpy.operators.max(x[:n])
    for i in range(1, n + 1):
        y[0] += parpy.operators.min(x[:i])


def test_extremes_that_are_not_asked_for_are_no_error() -> None:
    for n in (3, 2, 0, 1, 0):
        check(extreme_of_what_there_is, np.arange(4.0), np.zeros(1), n)


def extremes_that_data_ask_for(x, y, c, lo, hi):
    parpy.label("N")
    for i in range(len(y)):
        if c[i] > 0:
            y[i] = parpy.operators.max(x[i, lo:hi])
        y[i] += parpy.operators.min(x[i, lo:hi]) if c[i] > 1 else 1.0
        for j in range(c[i]):
            y[i] -= parpy.operators.max(x[j, lo:hi])


def test_whether_data_ask_for_extremes_is_not_known_before() -> None:
    x, some, none = np.arange(20.0).reshape(4, 5), np.arange(4), np.zeros(4, np.int64)
    for specialize in ("always", "auto", "never"):
        for lo, hi, c in [(1, 3, some), (2, 2, none), (3, 1, none), (0, 5, some)]:
            args = (x, np.zeros(4), c, lo, hi)
            check(extremes_that_data_ask_for, *args, schedules=each("N"), specialize=specialize)


def weak_reductions(y, n):
    y[0] = parpy.operators.sum(y[1:] * 0 + n)
    y[1] = parpy.operators.max(y[1:] > 100)


def test_reductions_of_weak_and_bool_expressions() -> None:
    check(weak_reductions, np.zeros(6), 3)
