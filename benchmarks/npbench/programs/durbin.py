"""The Yule-Walker equations, solved by the Levinson-Durbin recursion.

Source: Golub and Van Loan, "Matrix Computations", algorithm 4.7.1; PolyBench 4,
`linear-algebra/solvers/durbin`; NPBench, solvers.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 15},
    "S": {"N": 1000},
    "M": {"N": 6000},
    "L": {"N": 20_000},
    "paper": {"N": 16_000},
}
OUTPUTS = ("y",)
# The recursion amplifies how its sums are rounded, which depends on their order: at paper size two
# orders of NumPy's differ by 4e-7, and a GPU, whose threads have a part each, from the CPU by 4e-6.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def initialize(N: int) -> dict[str, Any]:
    return {"r": np.fromfunction(lambda i: N + 1 - i, (N,)), "y": np.zeros(N)}


def reference(r, y):
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha


@parpy.jit
def kernel(r, y):
    with parpy.gpu:
        alpha = -r[0]
        beta = 1.0
        y[0] = -r[0]
        for k in range(1, len(r)):
            beta *= 1.0 - alpha * alpha
            parpy.label("elements")
            alpha = -(r[k] + parpy.operators.sum(r[k - 1 :: -1] * y[:k])) / beta
            # Each element and its mirror image; one in the middle is its own.
            parpy.label("elements")
            for i in range((k + 1) // 2):
                a = y[i]
                b = y[k - 1 - i]
                y[i] = a + alpha * b
                y[k - 1 - i] = b + alpha * a
            y[k] = alpha


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"elements": parpy.threads(min(N, 1024))}
