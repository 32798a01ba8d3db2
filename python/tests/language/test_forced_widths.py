"""`force_int_size` and `force_float_size`: what Python's numbers are computed in.

Plain Python computes in 64 bits, so the oracle of values is NumPy with scalars of the forced types.
Indices, ranges and shapes are as ever: there it is the undecorated function.
"""

from __future__ import annotations

import cmath
import itertools
import math
from typing import Any

import numpy as np
import pytest
from harness import Wrong, assert_same, check, decorated, define, each, options, reject

import parpy
from parpy.types import C64, F16, F32, F64, I8, I16, I32, I64, ElemSize

INTEGERS = [I8, I16, I32, I64]
NARROW = INTEGERS[:3]
FLOATS = [F16, F32, F64]


def run(function: Any, *args: Any, schedule: Any = None, **settings: Any) -> list[np.ndarray]:
    """What the arrays among copies of the arguments are afterwards."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    decorated(function)(*copies, opts=options(schedule, **settings))
    return [a for a in copies if isinstance(a, np.ndarray)]


def wrapped(values: Any, size: ElemSize) -> np.ndarray:
    """Integers as they are in the forced type, in an int64 array."""
    return np.asarray(values, np.int64).astype(size.to_numpy()).astype(np.int64)


# --- Floats -----------------------------------------------------------------------------------


def adds_up(y, n, a):
    s = 0.0
    for _ in range(n):
        s = s + 0.1
        s += a * 0.3
    y[0] = s
    y[1] = a / 3
    y[2] = 0.1
    y[3] = n / 7


@pytest.mark.parametrize("size", FLOATS)
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_weak_floats_are_computed_in_the_forced_type(size: ElemSize, specialize: str) -> None:
    t = size.to_numpy().type
    s = t(0)
    for _ in range(100):
        s = s + t(0.1)
        s = s + t(t(1.7) * t(0.3))
    expected = np.array([s, t(1.7) / t(3), t(0.1), t(100) / t(7)]).astype(float)
    settings = {"strict": True, "specialize": specialize}
    (y,) = run(adds_up, np.zeros(4), 100, 1.7, force_float_size=size, **settings)
    assert_same(y, expected)


def functions(y, a):
    y[0] = math.sin(a)
    y[1] = math.exp(a) - math.sqrt(2.0)
    y[2] = math.hypot(a, 1)
    y[3] = a**0.3
    y[4] = math.fabs(-3)
    y[5] = float(a) // 0.3
    y[6] = a % 0.3
    y[7] = math.pi


@pytest.mark.parametrize("size", [F32, F64])
def test_math_functions_of_weak_floats(size: ElemSize) -> None:
    t = size.to_numpy().type
    a = t(1.7)
    expected = [np.sin(a), np.exp(a) - np.sqrt(t(2)), np.hypot(a, t(1)), a ** t(0.3), t(3)]
    expected += [a // t(0.3), np.fmod(a, t(0.3)), t(math.pi)]
    (y,) = run(functions, np.zeros(8), 1.7, force_float_size=size)
    assert np.array_equal(y, y.astype(t))
    assert_same(y.astype(t), np.array(expected, t), ulps=4)


def complex_numbers(y, z, a):
    w = z * 0.1j + a
    y[0] = w
    y[1] = w * w / (2 - 1j)
    y[2] = abs(w)
    y[3] = w.imag
    y[4] = cmath.exp(w)
    y[5] = complex(a, 0.3)


@pytest.mark.parametrize("size", [F32, F64])
def test_weak_complex_numbers_are_pairs_of_weak_floats(size: ElemSize) -> None:
    t = np.dtype("c8" if size is F32 else "c16").type
    w = t(1.1 + 0.3j) * t(0.1j) + t(1.7)
    expected = [w, w * w / t(2 - 1j), abs(w), w.imag, np.exp(w), t(1.7 + 0.3j)]
    (y,) = run(complex_numbers, np.zeros(6, complex), 1.1 + 0.3j, 1.7, force_float_size=size)
    assert np.array_equal(y, y.astype(t))
    assert_same(y.astype(t), np.array(expected, t), ulps=8)


# --- Integers ---------------------------------------------------------------------------------

OPERATIONS = [
    *("a + b", "a - b", "a * b", "a // b", "a % b", "a ** 3", "a << 3", "a >> 1", "a & b", "a | b"),
    *("a ^ b", "-a", "~a", "abs(a)", "min(a, b)", "max(a, b)", "a * a * a", "a - b * b + 1"),
    # What has wrapped is the operand of what follows.
    *("(a * b) // 3", "(a * b) % 7", "(a + b) >> 2", "max(a * b, a)", "abs(a * 2)", "(a + a) // b"),
    *("(a * b if a > b else a - b)", "-(a * b) // 5", "(a * b) ** 2"),
]


@pytest.mark.parametrize("size", NARROW)
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_operations_on_weak_integers_wrap(size: ElemSize, specialize: str) -> None:
    body = "\n".join(f"            y[{i}] = {e}" for i, e in enumerate(OPERATIONS))
    function = define(f"def operates(y, a, b):\n{body}".replace("            ", "    "))
    t = size.to_numpy().type
    most = int(np.iinfo(t).max)
    for a, b in itertools.product([most, -most - 1, most // 2, 11, -7], [most, -most, 3, -1]):
        names = {"a": t(a), "b": t(b)}
        with np.errstate(all="ignore"):
            expected = [eval(e, {}, names) for e in OPERATIONS]
        settings = {"force_int_size": size, "specialize": specialize}
        (y,) = run(function, np.zeros(len(OPERATIONS), np.int64), a, b, **settings)
        for e, actual, wanted in zip(OPERATIONS, y, expected, strict=True):
            assert isinstance(wanted, t)
            assert actual == wanted, f"{e} for {a} and {b}"


def stores(x, y, z, w):
    parpy.label("N")
    for i in range(len(y)):
        y[i] = i * i
        z[i] = 2 * i + 0.5
        w[i] = x[i] + i


@pytest.mark.parametrize("size", INTEGERS)
def test_loop_variables_wrap_where_they_are_values(size: ElemSize) -> None:
    i = np.arange(70_000).astype(size.to_numpy())
    with np.errstate(all="ignore"):
        squares, sums = i * i, (i + i) + 0.5
    x = np.full(70_000, 1, np.int64)
    for schedule in ({}, *each("N")):
        arrays = (x, np.zeros(70_000, np.int64), np.zeros(70_000), np.zeros(70_000, np.int64))
        _, y, z, w = run(stores, *arrays, schedule=schedule, force_int_size=size)
        assert_same(y, squares.astype(np.int64))
        assert_same(z, sums.astype(float))
        assert_same(w, x + i)


def names(y, x):
    n = x.shape[0] * 3
    k = n
    if x[0] > 0:
        k = n + 1
    total = 0
    for i in range(4):
        total += k * i
        k = k // 2
    y[0] = n
    y[1] = k
    y[2] = total
    y[3] = int(1.5 * n)
    y[4] = round(100.5 * n)


@pytest.mark.parametrize("size", NARROW)
def test_names_hold_the_wrapped_value(size: ElemSize) -> None:
    t = size.to_numpy().type
    with np.errstate(all="ignore"):
        n = t(100) * t(3)
        k, total = n + t(1), t(0)
        for i in range(4):
            total += k * t(i)
            k = k // t(2)
    info = np.iinfo(t)
    clipped = [min(max(int(v), info.min), info.max) for v in (1.5 * n, np.rint(100.5 * n))]
    (y, _) = run(names, np.zeros(5, np.int64), np.ones(100), force_int_size=size)
    assert y.tolist() == [n, k, total, *clipped]


def bools(y, a):
    y[0] = True + True
    y[1] = (a > 0) * 100 + 100
    y[2] = -(a > 0)


def test_bools_count_as_weak_integers() -> None:
    (y,) = run(bools, np.zeros(3, np.int64), 3, force_int_size=I8)
    assert y.tolist() == [2, -56, -1]


# --- Indices, ranges, shapes and comparisons ---------------------------------------------------


def mirrored(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[len(x) - 1 - i] = x[i] if i > 150 else -x[i]


def by_name(x, y):
    n = x.shape[0]
    last = n - 1
    j = 0
    while j < n:
        k = last - j
        y[k] = x[j]
        j = j + 1
        if j * j > 40_000:
            y[k] = 0.5


def strided(x, y):
    for i in range(len(x) - 1, 0, -3):
        y[i] = x[-i]
        y[i // 2] = x[min(i + 1, len(x) - 1)]
        y[abs(i - 100)] = x[(i * 7) % len(x)]


def sliced(x, y):
    n = len(x)
    y[100:] = x[: n - 100]
    y[1 : n - 50 : 2] += x[50 : n - 1 : 2]
    y[-140:-130] = x[130:140]


def two_dimensional(a, b):
    parpy.label("N")
    for i in range(a.shape[0]):
        parpy.label("M")
        for j in range(a.shape[1]):
            if i * a.shape[1] + j >= 200:
                b[i, j] = a[a.shape[0] - 1 - i, j]


def with_temporary(x, y):
    n = x.shape[0]
    t = np.zeros(n + 1)
    t[1:] = x[:]
    for i in range(n):
        y[i] = t[i + 1] - t[i]


def last_names(x, y):
    i = 0
    for i in range(len(x)):
        if x[i] > 250.5:
            break
    y[i] = 3.0
    for k in range(5, len(x)):
        y[0] = x[k]
    y[k] = 4.0


def by_conversion(x, y):
    for i in range(len(x)):
        y[int(x[i])] = x[i] * 2.0


def counts(x, y):
    count = 0
    for i in range(len(x)):
        if x[i] >= 0.0:
            count += 1
    y[count - 1] = 1.0
    if count == len(x) and count > 200:
        y[0] = 2.0


LONG = np.arange(300.0)


@pytest.mark.parametrize("size", [I8, I32])
@pytest.mark.parametrize("specialize", ["always", "never"])
@pytest.mark.parametrize(
    "function",
    [mirrored, by_name, strided, sliced, with_temporary, last_names, by_conversion, counts],
)
def test_arrays_may_be_longer_than_the_type_counts(
    function: Any, size: ElemSize, specialize: str
) -> None:
    settings = {"force_int_size": size, "specialize": specialize}
    schedules = each("N") if function is mirrored else []
    check(function, LONG, np.zeros(300), schedules=schedules, **settings)


def test_nests_may_be_larger_than_the_type_counts() -> None:
    a = np.arange(600.0).reshape(150, 4)
    for size in (I8, I16):
        check(two_dimensional, a, np.zeros_like(a), schedules=each("N", "M"), force_int_size=size)


def helped(y, n):
    fill(y, n, 0.1)
    fill(y[100:], len(y) - 100, y[0])


@parpy.jit
def fill(y, n, a):
    for i in range(n):
        y[i] = a


def test_shapes_are_exact_in_functions_that_are_called() -> None:
    (y,) = run(helped, np.zeros(300), 50, force_int_size=I8, force_float_size=F32)
    narrow = float(np.float32(0.1))
    assert y.tolist() == [narrow] * 50 + [0.0] * 50 + [narrow] * 200


# --- Strong values ----------------------------------------------------------------------------


def strong(x, y, k, m, s):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * 0.1 - s / 3 + 1e-9
        m[i] = (k[i] * 40_000 + 70_000) // 7
        if x[i] < 0.1 or k[i] == 100_000:
            y[i] = -x[i] * -0.3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_strong_types_are_as_ever(dtype: str) -> None:
    x = np.linspace(0, 1, 70).astype(dtype)
    k = np.arange(70) * 2**33
    args = (x, np.zeros_like(x), k, np.zeros_like(k), np.float64(1.7))
    settings = {"force_int_size": I16, "force_float_size": F16}
    check(strong, *args, schedules=each("N"), strict=True, **settings)


def direct(y, a, z):
    y[0] = y[0] * a
    y[1] = y[1] - 0.1
    y[2] = parpy.operators.float64(0.1)
    y[3] = parpy.operators.float64(a)
    y[4] = (y[4] * z).real
    y[5] = y[5] * (a * 1.0)
    c = 0.1
    y[6] = y[6] * c


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_what_is_written_is_rounded_once(specialize: str) -> None:
    settings = {"force_float_size": F32, "specialize": specialize}
    (y,) = run(direct, np.ones(7), 0.3, 0.7 + 1j, **settings)
    narrow = [float(np.float32(0.3)), float(np.float32(0.1))]
    assert y.tolist() == [0.3, 1 - 0.1, 0.1, 0.3, 0.7, *narrow]


def kinds(k, b, y):
    y[0] = k[0] * 0.1
    y[1] = b[0] + 300
    y[2] = k[0] / k[1]
    y[3] = math.sqrt(k[1])


def test_a_kind_rises_to_the_forced_type() -> None:
    args = (np.array([1, 3]), np.array([True]), np.zeros(4))
    *_, y = run(kinds, *args, force_int_size=I16, force_float_size=F32)
    assert y.tolist() == [float(np.float32(0.1)), 301, 1 / 3, math.sqrt(3)]


def annotated(y: parpy.types.buffer(parpy.types.F64, [4]), a: parpy.types.F64, n: parpy.types.I64):
    y[0] = a
    y[1] = n
    y[2] = n * n


def test_annotations_say_more_than_the_options() -> None:
    (y,) = run(annotated, np.zeros(4), 0.1, 2**31, force_int_size=I16, force_float_size=F16)
    assert y.tolist() == [0.1, 2.0**31, 2.0**62, 0]


def filled(y, n):
    t = np.full(n, 0.1)
    u = np.full(n, 300)
    y[:3] = t[:]
    y[3:] = u[:]


def test_temporaries_take_the_type_of_what_fills_them() -> None:
    (y,) = run(filled, np.zeros(6), 3, force_float_size=F32, force_int_size=I16)
    assert y.tolist() == [float(np.float32(0.1))] * 3 + [300] * 3


# --- Reductions -------------------------------------------------------------------------------


def reduced(x, y):
    n = 0
    s = 0.0
    parpy.label("N")
    for i in range(len(x)):
        n += i
        s += 0.5
    y[0] = n
    y[1] = s
    y[2] = parpy.operators.sum(int(x[:]))


@pytest.mark.parametrize("size", NARROW)
def test_declared_reductions_accumulate_in_the_forced_types(size: ElemSize) -> None:
    x = np.arange(1000.0)
    whole = int(wrapped(499_500, size))
    truncated = np.clip(x, 0, np.iinfo(size.to_numpy()).max).astype(np.int64).sum()
    for schedule in ({}, *each("N", reduce="N")):
        settings = {"force_int_size": size, "force_float_size": F32}
        _, y = run(reduced, x, np.zeros(3), schedule=schedule, **settings)
        assert y.tolist() == [whole, 500, int(wrapped(truncated, size))]


# --- Callbacks --------------------------------------------------------------------------------

seen: list[object] = []


@parpy.callback
def counted(n, a, size: I64, exact: F64) -> int:
    seen.append((n, a, size, exact))
    return 250


def calls_back(y):
    k = counted(len(y), 0.1, len(y), 0.1)
    y[k] = k


def test_callbacks_see_values_and_declared_types() -> None:
    seen.clear()
    (y,) = run(calls_back, np.zeros(300), force_int_size=I8, force_float_size=F32)
    assert seen == [(300 - 256, float(np.float32(0.1)), 300, 0.1)]
    assert np.flatnonzero(y).tolist() == [250]
    assert y[250] == 250 - 256


# --- Numbers that do not fit -------------------------------------------------------------------


def passes(x, d, n):
    x[0] = n


@pytest.mark.parametrize("size", NARROW)
def test_an_argument_that_does_not_fit(size: ElemSize) -> None:
    info = np.iinfo(size.to_numpy())
    function = parpy.jit(passes)
    opts = options(force_int_size=size)
    x = np.zeros(1)
    d = {"k": 1}
    for n in (info.max, info.min, 5):
        function(x, d, n, opts=opts)
        assert x[0] == n
    made = len(function.compilations)
    for n in (info.max + 1, info.min - 1, 2**62):
        with pytest.raises(OverflowError, match=f"'n' does not fit in {size.value}, which"):
            function(x, d, n, opts=opts)
        with pytest.raises(OverflowError, match="argument 'n'"):
            function(x, d, n, opts=options(force_int_size=size, specialize="always"))
        with pytest.raises(OverflowError, match=r"argument 'd\[\"k\"\]'"):
            function(x, {"k": n}, 1, opts=opts)
    assert x[0] == 5
    assert len(function.compilations) <= made + 1
    function(x, d, np.int64(2**40), opts=opts)
    assert x[0] == 2**40


BIG = 40_000
wrong = Wrong()


@wrong(parpy.CompileError, np.zeros(1), at="40_000", helps=True, force_int_size=I16)
def stores_a_literal(y):
    y[0] = 40_000  # error: the integer 40000 does not fit in int16


@wrong(parpy.CompileError, np.zeros(1), force_int_size=I16)
def names_a_literal(y):
    n = 40_000  # error: the integer 40000 does not fit in int16
    y[0] = n


@wrong(parpy.CompileError, np.zeros(1), force_int_size=I16)
def adds_a_literal(y):
    for i in range(3):
        y[0] = i + 40_000  # error: the integer 40000 does not fit in int16


@wrong(parpy.CompileError, np.zeros(1), force_int_size=I16)
def takes_a_global(y):
    y[0] = BIG  # error: the integer 40000 does not fit in int16


@wrong(parpy.CompileError, np.zeros(1), 3, force_int_size=I8)
def negates_a_literal(y, n):
    y[0] = n * -129  # error: the integer -129 does not fit in int8


@wrong(parpy.CompileError, np.zeros(1), 3, force_int_size=I16)
def passes_a_literal(y, n):
    fill(y, n, 40_000)  # error: the integer 40000 does not fit in int16


@pytest.mark.parametrize("case", wrong.cases)
def test_a_literal_that_does_not_fit(case: Any) -> None:
    reject(case)


def large_literals(y, u, x):
    y[0] = -32_768
    u[0] = u[0] * 40_000
    u[1] = parpy.operators.uint32(4_000_000_000)
    y[1] = x[0] + 40_000
    y[2] = 40_000 < 50_000
    for _ in range(40_000):
        u[2] += 1
    y[3] = 0.5 * 40_000


def test_a_literal_may_be_large_where_no_weak_integer_holds_it() -> None:
    args = (np.zeros(4), np.array([3, 0, 0], np.uint32), np.array([1.0]))
    check(large_literals, *args, force_int_size=I16)


# --- Options ----------------------------------------------------------------------------------


def overflows(y, n, a):
    y[0] = n * n
    y[1] = a * 0.1


def test_options_have_versions_of_their_own() -> None:
    function = parpy.jit(overflows)
    y = np.zeros(2)
    results = []
    for size, width in ((None, None), (I32, F32), (I16, F64), (None, F32), (I64, F64), (I32, F32)):
        opts = parpy.CompileOptions(force_int_size=size, force_float_size=width)
        function(y, 300, 0.7, opts=opts)
        results.append(y.tolist())
    exact = [90_000.0, 0.7 * 0.1]
    narrow = float(np.float32(0.7) * np.float32(0.1))
    assert results == [
        exact,
        [90_000.0, narrow],
        [24_464.0, exact[1]],
        [90_000.0, narrow],
        exact,
        [90_000.0, narrow],
    ]
    assert len(function.compilations) == 5


def test_printed_code_keeps_the_widths() -> None:
    opts = options(force_int_size=I16, force_float_size=F32, specialize="never")
    text = parpy.print_compiled(overflows, [np.zeros(2), 300, 0.7], opts)
    assert "; weak integers are int16\n; weak floats are float32\n" in text
    function = parpy.compile_string("overflows", text)
    y = np.zeros(2)
    function(y, 300, 0.7)
    assert y.tolist() == [24_464.0, float(np.float32(0.7) * np.float32(0.1))]
    with pytest.raises(OverflowError, match="argument 'n' does not fit in int16"):
        function(y, 40_000, 0.7)


def test_code_without_the_options_is_what_it_was() -> None:
    args = [np.zeros(2), 300, 0.7]
    text = parpy.print_compiled(overflows, args)
    assert "weak integers" not in text
    assert text == parpy.print_compiled(overflows, args, options(force_int_size=I64))
    assert text == parpy.print_compiled(overflows, args, options(force_float_size=F64))


def test_there_is_no_narrower_complex_type() -> None:
    def products(y):
        y[0] = 0.1j * 3

    for size in (F16, F32):
        (y,) = run(products, np.zeros(1, complex), force_float_size=size)
        assert y[0] == C64.to_numpy().type(0.1j) * np.float32(3)
