"""What a call costs that has next to nothing to do: three arrays of 16 numbers."""

from __future__ import annotations

import time
from itertools import repeat

import _programs
import numpy as np
from _report import Group, Result
from _timing import Loop, race

import parpy


def cached_calls(rounds: int, has_numba: bool, threads: int) -> Group:
    """Times calls of functions that are compiled already."""
    x, y, z = (np.full(16, value, np.float32) for value in (1, 2, 0))
    add = parpy.jit(_programs.add)
    serial, parallel = (parpy.par({"i": parpy.threads(n)}) for n in (1, threads))
    one = {"ParPy": _with_options(add, x, y, z, serial)}
    more = {"ParPy": _with_options(add, x, y, z, parallel)}
    if has_numba:
        import _numba_programs as peers
        import numba

        one["Numba"] = _plain(numba.njit(fastmath=True)(peers.add), x, y, z)
        more["Numba"] = _plain(numba.njit(**peers.PARALLEL)(peers.add_parallel), x, y, z)
    for loop in (*one.values(), *more.values()):
        z[:] = 0
        loop(1)
        if not np.array_equal(z, x + y):
            raise RuntimeError("add: a wrong result")
    group = Group(
        "Cached call, three arrays of 16 float32",
        [
            Result("with opts, sequential", race(one, rounds, 0.02), at_most=1e-6),
            Result(
                f"with opts, a parallel region on {threads} cores",
                race(more, rounds, 0.02),
                at_most=2e-6,
            ),
        ],
        [
            "a loop of calls in a function; the loop's own 20 ns or so are in every time",
            "Numba's calls have no options",
        ],
    )
    busy = ", ".join(f"{name} {_cores_busy(loop):.1f}" for name, loop in more.items())
    group.notes.append(f"cores busy while the parallel calls run: {busy}")
    return group


def _with_options(function, x, y, z, opts) -> Loop:
    def loop(count: int) -> None:
        f, a, b, c, o = function, x, y, z, opts  # locals, as in a user's function
        for _ in repeat(None, count):
            f(a, b, c, opts=o)

    return loop


def _plain(function, x, y, z) -> Loop:
    def loop(count: int) -> None:
        f, a, b, c = function, x, y, z
        for _ in repeat(None, count):
            f(a, b, c)

    return loop


def _cores_busy(loop: Loop) -> float:
    """Processor time over time passed: shows whether a region has its workers."""
    time.sleep(0.05)
    start, start_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < 0.1:
        loop(1000)
    return (time.process_time() - start_cpu) / (time.perf_counter() - start)
