"""Python functions for host code to call, which note what they were given."""

from __future__ import annotations

from typing import Any

import numpy as np

import parpy

log: list[Any] = []


@parpy.callback
def note(x):
    log.append(np.asarray(x).tolist())


@parpy.callback
def change(x, k) -> float:
    a = np.asarray(x)
    log.append((k, a.tolist()))
    a[...] = 2 * a + k
    return float(a.sum())
