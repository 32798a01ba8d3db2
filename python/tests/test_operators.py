"""The operators on plain Python and NumPy values: the meaning of an undecorated function."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parpy

FLOATS = (np.float32, np.float64)
INTEGERS = (
    *(np.int8, np.int16, np.int32, np.int64),
    *(np.uint8, np.uint16, np.uint32, np.uint64),
)

# Each function with a point inside its domain.
UNARY = {
    **dict.fromkeys("sqrt cbrt exp exp2 expm1 log log2 log10 log1p erf erfc".split(), 0.75),
    **dict.fromkeys("sin cos tan asin acos atan sinh cosh tanh gamma lgamma fabs".split(), 0.75),
}
BINARY = "atan2 pow fmod hypot copysign".split()


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Any:
    """Operators are silent: a domain error is an IEEE value."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", UNARY)
class TestUnaryMath:
    def test_of_a_python_float_is_the_python_float_that_math_gives(self, name: str) -> None:
        x = UNARY[name]
        y = getattr(parpy.math, name)(x)
        assert type(y) is float
        assert y == pytest.approx(getattr(math, name)(x), rel=1e-15)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_keeps_type_and_shape(self, name: str, dtype: type) -> None:
        x = np.full((2, 3), UNARY[name], dtype)
        y = getattr(parpy.math, name)(x)
        assert (y.dtype, y.shape) == (x.dtype, x.shape)
        np.testing.assert_allclose(y, getattr(math, name)(UNARY[name]), rtol=1e-6)
        scalar = getattr(parpy.math, name)(x[0, 0])
        assert type(scalar) is dtype

    def test_of_strong_integers_is_float64(self, name: str) -> None:
        x = np.ones(2, np.int8)
        assert getattr(parpy.math, name)(x).dtype == np.float64

    def test_of_a_python_int_is_a_python_float(self, name: str) -> None:
        assert type(getattr(parpy.math, name)(1)) is float

    @pytest.mark.parametrize("x", [-math.inf, -2.0, -0.0, 0.0, 1e308, math.inf, math.nan])
    def test_never_raises(self, name: str, x: float) -> None:
        getattr(parpy.math, name)(x)
        getattr(parpy.math, name)(np.array([x]))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda m: m.sqrt(-1.0), math.nan),
        (lambda m: m.log(0.0), -math.inf),
        (lambda m: m.log(-1.0), math.nan),
        (lambda m: m.exp(1000.0), math.inf),
        (lambda m: m.acos(2.0), math.nan),
        (lambda m: m.gamma(0.0), math.inf),
        (lambda m: m.gamma(-0.0), -math.inf),
        (lambda m: m.gamma(-3.0), math.nan),
        (lambda m: m.gamma(200.0), math.inf),
        (lambda m: m.lgamma(-3.0), math.inf),
        (lambda m: m.fmod(1.0, 0.0), math.nan),
        (lambda m: m.pow(-8.0, 1 / 3), math.nan),
        (lambda m: m.pow(0.0, -1.0), math.inf),
    ],
)
def test_domain_errors_are_ieee_values(call: Callable[[Any], float], expected: float) -> None:
    np.testing.assert_equal(call(parpy.math), expected)


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_keep_float32_against_weak_values(name: str) -> None:
    function = getattr(parpy.math, name)
    x = np.array([1.5, 2.5], np.float32)
    assert function(x, 2.0).dtype == np.float32
    assert function(x, 2).dtype == np.float32
    assert function(x, np.float64(2)).dtype == np.float64
    assert type(function(1.5, 2.0)) is float
    np.testing.assert_allclose(function(x, 2.0), [getattr(math, name)(v, 2.0) for v in x], 1e-6)


class TestRoundings:
    CASES = [(-2.5, -3, -2, -2, -2), (2.5, 2, 3, 2, 2), (3.5, 3, 4, 4, 3), (-0.4, -1, 0, 0, 0)]

    @pytest.mark.parametrize(("x", "floor", "ceil", "nearest", "trunc"), CASES)
    def test_give_integers(self, x: float, floor: int, ceil: int, nearest: int, trunc: int) -> None:
        m = parpy.math
        for value in (x, np.float32(x), np.float64(x)):
            found = (m.floor(value), m.ceil(value), m.round(value), m.trunc(value))
            assert found == (floor, ceil, nearest, trunc)
            assert all(type(v) is int for v in found)

    def test_of_an_array_are_int64(self) -> None:
        y = parpy.math.floor(np.array([[1.5, -1.5]], np.float32))
        assert y.dtype == np.int64
        np.testing.assert_array_equal(y, [[1, -2]])

    def test_leave_integers_alone(self) -> None:
        assert parpy.math.ceil(7) == 7
        assert type(parpy.math.ceil(np.uint8(7))) is int
        assert parpy.math.ceil(np.array([7], np.uint8)).dtype == np.int64

    def test_saturate_and_take_nan_for_zero(self) -> None:
        assert parpy.math.floor(1e300) == 2**63 - 1
        assert parpy.math.floor(-math.inf) == -(2**63)
        assert parpy.math.floor(math.nan) == 0


