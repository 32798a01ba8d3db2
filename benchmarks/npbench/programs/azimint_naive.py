"""Azimuthal integration of a detector image: for each ring, the mean of the points within.

Source: the naive method that pyFAI is compared with (Kieffer and Karkoulis, 2013); NPBench,
physics.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 500, "npt": 7},
    "S": {"N": 400_000, "npt": 1000},
    "M": {"N": 4_000_000, "npt": 1000},
    "L": {"N": 40_000_000, "npt": 1000},
    "paper": {"N": 1_000_000, "npt": 1000},
}
OUTPUTS = ("mean",)
# A radius next to the edge of a bin may fall into the one beside it.
TOLERANCE_OF_FLOAT32 = {"outliers": 0.02}


def initialize(N: int, npt: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    return {"data": rng.random(N), "radius": rng.random(N), "mean": np.zeros(npt)}


def reference(data, radius, mean):
    npt = len(mean)
    outer = radius.max()
    for i in range(npt):
        r1 = outer * i / npt
        r2 = outer * (i + 1) / npt
        within = np.logical_and(r1 <= radius, radius < r2)
        mean[i] = data[within].mean()


@parpy.jit
def kernel(data, radius, mean):
    npt = len(mean)
    parpy.label("range")
    outer = parpy.operators.max(radius[:])
    parpy.label("rings")
    for i in range(npt):
        r1 = outer * i / npt
        r2 = outer * (i + 1) / npt
        total = 0.0
        count = 0
        parpy.label("points")
        for k in range(len(radius)):
            if r1 <= radius[k] < r2:
                total += data[k]
                count += 1
        mean[i] = total / count


def schedule(N: int, npt: int) -> dict[str, parpy.LoopPar]:
    return {
        "range": parpy.threads(N).reduce(),
        "rings": parpy.threads(npt),
        "points": parpy.threads(N).reduce(),
    }


def gpu_schedule(N: int, npt: int) -> dict[str, parpy.LoopPar]:
    # A block for each ring, whose threads share all points.
    return schedule(N, npt) | {"points": parpy.threads(min(N, 1024)).reduce()}
