"""What callbacks of the tests note."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import parpy

log: list[Any] = []


@parpy.callback
def note(x):
    log.append(np.array(x).tolist())


def run(function: Callable[..., None], *args: Any, **settings: Any) -> list[Any]:
    """What a function notes, decorated; the same as undecorated, arrays included."""
    mine, theirs = ([np.copy(a) if isinstance(a, np.ndarray) else a for a in args] for _ in "ab")
    function(*theirs)
    expected = log.copy()
    log.clear()
    parpy.jit(function)(*mine, opts=parpy.CompileOptions(**settings))
    assert log == expected
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    return expected
