"""complex64 and complex128: held to what NumPy and plain Python do with them."""

from __future__ import annotations

import cmath
import itertools
from typing import Any

import numpy as np
import pytest
from harness import (
    COMPLEXES,
    DTYPES,
    LAYOUTS,
    Wrong,
    assert_same,
    check,
    check_views,
    define,
    each,
    options,
    reject,
)
from on_cuda import math_ulps

import parpy
from parpy.types import C64, C128, buffer, shape_var

CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, -3.25, 1e-30, np.inf, -np.inf, np.nan]


def values(dtype: str, n: int = 67, seed: int = 1) -> np.ndarray:
    """Numbers of moderate size; of complex types all over the plane."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(n) < 0.5
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return rng.integers(0 if kind == "u" else -9, 10, n).astype(dtype)
    x = rng.normal(size=n)
    return (x + 1j * rng.normal(size=n)).astype(dtype) if kind == "c" else x.astype(dtype)


def corners(dtype: str, parts: Any = CORNERS) -> np.ndarray:
    """All pairs of the given parts."""
    return np.array([complex(a, b) for a, b in itertools.product(parts, parts)], dtype)


# --- Operators --------------------------------------------------------------------------------

TABLE = """
    def table(x, y, total, difference, product, quotient, equal, different, minus, plus):
        parpy.label("N")
        for i in range(len(x)):
            total[i] = x[i] + y[i]
            difference[i] = x[i] - y[i]
            product[i] = x[i] * y[i]
            quotient[i] = x[i] / y[i]
            equal[i] = x[i] == y[i]
            different[i] = x[i] != y[i]
            minus[i] = -x[i]
            plus[i] = +y[i]
"""


def table_arguments(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    n = len(x)
    result = np.result_type(x, y)
    bools = [np.zeros(n, bool) for _ in range(2)]
    signed = [np.zeros(n, np.result_type(x)), np.zeros(n, np.result_type(y))]
    return [x, y, *(np.zeros(n, result) for _ in range(4)), *bools, *signed]


@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize("other", [*DTYPES, *COMPLEXES])
def test_operators_of_every_pair_of_types(dtype: str, other: str) -> None:
    x, y = values(dtype), values(other, seed=2)
    y[y == 0] = 1
    function = define(TABLE)
    if other == "bool":
        function = define(TABLE.replace("+y[i]", "y[i]"))
    check(function, *table_arguments(x, y), schedules=each("N"), ulps=4)
    check(function, *table_arguments(x, y), schedules=each("N", threads=[64]), strict=True)
    # NumPy has neither sign of a bool.
    swapped = TABLE.replace("-x[i]", "x[i]").replace("+y[i]", "y[i]").replace("+x[i]", "x[i]")
    check(define(swapped), *table_arguments(y, x), schedules=each("N", threads=[64]), strict=True)


@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize("threads", [1, 64])
def test_operators_at_corners_are_bit_for_bit_numpys(dtype: str, threads: int) -> None:
    every = corners(dtype)
    x, y = (a.ravel() for a in np.meshgrid(every, every))
    schedules = [{"N": parpy.threads(threads)}]
    args = table_arguments(x.copy(), y.copy())
    check(define(TABLE), *args, schedules=schedules, strict=True, plain=False)


def quotients(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        z[i] = x[i] / y[i]


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_quotients_do_not_overflow(dtype: str) -> None:
    big = 1e38 if dtype == "complex64" else 1e308
    every = corners(dtype, [big, -big / 3, 1 / big, 1.0, 0.0])
    x, y = (a.ravel() for a in np.meshgrid(every, every))
    check(quotients, x, y, np.zeros_like(x), schedules=each("N"), strict=True)


# --- Weak numbers ------------------------------------------------------------------------------


WEAK = """
    def weak(x, y, a):
        parpy.label("N")
        for i in range(len(x)):
            y[i, 0] = x[i] * 2j
            y[i, 1] = 0.5 - x[i]
            y[i, 2] = x[i] + a
            y[i, 3] = a / (x[i] + 3)
            y[i, 4] = (1 + 2j) * (3 - 1j) / (0.5 + a) + x[i]
