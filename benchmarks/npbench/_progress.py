"""How far a run is: a bar on a terminal, else a line for each program."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from benchmarks.npbench import _report
from benchmarks.npbench._result import Result


class Progress:
    """Names to iterate over, and what to say when one is done."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._done = 0
        self._bar = None
        if sys.stderr.isatty():
            try:
                self._bar = importlib.import_module("tqdm").tqdm(total=len(names), unit="program")
            except ImportError:
                print("no progress bar: pip install tqdm", file=sys.stderr)

    def close(self) -> None:
        """Says that all are done."""
        if self._bar is not None:
            self._bar.close()

    def done(self, result: Result) -> None:
        """Says that a program is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_description(f"{result.name:<20}")
            self._bar.update()
        else:
            count = f"{self._done:>{len(str(len(self._names)))}}/{len(self._names)}"
            print(f"{count}  {_report.line(result)}", file=sys.stderr, flush=True)
