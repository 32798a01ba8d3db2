"""Jacobi's relaxation in two dimensions, by a 5-point stencil on two alternating grids.

Source: PolyBench 4.2, stencils/jacobi-2d; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"TSTEPS": 50, "N": 150},
    "M": {"TSTEPS": 80, "N": 350},
    "L": {"TSTEPS": 200, "N": 700},
    "paper": {"TSTEPS": 1000, "N": 2800},
    "test": {"TSTEPS": 10, "N": 37},
}

OUTPUTS = ("A", "B")


def initialize(TSTEPS: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    return {"TSTEPS": TSTEPS, "A": (i * (j + 2.0) + 2.0) / N, "B": (i * (j + 3.0) + 3.0) / N}


def reference(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        for old, new in ((A, B), (B, A)):
            new[1:-1, 1:-1] = 0.2 * (
                old[1:-1, 1:-1] + old[1:-1, :-2] + old[1:-1, 2:] + old[2:, 1:-1] + old[:-2, 1:-1]
            )


@parpy.jit
def kernel(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        parpy.label("rows")
        parpy.label("columns")
        B[1:-1, 1:-1] = 0.2 * (
            A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1]
        )
        parpy.label("rows")
        parpy.label("columns")
        A[1:-1, 1:-1] = 0.2 * (
            B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1]
        )


def schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N - 2), "columns": parpy.threads(N - 2).tpb(256)}
