"""C functions that decorated functions call; the plain-Python bodies are the oracle."""

from __future__ import annotations

import math
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_libraries import build, needs_compiler
from harness import define

import parpy
from parpy.types import F16, F32, F64, I8, I16, I32, I64, U8, U16, U64, Bool, buffer, pointer

pytestmark = needs_compiler

CPU = parpy.CompileBackend.Cpu
CUDA = parpy.CompileBackend.Cuda
HOST, DEVICE = parpy.Target.Host, parpy.Target.Device

C_TYPES = {
    "bool": "_Bool",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "float32": "float",
    "float64": "double",
}
TYPES = {t.value: t for t in parpy.types.ElemSize}

SOURCE = (
    "#include <stdint.h>\n#include <math.h>\n"
    + "".join(
        f"{c} twice_{name}({c} x) {{ return ({c})({'!x' if name == 'bool' else 'x + x'}); }}\n"
        f"{c} last_{name}(const {c} *x, int64_t n) {{ return x[n - 1]; }}\n"
        f"void reverse_{name}({c} *x, int64_t n) {{\n"
        f"  for (int64_t i = 0; i < n / 2; i++) {{\n"
        f"    {c} t = x[i]; x[i] = x[n - 1 - i]; x[n - 1 - i] = t;\n  }}\n}}\n"
        for name, c in C_TYPES.items()
    )
    + """
float scale(float *x, int64_t n, float a) {
  for (int64_t i = 0; i < n; i++) x[i] *= a;
  return x[0];
}
double mix(_Bool b, int8_t i8, uint16_t u16, int32_t i32, uint64_t u64, float f, double d,
           int16_t i16, uint8_t u8, int64_t i64, double e, float g, double h, double k, double l) {
  return b + 2.0 * i8 + 3.0 * u16 + 5.0 * i32 + 7.0 * u64 + 11.0 * f + 13.0 * d + 17.0 * i16
       + 19.0 * u8 + 23.0 * i64 + 29.0 * e + 31.0 * g + 37.0 * h + 41.0 * k + 43.0 * l;
}
double row_sum(double *row, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++) s += row[i];
  return s;
}
int64_t step(int64_t *counter) { return ++*counter; }
double exp(double x) { return x + 1000.0; }
"""
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("libraries"), SOURCE)


def options(library: str, schedule: dict[str, parpy.LoopPar] | None = None, **settings: Any) -> Any:
    opts = parpy.par(schedule or {})
    opts.libs = [library]
    for name, value in settings.items():
        setattr(opts, name, value)
    return opts


def same(function: Callable[..., None], opts: Any, *args: Any) -> list[Any]:
    """Runs a function decorated and undecorated, and compares every array."""
    mine, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in args] for _ in "ab")
    function(*theirs)
    parpy.jit(function)(*mine, opts=opts)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return mine


@parpy.external("scale", CPU, HOST)
def scale(x: pointer(F32), n: I64, a: F32) -> F32:
    flat = x.reshape(-1)
    flat[:n] *= np.float32(a)
    return flat[0]


@parpy.external("row_sum", CPU, DEVICE)
def row_sum(row: pointer(F64), n: I64) -> F64:
    return math.fsum(row[:n])


@parpy.external("step", CPU, HOST)
def step(counter: pointer(I64)) -> I64:
    counter[0] += 1
    return counter[0]


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


# --- Pointers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", C_TYPES)
def test_pointers_of_every_type(library: str, name: str) -> None:
    T = TYPES[name]

    @parpy.external(f"reverse_{name}", CPU, HOST)
    def reverse(x: pointer(T), n: I64) -> None:
        x[:n] = x[:n][::-1].copy()

    @parpy.external(f"last_{name}", CPU, HOST)
    def last(x: pointer(T), n: I64) -> T:  # type: ignore[valid-type]
        return x[n - 1]

    def apply(x, y):
        reverse(x[2:], len(x) - 3)
        y[0] = last(x, len(x))
        reverse(y, 2)

    x = (np.arange(7) % 2 if name == "bool" else np.arange(7)).astype(name)
    same(apply, options(library), x, np.zeros(2, name))


