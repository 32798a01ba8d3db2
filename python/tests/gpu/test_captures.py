"""Calls while the caller's stream is captured as a CUDA graph; skipped where there is no GPU."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator
from typing import Any

import cuda_programs as programs
import numpy as np
import pytest
from device_memory import DeviceArray
from test_cuda_text import cuda
from test_nvcc import LAUNCH, edited, needs_nvcc

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)

N = 100


class Stream:
    """A stream, and what was captured on it last."""

    def __init__(self) -> None:
        self._driver = ctypes.CDLL("libcuda.so.1")
        DeviceArray(np.zeros(1))
        handle = ctypes.c_void_p()
        assert self._driver.cuStreamCreate(ctypes.byref(handle), 1) == 0
        self.handle = handle.value or 0
        self._graph = ctypes.c_void_p()

    def array(self, values: Any) -> DeviceArray:
        """A copy of an array that is ready on the stream."""
        return DeviceArray(np.asarray(values), self.handle)

    @contextlib.contextmanager
    def captured(self) -> Iterator[None]:
        """Captures what is queued; fails where something gave the capture up."""
        stream = ctypes.c_void_p(self.handle)
        self._forget()
        # To free an array of an earlier test would give the capture up.
        gc.collect()
        gc.disable()
        assert self._driver.cuStreamBeginCapture_v2(stream, 0) == 0
        try:
            yield
        finally:
            gc.enable()
            result = self._driver.cuStreamEndCapture(stream, ctypes.byref(self._graph))
        assert result == 0, f"the capture was given up: {result}"

    def replay(self, times: int = 1) -> None:
        """Runs what was captured."""
        stream, executable = ctypes.c_void_p(self.handle), ctypes.c_void_p()
        instantiate = self._driver.cuGraphInstantiateWithFlags
        assert instantiate(ctypes.byref(executable), self._graph, ctypes.c_uint64(0)) == 0
        for _ in range(times):
            assert self._driver.cuGraphLaunch(executable, stream) == 0
        assert self._driver.cuStreamSynchronize(stream) == 0
        self._driver.cuGraphExecDestroy(executable)

    def _forget(self) -> None:
        if self._graph:
            self._driver.cuGraphDestroy(self._graph)
        self._graph = ctypes.c_void_p()

    def __del__(self) -> None:
        self._forget()
        self._driver.cuStreamDestroy_v2(ctypes.c_void_p(self.handle))


@pytest.fixture
def stream() -> Stream:
    return Stream()


def doubled(x, y, N, M):
    for _ in range(M):
        parpy.label("N")
        for i in range(N):
            y[i] = x[i] + 1.0
        parpy.label("N")
        for i in range(N):
            x[i] = 2.0 * y[i]


@pytest.mark.parametrize("use_graphs", [None, True, False])
@pytest.mark.parametrize("calls", [0, 1, 4])
def test_kernels_become_part_of_the_graph(
    stream: Stream, calls: int, use_graphs: bool | None
) -> None:
    """After calls that were launched one by one or as a graph of ParPy's own; and without any."""
    x, y = np.arange(float(N)), np.zeros(N)
    on_gpu = stream.array(x), stream.array(y)
    opts = cuda({"N": parpy.threads(64)})
    opts.use_cuda_graphs = use_graphs
    function = parpy.jit(doubled)
    for _ in range(calls):
        function(*on_gpu, N, 3, opts=opts)
        doubled(x, y, N, 3)
    with stream.captured():
        function(*on_gpu, N, 3, opts=opts)
    np.testing.assert_array_equal(on_gpu[0].numpy(), x, "nothing has run yet")
    stream.replay(times=2)
    function(*on_gpu, N, 3, opts=opts)
    for _ in range(3):
        doubled(x, y, N, 3)
    stream.replay(times=0)
    np.testing.assert_array_equal(on_gpu[0].numpy(), x)
    np.testing.assert_array_equal(on_gpu[1].numpy(), y)


def test_the_graph_outlives_the_function(stream: Stream) -> None:
    """Kernels are unloaded with the last reference to their function, unless a graph has them."""
    x, y = stream.array(np.ones(N)), stream.array(np.zeros(N))
    with stream.captured():
        parpy.jit(negated)(x, y, N, opts=cuda({"N": parpy.threads(64)}))
    stream.replay()
    assert (y.numpy() == -1).all()


def test_temporaries_belong_to_the_graph(stream: Stream) -> None:
    x = np.arange(100_000.0)
    on_gpu = stream.array(x), stream.array(np.zeros_like(x))
    opts = cuda({"sum": parpy.threads(8192).reduce(), "scale": parpy.threads(100_000)})
    function = parpy.jit(programs.scaled_by_mean_square)
    with stream.captured():
        function(*on_gpu, 100_000, opts=opts)
    stream.replay(times=3)
    np.testing.assert_allclose(on_gpu[1].numpy(), x / np.mean(x * x), rtol=1e-12)


