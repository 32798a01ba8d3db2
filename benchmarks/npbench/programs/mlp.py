"""Inference with a perceptron of three dense layers and a softmax, in float32.

Source: NPBench, domain "deep learning".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"C_in": 3, "N": 8, "S0": 30000, "S1": 2000, "S2": 2000},
    "M": {"C_in": 3, "N": 8, "S0": 30000, "S1": 10000, "S2": 1000},
    "L": {"C_in": 3, "N": 8, "S0": 30000, "S1": 30000, "S2": 30000},
    "paper": {"C_in": 3, "N": 8, "S0": 30000, "S1": 10000, "S2": 1000},
    "test": {"C_in": 3, "N": 2, "S0": 700, "S1": 40, "S2": 30},
}

OUTPUTS = ("scores",)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}

STRIP = 512
"""How many columns of a weight matrix are taken at once: with a batch of 8, 16 KiB of results."""

SAMPLES = 8
CHUNK = 256
"""For so many samples a thread of a GPU adds up so many products, before it adds to a result."""


def initialize(C_in: int, N: int, S0: int, S1: int, S2: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)
    shapes = {
        "x": (N, C_in),
        "w1": (C_in, S0),
        "b1": (S0,),
        "w2": (S0, S1),
        "b2": (S1,),
        "w3": (S1, S2),
        "b3": (S2,),
    }
    # Around zero and scaled, so that the softmax is not decided by rounding.
    arrays = {
        name: (rng.random(shape, dtype=np.float32) - np.float32(0.5)) / np.float32(shape[0]) ** 0.5
        for name, shape in shapes.items()
    }
    return {**arrays, "scores": np.zeros((N, S2), np.float32)}


def reference(x, w1, b1, w2, b2, w3, b3, scores):
    x = np.maximum(x @ w1 + b1, 0)
    x = np.maximum(x @ w2 + b2, 0)
    x = x @ w3 + b3
    x = np.exp(x - np.max(x, axis=-1, keepdims=True))
    scores[:] = x / np.sum(x, axis=-1, keepdims=True)


@parpy.jit
def connect(x, weights, bias, y):
    """A dense layer, in strips of columns, so that the weights are read once for all samples."""
    parpy.label("strips")
    for strip in range((y.shape[1] + STRIP - 1) // STRIP):
        low = strip * STRIP
        high = min(low + STRIP, y.shape[1])
        for n in range(y.shape[0]):
            parpy.label("columns")
            y[n, low:high] = bias[low:high]
        for k in range(weights.shape[0]):
            for n in range(y.shape[0]):
                parpy.label("columns")
                y[n, low:high] += x[n, k] * weights[k, low:high]


@parpy.jit
def rectify(y):
    parpy.label("samples")
    parpy.label("units")
    y[:, :] = parpy.builtin.maximum(y[:, :], 0.0)


@parpy.jit
def softmax(y):
    parpy.label("samples")
    for n in range(y.shape[0]):
        parpy.label("units")
        highest = parpy.operators.max(y[n, :])
        parpy.label("units")
        y[n, :] = parpy.operators.exp(y[n, :] - highest)
        parpy.label("units")
        total = parpy.operators.sum(y[n, :])
        parpy.label("units")
        y[n, :] /= total


@parpy.jit
def kernel(x, w1, b1, w2, b2, w3, b3, scores):
    hidden1 = np.empty((x.shape[0], w1.shape[1]), np.float32)
    hidden2 = np.empty((x.shape[0], w2.shape[1]), np.float32)
    connect(x, w1, b1, hidden1)
    rectify(hidden1)
    connect(hidden1, w2, b2, hidden2)
    rectify(hidden2)
    connect(hidden2, w3, b3, scores)
    softmax(scores)


def schedule(C_in: int, N: int, S0: int, S1: int, S2: int) -> dict[str, parpy.LoopPar]:
    widest = max(S0, S1, S2)
    return {
        "strips": parpy.threads(-(-widest // STRIP)),
        "columns": parpy.threads(STRIP),
        "samples": parpy.threads(N),
        "units": parpy.threads(widest),
    }


@parpy.jit
def connect_chunks(x, weights, bias, y):
    """A dense layer, whose weights are read once for SAMPLES samples."""
    N, depth = x.shape
    parpy.label("samples")
    parpy.label("units")
    y[:, :] = bias[:]
    for g in range((N + SAMPLES - 1) // SAMPLES):
        parpy.label("chunks")
        for chunk in range((depth + CHUNK - 1) // CHUNK):
            parpy.label("columns")
            for j in range(y.shape[1]):
                s = np.zeros(SAMPLES, np.float32)
                for k in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, depth)):
                    for n in range(SAMPLES):
                        s[n] += x[min(g * SAMPLES + n, N - 1), k] * weights[k, j]
                for n in range(SAMPLES):
                    if g * SAMPLES + n < N:
                        y[g * SAMPLES + n, j] += s[n]


@parpy.jit
def gpu_kernel(x, w1, b1, w2, b2, w3, b3, scores):
    hidden1 = np.empty((x.shape[0], w1.shape[1]), np.float32)
    hidden2 = np.empty((x.shape[0], w2.shape[1]), np.float32)
    connect_chunks(x, w1, b1, hidden1)
    rectify(hidden1)
    connect_chunks(hidden1, w2, b2, hidden2)
    rectify(hidden2)
    connect_chunks(hidden2, w3, b3, scores)
    softmax(scores)


def gpu_schedule(C_in: int, N: int, S0: int, S1: int, S2: int) -> dict[str, parpy.LoopPar]:
    return {
        "samples": parpy.threads(N),
        "units": parpy.threads(min(max(S0, S1, S2), 1024)),
        "chunks": parpy.threads(-(-max(S0, S1) // CHUNK)).reduce(),
        "columns": parpy.threads(max(S0, S1, S2)).tpb(256),
    }
