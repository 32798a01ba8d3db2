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
HEIGHT, WIDTH = 8, 4
"""How many rows and columns of a product a thread of a GPU has."""


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
    NJ = B.shape[1]
    # A thread keeps the sums of some rows and of columns far apart in registers: so neighbours read
    # neighbouring columns, and what is read counts for several sums.
    part = (NJ + WIDTH - 1) // WIDTH
    parpy.label("tiles")
    for tile in range((NI + HEIGHT - 1) // HEIGHT):
        parpy.label("columns")
        for first in range(part):
            s = np.zeros((HEIGHT, WIDTH), A.dtype)
            for k in range(NK):
                for r in range(HEIGHT):
                    row = min(tile * HEIGHT + r, NI - 1)
                    for c in range(WIDTH):
                        s[r, c] += A[row, k] * B[k, min(first + c * part, NJ - 1)]
            for r in range(HEIGHT):
                for c in range(WIDTH):
                    i = tile * HEIGHT + r
                    j = first + c * part
                    if i < NI and j < NJ:
                        C[i, j] = alpha * s[r, c] + beta * C[i, j]


def gpu_schedule(NI: int, NJ: int, NK: int) -> dict[str, parpy.LoopPar]:
    return {
        "tiles": parpy.threads(-(-NI // HEIGHT)),
        "columns": parpy.threads(-(-NJ // WIDTH)).tpb(64),
    }
