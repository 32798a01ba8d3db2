"""What a call costs that has next to nothing to do."""

from __future__ import annotations

import time
from itertools import repeat

import _programs
import numpy as np
from _report import Group, Result
from _timing import Loop, race

import parpy

SHAPE = (8, 16)


def cached_calls(rounds: int, has_numba: bool, threads: int) -> Group:
    """Times calls of functions that are compiled already."""
    sequential = Result(
        "with opts, sequential", race(_sequential(has_numba), rounds, 0.02), at_most=1e-6
    )
    regions = _regions(has_numba, threads)
    parallel = Result(
        f"with opts, a parallel region on {threads} cores",
        race(regions, rounds, 0.02),
        at_most=2e-6,
    )
    busy = ", ".join(f"{name} {_cores_busy(loop):.1f}" for name, loop in regions.items())
    return Group(
        f"Cached call, three arrays of {SHAPE[0]} rows",
        [sequential, parallel],
        [
            f"medians of {rounds} loops of calls each, by turns; nothing is subtracted",
            f"sequential: the sum of two matrices of {SHAPE[0]} x {SHAPE[1]} float32",
            "parallel: rows of a length that an array holds, so that ParPy cannot know how"
            " little there is to do and wakes its workers",
            "Numba's calls have no options",
            f"cores busy while the parallel calls run: {busy}",
        ],
    )


def _sequential(has_numba: bool) -> dict[str, Loop]:
    x, y, z = (np.full(SHAPE, value, np.float32) for value in (1, 2, 0))
    opts = parpy.par({"rows": parpy.threads(1)})
    loops = {"ParPy": _with_options(parpy.jit(_programs.add), (x, y, z), opts)}
    if has_numba:
        import _numba_programs as peers
        import numba

        loops["Numba"] = _plain(numba.njit(fastmath=True)(peers.add), (x, y, z))
    return _checked(loops, z, x + y)


def _regions(has_numba: bool, threads: int) -> dict[str, Loop]:
    x, z = np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    lengths = np.full(SHAPE[0], SHAPE[1])
    opts = parpy.par({"rows": parpy.threads(threads)})
    ragged = parpy.jit(_programs.double_ragged)
    loops = {"ParPy": _with_options(ragged, (x, lengths, z, SHAPE[0]), opts)}
    if has_numba:
        import _numba_programs as peers
        import numba

        double = numba.njit(**peers.PARALLEL)(peers.double_ragged)
        loops["Numba"] = _plain(double, (x, lengths, z))
    return _checked(loops, z, 2 * x)


def _checked(loops: dict[str, Loop], result: np.ndarray, expected: np.ndarray) -> dict[str, Loop]:
    """The loops, each run once, which compiles."""
    for name, loop in loops.items():
        result[:] = 0
        loop(1)
        if not np.array_equal(result, expected):
            raise RuntimeError(f"{name} gives a wrong result")
    return loops


def _with_options(function, arguments, opts) -> Loop:
    if len(arguments) == 3:
        a, b, c = arguments

        def loop(count: int) -> None:
            f, x, y, z, o = function, a, b, c, opts  # locals, as in a user's function
            for _ in repeat(None, count):
                f(x, y, z, opts=o)

    else:
        a, b, c, n = arguments

        def loop(count: int) -> None:
            f, x, y, z, m, o = function, a, b, c, n, opts
            for _ in repeat(None, count):
                f(x, y, z, m, opts=o)

    return loop


def _plain(function, arguments) -> Loop:
    a, b, c = arguments

    def loop(count: int) -> None:
        f, x, y, z = function, a, b, c
        for _ in repeat(None, count):
            f(x, y, z)

    return loop


def _cores_busy(loop: Loop) -> float:
    """Processor time over time passed: shows whether a region has its workers."""
    time.sleep(0.05)
    start, start_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < 0.1:
        loop(1000)
    return (time.process_time() - start_cpu) / (time.perf_counter() - start)
