"""Python functions that host code calls between kernels."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from device_memory import DeviceArray
from harness import LAYOUTS, define, lay_out
from logged_callbacks import change, log, note
from test_cuda_text import cuda

import parpy
from parpy import _native
from parpy.types import F16, F32, I8, U64, Bool

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


def run(
    function: Callable[..., None],
    *args: Any,
    times: int = 1,
    layout: str = "contiguous",
    **settings: Any,
) -> list[Any]:
    """Holds a function to plain Python, arrays and what it logs; gives the log."""
    mine, theirs = (
        [lay_out(a, layout).array if isinstance(a, np.ndarray) else a for a in args] for _ in "ab"
    )
    log.clear()
    for _ in range(times):
        function(*theirs)
    expected = log.copy()
    log.clear()
    opts = cuda({"N": parpy.threads(32)})
    for name, value in settings.items():
        setattr(opts, name, value)
    compiled = parpy.jit(function)
    for _ in range(times):
        compiled(*mine, opts=opts)
    assert log == expected
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return expected


# --- Arrays ----------------------------------------------------------------------------------


def test_arrays_of_the_host_are_up_to_date_on_both_sides() -> None:
    def apply(x, y):
        for k in range(3):
            parpy.label("N")
            for i in range(len(x)):
                x[i] += k + 1
            s = change(x, k)
            parpy.label("N")
            for i in range(len(y)):
                y[i] = y[i] * s + x[i]
            note(y)

    assert len(run(apply, np.arange(5.0), np.zeros(5), times=4, strict=True)) == 24


def test_parts_of_arrays() -> None:
    def apply(x, n):
        parpy.label("N")
        for i in range(x.shape[0]):
            x[i, 0] = i
        change(x[1:, ::2], n)
        change(x[n, ::-1], 1)
        change(x[2:2], 3)
        parpy.label("N")
        for i in range(x.shape[0]):
            x[i, 1] += x[i, 2]

    for layout in LAYOUTS:
        run(apply, np.arange(20.0).reshape(4, 5), -1, layout=layout)


def test_temporaries_of_the_device() -> None:
    kept: list[Any] = []

    @parpy.callback
    def change_both(a, b):
        change(a, 1)
        change(b, 2)
        kept.extend([a, b])

    def apply(x):
        t = np.empty(len(x))
        parpy.label("N")
        for i in range(len(x)):
            t[i] = 2.0 * x[i]
        change_both(t[:4], t[2:])
        parpy.label("N")
        for i in range(len(x)):
            x[i] = t[i]

    run(apply, np.arange(6.0))
    for part in kept[2:]:
        with pytest.raises(ValueError, match="no elements"):
            part.numpy()


def test_arrays_that_no_kernel_touches() -> None:
    def apply(x, y, z):
        change(y, 0)
        parpy.label("N")
        for i in range(len(x)):
            x[i] += z[i]
        change(z, 1)
        note(x)

    run(apply, np.arange(5.0), np.arange(3.0), np.arange(5.0))


def test_arrays_that_are_not_passed_are_up_to_date() -> None:
    x = np.zeros(3)

    @parpy.callback
    def look(k):
        log.append((k, x.tolist()))

    @parpy.jit
    def apply(x, n):
        for k in range(n):
            parpy.label("N")
            for i in range(len(x)):
                x[i] = k
            look(k)

    apply(x, 3, opts=cuda({"N": parpy.threads(32)}))
    assert log == [(k, [k] * 3) for k in range(3)]


def test_a_kernel_that_overwrites_an_array_comes_too_late_for_a_callback() -> None:
    def apply(x, n):
        if n > 3:
            note(x)
        parpy.label("N")
        for i in range(len(x)):
            x[i] = i

    run(apply, np.full(4, 7.0), 4)
    run(apply, np.full(4, 7.0), 3)


def test_overlapping_arguments() -> None:
    base = np.arange(8.0)

    def apply(x, y):
        parpy.label("N")
        for i in range(len(x)):
            x[i] += 1.0
        change(y, 3)
        parpy.label("N")
        for i in range(len(x)):
            x[i] *= 2.0

    mine, theirs = base.copy(), base.copy()
    apply(theirs[:6], theirs[2:])
    expected = log.copy()
    log.clear()
    parpy.jit(apply)(mine[:6], mine[2:], opts=cuda({"N": parpy.threads(32)}))
    assert log == expected
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", ["complex64", "float16", "bool", "uint8"])
def test_types_of_arrays(dtype: str) -> None:
    @parpy.callback
    def turn(x):
        log.append((str(x.dtype), x.shape, x.numpy().strides))
        x.numpy()[0] = 1

    def apply(x, y):
        t = np.empty(4, x.dtype)
        parpy.label("N")
        t[:] = x[1, :]
        turn(t)
        turn(x[1:, ::2])
        parpy.label("N")
        y[:] = t[:]

    mine = [np.ones((3, 4), dtype), np.zeros(4, dtype)]
    parpy.jit(apply)(*mine, opts=cuda({"N": parpy.threads(32)}))
    size = mine[0].itemsize
    assert log == [(dtype, (4,), (size,)), (dtype, (2, 2), (4 * size, 2 * size))]
    np.testing.assert_array_equal(mine[1], 1)


def test_arrays_of_the_device() -> None:
    """Python sees a copy, and the device what Python wrote, also beside arrays of the host."""
    kept: list[Any] = []

    @parpy.callback
    def turn(a, b, c):
        kept[:] = [a, b, c]
        change(a, 1)
        change(b, 2)
        change(c, 3)
        if np.asarray(c)[0] > 50:
            raise LookupError("far")

    def apply(x, y, z):
        parpy.label("N")
        for i in range(x.shape[1]):
            x[0, i] += 1.0
            z[i] = y[i] + i
        turn(x[:, ::-2], x[1:, 1], z)
        parpy.label("N")
        for i in range(x.shape[1]):
            y[i] = x[0, i] + z[i]

    x, y, z = np.arange(8.0).reshape(2, 4), np.arange(4.0), np.zeros(4)
    device = [DeviceArray(x), DeviceArray(y), z.copy()]
    compiled, opts = parpy.jit(apply), cuda({"N": parpy.threads(32)})
    raised = 0
    for _ in range(8):
        log.clear()
        with contextlib.suppress(LookupError):
            apply(x, y, z)
        expected = log.copy()
        log.clear()
        try:
            compiled(*device, opts=opts)
        except LookupError:
            raised += 1
        assert log == expected
        np.testing.assert_array_equal(device[0].numpy(), x)
        np.testing.assert_array_equal(device[1].numpy(), y)
        np.testing.assert_array_equal(device[2], z)
        for copy in kept[:2]:
            with pytest.raises(ValueError, match="no elements"):
                copy.numpy()
        assert kept[2].numpy().shape == (4,)
    assert 0 < raised < 8


# --- Scalars ---------------------------------------------------------------------------------


def test_scalars() -> None:
    @parpy.callback
    def take(a, b: F32, c: I8, d, e: U64):
        log.append([(type(v), v) for v in (a, b, c, d, e)])

    def apply(x, n):
        with parpy.gpu:
            x[0] = 1.0
        for k in range(n, n + 2):
            take(k, 0.1, -n, k > n, 7)

    @parpy.jit
    def compiled(x, n):
        with parpy.gpu:
            x[0] = 1.0
        for k in range(n, n + 2):
            take(k, 0.1, -n, k > n, 7)

    compiled(np.zeros(1), 3, opts=cuda({}))
    tenth = float(np.float32(0.1))
    assert log == [[(int, k), (float, tenth), (int, -3), (bool, k > 3), (int, 7)] for k in (3, 4)]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(F32, 0.1), (F16, 1.5), (I8, -128), (U64, 2**64 - 1), (Bool, True), (float, 2.5), (int, -7)],
)
def test_results(annotation: Any, value: Any) -> None:
    def give():
        return value

    give.__annotations__["return"] = annotation
    give = parpy.callback(give)

    @parpy.jit
    def apply(y):
        r = give()
        parpy.label("N")
        for i in range(len(y)):
            y[i] = r

    y = np.zeros(3, np.uint64 if annotation is U64 else np.float64)
    apply(y, opts=cuda({"N": parpy.threads(32)}))
    expected = np.float32(value) if annotation is F32 else value
    np.testing.assert_array_equal(y, np.array([expected] * 3, y.dtype))


def test_results_decide_what_the_host_does() -> None:
    @parpy.callback
    def more(x) -> bool:
        log.append(float(np.asarray(x)[0]))
        return log[-1] < 5

    def apply(x):
        while more(x):
            parpy.label("N")
            for i in range(len(x)):
                x[i] += 2.0

    assert run(apply, np.zeros(3)) == [0, 2, 4, 6]


# --- Errors ----------------------------------------------------------------------------------


def test_an_exception_ends_the_function_there() -> None:
    @parpy.callback
    def stop(x, k):
        np.asarray(x)[0] = 100 + k
        if k == 1:
            raise LookupError("stop")

    @parpy.jit
    def apply(x, y):
        for k in range(3):
            parpy.label("N")
            for i in range(len(x)):
                x[i] += 1.0
                y[i] += x[i]
            stop(x, k)

    opts = cuda({"N": parpy.threads(32)})
    for _ in range(3):
        x, y = np.zeros(3), np.zeros(3)
        with pytest.raises(LookupError, match="stop"):
            apply(x, y, opts=opts)
        # What ran is there, and what the callback wrote before it raised.
        np.testing.assert_array_equal(x, [101, 2, 2])
        np.testing.assert_array_equal(y, [102, 3, 3])


def test_results_of_the_wrong_type() -> None:
    @parpy.callback
    def give() -> I8:
        return 1000

    @parpy.jit
    def apply(x):
        k = give()
        parpy.label("N")
        for i in range(len(x)):
            x[i] = k

    x = np.zeros(2)
    with pytest.raises(ValueError, match="returned 1000, which int8 does not hold"):
        apply(x, opts=cuda({"N": parpy.threads(32)}))
    assert not x.any()


def test_faults_of_kernels_come_before_the_callback() -> None:
    @parpy.jit
    def apply(x, c):
        parpy.label("N")
        for i in range(len(c)):
            x[c[i]] = 1.0
        note(x)

    opts = cuda({"N": parpy.threads(32)})
    opts.check_bounds = True
    with pytest.raises(IndexError, match="index 9 of 'x'"):
        apply(np.zeros(3), np.array([0, 9]), opts=opts)
    assert log == []
    apply(np.zeros(3), np.array([0, 2]), opts=opts)
    assert log == [[1, 0, 1]]


def test_parts_are_checked() -> None:
    @parpy.callback
    def where() -> int:
        return 7

    opts = cuda({})
    opts.check_bounds = True
    for size, expected in ((8, [14, 15]), (5, None)):
        x = np.arange(2.0 * size).reshape(size, 2)
        function = parpy.jit(
            define(
                "def f(x):\n    with parpy.gpu:\n        x[0, 0] += 0.0\n"
                "    k = where()\n    note(x[k])\n",
                where=where,
                note=note,
            )
        )
        if expected is None:
            with pytest.raises(IndexError, match="index 7 of 'x'"):
                function(x, opts=opts)
        else:
            function(x, opts=opts)
            assert log == [expected]


def test_what_is_refused() -> None:
    x = np.zeros(3)

    @parpy.jit
    def inside(x):
        parpy.label("N")
        for _ in range(len(x)):
            note(x)

    @parpy.jit
    def element(x):
        parpy.label("N")
        for i in range(len(x)):
            x[i] = 1.0
        change(x, x[0])

    @parpy.jit
    def total(x):
        s = 0.0
        parpy.label("N")
        for i in range(len(x)):
            s += x[i]
        change(x, s)

    opts = cuda({"N": parpy.threads(32).reduce()})
    with pytest.raises(parpy.CompileError, match="callback note cannot be called inside a par"):
        inside(x, opts=opts)
    for function in (element, total):
        with pytest.raises(parpy.CompileError, match="Data cannot be accessed outside"):
            function(x, opts=opts)
    text = parpy.print_compiled(simple, [x], opts)
    assert "python.call(python.context, /* note */ 0, words)" in text
    with pytest.raises(parpy.CompileError, match="calls the Python function 'note'"):
        parpy.compile_string("simple", text, opts)


def simple(x):
    parpy.label("N")
    for i in range(len(x)):
        x[i] += 1.0
    note(x)


# --- What a callback may do ---------------------------------------------------------------------


def test_callbacks_call_compiled_functions_and_see_other_threads() -> None:
    inner = parpy.jit(simple)
    opts = cuda({"N": parpy.threads(32)})

    @parpy.callback
    def nested(x, k) -> int:
        if k > 0:
            outer(np.asarray(x), k - 1, opts=opts)
        inner(np.asarray(x), opts=opts)
        thread = threading.Thread(target=lambda: log.append("other"))
        thread.start()
        thread.join()
        return k

    @parpy.jit
    def outer(x, k):
        parpy.label("N")
        for i in range(len(x)):
            x[i] += 10.0
        r = nested(x, k)
        parpy.label("N")
        for i in range(len(x)):
            x[i] += r

    x = np.zeros(2)
    outer(x, 2, opts=opts)
    np.testing.assert_array_equal(x, 36)
    assert log.count("other") == 3


def test_calls_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run(simple, np.zeros(2), debug_callbacks=True)
    assert capsys.readouterr().out == "parpy: callback note([1. 1.])\n"
