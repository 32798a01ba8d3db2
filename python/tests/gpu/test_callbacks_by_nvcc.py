"""Python functions that host code calls which nvcc compiles, beside functions of the host."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_memory import DeviceArray
from harness import LAYOUTS, lay_out
from logged_callbacks import change, log, note
from test_cuda_text import cuda
from test_nvcc import HEADER, needs_nvcc, put, total

import parpy
from parpy.types import BF16, F16, F32, I8, U64, Bool

pytestmark = needs_nvcc


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


@pytest.fixture(scope="module")
def opts(tmp_path_factory: pytest.TempPathFactory) -> parpy.CompileOptions:
    """Options that know the header."""
    folder: Path = tmp_path_factory.mktemp("includes")
    (folder / "host.h").write_text(HEADER)
    opts = cuda({"N": parpy.threads(32)})
    opts.includes = [folder]
    return opts


def run(
    function: Callable[..., None],
    opts: parpy.CompileOptions,
    *args: Any,
    layout: str = "contiguous",
) -> list[Any]:
    """Holds a function to plain Python, arrays and what it logs; gives the log."""
    mine, theirs = (
        [lay_out(a, layout).array if isinstance(a, np.ndarray) else a for a in args] for _ in "ab"
    )
    function(*theirs)
    expected = log.copy()
    log.clear()
    parpy.jit(function)(*mine, opts=opts)
    assert log == expected
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return expected


# --- Arrays ----------------------------------------------------------------------------------


def alternating(x, y, z, n):
    """Kernels, functions of the host and of Python take turns, over arrays that all of them use."""
    t = np.empty(n)
    for k in range(3):
        parpy.label("N")
        for i in range(n):
            t[i] = y[0, i] + k
        s = change(t, k) + total(t, n)
        put(t[1:], 1, s)
        note(t[::-2])
        parpy.label("N")
        for i in range(n):
            y[1, i] = t[i]
        change(y[:, 1:], k)
        change(z, 1)
        parpy.label("N")
        for i in range(n):
            x[i] += y[1, i]
        if change(x[2:2], 7) == 0.0:
            note(x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_the_host(opts: parpy.CompileOptions, layout: str) -> None:
    args = [np.arange(5.0), np.arange(10.0).reshape(2, 5), np.arange(3.0), 5]
    assert len(run(alternating, opts, *args, layout=layout)) == 18


def test_arrays_of_the_device(opts: parpy.CompileOptions) -> None:
    x, y, z = np.arange(5.0), np.arange(10.0).reshape(2, 5), np.arange(3.0)
    device = [DeviceArray(x), DeviceArray(y), z.copy()]
    alternating(x, y, z, 5)
    expected = log.copy()
    log.clear()
    parpy.jit(alternating)(*device, 5, opts=opts)
    assert log == expected
    np.testing.assert_array_equal(device[0].numpy(), x)
    np.testing.assert_array_equal(device[1].numpy(), y)
    np.testing.assert_array_equal(device[2], z)


def test_parts_that_share_memory(opts: parpy.CompileOptions) -> None:
    def apply(x, y):
        put(x, 2, 9.0)
        change(y, 3)
        parpy.label("N")
        for i in range(len(x)):
            x[i] *= 2.0
        note(x)

    mine, theirs = np.arange(8.0), np.arange(8.0)
    apply(theirs[:6], theirs[2:])
    expected = log.copy()
    log.clear()
    parpy.jit(apply)(mine[:6], mine[2:], opts=opts)
    assert log == expected
    np.testing.assert_array_equal(mine, theirs)


def test_complex_parts(opts: parpy.CompileOptions) -> None:
    def apply(z, x):
        put(x, 1, 2.0)
        parpy.label("N")
        for i in range(len(x)):
            z[i, 1] += x[i]
        change(z[1:, ::-1], 1)

    z = (np.arange(6) + 1j).reshape(3, 2).astype(np.complex64)

    @parpy.callback
    def change(z, k):
        log.append((k, np.asarray(z).tolist(), z.shape))
        np.asarray(z)[...] *= 1j

    run(apply, opts, z, np.ones(3))


# --- Scalars ---------------------------------------------------------------------------------


@pytest.mark.parametrize("specialize", ["always", "never"])
def test_scalars(opts: parpy.CompileOptions, specialize: str) -> None:
    @parpy.callback
    def take(a, b: F32, c: I8, d, e: U64, f: F16, g):
        log.append([(type(v), v) for v in (a, b, c, d, e, f, g)])

    def apply(x, n, h):
        put(x, 1, 1.0)
        with parpy.gpu:
            x[0] += 1.0
        for k in range(n, n + 2):
            take(k, 0.1, -n, k > n, 2**64 - 1, h, h * 2)

    opts = copy.copy(opts)
    opts.parallelize, opts.specialize = {}, specialize
    compiled = parpy.jit(apply)
    for n in (3, 4):
        log.clear()
        compiled(np.zeros(1), n, np.float16(0.1), opts=opts)
        tenth, half = float(np.float32(0.1)), float(np.float16(0.1))
        assert log == [
            [
                (int, k),
                (float, tenth),
                (int, -n),
                (bool, k > n),
                (int, 2**64 - 1),
                (float, half),
                (float, 2 * half),
            ]
            for k in (n, n + 1)
        ]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (F32, 0.1),
        (F16, 1.5),
        (BF16, -2.0),
        (I8, -128),
        (U64, 2**64 - 1),
        (Bool, True),
        (float, 2.5),
        (int, -7),
    ],
)
def test_results(opts: parpy.CompileOptions, annotation: Any, value: Any) -> None:
    def give():
        return value

    give.__annotations__["return"] = annotation
    give = parpy.callback(give)

    @parpy.jit
    def apply(y, x):
        r = give()
        put(x, 1, 1.0)
        parpy.label("N")
        for i in range(len(y)):
            y[i] = r

    y = np.zeros(3, np.uint64 if annotation is U64 else np.float64)
    apply(y, np.zeros(1), opts=opts)
    expected = np.float32(value) if annotation is F32 else value
    np.testing.assert_array_equal(y, np.array([expected] * 3, y.dtype))


def test_names_that_the_text_uses(opts: parpy.CompileOptions) -> None:
    @parpy.callback
    def python(words) -> int:
        log.append(words)
        return words + 1

    def Python(PythonWord, stream):
        words = python(3)
        put(PythonWord, 1, 1.0)
        parpy.label("N")
        for i in range(len(stream)):
            stream[i] += words + PythonWord[i]

    run(Python, opts, np.zeros(2), np.zeros(2))


# --- How a call ends -------------------------------------------------------------------------


def test_an_exception_ends_the_function_there(opts: parpy.CompileOptions) -> None:
    @parpy.callback
    def stop(x, t, k):
        np.asarray(x)[0] = 100 + k
        if k == 1:
            raise LookupError("stop")

    @parpy.jit
    def apply(x, y):
        t = np.zeros(4)
        for k in range(3):
            parpy.label("N")
            for i in range(len(x)):
                x[i] += 1.0
                y[i] += x[i]
            put(y, 1, 50.0)
            stop(x, t, k)

    for _ in range(3):
        x, y = np.zeros(3), np.zeros(3)
        with pytest.raises(LookupError, match="stop"):
            apply(x, y, opts=opts)
        # What ran is there, and what the callback wrote before it raised.
        np.testing.assert_array_equal(x, [101, 2, 2])
        np.testing.assert_array_equal(y, [50, 3, 3])


def test_faults_come_before_the_callback(opts: parpy.CompileOptions) -> None:
    @parpy.callback
    def where() -> int:
        log.append("where")
        return 7

    @parpy.jit
    def apply(x, c):
        put(x, 1, 5.0)
        parpy.label("N")
        for i in range(len(c)):
            x[c[i]] = 1.0
        k = where()
        note(x[k:])

    opts = copy.copy(opts)
    opts.check_bounds = True
    with pytest.raises(IndexError, match="index 9 of 'x'"):
        apply(np.zeros(8), np.array([0, 9]), opts=opts)
    assert log == []
    apply(np.zeros(8), np.array([0, 7]), opts=opts)
    assert log == ["where", [1.0]]


def test_callbacks_call_functions_with_callbacks(opts: parpy.CompileOptions) -> None:
    @parpy.callback
    def nested(x, k) -> int:
        if k > 0:
            outer(np.asarray(x), k - 1, opts=opts)
        return k

    @parpy.jit
    def outer(x, k):
        put(x, 1, 10.0)
        r = nested(x, k)
        parpy.label("N")
        for i in range(len(x)):
            x[i] += r + 1

    x = np.zeros(2)
    outer(x, 2, opts=opts)
    np.testing.assert_array_equal(x, [16, 6])


def test_the_printed_text(opts: parpy.CompileOptions) -> None:
    def apply(x):
        put(x, 1, 1.0)
        parpy.label("N")
        for i in range(len(x)):
            x[i] += 1.0
        note(x[1:])

    text = parpy.print_compiled(apply, [np.zeros(4)], opts)
    assert "PythonWord words[] = {(int64_t)0, &x[1], (int64_t)3, (int64_t)1};" in text
    assert "if (!python.call(python.context, /* note */ 0, words)) return -4;" in text
    with pytest.raises(parpy.CompileError, match="calls the Python function 'note'"):
        parpy.compile_string("apply", text, opts)
