"""Nussinov's dynamic program for the folding of RNA: the most base pairs in each piece of it.

Source: Nussinov, Pieczenik, Griggs and Kleitman, Algorithms for loop matchings, 1978; PolyBench
4.2, medley/nussinov; NPBench, domain "other".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 40},
    "M": {"N": 90},
    "L": {"N": 220},
    "paper": {"N": 500},
    "test": {"N": 33},
}

OUTPUTS = ("table",)


def initialize(N: int) -> dict[str, Any]:
    seq = (np.arange(N, dtype=np.int32) + 1) % 4
    return {"seq": seq, "table": np.zeros((N, N), np.int32)}


def reference(seq, table):
    N = len(seq)
    for i in range(N - 1, -1, -1):
        for j in range(i + 1, N):
            table[i, j] = max(table[i, j], table[i, j - 1])
            if i + 1 < N:
                table[i, j] = max(table[i, j], table[i + 1, j])
                pair = 1 if i < j - 1 and seq[i] + seq[j] == 3 else 0
                table[i, j] = max(table[i, j], table[i + 1, j - 1] + pair)
            for k in range(i + 1, j):
                table[i, j] = max(table[i, j], table[i, k] + table[k + 1, j])


@parpy.jit
def kernel(seq, table):
    N = len(seq)
    with parpy.gpu:
        for i in range(N - 2, -1, -1):
            parpy.label("columns")
            for j in range(i + 1, N):
                pair = 1 if i < j - 1 and seq[i] + seq[j] == 3 else 0
                table[i, j] = max(table[i, j], table[i + 1, j], table[i + 1, j - 1] + pair)
            # From left to right: element k is final when it is its turn, then all behind it
            # learn of the split after k.
            for k in range(i + 1, N - 1):
                table[i, k] = max(table[i, k], table[i, k - 1])
                parpy.label("columns")
                for j in range(k + 1, N):
                    table[i, j] = max(table[i, j], table[i, k] + table[k + 1, j])
            table[i, N - 1] = max(table[i, N - 1], table[i, N - 2])


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"columns": parpy.threads(N - 1)}


@parpy.jit
def gpu_kernel(seq, table):
    N = len(seq)
    # Cells of one diagonal do not depend on each other.
    for distance in range(1, N):
        parpy.label("cells")
        for i in range(N - distance):
            j = i + distance
            pair = 1 if i < j - 1 and seq[i] + seq[j] == 3 else 0
            best = max(table[i, j], table[i, j - 1], table[i + 1, j], table[i + 1, j - 1] + pair)
            parpy.label("splits")
            for k in range(i + 1, j):
                best = max(best, table[i, k] + table[k + 1, j])
            table[i, j] = best


def gpu_schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"cells": parpy.threads(N), "splits": parpy.threads(min(N, 128)).reduce()}
