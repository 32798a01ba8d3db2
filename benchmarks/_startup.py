"""What a user waits for before the first result: imports and first calls, in fresh processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _report import Group, Result, duration

_FIRST_CALL = Path(__file__).with_name("_first_call.py")

# NumPy comes first, so what is timed second is what the import adds to it.
_IMPORT = """
import json, time
start = time.perf_counter()
import numpy
numpy_loaded = time.perf_counter()
import {module}
print(json.dumps([numpy_loaded - start, time.perf_counter() - numpy_loaded]))
"""


def imports(rounds: int, has_numba: bool) -> Group:
    """Times `import parpy` after `import numpy`, and Numba's import likewise."""
    modules = {"ParPy": "parpy"} | ({"Numba": "numba"} if has_numba else {})
    commands = {name: ["-c", _IMPORT.format(module=m)] for name, m in modules.items()}
    for command in commands.values():
        _run(command)  # fills the caches of bytecode and of the disk
    numpy: list[float] = []
    above: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            base, added = _run(command)
            numpy.append(base)
            above[name].append(added)
    return Group(
        "Import, in fresh processes",
        [
            Result("import numpy", {"NumPy": numpy}),
            Result("import, after NumPy's", above, at_most=0.040),
        ],
        [f"medians of {rounds} processes each, by turns"],
    )


def first_calls(rounds: int, has_numba: bool, threads: int) -> Group:
    """Times first calls in processes with an empty disk cache, and then with a full one."""
    names = {"ParPy": "parpy"} | ({"Numba": "numba"} if has_numba else {})
    fresh: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    cached: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for name in names:
        _first_calls(names[name], threads)  # fills the caches of bytecode and of the disk
    for _ in range(rounds):
        for name, contender in names.items():
            first, second = _first_calls(contender, threads)
            fresh[name].append(first)
            cached[name].append(second)

    def column(
        runs: dict[str, list[dict[str, float]]], program: str, *also: str
    ) -> dict[str, list[float]]:
        parts = (f"decorate {program}", f"call {program}", *also)
        return {name: [sum(run[part] for part in parts) for run in runs[name]] for name in runs}

    def middle(part: str) -> str:
        return duration(statistics.median(run[part] for run in cached["ParPy"]))

    return Group(
        "First call, decorating and compiling included",
        [
            Result("softmax_rows, LLVM loaded", column(fresh, "softmax_rows"), at_most=0.120),
            Result("stencil, LLVM loaded", column(fresh, "stencil"), at_most=0.120),
            Result("sum_rows, fresh process", column(fresh, "sum_rows"), at_most=0.300),
            Result("  the same, import included", column(fresh, "sum_rows", "import")),
            Result(
                "sum_rows, from disk, beyond loading llvmlite",
                column(cached, "sum_rows"),
                at_most=0.010,
            ),
            Result("softmax_rows, from disk, after that", column(cached, "softmax_rows")),
        ],
        [
            f"medians of {rounds} processes each, by turns; an empty disk cache for each pair",
            f"ParPy from disk: {middle('decorate sum_rows')} of it for decorating, "
            f"{middle('call sum_rows')} for the call",
            f"loading llvmlite.binding takes {middle('llvmlite')}: ParPy does it in the first "
            "call of a fresh process, Numba at its import",
        ],
    )


def _first_calls(contender: str, threads: int) -> tuple[dict[str, float], dict[str, float]]:
    """The times of a process that compiles, and of one that finds its work in the disk cache."""
    with tempfile.TemporaryDirectory(prefix="parpy-benchmark-") as cache:
        environment = {
            "PARPY_CACHE_DIR": cache,
            "NUMBA_CACHE_DIR": cache,
            "PARPY_NUM_THREADS": str(threads),
            "NUMBA_NUM_THREADS": str(threads),
        }
        first = _run([str(_FIRST_CALL), contender], environment)
        files = _files(cache)
        second = _run([str(_FIRST_CALL), contender, "--after-llvm"], environment)
        if not files or _files(cache) != files:
            raise RuntimeError(f"{contender}: the second process did not use the disk cache")
        return first, second


def _files(directory: str) -> set[str]:
    return {name for _, _, names in os.walk(directory) for name in names}


def _run(arguments: list[str], environment: dict[str, str] | None = None) -> Any:
    """Runs Python in a process of its own, and reads the JSON that it prints."""
    environment = {**os.environ, **(environment or {})}
    # An installed package has its bytecode; so has what is timed here.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
