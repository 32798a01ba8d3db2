"""bfloat16, as `ml_dtypes` gives it to NumPy: held to what plain Python does with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from harness import define, options

import parpy

ml_dtypes: Any = pytest.importorskip("ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)
ALL = np.arange(2**16, dtype=np.uint16).view(BF16)
SCHEDULES = [{}, {"N": parpy.threads(64)}]


def same(actual: np.ndarray, expected: np.ndarray, ulps: int = 0) -> None:
    """Fails unless two arrays agree; NaN agrees with NaN."""
    assert actual.dtype == expected.dtype
    with np.errstate(all="ignore"):
        a, b = actual.astype(np.float64), expected.astype(np.float64)
        agree = (np.isnan(a) & np.isnan(b)) | ((a == b) & (np.signbit(a) == np.signbit(b)))
        agree |= np.abs(a - b) <= ulps * np.abs(b) * 2.0**-7
    wrong = np.argwhere(~agree)[:5]
    assert len(wrong) == 0, [(w, actual[tuple(w)], expected[tuple(w)]) for w in wrong]


def check(source: str, *args: Any, ulps: int = 0, names: Any = None, **settings: Any) -> None:
    """Runs the program undecorated and under each schedule, and compares every array."""
    function = define(source, **(names or {}))
    expected = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        function(*expected)
    for schedule in SCHEDULES:
        given = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        parpy.jit(function)(*given, opts=options(schedule, **settings))
        for a, b in zip(given, expected, strict=True):
            if isinstance(a, np.ndarray):
                same(a, b, ulps)


COPY = """
    def stores(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i] = x[i]
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_value_becomes_a_wider_one_and_back(dtype: str) -> None:
    check(COPY, ALL, np.zeros(2**16, dtype))
    wide = np.sort(ALL[np.isfinite(ALL.astype(float))].astype(dtype))
    middles = (wide[1:] + wide[:-1]) / 2
    values = np.concatenate([wide, middles, [np.inf, -np.inf, np.nan, 3.4e38]]).astype(dtype)
    values = np.concatenate([values, np.nextafter(values, np.dtype(dtype).type(0))])
    check(COPY, values.astype(dtype), np.zeros(len(values), BF16))


@pytest.mark.parametrize(
    "dtype", "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16".split()
)
def test_other_types_are_stored(dtype: str) -> None:
    x = np.array([0, 1, 1, 0] * 20).astype(dtype)
    if dtype != "bool":
        x = np.arange(-100 if dtype[0] in "if" else 0, 120).astype(dtype)
    check(COPY, x, np.zeros(len(x), BF16))


OPERATORS = """
    def table(x, y, total, difference, product, quotient, whole, rest, less, equal, least, mixed):
        parpy.label("N")
        for i in range(len(x)):
            total[i] = x[i] + y[i]
            difference[i] = x[i] - y[i]
            product[i] = x[i] * y[i]
            quotient[i] = x[i] / y[i]
            whole[i] = x[i] // y[i]
            rest[i] = x[i] % y[i]
            less[i] = x[i] < y[i]
            equal[i] = x[i] == y[i]
            least[i] = min(x[i], y[i])
            mixed[i] = x[i] * y[i] + x[i] - y[i]
"""


def special() -> tuple[np.ndarray, np.ndarray]:
    values = [0.0, -0.0, 1.0, -1.0, 0.1, 2.5, -2.5, 3.0, 7.0, 1e10, -3e38, 1e-40]
    v = np.array([*values, np.inf, -np.inf, np.nan]).astype(BF16)
    return np.repeat(v, len(v)), np.tile(v, len(v))


@pytest.mark.parametrize("strict", [False, True])
def test_operators(strict: bool) -> None:
    bits = np.random.default_rng(1).integers(0, 2**16, (2, 20000), np.uint16)
    for x, y in (bits.view(BF16), special()):
        with np.errstate(all="ignore"):
            keep = np.isfinite(y.astype(float)) & (y.astype(float) != 0)
            # How ml_dtypes divides by zero and infinities differs from NumPy; see below.
            x, y = x[keep], y[keep]
        outs = [np.zeros(len(x), "bool" if k in (6, 7) else BF16) for k in range(10)]
        check(OPERATORS, x, y, *outs, strict=strict)


