"""Two matrix products in a row, D = alpha A B C + beta D.

Source: PolyBench 4.2, linear-algebra/kernels/2mm; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"NI": 800, "NJ": 850, "NK": 900, "NL": 950},
    "M": {"NI": 2000, "NJ": 2250, "NK": 2500, "NL": 2750},
    "L": {"NI": 6000, "NJ": 6500, "NK": 7000, "NL": 7500},
    "paper": {"NI": 3200, "NJ": 3600, "NK": 4400, "NL": 4800},
    "test": {"NI": 16, "NJ": 18, "NK": 22, "NL": 37},
}

OUTPUTS = ("D",)

HEIGHT, WIDTH = 8, 4
"""How many rows and columns of a product a thread of a GPU has."""


def initialize(NI: int, NJ: int, NK: int, NL: int) -> dict[str, Any]:
    def values(rows: int, columns: int, shift: int, period: int) -> np.ndarray:
        i, j = np.ogrid[:rows, :columns]
        return (i * (j + shift) + (shift == 0)) % period / period

    return {
        "alpha": 1.5,
        "beta": 1.2,
        "A": values(NI, NK, 0, NI),
        "B": values(NK, NJ, 1, NJ),
        "C": values(NJ, NL, 3, NL),
        "D": values(NI, NL, 2, NK),
    }


def reference(alpha, beta, A, B, C, D):
    D[:] = alpha * A @ B @ C + beta * D


@parpy.jit
def kernel(alpha, beta, A, B, C, D):
    AB = np.empty((A.shape[0], B.shape[1]), A.dtype)
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        AB[i, :] = 0.0
        for k in range(A.shape[1]):
            parpy.label("columns")
            AB[i, :] += alpha * A[i, k] * B[k, :]
        parpy.label("columns")
        D[i, :] *= beta
        for k in range(C.shape[0]):
            parpy.label("columns")
            D[i, :] += AB[i, k] * C[k, :]


def schedule(NI: int, NJ: int, NK: int, NL: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(NI), "columns": parpy.threads(max(NJ, NL))}


@parpy.jit
def multiply_add(alpha, x, y, beta, z):
    """z = alpha x y + beta z.

    Each thread keeps the sums of some rows and of columns far apart in registers: so neighbours
    read neighbouring columns, and what is read counts for several sums.
    """
    M, K = x.shape
    N = y.shape[1]
    part = (N + WIDTH - 1) // WIDTH
    parpy.label("tiles")
    for tile in range((M + HEIGHT - 1) // HEIGHT):
        parpy.label("columns")
        for first in range(part):
            s = np.zeros((HEIGHT, WIDTH), x.dtype)
            for k in range(K):
                for r in range(HEIGHT):
                    row = min(tile * HEIGHT + r, M - 1)
                    for c in range(WIDTH):
                        s[r, c] += x[row, k] * y[k, min(first + c * part, N - 1)]
            for r in range(HEIGHT):
                for c in range(WIDTH):
                    i = tile * HEIGHT + r
                    j = first + c * part
                    if i < M and j < N:
                        z[i, j] = alpha * s[r, c] + beta * z[i, j]


@parpy.jit
def gpu_kernel(alpha, beta, A, B, C, D):
    AB = np.zeros((A.shape[0], B.shape[1]), A.dtype)
    multiply_add(alpha, A, B, 1.0, AB)
    multiply_add(1.0, AB, C, beta, D)


def gpu_schedule(NI: int, NJ: int, NK: int, NL: int) -> dict[str, parpy.LoopPar]:
    return {
        "tiles": parpy.threads(-(-NI // HEIGHT)),
        "columns": parpy.threads(-(-max(NJ, NL) // WIDTH)).tpb(64),
    }