"""


@pytest.mark.parametrize("dtype", [*DTYPES[1:], *COMPLEXES])
@pytest.mark.parametrize("a", [2, 1.5, 0.25 - 1j, np.float32(0.1), np.complex64(0.1 - 3j), 1j])
def test_python_numbers_take_the_width_of_the_array(dtype: str, a: Any) -> None:
    x = values(dtype)
    x[x == 0] = 1
    x = np.abs(x) if x.dtype.kind == "u" else x
    # What is computed too wide or too narrow rounds otherwise.
    y = np.zeros((len(x), 5), np.complex128)
    check(define(WEAK), x, y, a, schedules=each("N", threads=[64]), strict=True)


@pytest.mark.parametrize("narrow", ["int8", "int16", "float16", "float32", "int32", "float64"])
def test_types_of_mixtures_are_numpys(narrow: str) -> None:
    def mixes(x, z, y):
        y[0] = x[0] + z[0] / 3
        y[1] = x[0] * 1j / 3
        y[2] = z[0] * 0.1

    for dtype in COMPLEXES:
        x, z = np.array([7], narrow), np.array([1 / 3 + 0.1j], dtype)
        check(mixes, x, z, np.zeros(3, complex), strict=True)


def python_arithmetic(y, a, b):
    y[0] = a * b
    y[1] = a / b
    y[2] = a - b * 1j
    y[3] = a**2
    y[4] = a**-3
    y[5] = (a + 1j) ** 7
    y[6] = -a
    y[7] = complex(a.real, b.imag)
    y[8] = a.conjugate() * b
    y[9] = abs(a)
    y[10] = 1 if a == b else 2j


@pytest.mark.parametrize("a", [1 + 2j, -0.1 + 3j, 2.5 - 0.3j])
@pytest.mark.parametrize("b", [1 + 2j, 0.1 - 0.7j, 3.3 + 1j])
def test_python_numbers_compute_as_python_does(a: complex, b: complex) -> None:
    check(python_arithmetic, np.zeros(11, complex), a, b, strict=True, ulps=1)


# --- Scalars as arguments ----------------------------------------------------------------------


def scales(x, y, a):
    parpy.label("N")
    for i in range(len(x)):
        y[i] = x[i] * a + (a.imag if a != 0 else 3.0)


def test_changing_scalars_become_parameters() -> None:
    x = values("complex128")
    numbers = [1 + 2j, 1 + 3j, 2 + 3j, 5 + 7j, 0j, complex(np.nan, 1), complex(-0.0, 4)]
    function = parpy.jit(scales)
    for make in (complex, np.complex64, np.complex128, lambda a: np.array(a)):
        for a in numbers:
            y, wanted = np.zeros_like(x), np.zeros_like(x)
            function(x, y, make(a), opts=options({"N": parpy.threads(4)}, strict=True))
            with np.errstate(all="ignore"):
                scales(x, wanted, make(a))
            # NumPy multiplies by arrays with fused operations.
            assert_same(y, wanted, ulps=4)
    reasons = [c.reason for c in function.compilations]
    assert any(
        "the imaginary part of a was 2.0 and is now 3.0: made a parameter" in r for r in reasons
    )
    assert any("the real part of a was 1.0 and is now 2.0" in r for r in reasons)
    # A first call, one that opens the imaginary and one that opens the real part, for each type.
    assert len(reasons) <= 3 * 3


def test_a_zero_dimensional_array_is_strong() -> None:
    x = values("complex64")
    a = np.array(0.1 + 0.2j, np.complex128)
    y = np.zeros(len(x), np.complex128)
    check(scales, x, y, a, strict=True, ulps=2)
    check(scales, x, y, 0.1 + 0.2j, strict=True)


CONSTANT: Any = 1.5 - 2j


def uses_a_constant(x, y):
    y[:] = x[:] * CONSTANT + CONSTANT.real


@pytest.mark.parametrize(
    "constant", [1.5 - 2j, 7j, np.complex64(0.1 + 0.3j), np.complex128(0.1 + 0.3j), 2.0]
)
def test_constants_of_the_module_are_read_at_each_call(
    constant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "CONSTANT", constant)
    for dtype in COMPLEXES:
        x = values(dtype)
        check(uses_a_constant, x, np.zeros(len(x), complex), strict=True, rtol=1e-6)
    single, double = np.zeros(67, complex), np.zeros(67, complex)
    parpy.jit(uses_a_constant)(values("complex64"), single)
    parpy.jit(uses_a_constant)(values("complex64").astype(complex), double)
    # Python's numbers keep the array's width.
    assert (np.abs(single - double).max() > 1e-9) == (not isinstance(constant, np.complex128))


# --- Functions ---------------------------------------------------------------------------------

FUNCTIONS = "exp log sqrt sin cos tan sinh cosh tanh log2 log10".split()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", COMPLEXES)
def test_functions_are_near_numpys(name: str, dtype: str) -> None:
    function = define(f"""
        def applies(x, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = np.{name}(x[i])
    """)
    x = np.concatenate([values(dtype, 200) * s for s in (1, 5, 0.01)]).astype(dtype)
    for strict in (False, True):
        check(function, x, np.zeros_like(x), schedules=each("N"), ulps=8, strict=strict)


@pytest.mark.parametrize(
    "name", ["exp", "log", "sqrt", "sinh", "cosh", "tanh", "sin", "cos", "tan"]
)
@pytest.mark.parametrize("dtype", COMPLEXES)
def test_functions_at_corners(name: str, dtype: str) -> None:
    function = define(f"""
        def applies(x, y):
            parpy.label("N")
            for i in range(len(x)):
                y[i] = np.{name}(x[i])
    """)
    big = 1e30 if dtype == "complex64" else 1e300
    x = corners(dtype, [0.0, -0.0, 0.5, -3.25, 1e-30, 30.0, -big, np.inf, -np.inf, np.nan])
    y, wanted = np.zeros_like(x), np.zeros_like(x)
    with np.errstate(all="ignore"):
        function(x, wanted)
    parpy.jit(function)(x, y, opts=options({"N": parpy.threads(64)}))
    for part in ("real", "imag"):
        a, b = getattr(y, part), getattr(wanted, part)
        with np.errstate(all="ignore"):
            # C leaves some signs open.
            same = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.isinf(a) & np.isinf(b))
            wrong = ~(same | (np.abs(a - b) <= 1e-6 * np.abs(wanted)))
        assert not wrong.any(), list(zip(x[wrong], y[wrong], wanted[wrong], strict=True))


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_roots_and_logarithms_of_the_largest_and_the_smallest(dtype: str) -> None:
    def applies(x, y):
        for i in range(len(x)):
            y[i, 0] = np.sqrt(x[i])
            y[i, 1] = np.log(x[i])
            y[i, 2] = abs(x[i])

    info = np.finfo(np.dtype(dtype).type(0).real.dtype)
    sizes = [float(info.max), float(info.tiny), float(info.smallest_subnormal), 1.0, -1.0, 0.0]
    x = corners(dtype, sizes)[:-1]
    check(applies, x, np.zeros((len(x), 3), dtype), ulps=4)


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_parts_and_predicates(dtype: str) -> None:
    def parts(z, r, w, b):
        parpy.label("N")
        for i in range(len(z)):
            r[i, 0] = z[i].real
            r[i, 1] = z[i].imag
            r[i, 2] = np.real(z[i]) - np.imag(z[i])
            r[i, 3] = np.angle(z[i])
            r[i, 4] = abs(z[i])
            r[i, 5] = np.abs(z[i])
            w[i, 0] = z[i].conjugate()
            w[i, 1] = np.conj(z[i])
            w[i, 2] = np.conjugate(z[i] * 1j)
            b[i, 0] = np.isnan(z[i])
            b[i, 1] = np.isinf(z[i])
            b[i, 2] = np.isfinite(z[i])
            b[i, 3] = bool(z[i] or 0j)
            b[i, 4] = not z[i]
            b[i, 5] = bool(z[i])

    for z in (values(dtype), corners(dtype)):
        n = len(z)
        real = z.real.dtype
        args = [z, np.zeros((n, 6), real), np.zeros((n, 3), dtype), np.zeros((n, 6), bool)]
        check(parts, *args, schedules=each("N"), strict=True, ulps=2)


def test_parts_of_real_numbers() -> None:
    def parts(x, y):
        for i in range(len(x)):
            y[i, 0] = x[i].real
            y[i, 1] = x[i].imag
            y[i, 2] = np.conj(x[i])
            y[i, 3] = np.real(x[i]) + np.imag(x[i])

    for dtype in ("int32", "float32", "float64"):
        x = values(dtype)
        check(parts, x, np.zeros((len(x), 4), dtype))


def test_parts_of_slices_and_expressions() -> None:
    def parts(z, x, w):
        parpy.label("N")
        x[:] = z.real
        parpy.label("N")
        x[:] += (z[:] * z[:]).imag
        w[:] = z.conjugate() * (1 - z[::-1].conj()).real

    for dtype in COMPLEXES:
        z = values(dtype)
        x = np.zeros(len(z), z.real.dtype)
        check(parts, z, x, np.zeros_like(z), schedules=each("N"), strict=True, layouts=LAYOUTS)


@pytest.mark.parametrize("name", "exp log sqrt sin cos tan sinh cosh tanh log10".split())
def test_functions_of_cmath_take_any_number(name: str) -> None:
    function = define(
        f"""
        def applies(z, x, y):
            for i in range(len(z)):
                y[i, 0] = cmath.{name}(z[i])
                y[i, 1] = cmath.{name}(x[i])
                y[i, 2] = cmath.{name}(0.5 - 1j)
                y[i, 3] = cmath.phase(z[i])
        """,
        cmath=cmath,
    )
    for dtype in COMPLEXES:
        z = values(dtype)
        x = np.abs(z) if name in ("log", "log10") else z.real.copy()
        check(function, z, x, np.zeros((len(z), 4), complex), ulps=8)


def test_of_parpy() -> None:
    def applies(z, y):
        for i in range(len(z)):
            y[i, 0] = parpy.operators.exp(z[i])
            y[i, 1] = parpy.operators.sqrt(z[i]) * parpy.math.log(z[i])
            y[i, 2] = parpy.operators.complex64(z[i])
            y[i, 3] = parpy.operators.complex128(i) + parpy.operators.abs(z[i])
            y[i, 4] = np.complex64(i) * np.complex128(z[i]) + complex(i) + complex(i, 0.5)
            y[i, 5] = parpy.builtin.convert(z[i], parpy.types.C64)

    for dtype in COMPLEXES:
        z = values(dtype)
        check(
            applies, z, np.zeros((len(z), 6), complex), rtol=1e-6 if dtype == "complex64" else 1e-15
        )


# --- Powers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", ["0", "1", "2", "3", "7", "-1", "-4", "2.0", "100", "0.0"])
@pytest.mark.parametrize("dtype", COMPLEXES)
def test_whole_powers_are_products(exponent: str, dtype: str) -> None:
    function = define(f"""
        def powers(z, y):
            parpy.label("N")
            for i in range(len(z)):
                y[i] = z[i] ** {exponent}
    """)
    z = values(dtype)
    z = (z / np.abs(z) * (0.75 + np.abs(z) / 9)).astype(dtype)
    bounds = {"strict": True} if exponent != "100" else {"rtol": 1e-4}
    check(function, z, np.zeros_like(z), schedules=each("N"), **bounds)
    if exponent != "100":
        x = corners(dtype)
        # NumPy's powers of zero have another sign than its products.
        check(function, x, np.zeros_like(x), strict=True, ulps=1)


def test_powers_known_at_run_time() -> None:
    def powers(z, n, x, w, y):
        parpy.label("N")
        for i in range(len(z)):
            y[i, 0] = z[i] ** n[i]
            y[i, 1] = z[i] ** x[i]
            y[i, 2] = z[i] ** w[i]
            y[i, 3] = x[i] ** w[i]
            y[i, 4] = (1 + 2j) ** (i - 3)
            y[i, 5] = z[i] ** (i / 2)

    z, x, w = values("complex128", 20), values("float64", 20, 3), values("complex128", 20, 4)
    n = np.arange(-10, 10)
    x[::3] = np.round(x[::3])
    x[4] = 0
    z[7] = 0
    n[7] = 3
    x[7] = w[7] = 2.5
    check(powers, z, n, np.abs(x), w, np.zeros((20, 6), complex), schedules=each("N"), ulps=64)


# --- Statements --------------------------------------------------------------------------------


def carries(z, y):
    a = 1 + 0j
    b = z[0]
    for i in range(len(z)):
        a, b = b, a * 0.5 + z[i]
        if abs(a) > 1.5:
            a = a / abs(a)
        elif a.real < 0:
            a = complex(a.imag, a.real)
        c = a if i % 2 == 0 else 3.0
        y[i] = a + c * b


def joins(z, y):
    for i in range(len(z)):
        w = 0
        if z[i].real > 0:
            w = z[i]
        t = w or 2j
        u = w and t
        y[i] = w + t * u
        while abs(w) < 2 and w != 0:
            w = w * w + z[i] + 1
        y[i] += w


@pytest.mark.parametrize("dtype", COMPLEXES)
@pytest.mark.parametrize("function", [carries, joins])
def test_variables_are_carried_and_joined(function: Any, dtype: str) -> None:
    z = values(dtype)
    # What abs() is off by is carried on and grows.
    ulps = 16 * math_ulps()
    check(function, z, np.zeros_like(z), strict=True, layouts=LAYOUTS, ulps=ulps)


def test_parts_are_exchanged() -> None:
    def exchanges(z):
        a = z[0]
        for i in range(len(z)):
            a = complex(a.imag, a.real)
            z[i] = complex(z[i].imag, z[i].real) + a
        z[1] = complex(z[0].imag, z[1].real)
        z[int(z[2].real * 0)] = z[3] * 1j
        z[4], z[5] = z[5].conjugate(), z[4]

    check(exchanges, values("complex128"))


def slices(z, w, x):
    parpy.label("N")
    z[1:] = z[:-1] * 2j + w[1:]
    parpy.label("N")
    w[:] *= z[::-1]
    parpy.label("N")
    w[:] /= x[:] + 2
    parpy.label("N")
    z[:] = z[::-1]
    z[::2] = 1
    z[1::3] -= 0.5j


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_slices_read_before_they_write(dtype: str) -> None:
    x = values("float32")
    args = values(dtype), values(dtype, seed=3), np.abs(x)
    bound = 1e-6 if dtype == "complex64" else 1e-15
    check(slices, *args, schedules=each("N"), rtol=bound, layouts=LAYOUTS)


def test_arrays_that_overlap() -> None:
    def adds(x, y):
        parpy.label("N")
        for i in range(len(x)):
            y[i] = complex(x[i].imag, x[i].real) + y[i] * 1j

    memory = values("complex128", 80)
    one = [{"N": parpy.threads(1)}]
    check_views(adds, lambda: (lambda m: (m, m))(memory.copy()), schedules=one)
    check_views(adds, lambda: (lambda m: (m[:-3], m[3:]))(memory.copy()), schedules=one)

    # Where one array's imaginary parts are the other's real parts.
    def shifted() -> tuple[np.ndarray, np.ndarray]:
        memory = np.arange(41.0)
        return memory[:-1].view(complex), memory[1:].view(complex)

    check_views(adds, shifted, schedules=one)


def test_real_views_of_complex_memory() -> None:
    def writes(z, x):
        for i in range(len(z)):
            x[i] = z[i].imag + 1
            z[i] += x[i]

    def shared() -> tuple[np.ndarray, np.ndarray]:
        z = values("complex128")
        return z, z.real

    check_views(writes, shared)


def test_no_elements_and_one() -> None:
    for n in (0, 1, 3, 8):
        z = values("complex64", n)
        x = values("float32", n)
        check(slices, z, z.copy(), np.abs(x), schedules=each("N"), rtol=1e-6)
        y = np.zeros(1, np.complex64)
        check(sums, z, z.copy(), y.copy(), y.copy(), schedules=each(reduce="N"), rtol=1e-5)


@parpy.jit
def mandel(c, limit):
    z = 0j
    n = 0
    while n < limit and abs(z) <= 2:
        z = z * z + c
        n += 1
    return z, n


@parpy.jit
def normalise(row, by):
    row[:] /= by


def test_helpers_take_and_give_complex_numbers() -> None:
    def calls(z, counts):
        parpy.label("N")
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                w, n = mandel(z[i, j] * 0.5, 20)
                z[i, j] = w
                counts[i, j] = n
            normalise(z[i], 2 - 1j)

    z = values("complex128", 60).reshape(6, 10)
    check(calls, z, np.zeros((6, 10), np.int64), schedules=each("N"), strict=True)


def test_temporaries() -> None:
    def uses(z, y):
        n = len(z)
        t = np.zeros(n, np.complex64)
        u = np.empty((n, 3), dtype=complex)
        v = np.zeros_like(z)
        w = np.full(n, 2j)
        parpy.label("N")
        for i in range(n):
            local = np.zeros(4, z.dtype)
            for k in range(4):
                local[k] = z[i] * k
            t[i] = local[1] + local[3]
            u[i, :] = t[i] * 1j
            v[i] += u[i, 2]
        y[:] = t[:] + v[:] * w[:]

    for dtype in COMPLEXES:
        z = values(dtype)
        check(uses, z, np.zeros(len(z), complex), schedules=each("N"), rtol=1e-6)


def test_dictionaries() -> None:
    def uses(d, y):
        for i in range(len(y)):
            y[i] = d["x"][i] * d["a"] + d["b"]

    x = values("complex64")
    for a, b in ((1j, 2.0), (2 + 1j, 3.0), (2 + 2j, np.complex64(1j)), (2 + 3j, np.complex64(2))):
        y, wanted = np.zeros(len(x), complex), np.zeros(len(x), complex)
        d = {"x": x, "a": a, "b": b}
        parpy.jit(uses)(d, y, opts=options(strict=True))
        uses(d, wanted)
        assert_same(y, wanted)


# --- Reductions --------------------------------------------------------------------------------


def sums(x, y, total, dot):
    parpy.label("N")
    total[0] = parpy.operators.sum(x[:])
    parpy.label("N")
    for i in range(len(x)):
        dot[0] += x[i].conjugate() * y[i]


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_sums(dtype: str) -> None:
    for n in (5, 1000):
        args = values(dtype, n), values(dtype, n, 3), np.ones(1, dtype), np.ones(1, dtype)
        check(sums, *args, schedules=each(reduce="N"), rtol=2e-5 if dtype == "complex64" else 1e-12)


def test_sums_over_axes() -> None:
    def reduces(z, rows, columns, y):
        parpy.label("N")
        rows[:] = np.sum(z[:, :], axis=1)
        columns[:] = parpy.operators.sum(z[:, :] * 2j, axis=0)
        y[0] = z.sum()
        y[1] = parpy.operators.prod(z[:3, 0])
        y[2] = np.prod(z[2, :3])
        y[3] = sum(z[0, :]) + parpy.reduce.sum(z[1, :])

    for dtype in COMPLEXES:
        z = values(dtype, 60).reshape(6, 10)
        zeros = [np.zeros(6, dtype), np.zeros(10, dtype), np.zeros(4, dtype)]
        check(reduces, z, *zeros, schedules=each("N"), rtol=1e-5)


def test_variables_accumulate_under_reduce() -> None:
    def accumulates(z, y):
        s = 1j
        t = 0.0
        u = y[1]
        parpy.label("N")
        for i in range(len(z)):
            s += z[i] * z[i]
            if z[i].real > 0:
                t = t + z[i]
            u -= z[i]
        y[0] = s + t
        y[1] = u

    for dtype in COMPLEXES:
        z = values(dtype, 3000)
        check(accumulates, z, np.ones(2, dtype), schedules=each(reduce="N"), rtol=1e-3)


def test_elements_accumulate_where_data_says() -> None:
    def histogram(h, b, w):
        parpy.label("N")
        for i in range(len(b)):
            h[b[i]] += w[i] * 2

    for dtype in COMPLEXES:
        b = np.random.default_rng(3).integers(0, 7, 3000)
        args = np.ones(7, dtype), b, values(dtype, 3000)
        check(histogram, *args, schedules=each(reduce="N"), rtol=1e-3)


def product_of_all(z, y):
    p = 1.0
    parpy.label("N")
    for i in range(len(z)):
        p *= z[i]
    y[0] = p
    parpy.label("M")
    for i in range(len(z)):
        y[1] = y[1] * z[i]
    parpy.label("M")
    y[2] = parpy.operators.prod(z[:])


@pytest.mark.parametrize("dtype", COMPLEXES)
def test_products_run_in_order(dtype: str) -> None:
    z = values(dtype, 3000)
    z = (z / np.abs(z)).astype(dtype)
    check(product_of_all, z, np.ones(3, dtype), schedules=[{"M": parpy.threads(1)}], rtol=1e-3)
    for label in "NM":
        schedule = {label: parpy.threads(64).reduce()}
        args = z, np.ones(3, dtype)
        check(product_of_all, *args, schedules=[schedule], rtol=1e-3, warns=True)
        with pytest.warns(RuntimeWarning, match="only sums of complex values are reduced"):
            parpy.jit(product_of_all)(*args, opts=options(schedule))


def test_sums_are_the_same_with_any_number_of_workers_and_parameters() -> None:
    results = set()
    for n in (64, 2, 1):
        function = parpy.jit(sums)
        for m in (4999, 5000):
            x, y = values("complex128", 5000)[:m], values("complex128", 5000, 3)[:m]
            one, two = np.zeros(1, complex), np.zeros(1, complex)
            function(x, y, one, two, opts=options({"N": parpy.threads(n).reduce()}))
        results.add((one.tobytes(), two.tobytes()))
    if len(results) > 1:
        # One worker adds in order.
        assert len(results) == 2


def axpy(a, x, y):
    parpy.label("N")
    y[:] = a * x[:] + y[:]


def multiplies(x, y, z):
    parpy.label("N")
    for i in range(len(x)):
        z[i] = x[i] * y[len(x) - 1 - i]


def dots(x, y, z):
    parpy.label("N")
    z[0] = parpy.operators.sum(x[:] * y[:])


def test_loops_run_in_lanes() -> None:
    x, y, z = (values("complex128", 1000, seed) for seed in (1, 2, 3))
    opts = options({"N": parpy.threads(64)})
    for function, args in ((axpy, (2j, x, y)), (multiplies, (x, y, z)), (dots, (x, y, z))):
        code = parpy.jit(function).lower(*args, opts=opts).code
        assert "load <8 x double>" in code or "load <16 x double>" in code
        assert "gather" not in code
        assert "scatter" not in code
        assert function is dots or "store <8 x double>" in code
        check(function, *args, schedules=each("N"), rtol=1e-12, layouts=LAYOUTS)


# --- Bounds ------------------------------------------------------------------------------------


def test_indices_are_checked() -> None:
    def reads(z, c, y):
        for i in range(len(c)):
            y[i] = z[c[i]]

    def shifts(z, y):
        for i in range(len(y)):
            y[i] = z[i + 1]

    z, y = values("complex128", 5), np.zeros(5, complex)
    with pytest.raises(IndexError, match="'z' is out of bounds for dimension 0 with size 5"):
        parpy.jit(shifts)(z, y)
    with pytest.raises(IndexError, match="'z'"):
        parpy.jit(reads)(z, np.array([0, 1, 9]), y, opts=options(check_bounds=True))
    check(reads, z, np.array([0, -1, 4]), y, check_bounds=True)


# --- Other memory ------------------------------------------------------------------------------


def doubles(z):
    z[:] *= 2 - 1j


def test_protocols_and_buffers() -> None:
    class Interface:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array
            self.__array_interface__ = array.__array_interface__

    class Exporter:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array

        def __dlpack__(self, **keywords: Any) -> Any:
            return self.array.__dlpack__(**keywords)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    function = parpy.jit(doubles)
    for dtype in COMPLEXES:
        z = values(dtype)
        wanted = z.copy()
        doubles(wanted)
        for wrap in (Interface, Exporter, memoryview):
            given = z.copy()
            function(wrap(given), opts=options(strict=True))
            assert_same(given, wanted)
        buffer = parpy.buffer.from_array(z.copy(), parpy.CompileBackend.Cpu)
        assert buffer.dtype == getattr(parpy.types, "C64" if dtype == "complex64" else "C128")
        function(buffer, opts=options(strict=True))
        assert_same(buffer.numpy(), wanted)


def test_an_element_may_lie_where_its_parts_may() -> None:
    memory = np.zeros(41)
    z = memory[1:].view(complex)
    parpy.jit(doubles)(z)
    z[:] = 1
    parpy.jit(doubles)(z)
    np.testing.assert_array_equal(z, np.full(20, 2 - 1j))
    assert memory[0] == 0


def test_printed_code_runs_again() -> None:
    x, y = values("complex64"), np.zeros(67, np.complex64)
    for a in (1.25 - 2j, np.complex64(2j), complex(np.nan, -0.0)):
        text = parpy.print_compiled(scales, [x, y, a])
        again = parpy.compile_string("scales", text)
        again(x, y, a)
        wanted = np.zeros_like(y)
        with np.errstate(all="ignore"):
            scales(x, wanted, a)
        assert_same(y, wanted, ulps=4)
        with pytest.raises((TypeError, ValueError)):
            again(x, y, a + 1)
    d = {"z": x, "a": 3j}

    def uses(d, y):
        y[:] = d["z"][:] + d["a"]

    text = parpy.print_compiled(uses, [d, y])
    assert "weak complex128 = 0.0 + 1j * 3.0" in text
    parpy.compile_string("uses", text)(d, y)
    assert_same(y, x + 3j)


M = shape_var()


@parpy.jit
def annotated(z: buffer(C64, [M]), w: buffer(C128, [M]), a: C64):  # type: ignore[valid-type]
    for i in range(M):
        w[i] = z[i] * a


def test_annotations() -> None:
    z, w = values("complex64"), np.zeros(67, complex)
    for a in (0.1 + 1j, 0.3, 2):
        annotated(z, w, a, opts=options(strict=True))
        assert_same(w, (z * np.complex64(a)).astype(complex), rtol=1e-6)
    with pytest.raises(TypeError, match="complex64"):
        annotated(w, w, 1j)


# --- Errors ------------------------------------------------------------------------------------

wrong = Wrong()
Z = np.ones(3, complex)
X = np.ones(3)


@wrong(parpy.TypeMismatchError, Z, X)
def stores_a_complex_in_a_real_array(z, x):
    x[0] = z[0]  # error: a value of type complex128 cannot be stored in an array of float64


@wrong(parpy.TypeMismatchError, Z)
def orders(z):
    if z[0] < z[1]:  # error: operator < is not defined for complex128 and complex128
        z[0] = 1


@wrong(parpy.TypeMismatchError, Z)
def divides_whole(z):
    z[0] = z[0] // 2  # error: operator // is not defined for complex128 and int64


@wrong(parpy.TypeMismatchError, Z)
def takes_a_remainder(z):
    z[0] = z[0] % 2j  # error: operator % is not defined for complex128 and complex128


@wrong(parpy.TypeMismatchError, Z)
def joins_bits(z):
    z[0] = z[0] & 1  # error: operator & is not defined for complex128 and int64


@wrong(parpy.TypeMismatchError, Z)
def inverts(z):
    z[0] = ~z[0]  # error: operator ~ is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_the_least(z):
    z[0] = parpy.operators.min(z[:])  # error: parpy.operators.min is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_the_greater(z):
    z[0] = max(z[0], 1)  # error: max is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_a_cube_root(z):
    z[0] = np.cbrt(z[0])  # error: np.cbrt is not defined for complex128


@wrong(parpy.TypeMismatchError, Z)
def takes_an_angle(z):
    z[0] = np.hypot(z[0], 1.0)  # error: np.hypot is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, X)
def converts(z, x):
    x[0] = np.float64(z[0])  # error: conversion to float64 is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, X)
def makes_an_integer(z, x):
    x[0] = int(z[0])  # error: int is not defined for complex128


@wrong(parpy.TypeMismatchError, Z, 1j)
def indexes(z, i):
    z[i] = 0  # error: an index must be an integer, not complex128


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Any) -> None:
    reject(case)