@pytest.mark.parametrize("dtype", INTEGERS)
class TestConversionToIntegers:
    def test_wraps_integers(self, dtype: type) -> None:
        convert = getattr(parpy.operators, dtype.__name__)
        info = np.iinfo(dtype)
        assert convert(info.max + 1) == info.min
        assert convert(info.min - 1) == info.max
        assert convert(-1) == np.array(-1).astype(dtype)
        assert type(convert(True)) is dtype

    def test_truncates_and_saturates_floats(self, dtype: type) -> None:
        convert = getattr(parpy.operators, dtype.__name__)
        info = np.iinfo(dtype)
        assert convert(2.9) == 2
        assert convert(-0.9) == 0
        x = np.array([math.inf, -math.inf, math.nan, 1e30, -1e30])
        y = convert(x)
        assert y.dtype == dtype
        assert y.tolist() == [info.max, info.min, 0, info.max, info.min]
        assert convert(x.astype(np.float32)).tolist() == y.tolist()

    @given(data=st.data())
    def test_agrees_with_python_on_every_float(self, dtype: type, data: Any) -> None:
        x = data.draw(st.floats(allow_nan=False))
        info = np.iinfo(dtype)
        whole = x if math.isinf(x) else math.trunc(x)
        assert getattr(parpy.operators, dtype.__name__)(x) == min(max(whole, info.min), info.max)

    def test_convert_is_the_same(self, dtype: type) -> None:
        elem = parpy.ElemSize(dtype.__name__)
        assert parpy.builtin.convert(300.7, elem) == getattr(parpy.operators, dtype.__name__)(300.7)


def test_conversions_to_floats_round() -> None:
    assert parpy.operators.float32(0.1) == np.float32(0.1)
    assert parpy.operators.float32(1e300) == math.inf
    assert parpy.operators.float16(np.arange(3)).dtype == np.float16
    assert type(parpy.operators.float64(1)) is np.float64
    assert type(parpy.builtin.convert(2, parpy.types.Bool)) is np.bool_


def test_convert_names_what_it_takes() -> None:
    with pytest.raises(TypeError, match=r"parpy\.types\.F32, not 'f4'"):
        parpy.builtin.convert(1, "f4")
    with pytest.raises(TypeError, match=r"parpy\.types\.F32, not <class 'str'>"):
        parpy.builtin.convert(1, str)


@pytest.mark.parametrize("type_", [np.float32, np.dtype("float32"), parpy.types.F32])
def test_convert_takes_what_names_a_type(type_: Any) -> None:
    assert type(parpy.builtin.convert(1.5, type_)) is np.float32


def test_convert_takes_pythons_types() -> None:
    values = [parpy.builtin.convert(2.9, t) for t in (int, float, bool, complex)]
    assert [type(v) for v in values] == [np.int64, np.float64, np.bool_, np.complex128]
    assert values == [2, 2.9, True, 2.9]


class TestReductions:
    X = np.array([[1, 5, 2], [7, 0, 3]], np.float32)

    @pytest.mark.parametrize("module", [parpy.operators, parpy.reduce])
    @pytest.mark.parametrize("name", ["sum", "prod", "min", "max"])
    @pytest.mark.parametrize("axis", [None, 0, 1, -1])
    def test_agree_with_numpy(self, module: Any, name: str, axis: int | None) -> None:
        y = getattr(module, name)(self.X, axis=axis)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, getattr(np, name)(self.X, axis=axis))

    @pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int32])
    def test_narrow_integers_add_up_in_int64(self, dtype: type) -> None:
        x = np.ones(300, dtype)
        assert parpy.operators.sum(x) == 300
        assert parpy.operators.sum(x).dtype == np.int64
        assert parpy.operators.sum(x.astype(np.uint8)).dtype == np.uint64

    def test_nan_wins(self) -> None:
        x = np.array([1.0, math.nan, 0.0])
        for module in (parpy.operators, parpy.reduce):
            assert math.isnan(module.min(x))
            assert math.isnan(module.max(x))

    def test_of_nothing(self) -> None:
        x = np.empty(0, np.float32)
        assert parpy.operators.sum(x) == 0
        assert parpy.operators.prod(x) == 1
        for function in (parpy.operators.min, parpy.operators.max, parpy.reduce.min):
            with pytest.raises(ValueError, match="zero-size"):
                function(x)


