"""The transpose of a unit lower triangular matrix, times a matrix in place: B = alpha A^T B.

Source: PolyBench 4.2, linear-algebra/blas/trmm; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"M": 65, "N": 80},
    "M": {"M": 200, "N": 250},
    "L": {"M": 600, "N": 700},
    "paper": {"M": 1000, "N": 1200},
    "test": {"M": 20, "N": 77},
}

OUTPUTS = ("B",)

STRIP = 32
"""How many columns are taken at once."""


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:M, :M]
    p, q = np.ogrid[:M, :N]
    return {
        "alpha": 1.5,
        "A": np.where(j < i, (i + j) % M / M, 0.0) + np.eye(M),
        "B": (N + (p - q)) % N / N,
    }


def reference(alpha, A, B):
    M, N = B.shape
    for i in range(M):
        for j in range(N):
            B[i, j] += A[i + 1 :, i] @ B[i + 1 :, j]
    B *= alpha


@parpy.jit
def kernel(alpha, A, B):
    M, N = B.shape
    # Columns do not depend on each other; rows depend on the rows below.
    parpy.label("strips")
    for strip in range((N + STRIP - 1) // STRIP):
        low = strip * STRIP
        high = min(low + STRIP, N)
        for i in range(M):
            for k in range(i + 1, M):
                parpy.label("columns")
                B[i, low:high] += A[k, i] * B[k, low:high]
            parpy.label("columns")
            B[i, low:high] *= alpha


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"strips": parpy.threads(-(-N // STRIP)), "columns": parpy.threads(STRIP)}


@parpy.jit
def gpu_kernel(alpha, A, B):
    M, N = B.shape
    # What is added to a row are rows below as they were: with a copy, no row waits for another.
    t = np.empty((M, N), B.dtype)
    parpy.label("rows")
    for i in range(M):
        parpy.label("columns")
        for j in range(N):
            s = B[i, j]
            for k in range(i + 1, M):
                s += A[k, i] * B[k, j]
            t[i, j] = alpha * s
    parpy.label("rows")
    parpy.label("columns")
    B[:, :] = t[:, :]


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M), "columns": parpy.threads(N).tpb(256)}