def test_parts_of_arrays(library: str) -> None:
    def apply(x, k, y):
        y[0] = scale(x[k], 4, 2.0)
        y[1] = scale(x[1:3, :], 8, 3.0)
        y[2] = scale(x[-1, 1:], 3, 5.0)
        y[3] = scale(x[k : k + 1, 2:4], 2, 7.0)
        y[4] = scale(x, 16, 0.5)

    x = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    for k in (0, 2, 3):
        same(apply, options(library), x, k, np.zeros(5, np.float32))
    same(apply, options(library, specialize="never"), x, 1, np.zeros(5, np.float32))


def test_rows_in_parallel_loops(library: str) -> None:
    def sums(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[i] = row_sum(x[i], x.shape[1])

    def total(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[0] += row_sum(x[i, :], x.shape[1])

    x = np.arange(600.0).reshape(200, 3)
    for threads in (1, 2, 1000):
        same(sums, options(library, {"i": parpy.threads(threads)}), x, np.zeros(200))
        same(total, options(library, {"i": parpy.threads(threads).reduce()}), x, np.zeros(1))


def test_temporaries(library: str) -> None:
    def apply(x, y, n):
        parpy.label("i")
        for i in range(n):
            t = np.empty(4, np.float64)
            t[:] = x[i, ::-2]
            y[i] = row_sum(t, 4)
        u = np.zeros(n, np.float64)
        u[:] = y[:]
        y[0] = row_sum(u[1:], n - 1)

    x = np.arange(160.0).reshape(20, 8)
    same(apply, options(library), x, np.zeros(20), 20)
    same(apply, options(library, {"i": parpy.threads(8)}), x, np.zeros(20), 20)


def test_one_array_twice_and_views_of_it(library: str) -> None:
    def apply(x, y):
        y[1] = x[0] + scale(x, 2, 2.0) + y[0]

    a, b = np.arange(1, 4, dtype=np.float32), np.arange(1, 4, dtype=np.float32)
    apply(a, a)
    parpy.jit(apply)(b, b, opts=options(library))
    np.testing.assert_array_equal(a, b)


def test_entries_of_dictionaries_pass(library: str) -> None:
    def apply(d):
        d["y"][0] = scale(d["x"], d["n"], 2.0)

    made = [{"x": np.ones(3, np.float32), "y": np.zeros(1, np.float32), "n": 3} for _ in "ab"]
    apply(made[0])
    parpy.jit(apply)(made[1], opts=options(library))
    for key in ("x", "y"):
        np.testing.assert_array_equal(made[0][key], made[1][key])


def test_arrays_without_elements(library: str) -> None:
    def apply(x, y):
        y[0] = row_sum(x, len(x))

    same(apply, options(library), np.zeros(0), np.ones(1))


@pytest.mark.parametrize("specialize", ["always", "never", "auto"])
def test_arrays_that_are_not_contiguous_are_refused(library: str, specialize: str) -> None:
    @parpy.jit
    def apply(x):
        scale(x, 2, 2.0)

    opts = options(library, specialize=specialize)
    base = np.ones((6, 6), np.float32)
    for x in (base[::2, 0], base[::-1, 0], base[:, 1:], base.T[1:], base[:, 0]):
        kept = base.copy()
        for _ in range(3):
            with pytest.raises(ValueError, match="'x' of scale must be contiguous"):
                apply(x, opts=opts)
        np.testing.assert_array_equal(base, kept)
    for x in (base[1:], base[:1, ::2][:, :1], base[2]):
        apply(x, opts=opts)


def test_parts_that_are_not_contiguous_are_refused(library: str) -> None:
    for part in ("x[:, 0]", "x[::2]", "x[::-1]", "x[:, 1:]", "x[1:, :n]", "x[n]"):
        function = define(f"def f(x, n):\n    scale({part}, 2, 2.0)\n", scale=scale)
        call = lambda f=function: parpy.jit(f)(  # noqa: E731
            np.ones((4, 4), np.float32), 2, opts=options(library)
        )
        if part == "x[n]":
            call()
            continue
        with pytest.raises(ValueError, match="must be contiguous"):
            call()


def test_shapes_of_buffers_are_checked(library: str) -> None:
    N = parpy.types.shape_var()

    @parpy.external("row_sum", CPU, HOST)
    def total(row: buffer(F64, [N, 3]), n: I64) -> F64:  # type: ignore[valid-type]
        return math.fsum(row.reshape(-1)[:n])

    @parpy.external("pair", CPU, HOST)
    def pair(a: buffer(F64, [N]), b: buffer(F64, [N])) -> None:  # type: ignore[valid-type]
        pass

    def apply(x, y):
        y[0] = total(x, 3 * x.shape[0])

    @parpy.jit
    def both(a, b):
        pair(a, b)

    fn = parpy.jit(apply)
    same(apply, options(library), np.arange(12.0).reshape(4, 3), np.zeros(1))
    for _ in range(3):
        fn(np.ones((5, 3)), np.zeros(1), opts=options(library, specialize="never"))
        with pytest.raises(
            TypeError, match="'row' of total has size 4 in dimension 1, .* asks for 3"
        ):
            fn(np.ones((3, 4)), np.zeros(1), opts=options(library, specialize="never"))
    with pytest.raises(TypeError, match="1 dimension, .* array of float64 with 2 dimensions"):
        fn(np.ones(3), np.zeros(1), opts=options(library))
    with pytest.raises(
        TypeError, match="'b' of pair has size 4 in .* asks for N = 3, the size of 'a' in"
    ):
        both(np.ones(3), np.ones(4), opts=options(library))


def test_functions_of_modules(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("module")
    monkeypatch.setattr(module, "scale", scale, raising=False)

    @parpy.jit
    def apply(x):
        module.scale(x, 2, 2.0)

    x = np.ones(2, np.float32)
    apply(x, opts=options(library))
    np.testing.assert_array_equal(x, 2)


def test_read_only_arrays_are_refused(library: str) -> None:
    @parpy.jit
    def apply(x, y):
        y[0] = row_sum(x, 2)

    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="'x' is read-only but the function writes it"):
        apply(x, np.zeros(1), opts=options(library))


def test_fixed_indices_are_checked(library: str) -> None:
    @parpy.jit
    def affine(x, y, n):
        for i in range(n):
            y[i] = row_sum(x[i], 2)

    @parpy.jit
    def by_data(x, y, c):
        y[0] = row_sum(x[c[0]], 2)

    x, y = np.ones((3, 2)), np.zeros(9)
    with pytest.raises(IndexError, match="'x'"):
        affine(x, y, 4, opts=options(library))
    assert not y.any()
    with pytest.raises(IndexError, match="index 7 of 'x'"):
        by_data(x, y, np.array([7]), opts=options(library, check_bounds=True))
    by_data(x, y, np.array([-1]), opts=options(library, check_bounds=True))
    assert y[0] == 2


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


def first(x):
    return x[0]


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


# --- Backends -------------------------------------------------------------------------------


def test_the_declaration_of_the_backend_counts(library: str) -> None:
    @parpy.external("nothing", CUDA, DEVICE, header="nothing.h")
    @parpy.external("twice_float64", CPU, DEVICE)
    def stacked(x: F64) -> F64:
        return x + x

    @parpy.external("twice_float64", CPU, DEVICE, parallelize=parpy.threads(4))
    def again(x: F64) -> F64:
        return x + x

    first_form = again

    @parpy.external("nothing", CUDA, HOST)
    def again(x: F32) -> F32:  # noqa: F811
        return x + x

    @parpy.external("nothing", CUDA, HOST)
    def elsewhere(x: F64) -> F64:
        return x + x

    def apply(x):
        x[0] = stacked(x[0]) + again(x[0]) + first_form(x[0])

    @parpy.jit
    def refused(x):
        x[0] = elsewhere(x[0])

    same(apply, options(library), np.ones(1))
    with pytest.raises(
        parpy.CompileError, match=r"elsewhere is declared for CompileBackend.Cuda, not for .*Cpu"
    ):
        refused(np.ones(1), opts=options(library))


def test_a_function_that_is_declared_anew_is_not_stale(library: str) -> None:
    def declare(symbol: str) -> Any:
        @parpy.external(symbol, CPU, DEVICE)
        def f(x: F64) -> F64:
            return x

        return f

    f = declare("twice_float64")

    @parpy.jit
    def apply(x):
        x[0] = f(x[0])

    x = np.ones(1)
    apply(x, opts=options(library))
    f = declare("exp")
    apply(x, opts=options(library))
    assert x[0] == 1002


# --- Errors ---------------------------------------------------------------------------------

WRONG = {
    "scale(x, 2.5, 2.0)": (TypeError, "'n' of scale is float64, .* asks for int64"),
    "scale(x, u[0], 2.0)": (TypeError, "'n' of scale is uint64, .* asks for int64"),
    "scale(d, 2, 2.0)": (TypeError, "'x' of scale is an array of float64, .* array of float32"),
    "scale(x[0], 2, 2.0)": (TypeError, "'x' of scale is a scalar of type float32, .* an array"),
    "scale(3.0, 2, 2.0)": (TypeError, "'x' of scale is a scalar of type float64"),
    "scale(x, x, 2.0)": (TypeError, "'n' of scale is an array, .* asks for int64"),
    "scale(x * 2, 1, 2.0)": (TypeError, "'x' of scale is an array expression"),
    "scale(x.shape, 1, 2.0)": (TypeError, "'x' of scale is a tuple"),
    "scale(e, 1, 2.0)": (TypeError, "'x' of scale is a dictionary"),
    "scale(x, 1)": (TypeError, r"scale takes 3 arguments \(x, n, a\), 2 were given"),
    "scale(x, 1, 2.0, 3)": (TypeError, "scale takes 3 arguments"),
    "scale(x, 1, b=2.0)": (TypeError, "scale has no parameter 'b'"),
    "scale(x, 1, 2.0, x=x)": (TypeError, "scale was given 'x' twice"),
    "y = scale + 1": (parpy.CompileError, "'scale' as a value"),
    "y = nothing(x)": (TypeError, "nothing returns no value"),
    "parpy.label('i')\n    scale(x, 1, 2.0)": (parpy.CompileError, "stands before a call"),
}


@parpy.external("nothing", CPU, HOST)
def nothing(x: pointer(F32)) -> None:
    pass


@pytest.mark.parametrize("call", WRONG)
def test_calls_that_do_not_fit(library: str, call: str) -> None:
    function = define(f"def f(x, d, u, e):\n    {call}\n", scale=scale, nothing=nothing)
    error, message = WRONG[call]
    args = (np.ones(4, np.float32), np.ones(4), np.ones(4, np.uint64), {"a": np.ones(3)})
    with pytest.raises(error, match=message) as caught:
        parpy.jit(function)(*args, opts=options(library))
    assert call.splitlines()[-1].strip() in str(caught.value) or "label" in call


def test_a_library_or_symbol_that_is_not_there(library: str, tmp_path: Path) -> None:
    @parpy.external("not_there_at_all", CPU, DEVICE)
    def missing(x: F64) -> F64:
        return x

    @parpy.jit
    def apply(x):
        x[0] = missing(x[0])

    @parpy.jit
    def works(x):
        x[0] = row_sum(x, 1)

    x = np.ones(1)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="'not_there_at_all' is not to be found") as caught:
            apply(x, opts=options(library))
        assert library in str(caught.value)
        assert "the process itself" in str(caught.value)
        for name in (str(tmp_path / "libnone.so"), "surely_not_there"):
            with pytest.raises(RuntimeError, match="cannot be loaded. Looked for") as caught:
                works(x, opts=parpy.CompileOptions(libs=[name]))
            assert name in str(caught.value)
    damaged = tmp_path / "libdamaged.so"
    damaged.write_text("no library")
    with pytest.raises(RuntimeError, match="libdamaged.so"):
        works(x, opts=parpy.CompileOptions(libs=[str(damaged)]))
    works(x, opts=options(library))


def test_libraries_are_part_of_the_key(library: str, tmp_path: Path) -> None:
    other = build(
        tmp_path,
        "#include <stdint.h>\ndouble row_sum(double *x, int64_t n) { return -1; }\n",
        "other",
    )

    @parpy.jit
    def apply(x):
        x[0] = row_sum(x, 1)

    for path, expected in ((library, 3.0), (other, -1.0), (library, 3.0)):
        x = np.array([3.0])
        apply(x, opts=options(path))
        assert x[0] == expected


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: parpy.external(3, CPU, HOST), TypeError, "ext_name must be a string"),
        (lambda: parpy.external("a b", CPU, HOST), ValueError, "name of a C function"),
        (lambda: parpy.external("f", "Cpu", HOST), TypeError, "backend must be"),
        (
            lambda: parpy.external("f", parpy.CompileBackend.Auto, HOST),
            ValueError,
            "not for CompileBackend.Auto",
        ),
        (lambda: parpy.external("f", CPU, "Host"), TypeError, "target must be"),
        (lambda: parpy.external("f", CPU, HOST, header=1), TypeError, "header must be"),
        (lambda: parpy.external("f", CPU, HOST, parallelize=4), TypeError, "parallelize must be"),
        (lambda: parpy.external("f", CPU, HOST)(3), TypeError, "decorates a Python function"),
        (lambda: parpy.external("f", CPU, HOST)(first), TypeError, "'x' of first must be annot"),
        (lambda: parpy.external("f", CPU, HOST)(stars), TypeError, "plain parameters"),
        (lambda: parpy.external("f", CPU, HOST)(python_types), TypeError, "not with .*float"),
        (lambda: parpy.external("f", CPU, HOST)(wrong_result), TypeError, "must return a scalar"),
        (lambda: parpy.jit(scale), TypeError, "decorates a Python function, not External"),
    ],
)
def test_declarations_that_are_wrong(
    declare: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        declare()


def stars(*x: F32) -> None: ...


def python_types(x: float) -> None: ...


def wrong_result(x: F32) -> float:
    return 1.0


def test_a_declared_function_is_a_python_function() -> None:
    x = np.ones(3, np.float32)
    assert scale(x, 2, 3.0) == 3.0
    assert x.tolist() == [3, 3, 1]
    assert scale.__name__ == "scale"
    assert scale.__wrapped__(x, n=1, a=2.0) == 6.0
    assert repr(scale) == "<parpy external scale>"


# --- Code that is kept ----------------------------------------------------------------------


def test_print_compiled_and_back(library: str) -> None:
    def apply(x, y):
        y[0] = row_sum(x, 3)

    x, y = np.arange(3.0), np.zeros(1)
    text = parpy.print_compiled(apply, [x, y], opts=options(library))
    assert "@parpy.external.0.row_sum(" in text
    parpy.compile_string("apply", text)(x, y)
    assert y[0] == 3.0
    with pytest.raises(RuntimeError, match="'no_such_function' is not to be found"):
        parpy.compile_string("apply", text.replace("row_sum", "no_such_function"))


SECOND = """
import sys
import numpy as np
import parpy
from parpy.types import F64, I64, pointer
import parpy._compile as compile_module

@parpy.external("row_sum", parpy.CompileBackend.Cpu, parpy.Target.Device)
def row_sum(row: pointer(F64), n: I64) -> F64:
    return 0.0

@parpy.jit
def apply(x, y):
    y[0] = row_sum(x, 3)

found = []
load = compile_module._load_cached
def spy(*args):
    found.append(load(*args))
    return found[-1]
compile_module._load_cached = spy
x, y = np.arange(3.0), np.zeros(1)
apply(x, y, opts=parpy.CompileOptions(libs=[sys.argv[1]]))
assert y[0] == 3.0, y
print("disk" if found[0] is not None else "compiled")
"""


def test_a_second_process_finds_the_code_and_the_library(library: str, tmp_path: Path) -> None:
    program = tmp_path / "second.py"
    program.write_text(SECOND)
    outputs = [
        subprocess.run(
            [sys.executable, str(program), library], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert outputs == ["compiled", "disk"]
