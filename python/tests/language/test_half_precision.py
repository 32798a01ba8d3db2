"""float16: every value, every rounding, with the processor's conversions and with our own.

Operators for each pair of types are in `test_operators_by_type.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import INTEGERS, check, define, each

import parpy
from parpy import _llvm

ALL = np.arange(2**16, dtype=np.uint16).view(np.float16)
PARALLEL = [{"N": parpy.threads(64)}]


@pytest.fixture(params=["instructions", "integers"])
def conversions(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Compiles with the processor's conversions, or as for one without."""
    if request.param == "integers":
        own = _llvm.target()
        features = ",".join(f for f in own.features.split(",") if f != "+f16c")
        target = own._replace(features=features)
        monkeypatch.setattr(_llvm, "target", lambda: target)
    return request.param


def fresh(source: str) -> Any:
    """A function of its own for each test, so that nothing compiled before is found."""
    return define(source)


COPY = """
    def stores(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i] = x[i]
"""


def around_halves(dtype: str) -> np.ndarray:
    """Every float16, what is half way between neighbours, and what is next to that."""
    with np.errstate(all="ignore"):
        values = np.sort(ALL[np.isfinite(ALL)]).astype(dtype)
        middles = (values[1:] + values[:-1]) / 2
        values = np.concatenate([values, middles, [65519.99, 65520.0, 1e6, 1e30, -1e30]])
        values = values.astype(dtype)
        down, up = np.nextafter(values, -np.inf), np.nextafter(values, np.inf)
        special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)
        return np.concatenate([values, down, up, special, -values]).astype(dtype)


@pytest.mark.usefixtures("conversions")
class TestConversions:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_every_value_becomes_a_wider_one(self, dtype: str) -> None:
        check(fresh(COPY), ALL, np.zeros(2**16, dtype), schedules=PARALLEL)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_every_rounding(self, dtype: str) -> None:
        x = around_halves(dtype)
        check(fresh(COPY), x, np.zeros(len(x), np.float16), schedules=PARALLEL)

    def test_a_double_is_rounded_once(self) -> None:
        # Each would round up, to a tie in float32, and then to even.
        x = np.array([1 + 2**-11 + 2.0**-40, 1 + 3 * 2.0**-11 - 2.0**-40, 65519.9999999], float)
        x = np.concatenate([x, -x, x * 2.0**-20, [2.0**-25, 2.0**-25 + 2.0**-60, 1e-300]])
        check(fresh(COPY), x, np.zeros(len(x), np.float16), schedules=PARALLEL)

    @pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
    def test_integers(self, dtype: str) -> None:
        if dtype == "bool":
            x = np.array([True, False] * 20)
        else:
            info = np.iinfo(dtype)
            x = np.arange(max(info.min, -70000), min(info.max, 70000), 7).astype(dtype)
            x = np.append(x, np.array([info.min, info.max], dtype))
        check(fresh(COPY), x, np.zeros(len(x), np.float16), schedules=PARALLEL)
        back = f"""
            def converts(x, y):
                parpy.label("N")
                for i in range(len(x)):
                    y[i] = parpy.operators.{dtype}(x[i])
        """
        if dtype != "bool":
            check(fresh(back), ALL, np.zeros(2**16, dtype), schedules=PARALLEL)

    def test_one_operand(self) -> None:
        source = """
            def one(x, negated, magnitude, root, truth, whole, nan):
                parpy.label("N")
                for i in range(len(x)):
                    negated[i] = -x[i]
                    magnitude[i] = abs(x[i])
                    root[i] = np.sqrt(x[i])
                    truth[i] = 1 if x[i] else 0
                    whole[i] = np.floor(x[i])
                    nan[i] = np.isnan(x[i]) or np.isinf(x[i])
        """
        halves = [np.zeros(2**16, np.float16) for _ in range(4)]
        flags = [np.zeros(2**16, np.int8), np.zeros(2**16, bool)]
        args = halves[0], halves[1], halves[2], flags[0], halves[3], flags[1]
        check(fresh(source), ALL, *args, schedules=PARALLEL)

    def test_two_operands(self) -> None:
        source = """
            def two(x, y, total, difference, product, quotient, whole, rest, less, least):
                parpy.label("N")
                for i in range(len(x)):
                    total[i] = x[i] + y[i]
                    difference[i] = x[i] - y[i]
                    product[i] = x[i] * y[i]
                    quotient[i] = x[i] / y[i]
                    whole[i] = x[i] // y[i]
                    rest[i] = x[i] % y[i]
                    less[i] = x[i] < y[i]
                    least[i] = min(x[i], y[i])
        """
        x, y = np.random.default_rng(1).integers(0, 2**16, (2, 40000), np.uint16).view(np.float16)
        outs = [np.zeros(len(x), np.float16) for _ in range(8)]
        outs[6] = np.zeros(len(x), bool)
        check(fresh(source), x, y, *outs, schedules=PARALLEL)

    def test_each_operation_rounds(self) -> None:
        source = """
            def chain(x, y, z):
                parpy.label("N")
                for i in range(len(x)):
                    z[i] = x[i] * y[i] + x[i] - y[i] * 0.1 + 2 * x[i]
        """
        x, y = np.random.default_rng(2).normal(size=(2, 5000)).astype(np.float16)
        check(fresh(source), x, y, np.zeros(5000, np.float16), schedules=PARALLEL)
        check(fresh(source), x, y, np.zeros(5000, np.float16), schedules=PARALLEL, strict=True)


