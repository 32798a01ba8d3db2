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

WIDTH = 32
TILE = 8
"""How many columns a GPU factorizes before it updates the rest; of this, the rows of a thread."""


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


@parpy.jit
def gpu_kernel(A):
    N = A.shape[0]
    # The columns of a panel, as rows: there neighbours lie together.
    P = np.empty((WIDTH, N), A.dtype)
    for panel in range((N + WIDTH - 1) // WIDTH):
        first = panel * WIDTH
        end = min(first + WIDTH, N)
        with parpy.gpu:
            for j in range(first, end):
                parpy.label("panel")
                for i in range(j, end):
                    s = A[i, j]
                    for k in range(first, j):
                        s -= A[i, k] * A[j, k]
                    A[i, j] = s
                A[j, j] = np.sqrt(A[j, j])
                parpy.label("panel")
                for i in range(j + 1, end):
                    A[i, j] /= A[j, j]
        parpy.label("rows")
        for i in range(end, N):
            for j in range(first, end):
                s = A[i, j]
                for k in range(first, j):
                    s -= A[i, k] * A[j, k]
                A[i, j] = s / A[j, j]
                P[j - first, i] = A[i, j]
        parpy.label("tiles")
        for tile in range((N - end + TILE - 1) // TILE):
            parpy.label("columns")
            for j in range(end, N):
                if j < end + tile * TILE + TILE:
                    t = np.zeros(TILE, np.float64)
                    for k in range(end - first):
                        for r in range(TILE):
                            t[r] += P[k, min(end + tile * TILE + r, N - 1)] * P[k, j]
                    for r in range(TILE):
                        i = end + tile * TILE + r
                        if i < N and j <= i:
                            A[i, j] -= t[r]


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {
        "panel": parpy.threads(WIDTH),
        "rows": parpy.threads(N).tpb(64),
        "tiles": parpy.threads(-(-N // TILE)),
        "columns": parpy.threads(N).tpb(128),
    }
