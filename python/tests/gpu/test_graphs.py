"""When calls are replayed as CUDA graphs, as docs/how-to/cuda-graphs.md says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cuda_programs as programs
import emulator
import numpy as np
import pytest
from test_cuda_text import cuda
from test_nvcc import needs_nvcc

import parpy

SETTINGS = [(None, 5), (True, 6), (False, 0)]
"""What `use_cuda_graphs` is, and how many of six calls that repeat each other are graphs."""


@pytest.fixture(autouse=True)
def _on_the_emulated_gpu(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--emulate"):
        pytest.skip("needs --emulate: the emulated driver counts graphs")


def options(setting: bool | None, **schedule: parpy.LoopPar) -> parpy.CompileOptions:
    opts = cuda(schedule or {"N": parpy.threads(64)})
    opts.use_cuda_graphs = setting
    return opts


def graphs_of(call: Callable[[], None]) -> int:
    before = emulator.graph_launches()
    call()
    return emulator.graph_launches() - before


def check_steps(call: Callable[..., None], graphs: int) -> None:
    """Six calls of `steps`."""
    x, y = np.random.default_rng(1).standard_normal((2, 50))
    on_gpu = [parpy.buffer.from_array(a, parpy.CompileBackend.Cuda) for a in (x, y)]

    def run() -> None:
        # The first call shows what the second one repeats.
        for _ in range(6):
            programs.steps(x, y, 50, 5)
            call(*on_gpu, 50, 5)

    assert graphs_of(run) == graphs
    np.testing.assert_allclose(on_gpu[0].numpy(), x)
    np.testing.assert_allclose(on_gpu[1].numpy(), y)


@pytest.mark.parametrize(("setting", "graphs"), SETTINGS)
def test_calls_that_repeat(setting: bool | None, graphs: int) -> None:
    function = parpy.jit(programs.steps)
    opts = options(setting)
    check_steps(lambda *args: function(*args, opts=opts), graphs)


@pytest.mark.parametrize(("setting", "graphs"), SETTINGS)
def test_calls_of_printed_text_that_repeat(setting: bool | None, graphs: int) -> None:
    x = np.zeros(50)
    text = parpy.print_compiled(programs.steps, [x, x.copy(), 50, 5], options(None))
    check_steps(parpy.compile_string("steps", text, opts=options(setting)), graphs)


@pytest.mark.parametrize(("setting", "graphs"), [(None, 0), (True, 3), (False, 0)])
def test_one_launch(setting: bool | None, graphs: int) -> None:
    function, opts = parpy.jit(programs.last_halves), options(setting)

    def run() -> None:
        for n in (40, 50, 50):
            x = np.ones(n)
            function(x, opts=opts)
            np.testing.assert_array_equal(x, np.full(n, 0.5))

    assert graphs_of(run) == graphs


def test_numpy_arrays_and_other_sizes() -> None:
    """Nothing repeats: every call has other addresses or other launches."""
    function, opts = parpy.jit(programs.steps), options(True)
    opts.specialize = "never"

    def run() -> None:
        for n, rounds in ((50, 5), (60, 5), (50, 2), (50, 7), (40, 1), (50, 5), (70, 3)):
            x, y = np.random.default_rng(n).standard_normal((2, n))
            expected = x.copy(), y.copy()
            programs.steps(*expected, n, rounds)
            function(x, y, n, rounds, opts=opts)
            np.testing.assert_allclose(x, expected[0])
            np.testing.assert_allclose(y, expected[1])

    assert graphs_of(run) == 7


@parpy.callback
def look(x: Any) -> None:
    pass


def calling(x, N):
    parpy.label("N")
    x[:] = x[:] + 1.0
    look(x)
    parpy.label("N")
    x[:] = x[:] + 1.0


def fetching(x, N):
    with parpy.gpu:
        while x[0] < 18.0:
            parpy.label("N")
            x[:] = x[:] + 1.0
            parpy.label("N")
            x[:] = x[:] + 1.0


@pytest.mark.parametrize(("setting", "graphs"), [(None, 8), (True, 9), (False, 0)])
def test_iterations_that_data_end(setting: bool | None, graphs: int) -> None:
    """Of two launches each: from the second one on they repeat each other, in the first call."""
    function, opts = parpy.jit(fetching), options(setting, N=parpy.threads(3000))
    x = np.zeros(3000)
    assert graphs_of(lambda: function(x, 3000, opts=opts)) == graphs
    assert (x == 18).all()


@pytest.mark.parametrize(("setting", "graphs"), [(None, 1), (True, 4), (False, 0)])
def test_many_rounds_of_one_call(setting: bool | None, graphs: int) -> None:
    """Of 900 launches: 256 from the start, and twice 256 and 132 between two rounds."""
    function, opts = parpy.jit(programs.steps), options(setting)
    x, y = np.random.default_rng(1).standard_normal((2, 50))
    expected = x.copy(), y.copy()
    programs.steps(*expected, 50, 450)
    assert graphs_of(lambda: function(x, y, 50, 450, opts=opts)) == graphs
    np.testing.assert_allclose(x, expected[0])
    np.testing.assert_allclose(y, expected[1])


def test_iterations_of_printed_text() -> None:
    x, schedule = np.zeros(3000), {"N": parpy.threads(3000)}
    text = parpy.print_compiled(fetching, [x, 3000], options(None, **schedule))
    again = parpy.compile_string("fetching", text, opts=options(True))
    assert graphs_of(lambda: again(x, 3000)) == 9
    assert (x == 18).all()


NO_EFFECT = "use_cuda_graphs=True has no effect on"


def test_it_is_said_where_no_call_can_be_a_graph() -> None:
    expected, found = np.zeros(3000), np.zeros(3000)
    calling(expected, 3000)
    compiled, schedule = parpy.jit(calling), {"N": parpy.threads(3000)}
    with pytest.warns(RuntimeWarning, match=NO_EFFECT) as warned:
        assert graphs_of(lambda: compiled(found, 3000, opts=options(True, **schedule))) == 0
    np.testing.assert_array_equal(found, expected)
    assert "a Python function is called between its kernels" in str(warned[0].message)
    assert "look(x)" in str(warned[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(found, 3000, opts=options(None, **schedule))


@needs_nvcc
def test_it_is_said_of_host_code_that_nvcc_compiles() -> None:
    x = np.zeros(50)
    text = parpy.print_compiled(programs.steps, [x, x.copy(), 50, 5], options(None))
    edited = text.replace(" < 5; ", " < 3; ")
    assert edited != text
    with pytest.warns(RuntimeWarning, match=f"{NO_EFFECT} 'steps'.*: its host code is compiled"):
        again = parpy.compile_string("steps", edited, opts=options(True))
    assert graphs_of(lambda: again(x, x.copy(), 50, 5)) == 0
