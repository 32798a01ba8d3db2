"""Numbers of threads that vary from call to call, on CUDA; skipped where there is no GPU."""

from __future__ import annotations

import cuda_programs as programs
import numpy as np
import pytest
from test_cuda_text import cuda

import parpy
from parpy import _native

pytestmark = pytest.mark.skipif(
    _native.cuda_obstacle() is not None, reason=f"no NVIDIA GPU: {_native.cuda_obstacle()}"
)


def test_rows_span_blocks_also_where_the_number_of_threads_varies() -> None:
    """The order of a sum tells how many blocks it had: as many as in code for that number alone."""
    general = parpy.jit(programs.sum_rows)
    sums = set()
    for rows, threads in [(5, 1024), (5, 2048), (6, 4096), (7, 8192), (4, 512), (3, 3000)]:
        x = np.random.default_rng(0).standard_normal((rows, 20_000)).astype(np.float32)
        results = []
        for function, specialize in ((general, "auto"), (parpy.jit(programs.sum_rows), "always")):
            y = np.zeros(rows, np.float32)
            opts = cuda({"rows": parpy.threads(rows), "columns": parpy.threads(threads)})
            opts.specialize = specialize
            function(x, y, rows, opts=opts)
            results.append(y)
        np.testing.assert_array_equal(*results)
        sums.add(float(results[0][0]))
    assert len(sums) > 1, "one block has added them all"
    assert len(general.compilations) <= 5
