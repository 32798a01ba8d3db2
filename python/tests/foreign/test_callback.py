"""Python functions that compiled code calls."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness import define

import parpy
from parpy.types import F16, F32, I8, U64, Bool, buffer, type_var

log: list[Any] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


@parpy.callback
def note(x):
    log.append(np.array(x).tolist())


def run(function: Callable[..., None], *args: Any, **settings: Any) -> list[Any]:
    """What a function notes, decorated; the same as undecorated, arrays included."""
    mine, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in args] for _ in "ab")
    function(*theirs)
    expected = log.copy()
    log.clear()
    parpy.jit(function)(*mine, opts=parpy.CompileOptions(**settings))
    assert log == expected
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return expected


# --- Arguments and results ------------------------------------------------------------------


def test_scalars_come_as_python_numbers() -> None:
    @parpy.callback
    def take(a, b, c, d, e, f):
        log.append([type(v) for v in (a, b, c, d, e, f)] + [a, b, c, d, e, f])

    @parpy.jit
    def apply(x, y, z, w, n):
        take(n, x[0], y[0] > 0.0, y[0], z[0], w[0])

    apply(
        np.array([-3], np.int8),
        np.array([0.1], np.float32),
        np.array([2**64 - 1], np.uint64),
        np.array([1.5], np.float16),
        7,
    )
    assert log == [
        [int, int, bool, float, int, float, 7, -3, True, float(np.float32(0.1)), 2**64 - 1, 1.5]
    ]


def test_annotated_scalars_are_converted() -> None:
    @parpy.callback
    def take(a: F32, b: I8, c: Bool):
        log.append([a, b, c])

    def call(source: str) -> None:
        parpy.jit(define(f"def f(x, n):\n    {source}\n", take=take))(np.array([0.1]), 3)

    call("take(x[0], n, n)")
    assert log == [[float(np.float32(0.1)), 3, True]]
    with pytest.raises(
        TypeError, match="'b' of take is float64, and its declaration asks for int8"
    ):
        call("take(x[0], x[0], True)")
    with pytest.raises(TypeError, match="'a' of take is an array, .* asks for float32"):
        call("take(x, n, n)")


@pytest.mark.parametrize("dtype", [t.value for t in parpy.types.ElemSize if t.value != "bfloat16"])
def test_arrays_come_as_buffers_over_the_same_memory(dtype: str) -> None:
    @parpy.callback
    def change(x):
        assert type(x) is parpy.buffer.Buffer
        assert x.backend() is parpy.CompileBackend.Cpu
        log.append((x.shape, str(x.dtype), x.numpy().strides))
        x.numpy()[0] = 1

    @parpy.jit
    def apply(x, n):
        change(x)
        change(x[1:, 2])
        change(x[n, ::-1])
        change(x[::2, 1:3])

    x = np.zeros((4, 5), dtype)
    apply(x, -1)
    e, size = np.zeros((4, 5), dtype), x.itemsize
    for part in (e, e[1:, 2], e[-1, ::-1], e[::2, 1:3]):
        part[0] = 1
    np.testing.assert_array_equal(x, e)
    assert log == [
        ((4, 5), dtype, (5 * size, size)),
        ((3,), dtype, (5 * size,)),
        ((5,), dtype, (-size,)),
        ((2, 2), dtype, (10 * size, size)),
    ]


def test_strided_empty_and_bfloat16_arrays() -> None:
    def apply(x, n):
        note(x)
        note(x[:n])
        note(x[n:, 1:])

    base = np.arange(24.0).reshape(4, 6)
    for x in (base[::-1, ::2], base.T[1:4], base[1:1], base[2:3]):
        fn = parpy.jit(apply)
        fn(x, 1)
        expected = [x.tolist(), x[:1].tolist(), x[1:, 1:].tolist()]
        assert [np.array(v).size and v for v in log] == [np.array(v).size and v for v in expected]
        log.clear()
    ml_dtypes = pytest.importorskip("ml_dtypes")

    @parpy.callback
    def half(x):
        log.append((x.numpy().dtype, x.numpy().tolist()))

    @parpy.jit
    def show(x):
        half(x)

    show(np.ones(2, ml_dtypes.bfloat16))
    assert log == [(ml_dtypes.bfloat16, [1, 1])]


def test_temporaries_last_as_long_as_the_call() -> None:
    kept: list[Any] = []

    @parpy.callback
    def keep(t, x):
        t.numpy()[1:] += 1
        log.append(t.numpy().tolist())
        kept.extend((t, x))

    @parpy.jit
    def apply(x, n):
        t = np.zeros(n, np.float32)
        t[0] = x[0]
        keep(t, x)
        x[0] = t[n - 1]

    for n in (3, 100_000):
        x = np.array([5.0, 2.0])
        apply(x, n)
        assert x[0] == 1
        assert log[-1][:3] == [5, 1, 1]
        del x
        t, x = kept[-2:]
        assert x.numpy().tolist() == [1, 2]
        with pytest.raises(ValueError, match="no elements"):
            t.numpy()


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (F32, 0.1, np.float32(0.1)),
        (F32, np.float64(0.1), np.float32(0.1)),
        (F16, 1.0009765625 + 2**-20, np.float16(1.001)),
        (I8, -128, -128),
        (I8, np.int64(5), 5),
        (U64, 2**64 - 1, 2**64 - 1),
        (Bool, True, 1),
        (Bool, np.bool_(False), 0),
        (float, 3, 3),
        (int, True, 1),
        (bool, True, 1),
    ],
)
def test_results(annotation: Any, value: Any, expected: Any) -> None:
    def give():
        return value

    give.__annotations__["return"] = annotation
    give = parpy.callback(give)

    @parpy.jit
    def apply(y):
        y[0] = give()

    y = np.zeros(1, np.uint64 if annotation is U64 else np.float64)
    apply(y)
    assert y[0] == expected


@pytest.mark.parametrize(
    ("annotation", "value", "error", "message"),
    [
        (F32, "1", TypeError, "callback 'give' returned a str, and its annotation says float32"),
        (F32, None, TypeError, "returned None"),
        (I8, 1.0, TypeError, "returned a float, and its annotation says int8"),
        (I8, 128, ValueError, "returned 128, which int8 does not hold"),
        (int, 2**63, ValueError, "returned 9223372036854775808, which int64 does not hold"),
        (U64, -1, ValueError, "returned -1, which uint64 does not hold"),
        (Bool, 1, TypeError, "returned an int, and its annotation says bool"),
    ],
)
def test_results_of_the_wrong_type(
    annotation: Any, value: Any, error: type[Exception], message: str
) -> None:
    def give():
        return value

    give.__annotations__["return"] = annotation
    give = parpy.callback(give)

    @parpy.jit
    def apply(y):
        y[0] = 1
        give()
        y[0] = 2

    y = np.zeros(1)
    with pytest.raises(error, match=message):
        apply(y)
    assert y[0] == 1


def test_python_types_of_results_are_weak() -> None:
    @parpy.callback
    def weak() -> float:
        return 0.1

    def apply(x, y):
        y[0] = x[0] * weak() == x[1]

    x = np.array([3.0, np.float32(3) * 0.1], np.float32)
    run(apply, x, np.zeros(1, np.bool_))


# --- Order ----------------------------------------------------------------------------------


@parpy.callback
def more(x) -> int:
    np.asarray(x)[0] += 1
    log.append(int(x[0]))
    return int(x[0])


@pytest.mark.parametrize(
    "body",
    [
        "y[0] = x[0] + more(x) + x[0]",
        "y[0] = 1 if x[0] > 5 and more(x) > 0 else 2",
        "y[0] = 1 if x[0] > 5 or more(x) > 0 else more(x)",
        "while more(x) < 9:\n        y[0] += x[0]",
        "while True:\n        if more(x) > 4:\n            break\n        y[0] += 1",
        "for i in range(more(x)):\n        y[i] = more(x) + x[0]",
        "for i in range(8):\n        if more(x) > 3:\n            break\n        y[i] = more(x)",
        "y[more(x)] += more(x)",
        "y[:] = x[0] + more(x)",
        "more(x)\n    y[0] = helper(x) + more(x)",
    ],
)
def test_calls_happen_where_python_makes_them(body: str) -> None:
    @parpy.jit
    def helper(x):
        return more(x) * 10 + x[0]

    text = f"def f(x, y):\n    {body}\n"
    plain = define(text, more=more, helper=helper.__wrapped__)
    compiled = parpy.jit(define(text, more=more, helper=helper))
    for start in (0, 7):
        a, b = ([np.array([start, 1, 2]), np.zeros(20, np.int64)] for _ in "ab")
        plain(*a)
        expected = log.copy()
        log.clear()
        compiled(*b)
        assert log == expected
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
        log.clear()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_passed_in_arrays_alone(dtype: str) -> None:
    @parpy.callback
    def turn(x):
        log.append((str(x.dtype), x.shape))
        x.numpy()[...] *= 1j

    @parpy.jit
    def apply(x, n):
        turn(x)
        turn(x[1:, ::-2])
        t = np.zeros(n, x.dtype)
        t[:] = x[0, :n]
        turn(t)
        x[0, 0] = t[1]

    @parpy.jit
    def scalar(x):
        turn(x[0])

    x = np.arange(12).reshape(3, 4).astype(dtype) + 2j
    e = x * 1j
    e[1:, ::-2] *= 1j
    e[0, 0] = e[0, 1] * 1j
    apply(x, 2)
    np.testing.assert_array_equal(x, e)
    assert log == [(dtype, (3, 4)), (dtype, (2, 2)), (dtype, (2,))]
    with pytest.raises(TypeError, match=f"'x' of turn is {dtype}"):
        scalar(x[0])


def test_arrays_that_are_not_passed_are_up_to_date() -> None:
    x = np.zeros(3)

    @parpy.callback
    def look(k):
        log.append((k, x[0], x[2]))

    @parpy.jit
    def apply(x, n):
        for k in range(n):
            x[0] = k
            x[2] += 2
            look(k)

    apply(x, 4)
    assert log == [(k, k, 2 * k + 2) for k in range(4)]


def test_host_code_around_parallel_loops() -> None:
    @parpy.jit
    def apply(x, n):
        for k in range(n):
            note(x)
            parpy.label("i")
            for i in range(len(x)):
                x[i] += k + 1
            note(x)

    x = np.zeros(3)
    apply(x, 2, opts=parpy.par({"i": parpy.threads(8)}))
    assert log == [[0, 0, 0], [1, 1, 1], [1, 1, 1], [3, 3, 3]]


# --- Refusals -------------------------------------------------------------------------------


def test_callbacks_are_refused_in_parallel_loops_and_device_code() -> None:
    @parpy.jit
    def loop(x):
        parpy.label("i")
        for _ in range(4):
            note(x)  # here

    @parpy.jit
    def block(x):
        with parpy.gpu:
            note(x)

    with pytest.raises(
        parpy.CompileError, match="callback note cannot be called inside a parallel loop"
    ) as caught:
        loop(np.zeros(4), opts=parpy.par({"i": parpy.threads(2)}))
    assert "note(x)  # here" in str(caught.value)
    with pytest.raises(parpy.CompileError, match="inside `with parpy.gpu:`"):
        block(np.zeros(4))
    loop(np.zeros(1))
    assert log == [[0]] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("note()", r"note takes 1 argument \(x\), 0 were given"),
        ("note(x, 1)", "note takes 1 argument"),
        ("note(y=x)", "note has no parameter 'y'"),
        ("note(d)", "'x' of note is a dictionary"),
        ("note(x * 2)", "'x' of note is an array expression"),
        ("y = note(x)", "note returns no value"),
        ("rows(x)", "'x' of rows is an array of 1 dimension, .* with 2 dimensions"),
        ("rows(z)", "'x' of rows is an array of float32, .* array of float64"),
    ],
)
def test_calls_that_do_not_fit(call: str, message: str) -> None:
    N = parpy.types.shape_var()

    @parpy.callback
    def rows(x: buffer(parpy.types.F64, [N, 2])):  # type: ignore[valid-type]
        pass

    function = define(f"def f(x, d, z):\n    {call}\n", note=note, rows=rows)
    with pytest.raises(TypeError, match=message):
        parpy.jit(function)(np.ones(4), {"a": np.ones(3)}, np.ones((2, 2), np.float32))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (print, "decorates a Python function, not builtin_function_or_method"),
        (note, "decorates a Python function, not Callback"),
    ],
)
def test_what_is_no_callback(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        parpy.callback(function)


def test_parameters_and_results_that_no_callback_has() -> None:
    def stars(**names):
        pass

    def wrong() -> str:
        return ""

    with pytest.raises(TypeError, match=r"plain parameters, no \* and \*\*"):
        parpy.callback(stars)
    with pytest.raises(TypeError, match="must return a scalar type of parpy.types, an int"):
        parpy.callback(wrong)
    T = type_var()

    @parpy.callback
    def anything(x: buffer(T), y: "not a type"):  # type: ignore # noqa: F722, UP037
        log.append(y)

    @parpy.jit
    def apply(x):
        anything(x, 2)

    apply(np.ones(1))
    assert log == [2]


def test_read_only_arrays_are_refused() -> None:
    @parpy.jit
    def apply(x):
        note(x)

    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="'x' is read-only but the function writes it"):
        apply(x)


def test_text_with_callbacks_is_refused() -> None:
    def apply(x):
        note(x)

    text = parpy.print_compiled(apply, [np.ones(2)])
    with pytest.raises(parpy.CompileError, match="calls the Python function 'note'"):
        parpy.compile_string("apply", text)


# --- Exceptions -----------------------------------------------------------------------------


@parpy.callback
def fail(x, at):
    if x[0] == at:
        raise KeyError("from the callback")


def test_an_exception_stops_the_function_and_goes_on_with_its_traceback() -> None:
    @parpy.jit
    def apply(x, n, at):
        t = np.zeros(n, np.float64)
        for _ in range(10):
            u = np.zeros(n * 2, np.float64)
            x[0] += 1
            fail(x, at)
            t[0] += u[0]
        x[1] = 7

    x = np.zeros(2)
    for n in (2, 100_000):
        x[:] = 0
        with pytest.raises(KeyError, match="from the callback") as caught:
            apply(x, n, 4)
        assert x.tolist() == [4, 0]
        names = [frame.name for frame in traceback.extract_tb(caught.tb)]
        assert names == [
            "test_an_exception_stops_the_function_and_goes_on_with_its_traceback",
            "fail",
        ]
    apply(x, 2, -1)
    assert x.tolist() == [14, 7]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration, MemoryError])
def test_exceptions_of_every_kind_pass(error: type[BaseException]) -> None:
    @parpy.callback
    def leave():
        raise error

    @parpy.jit
    def apply(x):
        leave()
        x[0] = 1

    x = np.zeros(1)
    with pytest.raises(error):
        apply(x)
    assert x[0] == 0


def test_an_exception_that_is_handled_meanwhile_is_kept_apart() -> None:
    @parpy.callback
    def look():
        log.append(sys.exc_info()[0])
        try:
            raise ValueError
        except ValueError:
            pass

    @parpy.jit
    def apply(x):
        look()
        x[0] = 1

    x = np.zeros(1)
    try:
        raise KeyError("outer")
    except KeyError:
        apply(x)
        assert sys.exc_info()[0] is KeyError
    assert log == [KeyError]
    assert x[0] == 1


# --- Threads, re-entrancy, lifetimes --------------------------------------------------------


def test_other_threads_run_while_the_function_does() -> None:
    @parpy.callback
    def wait(x):
        deadline = time.monotonic() + 10
        while not log and time.monotonic() < deadline:
            time.sleep(0.001)

    @parpy.jit
    def apply(x):
        wait(x)
        x[0] = 1

    x = np.zeros(1)
    thread = threading.Thread(target=lambda: log.append("other"))
    thread_of_call = threading.Thread(target=apply, args=(x,))
    thread_of_call.start()
    time.sleep(0.02)
    thread.start()
    thread_of_call.join(20)
    assert not thread_of_call.is_alive()
    assert x[0] == 1


def test_many_threads_call_back_at_once() -> None:
    @parpy.callback
    def add(x, n) -> int:
        np.asarray(x)[0] += n
        return threading.get_ident() % 2**31

    @parpy.jit
    def apply(x, who, n):
        for _ in range(n):
            who[0] = add(x, 2)

    results: list[bool] = []

    def work() -> None:
        x, who = np.zeros(1), np.zeros(1, np.int64)
        for _ in range(20):
            apply(x, who, 50)
        results.append(x[0] == 2000 and who[0] == threading.get_ident() % 2**31)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [True] * 6


def test_a_callback_calls_compiled_functions_and_its_caller() -> None:
    @parpy.jit
    def square(x):
        parpy.label("i")
        for i in range(len(x)):
            x[i] *= x[i]

    @parpy.callback
    def again(x, depth):
        square(x, opts=parpy.par({"i": parpy.threads(4)}))
        fresh = parpy.jit(define("def f(x):\n    x[0] += 1\n"))
        fresh(x)
        if depth:
            apply(x, depth - 1)

    @parpy.jit
    def apply(x, depth):
        x[0] += 1
        again(x, depth)
        x[1] += 1

    x = np.array([0.0, 2.0])
    apply(x, 2)
    assert x.tolist() == [((1 + 1 + 1) ** 2 + 1 + 1) ** 2 + 1, 259.0]


def test_endless_recursion_is_a_recursion_error() -> None:
    @parpy.callback
    def again(x):
        apply(x)

    @parpy.jit
    def apply(x):
        x[0] += 1
        again(x)

    x = np.zeros(1)
    with pytest.raises(RecursionError):
        apply(x)
    assert x[0] > 10


def test_a_callback_may_forget_the_function_that_calls_it() -> None:
    holder: dict[str, Any] = {}

    @parpy.callback
    def forget(x):
        holder.clear()
        parpy.clear_cache()
        gc.collect()
        np.asarray(x)[0] += 1

    def make() -> Any:
        @parpy.jit
        def apply(x, n):
            for _ in range(n):
                forget(x)
                x[0] *= 2

        return apply

    holder["f"] = make()
    x = np.zeros(1)
    holder["f"](x, 3)
    assert x[0] == 14


def test_a_callback_is_looked_up_anew() -> None:
    @parpy.callback
    def f(x):
        log.append("first")

    @parpy.jit
    def apply(x):
        f(x)

    apply(np.zeros(1))

    @parpy.callback
    def f(x):  # noqa: F811
        log.append("second")

    apply(np.zeros(1))
    apply(np.zeros(1))
    assert log == ["first", "second", "second"]


def test_functions_and_callbacks_in_a_cycle_are_freed() -> None:
    def make() -> Any:
        @parpy.callback
        def back(x):
            apply.__name__  # noqa: B018 - the cycle

        @parpy.jit
        def apply(x):
            back(x)

        apply(np.zeros(1))
        return weakref.ref(apply), weakref.ref(back)

    dead = make()
    gc.collect()
    assert [d() for d in dead] == [None, None]


def test_references_stay_flat() -> None:
    marker = object()

    @parpy.callback
    def count(x, n, t) -> float:
        held = marker
        if n == 1:
            raise ValueError(held)
        return 2

    @parpy.jit
    def apply(x, n):
        t = np.zeros(5, np.float32)
        x[0] = count(x, n, t) + count(x[1:], 0, t)

    x = np.zeros(3)

    def many(times: int) -> None:
        for i in range(times):
            try:
                apply(x, i % 2)
            except ValueError:
                continue

    many(100)
    gc.collect()
    before = (sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(count.__wrapped__))
    blocks = sys.getallocatedblocks()
    many(10_000)
    gc.collect()
    after = (sys.getrefcount(x), sys.getrefcount(marker), sys.getrefcount(count.__wrapped__))
    assert after == before
    assert sys.getallocatedblocks() - blocks < 500


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_callback_may_fork() -> None:
    pids: list[int] = []

    @parpy.callback
    def split(x):
        pids.append(os.fork())

    @parpy.jit
    def apply(x):
        x[0] = 1
        split(x)
        parpy.label("i")
        for i in range(len(x)):
            x[i] += 2

    x = np.zeros(4096)
    apply(x, opts=parpy.par({"i": parpy.threads(4)}))
    ok = x[0] == 3 and x[1:].tolist() == [2] * 4095
    if pids[0] == 0:
        os._exit(0 if ok else 1)
    assert ok
    _, status = os.waitpid(pids[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0


# --- Plain Python and debugging -------------------------------------------------------------


def test_plain_python_calls_the_function_itself() -> None:
    @parpy.callback
    def show(x, n):
        log.append((type(x), n))

    @parpy.jit
    def apply(x):
        show(x, 2)

    apply(np.zeros(1), opts=parpy.seq())
    apply(np.zeros(1))
    show([1], n=3)
    assert log == [(np.ndarray, 2), (parpy.buffer.Buffer, 2), (list, 3)]
    assert show.__name__ == "show"
    assert repr(show) == "<parpy callback show>"


def test_calls_are_printed_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    @parpy.callback
    def show(x, n, s):
        print("called")

    @parpy.jit
    def apply(x):
        show(x, 2, 0.5)

    apply(np.arange(3), opts=parpy.CompileOptions(debug_callbacks=True))
    assert capsys.readouterr().out == "parpy: callback show([0 1 2], 2, 0.5)\ncalled\n"
    apply(np.arange(3))
    assert capsys.readouterr().out == "called\n"
