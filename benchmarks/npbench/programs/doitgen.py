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

BLOCK = 8
TILE = 8


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
    t = np.empty((NR, BLOCK, NP), A.dtype)
    parpy.label("slabs")
    for r in range(NR):
        # So many results at a time as stay in cache, for each row of C4 that is read.
        for first in range(0, NQ, BLOCK):
            end = min(first + BLOCK, NQ)
            t[r, :, :] = 0.0
            for s in range(NP):
                for q in range(first, end):
                    t[r, q - first, :] += A[r, q, s] * C4[s, :]
            for q in range(first, end):
                A[r, q, :] = t[r, q - first, :]


def schedule(NR: int, NQ: int, NP: int) -> dict[str, parpy.LoopPar]:
    return {"slabs": parpy.threads(NR)}


@parpy.jit
def gpu_kernel(A, C4):
    NR, NQ, NP = A.shape
    t = np.empty(A.shape, A.dtype)
    # A thread keeps so many results in registers, for each element of C4 that it reads.
    parpy.label("slabs")
    for r in range(NR):
        parpy.label("tiles")
        for tile in range((NQ + TILE - 1) // TILE):
            parpy.label("columns")
            for p in range(NP):
                s = np.zeros(TILE, A.dtype)
                for k in range(NP):
                    for q in range(TILE):
                        s[q] += A[r, min(tile * TILE + q, NQ - 1), k] * C4[k, p]
                for q in range(TILE):
                    if tile * TILE + q < NQ:
                        t[r, tile * TILE + q, p] = s[q]
            for q in range(tile * TILE, min(tile * TILE + TILE, NQ)):
                parpy.label("columns")
                A[r, q, :] = t[r, q, :]


def gpu_schedule(NR: int, NQ: int, NP: int) -> dict[str, parpy.LoopPar]:
    return {
        "slabs": parpy.threads(NR),
        "tiles": parpy.threads(-(-NQ // TILE)),
        "columns": parpy.threads(min(NP, 1024)),
    }
