"""The solution of L x = b for a lower triangular matrix.

Source: PolyBench 4.2, linear-algebra/solvers/trisolv; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 2000},
    "M": {"N": 5000},
    "L": {"N": 14000},
    "paper": {"N": 16000},
    "test": {"N": 137},
}

OUTPUTS = ("x",)
TOLERANCE_OF_FLOAT32 = {"atol": 1e-3}

BLOCK = 64
"""How many unknowns are solved for in one go."""


def initialize(N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    return {
        "L": np.where(j <= i, (i + N - j + 1.0) * 2.0 / N, 0.0),
        "x": np.full(N, -999.0),
        "b": np.arange(N, dtype=np.float64),
    }


def reference(L, x, b):
    for i in range(len(x)):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]


@parpy.jit
def kernel(L, x, b):
    N = len(x)
    for block in range((N + BLOCK - 1) // BLOCK):
        low = block * BLOCK
        high = min(low + BLOCK, N)
        # What is known already is taken off all rows of the block at once.
        parpy.label("rows")
        for i in range(low, high):
            parpy.label("columns")
            x[i] = b[i] - parpy.operators.sum(L[i, :low] * x[:low])
        with parpy.gpu:
            for i in range(low, high):
                x[i] = (x[i] - parpy.operators.sum(L[i, low:i] * x[low:i])) / L[i, i]


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(min(BLOCK, N)), "columns": parpy.threads(min(N, 1024))}
