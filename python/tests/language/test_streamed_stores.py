"""Loops that fill more than the caches store past them, and give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check

import parpy
from parpy import _llvm

PARALLEL = [{}, {"rows": parpy.threads(64)}]


@pytest.fixture(autouse=True)
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets programs believe that the last-level cache holds 64 KB."""
    host = _llvm._host()
    small = host._replace(target=host.target._replace(cache_size=1 << 16))
    monkeypatch.setattr(_llvm, "_host", lambda: small)


def neighbours(x, y, N):
    parpy.label("rows")
    for i in range(1, N - 1):
        y[i, 1:-1] = x[i, 1:-1] + x[i - 1, 1:-1] + x[i + 1, :-2]


def doubled(x, y):
    parpy.label("rows")
    y[:] = x[:] * 2


def stepped(x, y, T):
    for t in range(T):
        parpy.label("rows")
        y[:, :] = x[:, :] + t
        parpy.label("rows")
        x[:, :] = y[:, :] * 0.5


def streams(function, *arguments, **schedule) -> bool:
    opts = parpy.par(schedule)
    opts.backend = parpy.CompileBackend.Cpu
    return "!nontemporal" in parpy.print_compiled(function, list(arguments), opts=opts)


needs_x86 = pytest.mark.skipif(
    not _llvm.target().triple.startswith("x86_64"), reason="such stores are made on x86 alone"
)


@needs_x86
def test_large_arrays_are_streamed() -> None:
    x = np.zeros((40, 1200))
    assert streams(neighbours, x, x.copy(), 40, rows=parpy.threads(40))
    assert streams(stepped, x, x.copy(), 3, rows=parpy.threads(40))
    assert not streams(neighbours, x[:6], x[:6].copy(), 6, rows=parpy.threads(6))
    assert not streams(doubled, np.zeros(1000), np.zeros(1000))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "complex64", "int16"])
@pytest.mark.parametrize("shift", [0, 1, 3, 7])
def test_every_alignment(dtype: str, shift: int) -> None:
    """Rows begin anywhere within a cache line, and differently from row to row."""
    m = 4093
    x = np.random.default_rng(0).integers(0, 9, 12 * m + shift).astype(dtype)[shift:].reshape(12, m)
    y = np.zeros(12 * m + shift, dtype)[shift:].reshape(12, m)
    check(neighbours, x, y, 12, schedules=PARALLEL)


def test_sizes_that_vary() -> None:
    """One compilation decides as it runs."""
    f = parpy.jit(doubled)
    for n in [*range(8100, 8240, 7), 100_000, 1_000_000, 3]:
        x, y = np.arange(n, dtype=float), np.zeros(n + 2)
        f(x, y[1:-1])
        np.testing.assert_array_equal(y[1:-1], x * 2)
        assert y[0] == y[-1] == 0
    assert len(f.compilations) <= 4


def test_steps() -> None:
    x = np.random.default_rng(0).random((64, 2051))
    check(stepped, x, np.zeros_like(x), 4, schedules=PARALLEL)
