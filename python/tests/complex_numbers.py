"""Complex numbers that programs are tested with."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, -3.25, 1e-30, np.inf, -np.inf, np.nan]


def values(dtype: str, n: int = 67, seed: int = 1) -> np.ndarray:
    """Numbers of moderate size; of complex types all over the plane."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(n) < 0.5
    kind = np.dtype(dtype).kind
    if kind in "iu":
        return rng.integers(0 if kind == "u" else -9, 10, n).astype(dtype)
    x = rng.normal(size=n)
    return (x + 1j * rng.normal(size=n)).astype(dtype) if kind == "c" else x.astype(dtype)


def corners(dtype: str, parts: Any = CORNERS) -> np.ndarray:
    """All pairs of the given parts."""
    return np.array([complex(a, b) for a, b in itertools.product(parts, parts)], dtype)
