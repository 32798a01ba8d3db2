"""A matrix plus the sum of the hyperbolic tangents of its diagonal.

Source: the first example of Numba's documentation, "A ~5 minute guide"; NPBench, other programs.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 14},
    "S": {"N": 2000},
    "M": {"N": 6000},
    "L": {"N": 20_000},
    "paper": {"N": 12_500},
}
OUTPUTS = ("out",)


def initialize(N: int) -> dict[str, Any]:
    return {"a": np.random.default_rng(42).random((N, N)), "out": np.zeros((N, N))}


def reference(a, out):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    out[:] = a + trace


@parpy.jit
def kernel(a, out):
    trace = 0.0
    parpy.label("diagonal")
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    parpy.label("rows")
    parpy.label("columns")
    out[:, :] = a[:, :] + trace


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"diagonal": parpy.threads(N).reduce(), "rows": parpy.threads(N)}


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return schedule(N) | {"columns": parpy.threads(min(N, 1024))}
