"""Measures what ParPy costs and gains beside NumPy and Numba, against the bars it is to meet.

    python benchmarks/overhead.py [--quick] [--json FILE] [--only GROUP ...]

Exits with 1 where a bar is missed. Numba is a peer where it is installed: pip install numba.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import _machine
from _report import Group

GROUPS = ("calls", "first", "import", "programs", "versions")


def main() -> int:
    """Runs the groups that are asked for, prints their tables and writes the result file."""
    arguments = _arguments()
    threads = arguments.threads
    # Both are read once, before the first region.
    os.environ["PARPY_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = str(threads)
    # The bars are those of the CPU, on machines with a GPU too.
    os.environ["PARPY_DEFAULT_BACKEND"] = "Cpu"
    has_numba = importlib.util.find_spec("numba") is not None
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    machine, versions = _machine.machine(), _machine.versions()
    _print_heading(machine, versions, started)
    if threads < 2:
        print("note: one core: the bars for two threads mean little here\n")
    if not has_numba:
        print("note: Numba is not installed, so it is no peer; pip install numba\n")

    groups = []
    for name in GROUPS:
        if name in arguments.only:
            neighbours = _machine.Neighbours()
            group = _measure(name, arguments.quick, has_numba, threads)
            group.others = neighbours.cores()
            print(group.table(), end="\n\n", flush=True)
            groups.append(group)
    machine["load_average_at_end"] = _machine.load_average()

    verdicts = [result.passed for group in groups for result in group.results]
    met, missed = verdicts.count(True), verdicts.count(False)
    print(f"{met} of {met + missed} bars met")
    if arguments.json:
        data = {
            "benchmark": "overhead",
            "date": started,
            "quick": arguments.quick,
            "threads": threads,
            "machine": machine,
            "versions": versions,
            "groups": [group.data() for group in groups],
        }
        arguments.json.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return 1 if missed else 0


def _measure(name: str, quick: bool, has_numba: bool, threads: int) -> Group:
    # Imported late: ParPy and Numba read their thread counts when they are loaded.
    import _startup

    if name == "first":
        return _startup.first_calls(3 if quick else 9, has_numba, threads)
    if name == "import":
        return _startup.imports(7 if quick else 15, has_numba)
    if name == "calls":
        import _calls

        return _calls.cached_calls(7 if quick else 25, has_numba, threads)
    import _throughput

    if name == "versions":
        return _throughput.versions(7 if quick else 25, threads)
    return _throughput.throughput(7 if quick else 51, has_numba, threads)


def _arguments() -> argparse.Namespace:
    cores = _machine.cores()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument(
        "--threads", type=int, default=min(2, cores), help=f"of everyone; default {min(2, cores)}"
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.threads <= cores:
        parser.error(f"--threads must be from 1 to {cores}, the cores of this process")
    return arguments


def _print_heading(machine: dict[str, Any], versions: dict[str, str], started: str) -> None:
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    caches = ", ".join(f"{level} {size}" for level, size in machine["caches"].items())
    print(f"{machine['processor']}, {machine['cores']} cores, {caches}; {started}")
    print()


if __name__ == "__main__":
    sys.exit(main())
