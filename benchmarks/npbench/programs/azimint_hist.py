"""Azimuthal integration of a detector image, by two histograms over the radius.

Source: the histogram method of pyFAI (Kieffer and Karkoulis, 2013); NPBench, physics.
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
    counts = np.histogram(radius, npt)[0]
    sums = np.histogram(radius, npt, weights=data)[0]
    mean[:] = sums / counts


@parpy.jit
def kernel(data, radius, mean):
    npt = len(mean)
    counts = np.zeros(npt, np.int32)
    sums = np.zeros(npt, data.dtype)
    parpy.label("range")
    least = parpy.operators.min(radius[:])
    parpy.label("range")
    greatest = parpy.operators.max(radius[:])
    scale = npt / (greatest - least)
    parpy.label("points")
    for i in range(len(radius)):
        b = min(int((radius[i] - least) * scale), npt - 1)
        counts[b] += 1
        sums[b] += data[i]
    parpy.label("bins")
    for i in range(npt):
        mean[i] = sums[i] / int(counts[i])


def schedule(N: int, npt: int) -> dict[str, parpy.LoopPar]:
    return {
        "range": parpy.threads(N).reduce(),
        "points": parpy.threads(N).reduce(),
        "bins": parpy.threads(npt),
    }
