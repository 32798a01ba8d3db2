"""Times the programs of NPBench in ParPy beside NumPy's versions, each in a process of its own.

    python -m benchmarks.npbench --preset S [--only NAME ...] [--against numpy,numba]

Exits with 1 where a program does not give the reference's results.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.util
import sys
from pathlib import Path

from benchmarks import _machine
from benchmarks.npbench import _catalog, _report
from benchmarks.npbench._progress import Progress
from benchmarks.npbench._result import Options
from benchmarks.npbench._run import run_all

import parpy

PEERS = ("numpy", "numba")


def main() -> int:
    """Measures what is asked for, prints the table and writes the files."""
    arguments = _arguments()
    options = Options(
        backend=arguments.backend.name,
        preset=arguments.preset,
        reference=arguments.reference,
        dtype=arguments.dtype,
        against=arguments.against,
        rounds=arguments.rounds,
        limit=arguments.limit,
        timeout=arguments.timeout,
    )
    threads, names = arguments.threads, arguments.only
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    machine, versions = _machine.machine(), _machine.versions()
    neighbours = _machine.Neighbours()
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    where = ", ".join([*machine["gpus"], machine["processor"]])
    asked = f"preset {options.preset}, {options.dtype}"
    print(f"{where}, {machine['cores']} cores; {asked}; {started}\n")

    results = []
    progress = Progress(names)
    for result in run_all(names, options, threads, arguments.jobs):
        results.append(result)
        progress.done(result)
    progress.close()
    results.sort(key=lambda r: names.index(r.name))
    print(_report.table(results))
    others = neighbours.cores()
    if sum(others.values()) > 0.1:
        taken = ", ".join(f"{who} {cores}" for who, cores in others.items())
        print(f"DISTURBED; cores that others had meanwhile: {taken}")

    if arguments.output:
        on = f"{threads} threads, {machine['processor']}"
        if arguments.backend is parpy.CompileBackend.Cuda:
            on = ", ".join(machine["gpus"])
        about = {
            "benchmark": "npbench",
            "title": f"NPBench, {asked}, {on}",
            "date": started,
            "threads": threads,
            "options": dataclasses.asdict(options),
            "machine": machine,
            "cores_of_others": others,
            "versions": versions,
        }
        for file in _report.write(results, about, arguments.output):
            print(f"wrote {file}")
    return 0 if all(result.is_valid for result in results) else 1


def _arguments() -> argparse.Namespace:
    cores, programs = _machine.cores(), _catalog.names()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.npbench", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--backend", type=_backend, default="cpu", help="cpu, cuda or metal")
    parser.add_argument("--preset", choices=_catalog.PRESETS, default="S", help="the sizes")
    parser.add_argument(
        "--dtype", choices=_catalog.DTYPES, default="float64", help="of floats; default float64"
    )
    parser.add_argument("--only", nargs="+", choices=programs, default=programs, metavar="NAME")
    parser.add_argument(
        "--reference",
        choices=("numpy", "cpu"),
        default="numpy",
        help="whose results are right: NumPy's, or those of ParPy's CPU backend; default numpy",
    )
    parser.add_argument(
        "--against",
        type=_peers,
        default="numpy",
        metavar="PEERS",
        help="whom to time, too: numpy, numpy,numba or none; default numpy",
    )
    parser.add_argument(
        "--rounds",
        type=_count,
        default=10,
        help="samples of each; 0 compares results and times nothing but first calls; default 10",
    )
    parser.add_argument(
        "--jobs", type=_positive, default=1, help="programs at a time, with --rounds 0; default 1"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="of samples, for each contender; default 20",
    )
    parser.add_argument(
        "--timeout", type=float, default=900.0, metavar="SECONDS", help="a program; default 900"
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        help="of ParPy's CPU backend and Numba; default 2, with --reference cpu all",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write files and chart")
    arguments = parser.parse_args()
    if arguments.jobs > 1 and arguments.rounds > 0:
        parser.error("programs that run side by side cannot be timed: --jobs needs --rounds 0")
    if arguments.reference == "cpu" and arguments.backend is parpy.CompileBackend.Cpu:
        parser.error("--reference cpu needs another --backend than cpu")
    if arguments.threads is None:
        wanted = cores // arguments.jobs if arguments.reference == "cpu" else min(2, cores)
        arguments.threads = max(1, wanted)
    return arguments


def _backend(name: str) -> parpy.CompileBackend:
    found = {b.name.lower(): b for b in parpy.backend.backends}.get(name.lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"there is no backend {name}")
    if not parpy.backend.is_enabled(found):
        raise argparse.ArgumentTypeError(f"the backend {name} cannot run here")
    return found


def _peers(text: str) -> list[str]:
    peers = [] if text in ("", "none") else text.split(",")
    for peer in peers:
        if peer not in PEERS:
            raise argparse.ArgumentTypeError(f"{peer} is not among {', '.join(PEERS)}")
    if "numba" in peers and importlib.util.find_spec("numba") is None:
        raise argparse.ArgumentTypeError("Numba is not installed: pip install numba")
    return peers


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
