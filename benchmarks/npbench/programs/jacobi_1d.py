"""Jacobi's relaxation in one dimension, by a 3-point stencil on two alternating grids.

Source: PolyBench 4.2, stencils/jacobi-1d; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"TSTEPS": 800, "N": 3200},
    "M": {"TSTEPS": 3000, "N": 12000},
    "L": {"TSTEPS": 8500, "N": 34000},
    "paper": {"TSTEPS": 4000, "N": 32000},
    "test": {"TSTEPS": 20, "N": 131},
}

OUTPUTS = ("A", "B")


def initialize(TSTEPS: int, N: int) -> dict[str, Any]:
    i = np.arange(N)
    return {"TSTEPS": TSTEPS, "A": (i + 2.0) / N, "B": (i + 3.0) / N}


def reference(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])


@parpy.jit
def kernel(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        parpy.label("points")
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        parpy.label("points")
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])


def schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"points": parpy.threads(N - 2).tpb(128)}
