"""Smoothing of an image by recursive filters, along rows and then along columns.

Source: Deriche, "Recursively implementing the Gaussian and its derivatives" (1993); PolyBench 4,
`medley/deriche`; NPBench, image processing.
"""

from typing import Any

import numpy as np

import parpy

SIZES = {
    "test": {"W": 14, "H": 11},
    "S": {"W": 400, "H": 200},
    "M": {"W": 1500, "H": 1000},
    "L": {"W": 6000, "H": 3000},
    "paper": {"W": 7680, "H": 4320},
}
OUTPUTS = ("out",)

BLOCK = 256


def initialize(W: int, H: int) -> dict[str, Any]:
    return {
        "alpha": 0.25,
        "image": np.fromfunction(lambda i, j: ((313 * i + 991 * j) % 65536) / 65535.0, (W, H)),
        "out": np.zeros((W, H)),
    }


def reference(alpha, image, out):
    W, H = image.shape
    k = (
        (1.0 - np.exp(-alpha))
        * (1.0 - np.exp(-alpha))
        / (1.0 + 2.0 * alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    )
    a1 = k
    a2 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = k * np.exp(-alpha) * (alpha + 1.0)
    a4 = -k * np.exp(-2.0 * alpha)
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)

    y1 = np.empty_like(image)
    y2 = np.empty_like(image)
    y1[:, 0] = a1 * image[:, 0]
    y1[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * y1[:, 0]
    for j in range(2, H):
        y1[:, j] = a1 * image[:, j] + a2 * image[:, j - 1] + b1 * y1[:, j - 1] + b2 * y1[:, j - 2]
    y2[:, -1] = 0.0
    y2[:, -2] = a3 * image[:, -1]
    for j in range(H - 3, -1, -1):
        y2[:, j] = (
            a3 * image[:, j + 1] + a4 * image[:, j + 2] + b1 * y2[:, j + 1] + b2 * y2[:, j + 2]
        )
    rows = y1 + y2

    y1[0, :] = a1 * rows[0, :]
    y1[1, :] = a1 * rows[1, :] + a2 * rows[0, :] + b1 * y1[0, :]
    for i in range(2, W):
        y1[i, :] = a1 * rows[i, :] + a2 * rows[i - 1, :] + b1 * y1[i - 1, :] + b2 * y1[i - 2, :]
    y2[-1, :] = 0.0
    y2[-2, :] = a3 * rows[-1, :]
    for i in range(W - 3, -1, -1):
        y2[i, :] = a3 * rows[i + 1, :] + a4 * rows[i + 2, :] + b1 * y2[i + 1, :] + b2 * y2[i + 2, :]
    out[:] = y1 + y2


@parpy.jit
def kernel(alpha, image, out):
    W, H = image.shape
    rows = np.empty((W, H), image.dtype)
    decay = np.exp(-alpha)
    k = (1.0 - decay) * (1.0 - decay) / (1.0 + 2.0 * alpha * decay - np.exp(2.0 * alpha))
    a1 = k
    a2 = k * decay * (alpha - 1.0)
    a3 = k * decay * (alpha + 1.0)
    a4 = -k * np.exp(-2.0 * alpha)
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)

    parpy.label("rows")
    for i in range(W):
        rows[i, 0] = a1 * image[i, 0]
        rows[i, 1] = a1 * image[i, 1] + a2 * image[i, 0] + b1 * rows[i, 0]
        for j in range(2, H):
            rows[i, j] = (
                a1 * image[i, j] + a2 * image[i, j - 1] + b1 * rows[i, j - 1] + b2 * rows[i, j - 2]
            )
        after = 0.0
        y = a3 * image[i, H - 1]
        rows[i, H - 2] += y
        for j in range(H - 3, -1, -1):
            y, after = a3 * image[i, j + 1] + a4 * image[i, j + 2] + b1 * y + b2 * after, y
            rows[i, j] += y

    # Columns are independent, but rows lie together: so many columns that rows stay in cache.
    back = np.empty((W, H), image.dtype)
    parpy.label("blocks")
    for b in range((H + BLOCK - 1) // BLOCK):
        c = b * BLOCK
        e = min(c + BLOCK, H)
        parpy.label("columns")
        out[0, c:e] = a1 * rows[0, c:e]
        parpy.label("columns")
        out[1, c:e] = a1 * rows[1, c:e] + a2 * rows[0, c:e] + b1 * out[0, c:e]
        for i in range(2, W):
            parpy.label("columns")
            out[i, c:e] = (
                a1 * rows[i, c:e]
                + a2 * rows[i - 1, c:e]
                + b1 * out[i - 1, c:e]
                + b2 * out[i - 2, c:e]
            )
        parpy.label("columns")
        back[W - 1, c:e] = 0.0
        parpy.label("columns")
        back[W - 2, c:e] = a3 * rows[W - 1, c:e]
        parpy.label("columns")
        out[W - 2, c:e] += back[W - 2, c:e]
        for i in range(W - 3, -1, -1):
            parpy.label("columns")
            back[i, c:e] = (
                a3 * rows[i + 1, c:e]
                + a4 * rows[i + 2, c:e]
                + b1 * back[i + 1, c:e]
                + b2 * back[i + 2, c:e]
            )
            parpy.label("columns")
            out[i, c:e] += back[i, c:e]


def schedule(W: int, H: int) -> dict[str, parpy.LoopPar]:
    return {
        "rows": parpy.threads(W).tpb(64),
        # Of one block too: on a GPU it is launched as a whole.
        "blocks": parpy.threads(max(2, (H + BLOCK - 1) // BLOCK)),
        "columns": parpy.threads(BLOCK),
    }
