"""Types and shapes that do not fit."""

# Wrong programs are what is tested.
# ruff: noqa: B007, F841

from __future__ import annotations

import numpy as np
import pytest
from harness import Case, Wrong, assert_placed, check, reject

import parpy

X = np.arange(6.0)
Y = np.zeros(6)
I = np.arange(6)  # noqa: E741
A = np.zeros((3, 4))
U8 = np.zeros(3, np.uint8)
B = np.zeros(3, bool)
wrong = Wrong()
TE = parpy.TypeMismatchError

# --- Stores -----------------------------------------------------------------------------------


@wrong(TE, I, X, helps=True)
def float_into_integers(i, x):
    i[0] = x[0]  # error: a value of type float64 cannot be stored in an array of int64


@wrong(TE, I, X, helps=True)
def weak_float_into_integers(i, x):
    i[0] = 2.5  # error: a value of type float64 cannot be stored in an array of int64


@wrong(TE, I, helps=True)
def quotient_into_integers(i):
    i[0] = i[1] / 2  # error: a value of type float64 cannot be stored in an array of int64


@wrong(TE, U8, I, helps=True)
def wide_into_narrow(u, i):
    u[0] = i[0]  # error: a value of type int64 cannot be stored in an array of uint8


@wrong(TE, np.zeros(3, np.uint64), I, helps=True)
def signed_into_unsigned(u, i):
    u[:] = i[:3]  # error: a value of type int64 cannot be stored in an array of uint64


@wrong(TE, B, X, helps=True)
def float_into_bools(b, x):
    b[0] = x[0]  # error: a value of type float64 cannot be stored in an array of bool


@wrong(TE, I, X)
def augmented_by_a_float(i, x):
    i[0] += 0.5  # error: a value of type float64 cannot be stored in an array of int64


# --- Operators --------------------------------------------------------------------------------


@wrong(TE, B, at="b[0] - b[1]")
def difference_of_bools(b):
    b[0] = b[0] - b[1]  # error: operator - is not defined for bool and bool


@wrong(TE, B, at="-b[1]")
def negative_of_a_bool(b):
    b[0] = -b[1]  # error: operator - is not defined for bool


@wrong(TE, X, I, at="x[0] & i[0]")
def bits_of_a_float(x, i):
    i[0] = x[0] & i[0]  # error: operator & is not defined for float64 and int64


@wrong(TE, X, I, at="~x[0]")
def inverse_of_a_float(x, i):
    x[0] = ~x[0]  # error: operator ~ is not defined for float64


@wrong(TE, X, at="x[0] << 1")
def shift_of_a_float(x):
    x[0] = x[0] << 1  # error: operator << is not defined for float64 and int64


@wrong(TE, U8, at="u[0] + 300")
def weak_integer_out_of_bounds(u):
    u[0] = u[0] + 300  # error: Python integer 300 is out of bounds for uint8


@wrong(TE, U8, at="-1 * u[:]")
def negative_weak_integer(u):
    u[:] = -1 * u[:]  # error: Python integer -1 is out of bounds for uint8


@wrong(TE, U8, at="-1")
def starts_a_maximum_below_all(u):
    b = -1  # error: Python integer -1 is out of bounds for uint8
    for k in range(3):
        b = max(b, u[k])
    u[0] = b


@wrong(TE, U8, at="300")
def chooses_too_much(u):
    u[0] = u[1] if u[2] > 3 else 300  # error: Python integer 300 is out of bounds for uint8


@wrong(TE, U8, at="-1")
def leaves_one_of_two(u):
    b = u[1]
    if u[0] > 2:
        b = -1  # error: Python integer -1 is out of bounds for uint8
    u[2] = b


def holds_one_thing_or_another(u, y):
    for i in range(len(u)):
        v = 1000
        if i > 1:
            v = u[i]
            y[i] = v
        y[i] = v + 1


def test_an_integer_that_is_never_taken_for_a_narrow_value() -> None:
    def holds_one_after_another(u, y):
        for i in range(len(u)):
            v = 1000
            if i > 1:
                v = u[i]
                y[i] = v
            else:
                y[i] = v + 1

    arguments = (np.arange(5, dtype=np.uint8), np.zeros(5, np.int64))
    check(holds_one_after_another, *arguments)
    with pytest.raises(parpy.TypeMismatchError, match="1000 is out of bounds for uint8"):
        parpy.jit(holds_one_thing_or_another)(*arguments)


@wrong(TE, np.zeros(3, np.int8))
def augmented_by_too_much(i):
    i[0] += 128  # error: Python integer 128 is out of bounds for int8


@wrong(TE, I, at="99999999999999999999", helps=True)
def huge_literal(i):
    i[0] = 99999999999999999999  # error: the integer 99999999999999999999 does not fit into 64 bits


@wrong(TE, np.zeros(3), at="10**23", helps=True)
def huge_power(x):
    x[0] = 6.02214076 * 10**23  # error: this integer does not fit into 64 bits


@wrong(TE, np.zeros(3, np.uint64), at="1 << 64", helps=True)
def huge_shift(u):
    u[0] &= 1 << 64  # error: this integer does not fit into 64 bits


@wrong(ValueError, I, at="i[0] ** -1")
def negative_integer_power(i):
    i[0] = i[0] ** -1  # error: integers to negative integer powers are not allowed


# --- Arrays for scalars and scalars for arrays ------------------------------------------------


