"""C functions that the host part of a program calls on Metal, where they see the GPU's memory."""

from __future__ import annotations

from typing import Any

import c_libraries
import numpy as np
import pytest
from harness import assert_same

import parpy
from parpy.types import F16, F32, F64, I8, I32, I64, U16, pointer

METAL = parpy.CompileBackend.Metal
HOST = parpy.Target.Host
LANES = parpy.threads(32)

SOURCE = """
#include <stdint.h>
#include <stddef.h>
float scale(float *x, int64_t n, float a) {
  for (int64_t i = 0; i < n; i++) x[i] *= a;
  return x[0];
}
void put(int32_t *to, int64_t value) { *to = (int32_t)value; }
int64_t step(int64_t *counter) { return ++*counter; }
int8_t low(int64_t x) { return (int8_t)x; }
double mix(int8_t a, uint16_t b, float c, int64_t d, double e) {
  return a + 2.0 * b + 3.0 * c + 5.0 * d + 7.0 * e;
}
_Float16 half(_Float16 x) { return x / 2; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    if c_libraries.COMPILER is None:
        pytest.skip("no C compiler: cc, clang or gcc")
    return c_libraries.build(tmp_path_factory.mktemp("externals"), SOURCE)


@pytest.fixture(autouse=True)
def _needs_a_device() -> None:
    if not parpy.backend.is_enabled(METAL):
        pytest.skip("about a Metal device: --metal uses the Mac's, --emulate-metal emulates one")


@parpy.external("scale", METAL, HOST)
def scale(x: pointer(F32), n: I64, a: F32) -> F32:
    x[:n] *= np.float32(a)
    return x[0]


@parpy.external("put", METAL, HOST)
def put(to: pointer(I32), value: I64) -> None:
    to[0] = value


@parpy.external("step", METAL, HOST)
def step(counter: pointer(I64)) -> I64:
    counter[0] += 1
    return counter[0]


@parpy.external("low", METAL, HOST)
def low(x: I64) -> I8:
    return np.int64(x).astype(np.int8)


@parpy.external("mix", METAL, HOST)
def mix(a: I8, b: U16, c: F32, d: I64, e: F64) -> F64:
    return np.float64(a + 2.0 * b + 3.0 * c + 5.0 * d + 7.0 * e)


@parpy.external("half", METAL, HOST)
def half(x: F16) -> F16:
    return np.float16(x / 2)


def options(library: str, **schedule: parpy.LoopPar) -> Any:
    opts = parpy.par(schedule)
    opts.backend = METAL
    opts.libs = [library]
    return opts


def agrees(function: Any, library: str, *args: Any, **schedule: parpy.LoopPar) -> None:
    """Whether a function leaves what it leaves in plain Python, compiled, and as printed text."""
    opts = options(library, **schedule)
    text = parpy.print_compiled(function, list(args), opts)
    expected = [np.copy(a) for a in args]
    function(*expected, opts=parpy.seq())
    for run in (
        lambda *passed: function(*passed, opts=opts),
        parpy.compile_string(function.__wrapped__.__name__, text),
    ):
        passed = [np.copy(a) for a in args]
        run(*passed)
        for i, (a, e) in enumerate(zip(passed, expected, strict=True)):
            assert_same(a, e, what=f"argument {i}")


@parpy.jit
def between_kernels(x, y, last):
    parpy.label("N")
    for i in range(x.shape[0]):
        x[i] = x[i] + 1.0
    last[0] = scale(x[1:], x.shape[0] - 1, 0.5)
    parpy.label("N")
    for i in range(x.shape[0]):
        y[i] = x[i]


@parpy.jit
def temporaries(y):
    t = np.empty(8, dtype=np.float32)
    parpy.label("N")
    for i in range(8):
        t[i] = i
    s = scale(t, 8, 3.0)
    parpy.label("N")
    for i in range(8):
        y[i] = t[i] + s


@parpy.jit
def steps(counter, y):
    n = step(counter)
    while n < 5:
        parpy.label("N")
        for i in range(y.shape[0]):
            y[i] += parpy.operators.int32(n)
        n = step(counter)


@parpy.jit
def all_types(k, d):
    put(k[1:], 7)
    k[0] = low(300)
    d[0] = mix(-3, 60000, 0.25, 2, 0.5) + half(3.0)
    parpy.label("N")
    for i in range(4):
        k[i + 2] = k[0]


def test_kernels_before_it_have_ended(library: str) -> None:
    x = np.arange(100, dtype=np.float32)
    agrees(between_kernels, library, x, x * 0, x[:1] * 0, N=LANES)


def test_it_sees_temporaries(library: str) -> None:
    agrees(temporaries, library, np.zeros(8, np.float32), N=LANES)


def test_its_result_decides_how_the_host_goes_on(library: str) -> None:
    agrees(steps, library, np.zeros(1, np.int64), np.zeros(40, np.int32), N=LANES)


def test_scalars_of_every_width(library: str) -> None:
    agrees(all_types, library, np.zeros(6, np.int32), np.zeros(1, np.float32), N=LANES)


def test_a_missing_function_is_named(library: str) -> None:
    @parpy.external("nowhere_to_be_found", METAL, HOST)
    def nowhere(x: I64) -> I64:
        return x

    @parpy.jit
    def calls(y):
        y[0] = nowhere(1)
        parpy.label("N")
        for i in range(4):
            y[i + 1] = i

    with pytest.raises(parpy.CompileError, match="nowhere_to_be_found"):
        calls(np.zeros(5, np.int64), opts=options(library, N=LANES))


def test_it_is_not_called_after_a_fault(library: str) -> None:
    @parpy.jit
    def gathers(x, k, y, counter):
        parpy.label("N")
        for i in range(4):
            y[i] = x[k[i]]
        step(counter)

    x, counter = np.zeros(4, np.float32), np.zeros(1, np.int64)
    opts = options(library, N=LANES)
    opts.check_bounds = True
    with pytest.raises(IndexError):
        gathers(x, np.full(4, 9, np.int32), x.copy(), counter, opts=opts)
    assert counter[0] == 0
