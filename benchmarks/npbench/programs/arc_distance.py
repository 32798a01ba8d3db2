"""Distances between pairs of points on the unit sphere, by the haversine formula.

Source: the arc distance of astronomical catalogues, a benchmark of Pythran; NPBench, geometry.
"""

from typing import Any

import numpy as np

import parpy
from parpy.operators import atan2, cos, sin, sqrt

SIZES = {
    "test": {"N": 33},
    "S": {"N": 100_000},
    "M": {"N": 1_000_000},
    "L": {"N": 10_000_000},
    "paper": {"N": 10_000_000},
}
OUTPUTS = ("distance",)


def initialize(N: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    t0, p0, t1, p1 = rng.random(N), rng.random(N), rng.random(N), rng.random(N)
    return {"theta_1": t0, "phi_1": p0, "theta_2": t1, "phi_2": p1, "distance": np.zeros(N)}


def reference(theta_1, phi_1, theta_2, phi_2, distance):
    h = (
        np.sin((theta_2 - theta_1) / 2) ** 2
        + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    )
    distance[:] = 2 * np.arctan2(np.sqrt(h), np.sqrt(1 - h))


@parpy.jit
def kernel(theta_1, phi_1, theta_2, phi_2, distance):
    parpy.label("pairs")
    for i in range(len(distance)):
        h = (
            sin((theta_2[i] - theta_1[i]) / 2) ** 2
            + cos(theta_1[i]) * cos(theta_2[i]) * sin((phi_2[i] - phi_1[i]) / 2) ** 2
        )
        distance[i] = 2 * atan2(sqrt(h), sqrt(1 - h))


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"pairs": parpy.threads(N)}
