"""The two matrix-vector products of the biconjugate gradient method: s = Aᵀ r and q = A p.

Source: PolyBench 4, `linear-algebra/kernels/bicg`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 18, "N": 13},
    "S": {"M": 4000, "N": 5000},
    "M": {"M": 10_000, "N": 12_500},
    "L": {"M": 20_000, "N": 25_000},
    "paper": {"M": 18_000, "N": 22_000},
}
OUTPUTS = ("s", "q")


def initialize(M: int, N: int) -> dict[str, Any]:
    return {
        "A": np.fromfunction(lambda i, j: (i * (j + 1) % N) / N, (N, M)),
        "p": np.fromfunction(lambda i: (i % M) / M, (M,)),
        "r": np.fromfunction(lambda i: (i % N) / N, (N,)),
        "s": np.zeros(M),
        "q": np.zeros(N),
    }


def reference(A, p, r, s, q):
    s[:] = r @ A
    q[:] = A @ p


@parpy.jit
def kernel(A, p, r, s, q):
    parpy.label("columns")
    s[:] = 0.0
    # Both products of a row while it is in cache.
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        q[i] = parpy.operators.sum(A[i, :] * p[:])
        parpy.label("columns")
        s[:] += r[i] * A[i, :]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N).reduce(), "columns": parpy.threads(min(M, 1024))}
