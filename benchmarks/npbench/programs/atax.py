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

CHUNK = 64
"""How many rows a thread of a GPU adds up before it adds to the result."""


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:M, :N]
    return {
        "A": (i + j) % N / (5 * M),
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


@parpy.jit
def gpu_kernel(A, x, y):
    M, N = A.shape
    s = np.empty(M, A.dtype)
    # The first product has a block of threads for each row, the second a thread for each column.
    parpy.label("rows")
    for i in range(M):
        parpy.label("row")
        s[i] = parpy.operators.sum(A[i, :] * x[:])
    parpy.label("columns")
    y[:] = 0.0
    parpy.label("chunks")
    for chunk in range((M + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(N):
            t = 0.0
            for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, M)):
                t += s[i] * A[i, j]
            y[j] += t


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(M),
        "row": parpy.threads(min(N, 1024)),
        "chunks": parpy.threads(-(-M // CHUNK)).reduce(),
        "columns": parpy.threads(N).tpb(256),
    }
