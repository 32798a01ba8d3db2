"""Functions and powers of complex numbers, near those of NumPy and plain Python."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from complex_numbers import corners, values
from harness import COMPLEXES, LAYOUTS, check, define, each, options

import parpy

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
