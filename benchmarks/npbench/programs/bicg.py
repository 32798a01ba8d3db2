"""The two matrix-vector products of the biconjugate gradient method: s = Aᵀ r and q = A p.

Source: PolyBench 4, `linear-algebra/kernels/bicg`; NPBench, linear algebra.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"M": 18, "N": 13},
    "S": {"M": 4000, "N": 5000},
    "M": {"M": 10_000, "N": 12_500},
    "L": {"M": 20_000, "N": 25_000},
    "paper": {"M": 18_000, "N": 22_000},
}
OUTPUTS = ("s", "q")

CHUNK = 64
"""How many rows a thread of a GPU adds up before it adds to the result."""


def initialize(M: int, N: int) -> dict[str, Any]:
    i, j = np.ogrid[:N, :M]
    return {
        "A": i * (j + 1) % N / N,
        "p": np.fromfunction(lambda i: (i % M) / M, (M,)),
        "r": np.fromfunction(lambda i: (i % N) / N, (N,)),
        "s": np.zeros(M),
        "q": np.zeros(N),
    }


def reference(A, p, r, s, q):
    s[:] = r @ A
    q[:] = A @ p


@parpy.jit
def kernel(A, p, r, s, q):
    parpy.label("columns")
    s[:] = 0.0
    # Both products of a row while it is in cache.
    parpy.label("rows")
    for i in range(A.shape[0]):
        parpy.label("columns")
        q[i] = parpy.operators.sum(A[i, :] * p[:])
        parpy.label("columns")
        s[:] += r[i] * A[i, :]


def schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N).reduce(), "columns": parpy.threads(min(M, 1024))}


@parpy.jit
def gpu_kernel(A, p, r, s, q):
    N, M = A.shape
    # One product has a block of threads for each row, the other a thread for each column.
    parpy.label("rows")
    for i in range(N):
        parpy.label("row")
        q[i] = parpy.operators.sum(A[i, :] * p[:])
    parpy.label("columns")
    s[:] = 0.0
    parpy.label("chunks")
    for chunk in range((N + CHUNK - 1) // CHUNK):
        parpy.label("columns")
        for j in range(M):
            t = 0.0
            for i in range(chunk * CHUNK, min(chunk * CHUNK + CHUNK, N)):
                t += r[i] * A[i, j]
            s[j] += t


def gpu_schedule(M: int, N: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(N),
        "row": parpy.threads(min(M, 1024)),
        "chunks": parpy.threads(-(-N // CHUNK)).reduce(),
        "columns": parpy.threads(M).tpb(256),
    }
