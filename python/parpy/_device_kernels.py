"""Copies between arrays on a GPU whose elements do not lie alike, in ParPy's own language."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from parpy import builtin
from parpy._jit import jit
from parpy._options import CompileBackend, CompileOptions, par
from parpy._schedule import threads
from parpy._structure import label
from parpy.types import ElemSize

__all__ = ["MOST_DIMENSIONS", "assignment"]

MOST_DIMENSIONS = 3


@functools.cache
def assignment(rank: int, T: ElemSize) -> Callable[[Any, Any], None]:
    """A function `(y, x)` that stores `x`, made a `T`, in `y` of the same shape, on the GPU.

    Args:
        rank: of both arrays, from 1 to `MOST_DIMENSIONS`.
        T: the element type of `y`.
    """

    def rows(y, x):  # type: ignore[no-untyped-def]
        label("columns")
        y[:] = builtin.convert(x[:], T)

    def planes(y, x):  # type: ignore[no-untyped-def]
        label("rows")
        label("columns")
        y[:, :] = builtin.convert(x[:, :], T)

    def volumes(y, x):  # type: ignore[no-untyped-def]
        label("planes")
        label("rows")
        label("columns")
        y[:, :, :] = builtin.convert(x[:, :, :], T)

    function = jit((rows, planes, volumes)[rank - 1])
    opts = _options(rank)

    def assign(y: Any, x: Any) -> None:
        function(y, x, opts=opts)

    return assign


@functools.cache
def _options(rank: int) -> CompileOptions:
    """The innermost dimension runs on the threads of a block, the others on blocks."""
    inner = threads(1 << 20 if rank == 1 else 256).tpb(256)
    schedule = {"columns": inner, "rows": threads(1 << 16), "planes": threads(1 << 14)}
    opts = par(dict(list(schedule.items())[:rank]))
    opts.backend = CompileBackend.Cuda
    # One version serves all sizes.
    opts.specialize = "never"
    return opts
