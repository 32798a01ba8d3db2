"""Starts a process for each program, so that none can harm another."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.npbench._result import Options, Result, Status

_ROOT = Path(__file__).parents[2]


def run_all(names: Sequence[str], options: Options, threads: int, jobs: int) -> Iterator[Result]:
    """The results of programs as they come, of which so many run at a time as there are jobs."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(run, name, options, threads) for name in names]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def run(name: str, options: Options, threads: int) -> Result:
    """Measures the program `name` in a fresh process with an empty disk cache.

    Args:
        name: the program.
        options: what is measured.
        threads: how many threads ParPy and Numba have; NumPy's libraries have what they take.
    """
    with tempfile.TemporaryDirectory(prefix="parpy-npbench-") as folder:
        asked, given = Path(folder, "options.json"), Path(folder, "result.json")
        asked.write_text(json.dumps(dataclasses.asdict(options)))
        environment = {
            **os.environ,
            "PARPY_CACHE_DIR": str(Path(folder, "cache")),
            "PARPY_NUM_THREADS": str(threads),
            "NUMBA_NUM_THREADS": str(threads),
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.npbench._child", name, str(given), str(asked)],
                cwd=_ROOT,
                env=environment,
                capture_output=True,
                text=True,
                timeout=options.timeout,
            )
        except subprocess.TimeoutExpired:
            return Result(name, Status.TIMED_OUT, f"after {options.timeout:g} s")
        if done.returncode < 0:
            return Result(name, Status.CRASHED, signal.Signals(-done.returncode).name)
        if done.returncode > 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            return Result(name, Status.FAILED, lines[-1])
        return Result.of(json.loads(given.read_text()))
