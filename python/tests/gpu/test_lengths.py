"""Slices on CUDA whose lengths are only known as the code runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_cuda_text import cuda, require_compiles

import parpy
from parpy import _native

needs_gpu = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


def on_host(x, y, n):
    parpy.label("N")
    x[:] += 1.0
    a = 0
    while a < n:
        a += 2
    parpy.label("N")
    y[:a] = x[:n]
    parpy.label("N")
    x[:] += 1.0


def in_block(x, y, n):
    with parpy.gpu:
        y[: x[0]] = x[: x[n]]
        y[-1] = 9


def in_loop(x, y, n):
    parpy.label("i")
    for i in range(x.shape[0]):
        y[i, : x[i, 0]] = x[i, 1 : 1 + x[i, n]]
        parpy.label("N")
        for j in range(y.shape[1]):
            y[i, j] += 1


def in_threads(x, y, n):
    parpy.label("N")
    for i in range(x.shape[0]):
        y[i, : x[i, 0]] = x[i, 1 : 1 + x[i, n]]


def in_many_blocks(x, y, n):
    m = 2 * n
    parpy.label("many")
    y[:m] = x[: m // 2 * 2]


VECTOR = np.arange(1.0, 13)
ROWS = np.array([[2, 2, 3, 1], [0, 0, 2, 5], [3, 3, 1, 1]])
RUNS: dict[str, tuple[Callable[..., None], list[Any]]] = {
    "host": (on_host, [VECTOR, np.zeros(12), 4]),
    "block": (in_block, [np.array([2, 2, 3, 3]), np.zeros(6, np.int64), 1]),
    "loop": (in_loop, [ROWS, np.zeros((3, 40), np.int64), 1]),
    "threads": (in_threads, [ROWS, np.zeros((3, 4), np.int64), 1]),
    "many blocks": (in_many_blocks, [np.arange(9000.0), np.zeros(9000), 3000]),
}
SCHEDULE = {"N": parpy.threads(32), "i": parpy.threads(8), "many": parpy.threads(1 << 16)}


def called(function: Callable[..., None], args: list[Any], *, as_text: bool) -> list[Any]:
    """The arguments after a call, of the function or of its text; or what it raises."""
    opts = cuda(SCHEDULE)
    copies = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    if as_text:
        text = parpy.print_compiled(function, args, opts)
        require_compiles(text)
        parpy.compile_string(function.__name__, text, opts)(*copies)
    else:
        parpy.jit(function)(*copies, opts=opts)
    return copies


@needs_gpu
@pytest.mark.filterwarnings("ignore:No statement of")
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("name", RUNS)
def test_lengths_that_agree(name: str, as_text: bool) -> None:
    function, args = RUNS[name]
    expected = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    function(*expected)
    for a, b in zip(called(function, args, as_text=as_text), expected, strict=True):
        np.testing.assert_array_equal(a, b)


WRONG = {
    "host": [VECTOR, np.zeros(12), 3],
    "block": [np.array([2, 2, 3, 3]), np.zeros(6, np.int64), 2],
    "loop": [ROWS, np.zeros((3, 40), np.int64), 2],
    "threads": [ROWS, np.zeros((3, 4), np.int64), 2],
}


@needs_gpu
@pytest.mark.filterwarnings("ignore:No statement of")
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_lengths_that_differ(name: str, as_text: bool) -> None:
    function, _ = RUNS[name]
    args = WRONG[name]
    with pytest.raises(ValueError, match="broadcast"):
        function(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in args])
    message = r"(?s)shapes \(\d,\) and \(\d,\) do not broadcast together.*On line"
    with pytest.raises(TypeError, match=message):
        called(function, args, as_text=as_text)


@needs_gpu
def test_the_host_stops_at_once() -> None:
    """What ran before is in the arrays, as in Python; what comes afterwards does not run."""
    mine, theirs = ([VECTOR.copy(), np.zeros(12), 3] for _ in "ab")
    with pytest.raises(TypeError, match=r"shapes \(3,\) and \(4,\)"):
        parpy.jit(on_host)(*mine, opts=cuda({"N": parpy.threads(32)}))
    with pytest.raises(ValueError, match="broadcast"):
        on_host(*theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@needs_gpu
def test_other_calls_go_on() -> None:
    function = parpy.jit(on_host)
    opts = cuda({"N": parpy.threads(32)})
    for _ in range(6):
        with pytest.raises(TypeError, match="broadcast"):
            function(VECTOR.copy(), np.zeros(12), 5, opts=opts)
        x, y = VECTOR.copy(), np.zeros(12)
        function(x, y, 6, opts=opts)
        np.testing.assert_array_equal(y[:6], VECTOR[:6] + 1)
