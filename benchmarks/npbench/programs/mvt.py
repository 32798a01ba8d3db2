"""A matrix and its transpose, times a vector each: x1 += A y1, x2 += A^T y2.

Source: PolyBench 4.2, linear-algebra/kernels/mvt; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 5500},
    "M": {"N": 11000},
    "L": {"N": 22000},
    "paper": {"N": 16000},
    "test": {"N": 77},
}

OUTPUTS = ("x1", "x2")

CHUNK = 64
"""How many rows a thread of a GPU adds up before it adds to the result."""


def initialize(N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    n = np.arange(N)
    return {
        "x1": n / N,
        "x2": (n + 1) % N / N,
        "y1": (n + 3) % N / N,
        "y2": (n + 4) % N / N,
        "A": i * j % N / N,
    }


def reference(x1, x2, y1, y2, A):
    x1 += A @ y1
    x2 += y2 @ A


@parpy.jit
def kernel(x1, x2, y1, y2, A):
    parpy.label("rows")
    for i in range(A.shape[0]):
        x1[i] += parpy.operators.sum(A[i, :] * y1[:])
        x2[:] += y2[i] * A[i, :]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N).reduce()}


@parpy.jit
def gpu_kernel(x1, x2, y1, y2, A):
    N = A.shape[0]
    # One product has a block of threads for each row, the other a thread for each column.
    parpy.label("rows")
    for i in range(N):
        parpy.label("row")
        x1[i] += parpy.operators.sum(A[i, :] * y1[:])
    parpy.label("chunks")
    for chunk in range((N + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(N):
            t = 0.0
            for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, N)):
                t += y2[i] * A[i, j]
            x2[j] += t


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(N),
        "row": parpy.threads(min(N, 1024)),
        "chunks": parpy.threads(-(-N // CHUNK)).reduce(),
        "columns": parpy.threads(N).tpb(256),
    }
