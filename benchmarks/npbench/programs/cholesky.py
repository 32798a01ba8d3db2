"""The Cholesky factor of a positive definite matrix, in place, written as loops.

Source: PolyBench 4, `linear-algebra/solvers/cholesky`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 13},
    "S": {"N": 100},
    "M": {"N": 300},
    "L": {"N": 1000},
    "paper": {"N": 2000},
}
OUTPUTS = ("A",)


def initialize(N: int) -> dict[str, Any]:
    L = np.fromfunction(lambda i, j: np.where(j < i, (-j % N) / N + 1, 1.0 * (i == j)), (N, N))
    return {"A": L @ L.T}


def reference(A):
    A[0, 0] = np.sqrt(A[0, 0])
    for i in range(1, A.shape[0]):
        for j in range(i):
            A[i, j] -= np.dot(A[i, :j], A[j, :j])
            A[i, j] /= A[j, j]
        A[i, i] -= np.dot(A[i, :i], A[i, :i])
        A[i, i] = np.sqrt(A[i, i])


@parpy.jit
def kernel(A):
    N = A.shape[0]
    # Column by column: then the rows below are independent.
    for j in range(N):
        parpy.label("rows")
        for i in range(j, N):
            parpy.label("columns")
            A[i, j] -= parpy.operators.sum(A[i, :j] * A[j, :j])
        with parpy.gpu:
            A[j, j] = np.sqrt(A[j, j])
        parpy.label("rows")
        for i in range(j + 1, N):
            A[i, j] /= A[j, j]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N), "columns": parpy.threads(min(N, 256))}
