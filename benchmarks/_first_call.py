"""Times the first calls of a fresh process, and prints them as JSON; `_startup.py` runs it.

    python _first_call.py parpy|numba [--after-llvm]

For each program: what decorating it takes, and what the call takes, in seconds. With
`--after-llvm` the process loads llvmlite first, and says what that took: what remains is ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

PROGRAMS = ("sum_rows", "softmax_rows", "stencil")
SHAPE = (64, 128)


def main(contender: str, after_llvm: bool) -> None:
    """Times `contender` and prints what it took."""
    times = {}
    if after_llvm:
        times["llvmlite"] = _seconds(_load_llvm)
    start = time.perf_counter()
    decorators = {"parpy": _parpy, "numba": _numba}[contender]()
    times["import"] = time.perf_counter() - start
    for name in PROGRAMS:
        x = np.random.default_rng(1).standard_normal(SHAPE, dtype=np.float32)
        y = np.zeros(SHAPE[:1] if name == "sum_rows" else SHAPE, np.float32)
        start = time.perf_counter()
        program = decorators[name]()
        decorated = time.perf_counter()
        program(x, y)
        called = time.perf_counter()
        times[f"decorate {name}"] = decorated - start
        times[f"call {name}"] = called - decorated
        _check(name, x, y)
    print(json.dumps(times))


Program = Callable[[np.ndarray, np.ndarray], None]


def _parpy() -> dict[str, Callable[[], Program]]:
    import _programs

    import parpy

    def decorate(function: Callable[..., None]) -> Program:
        decorated = parpy.jit(function)

        def call(x: np.ndarray, y: np.ndarray) -> None:
            opts = parpy.par({"rows": parpy.threads(len(x))})
            decorated(x, y, len(x), opts=opts)

        return call

    return {name: partial(decorate, getattr(_programs, name)) for name in PROGRAMS}


def _numba() -> dict[str, Callable[[], Program]]:
    import _numba_programs
    import numba

    decorate = numba.njit(**_numba_programs.PARALLEL, cache=True)
    return {name: partial(decorate, getattr(_numba_programs, name)) for name in PROGRAMS}


def _load_llvm() -> None:
    import llvmlite.binding  # noqa: F401


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _check(name: str, x: np.ndarray, y: np.ndarray) -> None:
    import _numpy_programs

    expected = np.zeros_like(y)
    getattr(_numpy_programs, name)(x, expected)
    if not np.allclose(y, expected, rtol=1e-4, atol=1e-4):
        raise SystemExit(f"{name}: the result differs from NumPy's")


if __name__ == "__main__":
    main(sys.argv[1], "--after-llvm" in sys.argv[2:])
