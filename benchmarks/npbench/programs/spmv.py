"""A sparse matrix in compressed rows, times a vector.

Source: NPBench, domain "linear algebra".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"M": 4096, "N": 4096, "nnz": 8192},
    "M": {"M": 32768, "N": 32768, "nnz": 65536},
    "L": {"M": 262144, "N": 262144, "nnz": 262144},
    "paper": {"M": 131072, "N": 131072, "nnz": 262144},
    "test": {"M": 111, "N": 83, "nnz": 300},
}

OUTPUTS = ("y",)


def initialize(M: int, N: int, nnz: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    x = rng.random(N)
    places = np.sort(rng.choice(M * N, size=nnz, replace=False))
    return {
        "A_row": np.searchsorted(places, np.arange(M + 1) * N).astype(np.uint32),
        "A_col": (places % N).astype(np.uint32),
        "A_val": rng.random(nnz),
        "x": x,
        "y": np.zeros(M),
    }


def reference(A_row, A_col, A_val, x, y):
    for i in range(len(A_row) - 1):
        cols = A_col[A_row[i] : A_row[i + 1]]
        vals = A_val[A_row[i] : A_row[i + 1]]
        y[i] = vals @ x[cols]


@parpy.jit
def kernel(A_row, A_col, A_val, x, y):
    parpy.label("rows")
    for i in range(len(A_row) - 1):
        s = 0.0
        for k in range(A_row[i], A_row[i + 1]):
            s += A_val[k] * x[A_col[k]]
        y[i] = s


def schedule(M: int, N: int, nnz: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(M)}