@pytest.mark.parametrize("is_used_before", [False, True])
def test_buffers_become_part_of_the_graph(stream: Stream, is_used_before: bool) -> None:
    x = parpy.buffer.from_array(np.ones(N), parpy.CompileBackend.Cuda)
    y, z = stream.array(np.zeros(N)), stream.array(np.ones(N))
    opts = cuda({"N": parpy.threads(64)})
    function = parpy.jit(doubled)
    if is_used_before:
        function(x, z, N, 1, opts=opts)
    with stream.captured():
        function(x, y, N, 1, opts=opts)
    before = x.numpy()
    assert (before == (4.0 if is_used_before else 1.0)).all()
    stream.replay()
    np.testing.assert_array_equal(x.numpy(), 2 * (before + 1))
    function(x, z, N, 1, opts=opts)
    np.testing.assert_array_equal(x.numpy(), 2 * (2 * (before + 1) + 1))


# --- What cannot be part of a graph ---------------------------------------------------------


def gathered(x, index, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = x[index[i]]


def negated(x, y, N):
    parpy.label("N")
    for i in range(N):
        y[i] = -x[i]


def refused(stream: Stream, reason: str, call: Callable[[], object]) -> None:
    """The call raises before it has queued anything, and the capture goes on."""
    x, y = stream.array(np.ones(N)), stream.array(np.zeros(N))
    opts = cuda({"N": parpy.threads(64)})
    function = parpy.jit(negated)
    with stream.captured():
        function(x, y, N, opts=opts)
        with pytest.raises(RuntimeError, match=reason) as caught:
            call()
    assert "while its stream is captured as a CUDA graph" in str(caught.value)
    assert "help: call it before or after the capture" in str(caught.value)
    stream.replay()
    assert (y.numpy() == -1).all()


def test_arrays_of_the_host_are_refused(stream: Stream) -> None:
    x, y = stream.array(np.ones(N)), np.zeros(N)
    opts = cuda({"N": parpy.threads(64)})
    function = parpy.jit(negated)
    refused(
        stream,
        "'negated' was called .*: the array 'y' lies in memory of the host",
        lambda: function(x, y, N, opts=opts),
    )
    function(x, y, N, opts=opts)
    assert (y == -1).all()


def test_what_the_host_fetches_is_refused(stream: Stream) -> None:
    x, err = stream.array(np.full(2000, 5.0)), stream.array(np.zeros(1))
    opts = cuda({"N": parpy.threads(2048)})
    refused(
        stream,
        "'until_small' was called .*: what its kernels compute decides which of them follow",
        lambda: parpy.jit(programs.until_small)(x, err, 2000, opts=opts),
    )


def test_tested_indices_are_refused(stream: Stream) -> None:
    x, y = stream.array(np.ones(N)), stream.array(np.zeros(N))
    index = stream.array(np.arange(N))
    opts = cuda({"N": parpy.threads(64)})
    opts.check_bounds = True
    refused(
        stream,
        "'gathered' was called .*: indices or lengths are tested as its kernels run",
        lambda: parpy.jit(gathered)(x, index, y, N, opts=opts),
    )
    opts.check_bounds = False
    with stream.captured():
        parpy.jit(gathered)(x, index, y, N, opts=opts)
    stream.replay()
    assert (y.numpy() == 1).all()


seen: list[float] = []


@parpy.callback
def look(x: parpy.types.buffer(parpy.types.F64, ["n"])) -> None:
    seen.append(float(x[0]))


@parpy.jit
def watched(x, N):
    parpy.label("N")
    for i in range(N):
        x[i] += 1.0
    look(x)


def test_callbacks_are_refused(stream: Stream) -> None:
    x = stream.array(np.zeros(N))
    opts = cuda({"N": parpy.threads(64)})
    watched(x, N, opts=opts)
    refused(
        stream,
        "'watched' was called .*: a Python function is called between its kernels",
        lambda: watched(x, N, opts=opts),
    )
    assert seen == [1.0]


def test_arrays_of_several_streams_are_refused(stream: Stream) -> None:
    other = Stream()
    x, y = stream.array(np.ones(N)), other.array(np.zeros(N))
    opts = cuda({"N": parpy.threads(64)})
    for arrays in ((x, y), (y, x)):
        refused(
            stream,
            "'negated' was called .*: its arrays belong to several streams",
            lambda arrays=arrays: parpy.jit(negated)(*arrays, N, opts=opts),
        )


@needs_nvcc
def test_host_code_that_nvcc_compiled_is_refused(stream: Stream) -> None:
    again = edited(programs.negate, [np.ones(8), np.zeros(8), 8], LAUNCH, LAUNCH + " (void)0;")
    x, y = stream.array(np.ones(8)), stream.array(np.zeros(8))
    refused(
        stream,
        "'negate' was called .*: its host code was compiled by nvcc",
        lambda: again(x, y, 8),
    )


def test_waiting_names_the_capture(stream: Stream) -> None:
    """It gives the capture up, which has no name here; the message says what is wrong."""
    message = "while a stream is captured as a CUDA graph"
    with pytest.raises(AssertionError, match="given up"):  # noqa: SIM117
        with stream.captured(), pytest.raises(RuntimeError, match=message):
            parpy.sync(parpy.CompileBackend.Cuda)
