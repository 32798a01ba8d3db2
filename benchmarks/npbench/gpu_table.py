"""Writes times on a GPU as a table in Markdown, beside those of CuPy, JAX and Torch.

    python -m benchmarks.npbench.gpu_table RESULTS.json [...] [--peers PEERS.csv] > TABLE.md

Where a program is in several files, the last one counts. The peers' times are read, not measured:
`benchmarks/results/npbench-peers-h200.csv` holds medians of 3 to 5 runs on an NVIDIA H200, preset
paper, with the data on the device (2026-11-21).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.npbench._result import Result

_PUBLISHED = Path(__file__).parents[1] / "results" / "npbench-peers-h200.csv"
_NAMES = {"cupy_ms": "CuPy", "jax_ms": "JAX", "torch_ms": "Torch"}

Peers = Mapping[str, Mapping[str, float]]
"""From program and peer to its time in milliseconds."""


def read_peers(file: Path) -> Peers:
    """What `file` says of each program; a peer without a time is left out."""
    with file.open(newline="") as rows:
        return {
            row["program"]: {name: float(row[key]) for key, name in _NAMES.items() if row[key]}
            for row in csv.DictReader(rows)
        }


def table(results: Sequence[Result], peers: Peers, about: Mapping[str, Any]) -> str:
    """The table, its summary, and what it was measured on."""
    lines = [
        f"# {about['title']}",
        "",
        f"Measured on {about['date'][:10]} with {_made_by(about)}.",
        "Medians in milliseconds, the arrays on the device.",
        "“First s” is ParPy's first call, compiling included.",
        "“Best peer” is the time of the fastest peer over ParPy's.",
        "The peers were measured on an NVIDIA H200, preset paper.",
        "",
        "| program | ParPy | first s | CuPy | JAX | Torch | best peer |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(_row(r, peers.get(r.name, {})) for r in results),
        "",
        *_summary(results, peers, about),
    ]
    return "\n".join(lines) + "\n"


def geometric_mean(ratios: Iterable[float]) -> float | None:
    """None of no ratios."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(statistics.fmean(logarithms)) if logarithms else None


def _row(result: Result, peers: Mapping[str, float]) -> str:
    if not result.is_valid or result.parpy is None:
        shown, ratio = result.status.value, "–"
    else:
        best = _ratios([result], {result.name: peers})
        shown, ratio = f"{1e3 * result.parpy:.3f}", f"{best[0]:.2f} x" if best else "–"
    first = "–" if result.first_call is None else f"{result.first_call:.2f}"
    times = [f"{peers[name]:.3f}" if name in peers else "–" for name in _NAMES.values()]
    return f"| {' | '.join([result.name, shown, first, *times, ratio])} |"


def _summary(results: Sequence[Result], peers: Peers, about: Mapping[str, Any]) -> list[str]:
    valid = sum(r.is_valid for r in results)
    right = {"numpy": "NumPy's results", "cpu": "the results of ParPy's CPU backend"}
    given = right[about["options"]["reference"]]
    lines = [f"- {valid} of {len(results)} programs give {given}."]
    for name in _NAMES.values():
        of_one = {p: {name: times[name]} for p, times in peers.items() if name in times}
        lines += _mean(name, _ratios(results, of_one))
    return lines + _mean("the best peer", _ratios(results, peers))


def _mean(name: str, ratios: Sequence[float]) -> list[str]:
    mean = geometric_mean(ratios)
    if mean is None:
        return []
    faster = sum(ratio > 1 for ratio in ratios)
    return [
        f"- Geometric mean of the time of {name} over ParPy's: {mean:.2f} x in {len(ratios)}"
        f" programs; ParPy is faster in {faster}."
    ]


def _ratios(results: Iterable[Result], peers: Peers) -> list[float]:
    """The time of the best peer over ParPy's, for each program that both have."""
    return [
        min(peers[r.name].values()) / (1e3 * r.parpy)
        for r in results
        if r.is_valid and r.parpy and peers.get(r.name)
    ]


def _made_by(about: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in about["versions"].items())


def main() -> None:
    """Prints the table of the files that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.npbench.gpu_table", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("results", nargs="+", type=Path, help="results.json of benchmarks.npbench")
    parser.add_argument("--peers", type=Path, default=_PUBLISHED, help="their times, as CSV")
    arguments = parser.parse_args()
    found: dict[str, Result] = {}
    for file in arguments.results:
        about = json.loads(file.read_text())
        found.update({data["name"]: Result.of(data) for data in about["programs"]})
    results = [found[name] for name in sorted(found)]
    print(table(results, read_peers(arguments.peers), about), end="")


if __name__ == "__main__":
    main()
