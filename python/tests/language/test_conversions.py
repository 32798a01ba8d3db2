"""Conversions between scalar types, and what may be stored in what without one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from harness import DTYPES, FLOATS, INTEGERS, check, define, each

import parpy

EXTREMES = [0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 127.5, 128.0, -129.0, 255.9, 256.0, 32768.0, 65536.0]
EXTREMES += [2.0**31, -(2.0**31), 2.0**31 - 1, 2.0**32, 2.0**63, -(2.0**63), 2.0**64, 1e300, -1e300]
EXTREMES += [math.inf, -math.inf, math.nan]


def sources(dtype: str) -> np.ndarray:
    if dtype == "bool":
        return np.array([False, True])
    if dtype in FLOATS:
        with np.errstate(all="ignore"):
            return np.resize(np.array(EXTREMES).astype(dtype), 77)
    info = np.iinfo(dtype)
    return np.resize(
        np.array([info.min, info.min + 1, 0, 1, 100, info.max - 1, info.max], dtype), 70
    )


def conversion(target: str):
    return define(f"""
        def converts(x, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = parpy.operators.{target}(x[i])
    """)


@pytest.mark.parametrize("target", [d for d in DTYPES if d != "bool"])
@pytest.mark.parametrize("source", DTYPES)
def test_every_type_converts_to_every_other(source: str, target: str) -> None:
    # Floats saturate and NaN is 0 where NumPy's astype is undefined, so parpy is the oracle.
    x = sources(source)
    check(conversion(target), x, np.zeros(len(x), target), schedules=each("N", threads=[64]))


def numpys_conversions(x, a, b, c, d):
    parpy.label("N")
    for i in range(len(x)):
        a[i] = np.float32(x[i])
        b[i] = np.int16(x[i])
        c[i] = np.float64(x[i]) * 0.1
        d[i] = np.uint8(x[i])


def test_numpys_types_convert() -> None:
    x = np.arange(90.0) + 0.7
    results = [np.zeros(90, t) for t in ("float32", "int16", "float64", "uint8")]
    check(numpys_conversions, x, *results, schedules=each("N"))


def converts_to_named_types(x, a, b, c):
    parpy.label("N")
    for i in range(len(x)):
        a[i] = parpy.builtin.convert(x[i], np.float32) / 3
        b[i] = parpy.builtin.convert(x[i], float) / 3
        c[i] = parpy.builtin.convert(x[i], x.dtype) / 3
        if parpy.builtin.static_types_eq(float, np.float64):
            a[i] += 1


def test_convert_takes_types_of_numpy_and_python() -> None:
    x = np.arange(90.0) + 0.7
    check(converts_to_named_types, x, *(np.zeros(90) for _ in range(3)), schedules=each("N"))


def pythons_conversions(x, a, b, c):
    parpy.label("N")
    for i in range(len(x)):
        a[i] = int(x[i])
        b[i] = float(x[i]) / 3
        c[i] = bool(x[i])


@pytest.mark.parametrize("dtype", DTYPES)
def test_pythons_types_convert(dtype: str) -> None:
    x = np.array([0, 1, 2, 100, 3] if dtype != "bool" else [0, 1], dtype)
    if dtype in FLOATS:
        x = np.array([0.0, -0.0, 2.7, -2.7, 1e9 if dtype != "float16" else 1e4], dtype)
    x = np.resize(x, 70)
    check(
        pythons_conversions,
        *(x, np.zeros(70, np.int64), np.zeros(70), np.zeros(70, bool)),
        schedules=each("N"),
    )


def saturating_int(x, y):
    for i in range(len(x)):
        y[i] = int(x[i])


def test_int_of_a_float_saturates_where_python_raises() -> None:
    x = np.array([math.inf, -math.inf, math.nan, 1e30, -1e30])
    y = np.ones(5, np.int64)
    parpy.jit(saturating_int)(x, y)
    assert y.tolist() == [2**63 - 1, -(2**63), 0, 2**63 - 1, -(2**63)]


def float_makes_weak(x, y):
    for i in range(len(y)):
        y[i, 0] = float(x[i]) * 0.1
        y[i, 1] = parpy.operators.float32(x[i]) * 0.1
        y[i, 2] = parpy.operators.float64(x[i]) * parpy.operators.float32(0.1)
        y[i, 3] = parpy.operators.float32(1) / 3
        y[i, 4] = parpy.operators.int8(100) + parpy.operators.int8(100)
        y[i, 5] = parpy.operators.uint8(-1)
        y[i, 6] = parpy.operators.int32(2.9) / 2


def test_conversions_decide_the_type_of_what_follows() -> None:
    check(float_makes_weak, np.array([0.3, 7.0], np.float32), np.zeros((2, 7)))
    check(float_makes_weak, np.array([0.3, 7.0]), np.zeros((2, 7)))


def converts_slices(x, y, z):
    y[:] = parpy.operators.float32(x[:])
    z[:] = parpy.operators.int8(x[:] * 100)


def test_slices_convert() -> None:
    x = np.linspace(-3, 3, 133)
    check(converts_slices, x, np.zeros(133, np.float32), np.zeros(133, np.int8))


# --- Stores -----------------------------------------------------------------------------------


def stores(x, y):
    for i in range(len(x)):
        y[i] = x[i]


def stores_slice(x, y):
    y[:] = x[:]


def may_store(source: str, target: str) -> bool:
    """SPEC §1: nothing that loses more than a float's digits."""
    a, b = np.dtype(source), np.dtype(target)
    if source == target or source == "bool" or target in FLOATS:
        return True
    if target == "bool" or source in FLOATS:
        return False
    return np.result_type(a, b) == b


@pytest.mark.parametrize("function", [stores, stores_slice])
@pytest.mark.parametrize("source", DTYPES)
def test_stores_between_types(function, source: str) -> None:
    x = np.array([0, 1, 1, 0] if source == "bool" else [0, 1, 100, 77], source)
    for target in DTYPES:
        y = np.zeros(4, target)
        if may_store(source, target):
            check(function, x, y)
            continue
        refusal = f"a value of type {source} cannot be stored in an array of {target}"
        message = re.escape(f"{refusal} without a conversion")
        with pytest.raises(parpy.TypeMismatchError, match=message) as caught:
            parpy.jit(function)(x, y)
        assert isinstance(caught.value, TypeError)
        way_out = f"convert it: parpy.operators.{target}(…)"
        if target == "bool":
            way_out = "store a comparison: … != 0"
        assert f"help: {way_out}" in str(caught.value)
        assert not y.any()


def rounds_on_store(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i]


def test_float64_rounds_into_float32() -> None:
    x = np.array([0.1, 1e39, -1e39, 1e-46, math.inf, math.nan, 16777217.0] * 15)
    check(rounds_on_store, x, np.zeros(len(x), np.float32), schedules=each("N"))


def test_large_integers_round_into_floats() -> None:
    for dtype in ("int64", "uint64"):
        info = np.iinfo(dtype)
        x = np.array([info.max, info.max - 1, 2**53 + 1, 2**24 + 1, info.min], dtype)
        check(rounds_on_store, x, np.zeros(5, np.float32))
        check(rounds_on_store, x, np.zeros(5, np.float64))


def stores_weak(y, n, f, b):
    y[0] = n
    y[1] = b
    y[2] = n * 2


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_weak_values_go_into_any_integer_or_float_array(dtype: str) -> None:
    for specialize in ("always", "never"):
        check(stores_weak, np.zeros(3, dtype), 5, 2.5, True, specialize=specialize)


def stores_weak_integer(y, n):
    y[0] = 300
    y[1] = n
    y[2] = -1


@pytest.mark.parametrize("dtype", INTEGERS)
def test_a_weak_integer_wraps_into_an_integer_array(dtype: str) -> None:
    for specialize in ("always", "never"):
        y = np.zeros(3, dtype)
        n = 2**40 + 77
        parpy.jit(stores_weak_integer)(y, n, opts=parpy.CompileOptions(specialize=specialize))
        expected = np.array([300, n, -1]).astype(dtype)
        assert y.tolist() == expected.tolist()
