"""The general product of two matrices: C = α A B + β C.

Source: BLAS level 3; PolyBench 4, `linear-algebra/blas/gemm`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"NI": 9, "NJ": 14, "NK": 11},
    "S": {"NI": 1000, "NJ": 1100, "NK": 1200},
    "M": {"NI": 2500, "NJ": 2750, "NK": 3000},
    "L": {"NI": 7000, "NJ": 7500, "NK": 8000},
    "paper": {"NI": 2000, "NJ": 2300, "NK": 2600},
}
OUTPUTS = ("C",)

BLOCK = 64


def initialize(NI: int, NJ: int, NK: int) -> dict[str, Any]:
    return {
        "alpha": 1.5,
        "beta": 1.2,
        "C": np.fromfunction(lambda i, j: ((i * j + 1) % NI) / NI, (NI, NJ)),
        "A": np.fromfunction(lambda i, k: (i * (k + 1) % NK) / NK, (NI, NK)),
        "B": np.fromfunction(lambda k, j: (k * (j + 2) % NJ) / NJ, (NK, NJ)),
    }


def reference(alpha, beta, C, A, B):
    C[:] = alpha * A @ B + beta * C


@parpy.jit
def kernel(alpha, beta, C, A, B):
    NI, NK = A.shape
    parpy.label("rows")
    C[:, :] *= beta
    # So many rows of B at a time as stay in cache.
    for first in range(0, NK, BLOCK):
        parpy.label("rows")
        for i in range(NI):
            for k in range(first, min(first + BLOCK, NK)):
                C[i, :] += alpha * A[i, k] * B[k, :]


def schedule(NI: int, NJ: int, NK: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(NI)}


@parpy.jit
def gpu_kernel(alpha, beta, C, A, B):
    NI, NK = A.shape
    parpy.label("rows")
    for i in range(NI):
        parpy.label("columns")
        for j in range(C.shape[1]):
            s = 0.0
            for k in range(NK):
                s += A[i, k] * B[k, j]
            C[i, j] = alpha * s + beta * C[i, j]


def gpu_schedule(NI: int, NJ: int, NK: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(NI), "columns": parpy.threads(NJ).tpb(128)}
