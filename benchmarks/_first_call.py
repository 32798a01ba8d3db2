"""Times the first calls of a fresh process, and prints them as JSON; `_startup.py` runs it.

    python _first_call.py parpy|numba [--after-llvm]

Each time is that of decorating a function and calling it once, in seconds. With `--after-llvm`
the process loads llvmlite first, and says what that took: what remains is ours.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

PROGRAMS = ("sum_rows", "softmax_rows", "stencil")
SHAPE = (64, 128)


def main(contender: str, after_llvm: bool) -> None:
    """Times `contender` and prints what it took."""
    times = {}
    if after_llvm:
        times["llvmlite"] = _seconds(_load_llvm)
    start = time.perf_counter()
    first_calls = {"parpy": _parpy_calls, "numba": _numba_calls}[contender]()
    times["import"] = time.perf_counter() - start
    for name in PROGRAMS:
        x = np.random.default_rng(1).standard_normal(SHAPE, dtype=np.float32)
        y = np.zeros(SHAPE[:1] if name == "sum_rows" else SHAPE, np.float32)
        times[name] = _seconds(lambda first=first_calls[name], x=x, y=y: first(x, y))
        _check(name, x, y)
    print(json.dumps(times))


def _parpy_calls() -> dict[str, Callable[[np.ndarray, np.ndarray], None]]:
    import _programs

    import parpy

    def first_call(function: Callable[..., None]) -> Callable[..., None]:
        def call(x: np.ndarray, y: np.ndarray) -> None:
            opts = parpy.par({"rows": parpy.threads(len(x))})
            parpy.jit(function)(x, y, len(x), opts=opts)

        return call

    return {name: first_call(getattr(_programs, name)) for name in PROGRAMS}


def _numba_calls() -> dict[str, Callable[[np.ndarray, np.ndarray], None]]:
    import _numba_programs
    import numba

    def first_call(function: Callable[..., None]) -> Callable[..., None]:
        def call(x: np.ndarray, y: np.ndarray) -> None:
            numba.njit(**_numba_programs.PARALLEL, cache=True)(function)(x, y)

        return call

    return {name: first_call(getattr(_numba_programs, name)) for name in PROGRAMS}


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
