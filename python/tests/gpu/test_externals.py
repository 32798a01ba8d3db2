"""Functions of the user's headers that kernels call."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import define
from nvrtc import require_compiles

import parpy
from parpy import _native
from parpy.types import C64, F32, F64, I8, I64, U64, Bool, buffer, pointer

needs_gpu = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)
CUDA, DEVICE = parpy.CompileBackend.Cuda, parpy.Target.Device

HEADER = """
#pragma once

__device__ inline float axpb(float x, float b) { return 2 * x + b; }

// Clears a row and gives the sum of what it had.
__device__ inline double drain(double *row, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    sum += row[i];
    row[i] = 0;
  }
  return sum;
}

__device__ inline void fill(double *row, int64_t n, double value) {
  for (int64_t i = 0; i < n; i++) row[i] = value;
}

__device__ inline bool negated(bool x) { return !x; }
__device__ inline int8_t twice_int8(int8_t x) { return (int8_t)(2 * x); }
__device__ inline uint64_t twice_uint64(uint64_t x) { return 2 * x; }

// Of the threads of a warp.
__device__ inline double warp_sum(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
  for (int bit = 16; bit > 0; bit /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
  return sum;
}

// Turns a row around, with all threads of the block.
__device__ inline void reverse(double *x, int64_t n) {
  for (int64_t i = threadIdx.x; i < n / 2; i += blockDim.x) {
    const double other = x[n - 1 - i];
    x[n - 1 - i] = x[i];
    x[i] = other;
  }
}

__device__ inline void turn(float2 *z, int64_t n) {
  for (int64_t i = 0; i < n; i++) z[i] = {-z[i].y, z[i].x};
}
"""


def device(name: str, **settings: Any) -> Any:
    """The decorator of a function of the header."""
    return parpy.external(name, CUDA, DEVICE, header="own.h", **settings)


@device("axpb")
def axpb(x: F32, b: F32) -> F32:
    return 2 * x + b


@device("drain")
def drain(row: buffer(F64, None), n: I64) -> F64:
    total = row[:n].sum()
    row[:n] = 0
    return total


@device("fill")
def fill(row: pointer(F64), n: I64, value: F64) -> None:
    row[:n] = value


@device("warp_sum", parallelize=parpy.threads(32))
def warp_sum(x: pointer(F64), n: I64) -> F64:
    return x[:n].sum()


@device("reverse", parallelize=parpy.threads(64))
def reverse(x: pointer(F64), n: I64) -> None:
    x[:n] = x[:n][::-1].copy()


@device("turn")
def turn(z: pointer(C64), n: I64) -> None:
    z[:n] *= np.complex64(1j)


@pytest.fixture(scope="module")
def includes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the header."""
    folder = tmp_path_factory.mktemp("includes")
    (folder / "own.h").write_text(HEADER)
    return folder


def options(includes: Path, **schedule: Any) -> parpy.CompileOptions:
    opts = parpy.par(schedule)
    opts.backend, opts.includes = CUDA, [includes]
    return opts


def same(function: Callable[..., None], opts: parpy.CompileOptions, *args: Any) -> None:
    """Holds the function to plain Python, called, and as text that is compiled again."""
    expected = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    function(*expected)
    text = parpy.print_compiled(function, list(args), opts)
    require_compiles(text, includes=opts.includes)
    again = parpy.compile_string(function.__name__, text, opts)
    for run in (lambda *a: parpy.jit(function)(*a, opts=opts), again):
        mine = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        run(*mine)
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(a, b)


ROWS = np.arange(60.0).reshape(6, 10)
ONE = parpy.threads(32)


# --- One thread calls ------------------------------------------------------------------------


@needs_gpu
@pytest.mark.parametrize("threads", [1, 2, 64, 4096])
def test_scalars(includes: Path, threads: int) -> None:
    def apply(x, y):
        parpy.label("i")
        for i in range(len(x)):
            y[i] = axpb(x[i], 3) + axpb(1.5, x[i])

    x = np.arange(100, dtype=np.float32)
    if threads == 1:
        with pytest.raises(parpy.CompileError):
            parpy.jit(apply)(x, x.copy(), opts=options(includes, i=parpy.threads(1)))
    else:
        same(apply, options(includes, i=parpy.threads(threads)), x, np.zeros_like(x))


@needs_gpu
@pytest.mark.parametrize(
    ("name", "type", "dtype", "plain"),
    [
        ("negated", Bool, np.bool_, lambda x: not x),
        ("twice_int8", I8, np.int8, lambda x: np.int8(x + x)),
        ("twice_uint64", U64, np.uint64, lambda x: np.uint64(x + x)),
    ],
)
def test_types(includes: Path, name: str, type: Any, dtype: Any, plain: Any) -> None:
    @device(name)
    def call(x: type) -> type:
        return plain(x)

    def apply(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] = call(x[i])

    with np.errstate(over="ignore"):
        same(apply, options(includes, i=parpy.threads(4)), np.array([0, 1, 100, 1], dtype))


@needs_gpu
def test_rows_of_arrays(includes: Path) -> None:
    def apply(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[i] = drain(x[i, 2:], x.shape[1] - 2)
            fill(x[i], 1, y[i])

    same(apply, options(includes, i=parpy.threads(8)), ROWS, np.zeros(6))


@needs_gpu
def test_the_first_thread_of_a_block_calls_and_the_others_know_the_result(includes: Path) -> None:
    """The emulator finds threads that do not wait for the call, or for which it does not wait."""

    def apply(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            parpy.label("j")
            for j in range(x.shape[1]):
                x[i, j] += 1.0
            s = drain(x[i], x.shape[1])
            fill(y[i], 1, s)
            for k in range(2):
                s += drain(y[i, 1 + k :], 1)
            parpy.label("j")
            for j in range(x.shape[1]):
                x[i, j] += s * y[i, 0]
            fill(x[i], 2, 0.5)

    opts = options(includes, i=parpy.threads(8), j=parpy.threads(64))
    same(apply, opts, ROWS, ROWS.copy())


@needs_gpu
def test_device_blocks_and_temporaries(includes: Path) -> None:
    def apply(x, y):
        with parpy.gpu:
            t = np.empty(10)
            t[:] = x[1, :]
            fill(t, 3, -1.0)
            y[0] = drain(t, 10)
            y[1] = 2.0 if t[9] == 0.0 else drain(x[0], 5)

    same(apply, options(includes), ROWS, np.zeros(6))


@needs_gpu
def test_complex_arrays(includes: Path) -> None:
    def apply(z):
        parpy.label("i")
        for i in range(z.shape[0]):
            turn(z[i, 1:], z.shape[1] - 1)

    z = (np.arange(12) + 2j).reshape(3, 4).astype(np.complex64)
    same(apply, options(includes, i=parpy.threads(8)), z)


@needs_gpu
def test_overlapping_and_read_only_arrays(includes: Path) -> None:
    @parpy.jit
    def apply(x, y):
        parpy.label("i")
        for _ in range(1):
            fill(y, 2, 7.0)
            x[2] = x[1]

    opts = options(includes, i=ONE)
    x = np.zeros(4)
    apply(x, x, opts=opts)
    np.testing.assert_array_equal(x, [7, 7, 7, 0])
    x.flags.writeable = False
    with pytest.raises(ValueError, match="'y' is read-only but the function writes it"):
        apply(np.zeros(4), x, opts=opts)


@needs_gpu
def test_parts_are_checked(includes: Path) -> None:
    @parpy.jit
    def apply(x, y, c):
        parpy.label("i")
        for i in range(len(y)):
            y[i] = drain(x[c[i]], 10)

    opts = options(includes, i=parpy.threads(8))
    opts.check_bounds = True
    y = np.ones(2)
    with pytest.raises(IndexError, match="index 6 of 'x'"):
        apply(ROWS.copy(), y, np.array([0, 6]), opts=opts)
    assert y[0] == 45
    apply(ROWS.copy(), y, np.array([-1, 0]), opts=opts)
    assert y.tolist() == [545, 45]


# --- The threads of a block call ----------------------------------------------------------------


@needs_gpu
def test_threads_of_a_block_call_together(includes: Path) -> None:
    def apply(x, y):
        parpy.label("i")
        for i in range(x.shape[0]):
            y[i] = warp_sum(x[i], x.shape[1]) + warp_sum(x[i, 1:], x.shape[1] - 1)

    opts = options(includes, i=parpy.threads(8))
    same(apply, opts, ROWS, np.zeros(6))
    assert "<<<6, 32, 0, stream>>>" in parpy.print_compiled(apply, [ROWS, np.zeros(6)], opts)


@needs_gpu
def test_calls_and_loops_on_one_level(includes: Path) -> None:
    def apply(x, y):
        parpy.label("h")
        for h in range(2):
            parpy.label("i")
            for i in range(x.shape[1]):
                for k in range(3):
                    parpy.label("j")
                    for j in range(x.shape[2]):
                        x[h, i, j] += j * k
                    reverse(x[h, i], x.shape[2])
                    y[h, i, k] = x[h, i, 0]
                    if y[h, i, k] > 20.0:
                        reverse(x[h, i, 1:], x.shape[2] - 1)

    opts = options(includes, h=parpy.threads(2), i=parpy.threads(8), j=parpy.threads(64))
    same(apply, opts, ROWS.reshape(2, 3, 10), np.zeros((2, 3, 3)))


@needs_gpu
def test_a_call_outside_of_loops_is_a_kernel(includes: Path) -> None:
    def apply(x, y):
        reverse(x, len(x))
        s = warp_sum(x[1:], len(x) - 1)
        parpy.label("i")
        for i in range(len(x)):
            y[i] = x[i] / s
        with parpy.gpu:
            y[0] = warp_sum(y, len(y))

    x = np.arange(16.0)
    same(apply, options(includes, i=parpy.threads(16)), x, np.zeros(16))


REFUSED = {
    "y[0] = axpb(1.0, 2.0)": r"axpb is declared with Target.Device and cannot be called",
    "with parpy.gpu:\n        cpu_only(1.0)": r"for CompileBackend.Cpu, not for .*Cuda",
    "parpy.label('i')\n    for i in range(4):\n        host(1.0)": "Target.Host and cannot be",
    "large(x, 4)": r"'reverse' asks for 2048 threads, .* at most 1024",
    "parpy.label('i')\n    for i in range(4):\n        large(x, 4)": r"'reverse' asks for 2048",
    """parpy.label('i')
    for i in range(4):
        reverse(x, 4)
        parpy.label('j')
        for j in range(4):
            x[j] = 1.0""": "Found inconsistent .*'reverse' asks for threads.64.*'j' .*96",
    """parpy.label('i')
    for i in range(4):
        reverse(x, 4)
        parpy.label('k')
        for k in range(4):
            parpy.label('j')
            for j in range(4):
                x[j] = 1.0""": "Found inconsistent .*the threads of a block call 'reverse'",
}


@pytest.mark.parametrize("body", REFUSED)
def test_what_is_refused(includes: Path, body: str) -> None:
    @parpy.external("labs", parpy.CompileBackend.Cpu, DEVICE)
    def cpu_only(x: F64) -> F64:
        return x

    @parpy.external("host", CUDA, parpy.Target.Host)
    def host(x: F64) -> F64:
        return x

    @device("reverse", parallelize=parpy.threads(2048))
    def large(x: pointer(F64), n: I64) -> None: ...

    names = {"axpb": axpb, "cpu_only": cpu_only, "host": host, "large": large, "reverse": reverse}
    function = define(f"def f(x, y):\n    {body}\n", **names)
    opts = options(includes, i=parpy.threads(4), j=parpy.threads(96), k=parpy.threads(64))
    with pytest.raises(parpy.CompileError, match=f"(?s){REFUSED[body]}"):
        parpy.print_compiled(function, [np.zeros(4), np.zeros(4)], opts)


# --- Headers -------------------------------------------------------------------------------------


@needs_gpu
def test_a_header_that_has_changed_is_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text('#include "more.h"\n')
    for factor in (2, 3):
        (tmp_path / "more.h").write_text(
            f"__device__ inline double scaled(double x) {{ return {factor} * x; }}\n"
        )

        @device("scaled")
        def scaled(x: F64) -> F64:
            return x

        @parpy.jit
        def apply(x):
            parpy.label("i")
            for i in range(len(x)):
                x[i] = scaled(x[i])

        x = np.ones(3)
        apply(x, opts=options(tmp_path, i=ONE))
        np.testing.assert_array_equal(x, factor)


@needs_gpu
def test_definitions_reach_the_header(tmp_path: Path) -> None:
    (tmp_path / "own.h").write_text("__device__ double scaled(double x) { return FACTOR * x; }\n")

    @device("scaled")
    def scaled(x: F64) -> F64:
        return x

    @parpy.jit
    def apply(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] = scaled(x[i])

    opts = options(tmp_path, i=ONE)
    for factor in (2, 5):
        # What is for the linker does not reach NVRTC.
        opts.extra_flags = ["-lm", "-Xcompiler", "-O2", f"-DFACTOR={factor}", "-L", "/nowhere"]
        x = np.ones(3)
        apply(x, opts=opts)
        np.testing.assert_array_equal(x, factor)


@needs_gpu
def test_a_wrong_header_is_told(tmp_path: Path) -> None:
    @device("scaled")
    def scaled(x: F64) -> F64:
        return x

    @parpy.jit
    def apply(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] = scaled(x[i])

    def error() -> str:
        with pytest.raises(parpy.CompileError, match="functions 'scaled'") as caught:
            apply(np.ones(3), opts=options(tmp_path, i=ONE))
        assert not isinstance(caught.value, parpy.InternalCompilerError)
        assert "help: look at the declarations of external functions, their header=" in str(
            caught.value
        )
        return str(caught.value)

    assert "own.h" in error()
    (tmp_path / "own.h").write_text("\n\n__device__ double scaled(double x) { return nonsense; }\n")
    text = error()
    assert re.search(r"own\.h\(3\).*nonsense", text)
    assert "of the generated code" not in text
    (tmp_path / "own.h").write_text("#pragma once\n")
    assert "scaled" in error()
    (tmp_path / "own.h").write_text("__device__ double scaled(double x, double y) { return x; }\n")
    assert "scaled" in error()


@pytest.mark.parametrize("header", ["", 'a"b', "a\nb", "<a", "<>"])
def test_headers_are_names_of_files(header: str) -> None:
    with pytest.raises(ValueError, match="header must name a file"):
        parpy.external("f", CUDA, DEVICE, header=header)
