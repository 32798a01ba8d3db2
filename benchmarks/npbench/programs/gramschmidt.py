"""The QR factors of a matrix, by the modified Gram-Schmidt process.

Source: Golub and Van Loan, "Matrix Computations", algorithm 5.2.6; PolyBench 4,
`linear-algebra/solvers/gramschmidt`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 12, "N": 9},
    "S": {"M": 70, "N": 60},
    "M": {"M": 220, "N": 180},
    "L": {"M": 600, "N": 500},
    "paper": {"M": 240, "N": 200},
}
OUTPUTS = ("Q", "R")


def initialize(M: int, N: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    A = rng.random((M, N))
    while np.linalg.matrix_rank(A) < N:
        A = rng.random((M, N))
    return {"A": A, "Q": np.zeros((M, N)), "R": np.zeros((N, N))}


def reference(A, Q, R):
    for k in range(A.shape[1]):
        R[k, k] = np.sqrt(np.dot(A[:, k], A[:, k]))
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, A.shape[1]):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]


@parpy.jit
def kernel(A, Q, R):
    M, N = A.shape
    # Columns become rows: what is multiplied then lies side by side.
    T = np.empty((N, M), A.dtype)
    parpy.label("columns")
    for j in range(N):
        parpy.label("rows")
        T[j, :] = A[:, j]
    for k in range(N):
        with parpy.gpu:
            parpy.label("rows")
            R[k, k] = np.sqrt(parpy.operators.sum(T[k, :] * T[k, :]))
            parpy.label("rows")
            T[k, :] /= R[k, k]
        parpy.label("columns")
        for j in range(k + 1, N):
            parpy.label("rows")
            R[k, j] = parpy.operators.sum(T[k, :] * T[j, :])
            parpy.label("rows")
            T[j, :] -= T[k, :] * R[k, j]
    parpy.label("rows")
    for i in range(M):
        parpy.label("columns")
        Q[i, :] = T[:, i]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"columns": parpy.threads(N), "rows": parpy.threads(min(M, 1024))}
