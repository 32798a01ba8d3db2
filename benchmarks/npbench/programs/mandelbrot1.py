"""The Mandelbrot set by escape times: all points iterate until they escape or time is out.

Source: Mandelbrot, The fractal geometry of nature, 1982; NPBench, domain "other" (after N. Rougier,
From Python to NumPy, 2017).
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, float]] = {
    "S": {
        "xmin": -1.75,
        "xmax": 0.25,
        "XN": 125,
        "ymin": -1.0,
        "ymax": 1.0,
        "YN": 125,
        "maxiter": 60,
        "horizon": 2.0,
    },
    "M": {
        "xmin": -1.75,
        "xmax": 0.25,
        "XN": 250,
        "ymin": -1.0,
        "ymax": 1.0,
        "YN": 250,
        "maxiter": 150,
        "horizon": 2.0,
    },
    "L": {
        "xmin": -2.0,
        "xmax": 0.5,
        "XN": 833,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 833,
        "maxiter": 200,
        "horizon": 2.0,
    },
    "paper": {
        "xmin": -2.25,
        "xmax": 0.75,
        "XN": 1000,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 1000,
        "maxiter": 200,
        "horizon": 2.0,
    },
    "test": {
        "xmin": -2.25,
        "xmax": 0.75,
        "XN": 37,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 22,
        "maxiter": 20,
        "horizon": 2.0,
    },
}

OUTPUTS = ("Z", "N")
# Near the edge of the set iterates magnify rounding without bound.
TOLERANCE = {"rtol": 0.0, "atol": 0.5, "outliers": 1e-5}
# Counts differ where the last iterate lies next to the horizon.
TOLERANCE_OF_FLOAT32 = {"outliers": 0.01}


def initialize(
    xmin: float,
    xmax: float,
    XN: int,
    ymin: float,
    ymax: float,
    YN: int,
    maxiter: int,
    horizon: float,
) -> dict[str, Any]:
    return {
        "xmin": xmin,
        "xmax": xmax,
        "ymin": ymin,
        "ymax": ymax,
        "maxiter": maxiter,
        "horizon": horizon,
        "Z": np.zeros((YN, XN), np.complex128),
        "N": np.zeros((YN, XN), np.int64),
    }


def reference(xmin, xmax, ymin, ymax, maxiter, horizon, Z, N):
    x = np.linspace(xmin, xmax, N.shape[1])
    y = np.linspace(ymin, ymax, N.shape[0])
    C = x + y[:, np.newaxis] * 1j
    Z[:] = 0
    N[:] = 0
    for n in range(maxiter):
        inside = np.abs(Z) < horizon
        N[inside] = n
        Z[inside] = Z[inside] ** 2 + C[inside]
    N[maxiter - 1 == N] = 0


@parpy.jit
def kernel(xmin, xmax, ymin, ymax, maxiter, horizon, Z, N):
    height, width = N.shape
    dx = (xmax - xmin) / (width - 1)
    dy = (ymax - ymin) / (height - 1)
    parpy.label("rows")
    for i in range(height):
        parpy.label("columns")
        for j in range(width):
            c = complex(xmin + j * dx, ymin + i * dy)
            z = 0j
            n = 0
            while n < maxiter and z.real**2 + z.imag**2 < horizon**2:
                z = z * z + c
                n += 1
            Z[i, j] = z
            N[i, j] = n - 1 if n < maxiter else 0


def schedule(XN: int, YN: int, **others: float) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(YN), "columns": parpy.threads(XN)}
