"""Horizontal diffusion of a field of a weather model, with flux limiters.

Source: the fourth-order diffusion of the COSMO model (Doms and Schättler), as in GridTools;
NPBench, weather.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"I": 5, "J": 6, "K": 7},
    "S": {"I": 64, "J": 64, "K": 60},
    "M": {"I": 128, "J": 128, "K": 160},
    "L": {"I": 384, "J": 384, "K": 160},
    "paper": {"I": 256, "J": 256, "K": 160},
}
OUTPUTS = ("out",)


def initialize(I: int, J: int, K: int) -> dict[str, Any]:  # noqa: E741
    rng = np.random.default_rng(42)
    return {
        "field": rng.random((I + 4, J + 4, K)),
        "out": np.zeros((I, J, K)),
        "coeff": rng.random((I, J, K)),
    }


def reference(field, out, coeff):
    lap = 4.0 * field[1:-1, 1:-1, :] - (
        field[2:, 1:-1, :] + field[:-2, 1:-1, :] + field[1:-1, 2:, :] + field[1:-1, :-2, :]
    )
    flx = lap[1:, 1:-1, :] - lap[:-1, 1:-1, :]
    flx = np.where(flx * (field[2:-1, 2:-2, :] - field[1:-2, 2:-2, :]) > 0, 0, flx)
    fly = lap[1:-1, 1:, :] - lap[1:-1, :-1, :]
    fly = np.where(fly * (field[2:-2, 2:-1, :] - field[2:-2, 1:-2, :]) > 0, 0, fly)
    out[:] = field[2:-2, 2:-2, :] - coeff * (
        flx[1:, :, :] - flx[:-1, :, :] + fly[:, 1:, :] - fly[:, :-1, :]
    )


@parpy.jit
def laplacian(f, i, j, k):
    return 4.0 * f[i, j, k] - (f[i + 1, j, k] + f[i - 1, j, k] + f[i, j + 1, k] + f[i, j - 1, k])


@parpy.jit
def flux(field, i, j, k, di, dj):
    """The flux to a neighbour, or 0 where it goes up the gradient."""
    flow = laplacian(field, i + di, j + dj, k) - laplacian(field, i, j, k)
    return 0.0 if flow * (field[i + di, j + dj, k] - field[i, j, k]) > 0 else flow


@parpy.jit
def kernel(field, out, coeff):
    nx, ny, nz = out.shape
    parpy.label("planes")
    for i in range(2, nx + 2):
        parpy.label("rows")
        for j in range(2, ny + 2):
            parpy.label("levels")
            for k in range(nz):
                out[i - 2, j - 2, k] = field[i, j, k] - coeff[i - 2, j - 2, k] * (
                    flux(field, i, j, k, 1, 0)
                    - flux(field, i - 1, j, k, 1, 0)
                    + flux(field, i, j, k, 0, 1)
                    - flux(field, i, j - 1, k, 0, 1)
                )


def schedule(I: int, J: int, K: int) -> dict[str, parpy.LoopPar]:  # noqa: E741
    return {"planes": parpy.threads(I), "levels": parpy.threads(K)}


def gpu_schedule(I: int, J: int, K: int) -> dict[str, parpy.LoopPar]:  # noqa: E741
    return schedule(I, J, K) | {"rows": parpy.threads(J)}
