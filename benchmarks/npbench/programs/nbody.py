"""Bodies that attract each other by softened gravity, integrated by leapfrog, and their energies.

Source: P. Mocz, Create your own N-body simulation (with Python), 2020; NPBench, domain "physics
simulation".
"""

import math
from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, float]] = {
    "S": {"N": 25, "tEnd": 2.0, "dt": 0.05, "softening": 0.1, "G": 1.0},
    "M": {"N": 50, "tEnd": 5.0, "dt": 0.02, "softening": 0.1, "G": 1.0},
    "L": {"N": 100, "tEnd": 9.0, "dt": 0.01, "softening": 0.1, "G": 1.0},
    "paper": {"N": 100, "tEnd": 10.0, "dt": 0.01, "softening": 0.1, "G": 1.0},
    "test": {"N": 15, "tEnd": 0.5, "dt": 0.05, "softening": 0.1, "G": 1.0},
}

OUTPUTS = ("pos", "vel", "KE", "PE")
# Orbits of many bodies magnify rounding exponentially.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-3}
# Presets larger than S are beyond float32, of NumPy too.
TOLERANCE_OF_FLOAT32 = {"rtol": 1e-3, "atol": 0.02}


def initialize(N: int, tEnd: float, dt: float, softening: float, G: float) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    Nt = math.ceil(tEnd / dt)
    return {
        "mass": np.full(N, 20.0 / N),
        "pos": rng.standard_normal((N, 3)),
        "vel": rng.standard_normal((N, 3)),
        "Nt": Nt,
        "dt": dt,
        "G": G,
        "softening": softening,
        "KE": np.zeros(Nt + 1),
        "PE": np.zeros(Nt + 1),
    }


def reference(mass, pos, vel, Nt, dt, G, softening, KE, PE):
    def differences():
        x, y, z = pos[:, 0:1], pos[:, 1:2], pos[:, 2:3]
        return x.T - x, y.T - y, z.T - z

    def acceleration():
        dx, dy, dz = differences()
        inverse = dx**2 + dy**2 + dz**2 + softening**2
        inverse[inverse > 0] = inverse[inverse > 0] ** -1.5
        return G * np.stack([(d * inverse) @ mass for d in (dx, dy, dz)], axis=1)

    def energies():
        kinetic = 0.5 * np.sum(mass[:, np.newaxis] * vel**2)
        dx, dy, dz = differences()
        inverse = np.sqrt(dx**2 + dy**2 + dz**2)
        inverse[inverse > 0] = 1.0 / inverse[inverse > 0]
        return kinetic, G * np.sum(np.triu(-np.outer(mass, mass) * inverse, 1))

    vel -= np.mean(mass[:, np.newaxis] * vel, axis=0) / np.mean(mass)
    acc = acceleration()
    KE[0], PE[0] = energies()
    for t in range(Nt):
        vel += acc * dt / 2.0
        pos += vel * dt
        acc = acceleration()
        vel += acc * dt / 2.0
        KE[t + 1], PE[t + 1] = energies()


@parpy.jit
def accelerate(mass, x, v, time, G, softening, acc):
    """The acceleration of each body, and its velocity after so much time of it."""
    N = len(mass)
    parpy.label("bodies")
    for i in range(N):
        ax = 0.0
        ay = 0.0
        az = 0.0
        parpy.label("others")
        for j in range(N):
            dx = x[0, j] - x[0, i]
            dy = x[1, j] - x[1, i]
            dz = x[2, j] - x[2, i]
            square = dx * dx + dy * dy + dz * dz + softening * softening
            pull = G * mass[j] / (square * math.sqrt(square))
            ax += pull * dx
            ay += pull * dy
            az += pull * dz
        acc[0, i] = ax
        acc[1, i] = ay
        acc[2, i] = az
        v[0, i] += ax * time
        v[1, i] += ay * time
        v[2, i] += az * time


@parpy.jit
def energies(mass, x, v, G):
    """The kinetic and the potential energy."""
    N = len(mass)
    kinetic = 0.0
    potential = 0.0
    parpy.label("masses")
    for i in range(N):
        square = v[0, i] * v[0, i] + v[1, i] * v[1, i] + v[2, i] * v[2, i]
        kinetic += 0.5 * mass[i] * square
        parpy.label("others")
        for j in range(i + 1, N):
            dx = x[0, j] - x[0, i]
            dy = x[1, j] - x[1, i]
            dz = x[2, j] - x[2, i]
            potential -= G * mass[i] * mass[j] / math.sqrt(dx * dx + dy * dy + dz * dz)
    return kinetic, potential


@parpy.jit
def kernel(mass, pos, vel, Nt, dt, G, softening, KE, PE):
    N = len(mass)
    # One row a coordinate, so that what is next to each other belongs to neighbours.
    x = np.empty((3, N), pos.dtype)
    v = np.empty((3, N), pos.dtype)
    acc = np.empty((3, N), pos.dtype)
    with parpy.gpu:
        mean_mass = parpy.operators.sum(mass[:]) / N
        for d in range(3):
            drift = parpy.operators.sum(mass[:] * vel[:, d]) / N / mean_mass
            parpy.label("bodies")
            for i in range(N):
                x[d, i] = pos[i, d]
                v[d, i] = vel[i, d] - drift
    accelerate(mass, x, v, 0.0, G, softening, acc)
    with parpy.gpu:
        KE[0], PE[0] = energies(mass, x, v, G)
    for t in range(Nt):
        parpy.label("bodies")
        for i in range(N):
            for d in range(3):
                v[d, i] += acc[d, i] * dt / 2.0
                x[d, i] += v[d, i] * dt
        accelerate(mass, x, v, dt / 2.0, G, softening, acc)
        with parpy.gpu:
            KE[t + 1], PE[t + 1] = energies(mass, x, v, G)
    for d in range(3):
        parpy.label("bodies")
        for i in range(N):
            pos[i, d] = x[d, i]
            vel[i, d] = v[d, i]


def schedule(N: int, **others: float) -> dict[str, parpy.LoopPar]:
    return {
        "bodies": parpy.threads(N),
        "others": parpy.threads(N).reduce(),
        "masses": parpy.threads(N).reduce(),
    }
