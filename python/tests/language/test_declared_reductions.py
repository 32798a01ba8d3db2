"""Loops that the user declares to be reductions, in every form of SPEC §2 but those through data.

Data are small integers, so that results are exact in whatever order they are combined.
"""

# The programs are what is tested: simpler ones would be others.
# ruff: noqa: SIM108, PLR1730, FURB136

from __future__ import annotations

import re

import numpy as np
import pytest
from harness import FLOATS, INTEGERS, check, define, each, options

import parpy

REDUCE = each(reduce="N", threads=[64])
ALONE = [{"N": parpy.reduce()}, {"N": parpy.par_reduction().tpb(64)}]


def data(dtype: str, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(n) < 0.9
    low = 1 if dtype.startswith("u") else -3
    return rng.integers(low, 4, n).astype(dtype)


# (start, update): with e = x[i]
ARITHMETIC = {
    "s += e": ("0", "s += x[i]"),
    "s = s + e": ("0", "s = s + x[i]"),
    "s = e + s": ("0", "s = x[i] + s"),
    "s -= e": ("5", "s -= x[i]"),
    "s = s - e": ("5", "s = s - x[i]"),
    "s *= e": ("1", "s *= x[i]"),
    "s = e * s": ("1", "s = x[i] * s"),
    "s = min(s, e)": ("2", "s = min(s, x[i])"),
    "s = min(e, s)": ("2", "s = min(x[i], s)"),
    "s = max(s, e)": ("-9 + 9", "s = max(s, x[i])"),
    "s = np.maximum(e, s)": ("0", "s = np.maximum(x[i], s)"),
    "s += 2 * e - 1": ("0", "s += 2 * x[i] - 1"),
    "s += e * e": ("1", "s += x[i] * x[i]"),
    "s = s + (e if …)": ("0", "s = s + (x[i] if i % 3 else 1)"),
}
INTEGRAL = {
    "s &= e": ("-1 + 0", "s &= x[i]"),
    "s |= e": ("0", "s |= x[i]"),
    "s ^= e": ("0", "s ^= x[i]"),
    "s = e ^ s": ("1", "s = x[i] ^ s"),
    "s = e | s": ("0", "s = x[i] | s"),
}


def sizes(form: str) -> list[int]:
    """Products of many numbers would overflow."""
    return [2, 3, 20] if "*=" in form or "* s" in form else [2, 63, 64, 65, 200, 5003]


def scalar_program(start: str, update: str):
    return define(f"""
        def reduces(x, y, start):
            s = start
            parpy.label("N")
            for i in range(len(x)):
                {update}
            y[0] = s
    """)


def element_program(update: str):
    element_update = re.sub(r"\bs\b", "y[0]", update)
    return define(f"""
        def reduces(x, y):
            parpy.label("N")
            for i in range(len(x)):
                {element_update}
    """)


def start_of(form: str, dtype: str):
    """A start of the type's own, so that nothing is joined."""
    value = eval({**ARITHMETIC, **INTEGRAL}[form][0])
    return np.dtype(dtype).type(value if not dtype.startswith("u") else abs(value))


CASES = [
    *((form, dtype) for form in ARITHMETIC for dtype in ("int8", "uint64", "float32")),
    *((form, dtype) for form in INTEGRAL for dtype in ("int8", "uint64")),
]


@pytest.mark.parametrize(("form", "dtype"), CASES)
class TestForms:
    def test_into_a_scalar(self, form: str, dtype: str) -> None:
        program = scalar_program(*{**ARITHMETIC, **INTEGRAL}[form])
        start = start_of(form, dtype)
        for n in sizes(form):
            y = np.zeros(1, dtype)
            check(program, data(dtype, n), y, start, schedules=REDUCE, specialize="never")

    def test_into_an_element(self, form: str, dtype: str) -> None:
        program = element_program({**ARITHMETIC, **INTEGRAL}[form][1])
        start = start_of(form, dtype)
        for n in sizes(form):
            y = np.full(1, start)
            check(program, data(dtype, n), y, schedules=REDUCE, specialize="never")


def weak_accumulator(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
    y[0] = s


def weak_integer_accumulator(x, y):
    s = 0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
    y[0] = s


def counts(x, y):
    k = 0
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 0:
            k += 1
    y[0] = k


def sums_positive(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 0:
            s += x[i]
        else:
            s -= 2 * x[i]
    y[0] = s


def two_accumulators(x, y):
    s = 0.0
    t = -100.0
    parpy.label("N")
    for i in range(len(x)):
        v = x[i] * 2
        s += v
        t = max(t, v - 1)
    y[0] = s
    y[1] = t


def two_updates(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
        s += 1
        if i % 2:
            s -= x[i] * 3
    y[0] = s


def scalar_and_element(x, y):
    s = 1.0
    parpy.label("N")
    for i in range(len(x)):
        s *= 1 + (x[i] > 100)
        y[1] += x[i]
        y[2] = min(y[2], x[i])
    y[0] = s


def writes_elements_too(x, y, z):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        z[i] = x[i] * 2
        s += z[i]
    y[0] = s


def accumulates_counter(x, y):
    s = 0
    parpy.label("N")
    for i in range(len(x)):
        s += i
    y[0] = s


def from_the_back(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x) - 1, -1, -1):
        s += x[i] * i
    y[0] = s


def every_third(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(1, len(x), 3):
        s += x[i]
    y[0] = s


def inner_reduction(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += parpy.operators.sum(x[: i % 7])
    y[0] = s


PROGRAMS = [
    weak_accumulator,
    weak_integer_accumulator,
    counts,
    sums_positive,
    two_accumulators,
    two_updates,
    scalar_and_element,
    accumulates_counter,
    from_the_back,
    every_third,
    inner_reduction,
]


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize("function", PROGRAMS)
def test_program(function, dtype: str) -> None:
    for n in (0, 1, 5, 64, 131, 9003):
        check(function, data(dtype, n), np.full(3, 2.0), schedules=REDUCE)
    schedules = [*ALONE, {"N": parpy.threads(2).reduce()}, {"N": parpy.threads(1).reduce()}]
    y = np.full(3, 2.0)
    check(function, data(dtype, 333), y, schedules=schedules, layouts=["strided"], plain=False)


def test_elements_written_beside_a_reduction() -> None:
    for n in (0, 1, 70, 9000):
        check(writes_elements_too, data("float64", n), np.zeros(1), np.zeros(n), schedules=REDUCE)


# --- and, or ----------------------------------------------------------------------------------


def all_and_any(x, y):
    a = True
    b = False
    c = True
    parpy.label("N")
    for i in range(len(x)):
        a = a and x[i] > -3
        b = b or x[i] == 3
        c &= x[i] < 3
    y[0] = a
    y[1] = b
    y[2] = c


def all_under_if(x, y):
    y[0] = True
    y[1] = False
    parpy.label("N")
    for i in range(len(x)):
        y[0] = y[0] and x[i] < 3
        y[1] |= x[i] > 2


def turned_around(x, y):
    a = True
    y[0] = False
    parpy.label("N")
    for i in range(len(x)):
        a = x[i] > -3 and a
        if i % 3 != 1:
            y[0] = x[i] == 3 or y[0]
    y[1] = a


@pytest.mark.parametrize("function", [all_and_any, all_under_if, turned_around])
def test_logical_reductions(function) -> None:
    for n in (0, 1, 2, 3, 10, 70, 400):
        for seed in range(3):
            x = data("float64", n, seed)
            check(function, x, np.zeros(3, bool), schedules=REDUCE)


# --- Nests ------------------------------------------------------------------------------------


def outer_declared(a, y):
    s = 0.0
    parpy.label("N")
    for i in range(a.shape[0]):
        parpy.label("M")
        for j in range(a.shape[1]):
            s += a[i, j]
    y[0] = s


def inner_declared(a, y):
    parpy.label("M")
    for i in range(a.shape[0]):
        s = 0.0
        parpy.label("N")
        for j in range(a.shape[1]):
            s += a[i, j]
        y[i] = s


def into_the_row(a, y):
    parpy.label("M")
    for i in range(a.shape[0]):
        y[i] = 0.0
        parpy.label("N")
        for j in range(a.shape[1]):
            y[i] += a[i, j]


def into_a_matrix(a, y):
    parpy.label("M")
    for i in range(a.shape[0]):
        parpy.label("N")
        for j in range(a.shape[1]):
            y[i] = max(y[i], a[i, j])


def columns(a, y):
    for j in range(a.shape[1]):
        parpy.label("N")
        for i in range(a.shape[0]):
            y[j] += a[i, j]


def sequential_around(a, y):
    for i in range(a.shape[0]):
        s = 1.0
        parpy.label("N")
        for j in range(a.shape[1]):
            s += a[i, j] * (s * 0 + 1) if False else a[i, j]
        y[i] = s


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (3, 70), (70, 3), (40, 200)])
def test_nests(shape: tuple[int, int]) -> None:
    a = data("float64", shape[0] * shape[1]).reshape(shape)
    both = each("M", reduce="N", threads=[2, 64])
    check(inner_declared, a, np.zeros(shape[0]), schedules=both)
    check(into_the_row, a, np.ones(shape[0]), schedules=both)
    check(into_a_matrix, a, np.zeros(shape[0]), schedules=both)
    check(columns, a, np.zeros(shape[1]), schedules=REDUCE)
    check(outer_declared, a, np.zeros(1), schedules=REDUCE)
    check(outer_declared, a, np.zeros(1), schedules=each(reduce="N M", threads=[2, 64]))


def test_a_declared_reduction_over_large_data_has_the_same_bits_for_any_number_of_threads() -> None:
    x = np.random.default_rng(8).standard_normal(100_001).astype(np.float32)
    function = parpy.jit(weak_accumulator)
    results = set()
    for n in (2, 3, 5, 64, 10**12):
        for specialize in ("always", "never"):
            y = np.zeros(1, np.float32)
            function(x, y, opts=options({"N": parpy.threads(n).reduce()}, specialize=specialize))
            results.add(y[0].tobytes())
    assert len(results) == 1
    assert y[0] == pytest.approx(np.sum(x.astype(np.float64)), rel=1e-3)


# --- What is no reduction ---------------------------------------------------------------------


def takes_from(x, y):
    s = 1.0
    parpy.label("N")
    for i in range(len(x)):
        s = x[i] - s
    y[0] = s


def mixes_operators(x, y):
    s = 1.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
        s *= 2.0
    y[0] = s


def reads_the_sum(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
        y[i] = s


def element_is_read(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[0] += x[i]
        x[i] = y[0]


def uses_itself(x, y):
    s = 1.0
    parpy.label("N")
    for i in range(len(x)):
        s += x[i] * s
    y[0] = s


def conditional_on_itself(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        if s < 10:
            s += x[i]
    y[0] = s


def bound_by_itself(x, y):
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        s = min(s + x[i], 10.0)
    y[0] = s


@pytest.mark.parametrize(
    "function",
    [
        takes_from,
        mixes_operators,
        reads_the_sum,
        element_is_read,
        uses_itself,
        conditional_on_itself,
        bound_by_itself,
    ],
)
def test_what_is_no_reduction_is_refused_under_reduce(function) -> None:
    x, y = np.arange(20.0), np.zeros(20)
    check(function, x, y)
    with pytest.raises(parpy.CompileError) as caught:
        parpy.jit(function)(x, y, opts=parpy.par({"N": parpy.threads(8).reduce()}))
    first = function.__code__.co_firstlineno
    assert first < caught.value.lineno <= first + 8
    assert not y.any()


# --- Sequential unless declared ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_undeclared_sum_is_added_in_order(dtype: str) -> None:
    x = np.random.default_rng(11).standard_normal(1001).astype(dtype)
    check(weak_accumulator, x, np.zeros(1, dtype), schedules=[{"N": parpy.threads(1)}])
    check(outer_declared, x.reshape(77, 13), np.zeros(1, dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_declared_sums_of_every_integer_type(dtype: str) -> None:
    x = np.random.default_rng(12).integers(0, 100, 1001).astype(dtype)
    wide = "uint64" if dtype.startswith("u") else "int64"
    check(weak_integer_accumulator, x, np.zeros(1, wide), schedules=REDUCE)


def assembles(x, c, y):
    parpy.label("N")
    for e in range(len(x)):
        t = np.zeros((2, 2), x.dtype)
        t[0, 0] += x[e]
        t[0, 1] = t[0, 0]
        t[0, 1] *= 2
        t[1, 0] = t[0, 1]
        t[1, 1] -= t[1, 0]
        for a in range(2):
            for b in range(2):
                y[c[e] + a, c[e] + b] += t[a, b]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_elements_of_own_temporaries_are_not_accumulated(dtype: str) -> None:
    """As stiffness matrices of finite elements: they were refused as reductions."""
    x, y = np.arange(1, 7).astype(dtype), np.zeros((8, 8), dtype)
    check(assembles, x, np.arange(6) % 4, y, schedules=REDUCE)


# --- Names that loops leave and nothing reads -------------------------------------------------


def counts_again_and_again(x, y, n):
    parpy.label("N")
    for p in range(x.shape[0]):
        for t in range(n):
            if x[p] > 1:
                for i in range(7):
                    y[p, i] += 1
            for u in range(2):
                if t > 0:
                    for i in range(7):
                        y[p, i] += u
        for i in range(7):
            y[p, i] *= 2


def test_a_counter_that_nothing_reads_is_not_carried() -> None:
    arguments = (data("int64", 20), np.ones((20, 7), np.int64), 3)
    check(counts_again_and_again, *arguments, schedules=REDUCE)
