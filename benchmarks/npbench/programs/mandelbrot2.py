"""The Mandelbrot set by escape times: points that have escaped are dropped from the iteration.

Source: Mandelbrot, The fractal geometry of nature, 1982; NPBench, domain "other" (after N. Rougier,
From Python to NumPy, 2017).
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, float]] = {
    "S": {
        "xmin": -2.0,
        "xmax": 0.5,
        "XN": 200,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 200,
        "maxiter": 40,
        "horizon": 2.0,
    },
    "M": {
        "xmin": -2.25,
        "xmax": 0.75,
        "XN": 500,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 500,
        "maxiter": 80,
        "horizon": 2.0,
    },
    "L": {
        "xmin": -2.25,
        "xmax": 0.75,
        "XN": 1000,
        "ymin": -1.25,
        "ymax": 1.25,
        "YN": 1000,
        "maxiter": 100,
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
    C = (x + y[:, np.newaxis] * 1j).ravel()
    Z[:] = 0
    N[:] = 0
    places = np.arange(C.size)
    z = np.zeros_like(C)
    for n in range(maxiter):
        if not len(z):
            break
        np.multiply(z, z, z)
        np.add(z, C, z)
        escaped = np.abs(z) > horizon
        N.flat[places[escaped]] = n + 1
        Z.flat[places[escaped]] = z[escaped]
        kept = ~escaped
        places, z, C = places[kept], z[kept], C[kept]


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
            while n < maxiter and z.real**2 + z.imag**2 <= horizon**2:
                z = z * z + c
                n += 1
            if z.real**2 + z.imag**2 > horizon**2:
                Z[i, j] = z
                N[i, j] = n
            else:
                Z[i, j] = 0.0
                N[i, j] = 0


def schedule(XN: int, YN: int, **others: float) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(YN), "columns": parpy.threads(XN)}