def functions(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[i, 0] = np.exp(x[i])
        y[i, 1] = np.sin(x[i])
        y[i, 2] = np.log(x[i])
        y[i, 3] = np.tanh(x[i])
        y[i, 4] = x[i] ** 0.5
        y[i, 5] = x[i] ** 3
        y[i, 6] = np.arctan2(x[i], x[i] + 1)
        y[i, 7] = np.hypot(x[i], 2)


def test_functions_are_computed_in_float32() -> None:
    x = ALL[::7]
    check(functions, x, np.zeros((len(x), 8), np.float16), schedules=PARALLEL, ulps=1)


# --- Reductions -------------------------------------------------------------------------------


def sums(x, y):
    y[0] = parpy.operators.sum(x[:])
    y[1] = parpy.operators.prod(x[:9])
    y[2] = parpy.operators.min(x[:])
    y[3] = parpy.operators.max(x[:])


def test_reductions_accumulate_in_float32() -> None:
    # In float16 the sum stays at 256 as soon as it is there.
    x = np.full(5000, 0.1, np.float16)
    y = np.zeros(4, np.float16)
    check(sums, x, y, ulps=1)
    parpy.jit(sums)(x, y)
    assert y[0] == np.float16(float(x[0]) * 5000)


def adds_up(x, y):
    s = y[0]
    parpy.label("N")
    for i in range(len(x)):
        s += x[i]
    y[0] = s


def adds_up_in_an_element(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[0] += x[i]


@pytest.mark.parametrize("function", [adds_up, adds_up_in_an_element])
def test_a_declared_reduction_accumulates_in_float32(function: Any) -> None:
    x = np.full(5000, 0.1, np.float16)
    for n in (2, 64):
        y = np.ones(1, np.float16)
        parpy.jit(function)(x, y, opts=parpy.par({"N": parpy.threads(n).reduce()}))
        assert y[0] == np.float16(1 + float(x[0]) * 5000)
    # Without a declaration each addition rounds, as in Python.
    check(function, x, np.ones(1, np.float16))


def rows(a, y):
    for i in range(a.shape[0]):
        y[i] = parpy.operators.sum(a[i, :])
    y[:] = y[:] + parpy.operators.sum(a, axis=1)


def test_sums_of_rows() -> None:
    a = np.random.default_rng(3).random((20, 300)).astype(np.float16)
    check(rows, a, np.zeros(20, np.float16), ulps=2)


# --- Scalars, literals and names --------------------------------------------------------------

HALF = np.float16(1.1)


def scalars(x, s, n, y, z):
    for i in range(len(x)):
        y[i] = x[i] * s + HALF
        z[i] = s + n
    y[0] = 0.1
    y[1] = n
    y[2] = 70000.0
    z[0] = x[0] + 0.1
    z[1] = parpy.operators.float16(0.1) * 3
    z[2] = np.float16(2049)


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_scalars_are_strong_and_literals_weak(specialize: str) -> None:
    x = np.linspace(-2, 2, 50).astype(np.float16)
    for s in (np.float16(0.3), np.array(0.3, np.float16), np.float16("nan"), np.float16(6e-8)):
        y, z = np.zeros(50, np.float16), np.zeros(50)
        check(scalars, x, s, 3, y, z, specialize=specialize)


def paths(x, y):
    for i in range(len(x)):
        s = 0.0
        if x[i] > 0:
            s = x[i] / 3
        t = x[i] if x[i] > 0.5 else 0.3
        y[i] = s + t


def test_a_local_is_joined_to_float16() -> None:
    x = np.linspace(-1, 1, 40).astype(np.float16)
    check(paths, x, np.zeros(40, np.float16))


@pytest.mark.parametrize("layout", ["strided", "reversed", "transposed", "window"])
def test_layouts(layout: str) -> None:
    source = """
        def doubles(a, b):
            parpy.label("N")
            for i in range(a.shape[0]):
                for j in range(a.shape[1]):
                    b[i, j] = a[i, j] * 2
    """
    a = np.arange(35 * 41).reshape(35, 41).astype(np.float16)
    check(define(source), a, np.zeros_like(a), schedules=each("N"), layouts=[layout])


def gathers(x, c, y):
    parpy.label("N")
    for i in range(len(c)):
        y[c[i]] = x[c[i]] + 1


def test_gather_and_scatter() -> None:
    c = np.random.default_rng(4).permutation(100)
    check(
        gathers, np.arange(100).astype(np.float16), c, np.zeros(100, np.float16), schedules=PARALLEL
    )


def test_printed_code_holds_its_types() -> None:
    args = np.ones(3, np.float16), np.float16(0.1), 3, np.zeros(3, np.float16), np.zeros(3)
    text = parpy.print_compiled(scalars, args)
    assert "argument x: float16[3]" in text
    again = parpy.compile_string("scalars", text)
    again(*args)
    assert args[3][2] == np.inf


def test_interfaces() -> None:
    x = np.arange(5).astype(np.float16)

    class Interface:
        __array_interface__ = x.__array_interface__

    copy = parpy.jit(define(COPY))
    for given in (memoryview(x), Interface()):
        y = np.zeros(5)
        copy(given, y)
        assert y.tolist() == x.tolist()
