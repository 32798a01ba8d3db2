"""Inference with one bottleneck block of a residual network, in float32.

Source: He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2016; NPBench, domain
"deep learning".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 8, "W": 14, "H": 14, "C1": 32, "C2": 8},
    "M": {"N": 8, "W": 28, "H": 28, "C1": 64, "C2": 16},
    "L": {"N": 8, "W": 56, "H": 56, "C1": 128, "C2": 32},
    "paper": {"N": 8, "W": 56, "H": 56, "C1": 256, "C2": 64},
    "test": {"N": 3, "W": 7, "H": 6, "C1": 5, "C2": 9},
}

OUTPUTS = ("y",)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}

EPSILON = 1e-5

TILE = 8
"""How many columns of a row a thread of a GPU has."""


def initialize(N: int, W: int, H: int, C1: int, C2: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    shapes = {
        "x": (N, H, W, C1),
        "conv1": (1, 1, C1, C2),
        "conv2": (3, 3, C2, C2),
        "conv3": (1, 1, C2, C1),
    }
    arrays = {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    return {**arrays, "y": np.zeros((N, H, W, C1), np.float32)}


def reference(x, conv1, conv2, conv3, y):
    def convolved(x, weights):
        size = weights.shape[0]
        height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
        y = np.empty((x.shape[0], height, width, weights.shape[3]), np.float32)
        for i in range(height):
            for j in range(width):
                window = x[:, i : i + size, j : j + size, :, np.newaxis]
                y[:, i, j, :] = np.sum(window * weights[np.newaxis], axis=(1, 2, 3))
        return y

    def normalized(x):
        mean = np.mean(x, axis=0, keepdims=True)
        std = np.std(x, axis=0, keepdims=True)
        return (x - mean) / np.sqrt(std + EPSILON)

    N, H, W, _ = x.shape
    padded = np.zeros((N, H + 2, W + 2, conv1.shape[3]), np.float32)
    padded[:, 1:-1, 1:-1, :] = convolved(x, conv1)
    inner = np.maximum(normalized(padded), 0)
    inner = np.maximum(normalized(convolved(inner, conv2)), 0)
    y[:] = np.maximum(normalized(convolved(inner, conv3)) + x, 0)


@parpy.jit
def convolve(x, weights, y):
    """The convolution of `x` without padding."""
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("rows")
        for i in range(y.shape[1]):
            parpy.label("columns")
            y[n, i, :, :] = 0.0
            for p in range(weights.shape[0]):
                for q in range(weights.shape[1]):
                    for c in range(weights.shape[2]):
                        parpy.label("columns")
                        for j in range(y.shape[2]):
                            y[n, i, j, :] += x[n, i + p, j + q, c] * weights[p, q, c, :]


@parpy.jit
def moments(x, i, j, c):
    """The mean of one value over the images, and what its differences from it are divided by."""
    N = x.shape[0]
    mean = 0.0
    for n in range(N):
        mean += x[n, i, j, c]
    mean /= N
    variance = 0.0
    for n in range(N):
        variance += (x[n, i, j, c] - mean) * (x[n, i, j, c] - mean)
    variance /= N
    return mean, parpy.operators.sqrt(parpy.operators.sqrt(variance) + EPSILON)


@parpy.jit
def normalize(x):
    """The values over the images, normalized and rectified in place."""
    parpy.label("rows")
    for i in range(x.shape[1]):
        parpy.label("columns")
        for j in range(x.shape[2]):
            parpy.label("channels")
            for c in range(x.shape[3]):
                mean, scale = moments(x, i, j, c)
                for n in range(x.shape[0]):
                    x[n, i, j, c] = max((x[n, i, j, c] - mean) / scale, 0.0)


@parpy.jit
def normalize_and_add(x, y):
    """The values over the images of `y`, normalized, `x` added, rectified in place."""
    parpy.label("rows")
    for i in range(y.shape[1]):
        parpy.label("columns")
        for j in range(y.shape[2]):
            parpy.label("channels")
            for c in range(y.shape[3]):
                mean, scale = moments(y, i, j, c)
                for n in range(y.shape[0]):
                    y[n, i, j, c] = max((y[n, i, j, c] - mean) / scale + x[n, i, j, c], 0.0)


@parpy.jit
def kernel(x, conv1, conv2, conv3, y):
    N, H, W = x.shape[0], x.shape[1], x.shape[2]
    padded = np.zeros((N, H + 2, W + 2, conv1.shape[3]), np.float32)
    inner = np.empty((N, H, W, conv2.shape[3]), np.float32)
    convolve(x, conv1, padded[:, 1:-1, 1:-1, :])
    normalize(padded)
    convolve(padded, conv2, inner)
    normalize(inner)
    convolve(inner, conv3, y)
    normalize_and_add(x, y)


def schedule(N: int, W: int, H: int, C1: int, C2: int) -> dict[str, parpy.LoopPar]:
    return {
        "images": parpy.threads(N),
        "rows": parpy.threads(H + 2),
        "columns": parpy.threads(W + 2),
        "channels": parpy.threads(max(C1, C2)),
    }


@parpy.jit
def convolve_tiles(x, weights, y):
    """As `convolve`, with a thread for each channel, which keeps a tile of a row in registers."""
    width = y.shape[2]
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("rows")
        for i in range(y.shape[1]):
            parpy.label("tiles")
            for tile in range((width + TILE - 1) // TILE):
                parpy.label("channels")
                for k in range(y.shape[3]):
                    s = np.zeros(TILE, np.float32)
                    for p in range(weights.shape[0]):
                        for q in range(weights.shape[1]):
                            for c in range(weights.shape[2]):
                                for r in range(TILE):
                                    j = min(tile * TILE + r, width - 1)
                                    s[r] += x[n, i + p, j + q, c] * weights[p, q, c, k]
                    for r in range(TILE):
                        if tile * TILE + r < width:
                            y[n, i, tile * TILE + r, k] = s[r]


@parpy.jit
def gpu_kernel(x, conv1, conv2, conv3, y):
    N, H, W = x.shape[0], x.shape[1], x.shape[2]
    padded = np.zeros((N, H + 2, W + 2, conv1.shape[3]), np.float32)
    inner = np.empty((N, H, W, conv2.shape[3]), np.float32)
    convolve_tiles(x, conv1, padded[:, 1:-1, 1:-1, :])
    normalize(padded)
    convolve_tiles(padded, conv2, inner)
    normalize(inner)
    convolve_tiles(inner, conv3, y)
    normalize_and_add(x, y)


def gpu_schedule(N: int, W: int, H: int, C1: int, C2: int) -> dict[str, parpy.LoopPar]:
    return schedule(N, W, H, C1, C2) | {"tiles": parpy.threads(-(-W // TILE))}
