"""The LU decomposition of a matrix in place, without pivoting.

Source: PolyBench 4.2, linear-algebra/solvers/lu; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 60},
    "M": {"N": 220},
    "L": {"N": 700},
    "paper": {"N": 2000},
    "test": {"N": 37},
}

OUTPUTS = ("A",)


def initialize(N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    triangle = np.where(j < i, (-j % N) / N + 1.0, 0.0) + np.eye(N)
    return {"A": triangle @ triangle.T}


def reference(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, A.shape[0]):
            A[i, j] -= A[i, :i] @ A[:i, j]


@parpy.jit
def kernel(A):
    N = A.shape[0]
    for k in range(N):
        parpy.label("rows")
        for i in range(k + 1, N):
            factor = A[i, k] / A[k, k]
            A[i, k] = factor
            parpy.label("columns")
            A[i, k + 1 :] -= factor * A[k, k + 1 :]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N - 1), "columns": parpy.threads(N - 1)}


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return schedule(N) | {"columns": parpy.threads(min(N - 1, 256))}
