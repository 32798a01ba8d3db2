"""A symmetric matrix, of which the lower triangle is given, times a matrix: C = alpha A B + beta C.

Source: PolyBench 4.2, linear-algebra/blas/symm; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"M": 40, "N": 50},
    "M": {"M": 120, "N": 150},
    "L": {"M": 350, "N": 550},
    "paper": {"M": 1000, "N": 1200},
    "test": {"M": 17, "N": 37},
}

OUTPUTS = ("C",)


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:M, :N]
    p, q = np.ogrid[:M, :M]
    return {
        "alpha": 1.5,
        "beta": 1.2,
        "A": np.where(q <= p, (p + q) % 100 / M, -999.0),
        "B": (N + i - j) % 100 / M,
        "C": (i + j) % 100 / M,
    }


def reference(alpha, beta, A, B, C):
    M, N = C.shape
    above = np.empty(N)
    C *= beta
    for i in range(M):
        for j in range(N):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            above[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * above


@parpy.jit
def kernel(alpha, beta, A, B, C):
    M = A.shape[0]
    parpy.label("rows")
    for i in range(M):
        parpy.label("columns")
        C[i, :] *= beta
        for k in range(i):
            parpy.label("columns")
            C[i, :] += alpha * A[i, k] * B[k, :]
        for k in range(i, M):
            parpy.label("columns")
            C[i, :] += alpha * A[k, i] * B[k, :]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M), "columns": parpy.threads(N)}


@parpy.jit
def gpu_kernel(alpha, beta, A, B, C):
    M = A.shape[0]
    parpy.label("rows")
    for i in range(M):
        parpy.label("columns")
        for j in range(C.shape[1]):
            # The sum stays in a register.
            s = 0.0
            for k in range(i):
                s += A[i, k] * B[k, j]
            for k in range(i, M):
                s += A[k, i] * B[k, j]
            C[i, j] = beta * C[i, j] + alpha * s


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M), "columns": parpy.threads(N).tpb(256)}
