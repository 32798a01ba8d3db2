"""Python functions that compiled code calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from callback_log import log, note, run
from harness import define

import parpy
from parpy.types import F16, F32, I8, U64, Bool

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
