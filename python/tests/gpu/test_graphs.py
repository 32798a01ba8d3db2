"""When calls are replayed as CUDA graphs, as docs/how-to/cuda-graphs.md says."""

from __future__ import annotations

import cuda_programs as programs
import emulator
import numpy as np
import pytest
from test_cuda_text import cuda

import parpy


@pytest.mark.parametrize(("setting", "graphs"), [(None, 4), (True, 4), (False, 0)])
def test_calls_that_repeat(setting: bool | None, graphs: int, pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--emulate"):
        pytest.skip("needs --emulate: the emulated driver counts graphs")
    opts = cuda({"N": parpy.threads(64)})
    opts.use_cuda_graphs = setting
    start = np.random.default_rng(1).standard_normal((2, 50))
    x, y = start
    on_gpu = [parpy.buffer.from_array(a, parpy.CompileBackend.Cuda) for a in (x, y)]
    function = parpy.jit(programs.steps)
    before = emulator.graph_launches()
    # The first call counts its launches, and the second one shows what the third repeats.
    for _ in range(6):
        programs.steps(x, y, 50, 5)
        function(*on_gpu, 50, 5, opts=opts)
    parpy.sync(parpy.CompileBackend.Cuda)
    assert emulator.graph_launches() - before == graphs
    np.testing.assert_allclose(on_gpu[0].numpy(), x)
    np.testing.assert_allclose(on_gpu[1].numpy(), y)
