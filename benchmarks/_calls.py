"""What a call costs that has next to nothing to do: the sum of two small matrices."""

from __future__ import annotations

import time
from itertools import repeat

import _programs
import numpy as np
from _report import Group, Result
from _timing import Loop, race

import parpy

# Rows are shared out one by one, so that even this little work is a region of two workers.
SHAPE = (8, 16)


def cached_calls(rounds: int, has_numba: bool, threads: int) -> Group:
    """Times calls of functions that are compiled already."""
    one, more = _loops(1, has_numba), _loops(threads, has_numba)
    sequential = Result("with opts, sequential", race(one, rounds, 0.02), at_most=1e-6)
    parallel = Result(
        f"with opts, a parallel region on {threads} cores", race(more, rounds, 0.02), at_most=2e-6
    )
    busy = ", ".join(f"{name} {_cores_busy(loop):.1f}" for name, loop in more.items())
    return Group(
        f"Cached call, three arrays of {SHAPE[0]} x {SHAPE[1]} float32",
        [sequential, parallel],
        [
            f"medians of {rounds} loops of calls each, by turns; nothing is subtracted",
            "Numba's calls have no options",
            f"cores busy while the parallel calls run: {busy}",
        ],
    )


def _loops(threads: int, has_numba: bool) -> dict[str, Loop]:
    """Loops over calls, each checked once."""
    x, y, z = (np.full(SHAPE, value, np.float32) for value in (1, 2, 0))
    opts = parpy.par({"rows": parpy.threads(threads)})
    loops = {"ParPy": _with_options(parpy.jit(_programs.add), x, y, z, opts)}
    if has_numba:
        import _numba_programs as peers
        import numba

        add = (
            numba.njit(fastmath=True)(peers.add)
            if threads == 1
            else numba.njit(**peers.PARALLEL)(peers.add_parallel)
        )
        loops["Numba"] = _plain(add, x, y, z)
    for name, loop in loops.items():
        z[:] = 0
        loop(1)
        if not np.array_equal(z, x + y):
            raise RuntimeError(f"{name}: add gives a wrong result")
    return loops


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