WITH = """
    def pairs(x, y, total, product, less):
        parpy.label("N")
        for i in range(len(x)):
            total[i] = x[i] + y[i]
            product[i] = y[i] * x[i]
            less[i] = x[i] < y[i]
"""


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "float16", "float32", "float64"])
def test_types_of_results(dtype: str) -> None:
    x = np.linspace(-3, 3, 40).astype(BF16)
    y = np.arange(40).astype(dtype)
    check(WITH, x, y, np.zeros(40), np.zeros(40), np.zeros(40, bool))


def test_types_that_numpy_has_no_result_for() -> None:
    x = np.linspace(-3, 3, 40).astype(BF16)
    for dtype, wide in (("int16", np.float32), ("uint16", np.float32), ("int64", np.float64)):
        y = np.arange(40).astype(dtype) * 7
        total, product, less = np.zeros(40), np.zeros(40), np.zeros(40, bool)
        parpy.jit(define(WITH))(x, y, total, product, less)
        np.testing.assert_array_equal(total, x.astype(wide) + y.astype(wide))
        np.testing.assert_array_equal(product, x.astype(wide) * y.astype(wide))


LITERALS = """
    def literals(x, s, y, z):
        parpy.label("N")
        for i in range(len(x)):
            y[i, 0] = x[i] * 2.5
            y[i, 1] = 1 - x[i]
            y[i, 2] = x[i] / 3
            y[i, 3] = x[i] + s
            y[i, 4] = x[i] * True
            y[i, 5] = -x[i]
            y[i, 6] = abs(x[i])
            y[i, 7] = x[i] ** 2
            z[i] = 0.1
        z[0] = s
        z[1] = bfloat16(0.3)
        z[2] = CONSTANT
"""


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_literals_and_scalars(specialize: str) -> None:
    x = np.linspace(-3, 3, 40).astype(BF16)
    names = {"bfloat16": ml_dtypes.bfloat16, "CONSTANT": ml_dtypes.bfloat16(1.7)}
    for s in (ml_dtypes.bfloat16(0.3), np.array(0.3, BF16)):
        args = x, s, np.zeros((40, 8)), np.zeros(40, BF16)
        check(LITERALS, *args, names=names, specialize=specialize)


FUNCTIONS = """
    def functions(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i, 0] = np.exp(x[i])
            y[i, 1] = np.sin(x[i])
            y[i, 2] = np.sqrt(x[i])
            y[i, 3] = np.tanh(x[i])
            y[i, 4] = np.floor(x[i])
            y[i, 5] = np.maximum(x[i], 0)
"""


def test_functions() -> None:
    x = ALL[::11]
    check(FUNCTIONS, x, np.zeros((len(x), 6), BF16), ulps=1)


@pytest.mark.parametrize("dtype", "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
def test_conversions_to_integers(dtype: str) -> None:
    source = f"""
        def converts(x, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = parpy.operators.{dtype}(x[i])
    """
    check(source, ALL, np.zeros(2**16, dtype))


def sums(x, y):
    y[0] = parpy.operators.sum(x[:])
    y[1] = parpy.operators.max(x[:])


def test_reductions_accumulate_in_float32() -> None:
    x = np.full(5000, 0.1, BF16)
    y = np.zeros(2, BF16)
    parpy.jit(sums)(x, y)
    assert y[0] == BF16.type(float(x[0]) * 5000)
    assert y[1] == x[0]
    plain = np.zeros(2, BF16)
    sums(x, plain)
    same(plain, y)


def test_it_is_recognized_in_a_process_that_imports_it_later() -> None:
    program = """
import numpy as np
import parpy
import sys
assert "ml_dtypes" not in sys.modules
import linecache
source = "def f(x, y):\\n    for i in range(len(x)):\\n        y[i] = x[i] + 1\\n"
linecache.cache["<f>"] = (len(source), None, source.splitlines(True), "<f>")
exec(compile(source, "<f>", "exec"))
f = parpy.jit(f)
f(np.ones(3), np.ones(3))
import ml_dtypes
y = np.zeros(3)
f(np.ones(3, ml_dtypes.bfloat16), y)
assert y.tolist() == [2, 2, 2]
try:
    f(np.ones(3, ml_dtypes.float8_e5m2), y)
except TypeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "float8_e5m2" in done.stdout
