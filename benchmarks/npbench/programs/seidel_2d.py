"""Gauss and Seidel's relaxation in two dimensions, by a 9-point stencil in place.

Source: PolyBench 4.2, stencils/seidel-2d; NPBench, domain "solvers".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"TSTEPS": 8, "N": 50},
    "M": {"TSTEPS": 15, "N": 100},
    "L": {"TSTEPS": 40, "N": 200},
    "paper": {"TSTEPS": 100, "N": 400},
    "test": {"TSTEPS": 5, "N": 37},
}

OUTPUTS = ("A",)


def initialize(TSTEPS: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :N]
    # The original is a steady state, which a kernel that does nothing keeps.
    return {"TSTEPS": TSTEPS, "A": (i * (j + 2.0) + 2.0) / N + (i * j) % 7}


def reference(TSTEPS, A):
    N = A.shape[0]
    for _ in range(TSTEPS - 1):
        for i in range(1, N - 1):
            A[i, 1:-1] += (
                A[i - 1, :-2]
                + A[i - 1, 1:-1]
                + A[i - 1, 2:]
                + A[i, 2:]
                + A[i + 1, :-2]
                + A[i + 1, 1:-1]
                + A[i + 1, 2:]
            )
            for j in range(1, N - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0


@parpy.jit
def kernel(TSTEPS, A):
    with parpy.gpu:
        for _ in range(TSTEPS - 1):
            for i in range(1, A.shape[0] - 1):
                parpy.label("columns")
                A[i, 1:-1] += (
                    A[i - 1, :-2]
                    + A[i - 1, 1:-1]
                    + A[i - 1, 2:]
                    + A[i, 2:]
                    + A[i + 1, :-2]
                    + A[i + 1, 1:-1]
                    + A[i + 1, 2:]
                )
                left = A[i, 0]
                for j in range(1, A.shape[1] - 1):
                    left = (A[i, j] + left) / 9.0
                    A[i, j] = left


def schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"columns": parpy.threads(N - 2)}


@parpy.jit
def gpu_kernel(TSTEPS, A):
    N = A.shape[0]
    # Points of equal j + 2 i + 4 t, over all time steps t, do not depend on each other.
    for wave in range(3, 3 * (N - 2) + 4 * (TSTEPS - 2) + 1):
        parpy.label("steps")
        for t in range(TSTEPS - 1):
            parpy.label("rows")
            for i in range(1, N - 1):
                j = wave - 2 * i - 4 * t
                if j >= 1 and j < N - 1:
                    A[i, j] = (
                        A[i - 1, j - 1]
                        + A[i - 1, j]
                        + A[i - 1, j + 1]
                        + A[i, j - 1]
                        + A[i, j]
                        + A[i, j + 1]
                        + A[i + 1, j - 1]
                        + A[i + 1, j]
                        + A[i + 1, j + 1]
                    ) / 9.0


def gpu_schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"steps": parpy.threads(TSTEPS - 1), "rows": parpy.threads(min(N - 2, 1024))}
