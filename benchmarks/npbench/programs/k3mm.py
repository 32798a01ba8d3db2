"""Three matrix products, G = (A B) (C D).

Source: PolyBench 4.2, linear-algebra/kernels/3mm; NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"NI": 800, "NJ": 850, "NK": 900, "NL": 950, "NM": 1000},
    "M": {"NI": 2000, "NJ": 2200, "NK": 2400, "NL": 2600, "NM": 2800},
    "L": {"NI": 5500, "NJ": 6000, "NK": 6500, "NL": 7000, "NM": 7500},
    "paper": {"NI": 3200, "NJ": 3600, "NK": 4000, "NL": 4400, "NM": 4800},
    "test": {"NI": 16, "NJ": 18, "NK": 20, "NL": 37, "NM": 24},
}

OUTPUTS = ("G",)


def initialize(NI: int, NJ: int, NK: int, NL: int, NM: int) -> dict[str, Any]:
    def values(rows: int, columns: int, step: int, shift: int, period: int) -> np.ndarray:
        i, j = np.ogrid[:rows, :columns]
        return (i * (j + step) + shift) % period / (5.0 * period)

    return {
        "A": values(NI, NK, 0, 1, NI),
        "B": values(NK, NJ, 1, 2, NJ),
        "C": values(NJ, NM, 3, 0, NL),
        "D": values(NM, NL, 2, 2, NK),
        "G": np.zeros((NI, NL)),
    }


def reference(A, B, C, D, G):
    G[:] = A @ B @ (C @ D)


@parpy.jit
def multiply(x, y, product):
    parpy.label("rows")
    for i in range(x.shape[0]):
        parpy.label("columns")
        product[i, :] = 0.0
        for k in range(x.shape[1]):
            parpy.label("columns")
            product[i, :] += x[i, k] * y[k, :]


@parpy.jit
def kernel(A, B, C, D, G):
    E = np.empty((A.shape[0], B.shape[1]), A.dtype)
    F = np.empty((C.shape[0], D.shape[1]), C.dtype)
    multiply(A, B, E)
    multiply(C, D, F)
    multiply(E, F, G)


def schedule(NI: int, NJ: int, NK: int, NL: int, NM: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(max(NI, NJ)), "columns": parpy.threads(max(NJ, NL))}


@parpy.jit
def multiply_elements(x, y, product):
    """The product, as `multiply`."""
    parpy.label("rows")
    for i in range(product.shape[0]):
        parpy.label("columns")
        for j in range(product.shape[1]):
            s = 0.0
            for k in range(x.shape[1]):
                s += x[i, k] * y[k, j]
            product[i, j] = s


@parpy.jit
def gpu_kernel(A, B, C, D, G):
    E = np.empty((A.shape[0], B.shape[1]), A.dtype)
    F = np.empty((C.shape[0], D.shape[1]), C.dtype)
    multiply_elements(A, B, E)
    multiply_elements(C, D, F)
    multiply_elements(E, F, G)


def gpu_schedule(NI: int, NJ: int, NK: int, NL: int, NM: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(max(NI, NJ)),
        "columns": parpy.threads(max(NJ, NL)).tpb(128),
    }
