"""Moments of a matrix's resolvent along a contour in the complex plane.

For each point z of the contour: the matrix polynomial T(z), the solution X of T X = Y, and the sums
of ±X and ±z X. Source: the contour integral method for the boundary conditions of quantum
transport, as in OMEN; NPBench, physics.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"NR": 6, "NM": 9, "slab_per_bc": 2, "num_int_pts": 3},
    "S": {"NR": 50, "NM": 150, "slab_per_bc": 2, "num_int_pts": 32},
    "M": {"NR": 200, "NM": 400, "slab_per_bc": 2, "num_int_pts": 32},
    "L": {"NR": 600, "NM": 1000, "slab_per_bc": 2, "num_int_pts": 32},
    "paper": {"NR": 500, "NM": 1000, "slab_per_bc": 2, "num_int_pts": 32},
}
OUTPUTS = ("P0", "P1")

# Right-hand sides that are solved together: their part of the solution stays in cache.
BLOCK = 64


def initialize(NR: int, NM: int, slab_per_bc: int, num_int_pts: int) -> dict[str, Any]:
    rng = np.random.default_rng(42)

    def random(*shape: int) -> np.ndarray:
        return rng.random(shape) + 1j * rng.random(shape)

    return {
        "slab_per_bc": slab_per_bc,
        "Ham": random(slab_per_bc + 1, NR, NR),
        "int_pts": random(num_int_pts),
        "Y": random(NR, NM),
        "P0": np.zeros((NR, NM), np.complex128),
        "P1": np.zeros((NR, NM), np.complex128),
    }


def reference(slab_per_bc, Ham, int_pts, Y, P0, P1):
    NR, NM = Y.shape
    P0[:] = 0
    P1[:] = 0
    for z in int_pts:
        Tz = np.zeros((NR, NR), np.complex128)
        for n in range(slab_per_bc + 1):
            zz = np.power(z, slab_per_bc / 2 - n)
            Tz += zz * Ham[n]
        X = np.linalg.inv(Tz) if NR == NM else np.linalg.solve(Tz, Y)
        if abs(z) < 1.0:
            X = -X
        P0 += X
        P1 += z * X


@parpy.jit
def factorize(T, X):
    """T = P L U in place, by rows, with partial pivoting; and X = P X."""
    N = T.shape[0]
    sizes = np.empty(N, T.real.dtype)
    for k in range(N):
        with parpy.gpu:
            parpy.label("elements")
            sizes[k:] = abs(T[k:, k])
            parpy.label("elements")
            largest = parpy.operators.max(sizes[k:])
            best = N - 1
            parpy.label("pivots")
            for i in range(k, N):
                if sizes[i] == largest:
                    best = min(best, i)
            if best != k:
                parpy.label("elements")
                for j in range(N):
                    T[k, j], T[best, j] = T[best, j], T[k, j]
                parpy.label("elements")
                for j in range(X.shape[1]):
                    X[k, j], X[best, j] = X[best, j], X[k, j]
        parpy.label("rows")
        for i in range(k + 1, N):
            T[i, k] /= T[k, k]
            parpy.label("elements")
            T[i, k + 1 :] -= T[i, k] * T[k, k + 1 :]


@parpy.jit
def substitute(T, X):
    """X = U⁻¹ L⁻¹ X, for the factors that T holds."""
    N, M = X.shape
    parpy.label("blocks")
    for b in range((M + BLOCK - 1) // BLOCK):
        first = b * BLOCK
        end = min(first + BLOCK, M)
        for i in range(N):
            for k in range(i):
                parpy.label("block")
                X[i, first:end] -= T[i, k] * X[k, first:end]
        for i in range(N - 1, -1, -1):
            for k in range(i + 1, N):
                parpy.label("block")
                X[i, first:end] -= T[i, k] * X[k, first:end]
            parpy.label("block")
            X[i, first:end] /= T[i, i]


@parpy.jit
def kernel(slab_per_bc, Ham, int_pts, Y, P0, P1):
    NR, NM = Y.shape
    T = np.empty((NR, NR), Y.dtype)
    X = np.empty((NR, NM), Y.dtype)
    parpy.label("rows")
    for i in range(NR):
        parpy.label("elements")
        for j in range(NM):
            P0[i, j] = 0.0
            P1[i, j] = 0.0
    for m in range(len(int_pts)):
        parpy.label("rows")
        parpy.label("elements")
        T[:, :] = 0.0
        for n in range(slab_per_bc + 1):
            parpy.label("rows")
            for i in range(NR):
                zz = int_pts[m] ** (slab_per_bc / 2 - n)
                parpy.label("elements")
                T[i, :] += zz * Ham[n, i, :]
        parpy.label("rows")
        for i in range(NR):
            parpy.label("elements")
            for j in range(NM):
                if NR == NM:
                    X[i, j] = 1.0 if i == j else 0.0
                else:
                    X[i, j] = Y[i, j]
        factorize(T, X)
        substitute(T, X)
        parpy.label("rows")
        for i in range(NR):
            z = int_pts[m]
            sign = -1.0 if abs(z) < 1.0 else 1.0
            parpy.label("elements")
            P0[i, :] += sign * X[i, :]
            parpy.label("elements")
            P1[i, :] += sign * z * X[i, :]


def schedule(NR: int, NM: int, slab_per_bc: int, num_int_pts: int) -> dict[str, parpy.LoopPar]:
    elements = min(max(NR, NM), 1024)
    return {
        "rows": parpy.threads(NR),
        "elements": parpy.threads(elements),
        "pivots": parpy.threads(elements).reduce(),
        # Of one block too: on a GPU it is launched as a whole.
        "blocks": parpy.threads(max(2, (NM + BLOCK - 1) // BLOCK)),
        "block": parpy.threads(BLOCK),
    }


@parpy.jit
def factorize_all(T, X):
    """As `factorize`, for all matrices at once: the GPU needs the work of all of them."""
    L, N = T.shape[0], T.shape[1]
    M = X.shape[2]
    sizes = np.empty((L, N), T.real.dtype)
    for k in range(N):
        parpy.label("points")
        for m in range(L):
            parpy.label("elements")
            sizes[m, k:] = abs(T[m, k:, k])
            parpy.label("elements")
            largest = parpy.operators.max(sizes[m, k:])
            best = N - 1
            parpy.label("pivots")
            for i in range(k, N):
                if sizes[m, i] == largest:
                    best = min(best, i)
            if best != k:
                parpy.label("elements")
                for j in range(N):
                    T[m, k, j], T[m, best, j] = T[m, best, j], T[m, k, j]
                parpy.label("elements")
                for j in range(M):
                    X[m, k, j], X[m, best, j] = X[m, best, j], X[m, k, j]
        parpy.label("points")
        for m in range(L):
            parpy.label("rows")
            for i in range(k + 1, N):
                factor = T[m, i, k] / T[m, k, k]
                T[m, i, k] = factor
                parpy.label("row")
                T[m, i, k + 1 :] -= factor * T[m, k, k + 1 :]


@parpy.jit
def substitute_all(T, X):
    """As `substitute`, for all matrices at once, with a thread for each column of X."""
    N, M = X.shape[1], X.shape[2]
    parpy.label("points")
    for m in range(T.shape[0]):
        parpy.label("columns")
        for j in range(M):
            for i in range(N):
                s = X[m, i, j]
                for k in range(i):
                    s -= T[m, i, k] * X[m, k, j]
                X[m, i, j] = s
            for i in range(N - 1, -1, -1):
                s = X[m, i, j]
                for k in range(i + 1, N):
                    s -= T[m, i, k] * X[m, k, j]
                X[m, i, j] = s / T[m, i, i]


@parpy.jit
def gpu_kernel(slab_per_bc, Ham, int_pts, Y, P0, P1):
    NR, NM = Y.shape
    L = len(int_pts)
    T = np.empty((L, NR, NR), Y.dtype)
    X = np.empty((L, NR, NM), Y.dtype)
    parpy.label("points")
    for m in range(L):
        parpy.label("rows")
        for i in range(NR):
            parpy.label("row")
            for j in range(NR):
                t = 0j
                for n in range(slab_per_bc + 1):
                    t += int_pts[m] ** (slab_per_bc / 2 - n) * Ham[n, i, j]
                T[m, i, j] = t
            parpy.label("row")
            for j in range(NM):
                if NR == NM:
                    X[m, i, j] = 1.0 if i == j else 0.0
                else:
                    X[m, i, j] = Y[i, j]
    factorize_all(T, X)
    substitute_all(T, X)
    parpy.label("rows")
    for i in range(NR):
        parpy.label("row")
        for j in range(NM):
            p0 = 0j
            p1 = 0j
            for m in range(L):
                x = -X[m, i, j] if abs(int_pts[m]) < 1.0 else X[m, i, j]
                p0 += x
                p1 += int_pts[m] * x
            P0[i, j] = p0
            P1[i, j] = p1


def gpu_schedule(NR: int, NM: int, slab_per_bc: int, num_int_pts: int) -> dict[str, parpy.LoopPar]:
    elements = min(max(NR, NM), 1024)
    return {
        "points": parpy.threads(num_int_pts),
        "elements": parpy.threads(elements),
        "pivots": parpy.threads(elements).reduce(),
        "rows": parpy.threads(NR),
        "row": parpy.threads(min(max(NR, NM), 256)),
        "columns": parpy.threads(NM).tpb(64),
    }
