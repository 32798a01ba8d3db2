"""The heat equation in three dimensions, by an explicit 7-point stencil on two alternating grids.

Source: PolyBench 4.2, stencils/heat-3d; NPBench, domain "physics simulation".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"TSTEPS": 25, "N": 25},
    "M": {"TSTEPS": 50, "N": 40},
    "L": {"TSTEPS": 100, "N": 70},
    "paper": {"TSTEPS": 500, "N": 120},
    "test": {"TSTEPS": 4, "N": 13},
}

OUTPUTS = ("A", "B")


def initialize(TSTEPS: int, N: int) -> dict[str, Any]:
    i, j, k = np.ogrid[:N, :N, :N]
    # The original is linear in i, j and k: a steady state, which a kernel that does nothing keeps.
    A = (i + j + (N - k)) * 10.0 / N + (i * j + k * k) % 7
    return {"TSTEPS": TSTEPS, "A": A, "B": A.copy()}


def reference(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        for old, new in ((A, B), (B, A)):
            middle = old[1:-1, 1:-1, 1:-1]
            new[1:-1, 1:-1, 1:-1] = (
                0.125 * (old[2:, 1:-1, 1:-1] - 2.0 * middle + old[:-2, 1:-1, 1:-1])
                + 0.125 * (old[1:-1, 2:, 1:-1] - 2.0 * middle + old[1:-1, :-2, 1:-1])
                + 0.125 * (old[1:-1, 1:-1, 2:] - 2.0 * middle + old[1:-1, 1:-1, :-2])
                + middle
            )


@parpy.jit
def step(old, new):
    parpy.label("planes")
    for i in range(1, old.shape[0] - 1):
        parpy.label("rows")
        for j in range(1, old.shape[1] - 1):
            parpy.label("columns")
            new[i, j, 1:-1] = (
                0.125 * (old[i + 1, j, 1:-1] - 2.0 * old[i, j, 1:-1] + old[i - 1, j, 1:-1])
                + 0.125 * (old[i, j + 1, 1:-1] - 2.0 * old[i, j, 1:-1] + old[i, j - 1, 1:-1])
                + 0.125 * (old[i, j, 2:] - 2.0 * old[i, j, 1:-1] + old[i, j, :-2])
                + old[i, j, 1:-1]
            )


@parpy.jit
def kernel(TSTEPS, A, B):
    for _ in range(1, TSTEPS):
        step(A, B)
        step(B, A)


def schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {label: parpy.threads(N - 2) for label in ("planes", "rows", "columns")}
