"""The Cholesky factor of a positive definite matrix, in place, by LAPACK in NumPy's version.

Source: PolyBench 4, `linear-algebra/solvers/cholesky`, with a library call as in NPBench, linear
algebra. As there, the part above the diagonal keeps what it held.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 13},
    "S": {"N": 1000},
    "M": {"N": 3000},
    "L": {"N": 8000},
    "paper": {"N": 2000},
}
OUTPUTS = ("A",)


def initialize(N: int) -> dict[str, Any]:
    L = np.fromfunction(lambda i, j: np.where(j < i, (-j % N) / N + 1, 1.0 * (i == j)), (N, N))
    return {"A": L @ L.T}


def reference(A):
    A[:] = np.linalg.cholesky(A) + np.triu(A, k=1)


@parpy.jit
def kernel(A):
    N = A.shape[0]
    for j in range(N):
        parpy.label("columns")
        A[j, j] = np.sqrt(A[j, j] - parpy.operators.sum(A[j, :j] * A[j, :j]))
        parpy.label("rows")
        for i in range(j + 1, N):
            parpy.label("columns")
            A[i, j] = (A[i, j] - parpy.operators.sum(A[i, :j] * A[j, :j])) / A[j, j]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N), "columns": parpy.threads(min(N, 256))}
