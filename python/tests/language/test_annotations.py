"""Annotations of parameters, shape and type variables, and what is decided when compiling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import ON_CPU, check, each, options

import parpy
from parpy.types import F32, F64, I32, ElemSize, buffer, shape_var, type_var

N = shape_var()
M = shape_var()
T = type_var()


def scale(x: buffer(F32, [N, M]), y: buffer(T, [M]), a: F64, z: buffer(T, [N])):
    for i in range(N):
        for j in range(M):
            z[i] += x[i, j] * y[j] * a


def test_variables_stand_for_extents_and_types() -> None:
    rng = np.random.default_rng(1)
    for shape in [(5, 4), (1, 1), (0, 3), (70, 130)]:
        x = rng.integers(0, 9, shape).astype(np.float32)
        y = rng.integers(0, 9, shape[1]).astype(np.float64)
        check(scale, x, y, 2, np.zeros(shape[0]), schedules=[{}, *each("N")])
        check(scale, x, y, 0.5, np.zeros(shape[0]), specialize="never")


def test_a_loop_over_a_shape_variable_bears_its_name(recwarn: pytest.WarningsRecorder) -> None:
    function = parpy.jit(scale)
    x, y, z = np.ones((9, 8), np.float32), np.ones(8), np.zeros(9)
    opts = parpy.par({"N": parpy.threads(9)})
    function(x, y, 1.0, z, opts=opts)
    assert np.array_equal(z, np.full(9, 8.0))
    assert not recwarn.list
    opts.implicit_shape_labels = False
    assert "@workers" not in function.lower(x, y, 1.0, z, opts=opts).program


WRONG = {
    "element": (np.ones((2, 3)), np.ones(3), 1.0, np.ones(2)),
    "extent": (np.ones((2, 3), np.float32), np.ones(4), 1.0, np.ones(2)),
    "type variable": (np.ones((2, 3), np.float32), np.ones(3), 1.0, np.ones(2, np.float32)),
    "scalar": (np.ones((2, 3), np.float32), np.ones(3), np.float32(1), np.ones(2)),
    "rank": (np.ones(2, np.float32), np.ones(3), 1.0, np.ones(2)),
    "no array": (np.ones((2, 3), np.float32), 3.0, 1.0, np.ones(2)),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("specialize", ["always", "never"])
def test_arguments_that_do_not_fit_are_refused(arguments, specialize: str) -> None:
    before = arguments[-1].copy()
    with pytest.raises(parpy.TypeMismatchError, match="annotation asks for"):
        parpy.jit(scale)(*arguments, opts=options(specialize=specialize))
    assert np.array_equal(arguments[-1], before)


def fixed(x: buffer(I32, [3]), y: buffer(I32)):
    y[:3] = x[:] * 2


def test_fixed_extents_and_free_shapes() -> None:
    check(fixed, np.arange(3, dtype=np.int32), np.zeros(7, np.int32))
    with pytest.raises(parpy.TypeMismatchError, match="asks for 3"):
        parpy.jit(fixed)(np.zeros(4, np.int32), np.zeros(7, np.int32))


def unbound(x, y):
    for i in range(N):
        y[i] = x[i]


def test_a_variable_without_an_annotation_is_refused() -> None:
    with pytest.raises(parpy.CompileError, match="stands in no annotation"):
        parpy.jit(unbound)(np.ones(3), np.ones(3))


@parpy.jit
def dot(a: buffer(T, [N]), b: buffer(T, [N])):
    s = parpy.builtin.convert(0, T)
    for i in range(N):
        s += a[i] * b[i]
    return s


def rows(x, y, z):
    parpy.label("rows")
    for i in range(x.shape[0]):
        z[i] = dot(x[i], y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_helper_binds_the_variables_at_each_call(dtype: type) -> None:
    x = np.arange(12).reshape(3, 4).astype(dtype)
    check(rows, x, x[1].copy(), np.zeros(3, dtype), schedules=[{}, *each("rows")])
    with pytest.raises(parpy.TypeMismatchError, match="annotation asks for"):
        parpy.jit(rows)(x, np.zeros(5, dtype), np.zeros(3, dtype))


def by_type(x: buffer(T, [N]), y):
    if parpy.builtin.static_types_eq(T, parpy.types.F32):
        y[0] = 32
    elif parpy.builtin.static_types_eq(T, np.float64):
        y[0] = 64
    else:
        parpy.builtin.static_fail("only floats are counted")
    if parpy.builtin.static_backend_eq(parpy.CompileBackend.Cuda):
        y[0] = there_is_no_such_function(x)  # noqa: F821


@ON_CPU
def test_dead_branches_are_not_looked_at() -> None:
    check(by_type, np.ones(2, np.float32), np.zeros(1))
    check(by_type, np.ones(2), np.zeros(1))
    with pytest.raises(parpy.CompileError, match="only floats are counted") as caught:
        parpy.jit(by_type)(np.ones(2, np.int8), np.zeros(1))
    assert caught.value.lineno is not None


def by_operand(x: buffer(T, [N]), y):
    is_double = parpy.builtin.static_types_eq(T, np.float64)
    if parpy.builtin.static_types_eq(T, parpy.types.F32) and there_is_no_such_name:  # noqa: F821
        y[0] = 1
    if parpy.builtin.static_backend_eq(parpy.CompileBackend.Cpu) or y.missing:
        y[1] = 2
    if not parpy.builtin.static_types_eq(T, parpy.types.F32) or y[1] @ x:
        y[2] = 3
    y[3] = is_double and x[0]


@ON_CPU
def test_operands_that_are_not_evaluated_are_not_looked_at() -> None:
    check(by_operand, np.full(2, 0.5), np.zeros(4))
    with pytest.raises(NameError, match="there_is_no_such_name"):
        parpy.jit(by_operand)(np.ones(2, np.float32), np.zeros(4))


def local_variables(dtype: np.dtype) -> None:
    K = shape_var()

    @parpy.jit
    def doubles(x: buffer(F64, [K]), y: buffer(F64, [K])):
        for i in range(K):
            y[i] = 2.0 * x[i]

    y = np.zeros(3)
    doubles(np.arange(3.0), y)
    assert np.array_equal(y, [0.0, 2.0, 4.0])


def test_variables_of_an_enclosing_function() -> None:
    local_variables(np.dtype("float64"))


def test_a_shape_variable_has_no_value_outside_a_call() -> None:
    with pytest.raises(RuntimeError, match="only while"):
        range(N)
    with pytest.raises(TypeError, match="element type"):
        buffer(float, [N])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="extent"):
        buffer(F32, ["N"])  # type: ignore[list-item]


@pytest.mark.parametrize("specialize", ["auto", "never", "always"])
@pytest.mark.parametrize("size", [parpy.types.I8, parpy.types.U8, parpy.types.I32, parpy.types.U64])
def test_an_integer_that_its_annotation_does_not_hold(size: ElemSize, specialize: Any) -> None:
    @parpy.jit
    def helper(k: size, x):
        x[0] = k

    @parpy.jit
    def direct(k: size, x):
        x[0] = k

    @parpy.jit
    def through(k, asked, x):
        if asked > 0:
            helper(k, x)

    info = np.iinfo(size.to_numpy())
    opts = options(specialize=specialize)
    x = np.zeros(1)
    for k in (1, 2, 3, min(info.max, 2**63 - 1), info.min, 4):
        direct(k, x, opts=opts)
        assert x[0] == k
    for k in (info.max + 1, info.min - 1, 2**62, -(2**62)):
        if not -(2**63) <= k < 2**63 or info.min <= k <= info.max:
            continue
        says = f"argument 'k' is {k} where its annotation asks for {size.value}"
        with pytest.raises(OverflowError, match=says):
            direct(k, x, opts=opts)
        with pytest.raises(OverflowError, match=says):
            through(k, 1, x, opts=opts)
        through(k, 0, x, opts=opts)
    assert x[0] == 4
