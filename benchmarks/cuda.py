"""Measures what ParPy costs and gains on an NVIDIA GPU, beside CuPy, Torch, JAX and Triton.

    python benchmarks/cuda.py [--quick] [--json FILE] [--only GROUP ...]

Torch holds the arrays and the clock, so it must be installed; other peers are left out where they
are not. Exits with 1 where a bar is missed. `--quick` leaves out `torch.compile`, which takes long.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

import _cuda_calls
import _cuda_programs
import _cuda_throughput
import _machine
from _report import Group

# This file has the name of a package that CuPy and others import parts of.
sys.path.remove(str(Path(__file__).resolve().parent))

GROUPS = ("compile", "calls", "graphs", "programs")
PACKAGES = ("numpy", "torch", "cupy-cuda13x", "cupy-cuda12x", "jax", "triton", "nvidia-cuda-nvrtc")


def main() -> int:
    """Runs the groups that are asked for, prints their tables and writes the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    arguments = parser.parse_args()
    torch = _cuda_programs.module("torch")
    if torch is None or not torch.cuda.is_available():
        print("this benchmark needs an NVIDIA GPU, and Torch for it: pip install torch")
        return 2
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    versions = _machine.versions(PACKAGES)
    device = torch.cuda.get_device_name()
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"{device}; {started}\n")
    rounds = 7 if arguments.quick else 25
    groups: list[Group] = []
    for name in arguments.only:
        match name:
            case "compile":
                group = _cuda_calls.compiling(rounds)
            case "calls":
                group = _cuda_calls.calls(torch, 3 * rounds)
            case "graphs":
                group = _cuda_calls.graphs(torch, rounds)
            case _:
                group = _cuda_throughput.throughput(torch, rounds, not arguments.quick)
        print(group.table(), end="\n\n", flush=True)
        groups.append(group)
    verdicts = [result.passed for group in groups for result in group.results]
    met, missed = verdicts.count(True), verdicts.count(False)
    print(f"{met} of {met + missed} bars met")
    if arguments.json:
        data = {
            "benchmark": "cuda",
            "date": started,
            "quick": arguments.quick,
            "device": device,
            "machine": _machine.machine(),
            "versions": versions,
            "groups": [group.data() for group in groups],
        }
        arguments.json.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
