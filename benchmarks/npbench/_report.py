"""Results as a table, a file for spreadsheets, a file with everything, and a chart."""

from __future__ import annotations

import csv
import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.npbench._result import Result

_COLUMNS = ("NumPy ms", "ParPy ms", "Numba ms", "speed-up", "first s")
_NOTES = 70


def geometric_mean(results: Sequence[Result]) -> float | None:
    """The mean speed-up over NumPy of all programs that are valid; None where there is none."""
    found = [s for r in results if r.is_valid and (s := r.speedup(r.parpy)) is not None]
    return math.exp(math.fsum(map(math.log, found)) / len(found)) if found else None


def line(result: Result) -> str:
    """One program as a line of text."""
    times = [_milliseconds(t) for t in (result.numpy, result.parpy, result.numba)]
    speedup = result.speedup(result.parpy)
    shown = "–" if speedup is None or not result.is_valid else f"{speedup:.2f} x"
    first = "–" if result.first_call is None else f"{result.first_call:.2f}"
    notes = result.detail or "; ".join(result.warnings)
    notes = notes if len(notes) <= _NOTES else notes[: _NOTES - 1] + "…"
    return _row(result.name, *times, shown, first, result.status.value, notes).rstrip()


def table(results: Sequence[Result]) -> str:
    """All programs as lines of text."""
    head = _row("program", *_COLUMNS, "status", "")
    valid = sum(r.is_valid for r in results)
    mean = geometric_mean(results)
    last = f"{valid} of {len(results)} programs give the reference's results"
    if mean is not None:
        last += f"; geometric mean of their speed-ups over NumPy: {mean:.2f} x"
    rule = "─" * (len(head.rstrip()) + 6)
    return "\n".join([head.rstrip(), rule, *map(line, results), rule, last])


def write(results: Sequence[Result], about: dict[str, object], folder: Path) -> list[Path]:
    """Writes `results.csv`, `results.json` and, where Matplotlib is installed, the chart.

    Args:
        results: of all programs.
        about: machine, versions, options, date.
        folder: is made where it is missing.

    Returns:
        The files that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table_file, data_file = folder / "results.csv", folder / "results.json"
    with table_file.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(
            "program status numpy_ms parpy_ms numba_ms speedup first_call_s detail".split()
        )
        for r in results:
            times = [None if t is None else 1e3 * t for t in (r.numpy, r.parpy, r.numba)]
            speedup = r.speedup(r.parpy) if r.is_valid else None
            numbers = ["" if x is None else f"{x:.6g}" for x in (*times, speedup, r.first_call)]
            rows.writerow([r.name, r.status.value, *numbers, r.detail])
    data = {**about, "geometric_mean": geometric_mean(results)}
    data["programs"] = [r.data() for r in results]
    data_file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return [table_file, data_file, *_chart(results, about, folder)]


def _chart(results: Sequence[Result], about: dict[str, Any], folder: Path) -> list[Path]:
    """Draws the speed-ups over NumPy as bars, the greatest at the top."""
    shown = [r for r in results if r.is_valid and r.speedup(r.parpy) is not None]
    if not shown:
        return []
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ImportError:
        print("no chart: pip install matplotlib")
        return []
    matplotlib.use("agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    shown.sort(key=lambda r: r.speedup(r.parpy) or 0)
    series = {"ParPy": [r.speedup(r.parpy) for r in shown]}
    if any(r.numba for r in shown):
        series["Numba, where it compiles NumPy's version"] = [r.speedup(r.numba) for r in shown]

    figure, axes = pyplot.subplots(figsize=(8, 1.5 + 0.24 * len(shown) * len(series)))
    height = 0.8 / len(series)
    for s, (label, speedups) in enumerate(series.items()):
        places = [i + 0.4 - (s + 0.5) * height for i in range(len(shown))]
        # From 1 to the left or right: what is slower than NumPy points to the left.
        widths = [(x or 1.0) - 1.0 for x in speedups]
        axes.barh(places, widths, height, left=1.0, label=label, color=("#d9480f", "#868e96")[s])
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [r.name for r in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g} x")
    axes.grid(axis="x", which="major", color="#dee2e6")
    axes.set_axisbelow(True)
    mean = geometric_mean(results)
    axes.set_xlabel(f"speed-up over NumPy (geometric mean of ParPy: {mean:.2f} x)")
    axes.set_title(about["title"], fontsize=10)
    axes.legend(loc="lower right")
    files = [folder / "speedups.png", folder / "speedups.svg"]
    for file in files:
        figure.savefig(file, dpi=150, bbox_inches="tight")
    pyplot.close(figure)
    return files


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    value = 1e3 * seconds
    return f"{value:.{3 if value < 9.995 else 2 if value < 99.95 else 1}f}"


def _row(name: str, *cells: str) -> str:
    *numbers, status, notes = cells
    return f"{name:<20}" + "".join(f"{n:>11}" for n in numbers) + f"  {status:<12}  {notes}"
