"""A convolution layer: images of several channels with several filters, and a bias.

Source: convolution as in neural networks, channels last; NPBench, deep learning.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 2, "C_in": 3, "C_out": 5, "K": 2, "H": 6, "W": 7},
    "S": {"N": 8, "C_in": 3, "C_out": 16, "K": 2, "H": 32, "W": 32},
    "M": {"N": 8, "C_in": 3, "C_out": 8, "K": 5, "H": 64, "W": 64},
    "L": {"N": 8, "C_in": 3, "C_out": 8, "K": 10, "H": 128, "W": 128},
    "paper": {"N": 8, "C_in": 3, "C_out": 16, "K": 20, "H": 256, "W": 256},
}
OUTPUTS = ("output",)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}

ROWS = 4
CHANNELS = 8
"""How many rows and channels of a column a thread of a GPU has."""


def initialize(N: int, C_in: int, C_out: int, K: int, H: int, W: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    return {
        "images": rng.random((N, H, W, C_in), dtype=np.float32),
        "weights": rng.random((K, K, C_in, C_out), dtype=np.float32),
        "bias": rng.random((C_out,), dtype=np.float32),
        "output": np.zeros((N, H - K + 1, W - K + 1, C_out), np.float32),
    }


def reference(images, weights, bias, output):
    K = weights.shape[0]
    for i in range(output.shape[1]):
        for j in range(output.shape[2]):
            output[:, i, j, :] = np.sum(
                images[:, i : i + K, j : j + K, :, np.newaxis] * weights[np.newaxis, :, :, :],
                axis=(1, 2, 3),
            )
    output[:] = output + bias


@parpy.jit
def kernel(images, weights, bias, output):
    N, height, width, _ = output.shape
    K, _, C_in, _ = weights.shape
    parpy.label("images")
    for n in range(N):
        parpy.label("rows")
        for i in range(height):
            for j in range(width):
                output[n, i, j, :] = bias[:]
                for y in range(K):
                    for x in range(K):
                        for c in range(C_in):
                            output[n, i, j, :] += images[n, i + y, j + x, c] * weights[y, x, c, :]


def schedule(N: int, C_in: int, C_out: int, K: int, H: int, W: int) -> dict[str, parpy.LoopPar]:
    return {"images": parpy.threads(N), "rows": parpy.threads(H - K + 1)}


@parpy.jit
def gpu_kernel(images, weights, bias, output):
    N, height, width, C_out = output.shape
    K, _, C_in, _ = weights.shape
    parpy.label("images")
    for n in range(N):
        parpy.label("groups")
        for g in range((C_out + CHANNELS - 1) // CHANNELS):
            parpy.label("tiles")
            for tile in range((height + ROWS - 1) // ROWS):
                parpy.label("columns")
                for j in range(width):
                    # In registers, for each weight and each pixel that is read.
                    s = np.zeros((ROWS, CHANNELS), np.float32)
                    for y in range(K):
                        for x in range(K):
                            for c in range(C_in):
                                for r in range(ROWS):
                                    row = min(tile * ROWS + r, height - 1) + y
                                    for o in range(CHANNELS):
                                        k = min(g * CHANNELS + o, C_out - 1)
                                        s[r, o] += images[n, row, j + x, c] * weights[y, x, c, k]
                    for r in range(ROWS):
                        for o in range(CHANNELS):
                            i = tile * ROWS + r
                            channel = g * CHANNELS + o
                            if i < height and channel < C_out:
                                output[n, i, j, channel] = s[r, o] + bias[channel]


def gpu_schedule(N: int, C_in: int, C_out: int, K: int, H: int, W: int) -> dict[str, parpy.LoopPar]:
    return {
        "images": parpy.threads(N),
        "groups": parpy.threads(-(-C_out // CHANNELS)),
        "tiles": parpy.threads(-(-(H - K + 1) // ROWS)),
        "columns": parpy.threads(min(W - K + 1, 256)),
    }
