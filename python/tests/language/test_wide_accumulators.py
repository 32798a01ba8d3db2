"""Declared reductions whose terms or sums are wider than the element that they go into."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check, decorated, expect, options

import parpy

REDUCE = {"N": parpy.threads(64).reduce()}


def adds(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[1] += x[i]


def subtracts_from_the_right(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[1] = y[1] - x[i] * 2


def greatest(x, y):
    parpy.label("N")
    for i in range(len(x)):
        y[1] = max(y[1], x[i])


def mixes(x, y):
    parpy.label("N")
    for i in range(len(x)):
        if x[i] > 3:
            y[1] += x[i]
        else:
            y[1] += 1.5


@pytest.mark.parametrize("program", [adds, subtracts_from_the_right, greatest, mixes])
@pytest.mark.parametrize(
    ("narrow", "wide"),
    [("float32", "float64"), ("float16", "float32"), ("float16", "float64")],
)
@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_elements_narrower_than_the_terms(program, narrow: str, wide: str, n: int) -> None:
    x, y = (np.arange(n) % 6).astype(wide), np.ones(3, narrow)
    check(program, x, y, schedules=[REDUCE], specialize="always")
    check(program, x, y, schedules=[REDUCE], specialize="never")


def test_the_sum_is_rounded_once() -> None:
    x, y = np.full(100_000, 1e-4), np.ones(2, np.float32)
    decorated(adds)(x, y, opts=options(REDUCE))
    assert y[1] == np.float32(11.0)


def histogram(h, b, w):
    parpy.label("N")
    for i in range(len(b)):
        h[b[i]] += w[i]


@pytest.mark.parametrize("n", [10, 5000])
@pytest.mark.parametrize("check_bounds", [False, True])
def test_private_copies_of_16_bit_floats(n: int, check_bounds: bool) -> None:
    b, w = np.arange(n) % 3, (np.arange(n) % 5 - 2).astype(np.float16)
    check(histogram, np.zeros(3, np.float16), b, w, schedules=[REDUCE], check_bounds=check_bounds)


def test_private_copies_accumulate_in_float32() -> None:
    """Plain Python stops at 2048, where adding 1 in float16 has no effect."""
    n = 24_000
    args = (np.zeros(3, np.float16), np.arange(n) % 3, np.ones(n, np.float16))
    assert (expect(histogram, *args)[0] == 2048).all()
    decorated(histogram)(*args, opts=options(REDUCE))
    assert (args[0] == 8000).all()


def test_a_wide_sum_in_private_copies() -> None:
    n = 6000
    args = (np.zeros(3, np.float32), np.arange(n) % 3, np.arange(float(n)))
    check(histogram, *args, schedules=[REDUCE], rtol=1e-6)
