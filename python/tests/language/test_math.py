"""Math functions, within 4 ulp of the plain Python ones, in lanes and one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import DTYPES, FLOATS, check, define, each
from on_cuda import math_ulps

import parpy

# Name → points where the function is well conditioned, and then its special points.
POINTS: dict[str, list[float]] = {
    "sqrt": [0.0, 1e-30, 0.5, 2.0, 3.0, 1e30, -1.0],
    "cbrt": [0.0, 1e-30, 0.5, -8.0, 3.0, 1e30],
    "exp": [-80.0, -1.0, -1e-8, 0.0, 0.5, 1.0, 20.0, 80.0, 1000.0, -1000.0],
    "exp2": [-100.0, -1.5, 0.0, 0.5, 3.0, 100.0, 5000.0],
    "expm1": [-20.0, -1.0, -1e-6, 0.0, 1e-6, 0.5, 20.0, 1000.0],
    "log": [1e-30, 0.1, 0.5, 1.0, 1.0001, 2.0, 1e30, 0.0, -1.0],
    "log2": [1e-30, 0.1, 0.5, 1.0, 2.0, 1e30, 0.0, -1.0],
    "log10": [1e-30, 0.1, 0.5, 1.0, 1000.0, 1e30, 0.0, -1.0],
    "log1p": [-0.5, -1e-6, 0.0, 1e-6, 0.5, 1e30, -1.0, -2.0],
    "sin": [-7.0, -1.0, -1e-6, 0.0, 0.5, 1.0, 2.0, 100.0],
    "cos": [-7.0, -1.0, -1e-6, 0.0, 0.5, 1.0, 2.0, 100.0],
    "tan": [-1.0, -1e-6, 0.0, 0.5, 1.0, 2.0],
    "asin": [-1.0, -0.5, -1e-6, 0.0, 0.5, 1.0, 2.0],
    "acos": [-1.0, -0.5, 0.0, 0.5, 1.0, 2.0],
    "atan": [-1e10, -1.0, 0.0, 0.5, 3.0, 1e10],
    "sinh": [-5.0, -1e-3, 0.0, 0.5, 5.0, 1000.0],
    "cosh": [-5.0, -1e-3, 0.0, 0.5, 5.0, 1000.0],
    "tanh": [-50.0, -0.5, -1e-3, 0.0, 0.5, 50.0],
    "erf": [-3.0, -0.5, 0.0, 0.5, 3.0],
    "erfc": [-3.0, -0.5, 0.0, 0.5, 3.0],
    "gamma": [0.5, 1.0, 2.5, 5.0, 10.0, 0.0, 200.0],
    "lgamma": [0.5, 3.5, 5.0, 10.0, 1000.0, 0.0],
}
NUMPY = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
BINARY = ("atan2", "hypot", "fmod", "copysign", "pow")


def points(name: str, dtype: str) -> np.ndarray:
    """The points of a function, repeated so that whole vectors and a rest are filled."""
    chosen = [*POINTS[name], math.inf, -math.inf, math.nan]
    return np.resize(np.array(chosen, dtype), 83)


def program(expression: str):
    return define(f"""
        import math

        def applies(x, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = {expression}
    """)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", POINTS)
def test_of_an_element(name: str, dtype: str) -> None:
    x = points(name, dtype)
    function = program(f"parpy.math.{name}(x[i])")
    check(function, x, np.zeros_like(x), schedules=each("N", threads=[64]), ulps=4)


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "sqrt", "tanh", "abs"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_the_functions_of_operators(name: str, dtype: str) -> None:
    x = points(name if name != "abs" else "sin", dtype)
    function = program(f"parpy.operators.{name}(x[i])")
    check(function, x, np.zeros_like(x), schedules=each("N", threads=[64]), ulps=4)


@pytest.mark.parametrize("dtype", FLOATS)
def test_numpys_functions(dtype: str) -> None:
    names = [n for n in POINTS if hasattr(np, NUMPY.get(n, n)) and n != "gamma"]
    lines = [f"y[{k}, :] = np.{NUMPY.get(n, n)}(x[{k}, :])" for k, n in enumerate(names)]
    function = define("def numpys(x, y):\n    " + "\n    ".join(lines))
    x = np.stack([points(n, dtype) for n in names])
    check(function, x, np.zeros_like(x), ulps=4)
    check(function, x, np.zeros_like(x), ulps=4, strict=True)


def of_pythons_math(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i, 0] = math.sqrt(x[i])
        y[i, 1] = math.exp(-x[i])
        y[i, 2] = math.log(x[i])
        y[i, 3] = math.sin(x[i]) + math.pi
        y[i, 4] = math.atan2(x[i], 2.0)
        y[i, 5] = math.hypot(x[i], 3.0)
        y[i, 6] = math.floor(x[i]) + math.e
        y[i, 7] = math.pow(x[i], 1.5)
        y[i, 8] = math.erf(x[i])
        y[i, 9] = math.lgamma(x[i] + 5.0)  # CPython's is inexact near 1 and 2


def test_pythons_math() -> None:
    x = np.linspace(0.1, 9, 70)
    check(of_pythons_math, x, np.zeros((70, 10)), schedules=each("N"), ulps=4)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY)
def test_of_two_elements(name: str, dtype: str) -> None:
    values = [0.0, -0.0, 0.5, -0.5, 1.0, 2.0, -3.0, 7.5, math.inf, -math.inf, math.nan]
    x = np.repeat(np.array(values, dtype), len(values))
    z = np.tile(np.array(values, dtype), len(values))
    function = define(f"""
        def applies(x, z, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = parpy.math.{name}(x[i], z[i])
    """)
    check(function, x, z, np.zeros_like(x), schedules=each("N", threads=[64]), ulps=4)


def keeps_float32(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i, 0] = parpy.math.sqrt(x[i]) / 3
        y[i, 1] = parpy.math.hypot(x[i], 1.0) * 0.1
        y[i, 2] = np.sqrt(x[i]) * 0.1
        y[i, 3] = parpy.operators.abs(x[i]) * 0.1
        y[i, 4] = np.floor(x[i] * 10) * 0.1


def test_of_float32_is_float32() -> None:
    x = np.linspace(0, 3, 37).astype(np.float32)
    # In units of float64, of which float32 leaves out 29 bits.
    ulps = math_ulps() * 2.0**29
    check(keeps_float32, x, np.zeros((37, 5)), schedules=each("N"), strict=True, ulps=ulps)


def widens(x, y):
    for i in range(len(x)):
        y[i] = parpy.math.sqrt(x[i]) * 0.1


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in FLOATS])
def test_of_integers_and_bools_is_float64(dtype: str) -> None:
    x = np.array([0, 1, 1, 0, 1] if dtype == "bool" else [0, 1, 2, 3, 100], dtype)
    check(widens, x, np.zeros(5))


def of_weak_values(y, n, f):
    y[0] = parpy.math.sqrt(2)
    y[1] = parpy.math.sqrt(n)
    y[2] = math.exp(f)
    y[3] = math.sin(1) + math.cos(0)
    y[4] = abs(-3) + abs(-2.5) + abs(n - 10)
    y[5] = parpy.math.inf
    y[6] = -parpy.operators.inf
    y[7] = parpy.math.nan
    y[8] = math.tau / np.pi
    y[9] = parpy.math.e
    y[10] = np.inf


def test_of_python_numbers() -> None:
    for specialize in ("always", "never"):
        check(of_weak_values, np.zeros(11), 5, 0.5, ulps=4, specialize=specialize)


def infinities_of_texts(x, y):
    y[0] = float("inf")
    y[1] = -float("Infinity")
    y[2] = np.float32("-inf")
    y[3] = parpy.operators.float64("nan")
    least = float("inf")
    for i in range(len(x)):
        least = min(least, x[i])
        x[i] = max(x[i] * 0.1, float("-INF"))
    y[4] = least * 0.1
    x[:] = x[:] + float("+inf")


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_of_texts_are_constants_as_any_other(dtype: str) -> None:
    check(infinities_of_texts, np.arange(1, 4).astype(dtype), np.zeros(5))


def predicates(x, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = parpy.math.isnan(x[i])
        r[i, 1] = math.isinf(x[i])
        r[i, 2] = np.isfinite(x[i])
        if parpy.math.isnan(x[i]) or x[i] > 1:
            r[i, 3] = True
        r[i, 4] = np.isnan(x[i]) == math.isnan(x[i])


@pytest.mark.parametrize("dtype", FLOATS)
def test_predicates(dtype: str) -> None:
    x = np.resize(np.array([0, -0.0, 1, 1e30, math.inf, -math.inf, math.nan], dtype), 70)
    check(predicates, x, np.zeros((70, 5), bool), schedules=each("N"))


ROUNDED = [-2.5, -1.5, -0.7, -0.5, -0.3, -0.0, 0.0, 0.3, 0.5, 0.7, 1.5, 2.5, 3.5, 1e15, -1e10]


def rounds_to_integers(x, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = math.floor(x[i])
        r[i, 1] = math.ceil(x[i])
        r[i, 2] = parpy.math.trunc(x[i])
        r[i, 3] = round(x[i])
        r[i, 4] = parpy.math.floor(x[i]) // 2
        r[i, 5] = parpy.math.round(x[i])


def rounds_to_floats(x, r):
    parpy.label("N")
    for i in range(len(x)):
        r[i, 0] = np.floor(x[i])
        r[i, 1] = np.ceil(x[i])
        r[i, 2] = np.trunc(x[i])
        r[i, 3] = np.rint(x[i])
        r[i, 4] = np.floor(x[i]) / 3
        r[i, 5] = np.round(x[i]) + np.around(x[i])


@pytest.mark.parametrize("dtype", FLOATS)
def test_rounding(dtype: str) -> None:
    with np.errstate(over="ignore"):
        x = np.array(ROUNDED, dtype)
    x = np.resize(x[np.isfinite(x)], 67)
    check(rounds_to_integers, x, np.zeros((67, 6), np.int64), schedules=each("N"))
    special = np.append(x, np.array([math.inf, -math.inf, math.nan], dtype))
    check(rounds_to_floats, special, np.zeros((70, 6)), schedules=each("N"))


def rounds_to_kinds(x, r):
    for i in range(len(x)):
        r[i, 0] = np.round(x[i]) * 2
        r[i, 1] = np.rint(x[i]) * 2
        r[i, 2] = np.floor(x[i]) * 2


def test_only_rint_makes_floats_of_integers() -> None:
    for dtype in ("int32", "int64", "uint32"):
        x = np.array([0, 1, 7, np.iinfo(dtype).max], dtype)
        check(rounds_to_kinds, x, np.zeros((4, 3)))


def rounds_integers(x, r):
    for i in range(len(x)):
        r[i] = round(x[i]) + parpy.math.floor(x[i]) * 2


def floors_to_pythons_integers(x, r):
    for i in range(len(x)):
        r[i] = math.floor(x[i]) * 2


@pytest.mark.parametrize("dtype", ["int64", "int16", "uint16"])
def test_rounding_integers_leaves_them(dtype: str) -> None:
    x = np.array([-3, 0, 7]).astype(dtype)
    check(rounds_integers, x, np.zeros(3, np.int64))
    check(floors_to_pythons_integers, x, np.zeros(3, np.int64))


def magnitudes(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = abs(x[i])
        z[i] = np.abs(-x[i])


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
def test_magnitude_of_the_least_integer_is_itself(dtype: str) -> None:
    info = np.finfo(dtype) if dtype in FLOATS else np.iinfo(dtype)
    x = np.resize(np.array([info.min, info.max, 0, 1, 5], dtype), 70)
    check(magnitudes, x, np.zeros_like(x), np.zeros_like(x), schedules=each("N"))


def fused(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * x[i] - 0.1 * x[i] + 1.0 / 3.0


@pytest.mark.parametrize("dtype", FLOATS)
def test_strict_contracts_nothing(dtype: str) -> None:
    x = np.random.default_rng(4).standard_normal(1000).astype(dtype)
    check(fused, x, np.zeros_like(x), schedules=each("N"), strict=True)
    check(fused, x, np.zeros_like(x), schedules=each("N"), rtol=4 * np.finfo(dtype).eps)


def softplus(x, y):
    parpy.label("N")
    y[:] = np.log1p(np.exp(-np.abs(x[:]))) + np.maximum(x[:], 0.0)


@pytest.mark.parametrize("n", [0, 1, 3, 31, 64, 129, 1000])
@pytest.mark.parametrize("dtype", FLOATS)
def test_composed_functions_of_slices(dtype: str, n: int) -> None:
    x = np.linspace(-20, 20, n).astype(dtype)
    check(softplus, x, np.zeros_like(x), schedules=each("N"), ulps=8)


def test_functions_of_functions_are_compiled_in_no_time() -> None:
    """Each level doubled the time of printing the program."""
    deep = "math.sqrt(" * 60 + "x[i]" + ")" * 60
    source = f"def f(x, y):\n    parpy.label('N')\n    for i in range(len(x)): y[i] = {deep}\n"
    check(define(source, math=math, parpy=parpy), np.ones(9) * 1e300, np.zeros(9))
