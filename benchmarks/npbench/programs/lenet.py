"""Inference with LeNet-5: two convolutions with pooling, then three dense layers, in float32.

Source: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition,
1998; NPBench, domain "deep learning".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 4, "H": 28, "W": 28},
    "M": {"N": 8, "H": 56, "W": 56},
    "L": {"N": 8, "H": 176, "W": 176},
    "paper": {"N": 16, "H": 256, "W": 256},
    "test": {"N": 2, "H": 16, "W": 24},
}

OUTPUTS = ("scores",)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}

CHANNELS = 8
"""How many channels of a pixel a thread of a GPU has."""


def pooled(extent: int) -> int:
    """The extent of an image of `extent` after both convolutions and poolings."""
    return ((extent - 4) // 2 - 4) // 2


def initialize(N: int, H: int, W: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    flat = 16 * pooled(H) * pooled(W)
    shapes = {
        "images": (N, H, W, 1),
        "conv1": (5, 5, 1, 6),
        "conv1_bias": (6,),
        "conv2": (5, 5, 6, 16),
        "conv2_bias": (16,),
        "dense1": (flat, 120),
        "dense1_bias": (120,),
        "dense2": (120, 84),
        "dense2_bias": (84,),
        "dense3": (84, 10),
        "dense3_bias": (10,),
    }
    arrays = {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    return {**arrays, "scores": np.zeros((N, 10), np.float32)}


def reference(
    images,
    conv1,
    conv1_bias,
    conv2,
    conv2_bias,
    dense1,
    dense1_bias,
    dense2,
    dense2_bias,
    dense3,
    dense3_bias,
    scores,
):
    def convolved(x, weights):
        size = weights.shape[0]
        height, width = x.shape[1] - size + 1, x.shape[2] - size + 1
        y = np.empty((x.shape[0], height, width, weights.shape[3]), np.float32)
        for i in range(height):
            for j in range(width):
                window = x[:, i : i + size, j : j + size, :, np.newaxis]
                y[:, i, j, :] = np.sum(window * weights[np.newaxis], axis=(1, 2, 3))
        return y

    def pooled(x):
        y = np.empty((x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]), np.float32)
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                window = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :]
                y[:, i, j, :] = np.max(window, axis=(1, 2))
        return y

    x = pooled(np.maximum(convolved(images, conv1) + conv1_bias, 0))
    x = pooled(np.maximum(convolved(x, conv2) + conv2_bias, 0))
    x = x.reshape(len(x), -1)
    x = np.maximum(x @ dense1 + dense1_bias, 0)
    x = np.maximum(x @ dense2 + dense2_bias, 0)
    scores[:] = x @ dense3 + dense3_bias


@parpy.jit
def convolve(x, weights, bias, y):
    """The convolution of `x` without padding, plus a bias, rectified."""
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("rows")
        for i in range(y.shape[1]):
            parpy.label("columns")
            y[n, i, :, :] = bias[:]
            for p in range(weights.shape[0]):
                for q in range(weights.shape[1]):
                    for c in range(weights.shape[2]):
                        parpy.label("columns")
                        for j in range(y.shape[2]):
                            y[n, i, j, :] += x[n, i + p, j + q, c] * weights[p, q, c, :]
            parpy.label("columns")
            y[n, i, :, :] = parpy.builtin.maximum(y[n, i, :, :], 0.0)


@parpy.jit
def pool(x, y):
    """The greatest of each square of four pixels."""
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("rows")
        for i in range(y.shape[1]):
            parpy.label("columns")
            for j in range(y.shape[2]):
                y[n, i, j, :] = parpy.builtin.maximum(
                    parpy.builtin.maximum(x[n, 2 * i, 2 * j, :], x[n, 2 * i, 2 * j + 1, :]),
                    parpy.builtin.maximum(x[n, 2 * i + 1, 2 * j, :], x[n, 2 * i + 1, 2 * j + 1, :]),
                )


@parpy.jit
def connect_pixels(x, weights, bias, y):
    """A dense layer that takes the pixels of `x` in the order of memory, rectified."""
    height, width, channels = x.shape[1], x.shape[2], x.shape[3]
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("units")
        y[n, :] = bias[:]
        for i in range(height):
            for j in range(width):
                for c in range(channels):
                    parpy.label("units")
                    y[n, :] += x[n, i, j, c] * weights[(i * width + j) * channels + c, :]
        parpy.label("units")
        y[n, :] = parpy.builtin.maximum(y[n, :], 0.0)


@parpy.jit
def connect(x, weights, bias, y):
    """A dense layer."""
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("units")
        y[n, :] = bias[:]
        for k in range(weights.shape[0]):
            parpy.label("units")
            y[n, :] += x[n, k] * weights[k, :]


@parpy.jit
def rectify(y):
    parpy.label("images")
    parpy.label("units")
    y[:, :] = parpy.builtin.maximum(y[:, :], 0.0)


@parpy.jit
def kernel(
    images,
    conv1,
    conv1_bias,
    conv2,
    conv2_bias,
    dense1,
    dense1_bias,
    dense2,
    dense2_bias,
    dense3,
    dense3_bias,
    scores,
):
    N = images.shape[0]
    height = images.shape[1] - 4
    width = images.shape[2] - 4
    features1 = np.empty((N, height, width, 6), np.float32)
    pooled1 = np.empty((N, height // 2, width // 2, 6), np.float32)
    height = height // 2 - 4
    width = width // 2 - 4
    features2 = np.empty((N, height, width, 16), np.float32)
    pooled2 = np.empty((N, height // 2, width // 2, 16), np.float32)
    hidden1 = np.empty((N, 120), np.float32)
    hidden2 = np.empty((N, 84), np.float32)

    convolve(images, conv1, conv1_bias, features1)
    pool(features1, pooled1)
    convolve(pooled1, conv2, conv2_bias, features2)
    pool(features2, pooled2)
    connect_pixels(pooled2, dense1, dense1_bias, hidden1)
    connect(hidden1, dense2, dense2_bias, hidden2)
    rectify(hidden2)
    connect(hidden2, dense3, dense3_bias, scores)


def schedule(N: int, H: int, W: int) -> dict[str, parpy.LoopPar]:
    return {
        "images": parpy.threads(N),
        "rows": parpy.threads(H - 4),
        "columns": parpy.threads(W - 4),
        "units": parpy.threads(120),
    }


@parpy.jit
def convolve_pixels(x, weights, bias, y):
    """As `convolve`, with the channels of a pixel in registers."""
    channels = y.shape[3]
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("groups")
        for g in range((channels + CHANNELS - 1) // CHANNELS):
            parpy.label("rows")
            for i in range(y.shape[1]):
                parpy.label("columns")
                for j in range(y.shape[2]):
                    s = np.zeros(CHANNELS, np.float32)
                    for p in range(weights.shape[0]):
                        for q in range(weights.shape[1]):
                            for c in range(weights.shape[2]):
                                for o in range(CHANNELS):
                                    k = min(g * CHANNELS + o, channels - 1)
                                    s[o] += x[n, i + p, j + q, c] * weights[p, q, c, k]
                    for o in range(CHANNELS):
                        channel = g * CHANNELS + o
                        if channel < channels:
                            y[n, i, j, channel] = max(s[o] + bias[channel], 0.0)


@parpy.jit
def connect_rows(x, weights, bias, y):
    """As `connect_pixels`, with the rows of `x` side by side."""
    height, width, channels = x.shape[1], x.shape[2], x.shape[3]
    parpy.label("images")
    parpy.label("units")
    y[:, :] = bias[:]
    parpy.label("images")
    for n in range(y.shape[0]):
        parpy.label("sums")
        for i in range(height):
            parpy.label("units")
            for unit in range(y.shape[1]):
                s = np.float32(0.0)
                for j in range(width):
                    for c in range(channels):
                        s += x[n, i, j, c] * weights[(i * width + j) * channels + c, unit]
                y[n, unit] += s


@parpy.jit
def gpu_kernel(
    images,
    conv1,
    conv1_bias,
    conv2,
    conv2_bias,
    dense1,
    dense1_bias,
    dense2,
    dense2_bias,
    dense3,
    dense3_bias,
    scores,
):
    N = images.shape[0]
    height = images.shape[1] - 4
    width = images.shape[2] - 4
    features1 = np.empty((N, height, width, 6), np.float32)
    pooled1 = np.empty((N, height // 2, width // 2, 6), np.float32)
    height = height // 2 - 4
    width = width // 2 - 4
    features2 = np.empty((N, height, width, 16), np.float32)
    pooled2 = np.empty((N, height // 2, width // 2, 16), np.float32)
    hidden1 = np.empty((N, 120), np.float32)
    hidden2 = np.empty((N, 84), np.float32)

    convolve_pixels(images, conv1, conv1_bias, features1)
    pool(features1, pooled1)
    convolve_pixels(pooled1, conv2, conv2_bias, features2)
    pool(features2, pooled2)
    connect_rows(pooled2, dense1, dense1_bias, hidden1)
    rectify(hidden1)
    connect(hidden1, dense2, dense2_bias, hidden2)
    rectify(hidden2)
    connect(hidden2, dense3, dense3_bias, scores)


def gpu_schedule(N: int, H: int, W: int) -> dict[str, parpy.LoopPar]:
    return {
        "images": parpy.threads(N),
        "groups": parpy.threads(2),
        "rows": parpy.threads(H - 4),
        "columns": parpy.threads(min(W - 4, 256)),
        "sums": parpy.threads(pooled(H)).reduce(),
        "units": parpy.threads(120),
    }
