"""Two rank-1 updates of a matrix, and the products of the result with two vectors.

Source: the updated BLAS (Blackford et al., 2002); PolyBench 4, `linear-algebra/blas/gemver`;
NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 14},
    "S": {"N": 1000},
    "M": {"N": 3000},
    "L": {"N": 10_000},
    "paper": {"N": 8000},
}
OUTPUTS = ("A", "x", "w")

CHUNK = 64
"""How many rows a thread of a GPU adds up before it adds to `x`."""


def initialize(N: int) -> dict[str, Any]:
    i = np.arange(N, dtype=np.float64)
    return {
        "alpha": 1.5,
        "beta": 1.2,
        "A": np.fromfunction(lambda i, j: (i * j % N) / N, (N, N)),
        "u1": i,
        "v1": (i + 1) / N / 4.0,
        "u2": (i + 1) / N / 2.0,
        "v2": (i + 1) / N / 6.0,
        "w": np.zeros(N),
        "x": np.zeros(N),
        "y": (i + 1) / N / 8.0,
        "z": (i + 1) / N / 9.0,
    }


def reference(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    A += np.outer(u1, v1) + np.outer(u2, v2)
    x += beta * y @ A + z
    w += alpha * A @ x


@parpy.jit
def kernel(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    N = A.shape[0]
    parpy.label("columns")
    x[:] += z[:]
    # A row is updated and used while it is in cache.
    parpy.label("updates")
    for i in range(N):
        parpy.label("columns")
        A[i, :] += u1[i] * v1[:] + u2[i] * v2[:]
        parpy.label("columns")
        x[:] += beta * y[i] * A[i, :]
    parpy.label("rows")
    for i in range(N):
        parpy.label("columns")
        w[i] += alpha * parpy.operators.sum(A[i, :] * x[:])


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {
        "updates": parpy.threads(N).reduce(),
        "rows": parpy.threads(N),
        "columns": parpy.threads(min(N, 1024)),
    }


@parpy.jit
def gpu_kernel(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    N = A.shape[0]
    parpy.label("columns")
    x[:] += z[:]
    parpy.label("rows")
    for i in range(N):
        parpy.label("row")
        A[i, :] += u1[i] * v1[:] + u2[i] * v2[:]
    parpy.label("chunks")
    for chunk in range((N + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(N):
            s = 0.0
            for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, N)):
                s += y[i] * A[i, j]
            x[j] += beta * s
    parpy.label("rows")
    for i in range(N):
        parpy.label("row")
        w[i] += alpha * parpy.operators.sum(A[i, :] * x[:])


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {
        "chunks": parpy.threads(-(-N // CHUNK)).reduce(),
        "columns": parpy.threads(N).tpb(256),
        "rows": parpy.threads(N),
        "row": parpy.threads(min(N, 1024)),
    }
