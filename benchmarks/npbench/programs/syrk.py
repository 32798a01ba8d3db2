"""A symmetric update of rank k in the lower triangle, C = alpha A A^T + beta C.

Source: PolyBench 4.2, linear-algebra/blas/syrk; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"M": 50, "N": 70},
    "M": {"M": 150, "N": 200},
    "L": {"M": 500, "N": 600},
    "paper": {"M": 1000, "N": 1200},
    "test": {"M": 21, "N": 37},
}

OUTPUTS = ("C",)


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :M]
    p, q = np.ogrid[:N, :N]
    return {"alpha": 1.5, "beta": 1.2, "A": (i * j + 1) % N / N, "C": (p * q + 2) % M / M}


def reference(alpha, beta, A, C):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]


@parpy.jit
def kernel(alpha, beta, A, C):
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        for j in range(i + 1):
            parpy.label("terms")
            C[i, j] = beta * C[i, j] + alpha * parpy.operators.sum(A[i, :] * A[j, :])


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N), "columns": parpy.threads(N)}


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return schedule(M, N) | {"terms": parpy.threads(min(M, 128))}