@wrong(TE, X, Y, helps=True)
def array_into_an_element(x, y):
    y[0] = x[:]  # error: an array stands where a scalar is needed


@wrong(TE, X, Y, at="x[:]", helps=True)
def condition_of_an_array(x, y):
    if x[:]:  # error: an array stands where a scalar is needed
        y[0] = 1


@wrong(TE, X, Y, at="x[:] > 0", helps=True)
def while_of_an_array(x, y):
    while x[:] > 0:  # error: an array stands where a scalar is needed
        y[0] = 1


@wrong(TE, X, Y, at="x")
def index_by_an_array(x, y):
    y[0] = y[x]  # error: an array stands where a scalar is needed


@wrong(TE, X, Y, at="x")
def range_of_an_array(x, y):
    for i in range(x):  # error: an array stands where a scalar is needed
        y[i] = 1


@wrong(TE, X, Y)
def chained_comparison_of_arrays(x, y):
    y[:] = 0 < x[:] < 3  # error: an array stands where a scalar is needed


@wrong(TE, X, Y, at="x[0]")
def float_as_index(x, y):
    y[x[0]] = 1  # error: an index must be an integer, not float64


@wrong(TE, X, Y, at="1.5")
def float_as_slice_bound(x, y):
    y[1.5:] = 1  # error: a slice bound must be an integer, not float64


@wrong(TE, X, Y, at="True")
def bool_as_index(x, y):
    y[True] = 1  # error: an index must be an integer, not bool


@wrong(ValueError, X, Y, at="0")
def slice_step_of_zero(x, y):
    y[::0] = 1  # error: slice step cannot be zero


@wrong(parpy.CompileError, X, I)
def slice_step_from_data(x, i):
    x[:: i[1]] = 1  # error: a slice step that is not known when compiling is not supported


@wrong(TE, X, Y, at="x[0]", helps=True)
def reduction_of_a_scalar(x, y):
    y[0] = parpy.operators.sum(x[0])  # error: parpy.operators.sum needs an array expression


@wrong(TE, X, Y, at="x[0]")
def length_of_a_scalar(x, y):
    y[0] = len(x[0])  # error: len() of what is not an array


@wrong(TE, X, Y, at="parpy.operators.sin(x[0], x[1])")
def too_many_arguments(x, y):
    y[0] = parpy.operators.sin(x[0], x[1])  # error: parpy.operators.sin takes 1 argument, 2


@wrong(TE, X, Y)
def too_few_arguments(x, y):
    y[0] = parpy.operators.atan2(x[0])  # error: parpy.operators.atan2 takes 2 arguments, 1


@wrong(IndexError, X, Y, at="2")
def axis_out_of_range(x, y):
    y[0] = parpy.operators.sum(x, axis=2)  # error: axis 2 is out of bounds for an array of dim


@wrong(IndexError, X, Y)
def too_many_indices(x, y):
    y[0] = x[0, 1]  # error: too many indices: 'x' has 1 dimension, 2 were given


@wrong(IndexError, A, Y)
def too_many_indices_of_a_row(a, y):
    y[0] = a[0][1, 2]  # error: too many indices


@wrong(IndexError, A, Y, at="5")
def shape_of_a_missing_dimension(a, y):
    y[0] = a.shape[5]  # error: tuple index out of range


# --- Shapes -----------------------------------------------------------------------------------


@wrong(TE, X, Y)
def shapes_that_do_not_broadcast(x, y):
    y[:] = x[:4] + x[:5]  # error: shapes (4,) and (5,) do not broadcast together


@wrong(TE, X, Y)
def target_of_another_shape(x, y):
    y[:4] = x[:5]  # error: do not broadcast together


@wrong(TE, A, X)
def row_of_another_length(a, x):
    a[:, :] = x[:]  # error: do not broadcast together


@wrong(TE, A, X)
def matrix_into_a_row(a, x):
    a[0, :] = a[:, :]  # error: do not broadcast together


@wrong(TE, X, A)
def matrix_into_a_vector(x, a):
    x[:4] = a[0:2, :]  # error: do not broadcast together


@pytest.mark.parametrize("case", wrong.cases)
def test_is_refused(case: Case) -> None:
    error = reject(case)
    if isinstance(error, TE):
        assert isinstance(error, TypeError)
        assert isinstance(error, parpy.CompileError)
        assert isinstance(error, RuntimeError)


def adds(x, y, z):
    z[:] = x[:] + y[:]


def test_shapes_are_judged_at_each_call() -> None:
    function = parpy.jit(adds)
    for n in (3, 4, 5, 6):
        check(adds, np.arange(float(n)), np.arange(float(n)), np.zeros(n))
        function(np.zeros(n), np.zeros(n), np.zeros(n))
        for p, q, r in ((n, n + 1, n), (n, n, n + 1), (n + 1, n, n)):
            z = np.zeros(r)
            with pytest.raises(TE, match="do not broadcast together") as caught:
                function(np.ones(p), np.ones(q), z)
            assert_placed(caught.value, adds, adds.__code__.co_firstlineno + 1)
            assert not z.any()


def test_types_are_judged_at_each_call() -> None:
    function = parpy.jit(adds)
    z = np.zeros(3, np.int64)
    for _ in range(2):
        function(np.ones(3, np.int64), np.ones(3, np.int32), z)
        assert z.tolist() == [2, 2, 2]
        with pytest.raises(TE, match="float64 cannot be stored in an array of int64"):
            function(np.ones(3), np.ones(3), z)
        assert z.tolist() == [2, 2, 2]
