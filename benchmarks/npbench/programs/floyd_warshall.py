"""The lengths of the shortest paths between all pairs of nodes of a graph.

Source: Floyd, "Algorithm 97: Shortest path" (1962); PolyBench 4, `medley/floyd-warshall`; NPBench,
graphs.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"N": 13},
    "S": {"N": 200},
    "M": {"N": 400},
    "L": {"N": 850},
    "paper": {"N": 2800},
}
OUTPUTS = ("path",)


def initialize(N: int) -> dict[str, Any]:
    i, j = np.indices((N, N))
    far = ((i + j) % 13 == 0) | ((i + j) % 7 == 0) | ((i + j) % 11 == 0)
    return {"path": np.where(far, 999, i * j % 7 + 1).astype(np.int32)}


def reference(path):
    for k in range(path.shape[0]):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))


@parpy.jit
def kernel(path):
    N = path.shape[0]
    for k in range(N):
        # Row k does not change: no way from a node to itself is shorter than none.
        parpy.label("rows")
        for i in range(N):
            if i != k:
                d = path[i, k]
                parpy.label("columns")
                for j in range(N):
                    path[i, j] = min(path[i, j], d + path[k, j])


def schedule(N: int) -> dict[str, parpy.LoopPar]:
    return {"rows": parpy.threads(N), "columns": parpy.threads(min(N, 1024))}
