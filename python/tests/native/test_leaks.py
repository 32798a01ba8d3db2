"""Memory after many calls and many compilations.

The long versions run where the environment variable PARPY_LONG_TESTS is set.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import parpy

LONG = bool(os.environ.get("PARPY_LONG_TESTS"))
STATM = Path("/proc/self/statm")

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc")


def resident() -> int:
    """The bytes of memory that the process holds."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@parpy.jit
def add(x, y, z, d):
    parpy.label("N")
    for i in range(x.shape[0]):
        z[i] = x[i] + y[i] * d["a"] + d["x"][i]


def calls() -> dict[str, Callable[[], Any]]:
    x, y, z = np.ones(16), np.ones(16), np.zeros(16)
    opts = parpy.par({"N": parpy.threads(4)})
    cpu = parpy.CompileBackend.Cpu
    d: dict[str, Any] = {"a": 2.0, "x": np.ones(16)}
    other: dict[str, Any] = {"x": memoryview(np.ones(16)), "a": np.float64(2)}
    b = parpy.buffer.from_array(x, cpu)
    c, count = np.zeros(16, complex), itertools.count()

    def wrong() -> None:
        for bad in ([1], {"a": {}}, np.zeros(16, np.clongdouble), d["x"]):
            try:
                add(x, b, z, bad)
            except (parpy.CompileError, ValueError):
                continue
            raise AssertionError

    return {
        "arrays": lambda: add(x, y, z, d, opts=opts),
        "views": lambda: add(x[::-1], memoryview(y), z, other),
        "buffers": lambda: add(b, b, z, d, opts=opts),
        "keywords": lambda: add(d=d, z=z, y=x, x=y),
        "complex": lambda: add(x, y, c, {"a": complex(next(count), 1), "x": y}, opts=opts),
        "errors": wrong,
    }


@pytest.mark.parametrize("name", calls())
def test_calls_leave_memory_flat(name: str) -> None:
    call = calls()[name]
    count = 100_000 if LONG else 20_000
    if name == "errors":
        count //= 20
    for _ in range(count // 10):
        call()
    before, blocks = resident(), sys.getallocatedblocks()
    for _ in range(count):
        call()
    grown, more_blocks = resident() - before, sys.getallocatedblocks() - blocks
    assert more_blocks < 200
    assert grown < 512 * 1024, f"{count} calls left {grown} bytes"


@pytest.mark.parametrize("kind", ["versions", "functions"])
def test_compilations_cost_little(kind: str) -> None:
    always = parpy.CompileOptions(specialize="always")
    x = np.ones(16)

    def scale(x, a):
        x[:] = x[:] * a + 1.0

    function = parpy.jit(scale)

    def compile_one(number: int) -> None:
        f = function if kind == "versions" else parpy.jit(scale)
        # Not the numbers of the other kind, whose code is on disk.
        f(x, number + (0.5 if kind == "versions" else 0.25), opts=always)
        assert len(f.compilations) == (number + 1 if kind == "versions" else 1)

    # The table of versions is full after 64.
    warm_up, count = 80, 2000 if LONG else 200
    for number in range(warm_up):
        compile_one(number)
    before = resident()
    for number in range(warm_up, warm_up + count):
        compile_one(number)
    each = (resident() - before) / count
    assert each <= 80 * 1024, f"each compilation left {each / 1024:.1f} KB"
