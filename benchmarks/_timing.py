"""Timing on a shared, noisy machine: contenders take turns, and medians are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import repeat

Loop = Callable[[int], object]
"""Makes so many calls of a contender, in a row."""

# Worker threads (OpenMP's, ours) spin for a while after their last region, and would take a core
# from the next contender. After this many seconds they sleep.
PAUSE = 0.01


def race(loops: Mapping[str, Loop], rounds: int, span: float) -> dict[str, list[float]]:
    """Times contenders in turns.

    A sample is the time of one loop over its number of calls. The loop itself is in it: about
    20 ns a call, subtracted nowhere. In each round everyone is timed once, starting with another
    contender each time; before a sample come a pause, and untimed calls that wake threads and
    fill caches.

    Args:
        loops: the contenders.
        rounds: how many samples each gives.
        span: how long a sample lasts at least, in seconds, and so how many calls it has.

    Returns:
        The samples of each contender, in seconds a call.
    """
    counts = {name: _count(loop, span) for name, loop in loops.items()}
    samples: dict[str, list[float]] = {name: [] for name in loops}
    names = list(loops)
    for _ in range(rounds):
        for name in names:
            loop, count = loops[name], counts[name]
            time.sleep(PAUSE)
            loop(max(1, count // 4))
            samples[name].append(_seconds(loop, count) / count)
        names.append(names.pop(0))
    return samples


def calls(function: Callable[[], object]) -> Loop:
    """A loop over calls without arguments."""

    def loop(count: int) -> None:
        for _ in repeat(None, count):
            function()

    return loop


def _count(loop: Loop, span: float) -> int:
    """How many calls last `span` seconds."""
    loop(1)
    count = 1
    while (elapsed := _seconds(loop, count)) < span / 4:
        count *= 4
    return max(1, round(count * span / elapsed))


def _seconds(loop: Loop, count: int) -> float:
    start = time.perf_counter()
    loop(count)
    return time.perf_counter() - start
