"""Small kernels that users write first, against NumPy and Numba, in and out of cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import _numpy_programs
import _programs
import numpy as np
from _report import Group, Result
from _timing import calls, race

import parpy

PROGRAMS = ("sum_rows", "softmax_rows", "stencil")
TYPES = (np.float32, np.float64)
SHAPES = {"in cache": (256, 1024), "out of cache": (4096, 4096)}

# Three per cent are noise.
AT_MOST_OF_BEST = 1.03
# Code with parameters, for sizes that vary, over code for constants.
AT_MOST_OF_CONSTANTS = 1.10


def throughput(rounds: int, has_numba: bool, threads: int) -> Group:
    """Times each program in each type and size; the faster peer is the bar."""
    shapes = ", ".join(f"{where} {n} x {m}" for where, (n, m) in SHAPES.items())
    group = Group(
        f"Programs, {threads} threads",
        notes=[f"{shapes}; medians of {rounds} rounds; the bar is the faster peer and 3 %"],
    )
    if has_numba:
        import numba

        numba.set_num_threads(threads)
    for name in PROGRAMS:
        group.results += _raced(name, _contenders(name, has_numba), rounds, AT_MOST_OF_BEST)
    if has_numba:
        svml = "with" if numba.config.USING_SVML else "without"
        group.notes.append(f"Numba: threading layer {numba.threading_layer()}, {svml} Intel SVML")
    return group


def versions(rounds: int, threads: int) -> Group:
    """Times the code of each program that takes any size against that for the sizes of the call."""
    group = Group(
        f"Code for all sizes, {threads} threads",
        notes=["ParPy: specialize='never'; constants: specialize='always'"],
    )
    for name in PROGRAMS:
        contenders = {"ParPy": _parpy(name, "never"), "constants": _parpy(name, "always")}
        group.results += _raced(name, contenders, rounds, AT_MOST_OF_CONSTANTS)
    return group


def _raced(
    name: str, contenders: dict[str, Callable[..., None]], rounds: int, at_most_of_best: float
) -> list[Result]:
    """A program in each type and size."""
    results = []
    for dtype in TYPES:
        for where, shape in SHAPES.items():
            x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
            y = np.zeros(shape[:1] if name == "sum_rows" else shape, dtype)
            _check(name, contenders, x, y)
            loops = {who: calls(partial(run, x, y)) for who, run in contenders.items()}
            samples = race(loops, rounds, 0.005)
            results.append(
                Result(f"{name} {x.dtype} {where}", samples, at_most_of_best=at_most_of_best)
            )
    return results


def _contenders(name: str, has_numba: bool) -> dict[str, Callable[..., None]]:
    """The same program by each, as a function of input and output."""
    contenders = {"ParPy": _parpy(name), "NumPy": getattr(_numpy_programs, name)}
    if has_numba:
        import _numba_programs
        import numba

        program = getattr(_numba_programs, name)
        contenders["Numba"] = numba.njit(**_numba_programs.PARALLEL)(program)
    return contenders


def _parpy(name: str, specialize: str = "auto") -> Callable[..., None]:
    function = parpy.jit(getattr(_programs, name))
    options = {n: parpy.par({"rows": parpy.threads(n)}) for n, _ in SHAPES.values()}
    for opts in options.values():
        opts.specialize = specialize

    def run(x: np.ndarray, y: np.ndarray) -> None:
        n = len(x)
        function(x, y, n, opts=options[n])

    return run


def _check(
    name: str, contenders: dict[str, Callable[..., None]], x: np.ndarray, y: np.ndarray
) -> None:
    """Runs every contender once, which compiles it, and compares with NumPy in float64."""
    expected = np.zeros(y.shape)
    getattr(_numpy_programs, name)(x.astype(np.float64), expected)
    tolerance = 1e-3 if x.dtype == np.float32 else 1e-9
    for who, run in contenders.items():
        y[...] = 0
        run(x, y)
        if not np.allclose(y, expected, rtol=tolerance, atol=tolerance):
            raise RuntimeError(f"{who}: {name} on {x.shape} {x.dtype} differs from NumPy")