class TestTwoValues:
    def test_python_values_stay_what_they_are(self) -> None:
        assert parpy.operators.min(1, 2) == 1
        assert type(parpy.operators.max(1, 2)) is int
        assert type(parpy.builtin.maximum(1.0, 2.0)) is float

    def test_weak_values_yield(self) -> None:
        x = np.array([1, 3], np.float32)
        y = parpy.operators.max(x, 2.0)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y, [2, 3])
        assert type(parpy.operators.min(np.float32(3), 2.5)) is np.float32
        assert parpy.builtin.minimum(x, 2).dtype == np.float32

    @pytest.mark.parametrize("pair", [(1.0, 2.0), (2.0, 1.0), (math.nan, 1.0), (1.0, math.nan)])
    def test_min_and_max_compare_as_python_does(self, pair: tuple[float, float]) -> None:
        arrays = [np.array([v]) for v in pair]
        for name in ("min", "max"):
            expected = {"min": min, "max": max}[name](*pair)
            function = getattr(parpy.operators, name)
            np.testing.assert_equal(function(*pair), expected)
            np.testing.assert_equal(function(*arrays)[0], expected)

    def test_maximum_and_minimum_propagate_nan(self) -> None:
        for pair in ((math.nan, 1.0), (1.0, math.nan)):
            assert math.isnan(parpy.builtin.maximum(*pair))
            assert math.isnan(parpy.builtin.minimum(*pair))

    def test_have_no_axis(self) -> None:
        with pytest.raises(TypeError, match="no axis"):
            parpy.operators.min(1, 2, axis=0)


def test_structure_does_nothing() -> None:
    parpy.label("N")
    with parpy.gpu, parpy.operators.gpu, parpy.builtin.gpu:
        pass
    assert parpy.builtin.inline(3) == 3
    with pytest.raises(TypeError, match="a label must be a string, not int"):
        parpy.label(1)  # type: ignore[arg-type]


def test_gpu_lets_exceptions_through() -> None:
    with pytest.raises(KeyError), parpy.gpu:
        raise KeyError("x")


def test_static_functions() -> None:
    assert parpy.builtin.static_backend_eq(parpy.CompileBackend.Cpu)
    assert not parpy.builtin.static_backend_eq(parpy.CompileBackend.Metal)
    assert parpy.builtin.static_types_eq(parpy.types.F32, np.float32)
    assert not parpy.builtin.static_types_eq(parpy.types.F32, np.float64)
    with pytest.raises(parpy.CompileError, match="^not for integers$"):
        parpy.builtin.static_fail("not for integers")


def test_a_seed_program_runs_as_plain_python() -> None:
    def sum_rows(x: Any, out: Any, N: int) -> None:
        parpy.label("outer")
        for i in range(N):
            out[i] = parpy.operators.sum(x[i, :])

    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    out = np.empty(3, np.float32)
    sum_rows(x, out, 3)
    np.testing.assert_array_equal(out, x.sum(axis=1))


@pytest.mark.parametrize("elem", list(parpy.ElemSize))
def test_element_types(elem: parpy.ElemSize) -> None:
    import ctypes

    assert getattr(parpy.types, elem.name) is elem
    assert elem.to_numpy().name == elem.value
    assert elem.size() == elem.to_numpy().itemsize
    if elem in (parpy.types.F16, parpy.types.BF16):
        with pytest.raises(ValueError, match="c_uint16"):
            elem.to_ctype()
    elif elem in (parpy.types.C64, parpy.types.C128):
        with pytest.raises(ValueError, match="no complex types"):
            elem.to_ctype()
    else:
        assert np.dtype(elem.to_ctype()) == elem.to_numpy()
        assert ctypes.sizeof(elem.to_ctype()) == elem.size()


class TestTables:
    """What the compiler is told about Python's objects."""

    def test_every_operator_is_known_under_every_name(self) -> None:
        from parpy._intrinsics import DTYPES, INTRINSICS

        for name in parpy.operators.__all__:
            if name not in ("inf",):
                known = getattr(parpy.operators, name)
                assert known in INTRINSICS or known in DTYPES, name
        for name in parpy.math.__all__:
            if name not in ("pi", "e", "inf", "nan"):
                assert getattr(parpy.math, name) in INTRINSICS, name

    @pytest.mark.parametrize(
        ("known", "name"),
        [
            (np.exp, "exp"),
            (math.exp, "exp"),
            (parpy.operators.exp, "exp"),
            (np.arctan2, "atan2"),
            (math.floor, "floor"),
            (np.floor, "np_floor"),
            (round, "round"),
            (min, "min_or_reduce"),
            (parpy.operators.max, "max_or_reduce"),
            (parpy.reduce.max, "reduce_max"),
            (np.max, "reduce_max"),
            (np.maximum, "maximum"),
            (sum, "py_sum"),
            (int, "to_int"),
            (parpy.gpu, "gpu"),
            (parpy.label, "label"),
        ],
    )
    def test_names(self, known: Any, name: str) -> None:
        from parpy._intrinsics import INTRINSICS

        assert INTRINSICS[known] == name

    def test_functions_that_mean_something_else_on_integers_are_unknown(self) -> None:
        from parpy._intrinsics import INTRINSICS

        assert np.fmod not in INTRINSICS
        assert np.power not in INTRINSICS

    @pytest.mark.parametrize(
        "spelling", [np.float32, np.dtype("f4"), parpy.types.F32, parpy.operators.float32]
    )
    def test_dtypes(self, spelling: Any) -> None:
        from parpy._intrinsics import DTYPES

        assert DTYPES[spelling] == "float32"

    def test_c_names_of_integers_are_known(self) -> None:
        from parpy._intrinsics import DTYPES

        for scalar in (np.byte, np.short, np.intc, np.longlong, np.intp, np.uintp, np.ulonglong):
            assert DTYPES[scalar] == np.dtype(scalar).name
