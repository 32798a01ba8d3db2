"""The correlation matrix of variables, from samples in rows.

Source: PolyBench 4, `datamining/correlation`; NPBench, linear algebra.
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
OUTPUTS = ("corr",)

BLOCK = 64
CHUNK = 32
TILE = 8


def initialize(M: int, N: int) -> dict[str, Any]:
    return {
        "float_n": float(N),
        "data": np.fromfunction(lambda i, j: (i * j) / M + i, (N, M)),
        "corr": np.zeros((M, M)),
    }


def reference(float_n, data, corr):
    M = data.shape[1]
    mean = np.mean(data, axis=0)
    stddev = np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data -= mean
    data /= np.sqrt(float_n) * stddev
    corr[:] = np.eye(M)
    for i in range(M - 1):
        corr[i, i + 1 :] = data[:, i] @ data[:, i + 1 :]
        corr[i + 1 :, i] = corr[i, i + 1 :]


@parpy.jit
def kernel(float_n, data, corr):
    N, M = data.shape
    mean = np.zeros(M, data.dtype)
    stddev = np.zeros(M, data.dtype)
    parpy.label("sums")
    for k in range(N):
        parpy.label("columns")
        mean[:] += data[k, :]
    parpy.label("columns")
    mean[:] /= N
    parpy.label("sums")
    for k in range(N):
        parpy.label("columns")
        data[k, :] -= mean[:]
        parpy.label("columns")
        stddev[:] += data[k, :] * data[k, :]
    parpy.label("columns")
    for j in range(M):
        stddev[j] = np.sqrt(stddev[j] / N)
        if stddev[j] <= 0.1:
            stddev[j] = 1.0
    parpy.label("columns")
    stddev[:] *= np.sqrt(float_n)
    parpy.label("samples")
    parpy.label("columns")
    data[:, :] /= stddev[:]

    parpy.label("variables")
    parpy.label("columns")
    corr[:, :] = 0.0
    # So many samples at a time as stay in cache.
    for first in range(0, N, BLOCK):
        parpy.label("variables")
        for i in range(M):
            for k in range(first, min(first + BLOCK, N)):
                parpy.label("columns")
                corr[i, i + 1 :] += data[k, i] * data[k, i + 1 :]
    parpy.label("variables")
    for i in range(M):
        corr[i, i] = 1.0
        parpy.label("columns")
        for j in range(i):
            corr[i, j] = corr[j, i]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "sums": parpy.threads(N).reduce(),
        "samples": parpy.threads(N),
        "variables": parpy.threads(M),
        "columns": parpy.threads(min(M, 1024)),
    }


@parpy.jit
def gpu_kernel(float_n, data, corr):
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
    stddev = np.zeros(M, data.dtype)
    parpy.label("chunks")
    for chunk in range((N + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(M):
            s = 0.0
            for k in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, N)):
                s += data[k, j] * data[k, j]
            stddev[j] += s / N
    parpy.label("columns")
    for j in range(M):
        deviation = np.sqrt(stddev[j])
        stddev[j] = np.sqrt(float_n) * (1.0 if deviation <= 0.1 else deviation)
    parpy.label("samples")
    parpy.label("columns")
    data[:, :] /= stddev[:]
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
                    if i < j:
                        corr[i, j] = t[r]
                        corr[j, i] = t[r]
                    elif i == j:
                        corr[i, i] = 1.0


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "chunks": parpy.threads(-(-N // CHUNK)).reduce(),
        "samples": parpy.threads(N),
        "tiles": parpy.threads(-(-M // TILE)),
        "columns": parpy.threads(M).tpb(128),
    }
