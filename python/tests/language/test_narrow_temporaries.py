"""Temporaries of 8 and 16 bits and odd lengths: threads update an element by way of its word."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check, each

import parpy


def counts(x, y, m):
    t = np.zeros(m, x.dtype)
    parpy.label("N")
    for i in range(len(x)):
        t[i % m] += x[i]
    parpy.label("M")
    for j in range(m):
        y[j] = t[j]


@pytest.mark.parametrize("dtype", ["int8", "uint16", "float16"])
@pytest.mark.parametrize("m", [1, 5, 7])
def test_the_last_word_is_the_temporarys(dtype: str, m: int) -> None:
    x = (np.arange(40) % 3).astype(dtype)
    schedules = [{**s, "M": parpy.threads(8)} for s in each("N", reduce="N", threads=[64])]
    check(counts, x, np.zeros(m, dtype), m, schedules=schedules)
