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
    """z = alpha x y + beta z."""
    parpy.label("rows")
    for i in range(z.shape[0]):
        parpy.label("columns")
        for j in range(z.shape[1]):
            s = 0.0
            for k in range(x.shape[1]):
                s += x[i, k] * y[k, j]
            z[i, j] = alpha * s + beta * z[i, j]


@parpy.jit
def gpu_kernel(alpha, beta, A, B, C, D):
    AB = np.zeros((A.shape[0], B.shape[1]), A.dtype)
    multiply_add(alpha, A, B, 1.0, AB)
    multiply_add(1.0, AB, C, beta, D)


def gpu_schedule(NI: int, NJ: int, NK: int, NL: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(NI), "columns": parpy.threads(max(NJ, NL)).tpb(128)}
