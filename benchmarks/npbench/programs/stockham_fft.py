"""The discrete Fourier transform of R^K points, by Stockham's algorithm of radix R.

Source: Cochran and others, What is the fast Fourier transform?, 1967; NPBench, domain "signal
processing".
"""

import math
from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"R": 2, "K": 15},
    "M": {"R": 2, "K": 18},
    "L": {"R": 2, "K": 21},
    "paper": {"R": 4, "K": 10},
    "test": {"R": 3, "K": 5},
}

OUTPUTS = ("y",)
TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}
# The greatest sums are 10^4 and more.
TOLERANCE_OF_FLOAT32 = {"atol": 0.02}


def initialize(R: int, K: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    N = R**K
    x = rng.random(N) + 1j * rng.random(N)
    return {"N": N, "R": R, "K": K, "x": x, "y": np.zeros_like(x)}


def reference(N, R, K, x, y):
    row, column = np.ogrid[:R, :R]
    dft = np.exp(-2.0j * np.pi * row * column / R)
    y[:] = x
    for stage in range(K):
        blocks, block = R**stage, R ** (K - stage - 1)
        permuted = y.reshape(blocks, R, block).transpose(1, 0, 2)
        factors = np.exp(-2.0j * np.pi * row * np.arange(blocks) / (blocks * R))
        twiddled = permuted * factors[:, :, np.newaxis]
        y[:] = (dft @ twiddled.reshape(R, N // R)).reshape(N)


@parpy.jit
def kernel(N, R, K, x, y):
    M = N // R
    roots = np.empty(N, x.dtype)
    t = np.empty(N, x.dtype)
    parpy.label("points")
    for k in range(N):
        angle = -2.0 * math.pi * k / N
        roots[k] = math.cos(angle) + 1j * math.sin(angle)
    parpy.label("points")
    y[:] = x[:]
    blocks = 1
    block = M
    for _ in range(K):
        # A block is a part of the input that lies together; its copies in t are turned.
        parpy.label("blocks")
        for b in range(blocks):
            for r in range(R):
                low = (b * R + r) * block
                parpy.label("block")
                for m in range(block):
                    t[r * M + b * block + m] = roots[r * b * block] * y[low + m]
        parpy.label("points")
        for m in range(M):
            for s in range(R):
                z = t[m]
                for r in range(1, R):
                    z += roots[s * r * M % N] * t[r * M + m]
                y[s * M + m] = z
        blocks *= R
        block //= R


def schedule(R: int, K: int) -> dict[str, parpy.LoopPar]:
    return {
        "points": parpy.threads(R**K),
        "blocks": parpy.threads(R ** (K - 1)),
        "block": parpy.threads(R ** (K - 1)),
    }


@parpy.jit
def gpu_kernel(N, R, K, x, y):
    M = N // R
    roots = np.empty(N, x.dtype)
    t = np.empty(N, x.dtype)
    parpy.label("points")
    for k in range(N):
        angle = -2.0 * math.pi * k / N
        roots[k] = math.cos(angle) + 1j * math.sin(angle)
    parpy.label("points")
    y[:] = x[:]
    blocks = 1
    block = M
    for _ in range(K):
        # One loop over the elements of all blocks: there may be many short ones, or one long one.
        parpy.label("points")
        for i in range(M):
            b = i // block
            m = i % block
            for r in range(R):
                t[r * M + i] = roots[r * b * block] * y[(b * R + r) * block + m]
        parpy.label("points")
        for m in range(M):
            for s in range(R):
                z = t[m]
                for r in range(1, R):
                    z += roots[s * r * M % N] * t[r * M + m]
                y[s * M + m] = z
        blocks *= R
        block //= R


def gpu_schedule(R: int, K: int) -> dict[str, parpy.LoopPar]:
    return {"points": parpy.threads(R**K).tpb(256)}
