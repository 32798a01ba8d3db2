"""The covariance matrix of variables, from samples in rows.

Source: PolyBench 4, `datamining/covariance`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 9, "N": 14},
    "S": {"M": 500, "N": 600},
    "M": {"M": 1400, "N": 1800},
    "L": {"M": 3200, "N": 4000},
    "paper": {"M": 1200, "N": 1400},
}
OUTPUTS = ("cov",)

BLOCK = 64
CHUNK = 32
TILE = 8


def initialize(M: int, N: int) -> dict[str, Any]:
    return {
        "float_n": float(N),
        "data": np.fromfunction(lambda i, j: (i * j) / M, (N, M)),
        "cov": np.zeros((M, M)),
    }


def reference(float_n, data, cov):
    mean = np.mean(data, axis=0)
    data -= mean
    for i in range(data.shape[1]):
        cov[i, i:] = data[:, i] @ data[:, i:] / (float_n - 1.0)
        cov[i:, i] = cov[i, i:]


@parpy.jit
def kernel(float_n, data, cov):
    N, M = data.shape
    mean = np.zeros(M, data.dtype)
    parpy.label("sums")
    for k in range(N):
        parpy.label("columns")
        mean[:] += data[k, :]
    parpy.label("columns")
    mean[:] /= N
    parpy.label("samples")
    parpy.label("columns")
    data[:, :] -= mean[:]

    parpy.label("variables")
    parpy.label("columns")
    cov[:, :] = 0.0
    # So many samples at a time as stay in cache.
    for first in range(0, N, BLOCK):
        parpy.label("variables")
        for i in range(M):
            for k in range(first, min(first + BLOCK, N)):
                parpy.label("columns")
                cov[i, i:] += data[k, i] * data[k, i:]
    parpy.label("variables")
    for i in range(M):
        parpy.label("columns")
        cov[i, i:] /= float_n - 1.0
    parpy.label("variables")
    for i in range(M):
        parpy.label("columns")
        for j in range(i):
            cov[i, j] = cov[j, i]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "sums": parpy.threads(N).reduce(),
        "samples": parpy.threads(N),
        "variables": parpy.threads(M),
        "columns": parpy.threads(min(M, 1024)),
    }


@parpy.jit
def gpu_kernel(float_n, data, cov):
    N, M = data.shape
    mean = np.zeros(M, data.dtype)
    parpy.label("chunks")
    for chunk in range((N + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(M):
            s = 0.0
            for k in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, N)):
                s += data[k, j]
            mean[j] += s / N
    parpy.label("samples")
    parpy.label("columns")
    data[:, :] -= mean[:]
    # A thread keeps so many products in registers, for each element that it reads of its column.
    parpy.label("tiles")
    for tile in range((M + TILE - 1) // TILE):
        parpy.label("columns")
        for j in range(M):
            if j >= tile * TILE:
                t = np.zeros(TILE, data.dtype)
                for k in range(N):
                    for r in range(TILE):
                        t[r] += data[k, min(tile * TILE + r, M - 1)] * data[k, j]
                for r in range(TILE):
                    i = tile * TILE + r
                    if i <= j:
                        cov[i, j] = t[r] / (float_n - 1.0)
                        cov[j, i] = t[r] / (float_n - 1.0)


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "chunks": parpy.threads(-(-N // CHUNK)).reduce(),
        "samples": parpy.threads(N),
        "tiles": parpy.threads(-(-M // TILE)),
        "columns": parpy.threads(M).tpb(128),
    }
