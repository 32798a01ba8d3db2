"""The product of a matrix's transpose, the matrix and a vector: y = Aᵀ (A x).

Source: PolyBench 4, `linear-algebra/kernels/atax`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 13, "N": 18},
    "S": {"M": 4000, "N": 5000},
    "M": {"M": 10_000, "N": 12_500},
    "L": {"M": 20_000, "N": 25_000},
    "paper": {"M": 18_000, "N": 22_000},
}
OUTPUTS = ("y",)


def initialize(M: int, N: int) -> dict[str, Any]:
    return {
        "A": np.fromfunction(lambda i, j: ((i + j) % N) / (5 * M), (M, N)),
        "x": np.fromfunction(lambda i: 1 + i / N, (N,)),
        "y": np.zeros(N),
    }


def reference(A, x, y):
    y[:] = (A @ x) @ A


@parpy.jit
def kernel(A, x, y):
    parpy.label("columns")
    y[:] = 0.0
    # Both products of a row while it is in cache.
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        s = parpy.operators.sum(A[i, :] * x[:])
        parpy.label("columns")
        y[:] += s * A[i, :]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M).reduce(), "columns": parpy.threads(min(N, 1024))}
