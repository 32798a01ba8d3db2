"""The solution of A x = b by LU decomposition in place and two substitutions.

Source: PolyBench 4.2, linear-algebra/solvers/ludcmp; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 60},
    "M": {"N": 220},
    "L": {"N": 700},
    "paper": {"N": 2000},
    "test": {"N": 37},
}

OUTPUTS = ("A", "x", "y")
TOLERANCE = {"rtol": 1e-9, "atol": 1e-12}


def initialize(N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    triangle = np.where(j < i, (-j % N) / N + 1.0, 0.0) + np.eye(N)
    return {
        "A": triangle @ triangle.T,
        "b": (np.arange(N) + 1.0) / N / 2.0 + 4.0,
        "x": np.zeros(N),
        "y": np.zeros(N),
    }


def reference(A, b, x, y):
    N = A.shape[0]
    for i in range(N):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, N):
            A[i, j] -= A[i, :i] @ A[:i, j]
    for i in range(N):
        y[i] = b[i] - A[i, :i] @ y[:i]
    for i in range(N - 1, -1, -1):
        x[i] = (y[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]


@parpy.jit
def decompose(A):
    N = A.shape[0]
    for k in range(N):
        parpy.label("rows")
        for i in range(k + 1, N):
            factor = A[i, k] / A[k, k]
            A[i, k] = factor
            parpy.label("columns")
            A[i, k + 1 :] -= factor * A[k, k + 1 :]


@parpy.jit
def kernel(A, b, x, y):
    N = A.shape[0]
    decompose(A)
    with parpy.gpu:
        for i in range(N):
            parpy.label("terms")
            y[i] = b[i] - parpy.operators.sum(A[i, :i] * y[:i])
        for i in range(N - 1, -1, -1):
            parpy.label("terms")
            x[i] = (y[i] - parpy.operators.sum(A[i, i + 1 :] * x[i + 1 :])) / A[i, i]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N - 1), "columns": parpy.threads(N - 1)}


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(N - 1),
        "columns": parpy.threads(min(N - 1, 256)),
        "terms": parpy.threads(min(N, 512)),
    }
