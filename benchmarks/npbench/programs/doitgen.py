"""The last dimension of a tensor multiplied by a matrix, in place.

Source: the multiresolution analysis kernel of MADNESS; PolyBench 4,
`linear-algebra/kernels/doitgen`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"NR": 4, "NQ": 5, "NP": 7},
    "S": {"NR": 60, "NQ": 60, "NP": 128},
    "M": {"NR": 110, "NQ": 125, "NP": 256},
    "L": {"NR": 220, "NQ": 250, "NP": 512},
    "paper": {"NR": 220, "NQ": 250, "NP": 270},
}
OUTPUTS = ("A",)


def initialize(NR: int, NQ: int, NP: int) -> dict[str, Any]:
    return {
        "A": np.fromfunction(lambda i, j, k: ((i * j + k) % NP) / NP, (NR, NQ, NP)),
        "C4": np.fromfunction(lambda i, j: (i * j % NP) / NP, (NP, NP)),
    }


def reference(A, C4):
    NR, NQ, NP = A.shape
    for r in range(NR):
        A[r, :, :] = np.reshape(np.reshape(A[r], (NQ, 1, NP)) @ C4, (NQ, NP))


@parpy.jit
def kernel(A, C4):
    NR, NQ, NP = A.shape
    row = np.empty((NR, NP), np.float64)
    parpy.label("slabs")
    for r in range(NR):
        for q in range(NQ):
            row[r, :] = 0.0
            for s in range(NP):
                row[r, :] += A[r, q, s] * C4[s, :]
            A[r, q, :] = row[r, :]


def schedule(NR: int, NQ: int, NP: int) -> dict[str, parpy.LoopPar]:
    return {"slabs": parpy.threads(NR)}
