"""The softmax of the rows of a batch of attention scores, in float32.

Source: NPBench, domain "deep learning".
"""

from typing import Any

import numpy as np

import parpy

SIZES: dict[str, dict[str, int]] = {
    "S": {"N": 16, "H": 16, "SM": 128},
    "M": {"N": 32, "H": 16, "SM": 256},
    "L": {"N": 64, "H": 16, "SM": 448},
    "paper": {"N": 64, "H": 16, "SM": 512},
    "test": {"N": 2, "H": 3, "SM": 37},
}

OUTPUTS = ("out",)
TOLERANCE = {"rtol": 1e-5, "atol": 1e-7}


def initialize(N: int, H: int, SM: int) -> dict[str, Any]:
    x = np.random.default_rng(42).random((N, H, SM, SM), dtype=np.float32)
    return {"x": x, "out": np.zeros_like(x)}


def reference(x, out):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    out[:] = e / np.sum(e, axis=-1, keepdims=True)


@parpy.jit
def kernel(x, out):
    parpy.label("batch")
    for n in range(x.shape[0]):
        parpy.label("heads")
        for h in range(x.shape[1]):
            parpy.label("rows")
            for i in range(x.shape[2]):
                parpy.label("columns")
                highest = parpy.operators.max(x[n, h, i, :])
                parpy.label("columns")
                out[n, h, i, :] = parpy.operators.exp(x[n, h, i, :] - highest)
                parpy.label("columns")
                total = parpy.operators.sum(out[n, h, i, :])
                parpy.label("columns")
                out[n, h, i, :] /= total


def schedule(N: int, H: int, SM: int) -> dict[str, parpy.LoopPar]:
    return {
        "batch": parpy.threads(N),
        "heads": parpy.threads(H),
        "rows": parpy.threads(SM),
        "columns": parpy.threads(SM),
    }


def gpu_schedule(N: int, H: int, SM: int) -> dict[str, parpy.LoopPar]:
    return schedule(N, H, SM) | {"columns": parpy.threads(min(SM, 128))}
