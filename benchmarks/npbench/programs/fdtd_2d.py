"""Electromagnetic waves in two dimensions, by finite differences in the time domain.

Source: Yee's scheme (1966); PolyBench 4, `stencils/fdtd-2d`; NPBench, stencils.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"TMAX": 3, "NX": 9, "NY": 14},
    "S": {"TMAX": 20, "NX": 200, "NY": 220},
    "M": {"TMAX": 60, "NX": 400, "NY": 450},
    "L": {"TMAX": 150, "NX": 800, "NY": 900},
    "paper": {"TMAX": 500, "NX": 1000, "NY": 1200},
}
OUTPUTS = ("ex", "ey", "hz")


def initialize(TMAX: int, NX: int, NY: int) -> dict[str, Any]:
    return {
        "ex": np.fromfunction(lambda i, j: (i * (j + 1)) / NX, (NX, NY)),
        "ey": np.fromfunction(lambda i, j: (i * (j + 2)) / NY, (NX, NY)),
        "hz": np.fromfunction(lambda i, j: (i * (j + 3)) / NX, (NX, NY)),
        "source": np.arange(TMAX, dtype=np.float64),
    }


def reference(ex, ey, hz, source):
    for t in range(source.shape[0]):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])


@parpy.jit
def kernel(ex, ey, hz, source):
    NX = ex.shape[0]
    for t in range(len(source)):
        parpy.label("rows")
        for i in range(NX):
            if i == 0:
                parpy.label("columns")
                ey[i, :] = source[t]
            else:
                parpy.label("columns")
                ey[i, :] -= 0.5 * (hz[i, :] - hz[i - 1, :])
            parpy.label("columns")
            ex[i, 1:] -= 0.5 * (hz[i, 1:] - hz[i, :-1])
        parpy.label("rows")
        for i in range(NX - 1):
            parpy.label("columns")
            hz[i, :-1] -= 0.7 * (ex[i, 1:] - ex[i, :-1] + ey[i + 1, :-1] - ey[i, :-1])


def schedule(TMAX: int, NX: int, NY: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(NX)}


def gpu_schedule(TMAX: int, NX: int, NY: int) -> dict[str, parpy.LoopPar]:
    return schedule(TMAX, NX, NY) | {"columns": parpy.threads(min(NY, 256))}
