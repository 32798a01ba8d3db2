"""complex64 and complex128: held to what NumPy and plain Python do with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from complex_numbers import corners, values
from harness import COMPLEXES, DTYPES, assert_same, check, define, each, options

import parpy
from parpy.types import C64, C128, buffer, shape_var

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
