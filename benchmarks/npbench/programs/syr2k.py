"""A symmetric update of rank 2k in the lower triangle, C = alpha (A B^T + B A^T) + beta C.

Source: PolyBench 4.2, linear-algebra/blas/syr2k; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"M": 35, "N": 50},
    "M": {"M": 110, "N": 140},
    "L": {"M": 350, "N": 400},
    "paper": {"M": 1000, "N": 1200},
    "test": {"M": 21, "N": 37},
}

OUTPUTS = ("C",)


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :M]
    p, q = np.ogrid[:N, :N]
    return {
        "alpha": 1.5,
        "beta": 1.2,
        "A": (i * j + 1) % N / N,
        "B": (i * j + 2) % M / M,
        "C": (p * q + 3) % N / M,
    }


def reference(alpha, beta, A, B, C):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]


@parpy.jit
def kernel(alpha, beta, A, B, C):
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        for j in range(i + 1):
            parpy.label("terms")
            product = parpy.operators.sum(A[j, :] * B[i, :] + B[j, :] * A[i, :])
            C[i, j] = beta * C[i, j] + alpha * product


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N), "columns": parpy.threads(N)}


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return schedule(M, N) | {"terms": parpy.threads(min(M, 128))}
