"""Heat diffusion in two dimensions by the alternating direction implicit method.

Each time step solves tridiagonal systems along all columns, then along all rows, by forward and
backward sweeps. Source: PolyBench 4, `stencils/adi`; NPBench, solvers.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"TSTEPS": 3, "N": 14},
    "S": {"TSTEPS": 5, "N": 100},
    "M": {"TSTEPS": 20, "N": 200},
    "L": {"TSTEPS": 50, "N": 500},
    "paper": {"TSTEPS": 100, "N": 200},
}
OUTPUTS = ("u",)


def initialize(TSTEPS: int, N: int) -> dict[str, Any]:
    return {"TSTEPS": TSTEPS, "u": np.fromfunction(lambda i, j: (i + N - j) / N, (N, N))}


def reference(TSTEPS, u):
    N = u.shape[0]
    v = np.empty_like(u)
    p = np.empty_like(u)
    q = np.empty_like(u)
    mul1 = 2.0 * (1.0 / TSTEPS) * N * N
    mul2 = 1.0 * (1.0 / TSTEPS) * N * N
    a = -mul1 / 2.0
    b = 1.0 + mul1
    d = -mul2 / 2.0
    e = 1.0 + mul2
    for _ in range(TSTEPS):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, N - 1):
            below = a * p[1:-1, j - 1] + b
            p[1:-1, j] = -a / below
            q[1:-1, j] = (
                -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - d * u[j, 2:] - a * q[1:-1, j - 1]
            ) / below
        v[-1, 1:-1] = 1.0
        for j in range(N - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]

        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, N - 1):
            below = d * p[1:-1, j - 1] + e
            p[1:-1, j] = -d / below
            q[1:-1, j] = (
                -a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - a * v[2:, j] - d * q[1:-1, j - 1]
            ) / below
        u[1:-1, -1] = 1.0
        for j in range(N - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]


@parpy.jit
def kernel(TSTEPS, u):
    N = u.shape[0]
    v = np.empty((N, N), u.dtype)
    p = np.empty((N, N), u.dtype)
    q = np.empty((N, N), u.dtype)
    mul1 = 2.0 * (1.0 / TSTEPS) * N * N
    mul2 = 1.0 * (1.0 / TSTEPS) * N * N
    a = -mul1 / 2.0
    b = 1.0 + mul1
    d = -mul2 / 2.0
    e = 1.0 + mul2
    for _ in range(TSTEPS):
        # Neighbouring columns lie side by side, so here p and q have a row for each step.
        parpy.label("columns")
        for i in range(1, N - 1):
            v[0, i] = 1.0
            p[0, i] = 0.0
            q[0, i] = 1.0
            for j in range(1, N - 1):
                r = 1.0 / (a * p[j - 1, i] + b)
                p[j, i] = -a * r
                q[j, i] = r * (
                    -d * u[j, i - 1] + (1.0 + 2.0 * d) * u[j, i] - d * u[j, i + 1] - a * q[j - 1, i]
                )
            v[N - 1, i] = 1.0
            for j in range(N - 2, 0, -1):
                v[j, i] = p[j, i] * v[j + 1, i] + q[j, i]

        parpy.label("rows")
        for i in range(1, N - 1):
            u[i, 0] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = 1.0
            for j in range(1, N - 1):
                r = 1.0 / (d * p[i, j - 1] + e)
                p[i, j] = -d * r
                q[i, j] = r * (
                    -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - a * v[i + 1, j] - d * q[i, j - 1]
                )
            u[i, N - 1] = 1.0
            for j in range(N - 2, 0, -1):
                u[i, j] = p[i, j] * u[i, j + 1] + q[i, j]


def schedule(TSTEPS: int, N: int) -> dict[str, parpy.LoopPar]:
    return {label: parpy.threads(N - 2).tpb(32) for label in ("columns", "rows")}
