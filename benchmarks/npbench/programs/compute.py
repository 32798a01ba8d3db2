"""A matrix of integers, clipped and combined with another one, element by element.

Source: "Cython for NumPy users" in Cython's documentation; NPBench, element-wise programs.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 11, "N": 18},
    "S": {"M": 2000, "N": 2000},
    "M": {"M": 5000, "N": 5000},
    "L": {"M": 16_000, "N": 16_000},
    "paper": {"M": 12_500, "N": 12_500},
}
OUTPUTS = ("out",)


def initialize(M: int, N: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    return {
        "array_1": rng.uniform(0, 1000, (M, N)).astype(np.int64),
        "array_2": rng.uniform(0, 1000, (M, N)).astype(np.int64),
        "a": np.int64(4),
        "b": np.int64(3),
        "c": np.int64(9),
        "out": np.zeros((M, N), np.int64),
    }


def reference(array_1, array_2, a, b, c, out):
    out[:] = np.clip(array_1, 2, 10) * a + array_2 * b + c


@parpy.jit
def kernel(array_1, array_2, a, b, c, out):
    parpy.label("rows")
    parpy.label("columns")
    out[:, :] = np.minimum(np.maximum(array_1[:, :], 2), 10) * a + array_2[:, :] * b + c


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M)}


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return schedule(M, N) | {"columns": parpy.threads(min(N, 1024))}
