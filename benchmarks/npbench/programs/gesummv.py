"""The sum of two matrix-vector products: y = α A x + β B x.

Source: the updated BLAS (Blackford et al., 2002); PolyBench 4, `linear-algebra/blas/gesummv`;
NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 14},
    "S": {"N": 2000},
    "M": {"N": 4000},
    "L": {"N": 14_000},
    "paper": {"N": 11_200},
}
OUTPUTS = ("y",)


def initialize(N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    return {
        "alpha": 1.5,
        "beta": 1.2,
        "A": (i * j + 1) % N / N,
        "B": (i * j + 2) % N / N,
        "x": np.fromfunction(lambda i: (i % N) / N, (N,)),
        "y": np.zeros(N),
    }


def reference(alpha, beta, A, B, x, y):
    y[:] = alpha * A @ x + beta * B @ x


@parpy.jit
def kernel(alpha, beta, A, B, x, y):
    parpy.label("rows")
    for i in range(len(y)):
        parpy.label("columns")
        a = parpy.operators.sum(A[i, :] * x[:])
        parpy.label("columns")
        b = parpy.operators.sum(B[i, :] * x[:])
        y[i] = alpha * a + beta * b


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N)}


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return schedule(N) | {"columns": parpy.threads(min(N, 1024))}
