"""C functions that decorated functions call; the plain-Python bodies are the oracle."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from c_libraries import build, needs_compiler
from external_functions import (
    C_TYPES,
    CPU,
    DEVICE,
    HOST,
    TYPES,
    first,
    options,
    row_sum,
    same,
    scale,
    step,
)
from harness import define

import parpy
from parpy.types import F16, F32, F64, I8, I16, I32, I64, U8, U16, U64, Bool, pointer

pytestmark = needs_compiler


# --- Scalars --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", C_TYPES)
def test_a_scalar_goes_in_and_out(library: str, name: str) -> None:
    dtype = np.dtype(name)
    T = TYPES[name]
    plain = (lambda x: not x) if name == "bool" else (lambda x: (x + x).astype(dtype))

    @parpy.external(f"twice_{name}", CPU, DEVICE)
    def twice(x: T) -> T:  # type: ignore[valid-type]
        return plain(x)

    def apply(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] = twice(x[i])

    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        values = [bounds.min, bounds.max, 0, 1, 77, bounds.max // 2 + 1]
    else:
        values = [0, 1, 1, 0, 1, 0] if name == "bool" else [0.5, -1.25, np.inf, 3e38, -0.0, 7]
    with np.errstate(over="ignore"):
        x = np.array(values, dtype)
        same(apply, options(library), x)
        same(apply, options(library, {"i": parpy.threads(4)}), x)


def test_halves(tmp_path: Path) -> None:
    library = build(
        tmp_path,
        "_Float16 half(_Float16 x) { return x / 2; }\nvoid clear(_Float16 *x) { x[1] = 9; }\n",
    )

    @parpy.external("half", CPU, DEVICE)
    def half(x: F16) -> F16:
        return x / np.float16(2)

    @parpy.external("clear", CPU, HOST)
    def clear(x: pointer(F16)) -> None:
        x[1] = 9

    def apply(x, y):
        clear(x)
        for i in range(len(x)):
            y[i] = half(x[i])

    x = np.array([1, 3, 65504, 6e-8, -0.5], np.float16)
    same(apply, options(library), x, np.zeros_like(x))


@parpy.external("mix", CPU, HOST)
def mix(
    b: Bool,
    i8: I8,
    u16: U16,
    i32: I32,
    u64: U64,
    f: F32,
    d: F64,
    i16: I16,
    u8: U8,
    i64: I64,
    e: F64,
    g: F32,
    h: F64,
    k: F64,
    l: F64,  # noqa: E741
) -> F64:
    fs = [b, i8, u16, i32, u64, f, d, i16, u8, i64, e, g, h, k, l]
    return sum(
        c * float(v)
        for c, v in zip([1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43], fs, strict=True)
    )


def test_more_scalars_than_registers(library: str) -> None:
    def apply(y, n, s):
        y[0] = mix(True, -3, 65535, -(2**31), 2**40, 0.5, s, -7, 255, n, 1, 2, 3.5, n, s)
        y[1] = mix(
            i8=n,
            b=n > 3,
            u16=1,
            i32=n,
            u64=n,
            f=n,
            d=n,
            i16=n,
            u8=n,
            i64=n,
            e=s,
            g=s,
            h=s,
            k=s,
            l=s,
        )

    same(apply, options(library), np.zeros(2), 5, 0.25)


def test_functions_of_the_c_library_need_no_library() -> None:
    @parpy.external("labs", CPU, DEVICE)
    def labs(x: I64) -> I64:
        return abs(x)

    def apply(x):
        for i in range(len(x)):
            x[i] = labs(x[i])

    same(apply, parpy.CompileOptions(), np.array([-3, 4, -(2**40)]))


def test_a_library_by_its_name() -> None:
    @parpy.external("jn", CPU, DEVICE)
    def jn(n: I32, x: F64) -> F64:
        return x / 2

    @parpy.jit
    def apply(x):
        x[0] = jn(1, x[0])

    x = np.array([1e-9])
    apply(x, opts=parpy.CompileOptions(libs=["m"]))
    np.testing.assert_allclose(x, 5e-10)


def test_a_symbol_of_the_user_is_not_taken_for_that_of_the_c_library(library: str) -> None:
    @parpy.external("exp", CPU, DEVICE)
    def mine(x: F64) -> F64:
        return x + 1000.0

    def apply(x, y):
        parpy.label("i")
        for i in range(len(x)):
            y[i] = mine(x[i]) - math.exp(0.0)

    same(apply, options(library, {"i": parpy.threads(8)}), np.arange(100.0), np.zeros(100))


# --- Order of effects -----------------------------------------------------------------------

ORDERS = {
    "before and after": "y[0] = x[0] + step(x) + x[0]",
    "two calls": "y[0] = step(x) * 10 + step(x)",
    "as an index": "y[step(x)] = x[0] + step(x)",
    "in an update": "y[step(x)] += x[0]",
    "in a condition": "y[0] = 7 if step(x) > 5 else step(x)",
    "and": "y[0] = 1 if x[0] > 5 and step(x) > 0 else 2",
    "or": "y[0] = 1 if x[0] < 5 or step(x) > 0 else 2",
    "chained": "y[0] = 1 if step(x) < step(x) < 2 else 4",
    "chained far": "y[0] = 1 if 5 < step(x) < step(x) else 4",
    "while": "while step(x) < 9:\n        y[0] += x[0]",
    "while with and": "while y[1] < 3 and step(x) < 9:\n        y[1] += 1",
    "break": "while True:\n        if step(x) > 4:\n            break\n        y[0] += 1",
    "if": "if step(x) == 1:\n        y[0] = step(x)\n    elif step(x) == 2:\n        y[1] = 3",
    "range": "for i in range(step(x), step(x) + 3):\n        y[i] = x[0] + step(x)",
    "slice": "y[:] = x[0] + step(x)",
    "slice read after": "y[:4] = x[:4] + step(x)",
    "bound": "y[: step(x) + 1] = 3",
    "statement": "step(x)\n    y[0] = x[0]",
    "unused": "a = step(x)\n    a = step(x)",
    "an element by an index that calls": "y[0] = step(x[step(x) % 4 :]) + add(x[step(x) % 4], 1)",
    "a scalar by an index that calls": "y[0] = identity(x[step(x) % 4])",
    "a method of a row that calls": "y[0] = z[step(x) % 2].sum() + z[step(x) % 2, :2].max()",
    "helper": "y[0] = first(x) + step(x) * 100",
    "helper after": "y[0] = step(x) * 100 + first(x)",
    "inside a helper": "y[0] = x[0] + twice(x) + x[0]",
    "loop after": "step(x)\n    for i in range(3):\n        y[i] = x[0] + i\n    y[4] = step(x)",
    "loop around": "for i in range(4):\n        x[0] += 2\n        y[i] = step(x)",
    "unpacking": "a, b = step(x), x[0]\n    y[0] = a * 10 + b",
    "arguments": "y[0] = add(step(x), step(x) * 10) + x[0]",
    "min": "y[0] = min(step(x), step(x), x[0])",
    "reduction": "y[0] = parpy.operators.sum(x[:3] * 2) + step(x)",
    "reduction after": "y[0] = step(x) + parpy.operators.sum(x[:3] * 2)",
}


def twice(x):
    step(x)
    return step(x)


@parpy.external("labs", CPU, HOST)
def identity(x: I64) -> I64:
    return x


def add(a, b):
    return a + b


@pytest.mark.parametrize("order", ORDERS)
def test_calls_happen_where_python_makes_them(library: str, order: str) -> None:
    names = {"step": step, "identity": identity}
    text = f"def f(x, y, z):\n    {ORDERS[order]}\n"
    plain = define(text, **names, first=first, twice=twice, add=add)
    helpers = {f.__name__: parpy.jit(f) for f in (first, twice, add)}
    compiled = define(text, **names, **helpers)
    for start in (0, 6):
        a, b = (
            [np.array([start, 1, 2, 3]), np.zeros(20, np.int64), np.arange(6).reshape(2, 3)]
            for _ in "ab"
        )
        plain(*a)
        parpy.jit(compiled)(*b, opts=options(library))
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_what_was_computed_before_a_call_is_not_computed_again_after_it(library: str) -> None:
    @parpy.jit
    def apply(x, y):
        y[:3] = x[:3] * 2 + step(x)

    with pytest.raises(parpy.CompileError, match="a call that changes 'x' after the statement"):
        apply(np.arange(3), np.zeros(3, np.int64), opts=options(library))


def test_a_call_keeps_its_loop_scalar_and_right(library: str) -> None:
    def apply(x, y):
        parpy.label("i")
        for i in range(len(x)):
            if x[i] > 3.0:
                y[i] = row_sum(x[i:], 1) * 2.0 + math.exp(x[i] * 0.0)
            else:
                y[i] = -x[i]

    same(apply, options(library, {"i": parpy.threads(64)}), np.arange(37.0), np.zeros(37))


# --- Where functions are called from --------------------------------------------------------


def test_host_functions_are_refused_in_parallel_loops(library: str) -> None:
    @parpy.jit
    def apply(x):
        parpy.label("i")
        for i in range(4):
            scale(x[i:], 1, 2.0)  # here

    x = np.ones(4, np.float32)
    with pytest.raises(parpy.CompileError, match="Target.Host.*inside a parallel loop") as caught:
        apply(x, opts=options(library, {"i": parpy.threads(4)}))
    assert "scale(x[i:], 1, 2.0)  # here" in str(caught.value)
    for schedule in ({}, {"i": parpy.threads(1)}):
        x[:] = 1
        apply(x, opts=options(library, schedule))
        np.testing.assert_array_equal(x, 2)


def test_host_functions_are_refused_in_device_code_and_helpers(library: str) -> None:
    @parpy.jit
    def helper(x):
        scale(x, 1, 2.0)

    @parpy.jit
    def block(x):
        with parpy.gpu:
            scale(x, 1, 2.0)

    @parpy.jit
    def caller(x):
        parpy.label("i")
        for i in range(4):
            helper(x[i:])

    x = np.ones(4, np.float32)
    with pytest.raises(parpy.CompileError, match="inside `with parpy.gpu:`"):
        block(x, opts=options(library))
    with pytest.raises(parpy.CompileError, match="inside a parallel loop"):
        caller(x, opts=options(library, {"i": parpy.threads(4)}))
    caller(x, opts=options(library))
    np.testing.assert_array_equal(x, 2)
